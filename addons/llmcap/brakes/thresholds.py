"""
Which thresholds of a budget are reached, which of them are still to be told, and what they do.

Pure: balances in, decisions out. A threshold is *reached* for as long as the balance says so, and
restrains calls for so long; it is *told* once per window, which the keys here are for. What is
judged is what was spent. Holds are pessimistic, and a warning that later turns out to be none is
worse than one that comes a moment later.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from llmcap.brakes.forecast import forecast
from llmcap.words.records import Balance, Scope
from llmcap.words.rules import Action, Threshold


@dataclass(frozen=True, slots=True)
class Reached:
    """One threshold that its budget is at or above."""

    scope: Scope
    balance: Balance
    threshold: Threshold

    @property
    def key(self) -> str:
        """
        What makes it the same: told once under this name.

        The cap is part of it, so that a budget that was raised warns again on its way to the new
        cap. A rolling window has no start that lasts: there, `reach` says how long once is.
        """
        scope, threshold = self.scope, self.threshold
        start = "" if scope.reach else scope.window_start.isoformat()
        cap = scope.budget.cap + self.balance.raised
        parts = (scope.budget.name, scope.value, scope.run, start, str(cap), threshold.label)
        return "\x1f".join((*parts, threshold.action))


@dataclass(frozen=True, slots=True)
class Restraint:
    """What the thresholds that are reached do to a call, all of its budgets together."""

    delay_seconds: Decimal = Decimal(0)
    models: tuple[str, ...] = ()  # cheaper ones to use, best first
    stop: Reached | None = None


def reached(scope: Scope, balance: Balance, now: datetime) -> tuple[Reached, ...]:
    """The thresholds that hold for this balance now, in the order of the config."""
    budget = scope.budget
    if not budget.at:
        return ()
    cap = budget.cap + balance.raised
    ahead = None
    if any(threshold.forecast for threshold in budget.at):
        ahead = forecast(scope, balance, now)
    found = []
    for threshold in budget.at:
        if threshold.forecast:
            holds = ahead is not None and (ahead.percent or 0) >= threshold.percent
        else:
            holds = balance.spent * 100 >= threshold.percent * cap
        if holds:
            found.append(Reached(scope, balance, threshold))
    return tuple(found)


def due(found: Iterable[Reached], acted: Collection[str]) -> tuple[Reached, ...]:
    """
    Those of them that are still to be told.

    A `refuse` is not: it is told by the first call that it stops.
    """
    return tuple(
        each
        for each in found
        if each.threshold.action is not Action.REFUSE and each.key not in acted
    )


def restraint(found: Iterable[Reached]) -> Restraint:
    """
    The longest delay, the models of the highest share, and the first budget that stops the call.

    A `refuse` at 100 % is the cap itself, which admission keeps; it needs no help from here.
    """
    delay = Decimal(0)
    lowered: Reached | None = None
    stop: Reached | None = None
    for each in found:
        threshold = each.threshold
        match threshold.action:
            case Action.THROTTLE:
                delay = max(delay, threshold.delay_seconds)
            case Action.DOWNGRADE if (
                lowered is None or threshold.percent >= lowered.threshold.percent
            ):
                lowered = each
            case Action.REFUSE if threshold.percent < 100 and stop is None:
                stop = each
            case _:
                pass
    return Restraint(delay, lowered.threshold.models if lowered else (), stop)
