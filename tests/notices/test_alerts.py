"""What is told: a sentence for people, data for programs, and a key under which it is told once."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from llmcap.brakes.thresholds import reached
from llmcap.notices.alerts import QUIET, exceeded, noted, warning
from llmcap.words.records import Balance, Budget, CapUnit, Deny, Scope
from llmcap.words.rules import Action, EventKind, Threshold

USD = 10**9
MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)
NOON = MIDNIGHT + timedelta(hours=12)


def scope_with(*at: Threshold, **changes) -> Scope:
    """A daily budget of $10 for project alpha."""
    budget = Budget("each-project", 10 * USD, every="day", per=("project",), at=at)
    scope = Scope(budget, "alpha", MIDNIGHT, MIDNIGHT + timedelta(days=1))
    return replace(scope, **changes)


def told(scope: Scope, balance: Balance):
    """The warning about the first threshold that is reached."""
    return warning(reached(scope, balance, NOON)[0], NOON)


def test_a_warning_says_which_budget_how_much_and_what_follows():
    """A reader need not open anything else to act on it."""
    event = told(scope_with(Threshold(80, Action.WARN)), Balance(spent=8 * USD, calls=9))
    assert event.message == (
        "Budget 'each-project' of 'alpha' has passed 80% of its cap: $8.00 of $10.00 spent. "
        "At this pace nothing is left at 2026-11-21 15:00 UTC."
    )
    assert event.quiet_until == MIDNIGHT + timedelta(days=1)
    assert json.loads(json.dumps(event.document())) == {
        "event": "warning",
        "at": "2026-11-21T12:00:00Z",
        "message": event.message,
        "budget": "each-project",
        "value": "alpha",
        "unit": "usd",
        "spent": "8",
        "cap": "10",
        "resets_at": "2026-11-22T00:00:00Z",
        "threshold": "80%",
        "action": "warn",
        "forecast_percent": 160,
        "ends_at": "2026-11-21T15:00:00Z",
    }


def test_what_a_threshold_does_is_said():
    """A slower or another model without a word would look like a fault."""
    slow = Threshold(10, Action.THROTTLE, delay_seconds=Decimal(10))
    assert "Each call now waits 10 s." in told(scope_with(slow), Balance(spent=2 * USD)).message
    lower = Threshold(10, Action.DOWNGRADE, models=("tiny", "small"))
    assert "now go to tiny or small." in told(scope_with(lower), Balance(spent=2 * USD)).message


def test_a_forecast_is_told_as_one():
    """It says what will be, not what is."""
    ahead = Threshold(100, Action.WARN, forecast=True)
    event = told(scope_with(ahead), Balance(spent=6 * USD, calls=9))
    assert "at this pace it will have passed 100% of its cap" in event.message


def test_a_storm_of_refusals_is_one_event():
    """Whatever each call needed, the key is the window's."""
    scope = scope_with()
    events = [
        exceeded(Deny(scope, Balance(spent=spent), needed), NOON + timedelta(seconds=needed))
        for spent, needed in [(9, 1), (10, 2), (10, 300)]
    ]
    assert len({event.key for event in events}) == 1
    assert events[0].quiet_until == scope.resets_at
    raised = exceeded(Deny(scope, Balance(raised=USD), 1), NOON)
    assert raised.key != events[0].key


def test_a_paused_budget_says_so():
    """It has not spent its cap, and must not seem so."""
    event = exceeded(Deny(scope_with(), Balance(paused=True), 1), NOON)
    assert "it is paused" in event.message


def test_a_rolling_window_and_a_limit_on_calls_in_flight_are_told_again_in_time():
    """Neither has an end after which a new key would come by itself."""
    rolling = scope_with(reach=timedelta(hours=5))
    assert exceeded(Deny(rolling, Balance(), 1), NOON).quiet_until == NOON + timedelta(hours=5)
    flights = scope_with(budget=Budget("few", 4, CapUnit.CONCURRENT))
    assert exceeded(Deny(flights, Balance(), 1), NOON).quiet_until == NOON + QUIET


def test_other_events_are_one_per_subject_and_hour():
    """The same unknown model is the same event, another one is not."""
    one, again, other = (
        noted(EventKind.UNKNOWN_MODEL, "x" * 900, NOON, subject=subject)
        for subject in ("openai/a", "openai/a", "openai/b")
    )
    assert one.key == again.key != other.key
    assert len(one.message) == 500
    assert one.document()["subject"] == "openai/a"
