"""
Usage times price, exactly: nothing is rounded before the whole call is.

How counts become lines:

- Input and output are wholes. A part (cached, written, sound, image, ...) is billed at its own rate
  where the price has one, else it is simply part of its whole. What no part counts is billed at
  `input` or `output`.
- What is cached of a medium has the discount of cached text on the medium's own rate.
- Parts may overlap (a cached image) and may even contradict their whole. Then the dearest parts are
  counted in full and the cheaper ones get what is left. A discounted part that is larger than its
  whole is not believed: all of it is billed at the rate of the whole.

At which rates is in `rates`.
"""

from collections.abc import Collection, Iterable
from decimal import Decimal, Inexact
from operator import attrgetter

from llmcap.pricing.rates import CEILING, MILLION_EXPONENT, ZERO, Rates, rates_for, scaled
from llmcap.pricing.terms import SUMMED
from llmcap.pricing.units import INPUT_UNITS, OUTPUT_UNITS, TOKEN_UNITS, units
from llmcap.words.errors import PriceError
from llmcap.words.money import EXACT
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
        lines.append((usage.input_tokens, _whole("input", usage.input_tokens, rates, price)))
    if any(_written_parts(usage)):
        lines += _output_lines(usage, price, rates)
    elif usage.output_tokens:
        lines.append((usage.output_tokens, _whole("output", usage.output_tokens, rates, price)))
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
    whole = _whole("input", usage.input_tokens, rates, price)
    write = rates.get("cache_write", whole)
    media = {kind: rates.get(f"input_{kind}", whole) for kind in ("audio", "image", "video")}
    # What is cached of a medium is in both counts.
    cached = {
        "audio": usage.cache_read_audio,
        "image": usage.cache_read_image,
        "video": usage.cache_read_video,
    }
    sent = {"audio": usage.input_audio, "image": usage.input_image, "video": usage.input_video}
    read = rates.get("cache_read", whole)
    return _split(
        usage.input_tokens,
        whole,
        (
            *((cached[kind], _cached(kind, rates, whole)) for kind in cached),
            (max(usage.cache_read - sum(cached.values()), 0), read),
            (usage.cache_write_5m, write),
            (usage.cache_write_1h, rates.get("cache_write_1h", write)),
            *((max(sent[kind] - cached[kind], 0), media[kind]) for kind in media),
        ),
    )


def _cached(kind: str, rates: Rates, whole: Decimal) -> Decimal:
    """
    The rate of a cached medium: its own, else discounted as text is.

    A medium that is billed as text is, is cached as text is, too. Where neither the medium nor a
    cache has a rate that could be compared, the dearer of the two is its.
    """
    fresh = rates.get(f"input_{kind}", whole)
    own, read = rates.get(f"cache_read_{kind}"), rates.get("cache_read", whole)
    if own is not None:
        return own
    return scaled(read, fresh, whole) if whole else max(read, fresh)


def _output_lines(usage: Usage, price: Price, rates: Rates) -> list[Line]:
    whole = _whole("output", usage.output_tokens, rates, price)
    return _split(
        usage.output_tokens,
        whole,
        (
            _reasoned(usage, rates, whole),
            (usage.output_audio, rates.get("output_audio", whole)),
            (usage.output_image, rates.get("output_image", whole)),
            (usage.output_video, rates.get("output_video", whole)),
        ),
    )


def _reasoned(usage: Usage, rates: Rates, whole: Decimal) -> Line:
    """Reasoning is within the output, whatever a vendor counts, unless it is billed apart."""
    if "reasoning" in rates:
        return usage.reasoning, rates["reasoning"]
    return min(usage.reasoning, usage.output_tokens), whole


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


def _whole(name: str, count: int, rates: Rates, price: Price) -> Decimal:
    """
    The rate of what no part counts.

    A model that only draws has no price for text that it writes, and one that only embeds has none
    for output at all; where such tokens are told all the same, they are billed as the dearest that
    the model reads or writes.
    """
    if name in rates:
        return rates[name]
    units = OUTPUT_UNITS if name == "output" else INPUT_UNITS
    known = [rates[unit] for unit in units if unit in rates]
    known = known or [rates[unit] for unit in TOKEN_UNITS if unit in rates]
    return max(known) if known else _rate(name, count, rates, price)


def _rate(name: str, count: Count, rates: Rates, price: Price) -> Decimal:
    rate = rates.get(name)
    if rate is not None:
        return rate
    raise PriceError(
        f"{price.provider}/{price.model} has no price for {name}, of which {count} are used\n"
        f"hint: add one to the config: prices: {{{price.provider}/{price.model}: {{{name}: ...}}}}"
    )
