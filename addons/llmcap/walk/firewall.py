"""
What a proxy has one of: it makes what calls share, lets each be considered, and keeps house.

`consider` reads a request and answers `Pass`, `Refused` or an `Admission`. An admission is tried
until it gives a `CallInFlight` or a refusal; the call in flight is fed the response and settles
itself the moment the final usage is known, before the client has the last bytes. No socket, no
clock, no mitmproxy.
"""

import contextlib
import os
from collections.abc import Callable
from datetime import datetime

from llmcap.ledger import Ledger
from llmcap.notices.alerts import Event
from llmcap.pricing import PriceBook
from llmcap.providers.parts.shape import Ask, Endpoint, Provider, Request
from llmcap.shared.guard import Guard
from llmcap.shared.state import Shared
from llmcap.walk.admission import Admission
from llmcap.walk.answers import Pass, Refused
from llmcap.walk.attributes import Facts
from llmcap.walk.consider import Considered, consider, consider_ask
from llmcap.words.counts import several
from llmcap.words.errors import LedgerBusy
from llmcap.words.records import Call, Policy


def _nobody(kind: str, message: str) -> None:
    """No one reads along."""


def _nothing() -> None:
    """There is no config to read again."""


def _to_nobody(event: Event) -> None:
    """No one is told of events."""


class Firewall:
    """One per proxy: it makes what calls share, and looks after what belongs to no single call."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        prices: PriceBook,
        policy: Policy,
        clock: Callable[[], datetime],
        run_id: str = "",
        secret: bytes = b"",
        notify: Callable[[str, str], None] = _nobody,
        tell: Callable[[Event], None] = _to_nobody,
    ) -> None:
        self.shared = Shared(
            ledger=ledger, prices=prices, policy=policy, clock=clock, run_id=run_id, secret=secret,
            notify=notify, tell=tell,
        )  # fmt: skip
        self._recovered = 0  # how many holds of dead processes were told of
        # What whoever made this firewall wants done from time to time, and when it is closed.
        self.chores: list[Callable[[], None]] = []
        self.farewells: list[Callable[[], None]] = []
        # Takes the config for changed, where there is one: a chore then reads it again.
        self.reread: Callable[[], None] = _nothing

    @property
    def policy(self) -> Policy:
        """What is in force now."""
        return self.shared.policy

    @property
    def ledger(self) -> Ledger:
        """Where its calls are held and settled."""
        return self.shared.ledger

    @property
    def guard(self) -> Guard:
        """What restrains calls beside the budgets' caps."""
        return self.shared.guard

    @property
    def clock(self) -> Callable[[], datetime]:
        """The time, as every step of the walk has it."""
        return self.shared.clock

    def consider(self, request: Request, facts: Facts) -> Considered:
        """What to do with a request. Raises `LLMCapError` for what cannot be decided."""
        return consider(self.shared, request, facts)

    def consider_ask(
        self, provider: Provider, endpoint: Endpoint, request: Request, ask: Ask, facts: Facts
    ) -> Pass | Refused | Admission:
        """The same for what is asked within a session: `request` is a frame of it."""
        return consider_ask(self.shared, provider, endpoint, request, ask, facts)

    def adopt(self, policy: Policy, prices: PriceBook) -> None:
        """Go on under another policy. Calls in flight keep what they hold, and its prices."""
        self.shared.ledger.define(policy.budgets, run_id=self.shared.run_id)
        self.shared.policy = policy
        self.shared.prices = prices
        self.shared.guard.adopt(policy)
        self.shared.line.wake()

    def reprice(self, prices: PriceBook) -> None:
        """Go on under other prices. Calls in flight are billed by those of their hold."""
        self.shared.prices = prices
        self.shared.line.wake()

    def note_refusal(self, provider: Provider, path: str, reason: str) -> None:
        """A row for a call that was refused before it could be understood."""
        call = Call(
            id=os.urandom(16).hex(),
            at=self.shared.clock(),
            provider=provider.name,
            endpoint=path,
            model="",
        )
        self.shared.refused(call, None, note=reason)

    def keep_house(self) -> None:
        """What is due from time to time: late settlements, holds of processes that are gone."""
        self.settle_late()
        self.shared.parked.expire()
        self.shared.keep_paces()
        self.shared.ledger.recover()
        if found := self.shared.ledger.recovered[self._recovered :]:
            self._recovered += len(found)
            were = several(
                len(found),
                "call of a proxy that is gone was billed at the most that it cost",
                "calls of a proxy that is gone were billed at the most that they cost",
            )
            self.shared.notify("recovered", were, subject=str(found[0]))
        self.shared.guard.look(self.shared.page)
        for chore in self.chores:
            chore()
        self.shared.line.wake()

    def settle_late(self) -> None:
        """Try the settlements again that could not be written before. Raises `LedgerBusy`."""
        self.shared.late.catch_up()
        waiting, self.shared.unsettled = self.shared.unsettled, []
        for settle_again in waiting:
            self.shared.late.do(settle_again)

    def close(self) -> None:
        """The proxy ends."""
        self.shared.parked.close()
        with contextlib.suppress(LedgerBusy):  # then their holds are for the next proxy
            self.shared.late.end()
            self.settle_late()
            self.shared.late.end()
        self.shared.keep_paces()
        for farewell in self.farewells:
            farewell()
        self.shared.ledger.close()
