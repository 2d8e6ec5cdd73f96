"""
A node's ledger: the machine's own, with the treasury's money in it.

Calls are held against what this node was allotted, in its own file and with no word to anybody.
Where that is not enough the step raises `Unfunded`: whoever takes it asks the treasury, and takes
it again. What then cannot be had is decided over the whole cap, as on one machine: to wait, as long
as any node that is heard of holds money that may come back; to clamp; or to refuse. Balances that
go out are those of the fleet, as far as this node knows.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

from llmcap.budgets.budget import Fits, decide, needed
from llmcap.ledger import Ledger
from llmcap.ledger.sqlite import SqliteLedger
from llmcap.treasury.asks import Ask, Need, View
from llmcap.treasury.budgets import check
from llmcap.treasury.desk import Desk
from llmcap.treasury.protocol import Account
from llmcap.treasury.statements import HEARD_SECONDS
from llmcap.words.errors import TreasuryError, TreasuryUnreachable, Unfunded
from llmcap.words.records import (
    Admit,
    Balance,
    Budget,
    Call,
    Demand,
    Deny,
    Hold,
    Scope,
    Settlement,
    Wait,
)

# How often one step asks, where others are always faster.
ASKS_MAX = 4
# What the treasury said so lately need not be asked again.
FRESH_NANOSECONDS = 20 * 10**6
# How many scopes, and how many calls that ask, are remembered.
KNOWN_MAX = 10_000
# A message that is on its way is waited for at least so long, however short calls wait for money.
ANSWER_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Own:
    """A scope as this node counts it: by itself, with no cap but what was allotted."""

    scope: Scope
    account: Account | None


def node_ledger(ledger: SqliteLedger, desk: Desk, *, wait_seconds: int) -> Ledger:
    """The ledger of a node, whose desk has begun."""
    return cast("Ledger", NodeLedger(ledger, desk, wait_seconds=wait_seconds))


class NodeLedger:
    """Every method but these is the ledger's own. See `Ledger` in `promise`."""

    def __init__(self, ledger: SqliteLedger, desk: Desk, *, wait_seconds: int) -> None:
        self._ledger = ledger
        self._desk = desk
        self._waits = wait_seconds > 0
        self._wait_seconds = max(wait_seconds, ANSWER_SECONDS)
        self._known: dict[tuple[str, str, str, datetime], Own] = {}
        self._asked: dict[str, int] = {}  # by call: how often it asked
        self._waited: set[str] = set()  # calls that were told to wait

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    # --- admission ----------------------------------------------------------------------------

    def hold(
        self,
        call: Call,
        scopes: Sequence[Scope],
        demand: Demand,
        *,
        patient: bool = False,
        paced: Demand | None = None,
    ) -> Admit | Wait | Deny:
        """Within what was allotted; else as the whole cap allows, once the treasury was asked."""
        scopes = tuple(scopes)
        if not scopes:
            return self._ledger.hold(call, scopes, demand, patient=patient, paced=paced)
        self._check()
        owns = [self._own(scope) for scope in scopes]
        whole = replace(demand, clampable=False) if demand.clampable else demand
        decision = self._held(call, scopes, owns, whole, paced=paced)
        if isinstance(decision, Admit):
            return decision
        # Whether it fits with a lower limit is asked of the whole cap first.
        rows = self._rows(scopes, owns)
        if rows is None or not (self._asked.get(call.id) or self._is_fresh(owns)):
            raise self._unfunded(call, owns, whole, demand.output_limit, patient=patient)
        verdict = decide(self._without_lost(rows, owns), demand, patient=patient)
        if isinstance(verdict, Deny):  # what is said is what is known to be spent
            known = next(balance for scope, balance in rows if scope is verdict.scope)
            verdict = replace(verdict, balance=known)
        if isinstance(verdict, Fits):
            if verdict.output_limit is not None:
                decision = self._held(call, scopes, owns, demand, paced=paced)
                if isinstance(decision, Admit):
                    return decision
            if self._asked.get(call.id, 0) < ASKS_MAX:
                limit = verdict.output_limit
                limit = demand.output_limit if limit is None else limit
                raise self._unfunded(call, owns, demand, limit, patient=patient)
            # Others were faster each time.
            scope, balance = min(rows, key=lambda row: _left(row[0], row[1], demand))
            verdict = Deny(scope, balance, needed(scope, demand, demand.output_limit))
            if patient:
                verdict = Wait(scope)
        self._over(call, waits=isinstance(verdict, Wait))
        return verdict

    def _over(self, call: Call, *, waits: bool = False) -> None:
        """Something was decided about the call: it asks anew, should it come again."""
        self._asked.pop(call.id, None)
        if waits and len(self._waited) < KNOWN_MAX:
            self._waited.add(call.id)
        elif not waits:
            self._waited.discard(call.id)

    def _held(
        self,
        call: Call,
        scopes: tuple[Scope, ...],
        owns: list[Own],
        demand: Demand,
        *,
        paced: Demand | None,
    ) -> Admit | Wait | Deny:
        decision = self._ledger.hold(call, [own.scope for own in owns], demand, paced=paced)
        for own in owns:
            if own.account is not None:
                amount = needed(own.scope, demand, demand.output_limit)
                self._desk.tending.needed(own.account, own.scope, amount)
        if isinstance(decision, Admit):
            self._over(call)
            return Admit(_under(decision.hold, scopes), decision.output_limit)
        return decision

    def _check(self) -> None:
        desk = self._desk
        if why := desk.stopped or desk.unfit:
            raise TreasuryError(why)
        if not desk.usable:
            raise Unfunded(self._silence("has not confirmed this node yet"), self._confirmation)

    def _unfunded(
        self, call: Call, owns: list[Own], demand: Demand, limit: int, *, patient: bool
    ) -> Unfunded:
        """What the treasury has to be asked for, so that the call fits with this output limit."""
        if len(self._asked) > KNOWN_MAX:
            self._asked.clear()
        self._asked[call.id] = self._asked.get(call.id, 0) + 1
        needs = tuple(
            Need(own.account, own.scope, needed(own.scope, demand, limit))
            for own in owns
            if own.account is not None
        )
        # A call that waited, and does so no longer, takes what is kept for others who wait.
        last = not patient and (call.id in self._waited or not self._waits)
        asked = Ask(needs, patient=patient, last=last)
        names = ", ".join(own.scope.name for own in owns)

        async def fetch() -> None:
            if len(needs) < len(owns):
                raise TreasuryUnreachable(self._silence(f"was not heard yet about {names}"))
            try:
                done = asyncio.wrap_future(self._desk.ask(asked))
                await asyncio.wait_for(done, self._wait_seconds)
            except TimeoutError:
                raise TreasuryUnreachable(
                    self._silence(f"did not answer, and what this node had of {names} is used up")
                ) from None

        return Unfunded(f"this node has too little of {names}", fetch)

    async def _confirmation(self) -> None:
        deadline = asyncio.get_running_loop().time() + self._wait_seconds
        while not (self._desk.usable or self._desk.stopped):
            if asyncio.get_running_loop().time() > deadline:
                raise TreasuryUnreachable(self._silence("has not confirmed this node yet"))
            await asyncio.sleep(1 / 20)

    def _silence(self, what: str) -> str:
        """Why a call cannot be paid for while the treasury is not heard."""
        why = self._desk.unreachable.partition("\n")[0]
        return f"the treasury {what}" + (f": {why}" if why else "")

    def extend(self, hold: Hold, more_nanos: int, more_tokens: int) -> Hold | None:
        """Within what is allotted now: a stream that is fed cannot wait for the treasury."""
        owns = [self._own(scope) for scope in hold.scopes]
        own_hold = _under(hold, tuple([own.scope for own in owns]))
        extended = self._ledger.extend(own_hold, more_nanos, more_tokens)
        return None if extended is None else _under(extended, hold.scopes)

    def refuse(self, call: Call, deny: Deny | None, *, note: str = "") -> None:
        """Counted on the node's own balance."""
        self._over(call)
        self._ledger.refuse(call, deny, note=note)

    # --- endings ------------------------------------------------------------------------------

    def end(self, hold: Hold, settlement: Settlement) -> tuple[Balance, ...]:
        """On the node's own ledger; the balances are the fleet's."""
        owns = [self._own(scope) for scope in hold.scopes]
        own_hold = _under(hold, tuple([own.scope for own in owns]))
        return self._all_balances(hold, owns, self._ledger.end(own_hold, settlement))

    def correct(self, hold: Hold, settlement: Settlement) -> None:
        """The treasury has to hear of it, however long ago the call was."""
        self._ledger.correct(hold, settlement)
        self._touch(hold.scopes)

    def charge_once(self, call: Call, scopes: Sequence[Scope], settlement: Settlement) -> bool:
        """What was not held for may be more than was allotted: the treasury hears of it."""
        charged = self._ledger.charge_once(call, scopes, settlement)
        self._touch(scopes)
        return charged

    def _touch(self, scopes: Sequence[Scope]) -> None:
        for scope in scopes:
            own = self._own(scope)
            if own.account is not None:
                self._desk.tending.known(own.account, own.scope)

    # --- by hand ------------------------------------------------------------------------------

    def define(self, budgets: Sequence[Budget], *, run_id: str = "") -> None:
        """Only what the fleet has too."""
        check(budgets)
        self._desk.check(budgets)
        self._known.clear()
        self._ledger.define(budgets, run_id=run_id)

    # --- balances -----------------------------------------------------------------------------

    def balances_of(self, hold: Hold) -> tuple[Balance, ...]:
        """Those of the fleet, as far as this node knows."""
        owns = [self._own(scope) for scope in hold.scopes]
        own_hold = _under(hold, tuple([own.scope for own in owns]))
        return self._all_balances(hold, owns, self._ledger.balances_of(own_hold))

    def _all_balances(
        self, hold: Hold, owns: list[Own], balances: Sequence[Balance]
    ) -> tuple[Balance, ...]:
        rows = zip(hold.scopes, owns, balances, strict=True)
        return tuple([self._told(scope, own, balance)[1] for scope, own, balance in rows])

    def balances(
        self, now: datetime, budgets: Sequence[Budget], *, run_id: str = ""
    ) -> list[tuple[Scope, Balance]]:
        """Those of this node's values, with the fleet's figures."""
        return self._all_told(self._ledger.balances(now, budgets, run_id=run_id))

    def balances_page(
        self,
        now: datetime,
        budget: Budget,
        *,
        run_id: str = "",
        after: str | None = None,
        values_max: int,
    ) -> tuple[list[tuple[Scope, Balance]], str | None]:
        """The same, of some values."""
        found, last = self._ledger.balances_page(
            now, budget, run_id=run_id, after=after, values_max=values_max
        )
        return self._all_told(found), last

    def close(self) -> None:
        """What is in flight is assumed first, so that the treasury hears of it."""
        self._ledger.close()
        self._desk.close()

    # --- what the fleet knows -----------------------------------------------------------------

    def _own(self, scope: Scope) -> Own:
        key = (scope.budget.name, scope.value, scope.run, scope.window_start)
        found = self._known.get(key)
        if found is None:
            if len(self._known) > KNOWN_MAX:
                self._known.clear()
            budget = replace(scope.budget, cap=0)
            account = self._desk.account_of(scope)
            own = replace(scope, budget=budget, reach=timedelta(0))
            found = Own(own, account)
            if account is not None:
                self._known[key] = found
        return found

    def _rows(self, scopes: Sequence[Scope], owns: list[Own]) -> list[tuple[Scope, Balance]] | None:
        """The fleet's balances of these scopes; None where the treasury was not asked yet."""
        if any(own.account is None or own.account not in self._desk.views for own in owns):
            return None
        standings = self._ledger.standing([own.scope for own in owns])
        return [
            self._told(scope, own, balance)
            for scope, own, balance in zip(scopes, owns, standings, strict=True)
        ]

    def _without_lost(
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

    def _is_fresh(self, owns: list[Own]) -> bool:
        """Whether the treasury was heard about all of them a moment ago."""
        now = time.monotonic_ns()
        views = [self._desk.views[own.account] for own in owns if own.account is not None]
        return all(now - view.at < FRESH_NANOSECONDS for view in views)

    def _all_told(self, found: list[tuple[Scope, Balance]]) -> list[tuple[Scope, Balance]]:
        owns = [self._own(scope) for scope, _ in found]
        standings = self._ledger.standing([own.scope for own in owns])
        return [
            self._told(scope, own, replace(here, calls=balance.calls, refused=balance.refused))
            for (scope, balance), own, here in zip(found, owns, standings, strict=True)
        ]

    def _told(self, scope: Scope, own: Own, here: Balance) -> tuple[Scope, Balance]:
        """What this node has here (`here.raised` is its allotment), as a part of the fleet's."""
        view = self._desk.views.get(own.account) if own.account is not None else None
        if view is None:
            return scope, replace(here, raised=0)
        return _fleet(scope, here, view)


def _under(hold: Hold, scopes: tuple[Scope, ...]) -> Hold:
    """The same hold, under these scopes. By hand: it is done twice in each call."""
    return Hold(hold.id, hold.call, hold.held_nanos, hold.held_tokens, scopes, hold.balance_ids)


def _left(scope: Scope, balance: Balance, demand: Demand) -> int:
    """What would be left of a scope with this call in it."""
    left = scope.budget.cap + balance.raised - balance.spent - balance.held
    return left - needed(scope, demand, demand.output_limit)


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
