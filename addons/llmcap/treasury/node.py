"""
A node's ledger: the machine's own, with the treasury's money in it.

Calls are held against what this node was allotted, in its own file and with no word to anybody.
Where that is not enough the step raises `Unfunded`: whoever takes it asks the treasury, and takes
it again. What then cannot be had is decided over the whole cap, as on one machine: to wait, as long
as any node that is heard of holds money that may come back; to clamp; or to refuse. Balances that
go out are those of the fleet, as far as this node knows.
"""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple, cast

from llmcap.budgets.budget import Fits, decide, needed, told_limit
from llmcap.budgets.watched import judged, shadows_of
from llmcap.ledger import Ledger
from llmcap.ledger.sqlite import SqliteLedger
from llmcap.treasury.asks import Ask, Need
from llmcap.treasury.desk import Desk
from llmcap.treasury.picture import Own, Picture
from llmcap.words.errors import TreasuryError, TreasuryUnreachable, Unfunded
from llmcap.words.records import (
    Admit,
    Balance,
    Budget,
    Call,
    CapUnit,
    Demand,
    Deny,
    Hold,
    Scope,
    Settlement,
    Wait,
)

# How often one step asks, where others are always faster.
ASKS_MAX = 4
# How many calls that ask are remembered.
KNOWN_MAX = 10_000
# A stream asks for this part of a slice at least, which is the smallest that it goes on with.
AHEAD_PARTS = 16
# A message that is on its way is waited for at least so long, however short calls wait for money.
ANSWER_SECONDS = 5


class Would(NamedTuple):
    """What watched budgets would do to a call: the balances of what would be that it is in."""

    shadows: tuple[Scope, ...]
    owns: list[Own]
    note: str


NOTHING = Would((), [], "")


