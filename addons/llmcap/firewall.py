"""
The walk of one call: consider, hold, forward, meter, settle. No socket, no clock, no mitmproxy.

`consider` reads a request and answers `Pass`, `Refused` or an `Admission`. An admission is tried
until it gives a `CallInFlight` or a refusal; the call in flight is fed the response and settles
itself the moment the final usage is known, before the client has the last bytes.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from llmcap.admission import Admission
from llmcap.alerts import Event
from llmcap.attributes import Facts, attributes_of
from llmcap.budget import scopes_for
from llmcap.deferred import Deferred, Watched
from llmcap.errors import FormatError, LedgerError, PriceError
from llmcap.estimate import TokenCounter, sold
from llmcap.guard import Guard
from llmcap.ledger import Ledger
from llmcap.lineage import Lineage
from llmcap.lots import unsold
from llmcap.pace import Paces
from llmcap.parked import Parked
from llmcap.pricing import PriceBook
from llmcap.providers import match
from llmcap.providers.shape import Ask, Billing, Endpoint, Provider, Request
from llmcap.records import (
    Balance,
    Budget,
    Call,
    Ending,
    EndpointPolicy,
    Hold,
    Policy,
    Price,
    Scope,
    Settlement,
    UnknownPolicy,
)
from llmcap.replies import Refusal, Reply, refuse, refuse_upgrade
from llmcap.restrain import restrained
from llmcap.uploads import Upload, Uploads, ordered
from llmcap.waiting import Line
from llmcap.walk.answers import Pass, Refused

# Methods that start work at a provider. A GET never does, and HEAD and OPTIONS cannot.
WORKING_METHODS = frozenset({"POST", "PUT", "PATCH"})


def _nobody(kind: str, message: str) -> None:
    """No one reads along."""


def _nothing() -> None:
    """There is no config to read again."""


def _to_nobody(event: Event) -> None:
    """No one is told of events."""


class Firewall:
    """Everything that calls share: the ledger, the prices, the policy, the line of waiters."""

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
        self.ledger = ledger
        self.prices = prices
        self.policy = policy
        self.clock = clock
        self.run_id = run_id
        self.secret = secret
        self.guard = Guard(policy, clock=clock, tell=tell)
        self._notify = notify
        self.counter = TokenCounter()
        self.lineage = Lineage()
        self.paces = Paces()
        self.uploads = Uploads(self)
        self.line = Line(places_max=policy.waiters_max)
        self.parked = Parked(ledger, clock=clock)
        # Settlements that could not be written yet; their holds stay until they can.
        self.unsettled: list[Callable[[], None]] = []
        self._recovered = 0  # how many holds of dead processes were told of
        # What whoever made this firewall wants done from time to time, and when it is closed.
        self.chores: list[Callable[[], None]] = []
        self.farewells: list[Callable[[], None]] = []
        # Takes the config for changed, where there is one: a chore then reads it again.
        self.reread: Callable[[], None] = _nothing

    def consider(self, request: Request, facts: Facts) -> Pass | Refused | Deferred | Admission:
        """What to do with a request. Raises `LLMCapError` for what cannot be decided."""
        found = match(request.host, request.method, request.path)
        if found is None:
            return Pass("no provider")
        provider, endpoint = found
        if endpoint is None:
            return self._unknown_endpoint(provider, request)
        if endpoint.billing is Billing.FREE:
            return Pass("free")
        if request.headers.get("upgrade", "").lower() == "websocket":
            return self._no_websocket(endpoint)
        if endpoint.billing is Billing.UNMETERABLE:
            return self._unmeterable(endpoint, request)
        if endpoint.billing is Billing.DEFERRED:
            return self._deferred(provider, endpoint, request, facts)
        if endpoint.billing is Billing.UPLOAD:
            return Upload(self, self._watched(provider, endpoint, request, facts), request)
        assert endpoint.read is not None, endpoint.name
        try:
            ask = ordered(self, provider, endpoint, endpoint.read(request))
            return self._admission(provider, endpoint, request, ask, facts)
        except FormatError as error:
            text = f"LLMCap cannot tell what this request may cost, so it was not sent: {error}."
            return self.refused("unreadable_request", text, endpoint.dialect, request)
        except PriceError as error:
            text = f"LLMCap cannot price all that this request may use, so it was not sent: {error}"
            return self.refused("unknown_price", text, endpoint.dialect, request)

    def consider_ask(
        self, provider: Provider, endpoint: Endpoint, request: Request, ask: Ask, facts: Facts
    ) -> Pass | Refused | Admission:
        """The same for what is asked within a session: `request` is a frame of it."""
        return self._admission(provider, endpoint, request, ask, facts)

    def adopt(self, policy: Policy, prices: PriceBook) -> None:
        """Go on under another policy. Calls in flight keep what they hold, and where."""
        self.ledger.define(policy.budgets, run_id=self.run_id)
        self.policy = policy
        self.prices = prices
        self.guard.adopt(policy)
        self.line.wake()

    def notify(self, kind: str, message: str, *, subject: str = "") -> None:
        """Something happened that a person should know: each time to the log, once to others."""
        self._notify(kind, message)
        self.guard.noted(kind, message, subject)

    def refused(self, reason: str, message: str, dialect: str, request: Request) -> Refused:
        """A refusal that is not about a budget."""
        refusal = Refusal(reason=reason, message=message)
        return Refused(refusal, self.reply(refusal, dialect, request))

    def note_refusal(self, provider: Provider, path: str, reason: str) -> None:
        """A row for a call that was refused before it could be understood."""
        call = Call(
            id=os.urandom(16).hex(),
            at=self.clock(),
            provider=provider.name,
            endpoint=path,
            model="",
        )
        self.ledger.refuse(call, None, note=reason)

    def keep_house(self) -> None:
        """What is due from time to time: late settlements, holds of processes that are gone."""
        self.settle_late()
        self.parked.expire()
        self.ledger.recover()
        if found := self.ledger.recovered[self._recovered :]:
            self._recovered += len(found)
            text = f"{len(found)} calls of a proxy that is gone were billed at what they held"
            self.notify("recovered", text, subject=str(found[0]))
        self.guard.look(self._balances)
        for chore in self.chores:
            chore()
        self.line.wake()

    def settle_late(self) -> None:
        """Try the settlements again that could not be written before."""
        waiting, self.unsettled = self.unsettled, []
        for settle_again in waiting:
            settle_again()

    def give_back(self, hold: Hold, note: str) -> None:
        """End the hold of a call that will not be sent: now, or as soon as it can be written."""
        try:
            self.ledger.end(hold, Settlement(Ending.RELEASED, 0, note=note))
        except LedgerError as error:
            self.unsettled.append(partial(self.give_back, hold, note))
            self.notify("ledger_error", str(error))

    def close(self) -> None:
        """The proxy ends."""
        self.parked.close()
        self.settle_late()
        for farewell in self.farewells:
            farewell()
        self.ledger.close()

    # --- the parts of consider ----------------------------------------------------------------

    def _unknown_endpoint(self, provider: Provider, request: Request) -> Pass | Refused:
        policy = self.policy.unknown_endpoints
        passes = policy is EndpointPolicy.PASS or (
            policy is EndpointPolicy.AUTO and not provider.api_only
        )
        if request.method not in WORKING_METHODS or passes:
            return Pass("unknown endpoint")
        text = (
            f"LLMCap does not know {request.method} {request.path} of {provider.name}, so it "
            "cannot tell what it costs and did not send it. Retrying does not help. If it costs "
            "nothing, set `unknown_endpoints: pass` in the LLMCap config."
        )
        told = f"{request.method} {request.path} of {provider.name} is not known: refused"
        self.notify("unknown_endpoint", told, subject=f"{provider.name}{request.path}")
        return self.refused("unknown_endpoint", text, provider.dialect, request)

    def _no_websocket(self, endpoint: Endpoint) -> Refused:
        text = f"{endpoint.name} over a WebSocket is not metered: use plain HTTP requests"
        return Refused(Refusal(reason="websocket", message=text), refuse_upgrade())

    def _unmeterable(self, endpoint: Endpoint, request: Request) -> Pass | Refused:
        if self.policy.unknown_endpoints is EndpointPolicy.PASS:
            where = f"{request.host}{request.path}"
            self.notify("unmetered", f"{where} spends out of sight: passed", subject=where)
            return Pass("unmeterable")
        advice = f"{endpoint.advice} " if endpoint.advice else ""
        text = (
            f"{endpoint.name} spends money where a proxy cannot see it, so LLMCap did not send the "
            f"request. Retrying does not help. {advice}To allow it unmetered, set "
            "`unknown_endpoints: pass` in the LLMCap config."
        )
        return self.refused("unmeterable", text, endpoint.dialect, request)

    def _deferred(
        self, provider: Provider, endpoint: Endpoint, request: Request, facts: Facts
    ) -> Pass | Deferred:
        watched = self._watched(provider, endpoint, request, facts)
        if not endpoint.charges_strangers and (told_of := watched.ask.previous_id):
            known = self.ledger.claimed(provider.name, told_of)
            return Deferred(self, watched) if known else Pass("nothing that was ordered here")
        return Deferred(self, watched)

    def _watched(
        self, provider: Provider, endpoint: Endpoint, request: Request, facts: Facts
    ) -> Watched:
        ask = endpoint.read(request) if endpoint.read else Ask(model="")
        call = self._call(provider, endpoint, request, ask, facts)
        return Watched(
            provider=provider, endpoint=endpoint, ask=ask, call=call, scopes=self.scopes_of(call)
        )

    def _admission(
        self, provider: Provider, endpoint: Endpoint, request: Request, ask: Ask, facts: Facts
    ) -> Pass | Refused | Admission:
        call = self._call(provider, endpoint, request, ask, facts)
        prices = [
            self.price_of(provider, model, call.at) for model in (ask.model, *ask.other_models)
        ]
        if prices[0] is None and self.policy.unknown_models is UnknownPolicy.ALLOW:
            name = f"{provider.name}/{ask.model}"
            self.notify("unmetered", f"{name} has no price: passed unmetered", subject=name)
            return Pass("unknown model")
        for model, price in zip((ask.model, *ask.other_models), prices, strict=True):
            if price is None:
                return self._unknown_model(provider, model, endpoint, request)
        known = [price for price in prices if price is not None]
        counted = sold(ask, known[0])
        named = dict(zip((ask.model, *ask.other_models), known, strict=True))
        if other := unsold(ask.lots, named.__getitem__) or ("" if counted else ask.model):
            return self._unsold(provider, other, endpoint, request)
        ask = counted or ask
        admission = Admission(
            self, provider=provider, endpoint=endpoint, request=request, ask=ask, call=call,
            prices=known, scopes=self.scopes_of(call),
        )  # fmt: skip
        return restrained(admission)

    def _unknown_model(
        self, provider: Provider, model: str, endpoint: Endpoint, request: Request
    ) -> Refused:
        name = model or "(none named)"
        text = (
            f"LLMCap has no price for the model {name} of {provider.name}, so it did not send the "
            "request: an unknown model is never free. Retrying does not help. Give it a price in "
            f"the LLMCap config, `prices: {{{provider.price_key}/{name}: {{input: ..., output: "
            "...}}` (USD per million tokens), or set `unknown_models: most_expensive`."
        )
        told = f"{provider.name}/{name}"
        self.notify("unknown_model", f"{told} has no price: refused", subject=told)
        return self.refused("unknown_model", text, endpoint.dialect, request)

    def _unsold(
        self, provider: Provider, model: str, endpoint: Endpoint, request: Request
    ) -> Refused:
        text = (
            f"LLMCap did not send the request: {model} of {provider.name} is sold by a unit that "
            f"{endpoint.name} does not tell before the call, so it cannot say what this may cost. "
            "Retrying does not help. Give the model a price by tokens in the LLMCap config, or use "
            "the endpoint that its provider made for it."
        )
        return self.refused("unmeterable", text, endpoint.dialect, request)

    def price_of(self, provider: Provider, model: str, at: datetime) -> Price | None:
        """The price of a model at that time, or what the policy puts in its place."""
        price = self.prices.find(provider.price_key, model, at)
        if price is None and self.policy.unknown_models is UnknownPolicy.MOST_EXPENSIVE:
            return self.prices.dearest(provider.price_key, at)
        return price

    def _call(
        self, provider: Provider, endpoint: Endpoint, request: Request, ask: Ask, facts: Facts
    ) -> Call:
        attributes = attributes_of(
            request, facts, provider=provider.name, endpoint=endpoint.name, model=ask.model,
            from_body=ask.attributes, trusted=self.policy.trusted_headers, secret=self.secret,
        )  # fmt: skip
        return Call(
            id=os.urandom(16).hex(), at=self.clock(), provider=provider.name,
            endpoint=endpoint.name, model=ask.model, attributes=attributes,
        )  # fmt: skip

    def fingerprint_of(self, request: Request) -> str:
        """By what a request is known again, where a breaker watches for repeats; else nothing."""
        if not self.guard.breakers.wants_hash:
            return ""
        hashed = hashlib.blake2b(request.body, key=self.secret, digest_size=8)
        hashed.update(f"\0{request.method} {request.host}{request.path}".encode())
        return hashed.hexdigest()

    def scopes_of(self, call: Call) -> tuple[Scope, ...]:
        """The budgets that a call falls under, in their windows of now."""
        return scopes_for(self.policy.budgets, call, run_id=self.run_id)

    def _balances(self, budgets: Sequence[Budget]) -> list[tuple[Scope, Balance]]:
        return self.ledger.balances(self.clock(), budgets, run_id=self.run_id)

    def reply(self, refusal: Refusal, dialect: str, request: Request) -> Reply:
        """The refusal as this client's SDK reads it."""
        grpc = request.headers.get("content-type", "").startswith("application/grpc")
        return refuse(
            refusal,
            dialect="grpc" if grpc else dialect,
            user_agent=request.headers.get("user-agent", ""),
            status=self.policy.refusal_status,
        )
