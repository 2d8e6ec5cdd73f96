"""Which thresholds are reached, which are told, and what they do to a call."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from llmcap.brakes.thresholds import Restraint, due, reached, restraint
from llmcap.words.records import Balance, Budget, Scope
from llmcap.words.rules import Action, Threshold

USD = 10**9
MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)
NOON = MIDNIGHT + timedelta(hours=12)
AT = (
    Threshold(80, Action.WARN),
    Threshold(85, Action.THROTTLE, delay_seconds=Decimal(2)),
    Threshold(90, Action.DOWNGRADE, models=("small",)),
    Threshold(95, Action.DOWNGRADE, models=("tiny",)),
    Threshold(98, Action.REFUSE),
    Threshold(100, Action.REFUSE),
    Threshold(100, Action.WARN, forecast=True),
)
SCOPE = Scope(
    Budget("day", 100 * USD, every="day", at=AT), "", MIDNIGHT, MIDNIGHT + timedelta(days=1)
)


def found_at(dollars: int, *, now: datetime = NOON, scope: Scope = SCOPE, raised: int = 0):
    """What is reached with so much spent."""
    return reached(scope, Balance(spent=dollars * USD, calls=10, raised=raised), now)


def labels(found) -> list[str]:
    """The reached ones as they stand in a config."""
    return [f"{each.threshold.label} {each.threshold.action}" for each in found]


def test_a_threshold_is_reached_at_its_share_and_not_before():
    """80% of $100 is $80, to the nano-dollar."""
    late = MIDNIGHT + timedelta(hours=23)
    assert labels(found_at(80, now=late)) == ["80% warn"]
    assert reached(SCOPE, Balance(spent=80 * USD - 1, calls=10), late) == ()


def test_a_forecast_is_reached_by_the_pace():
    """$60 at noon are $120 at midnight."""
    assert labels(found_at(60)) == ["forecast 100% warn"]
    assert labels(found_at(49)) == []


def test_holds_do_not_count():
    """What is in flight is held at its most, and will cost less."""
    assert reached(SCOPE, Balance(held=99 * USD, calls=10), NOON) == ()


def test_what_was_told_is_not_due_again():
    """The same facts have the same key, whoever computes them and when."""
    first = due(found_at(81), acted=())
    acted = {each.key for each in first}
    assert due(found_at(82, now=NOON + timedelta(hours=1)), acted) == ()
    more = due(found_at(86), acted)
    assert labels(more) == ["85% throttle"]


def test_another_value_window_or_cap_is_told_by_itself():
    """The key has everything that makes a threshold another one."""
    acted = {each.key for each in found_at(81)}
    tomorrow = replace(SCOPE, window_start=SCOPE.window_start + timedelta(days=1))
    for scope in (replace(SCOPE, value="beta"), tomorrow, replace(SCOPE, run="other")):
        assert due(found_at(81, scope=scope), acted)
    assert due(found_at(170, raised=100 * USD), acted)


def test_a_rolling_window_has_one_key_for_all_of_its_buckets():
    """Its start moves with every bucket, and is no new window."""
    rolling = replace(SCOPE, reach=timedelta(hours=5))
    later = replace(rolling, window_start=MIDNIGHT + timedelta(minutes=5))
    at_first = {each.key for each in found_at(81, scope=rolling)}
    assert due(found_at(81, scope=later), at_first) == ()


def test_a_refusal_is_told_by_the_call_that_it_stops():
    """Nobody was stopped yet when the share is reached."""
    assert not any("refuse" in label for label in labels(due(found_at(100), acted=())))


def test_the_highest_share_decides_the_model_and_the_longest_delay_wins():
    """All budgets of a call together."""
    other = replace(
        SCOPE,
        budget=replace(
            SCOPE.budget,
            name="other",
            at=(Threshold(1, Action.THROTTLE, delay_seconds=Decimal(5)),),
        ),
    )
    found = found_at(96) + found_at(96, scope=other)
    assert restraint(found) == Restraint(Decimal(5), ("tiny",), None)


def test_a_refuse_below_the_cap_stops_and_one_at_the_cap_is_left_to_admission():
    """A full budget still serves what is free."""
    stop = restraint(found_at(98)).stop
    assert stop is not None
    assert stop.threshold.percent == 98
    at_cap = replace(SCOPE, budget=replace(SCOPE.budget, at=(Threshold(100, Action.REFUSE),)))
    assert restraint(found_at(100, scope=at_cap)).stop is None


def test_a_cap_of_nothing_is_reached_from_the_start():
    """Every share of nothing is nothing; the forecast has no share to speak of."""
    scope = replace(SCOPE, budget=replace(SCOPE.budget, cap=0))
    assert "80% warn" in labels(reached(scope, Balance(), NOON))


@given(st.lists(st.integers(0, 120 * USD), max_size=30), st.integers(1, 100))
def test_however_a_budget_is_spent_each_threshold_is_told_once(steps, percent):
    """Told exactly once if it is ever reached, never if not, in any order of looking."""
    budget = Budget("b", 100 * USD, every="day", at=(Threshold(percent, Action.WARN),))
    scope = replace(SCOPE, budget=budget)
    acted: set[str] = set()
    told = 0
    for nanos in steps:
        for each in due(reached(scope, Balance(spent=nanos, calls=9), NOON), acted):
            acted.add(each.key)
            told += 1
    assert told == any(nanos * 100 >= percent * 100 * USD for nanos in steps)
