"""Numbers with what they count. That nobody says it otherwise, the architecture test holds."""

import pytest

from llmcap.words.counts import several


@pytest.mark.parametrize(
    ("number", "words", "said"),
    [
        (0, ("call",), "0 calls"),
        (1, ("call",), "1 call"),
        (1, ("entry", "entries"), "1 entry"),
        (2_000, ("entry", "entries"), "2,000 entries"),
        (1, ("call was", "calls were"), "1 call was"),
    ],
)
def test_one_is_one(number: int, words: tuple[str, ...], said: str) -> None:
    """One call, no calls, two thousand calls."""
    assert several(number, *words) == said
