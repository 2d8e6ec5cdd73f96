"""
What to do with a request: let it pass, refuse it, watch its answer, or ask whether it may go.

One pass downwards: whose it is, what it asks for, the work that it orders of files, whose call it
is, what that may cost, what thresholds make of it. Each is asked once, in this order, and none
calls back.
"""

import os

from llmcap.bounds.estimate import sold
from llmcap.bounds.lots import unsold
from llmcap.providers import match
from llmcap.providers.parts.declared import allowing, asked, unread_names
from llmcap.providers.parts.shape import Ask, Billing, Endpoint, Provider, Request
from llmcap.providers.suspects import (
    dearest_reading,
    names_a_model,
    stays_refused,
)  # fmt: skip
from llmcap.replies import Refusal, refuse_upgrade
from llmcap.shared.state import Shared, over_by
from llmcap.walk.admission import Admission
from llmcap.walk.answers import Pass, Refused, unbounded
from llmcap.walk.attributes import Facts, attributes_of
from llmcap.walk.deferred import Deferred, Watched
from llmcap.walk.ordering import ordered, with_named
from llmcap.walk.restrain import restrained
from llmcap.walk.uploads import Upload
from llmcap.words.errors import FormatError, NoBound, PriceError
from llmcap.words.records import Call, EndpointPolicy, UnknownPolicy

Considered = Pass | Refused | Deferred | Admission


def consider(shared: Shared, request: Request, facts: Facts) -> Considered:
    """What to do with a request. Raises `LLMCapError` for what cannot be decided."""
    found = match(request.host, request.method, request.path)
    if found is None:
        return Pass("no provider")
    provider, endpoint = found[0], dearest_reading(*found, request)
    if endpoint is None:
        return _unknown_endpoint(shared, provider, request)
    if endpoint.billing is Billing.FREE:
        return Pass("free")
    if request.headers.get("upgrade", "").lower() == "websocket":
        return _no_websocket(endpoint)
    if endpoint.billing is Billing.UNMETERABLE:
        return _unmeterable(shared, endpoint, request)
    if endpoint.billing is Billing.DEFERRED:
        return _deferred(shared, provider, endpoint, request, facts)
    if endpoint.billing is Billing.UPLOAD:
        return Upload(shared, _watched(shared, provider, endpoint, request, facts), request)
    try:
        ask = _looked_at(shared, provider, endpoint, request)
        ask = ordered(shared, provider, endpoint, ask)
        return consider_ask(shared, provider, endpoint, request, ask, facts)
    except FormatError as error:
        text = f"LLMCap cannot tell what this request may cost, so it was not sent: {error}."
        return _refused(shared, "unreadable_request", text, endpoint.dialect, request)


def _looked_at(shared: Shared, provider: Provider, endpoint: Endpoint, request: Request) -> Ask:
    """What a request asks for, with what of it nobody has declared; each is told once."""
    allowed = shared.policy.allow_fields
    ask = asked(endpoint, request, provider=provider.name, allowed=allowed)
    ask = allowing(ask, allowed)
    shared.tell_unread(provider.name, unread_names(ask))
    return ask


def consider_ask(
    shared: Shared,
    provider: Provider,
    endpoint: Endpoint,
    request: Request,
    ask: Ask,
    facts: Facts,
) -> Pass | Refused | Admission:
    """The same for what was read already: within a session, `request` is a frame of it."""
    ask = with_named(shared, provider, ask)
    call = _call(shared, provider, endpoint, request, ask, facts)
    until, models = over_by(ask, call.at), (ask.model, *ask.other_models)
    prices = [shared.price_of(provider, model, call.at, until=until) for model in models]
    if prices[0] is None and shared.policy.unknown_models is UnknownPolicy.ALLOW:
        name = f"{provider.name}/{ask.model}"
        shared.notify("unmetered", f"{name} has no price: passed unmetered", subject=name)
        return Pass("unknown model")
    for model, price in zip(models, prices, strict=True):
        if price is None:
            return _unknown_model(shared, provider, model, endpoint, request)
    known = [price for price in prices if price is not None]
    counted = sold(ask, known[0])
    named = dict(zip(models, known, strict=True))
    if other := unsold(ask.lots, named.__getitem__) or ("" if counted else ask.model):
        return _unsold(shared, provider, other, endpoint, request)
    ask = counted or ask
    try:
        admission = Admission(
            shared, provider=provider, endpoint=endpoint, request=request, ask=ask, call=call,
            prices=known, scopes=shared.scopes_of(call),
        )  # fmt: skip
        return restrained(admission)
    except NoBound as error:
        return unbounded(shared, endpoint, request, call, str(error))
    except PriceError as error:
        text = f"LLMCap cannot price all that this request may use, so it was not sent: {error}"
        return _refused(shared, "unknown_price", text, endpoint.dialect, request)


# --- parts --------------------------------------------------------------------------------------


