"""
A call that orders work of files: what those files ask for, as the ledger remembers them.

A batch names a file and nothing else. What the file asks for at most was summed up when it was
uploaded; what was not seen then, or not understood, cannot be ordered under a budget.
"""

from dataclasses import replace
from decimal import Decimal
from functools import partial
from math import ceil

from llmcap.bounds.lots import from_json, summed
from llmcap.providers.parts import hosted
from llmcap.providers.parts.orders import with_lots
from llmcap.providers.parts.shape import Ask, Endpoint, Provider, Work
from llmcap.shared.state import HIDDEN, Shared
from llmcap.words.errors import FormatError


def ordered(shared: Shared, provider: Provider, endpoint: Endpoint, ask: Ask) -> Ask:
    """
    What a request asks for, with the work that it orders of files or brings along in parts.

    Raises `FormatError` where that is not known.
    """
    if ask.made:
        ask = named(shared, provider, ask)
    if ask.kept_until is not None:
        left = (ask.kept_until - shared.clock()).total_seconds()
        ask = replace(ask, kept_seconds=Decimal(ceil(max(left, 0))), kept_until=None)
    if ask.files:
        assert endpoint.order is not None, endpoint.name
        ask = endpoint.order(ask, [_work(shared, provider, each) for each in ask.files])
    if ask.parts:
        parts = (with_named(shared, provider, each) for each in ask.parts)
        ask = with_lots(ask, summed(parts, family=provider.name))
    return ask


def named(shared: Shared, provider: Provider, ask: Ask) -> Ask:
    """
    The same with the model of what it names, and with the fees of the tools that this has.

    Of several models that may work, the dearest stands for all. What was never seen may have any
    model and all tools, unless the config has a price under its name.
    """
    known = shared.things.find(provider.price_key, ask.made)
    fees = {
        unit: count for unit, count in ask.made_fees.items() if known is None or unit in known.tools
    }
    if fees:
        bound = hosted.tools({next(iter(fees)): hosted.USES_DEFAULT})
        ask = replace(
            ask,
            fees={**fees, **ask.fees},
            loops=max(ask.loops, bound.loops),
            extra_input=max(ask.extra_input, bound.result_tokens),
        )
    if ask.model:
        return ask
    own = shared.prices.find(provider.price_key, ask.made, shared.clock())
    if known is None or own is not None:
        return replace(ask, model=ask.made if own else f"{HIDDEN}{ask.made}")
    first, *others = sorted(known.models, key=partial(_output_rate, shared, provider))
    instead = (*ask.instead, *others)
    return replace(ask, model=first, other_models=(*ask.other_models, *others), instead=instead)


def with_named(shared: Shared, provider: Provider, ask: Ask) -> Ask:
    """
    The same, served by any model that is named in what nobody has read.

    Any other text there is none: it makes the call as dear as the models can be that are known to
    serve it. A vendor whose models are not in the book could name another one so; it would be
    refused where a request names it as its model.
    """
    if not ask.unread_said:
        return ask
    now, known = shared.clock(), {ask.model, *ask.other_models}
    found = (each for each in ask.unread_said if each not in known)
    sold = [each for each in found if shared.prices.find(provider.price_key, each, now)]
    others, instead = (*ask.other_models, *sold), (*ask.instead, *sold)
    return replace(ask, other_models=others, instead=instead) if sold else ask


def _output_rate(shared: Shared, provider: Provider, model: str) -> Decimal:
    """For sorting, the dearest first; a model without a price comes before all."""
    price = shared.price_of(provider, model, shared.clock())
    return -price.rates.get("output", Decimal(0)) if price else Decimal("-Infinity")


def _work(shared: Shared, provider: Provider, file_id: str) -> Work:
    kept = shared.ledger.file(provider.name, file_id)
    if kept is None:
        raise FormatError(
            f"LLMCap has not seen what is in the file {file_id}: upload it again through LLMCap, "
            "in one request, and name the new file"
        )
    work = from_json(kept)
    if work.unreadable:
        raise FormatError(
            f"the file {file_id} could not be read when it was uploaded: {work.unreadable}"
        )
    return work
