"""A name that was mistyped, and the one that was meant."""

import pytest

from llmcap.words.meant import meant


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("evry", "is it every? "),
        ("EVERY", "is it every? "),
        ("caps", "is it cap? "),
        ("quota", ""),
        (5, ""),
    ],
)
def test_a_name_that_is_near_is_asked_for(typed: object, said: str) -> None:
    """With a blank after it, so that what there is can follow; a number is near to none."""
    assert meant(typed, ["name", "cap", "every"]) == said