@dataclass(slots=True)
class Attempt:
    """One attempt to admit a call: its scopes, and what this node counts for each."""

    call: Call
    scopes: tuple[Scope, ...]
    owns: list[Own]
    patient: bool
    paced: Demand | None
    would: Would

    @property
    def binding(self) -> tuple[tuple[Scope, ...], list[Own]]:
        """Those of budgets that stop calls: what others have of them matters."""
        for own in self.owns:
            if not own.binds:
                break
        else:
            return self.scopes, self.owns
        pairs = [pair for pair in zip(self.scopes, self.owns, strict=True) if pair[1].binds]
        return tuple([scope for scope, _ in pairs]), [own for _, own in pairs]


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
        self._picture = Picture(ledger, desk)
        self._asked: dict[str, int] = {}  # by call: how often it asked
        self._waited: set[str] = set()  # calls that were told to wait
        self._ahead: dict[int, Future[None]] = {}  # by hold: what a stream asked for

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
        owns = [self._picture.own(scope) for scope in scopes]
        self._check(owns)
        attempt = Attempt(call, scopes, owns, patient, paced, self._would(scopes, demand))
        if demand.held_limit is not None and demand.held_limit < demand.output_limit:
            return self._hold_slice(attempt, demand, demand.held_limit)
        return self._hold(attempt, demand)

    def _hold(self, attempt: Attempt, demand: Demand) -> Admit | Wait | Deny:
        call, patient = attempt.call, attempt.patient
        scopes, owns = attempt.binding
        whole = demand.unclamped()
        if self._desk.unreachable and any(own.slots for own in owns):
            raise self._unfunded(call, owns, whole, demand.output_limit, patient=patient)
        decision = self._held(attempt, whole)
        if isinstance(decision, Admit):
            return decision
        # Whether it fits with a lower limit is asked of the whole cap first.
        rows = self._picture.rows(scopes, owns)
        if rows is None or not (self._asked.get(call.id) or self._picture.is_fresh(owns)):
            raise self._unfunded(call, owns, whole, demand.output_limit, patient=patient)
        verdict = decide(self._picture.without_lost(rows, owns), demand, patient=patient)
        if isinstance(verdict, Deny):  # what is said is what is known to be spent
            known = next(balance for scope, balance in rows if scope is verdict.scope)
            verdict = replace(verdict, balance=known)
        if isinstance(verdict, Fits):
            if verdict.output_limit is not None:
                decision = self._held(attempt, demand)
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

    def _hold_slice(self, attempt: Attempt, demand: Demand, held_limit: int) -> Admit | Wait | Deny:
        """The first slice; the provider is told what all money of the fleet could pay for."""
        scopes, owns = attempt.binding
        first = replace(demand, output_limit=held_limit, held_limit=None)
        rows = self._picture.rows(scopes, owns)
        if rows is None:
            raise self._unfunded(attempt.call, owns, first, held_limit, patient=attempt.patient)
        decision = self._hold(attempt, first)
        if isinstance(decision, Admit) and decision.output_limit is None and demand.clampable:
            limit = told_limit(rows, demand)
            if limit is not None:
                return replace(decision, output_limit=max(limit, held_limit))
        return decision

    def _would(self, scopes: tuple[Scope, ...], demand: Demand) -> Would:
        """What watched budgets would do, by the fleet's balances as far as they were told."""
        shadows = shadows_of(scopes)
        if not shadows:
            return NOTHING
        owns = [self._picture.own(shadow) for shadow in shadows]
        here = self._ledger.standing([own.scope for own in owns])
        note, passes = judged(self._picture.told(shadows, owns, here), demand)
        return Would(shadows, owns, note) if passes else Would((), [], note)

    def _over(self, call: Call, *, waits: bool = False) -> None:
        """Something was decided about the call: it asks anew, should it come again."""
        self._asked.pop(call.id, None)
        if waits and len(self._waited) < KNOWN_MAX:
            self._waited.add(call.id)
        elif not waits:
            self._waited.discard(call.id)

    def _held(self, attempt: Attempt, demand: Demand) -> Admit | Wait | Deny:
        call, would = attempt.call, attempt.would
        own_scopes = [own.scope for own in attempt.owns]
        shadows = tuple([own.scope for own in would.owns])
        decision = self._ledger.hold(
            call, own_scopes, demand, paced=attempt.paced, would=(shadows, would.note)
        )
        hold = decision.hold if isinstance(decision, Admit) else None
        for own in attempt.owns + would.owns:
            if own.account is not None:
                amount = own.held(hold) if hold else needed(own.scope, demand, demand.output_limit)
                self._desk.tending.needed(own.account, own.scope, amount)
        if not isinstance(decision, Admit):
            return decision
        self._over(call)
        held = _under(decision.hold, attempt.scopes + would.shadows)
        return Admit(held, decision.output_limit)

    def _check(self, owns: list[Own]) -> None:
        """Whether this node may spend, where something stops its calls."""
        if not any(own.binds for own in owns):
            return
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
        """
        Within what is allotted now: a stream that is fed cannot wait for the treasury, which is
        asked for when it comes again.
        """
        owns = [self._picture.own(scope) for scope in hold.scopes]
        own_hold = _under(hold, tuple([own.scope for own in owns]))
        extended = self._ledger.extend(own_hold, more_nanos, more_tokens)
        if extended is not None:
            return _under(extended, hold.scopes)
        self._ask_ahead(hold, owns, {CapUnit.USD: more_nanos, CapUnit.TOKENS: more_tokens})
        return None

    def _ask_ahead(self, hold: Hold, owns: list[Own], more: Mapping[CapUnit, int]) -> None:
        """For a part of what a stream needs, and what there is of the rest; once at a time."""
        pending = self._ahead.get(hold.id)
        if pending is not None and not pending.done():
            return
        needs = tuple(
            Need(own.account, own.scope, -(-amount // AHEAD_PARTS), more=amount)
            for own in owns
            if own.account is not None and own.binds and (amount := more.get(own.unit, 0))
        )
        if needs:
            self._ahead[hold.id] = self._desk.ask(Ask(needs, patient=True))

    def refuse(self, call: Call, deny: Deny | None, *, note: str = "") -> None:
        """Counted on the node's own balance."""
        self._over(call)
        self._ledger.refuse(call, deny, note=note)

    # --- endings ------------------------------------------------------------------------------

    def end(self, hold: Hold, settlement: Settlement) -> tuple[Balance, ...]:
        """On the node's own ledger; the balances are the fleet's."""
        self._ahead.pop(hold.id, None)
        owns = [self._picture.own(scope) for scope in hold.scopes]
        return self._all_balances(hold, owns, self._ledger.end(_alone(hold, owns), settlement))

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
            own = self._picture.own(scope)
            if own.account is not None:
                self._desk.tending.known(own.account, own.scope)

    # --- by hand ------------------------------------------------------------------------------

    def define(self, budgets: Sequence[Budget], *, run_id: str = "") -> None:
        """Only what the fleet has too."""
        self._desk.check(budgets)
        self._picture.forget()
        self._ledger.define(budgets, run_id=run_id)

    # --- balances -----------------------------------------------------------------------------

    def balances_of(self, hold: Hold) -> tuple[Balance, ...]:
        """Those of the fleet, as far as this node knows."""
        owns = [self._picture.own(scope) for scope in hold.scopes]
        return self._all_balances(hold, owns, self._ledger.balances_of(_alone(hold, owns)))

    def _all_balances(
        self, hold: Hold, owns: list[Own], balances: Sequence[Balance]
    ) -> tuple[Balance, ...]:
        return tuple([balance for _, balance in self._picture.told(hold.scopes, owns, balances)])

    def balances(
        self, now: datetime, budgets: Sequence[Budget], *, run_id: str = ""
    ) -> list[tuple[Scope, Balance]]:
        """Those of this node's values, with the fleet's figures."""
        return self._picture.all_told(self._ledger.balances(now, budgets, run_id=run_id))

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
        return self._picture.all_told(found), last

    def close(self) -> None:
        """What is in flight is assumed first, so that the treasury hears of it."""
        self._ledger.close()
        self._desk.close()


def _alone(hold: Hold, owns: list[Own]) -> Hold:
    """As the own ledger is asked: of a rolling window, for each bucket by itself."""
    for scope in hold.scopes:
        if scope.reach:
            return _under(hold, tuple([own.scope for own in owns]))
    return hold


def _under(hold: Hold, scopes: tuple[Scope, ...]) -> Hold:
    """The same hold, under these scopes. By hand, as each call needs it: `replace` is slow."""
    return Hold(hold.id, hold.call, hold.held_nanos, hold.held_tokens, scopes, hold.balance_ids)


def _left(scope: Scope, balance: Balance, demand: Demand) -> int:
    """What would be left of a scope with this call in it."""
    left = scope.budget.cap + balance.raised - balance.spent - balance.held
    return left - needed(scope, demand, demand.output_limit)
