"""
Where a budget is going: at this pace it ends at such a time, or has so much spent when it resets.

The pace is what the window has spent so far over the time that it has run, so a night without work
counts as much as a day with it. Integers throughout; a share is rounded down, a sum up.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from llmcap.words.records import Balance, CapUnit, Scope

# Before this much of a window has passed, one call in its first minute would look like a disaster.
PASSED_PERCENT_MIN = 5
CALLS_MIN = 3

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What becomes of a budget if it goes on like this. Amounts are in the unit of the cap."""

    per_hour: int
    ends_at: datetime | None  # when nothing is left; None: not before the window is over
    at_reset: int | None  # what is spent by then; None where the window never ends
    percent: int | None  # that, as a share of the cap


def forecast(
    scope: Scope, balance: Balance, now: datetime, *, since: datetime | None = None
) -> Forecast | None:
    """
    The outlook of one balance, or None where there is too little to judge by.

    `since` is when the first of it was spent. A window that never ends has no beginning of its own
    and needs it; a rolling window is never judged by more than its length.
    """
    began = _began(scope, now, since)
    if began is None or scope.budget.unit is CapUnit.CONCURRENT:
        return None
    passed = (now - began) // _TICK
    if passed <= 0 or balance.calls < CALLS_MIN or balance.spent <= 0:
        return None
    fixed = scope.resets_at is not None and not scope.reach
    if fixed and passed * 100 < _length(scope) * PASSED_PERCENT_MIN:
        return None
    cap = scope.budget.cap + balance.raised
    at_reset = -(-balance.spent * _length(scope) // passed) if fixed else None
    return Forecast(
        per_hour=-(-balance.spent * (timedelta(hours=1) // _TICK) // passed),
        ends_at=_ends_at(scope, balance, now, passed, cap),
        at_reset=at_reset,
        percent=at_reset * 100 // cap if at_reset is not None and cap > 0 else None,
    )


def _began(scope: Scope, now: datetime, since: datetime | None) -> datetime | None:
    if scope.reach:
        return max(now - scope.reach, since or now - scope.reach)
    return since if scope.resets_at is None else scope.window_start


def _length(scope: Scope) -> int:
    assert scope.resets_at is not None
    return (scope.resets_at - scope.window_start) // _TICK


def _ends_at(
    scope: Scope, balance: Balance, now: datetime, passed: int, cap: int
) -> datetime | None:
    left = max(cap - balance.spent, 0)
    try:
        ends_at = now + left * passed // balance.spent * _TICK
    except OverflowError:  # so far away that the calendar has no date for it
        return None
    if scope.reach:
        # A steady pace that fits into the length of the window never fills it.
        return ends_at if balance.spent * (scope.reach // _TICK) > cap * passed else None
    return None if scope.resets_at is not None and ends_at >= scope.resets_at else ends_at
