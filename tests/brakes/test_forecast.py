"""At this pace the budget ends at ..."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcap.brakes.forecast import forecast
from llmcap.words.records import Balance, Budget, CapUnit, Scope

USD = 10**9
MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)
NOON = MIDNIGHT + timedelta(hours=12)
DAY = Scope(Budget("day", 10 * USD, every="day"), "", MIDNIGHT, MIDNIGHT + timedelta(days=1))
ONCE = Scope(Budget("once", 10 * USD), "", datetime(1970, 1, 1, tzinfo=UTC), None)
ROLLING = Scope(
    Budget("five", 10 * USD, every="5h"),
    "",
    NOON,
    NOON + timedelta(hours=5),
    reach=timedelta(hours=5),
)


def spent(dollars: int, *, calls: int = 10, **others: int) -> Balance:
    """A balance with some history."""
    return Balance(spent=dollars * USD, calls=calls, **others)


def test_a_pace_that_is_too_fast_ends_before_the_window():
    """$8 until noon: the last two go in three hours."""
    ahead = forecast(DAY, spent(8), NOON)
    assert ahead is not None
    assert ahead.ends_at == NOON + timedelta(hours=3)
    assert (ahead.at_reset, ahead.percent) == (16 * USD, 160)


def test_a_pace_that_lasts_has_no_end():
    """$4 until noon are $8 at midnight: nothing to tell."""
    ahead = forecast(DAY, spent(4), NOON)
    assert ahead is not None
    assert (ahead.ends_at, ahead.percent) == (None, 80)
    assert ahead.per_hour == -(-4 * USD // 12)


def test_a_raise_by_hand_counts():
    """The share is one of the cap as it is in force."""
    ahead = forecast(DAY, spent(8, raised=10 * USD), NOON)
    assert ahead is not None
    assert (ahead.ends_at, ahead.percent) == (None, 80)


@pytest.mark.parametrize(
    ("scope", "balance", "now"),
    [
        (DAY, spent(9), MIDNIGHT + timedelta(minutes=70)),
        (DAY, spent(9, calls=2), NOON),
        (DAY, spent(0), NOON),
        (DAY, spent(9), MIDNIGHT),
        (ONCE, spent(9), NOON),
        (replace(DAY, budget=Budget("c", 4, CapUnit.CONCURRENT)), Balance(spent=1, calls=9), NOON),
    ],
    ids=["early", "few calls", "nothing", "no time", "no beginning", "concurrent"],
)
def test_too_little_is_no_forecast(scope, balance, now):
    """A guess from nothing would be an alarm for nothing."""
    assert forecast(scope, balance, now) is None


def test_a_budget_without_end_is_judged_since_its_first_call():
    """$5 in two hours: two hours are left; there is no reset to compare with."""
    ahead = forecast(ONCE, spent(5), NOON, since=NOON - timedelta(hours=2))
    assert ahead is not None
    assert ahead.ends_at == NOON + timedelta(hours=2)
    assert (ahead.at_reset, ahead.percent) == (None, None)


def test_a_rolling_window_only_ends_where_the_pace_would_fill_it():
    """Money comes back in it, so a steady pace under the cap goes on for ever."""
    steady = forecast(ROLLING, spent(8), NOON)
    assert steady is not None
    assert steady.ends_at is None
    rushing = forecast(ROLLING, spent(8), NOON, since=NOON - timedelta(hours=1))
    assert rushing is not None
    assert rushing.ends_at == NOON + timedelta(minutes=15)


def test_an_end_beyond_the_calendar_is_none():
    """One nano-dollar in a year lasts longer than dates do."""
    scope = replace(ONCE, budget=Budget("big", 2**62))
    ahead = forecast(scope, Balance(spent=1, calls=9), NOON, since=NOON - timedelta(days=365))
    assert ahead is not None
    assert ahead.ends_at is None


@given(
    nanos=st.integers(1, 2**62),
    cap=st.integers(1, 2**62),
    raised=st.integers(0, 2**40),
    seconds=st.integers(0, 86_399),
)
def test_the_two_answers_agree(nanos, cap, raised, seconds):
    """It ends before the reset exactly where more than the cap would be spent by then."""
    scope = replace(DAY, budget=Budget("day", cap, every="day"))
    now = MIDNIGHT + timedelta(seconds=seconds)
    ahead = forecast(scope, Balance(spent=nanos, calls=9, raised=raised), now)
    if ahead is None:
        assert seconds * 100 < 86_400 * 5
        return
    assert scope.resets_at is not None
    assert ahead.at_reset is not None
    assert ahead.at_reset >= nanos
    if ahead.ends_at is not None:
        assert now <= ahead.ends_at < scope.resets_at
        assert ahead.at_reset >= cap + raised
    else:
        # One tick of the clock is all that rounding may hide.
        assert (ahead.at_reset - 1) * seconds * 10**6 <= (cap + raised) * (seconds * 10**6 + 1)
