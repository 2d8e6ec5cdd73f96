"""
Budgets that only watch: what they would have done, had they been enforced.

A watched budget has two balances. One is what is: every call is posted to it. The other is what
would be, under a run of its own: only those calls are posted that an enforced budget would have let
pass. So the first refusal that would have been is followed by those that would have come of it.
"""

from collections.abc import Sequence
from dataclasses import replace

from llmcap.budgets.budget import Fits, decide_strictly
from llmcap.words.counts import several
from llmcap.words.money import format_usd
from llmcap.words.records import Balance, CapUnit, Demand, Deny, Scope, Wait

# Before the run of a scope whose balance is what would be.
SHADOW = "watch:"
# With this begins the note of a hold to which a watched budget would have done something.
NOTE = "watch: "


def shadows_of(scopes: Sequence[Scope]) -> tuple[Scope, ...]:
    """The scopes of what would be, of those that are watched."""
    return tuple([replace(each, run=SHADOW + each.run) for each in scopes if each.budget.watched])


def is_shadow(scope: Scope) -> bool:
    """Whether its balance is what would be."""
    return scope.run.startswith(SHADOW)


def judged(rows: Sequence[tuple[Scope, Balance]], demand: Demand) -> tuple[str, bool]:
    """
    What the watched budgets would have done to a call, and whether it would have passed.

    The rows are those of `shadows_of`. Nothing is said of a call that they would have let be. One
    that would have waited is taken to have passed in the end.
    """
    decision = decide_strictly(rows, demand, patient=True)
    match decision:
        case Deny(scope, balance, needed):
            left = max(scope.budget.cap + balance.raised - balance.spent - balance.held, 0)
            said = f"{_shown(needed, scope)} needed, {_shown(left, scope)} left"
            return f"{NOTE}would be refused by {scope.name}: {said}", False
        case Wait(scope):
            return f"{NOTE}would wait for {scope.name}", True
        case Fits(output_limit=None):
            return "", True
        case Fits(output_limit=limit):
            assert limit is not None
            return f"{NOTE}would be clamped to {several(limit, 'token')}", True


def _shown(amount: int, scope: Scope) -> str:
    return format_usd(amount) if scope.budget.unit is CapUnit.USD else f"{amount:,}"
