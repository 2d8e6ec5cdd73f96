"""
Usage times price, exactly: nothing is rounded before the whole call is.

How counts become lines:

- Input and output are wholes. A part (cached, written, sound, image, ...) is billed at its own rate
  where the price has one, else it is simply part of its whole. What no part counts is billed at
  `input` or `output`.
- Parts may overlap (a cached image) and may even contradict their whole. Then the dearest parts are
  counted in full and the cheaper ones get what is left. A discounted part that is larger than its
  whole is not believed: all of it is billed at the rate of the whole.
- A context tier is chosen by all the input tokens of the call, cached ones included.
- Terms of service (`batch`, `priority`, `geo-us`, ...) that the price has a variant for replace or
  multiply rates; several multiply each other. A term without a variant changes nothing.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import ROUND_CEILING, Context, Decimal, Inexact
from functools import lru_cache
from operator import attrgetter

from llmcap.errors import PriceError
from llmcap.money import EXACT
from llmcap.pricing.units import OUTPUT_UNITS, TOKEN_UNITS, units
from llmcap.records import Count, Price, Tier, Usage, Variant

Rates = Mapping[str, Decimal]
# A part of the input or output: how many tokens, and at which rate per million.
Line = tuple[int, Decimal]

ZERO = Decimal(0)
MILLION_EXPONENT = -6
# A rate per hour for one second has no last digit, neither has the ratio of two variants: those two
# are cut after 30 digits, upwards. Everything else is exact, as two such figures still fit `EXACT`.
_CEILING = Context(prec=30, rounding=ROUND_CEILING)

# A term of our own: the counts are sums over several passes of a server-side loop, none of which
# was long enough for a context tier. Only who read the response can know that.
SUMMED = "summed"

# What was computed of so many prices under their terms is kept.
_KEPT = 4_096

_TOKENS = frozenset(TOKEN_UNITS)
_OUTPUT = frozenset(OUTPUT_UNITS)

# What is read, and what is written, beside the wholes.
_read_parts = attrgetter(
    "cache_read", "cache_write_5m", "cache_write_1h", "input_audio", "input_image", "input_video"
)
_written_parts = attrgetter("reasoning", "output_audio", "output_image", "output_video")
# What a token may be billed at without anybody having sent or asked for sound.
_SILENT_INPUT = ("input", "cache_write", "cache_write_1h", "input_image", "input_video")
_SILENT_OUTPUT = tuple(unit for unit in OUTPUT_UNITS if unit != "output_audio")


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


def worst_rates(
    price: Price,
    terms: Collection[str],
    input_tokens: int,
    *,
    audio: bool = False,
) -> tuple[Decimal, Decimal]:
    """
    Dollars for one input token and for one output token, at the dearest they can be in such a call.

    The call reads at most `input_tokens`, so every tier below that counts. Rates for sound count
    only with `audio`, or where a model has no others. A variant that a provider applies unasked
    (a workspace's default region) counts unless `terms` already name one of its kind.
    """
    return _worst_rates(price, tuple(terms), _steps_below(price, input_tokens), audio=audio)


@lru_cache(maxsize=_KEPT)
def _worst_rates(
    price: Price, terms: tuple[str, ...], steps: tuple[int, ...], *, audio: bool
) -> tuple[Decimal, Decimal]:
    asked = set(terms)
    regions = {term for term in price.variants if term.startswith("geo-")}
    if not regions & asked:
        unasked = [term for term in regions if price.variants[term].unasked]
        asked.update(sorted(unasked, key=lambda term: -price.variants[term].factor)[:1])
    input_rate = output_rate = ZERO
    for read in (0, *(step + 1 for step in steps)):
        rates = rates_for(price, asked, read, marginal=True)
        input_rate = max(input_rate, _dearest(rates, _SILENT_INPUT, "input_audio", audio=audio))
        output_rate = max(output_rate, _dearest(rates, _SILENT_OUTPUT, "output_audio", audio=audio))
    return (
        input_rate.scaleb(MILLION_EXPONENT, context=EXACT),
        output_rate.scaleb(MILLION_EXPONENT, context=EXACT),
    )


# --- rates ----------------------------------------------------------------------------------


def rates_for(
    price: Price, terms: Collection[str], input_tokens: int, *, marginal: bool = False
) -> Rates:
    """
    The rates of a call that reads this many tokens under these terms.

    A marginal tier re-prices only what is read past it, so it leaves the input rates as they are
    (`_surcharges` adds the difference) unless `marginal` asks for the rates past it.
    """
    if not (terms or price.tiers):
        return price.rates
    return _rates_for(price, tuple(terms), _steps_below(price, input_tokens), marginal=marginal)


@lru_cache(maxsize=_KEPT)
def _rates_for(
    price: Price, terms: tuple[str, ...], steps: tuple[int, ...], *, marginal: bool
) -> Rates:
    input_tokens = max(steps, default=-1) + 1
    if SUMMED in terms:
        input_tokens = 0
    rates = _tiered(price.rates, price.tiers, input_tokens, marginal=marginal)
    variants = [price.variants[term] for term in sorted(terms) if term in price.variants]
    if not variants:
        return rates
    combined = dict(rates)
    for variant in variants:
        own = _tiered(variant.rates, variant.tiers, input_tokens, marginal=marginal)
        for name, rate in own.items():
            combined[name] = _replace(name, rate, combined, rates, price, variant)
        if variant.factor != 1:
            for name in combined.keys() & _TOKENS:
                combined[name] = EXACT.multiply(combined[name], variant.factor)
    return combined


def _replace(
    name: str, rate: Decimal, combined: Rates, rates: Rates, price: Price, variant: Variant
) -> Decimal:
    """A variant's rate, times what another variant and a tier that it does not know make of it."""
    usual = rates.get(name)
    if not usual:
        return rate
    if not any(name in tier.rates for tier in variant.tiers):
        rate = scaled(rate, usual, price.rates.get(name, usual))
    return scaled(rate, combined[name], usual)


def scaled(rate: Decimal, above: Decimal, below: Decimal) -> Decimal:
    """`rate * above / below`, exactly where nothing changes, else upwards."""
    if above == below or not below:
        return rate
    return _CEILING.divide(_CEILING.multiply(rate, above), below)


def _tiered(rates: Rates, tiers: Sequence[Tier], input_tokens: int, *, marginal: bool) -> Rates:
    chosen = rates
    for tier in tiers:
        if input_tokens > tier.above:
            changed = tier.rates
            if tier.marginal and not marginal:
                changed = {name: changed[name] for name in changed.keys() & _OUTPUT}
            chosen = {**chosen, **changed}
    return chosen


@lru_cache(maxsize=_KEPT)
def _steps(price: Price) -> tuple[int, ...]:
    """Where tiers begin, those of its variants too."""
    tiers = (*price.tiers, *(tier for each in price.variants.values() for tier in each.tiers))
    return tuple(sorted({tier.above for tier in tiers}))


def _steps_below(price: Price, input_tokens: int) -> tuple[int, ...]:
    """Those that a call which reads this many tokens is past: all that its rates depend on."""
    steps = _steps(price)
    return steps[: bisect_left(steps, input_tokens)]


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


def _dearest(rates: Rates, names: Iterable[str], sound: str, *, audio: bool) -> Decimal:
    known = [rates[name] for name in names if name in rates]
    if sound in rates and (audio or not known):
        known.append(rates[sound])
    return max(known, default=ZERO)


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
        return _CEILING.divide(amount, Decimal(unit.per))


def _rate(name: str, count: Count, rates: Rates, price: Price) -> Decimal:
    rate = rates.get(name)
    if rate is not None:
        return rate
    raise PriceError(
        f"{price.provider}/{price.model} has no price for {name}, of which {count} are used\n"
        f"hint: add one to the config: prices: {{{price.provider}/{price.model}: {{{name}: ...}}}}"
    )
