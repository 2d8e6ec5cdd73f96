"""
The walk of one call: consider, hold, forward, meter, settle. No socket, no clock, no mitmproxy.

`consider` reads a request and answers `Pass`, `Refused` or an `Admission`. An admission is tried
until it gives a `CallInFlight` or a refusal; the call in flight is fed the response and settles
itself the moment the final usage is known, before the client has the last bytes.
"""

import os
from collections.abc import Callable
from datetime import datetime

from llmcap.admission import Admission
from llmcap.alerts import Event
from llmcap.attributes import Facts, attributes_of
from llmcap.deferred import Deferred, Watched
from llmcap.errors import FormatError, PriceError
from llmcap.estimate import sold
from llmcap.guard import Guard
from llmcap.ledger import Ledger
from llmcap.lots import unsold
from llmcap.pricing import PriceBook
from llmcap.providers import match
from llmcap.providers.shape import Ask, Billing, Endpoint, Provider, Request
from llmcap.records import (
    Call,
    EndpointPolicy,
    Policy,
    UnknownPolicy,
)
from llmcap.replies import Refusal, refuse_upgrade
from llmcap.restrain import restrained
from llmcap.shared.state import Shared
from llmcap.uploads import Upload, ordered
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
            return Upload(self.shared, self._watched(provider, endpoint, request, facts), request)
        assert endpoint.read is not None, endpoint.name
        try:
            ask = ordered(self.shared, provider, endpoint, endpoint.read(request))
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
        self.shared.ledger.define(policy.budgets, run_id=self.shared.run_id)
        self.shared.policy = policy
        self.shared.prices = prices
        self.shared.guard.adopt(policy)
        self.shared.line.wake()

    def refused(self, reason: str, message: str, dialect: str, request: Request) -> Refused:
        """A refusal that is not about a budget."""
        refusal = Refusal(reason=reason, message=message)
        return Refused(refusal, self.shared.reply(refusal, dialect, request))

    def note_refusal(self, provider: Provider, path: str, reason: str) -> None:
        """A row for a call that was refused before it could be understood."""
        call = Call(
            id=os.urandom(16).hex(),
            at=self.shared.clock(),
            provider=provider.name,
            endpoint=path,
            model="",
        )
        self.shared.ledger.refuse(call, None, note=reason)

    def keep_house(self) -> None:
        """What is due from time to time: late settlements, holds of processes that are gone."""
        self.settle_late()
        self.shared.parked.expire()
        self.shared.ledger.recover()
        if found := self.shared.ledger.recovered[self._recovered :]:
            self._recovered += len(found)
            text = f"{len(found)} calls of a proxy that is gone were billed at what they held"
            self.shared.notify("recovered", text, subject=str(found[0]))
        self.shared.guard.look(self.shared.balances)
        for chore in self.chores:
            chore()
        self.shared.line.wake()

    def settle_late(self) -> None:
        """Try the settlements again that could not be written before."""
        waiting, self.shared.unsettled = self.shared.unsettled, []
        for settle_again in waiting:
            settle_again()

    def close(self) -> None:
        """The proxy ends."""
        self.shared.parked.close()
        self.settle_late()
        for farewell in self.farewells:
            farewell()
        self.shared.ledger.close()

    # --- the parts of consider ----------------------------------------------------------------

    def _unknown_endpoint(self, provider: Provider, request: Request) -> Pass | Refused:
        policy = self.shared.policy.unknown_endpoints
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
        self.shared.notify("unknown_endpoint", told, subject=f"{provider.name}{request.path}")
        return self.refused("unknown_endpoint", text, provider.dialect, request)

    def _no_websocket(self, endpoint: Endpoint) -> Refused:
        text = f"{endpoint.name} over a WebSocket is not metered: use plain HTTP requests"
        return Refused(Refusal(reason="websocket", message=text), refuse_upgrade())

    def _unmeterable(self, endpoint: Endpoint, request: Request) -> Pass | Refused:
        if self.shared.policy.unknown_endpoints is EndpointPolicy.PASS:
            where = f"{request.host}{request.path}"
            self.shared.notify("unmetered", f"{where} spends out of sight: passed", subject=where)
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
            known = self.shared.ledger.claimed(provider.name, told_of)
            return (
                Deferred(self.shared, watched) if known else Pass("nothing that was ordered here")
            )
        return Deferred(self.shared, watched)

    def _watched(
        self, provider: Provider, endpoint: Endpoint, request: Request, facts: Facts
    ) -> Watched:
        ask = endpoint.read(request) if endpoint.read else Ask(model="")
        call = self._call(provider, endpoint, request, ask, facts)
        return Watched(
            provider=provider,
            endpoint=endpoint,
            ask=ask,
            call=call,
            scopes=self.shared.scopes_of(call),
        )

    def _admission(
        self, provider: Provider, endpoint: Endpoint, request: Request, ask: Ask, facts: Facts
    ) -> Pass | Refused | Admission:
        call = self._call(provider, endpoint, request, ask, facts)
        prices = [
            self.shared.price_of(provider, model, call.at)
            for model in (ask.model, *ask.other_models)
        ]
        if prices[0] is None and self.shared.policy.unknown_models is UnknownPolicy.ALLOW:
            name = f"{provider.name}/{ask.model}"
            self.shared.notify("unmetered", f"{name} has no price: passed unmetered", subject=name)
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
            self.shared, provider=provider, endpoint=endpoint, request=request, ask=ask, call=call,
            prices=known, scopes=self.shared.scopes_of(call),
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
        self.shared.notify("unknown_model", f"{told} has no price: refused", subject=told)
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

    def _call(
        self, provider: Provider, endpoint: Endpoint, request: Request, ask: Ask, facts: Facts
    ) -> Call:
        attributes = attributes_of(
            request, facts, provider=provider.name, endpoint=endpoint.name, model=ask.model,
            from_body=ask.attributes, trusted=self.shared.policy.trusted_headers,
            secret=self.shared.secret,
        )  # fmt: skip
        return Call(
            id=os.urandom(16).hex(), at=self.shared.clock(), provider=provider.name,
            endpoint=endpoint.name, model=ask.model, attributes=attributes,
        )  # fmt: skip
