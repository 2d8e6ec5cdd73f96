"""
What a node knows of the whole fleet: the balances of scopes, and the accounts that they are.

What this node has here comes from its own ledger, as of now; what all others have is what the
treasury said last. For the proxy's event loop.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from llmcap.ledger.rows import amount
from llmcap.ledger.sqlite import SqliteLedger
from llmcap.treasury.asks import View
from llmcap.treasury.desk import Desk
from llmcap.treasury.protocol import Account
from llmcap.treasury.statements import HEARD_SECONDS
from llmcap.words.records import Balance, CapUnit, Hold, Scope

# What the treasury said so lately need not be asked again.
FRESH_NANOSECONDS = 20 * 10**6
# How many scopes are remembered.
KNOWN_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Own:
    """A scope as this node counts it: by itself, with no cap but what was allotted."""

    scope: Scope
    account: Account | None
    unit: CapUnit
    binds: bool  # it stops calls, and money has to be asked for
    slots: bool  # it counts calls in flight, of which only a treasury that is heard can tell

    def held(self, hold: Hold) -> int:
        """What a call in flight holds of it."""
        return amount(self.unit, nanos=hold.held_nanos, tokens=hold.held_tokens, calls=1)


class Picture:
    """Of one node. Balances that go out are the fleet's."""

    def __init__(self, ledger: SqliteLedger, desk: Desk) -> None:
        self._ledger = ledger
        self._desk = desk
        self._known: dict[tuple[str, str, str, datetime], Own] = {}

    def forget(self) -> None:
        """The budgets are others now."""
        self._known.clear()

    def own(self, scope: Scope) -> Own:
        """The same scope as this node counts it."""
        key = (scope.budget.name, scope.value, scope.run, scope.window_start)
        found = self._known.get(key)
        if found is None:
            if len(self._known) > KNOWN_MAX:
                self._known.clear()
            budget = replace(scope.budget, cap=0)
            account = self._desk.account_of(scope)
            own = replace(scope, budget=budget, reach=timedelta(0))
            slots = budget.unit is CapUnit.CONCURRENT and not budget.watched
            found = Own(own, account, budget.unit, binds=not budget.watched, slots=slots)
            if account is not None:
                self._known[key] = found
        return found

    def rows(self, scopes: Sequence[Scope], owns: list[Own]) -> list[tuple[Scope, Balance]] | None:
        """The fleet's balances of these scopes; None where the treasury was not asked yet."""
        if any(own.account is None or own.account not in self._desk.views for own in owns):
            return None
        standings = self._ledger.standing([own.scope for own in owns])
        return self.told(scopes, owns, standings)

    def told(
        self, scopes: Sequence[Scope], owns: list[Own], here: Sequence[Balance]
    ) -> list[tuple[Scope, Balance]]:
        """What this node has here (`raised` is its allotment), as a part of the fleet's."""
        found, views = [], self._desk.views
        for scope, own, balance in zip(scopes, owns, here, strict=True):
            view = views.get(own.account) if own.account is not None else None
            if view is None:
                found.append((scope, replace(balance, raised=0)))
            else:
                found.append(_fleet(scope, balance, view))
        return found

    def without_lost(
        self, rows: list[tuple[Scope, Balance]], owns: list[Own]
    ) -> list[tuple[Scope, Balance]]:
        """
        The same with what silent nodes have taken for spent, as no waiting brings it back.

        After an outage of the treasury everybody was silent: then it is too early to tell.
        """
        if time.monotonic_ns() - self._desk.reached_at < HEARD_SECONDS * 10**9:
            return rows
        found = []
        for (scope, balance), own in zip(rows, owns, strict=True):
            view = self._desk.views.get(own.account) if own.account is not None else None
            lost = min(view.figures.lost, balance.held) if view is not None else 0
            taken = replace(balance, spent=balance.spent + lost, held=balance.held - lost)
            found.append((scope, taken if lost else balance))
        return found

    def is_fresh(self, owns: list[Own]) -> bool:
        """Whether the treasury was heard about all of them a moment ago."""
        now = time.monotonic_ns()
        views = [self._desk.views[own.account] for own in owns if own.account is not None]
        return all(now - view.at < FRESH_NANOSECONDS for view in views)

    def all_told(self, found: list[tuple[Scope, Balance]]) -> list[tuple[Scope, Balance]]:
        """Balances of the own ledger, with the fleet's figures."""
        scopes = [scope for scope, _ in found]
        owns = [self.own(scope) for scope in scopes]
        standings = self._ledger.standing([own.scope for own in owns])
        here = [
            replace(standing, calls=balance.calls, refused=balance.refused)
            for (_, balance), standing in zip(found, standings, strict=True)
        ]
        return self.told(scopes, owns, here)


def _fleet(scope: Scope, here: Balance, view: View) -> tuple[Scope, Balance]:
    """
    The fleet's balance: as `held` all that is out and not spent, but for what is at hand here.

    So what is left of the cap is what is in the treasury and at hand here, and what waiting could
    bring is what all nodes hold.
    """
    said = view.figures
    spent = said.spent - said.mine + here.spent - said.forgiven
    at_hand = here.raised - here.spent - here.held
    held = said.cap + said.raised - spent - said.free - at_hand
    if scope.budget.cap != said.cap:
        scope = replace(scope, budget=replace(scope.budget, cap=said.cap))
    paused = here.paused or said.paused
    return scope, Balance(spent, held, here.calls, here.refused, said.raised, paused)
