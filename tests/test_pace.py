"""How fast models write, as far as their own streams tell."""

from datetime import timedelta

import pytest

from llmcap.pace import FASTEST, HEADROOM, STREAM_TOKENS_MIN, STREAMS_MIN, Paces

SECOND = timedelta(seconds=1)


def shown(*streams: tuple[int, timedelta]) -> int:
    """The bound after these streams of one model."""
    paces = Paces()
    for tokens, elapsed in streams:
        paces.observe("openai", "gpt-5", tokens=tokens, elapsed=elapsed)
    return paces.bound("openai", "gpt-5")


def test_a_model_that_nobody_has_seen_is_as_fast_as_any():
    """So is one that was seen too little."""
    assert shown() == FASTEST
    assert shown(*[(1_000, 10 * SECOND)] * (STREAMS_MIN - 1)) == FASTEST


def test_a_model_is_twice_as_fast_as_it_ever_was_at_most():
    """The fastest of its streams counts, whenever it was."""
    streams = [(1_000, 10 * SECOND), (1_000, 5 * SECOND), (1_000, 20 * SECOND)]
    assert shown(*streams) == 200 * HEADROOM


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param((STREAM_TOKENS_MIN - 1, 10 * SECOND), id="short"),
        pytest.param((100_000, SECOND / 10), id="all at once"),
        pytest.param((1_000, -SECOND), id="a clock that was set back"),
    ],
)
def test_a_stream_that_shows_no_pace_is_not_counted(stream):
    """Neither as slow nor as fast."""
    assert shown(*[stream] * 10) == FASTEST


def test_no_model_is_faster_than_any():
    """A stream that came out of a buffer says nothing of the model."""
    assert shown(*[(100_000, 2 * SECOND)] * STREAMS_MIN) == FASTEST


def test_models_are_kept_apart_and_not_without_end():
    """Names come from requests."""
    paces = Paces()
    for number in range(3_000):
        for _ in range(STREAMS_MIN):
            paces.observe("openai", f"model-{number}", tokens=100, elapsed=SECOND)
    assert paces.bound("openai", "model-0") == FASTEST
    assert paces.bound("openai", "model-2999") == 100 * HEADROOM
    assert paces.bound("azure", "model-2999") == FASTEST
