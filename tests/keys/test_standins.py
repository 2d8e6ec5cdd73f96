"""Stand-ins: well-formed, and of no use."""

import string

import pytest

from llmcap.keys.standins import stand_in_for
from llmcap.words.errors import ConfigError

# Made up, in the shapes that vendors give theirs.
REAL = {
    "sk-proj-": "sk-proj-Ab3dE6gH9jK2mN5pQ8sT1vW4xY7zA0bC3dE6gH9j",
    "sk-ant-api03-": "sk-ant-api03-Zz9Yy8Xx7Ww6Vv5Uu4Tt3Ss2Rr1Qq0Pp9Oo8Nn7AA",
    "AIza": "AIzaSyB3dE6gH9jK2mN5pQ8sT1vW4xY7zA0bC3d",
    "gsk_": "gsk_b3dE6gH9jK2mN5pQ8sT1vW4xY7zA0bC3d",
    "": "Ab3dE6gH9jK2mN5pQ8sT1vW4xY7zA0bC",
}


@pytest.mark.parametrize("beginning", REAL)
def test_a_stand_in_has_the_form_of_the_real_key_and_nothing_else_of_it(beginning: str) -> None:
    """Its length, its beginning, the kinds of its letters: any vendor's package takes it."""
    real = REAL[beginning]
    made = stand_in_for(real, named="openai")
    kinds = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-_")
    assert [next(n for n, kind in enumerate(kinds) if c in kind) for c in made] == [
        next(n for n, kind in enumerate(kinds) if c in kind) for c in real
    ]
    assert made.startswith(beginning)
    same = sum(a == b for a, b in zip(made[len(beginning) :], real[len(beginning) :], strict=True))
    assert same < len(real[len(beginning) :]) / 2


def test_each_run_has_another() -> None:
    """One that leaks is worth nothing tomorrow either."""
    made = {stand_in_for(REAL["sk-proj-"], named="openai") for _ in range(20)}
    assert len(made) == 20


@pytest.mark.parametrize("real", ["none", "short-key", "two words are no key at all"])
def test_what_is_no_key_is_refused_and_not_repeated(real: str) -> None:
    """It may be a secret all the same."""
    with pytest.raises(ConfigError) as caught:
        stand_in_for(real, named="openai")
    assert real not in str(caught.value)
    assert "openai" in str(caught.value)
