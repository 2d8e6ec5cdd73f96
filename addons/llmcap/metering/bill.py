"""
What a reading costs: the provider's own bill, or usage times the price of who served.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from llmcap.pricing import cost_usd
from llmcap.pricing.terms import billed
from llmcap.providers.parts.shape import Provider
from llmcap.words.errors import PriceError
from llmcap.words.money import ceil_nanos
from llmcap.words.records import Call, Hold
from llmcap.words.usage import COUNTS, Charge, Price, Reading, Usage

# The price of a provider's model at a time, as whoever asks for a bill looks it up: by the book
# that its call was held under, where it was held, as a changed config puts another in place.
PriceOf = Callable[[Provider, str, datetime], Price | None]


def cost_of(
    price_of: PriceOf, provider: Provider, reading: Reading, call: Call
) -> tuple[int, list[str]]:
    """
    Nano-dollars of a reading, and what should be said about it.

    The provider's own bill wins. A served model that has no price is billed as the asked one, and
    said so: the asked one had a price, or the call would not have been sent.
    """
    if reading.billed_usd is not None:
        return ceil_nanos(reading.billed_usd), []
    notes: list[str] = []
    usd = Decimal(0)
    for charge in reading.charges:
        if charge.is_free(call.at):
            continue
        # Some tell what was used, and not by which model.
        price = price_of(provider, charge.model or call.model, call.at)
        if price is None:
            price = price_of(provider, call.model, call.at)
            notes.append(f"served by {charge.model}, which has no price: billed as {call.model}")
        if price is None:
            raise PriceError(f"{provider.name}/{charge.model} has no price")
        usd += cost_usd(charge.usage, price, billed(charge.terms, reading.untold))
        usd += router_fee(price_of(provider, call.model, call.at), price, charge.usage)
    return ceil_nanos(usd), notes


class Bill(NamedTuple):
    """What a call cost; `known` is false where its price lacks a unit that the answer told."""

    nanos: int
    notes: list[str]
    known: bool = True


def bill_of(price_of: PriceOf, provider: Provider, reading: Reading, hold: Hold) -> Bill:
    """
    What a reading cost, or all that was held for it where that cannot be told.

    A seller may bill a model by units that its price does not have; the hold is the most that was
    thought of, and what nobody can price is never less.
    """
    try:
        return Bill(*cost_of(price_of, provider, reading, hold.call))
    except PriceError as error:
        why = str(error).partition("\n")[0]
        return Bill(hold.held_nanos, [f"billed at all that was held: {why}"], known=False)


def router_fee(asked: Price | None, served: Price, usage: Usage) -> Decimal:
    """What a router that was asked charges on top of the model that it chose; mostly nothing."""
    if asked is None or not asked.fee or served.fee:
        return Decimal(0)  # the price of a router itself has its fee in it
    tokens = Usage(usage.input_tokens, usage.output_tokens)
    both = {"input": Decimal(0), "output": Decimal(0), **asked.fee}
    return cost_usd(tokens, replace(asked, rates=both, variants={}))


def total(charges: tuple[Charge, ...]) -> Usage:
    """The counts of all charges together."""
    if len(charges) == 1:
        return charges[0].usage
    counts: dict[str, int] = {}
    extras: dict[str, int | Decimal] = {}
    for charge in charges:
        for name in COUNTS:
            counts[name] = counts.get(name, 0) + getattr(charge.usage, name)
        for name, count in charge.usage.extras.items():
            extras[name] = extras.get(name, 0) + count
    return Usage(**counts, extras=extras)


# The longest token of any vocabulary in use: 128 spaces, in OpenAI's o200k_base.
TOKEN_BYTES_MAX = 128


def cannot_be(reading: Reading) -> bool:
    """
    Whether the usage cannot be true of a model that read a prompt and wrote what was seen.

    It counts nothing at all, or nothing that was read, or less output than the text can have: a
    provider's mistake, or one in reading it. What is sold by other units than tokens, or as sound
    and pictures, has no such measure.
    """
    if reading.billed_usd is not None or counts_nothing(reading):
        return reading.billed_usd is None
    used = total(reading.charges)
    other = used.output_audio or used.output_image or used.output_video
    if other or not (used.input_tokens or used.output_tokens):
        return False
    least = -(-reading.visible_bytes // TOKEN_BYTES_MAX)
    return not used.input_tokens or used.output_tokens < least


def counts_nothing(reading: Reading) -> bool:
    """Whether the usage has no count at all: a provider's mistake, or one in reading it."""
    if reading.billed_usd is not None:
        return False
    return all(charge.usage.is_nothing for charge in reading.charges)
