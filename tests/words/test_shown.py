"""Names of others in our sentences are as long as a reader needs, and sentences end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcap.words.shown import NAME_CHARS_MAX, SENTENCES_CHARS_MAX, readable, shortened


def test_a_long_name_is_told_by_its_beginning_and_its_length():
    """One that is as long as names are is told whole."""
    usual = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdefghijkl"
    assert shortened(usual) == usual
    assert shortened("m" * 50_000) == "m" * NAME_CHARS_MAX + "... (50000 characters)"


def test_a_sentence_keeps_what_stands_behind_a_long_name():
    """The next move is mostly its end."""
    told = readable(f"no price for the model {'m' * 50_000} of openai. Give it a price.")
    assert told.endswith("m... (50000 characters) of openai. Give it a price.")
    assert readable("a short one") == "a short one"


@pytest.mark.parametrize("name", ["x " * 50_000, "429 " * 50_000, "\n\x1b[2J" * 50_000])
def test_a_name_of_many_words_ends_too(name):
    """With what stands behind it."""
    told = readable(f"{name} is no model. Name another.")
    assert len(told) <= SENTENCES_CHARS_MAX + 10
    assert told.endswith("is no model. Name another.")


@given(st.text())
def test_whatever_is_told_is_bounded_and_keeps_its_beginning(text):
    """No text makes a longer one, but for what says how long it was."""
    told = readable(text)
    assert len(told) <= max(len(text) + 40, NAME_CHARS_MAX)
    assert told[:100] == text[:100]
