"""
A demand from its parts: each has a most and who says so, or a stand-in, or the call is refused.

What stands in is the most that the model can do: its context window, its maximum output. Where its
seller lists none, what other sellers of the same model list; else the largest of any model in its
vendor's list; where these are not known either, nothing bounds the call.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import NamedTuple

from llmcap.pricing.terms import SUMMED
from llmcap.pricing.units import SIDE_UNITS
from llmcap.words.errors import NoBound
from llmcap.words.records import Demand, Part, Price

OWN_WINDOW = "the model's context window"
OWN_OUTPUT = "the model's maximum output"
ALIKE_WINDOW = "the context window of the same model at other sellers"
ALIKE_OUTPUT = "what the same model writes at other sellers"
VENDORS_WINDOW = "the largest context window of its vendor's models"
VENDORS_OUTPUT = "the largest maximum output of its vendor's models"
COSTLESS = "the largest of any model, as it costs nothing"

# For models that cost nothing and of which nothing is known: caps that count tokens need a figure.
# The largest window of any model in the book is that of Llama 4 Scout; the longest that Ollama lets
# a model read and write together unless it is told to: docs.ollama.com/context-length.
COSTLESS_WINDOW = 10_000_000
COSTLESS_OUTPUT = 262_144

DOLLARS = 9  # decimal places of a dollar in nano-dollars


# --- what stands in -------------------------------------------------------------------------


def most_read(prices: Sequence[Price], why: str, terms: Collection[str]) -> tuple[int, str]:
    """
    The most tokens that one of these models reads at once under these terms, and who says so.

    `why` is why that is needed: nothing else bounds it. Raises `NoBound` where nothing is known.
    """
    found = [_window(price, terms) for price in prices]
    known = [each for each in found if each is not None]
    if len(known) == len(prices):
        return _dearest(known)
    if _cost_nothing(prices):
        return COSTLESS_WINDOW, COSTLESS
    raise _no_bound(prices, "context_window", why)


def most_written(prices: Sequence[Price], why: str) -> tuple[int, str]:
    """The same for one answer; it has to fit into a window, where that is all that is known."""
    found = [_output(price) for price in prices]
    known = [each for each in found if each is not None]
    if len(known) == len(prices):
        return _dearest(known)
    if _cost_nothing(prices):
        return COSTLESS_OUTPUT, COSTLESS
    raise _no_bound(prices, "max_output", why)


def own_window(price: Price, terms: Collection[str]) -> int | None:
    """What a model is listed to read at most: a call of its usual window no more than that."""
    return price.context_window if SUMMED in terms else price.reads_most


def _window(price: Price, terms: Collection[str]) -> tuple[int, str] | None:
    """Of one model, the best that is known."""
    known = (
        (own_window(price, terms), OWN_WINDOW),
        (price.model_window, ALIKE_WINDOW),
        (price.vendor_window, VENDORS_WINDOW),
    )
    return next(((most, by) for most, by in known if most), None)


def _output(price: Price) -> tuple[int, str] | None:
    """Of one model, its own; else the least of what it cannot be more than."""
    if price.max_output:
        return price.max_output, OWN_OUTPUT
    known = (
        (price.model_output, ALIKE_OUTPUT),
        (price.context_window, OWN_WINDOW),
        (price.model_window, ALIKE_WINDOW),
        (price.vendor_output, VENDORS_OUTPUT),
        (price.vendor_window, VENDORS_OUTPUT),
    )
    return min(((most, by) for most, by in known if most), key=_tokens, default=None)


def _dearest(found: Iterable[tuple[int, str]]) -> tuple[int, str]:
    """The most of several models, and who says it: who knows least, where they are as many."""
    return max(found, key=_tokens)


def _tokens(found: tuple[int, str]) -> int:
    return found[0]


def _no_bound(prices: Sequence[Price], limit: str, why: str) -> NoBound:
    price = next(each for each in prices if not getattr(each, limit))
    name = f"{price.provider}/{price.model}"
    words = limit.replace("_", " ")
    return NoBound(
        f"{why}, and no {words} of {name} is known that could stand for it\n"
        f"hint: name it in the config: prices: {{{name}: {{{limit}: ...}}}}"
    )


# --- assembly -------------------------------------------------------------------------------


def summed(parts: Iterable[Part]) -> int:
    """What these cost together, rounded up once."""
    total = sum([each.nanos for each in parts], Decimal(0))
    return int(total.to_integral_value(ROUND_CEILING))


class Answer(NamedTuple):
    """The output that a limit governs: tokens of each choice, and what one of them costs in all."""

    limit: int
    limit_min: int  # a clamp does not go below it
    per_token_nanos: Decimal  # of all choices together
    fee_nanos: Decimal  # of what such a token is billed as besides
    choices: int
    by: str
    unbounded: str
    clampable: bool

    @property
    def nanos(self) -> Decimal:
        """What one token of the limit costs with all that it is billed as."""
        return self.per_token_nanos + self.fee_nanos

    @property
    def parts(self) -> Iterator[Part]:
        """The parts of a demand that it is."""
        tokens = self.limit * self.choices
        yield Part("output", tokens, self.limit * self.per_token_nanos, self.by, self.unbounded)
        if self.fee_nanos:
            yield Part("units of the output", tokens, self.limit * self.fee_nanos, self.by)


NO_ANSWER = Answer(0, 0, Decimal(0), Decimal(0), 1, "", "", clampable=False)


def assembled(
    fixed: Sequence[Part],
    prices: Sequence[Price],
    *,
    fixed_tokens: int,
    answer: Answer | None = None,
) -> Demand:
    """
    The demand that the parts make: what is fixed, and the answer.

    Raises `NoBound` where they come to nothing, and no price says that the call is free.
    """
    fixed_nanos = summed(fixed)
    told = answer or NO_ANSWER
    costs = fixed_nanos or (told.limit and told.nanos)
    return Demand(
        fixed_nanos=fixed_nanos,
        per_output_nanos=told.nanos,
        output_limit=told.limit,
        output_min=told.limit_min,
        clampable=told.clampable,
        fixed_tokens=fixed_tokens,
        per_output_tokens=told.choices,
        parts=(*fixed, *answer.parts) if answer else tuple(fixed),
        free="" if costs else free_by(prices),
    )


def free_by(prices: Sequence[Price]) -> str:
    """
    Who says that a call which comes to nothing is free: the price of every model that may serve it.

    Such a price has an explicit rate of zero for what the model reads or makes, and others for
    tools at most, of which this call has none. Raises `NoBound` for any other.
    """
    for price in prices:
        rates = {name: rate for name, rate in price.rates.items() if name not in SIDE_UNITS}
        if not rates and price.rates:
            continue  # a thing to rent, such as a container: its fees were counted
        if not rates or any(rates.values()) or _has_other_rates(price):
            sold = ", ".join(name for name, rate in rates.items() if rate) or "nothing"
            raise NoBound(
                f"{price.provider}/{price.model} is billed by {sold}, and the request does not "
                "tell how much of it there will be"
            )
    return ", ".join(f"{each.provider}/{each.model} costs 0: {each.source}" for each in prices)


def _has_other_rates(price: Price) -> bool:
    """Whether some tier or term of it costs something."""
    tables = [tier.rates for tier in price.tiers]
    for variant in price.variants.values():
        tables += [variant.rates, *(tier.rates for tier in variant.tiers)]
    return any(rate for table in tables for name, rate in table.items() if name not in SIDE_UNITS)


def _cost_nothing(prices: Sequence[Price]) -> bool:
    """Whether no model among them costs anything, whatever it reads and writes."""
    return not any(any(price.rates.values()) or _has_other_rates(price) for price in prices)
