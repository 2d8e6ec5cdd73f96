"""How fast models write, as far as their own answers tell."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcap.metering.pace import (
    ANSWERS_MIN,
    FASTEST,
    TOKENS_MIN,
    TRUST,
    UNKNOWN,
    Pace,
    Paces,
)

HEADROOM = TRUST[0].headroom
SECOND = timedelta(seconds=1)


def shown(
    *answers: tuple[int, timedelta], streamed: bool = True, elapsed: timedelta = SECOND
) -> int:
    """The most of that time after these answers of one model."""
    paces = Paces()
    for tokens, took in answers:
        paces.observe("openai", "gpt-5", tokens=tokens, elapsed=took, streamed=streamed)
    return paces.most("openai", "gpt-5", elapsed)


@pytest.mark.parametrize("streamed", [True, False])
def test_a_model_that_nobody_has_seen_is_as_fast_as_any(*, streamed: bool):
    """So is one that was seen too little; for a proxy that is gone, nothing is known of it."""
    assert shown() == FASTEST
    few = [(1_000, 10 * SECOND)] * (ANSWERS_MIN - 1)
    assert shown(*few, streamed=streamed) == FASTEST
    assert UNKNOWN.most(SECOND) is None
    assert UNKNOWN.with_stream(100).with_whole(100, SECOND).most(SECOND) is None


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("trust", TRUST)
def test_the_more_answers_have_told_the_less_faster_the_next_is(trust, *, streamed: bool):
    """One less than enough changes nothing."""
    answers = [(1_000, 10 * SECOND)] * trust.answers
    assert shown(*answers, streamed=streamed) == 100 * trust.headroom
    assert shown(*answers[1:], streamed=streamed) > 100 * trust.headroom


def test_a_model_is_twice_as_fast_as_it_ever_was_at_most():
    """The fastest of its streams counts, whenever it was."""
    streams = [(1_000, 10 * SECOND), (1_000, 5 * SECOND), (1_000, 20 * SECOND)]
    assert shown(*streams) == 200 * HEADROOM
    assert shown(*streams, elapsed=SECOND / 2) == 100 * HEADROOM


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param((TOKENS_MIN - 1, 10 * SECOND), id="short"),
        pytest.param((100_000, SECOND / 10), id="all at once"),
        pytest.param((1_000, -SECOND), id="a clock that was set back"),
    ],
)
def test_an_answer_that_shows_no_pace_is_not_counted(answer, *, streamed: bool):
    """Neither as slow nor as fast."""
    assert shown(*[answer] * 10, streamed=streamed) == FASTEST


def test_no_model_is_faster_than_any():
    """A stream that came out of a buffer says nothing of the model."""
    assert shown(*[(100_000, 2 * SECOND)] * ANSWERS_MIN) == FASTEST


@given(
    pace=st.integers(64, 2_000),
    writing=st.floats(2.0, 60.0),
    waited=st.floats(0.0, 1.9),  # beside that: up to two thirds of the whole
    elapsed=st.floats(0.1, 500.0),
    trust=st.sampled_from(TRUST),
)
def test_the_wait_for_a_first_token_makes_no_bound_too_low(pace, writing, waited, elapsed, trust):
    """Whatever the real pace is, a later answer has not written more than it is taken to have."""
    wait = timedelta(seconds=writing * waited)
    paces = Paces()
    for part in (1.0, *[0.5] * trust.answers, 1.0):
        written = timedelta(seconds=writing * part)
        tokens = pace * written // SECOND
        paces.observe("x", "y", tokens=tokens, elapsed=wait + written, streamed=False)
    most = paces.most("x", "y", timedelta(seconds=elapsed))
    # A second's tokens are counted in whole ones.
    assert most + HEADROOM * elapsed + 1 >= pace * (elapsed - wait.total_seconds())


def test_an_answer_that_lasts_far_longer_than_any_before_is_bounded_by_the_fastest():
    """How fast it was written in that time nobody has seen."""
    known = Pace(wholes=3, highest_whole=100, longest=2 * SECOND)
    assert known.most(4 * SECOND) == 4 * 200
    assert known.most(10 * SECOND) == 4 * 200 + 6 * FASTEST


def test_streams_tell_more_than_answers_that_are_not():
    """They show when the writing began."""
    known = Pace(streams=3, highest=50, wholes=9, highest_whole=500, longest=SECOND)
    assert known.most(10 * SECOND) == 1_000


def test_models_are_kept_apart_and_not_without_end():
    """Names come from requests."""
    paces = Paces()
    for number in range(3_000):
        for _ in range(ANSWERS_MIN):
            paces.observe("openai", f"model-{number}", tokens=100, elapsed=SECOND)
    assert paces.most("openai", "model-0", SECOND) == FASTEST
    assert paces.most("openai", "model-2999", SECOND) == 100 * HEADROOM
    assert paces.most("azure", "model-2999", SECOND) == FASTEST
    assert len(paces.take_fresh()) <= 1_000


def test_only_what_changes_a_bound_is_worth_writing_down():
    """A thousand answers at one pace are a few rows."""
    paces = Paces()
    written = 0
    for _ in range(1_000):
        paces.observe("openai", "gpt-5", tokens=100, elapsed=SECOND)
        written += len(paces.take_fresh())
    assert written == ANSWERS_MIN + len((4, 8, 16, 32, 64, 128, 256, 512))
    paces.observe("openai", "gpt-5", tokens=101, elapsed=SECOND)
    fresh = paces.take_fresh()
    assert fresh.keys() == {("openai", "gpt-5")}
    assert not paces.take_fresh()
    paces.not_kept(fresh)
    assert paces.take_fresh() == fresh
