"""
One call at the door: what it may cost at most, and whether every budget can carry that.

The order: the ceiling if it fits, else wait for money that calls in flight hold, else a clamped
output limit, else a refusal. The decision and the hold are one step in the ledger; this file
prepares the demand and applies the outcome.
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from llmcap.allowance import SLICE_AHEAD_TOKENS
from llmcap.brakes.breakers import Outcome
from llmcap.estimate import demand
from llmcap.flight import CallInFlight
from llmcap.lots import lots_demand
from llmcap.providers.content import texts
from llmcap.providers.shape import Ask, Document, Endpoint, Provider, Request
from llmcap.records import (
    Admit,
    Call,
    Demand,
    Deny,
    Hold,
    HoldMode,
    Price,
    Scope,
    Wait,
)  # fmt: skip
from llmcap.replies import Refusal, refusal_for
from llmcap.shared.state import Shared
from llmcap.waiting import Key
from llmcap.walk.answers import Refused


class Admission:
    """One call and its demand, tried until it is admitted or refused."""

    def __init__(
        self,
        shared: Shared,
        *,
        provider: Provider,
        endpoint: Endpoint,
        request: Request,
        ask: Ask,
        call: Call,
        prices: list[Price],
        scopes: tuple[Scope, ...],
    ) -> None:
        self.shared = shared
        self.provider = provider
        self.endpoint = endpoint
        self.request = request
        self.ask = ask
        self.call = call
        self.prices = prices
        self.scopes = scopes
        self.signed = provider.signed(request.headers)
        self.asked_model = ""  # where a threshold has put another in its place
        self.delay_seconds = Decimal(0)  # of a throttle
        self.fingerprint = shared.fingerprint_of(request)
        self.text_tokens: int | None = None
        self._counted = False
        self.demand = self._demand()

    @property
    def keys(self) -> frozenset[Key]:
        """What this call competes for, in the line of waiters."""
        return frozenset((scope.budget.name, scope.value) for scope in self.scopes)

    @property
    def sliced(self) -> bool:
        """Whether this call holds its output slice by slice: all of it shows, and it can be cut."""
        return (
            self.ask.stream
            and self.shows_all
            and self.limitable
            and bool(self.scopes)
            and all(scope.budget.hold is HoldMode.SLICED for scope in self.scopes)
        )

    @property
    def shows_all(self) -> bool:
        """Whether all output that is billed can be seen in the answer."""
        return not (self.ask.hidden_work and self.prices[0].reasons)

    @property
    def limitable(self) -> bool:
        """Whether the request can be rewritten to a lower output limit."""
        has_limit = self.endpoint.limit is not None or self.endpoint.limit_body is not None
        return has_limit and not self.signed

    def ended(self, outcome: Outcome) -> None:
        """The call has ended, as far as breakers are concerned."""
        self.shared.guard.ended(self.call, outcome, self.fingerprint)

    def abandoned(self) -> None:
        """It will not go, whatever the breakers said."""
        self.shared.guard.forget(self.call, self.fingerprint)

    def try_cheap(self) -> CallInFlight | None:
        """Admit on the cheap bound alone, unless others were here before; None: look closer."""
        if self.scopes and (self.sliced or self.shared.line.blocks(self.keys)):
            return None
        cheap = replace(self.demand, clampable=False)
        decision = self.shared.ledger.hold(self.call, self.scopes, cheap)
        return self._go(decision, None) if isinstance(decision, Admit) else None

    def count_tokens(self) -> None:
        """Replace the cheap bound by a count; slow for a large prompt, and safe in a thread."""
        self._counted = True
        if self.ask.lots:
            self.demand = self._demand()  # they were counted when their file was read
            return
        family = self.provider.name
        counted = self.shared.counter.bound(texts(self.request), family=family)
        self.text_tokens = min(counted, self.ask.text_bytes)
        self.demand = self._demand()

    def decide(self, *, patient: bool) -> CallInFlight | Refused | Wait:
        """Admit, clamped where needed; or say to wait; or refuse, in the ledger too."""
        self._turn_windows()
        hold = self.shared.ledger.hold
        decision = hold(self.call, self.scopes, self.demand, patient=patient)
        if isinstance(decision, Admit) and decision.output_limit is not None:
            with self._or_give_back(decision.hold):
                limited = self._limited(decision.output_limit)
            if limited is not None:
                return self._go(decision, limited)
            # This request cannot carry so low a limit (thinking needs more): try without a clamp.
            self.shared.give_back(decision.hold, "the request cannot be clamped so low")
            self.demand = replace(self.demand, clampable=False)
            return self.decide(patient=patient)
        if isinstance(decision, Admit):
            return self._go(decision, None)
        if isinstance(decision, Wait):
            return decision
        return self._refuse(decision)

    def _turn_windows(self) -> None:
        """A call belongs to the window in which it is held, however long it waited for that."""
        now = self.shared.clock()
        if any(scope.resets_at and scope.resets_at <= now for scope in self.scopes):
            self.call = replace(self.call, at=now)
            self.scopes = self.shared.scopes_of(self.call)

    def decide_now(self) -> CallInFlight | Refused:
        """Decide without waiting: there is no time, or no place, to wait."""
        verdict = self.decide(patient=False)
        assert not isinstance(verdict, Wait), "an impatient decision never waits"
        return verdict

    def cut_refusal(self, hold: Hold) -> Refusal:
        """Why a stream is cut: the first budget that could not hold more for it."""
        balances = self.shared.ledger.balances_of(hold)
        for scope, balance in zip(hold.scopes, balances, strict=True):
            if scope.budget.cap - balance.spent - balance.held < self.demand.ceiling_nanos():
                deny = Deny(scope, balance, self.demand.ceiling_nanos())
                return refusal_for(deny, now=self.shared.clock(), cut=True)
        return Refusal(reason="overrun", message="LLMCap cut this answer: it passed its bound.")

    # --- parts --------------------------------------------------------------------------------

    def _demand(self) -> Demand:
        if self.ask.lots:
            models = (self.ask.model, *self.ask.other_models)
            prices = dict(zip(models, self.prices, strict=True))
            return lots_demand(self.ask.lots, prices.__getitem__, counted=self._counted)
        found = demand(
            self.ask,
            self.prices,
            self.shared.policy,
            family=self.provider.name,
            text_tokens=self.text_tokens,
            known_input=self.shared.lineage.tokens(self.provider.name, self.ask.previous_id),
        )
        if not self.limitable:
            return replace(found, clampable=False)
        return replace(found, held_limit=SLICE_AHEAD_TOKENS) if self.sliced else found

    def _limited(self, output_limit: int) -> Document | bytes | None:
        if self.endpoint.limit_body is not None:
            return self.endpoint.limit_body(self.request.body, output_limit)
        assert self.endpoint.limit is not None, self.endpoint.name
        return self.endpoint.limit(self.request.document(), output_limit)

    def _go(self, admit: Admit, document: Document | bytes | None) -> CallInFlight:
        """The call in flight, with the body to send where it is not the client's own."""
        with self._or_give_back(admit.hold):
            strips_usage = False
            if isinstance(document, bytes):
                body: bytes | None = document
            else:
                if not (self.ask.usage_wanted or self.signed or self.endpoint.ask_usage is None):
                    document = self.endpoint.ask_usage(document or self.request.document())
                    strips_usage = True
                body = self.request.body if self.asked_model else None
                if document is not None:
                    body = json.dumps(document, separators=(",", ":")).encode()
            return CallInFlight(self, admit, body=body, strips_usage=strips_usage)

    @contextlib.contextmanager
    def _or_give_back(self, hold: Hold) -> Iterator[None]:
        """Nothing was sent yet: where the call cannot be made ready, its money comes back."""
        try:
            yield
        except Exception as error:
            self.shared.give_back(hold, f"never sent: {type(error).__name__}")
            raise

    def _refuse(self, deny: Deny) -> Refused:
        self.shared.ledger.refuse(self.call, deny)
        self.shared.guard.denied(deny)
        refusal = refusal_for(deny, now=self.shared.clock())
        reply = self.shared.reply(refusal, self.endpoint.dialect, self.request)
        return Refused(refusal, reply)
