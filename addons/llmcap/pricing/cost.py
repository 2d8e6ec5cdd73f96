"""
Usage times price, exactly: nothing is rounded before the whole call is.

How counts become lines:

- Input and output are wholes. A part (cached, written, sound, image, ...) is billed at its own rate
  where the price has one, else it is simply part of its whole. What no part counts is billed at
  `input` or `output`.
- Parts may overlap (a cached image) and may even contradict their whole. Then the dearest parts are
  counted in full and the cheaper ones get what is left. A discounted part that is larger than its
  whole is not believed: all of it is billed at the rate of the whole.

At which rates is in `rates`.
"""

from collections.abc import Collection, Iterable
from decimal import Decimal, Inexact
from operator import attrgetter

from llmcap.errors import PriceError
from llmcap.money import EXACT
from llmcap.pricing.rates import CEILING, MILLION_EXPONENT, ZERO, Rates, rates_for
from llmcap.pricing.terms import SUMMED
from llmcap.pricing.units import units
from llmcap.words.usage import Count, Price, Usage

# A part of the input or output: how many tokens, and at which rate per million.
Line = tuple[int, Decimal]

# What is read, and what is written, beside the wholes.
_read_parts = attrgetter(
    "cache_read", "cache_write_5m", "cache_write_1h", "input_audio", "input_image", "input_video"
)
_written_parts = attrgetter("reasoning", "output_audio", "output_image", "output_video")


def cost_usd(usage: Usage, price: Price, terms: Collection[str] = ()) -> Decimal:
    """
    What the usage costs in dollars, not yet rounded.

    Raises `PriceError` for a unit that was used and has no rate: unpriced is never free.
    """
    rates = rates_for(price, terms, usage.input_tokens)
    lines = _surcharges(usage.input_tokens, price, terms)
    if any(_read_parts(usage)):
        lines += _input_lines(usage, price, rates)
    elif usage.input_tokens:
        lines.append((usage.input_tokens, _rate("input", usage.input_tokens, rates, price)))
    if any(_written_parts(usage)):
        lines += _output_lines(usage, price, rates)
    elif usage.output_tokens:
        lines.append((usage.output_tokens, _rate("output", usage.output_tokens, rates, price)))
    tokens_usd = _total(lines)
    total = tokens_usd.scaleb(MILLION_EXPONENT, context=EXACT)
    for name, count in usage.extras.items():
        total = EXACT.add(total, _fee(name, count, price, rates))
    return total


def _surcharges(input_tokens: int, price: Price, terms: Collection[str]) -> list[Line]:
    """What marginal tiers add: the tokens past each, at the difference of the `input` rates."""
    lines: list[Line] = []
    if SUMMED in terms or not price.tiers:
        return lines
    below = rates_for(price, terms, 0).get("input", ZERO)
    for tier in price.tiers:
        if tier.marginal and input_tokens > tier.above:
            rate = rates_for(price, terms, tier.above + 1, marginal=True).get("input", below)
            lines.append((input_tokens - tier.above, EXACT.subtract(rate, below)))
            below = rate
    return lines


# --- lines ----------------------------------------------------------------------------------


def _input_lines(usage: Usage, price: Price, rates: Rates) -> list[Line]:
    whole = _rate("input", usage.input_tokens, rates, price)
    write = rates.get("cache_write", whole)
    audio = rates.get("input_audio", whole)
    image = rates.get("input_image", whole)
    read = rates.get("cache_read", whole)
    # Cached sound is in both counts; it has a rate of its own, else the dearer of the two it is in.
    heard, seen = usage.cache_read_audio, usage.cache_read_image
    return _split(
        usage.input_tokens,
        whole,
        (
            (heard, rates.get("cache_read_audio", max(read, audio))),
            (seen, rates.get("cache_read_image", max(read, image))),
            (max(usage.cache_read - heard - seen, 0), read),
            (usage.cache_write_5m, write),
            (usage.cache_write_1h, rates.get("cache_write_1h", write)),
            (max(usage.input_audio - heard, 0), audio),
            (max(usage.input_image - seen, 0), image),
            (usage.input_video, rates.get("input_video", whole)),
        ),
    )


def _output_lines(usage: Usage, price: Price, rates: Rates) -> list[Line]:
    whole = _rate("output", usage.output_tokens, rates, price)
    return _split(
        usage.output_tokens,
        whole,
        (
            (usage.reasoning, rates.get("reasoning", whole)),
            (usage.output_audio, rates.get("output_audio", whole)),
            (usage.output_image, rates.get("output_image", whole)),
            (usage.output_video, rates.get("output_video", whole)),
        ),
    )


def _split(total: int, whole: Decimal, parts: Iterable[Line]) -> list[Line]:
    """Lines that cover the total once: the dearest parts first, the rest of it at `whole`."""
    believed: list[Line] = []
    for count, rate in parts:
        if count > total:
            total = count
            if rate < whole:
                continue
        if count > 0 and rate != whole:
            believed.append((count, rate))
    lines: list[Line] = []
    left = total
    for count, rate in sorted(believed, key=lambda line: line[1], reverse=True):
        if count_billed := min(count, left):
            lines.append((count_billed, rate))
            left -= count_billed
    if left:
        lines.append((left, whole))
    return lines


def _total(lines: Iterable[Line]) -> Decimal:
    total = ZERO
    for count, rate in lines:
        total = EXACT.add(total, EXACT.multiply(Decimal(count), rate))
    return total


def _fee(name: str, count: Count, price: Price, rates: Rates) -> Decimal:
    unit = units().get(name)
    if unit is None or unit.is_tokens:
        raise PriceError(f"{name!r} is not a unit for fees: see pricing/units.yaml for their names")
    if not count:
        return ZERO
    amount = EXACT.multiply(Decimal(count), _rate(name, count, rates, price))
    try:
        return EXACT.divide(amount, Decimal(unit.per))
    except Inexact:
        return CEILING.divide(amount, Decimal(unit.per))


def _rate(name: str, count: Count, rates: Rates, price: Price) -> Decimal:
    rate = rates.get(name)
    if rate is not None:
        return rate
    raise PriceError(
        f"{price.provider}/{price.model} has no price for {name}, of which {count} are used\n"
        f"hint: add one to the config: prices: {{{price.provider}/{price.model}: {{{name}: ...}}}}"
    )
