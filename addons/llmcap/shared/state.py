"""
What calls share: the ledger, the prices, the policy, the line of waiters, what was learned.

A step is given this record and one call. It reads from here when it needs to, and keeps no copy:
the policy and the prices are others once the config has changed. Only a call keeps the prices that
it was held under, to be settled by them.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from llmcap.bounds.estimate import TokenCounter
from llmcap.bounds.lineage import Lineage
from llmcap.budgets.budget import scopes_for
from llmcap.budgets.waiting import Line
from llmcap.ledger import Ledger
from llmcap.metering.asked import Asked
from llmcap.metering.declared import Declared
from llmcap.metering.habits import Habits
from llmcap.metering.pace import Paces
from llmcap.notices.alerts import Event
from llmcap.pricing import PriceBook
from llmcap.providers.parts.shape import Ask, Provider, Request
from llmcap.replies import Refusal, Reply, refuse
from llmcap.shared.files import Uploads
from llmcap.shared.gauges import Gauges
from llmcap.shared.guard import PAGE_VALUES, Guard, Page
from llmcap.shared.late import Late
from llmcap.shared.made import Things
from llmcap.shared.parked import Parked
from llmcap.shared.peers import Peers
from llmcap.shared.refusals import Refusals
from llmcap.words.errors import HoldEnded, LedgerBusy, LedgerError
from llmcap.words.records import (
    Balance,
    Budget,
    Call,
    Deny,
    Ending,
    Hold,
    Policy,
    Scope,
    Settlement,
    UnknownPolicy,
)
from llmcap.words.shown import readable, shortened
from llmcap.words.usage import Price

# Of how many subjects it is remembered that they were told of; no more are told then.
SAID_MAX = 10_000


# The model of a thing that was named in its place and never seen: any that the provider has.
HIDDEN = "unknown model of "


# An answer is begun in this time, and comes no slower than that:
# https://api-docs.deepseek.com/quick_start/rate_limit (not begun after ten minutes, it is given
# up). What is ordered for later is done in a day: https://platform.openai.com/docs/guides/batch
BEGUN_WITHIN = timedelta(minutes=10)
TOKENS_PER_SECOND_MIN = 20
LATER_WITHIN = timedelta(days=1)
ENDLESS_TOKENS = 400_000  # where a request sets no limit: no model of the book writes more at once


def over_by(ask: Ask, at: datetime) -> datetime:
    """When a call that begins at that time is answered at the latest, as far as prices go by it."""
    if ask.deferred or ask.lots:
        return at + LATER_WITHIN
    limit = ENDLESS_TOKENS if ask.output_limit is None else ask.output_limit
    written = limit if ask.generates else 0
    return at + BEGUN_WITHIN + timedelta(seconds=written // TOKENS_PER_SECOND_MIN)


@dataclass(frozen=True, slots=True)
class PricesOfNow:
    """The prices in force at one moment, and what the policy puts in the place of unknown ones."""

    book: PriceBook
    unknown: UnknownPolicy
    clock: Callable[[], datetime]

    def of(
        self, provider: Provider, model: str, at: datetime, *, until: datetime | None = None
    ) -> Price | None:
        """As `Shared.price_of`, of this book."""
        price = self.book.find(provider.price_key, model, at, until=until or self.clock())
        dearest = self.unknown is UnknownPolicy.MOST_EXPENSIVE
        if price is None and (dearest or model.startswith(HIDDEN)):
            return self.book.dearest(provider.price_key, at)
        return price


class Shared:
    """One per proxy. The firewall makes it, and it alone puts another policy in."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        prices: PriceBook,
        policy: Policy,
        clock: Callable[[], datetime],
        run_id: str,
        secret: bytes,
        notify: Callable[[str, str], None],
        tell: Callable[[Event], None],
    ) -> None:
        self.ledger = ledger
        self.prices = prices
        self.policy = policy
        self.clock = clock
        self.run_id = run_id
        self.secret = secret
        self.peers = Peers()
        self.guard = Guard(policy, clock=clock, tell=tell, peers=self.peers)
        self._notify = notify
        self.counter = TokenCounter()
        self.loading = asyncio.Lock()  # of its vocabulary
        self.lineage = Lineage()
        self.peers.on("continued", lambda _, *what: self.lineage.remember(*what))
        self.paces = Paces(ledger.paces())
        self.habits = Habits()
        self.asked = Asked()
        self.declared = Declared()
        self.late = Late()
        self.things = Things(ledger, late=self.late)
        self.uploads = Uploads(self.counter)
        self.refusals = Refusals(secret, self.peers)
        self.gauges = Gauges()
        self.line = Line(places_max=policy.waiters_max)
        self.parked = Parked(ledger, clock=clock)
        # Settlements that could not be written yet; their holds stay until they can.
        self.unsettled: list[Callable[[], None]] = []
        self._said: set[tuple[str, str]] = set()

    def notify(self, kind: str, message: str, *, subject: str = "") -> None:
        """Something happened that a person should know: each time to the log, once to others."""
        message, subject = readable(message), shortened(subject)
        self._notify(kind, message)
        self.guard.noted(kind, message, subject)

    def notify_once(self, kind: str, message: str, *, subject: str) -> None:
        """The same for what goes on and on: once for each subject, as long as the proxy runs."""
        subject = shortened(subject)
        if (kind, subject) not in self._said and len(self._said) < SAID_MAX:
            self._said.add((kind, subject))
            self.notify(kind, message, subject=subject)

    def tell_unread(self, provider: str, names: Iterable[str]) -> None:
        """Tell of fields that nobody knows, each once, with the line of the config that helps."""
        for name in names:
            text = (
                f"{provider} was sent the field {name!r}, of which LLMCap does not know what it "
                "costs: such calls are held at the dearest. If it costs nothing: "
                f"`allow_fields: [{name}]` in the config"
            )
            self.notify_once("unread_field", text, subject=f"{provider}/{name}")

    def keep_paces(self) -> None:
        """Write down what was learned of models, for whoever has to end our calls."""
        fresh = self.paces.take_fresh()
        if not fresh:
            return
        try:
            self.ledger.keep_paces(fresh)
        except LedgerError:
            # No word of it: until then a call is worth all that it holds.
            self.paces.not_kept(fresh)

    def price_of(
        self, provider: Provider, model: str, at: datetime, *, until: datetime | None = None
    ) -> Price | None:
        """
        The price of a model at that time, or what the policy puts in its place.

        The dearest that it was until now, or may be `until` then.
        """
        return self.prices_now().of(provider, model, at, until=until)

    def prices_now(self) -> PricesOfNow:
        """What a call keeps that is held now: the config may put other prices in place."""
        return PricesOfNow(self.prices, self.policy.unknown_models, self.clock)

    def scopes_of(self, call: Call) -> tuple[Scope, ...]:
        """The budgets that a call falls under, in their windows of now."""
        return scopes_for(self.policy.budgets, call, run_id=self.run_id)

    def fingerprint_of(self, request: Request) -> str:
        """By what a request is known again, where a breaker watches for repeats; else nothing."""
        if not self.guard.breakers.wants_hash:
            return ""
        hashed = hashlib.blake2b(request.body, key=self.secret, digest_size=8)
        hashed.update(f"\0{request.method} {request.host}{request.path}".encode())
        return hashed.hexdigest()

    def reply(
        self, refusal: Refusal, dialect: str, request: Request, call: Call | None = None
    ) -> Reply:
        """The refusal as this client's SDK reads it; of a `call`, as one that asks again does."""
        step = self.refusals.step(refusal, request, call, now=self.clock()) if call else 1
        grpc = request.headers.get("content-type", "").startswith("application/grpc")
        return refuse(
            refusal,
            dialect="grpc" if grpc else dialect,
            user_agent=request.headers.get("user-agent", ""),
            status=self.policy.refusal_status,
            step=step,
        )

    def first_balances(self, budgets: Sequence[Budget]) -> list[tuple[Scope, Balance]]:
        """What they have spent and hold now; of a budget with `per`, its first values."""
        whole = [budget for budget in budgets if not budget.per]
        parts = [self.page(budget, None)[0] for budget in budgets if budget.per]
        found = self.ledger.balances(self.clock(), whole, run_id=self.run_id)
        return [*found, *(each for part in parts for each in part)]

    def page(self, budget: Budget, after: str | None) -> Page:
        """What some values of a budget have spent and hold now."""
        now = self.clock()
        return self.ledger.balances_page(
            now, budget, run_id=self.run_id, after=after, values_max=PAGE_VALUES
        )

    def remember(self, provider: str, response_id: str | None, tokens: int) -> None:
        """How much context a response is that another call may continue, on whatever worker."""
        self.lineage.remember(provider, response_id, tokens)
        if response_id and self.peers:
            self.peers.say("continued", provider, response_id, tokens)

    def refused(self, call: Call, deny: Deny | None, *, note: str = "") -> None:
        """Record a call that is not forwarded, now or soon."""
        self.late.do(partial(self.ledger.refuse, call, deny, note=note))

    def give_back(self, hold: Hold, note: str) -> None:
        """End the hold of a call that will not be sent."""
        released = Settlement(Ending.RELEASED, 0, note=note)
        self.record(lambda: self.ledger.end(hold, released))

    def record(self, step: Callable[[], object]) -> None:
        """
        Write what must not be lost: now, as soon as another process lets go of the ledger, or with
        the housekeeping, as often as it takes.
        """
        self.late.do(partial(self._record, step))

    def _record(self, step: Callable[[], object]) -> None:
        try:
            step()
        except LedgerBusy:
            raise
        except HoldEnded as error:  # no other time will do
            self.notify("hold_ended", str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, what was spent must be written
            self.unsettled.append(partial(self._record, step))
            self.notify("ledger_error", str(error))
