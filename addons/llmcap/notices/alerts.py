"""
Events: what happened that a person should know, in one sentence and as data.

Each has a key, and events of one key are one event for as long as it says: a warning once per
window, a stop once per window however many calls are refused, a mistake of the same kind once an
hour. Nothing of a request's content is in them; names of budgets, models and hosts are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from llmcap.brakes.forecast import Forecast, forecast
from llmcap.brakes.thresholds import Reached
from llmcap.words.money import in_unit, usd_string
from llmcap.words.records import Balance, CapUnit, Deny, Scope
from llmcap.words.rules import Action, EventKind, Threshold

# How long events that belong to no window stay the same event.
QUIET = timedelta(hours=1)

MESSAGE_CHARS_MAX = 500


@dataclass(frozen=True, slots=True)
class Event:
    """One thing to tell. `quiet_until` None: its key never comes again."""

    kind: EventKind
    at: datetime
    message: str
    key: str
    quiet_until: datetime | None
    facts: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def document(self) -> dict[str, Any]:
        """As JSON. Amounts of money are decimal strings in USD."""
        at = self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"event": str(self.kind), "at": at, "message": self.message, **self.facts}


def warning(found: Reached, now: datetime) -> Event:
    """A threshold was reached."""
    scope, balance, threshold = found.scope, found.balance, found.threshold
    ahead = forecast(scope, balance, now)
    spent, cap = _amounts(scope, balance)
    if threshold.forecast:
        said = f"at this pace it will have passed {threshold.percent}% of its cap when it resets"
    else:
        said = f"has passed {threshold.percent}% of its cap"
    facts = _facts(scope, balance) | {
        "threshold": threshold.label,
        "action": str(threshold.action),
        **_outlook_facts(ahead),
    }
    return Event(
        EventKind.WARNING,
        now,
        f"Budget {_name(scope)} {said}: {spent} of {cap} spent."
        f"{_consequence(threshold)}{_outlook(ahead)}",
        key=f"{EventKind.WARNING}\x1f{found.key}",
        quiet_until=_window_end(scope, now),
        facts=facts,
    )


def exceeded(deny: Deny, now: datetime) -> Event:
    """A budget refused a call: the first of however many until its window ends."""
    scope, balance = deny.scope, deny.balance
    spent, cap = _amounts(scope, balance)
    start = "" if scope.reach else scope.window_start.isoformat()
    raised = str(scope.budget.cap + balance.raised)
    parts = (EventKind.EXCEEDED, scope.budget.name, scope.value, scope.run, start, raised)
    why = "is paused" if balance.paused else f"has spent {spent} of {cap}"
    resets = f" It resets at {_moment(scope.resets_at)}." if scope.resets_at else ""
    concurrent = scope.budget.unit is CapUnit.CONCURRENT
    return Event(
        EventKind.EXCEEDED,
        now,
        f"Budget {_name(scope)} stopped a call: it {why}.{resets}",
        key="\x1f".join(parts),
        # Calls in flight come and go; a limit on them has no window, and is met many times a day.
        quiet_until=now + QUIET if concurrent else _window_end(scope, now),
        facts=_facts(scope, balance),
    )


def noted(kind: EventKind, message: str, now: datetime, *, subject: str = "") -> Event:
    """Anything else: events of one kind about one subject are the same for an hour."""
    return Event(
        kind,
        now,
        message[:MESSAGE_CHARS_MAX],
        key=f"{kind}\x1f{subject}",
        quiet_until=now + QUIET,
        facts={"subject": subject} if subject else {},
    )


# --- parts ------------------------------------------------------------------------------------


def _window_end(scope: Scope, now: datetime) -> datetime | None:
    return now + scope.reach if scope.reach else scope.resets_at


def _name(scope: Scope) -> str:
    value = f" of {scope.value!r}" if scope.value else ""
    return f"{scope.budget.name!r}{value}"


def _amounts(scope: Scope, balance: Balance) -> tuple[str, str]:
    unit = scope.budget.unit
    return (
        in_unit(balance.spent, unit),
        in_unit(scope.budget.cap + balance.raised, unit),
    )


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _consequence(threshold: Threshold) -> str:
    match threshold.action:
        case Action.THROTTLE:
            return f" Each call now waits {threshold.delay_seconds.normalize():f} s."
        case Action.DOWNGRADE:
            return f" Calls now go to {' or '.join(threshold.models)}."
        case _:
            return ""


def _outlook(ahead: Forecast | None) -> str:
    if ahead is None or ahead.ends_at is None:
        return ""
    return f" At this pace nothing is left at {_moment(ahead.ends_at)}."


def _outlook_facts(ahead: Forecast | None) -> dict[str, Any]:
    if ahead is None:
        return {}
    facts: dict[str, Any] = {}
    if ahead.percent is not None:
        facts["forecast_percent"] = ahead.percent
    if ahead.ends_at is not None:
        facts["ends_at"] = ahead.ends_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return facts


def _facts(scope: Scope, balance: Balance) -> dict[str, Any]:
    unit = scope.budget.unit
    money = unit is CapUnit.USD
    cap = scope.budget.cap + balance.raised
    facts: dict[str, Any] = {
        "budget": scope.budget.name,
        "value": scope.value,
        "unit": str(unit),
        "spent": usd_string(balance.spent) if money else balance.spent,
        "cap": usd_string(cap) if money else cap,
    }
    if scope.resets_at is not None:
        facts["resets_at"] = scope.resets_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return facts