def _unknown_endpoint(shared: Shared, provider: Provider, request: Request) -> Pass | Refused:
    if not stays_refused(shared.policy, provider, None, request):
        if names_a_model(request):
            where = f"{request.host}{request.path}"
            told = f"{where} names a model, and is not metered: passed"
            shared.notify_once("unmetered", told, subject=where)
        return Pass("unknown endpoint")
    text = (
        f"LLMCap does not know {request.method} {request.path} of {provider.name}, so it "
        "cannot tell what it costs and did not send it. Retrying does not help. If it costs "
        "nothing, set `unknown_endpoints: pass` in the LLMCap config."
    )
    told = f"{request.method} {request.path} of {provider.name} is not known: refused"
    shared.notify("unknown_endpoint", told, subject=f"{provider.name}{request.path}")
    return _refused(shared, "unknown_endpoint", text, provider.dialect, request)


def _no_websocket(endpoint: Endpoint) -> Refused:
    text = f"{endpoint.name} over a WebSocket is not metered: use plain HTTP requests"
    return Refused(Refusal(reason="websocket", message=text), refuse_upgrade())


def _unmeterable(shared: Shared, endpoint: Endpoint, request: Request) -> Pass | Refused:
    if shared.policy.unknown_endpoints is EndpointPolicy.PASS:
        where = f"{request.host}{request.path}"
        shared.notify("unmetered", f"{where} spends out of sight: passed", subject=where)
        return Pass("unmeterable")
    advice = f"{endpoint.advice} " if endpoint.advice else ""
    text = (
        f"{endpoint.name} spends money where a proxy cannot see it, so LLMCap did not send the "
        f"request. Retrying does not help. {advice}To allow it unmetered, set "
        "`unknown_endpoints: pass` in the LLMCap config."
    )
    return _refused(shared, "unmeterable", text, endpoint.dialect, request)


def _deferred(
    shared: Shared, provider: Provider, endpoint: Endpoint, request: Request, facts: Facts
) -> Pass | Deferred:
    watched = _watched(shared, provider, endpoint, request, facts)
    if not endpoint.charges_strangers and (told_of := watched.ask.previous_id):
        known = shared.ledger.claimed(provider.name, told_of)
        return Deferred(shared, watched) if known else Pass("nothing that was ordered here")
    return Deferred(shared, watched)


def _watched(
    shared: Shared, provider: Provider, endpoint: Endpoint, request: Request, facts: Facts
) -> Watched:
    ask = endpoint.read(request) if endpoint.read else Ask(model="")
    call = _call(shared, provider, endpoint, request, ask, facts)
    return Watched(
        provider=provider,
        endpoint=endpoint,
        ask=ask,
        call=call,
        scopes=shared.scopes_of(call),
    )


def _unknown_model(
    shared: Shared, provider: Provider, model: str, endpoint: Endpoint, request: Request
) -> Refused:
    name = model or "(none named)"
    text = (
        f"LLMCap has no price for the model {name} of {provider.name}, so it did not send the "
        "request: an unknown model is never free. Retrying does not help. Give it a price in "
        f"the LLMCap config, `prices: {{{provider.price_key}/{name}: {{input: ..., output: "
        "...}}` (USD per million tokens), or set `unknown_models: most_expensive`. If the model is "
        "new, `llmcap prices update` takes prices that are newer than this release."
    )
    told = f"{provider.name}/{name}"
    shared.notify(
        "unknown_model",
        f"{told} has no price: refused",
        subject=told,
    )
    return _refused(shared, "unknown_model", text, endpoint.dialect, request)


def _unsold(
    shared: Shared, provider: Provider, model: str, endpoint: Endpoint, request: Request
) -> Refused:
    text = (
        f"LLMCap did not send the request: {model} of {provider.name} is sold by a unit that "
        f"{endpoint.name} does not tell before the call, so it cannot say what this may cost. "
        "Retrying does not help. Give the model a price by tokens in the LLMCap config, or use "
        "the endpoint that its provider made for it."
    )
    return _refused(shared, "unmeterable", text, endpoint.dialect, request)


def _call(
    shared: Shared, provider: Provider, endpoint: Endpoint, request: Request, ask: Ask, facts: Facts
) -> Call:
    attributes = attributes_of(
        request, facts, provider=provider.name, endpoint=endpoint.name, model=ask.model,
        from_body=ask.attributes, policy=shared.policy, secret=shared.secret,
    )  # fmt: skip
    return Call(
        id=os.urandom(16).hex(), at=shared.clock(), provider=provider.name,
        endpoint=endpoint.name, model=ask.model, attributes=attributes,
        trace=request.headers.get("traceparent", ""),
    )  # fmt: skip


def _refused(shared: Shared, reason: str, message: str, dialect: str, request: Request) -> Refused:
    """A refusal that is not about a budget."""
    refusal = Refusal(reason=reason, message=message)
    return Refused(refusal, shared.reply(refusal, dialect, request))
