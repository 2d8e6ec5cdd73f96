"""
The rates of a call: what its price, its context tier and its terms of service make of each unit.

- A context tier is chosen by all the input tokens of the call, cached ones included.
- Terms that the price has a variant for replace or multiply rates; those of different kinds
  multiply each other. A term that it has none for costs the dearest that its kind can be here: the
  book gives every price what its vendor asks for a term where it lists none (`terms`), so nothing
  known is missing, and what nobody knows is never taken for the base price.
- What a tier or a variant does not name follows its whole: a part that has no price of its own
  stays one, and one that has is raised as its whole is, never lowered.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import ROUND_CEILING, Context, Decimal
from functools import lru_cache

from llmcap.pricing.terms import (
    BATCH,
    DEAREST,
    FLEX,
    SUMMED,
    by_kind,
    is_base,
    is_untold,
    kind_of,
)  # fmt: skip
from llmcap.pricing.units import OUTPUT_UNITS, TOKEN_UNITS
from llmcap.words.money import EXACT
from llmcap.words.usage import Price, Tier, Variant

Rates = Mapping[str, Decimal]
# What a call may be served under in one kind of term; None is the price as it stands first.
Choices = Sequence[Variant | None]

ZERO = Decimal(0)
ONE = Decimal(1)
MILLION_EXPONENT = -6
# The ratio of two variants, or a rate per hour for one second, has no last digit: those are cut
# after 30 digits, upwards. Everything else is exact, as two such figures still fit `EXACT`.
CEILING = Context(prec=30, rounding=ROUND_CEILING)

# What was computed of so many prices under their terms is kept.
_KEPT = 4_096

_TOKENS = frozenset(TOKEN_UNITS)
_OUTPUT = frozenset(OUTPUT_UNITS)

# What a token may be billed at without anybody having sent or asked for sound.
_SILENT_INPUT = ("input", "cache_write", "cache_write_1h", "input_image", "input_video")
_SILENT_OUTPUT = tuple(unit for unit in OUTPUT_UNITS if unit != "output_audio")


def rates_for(
    price: Price, terms: Collection[str], input_tokens: int, *, marginal: bool = False
) -> Rates:
    """
    The rates of a call that reads this many tokens under these terms.

    A marginal tier re-prices only what is read past it, so it leaves the input rates as they are
    (`cost` adds the difference) unless `marginal` asks for the rates past it.
    """
    if not (terms or price.tiers):
        return price.rates
    steps = _steps_below(price, input_tokens)
    return _rates_for(price, tuple(terms), steps, marginal=marginal, held=False)


def worst_rates(
    price: Price,
    terms: Collection[str],
    input_tokens: int,
    *,
    audio: bool = False,
) -> tuple[Decimal, Decimal]:
    """
    Dollars for one input token and for one output token, at the dearest they can be in such a call.

    `terms` are those that it asks for. What it asks for may be denied, so a term that makes the
    call cheaper counts only where it is no wish: a batch is one. Of the kinds that it asks nothing
    of, what its account may have by default counts. The call reads at most `input_tokens`, so
    every tier below that counts too. Rates for sound count only with `audio`, or where a model has
    no others.
    """
    return _worst_rates(price, tuple(terms), _steps_below(price, input_tokens), audio=audio)


@lru_cache(maxsize=_KEPT)
def _worst_rates(
    price: Price, terms: tuple[str, ...], steps: tuple[int, ...], *, audio: bool
) -> tuple[Decimal, Decimal]:
    input_rate = output_rate = ZERO
    for count in range(len(steps) + 1):
        rates = _rates_for(price, terms, steps[:count], marginal=True, held=True)
        input_rate = max(input_rate, _dearest(rates, _SILENT_INPUT, "input_audio", audio=audio))
        output_rate = max(output_rate, _dearest(rates, _SILENT_OUTPUT, "output_audio", audio=audio))
    return (
        input_rate.scaleb(MILLION_EXPONENT, context=EXACT),
        output_rate.scaleb(MILLION_EXPONENT, context=EXACT),
    )


@lru_cache(maxsize=_KEPT)
def _rates_for(
    price: Price, terms: tuple[str, ...], steps: tuple[int, ...], *, marginal: bool, held: bool
) -> Rates:
    read = max(steps, default=-1) + 1
    if SUMMED in terms:
        read = 0
    usual = _tiered(price.rates, price.tiers, price, read, marginal=marginal)
    rates = usual
    for choices in _choices(price, terms, held=held):
        tables = [
            rates if each is None else _varied(each, rates, usual, price, read, marginal=marginal)
            for each in choices
        ]
        rates = _dearest_of(tables)
    return rates


# --- what may be served ---------------------------------------------------------------------


def _choices(price: Price, terms: tuple[str, ...], *, held: bool) -> Iterable[Choices]:
    """For each kind of term that matters, what the call may be served under."""
    named = by_kind(terms)
    if held:
        for kind in sorted({kind_of(term) for term in price.variants} - named.keys()):
            yield (None, *_unasked(price, kind))
    for kind in sorted(named):
        served = [each for term in named[kind] for each in _served(price, kind, term)]
        # A discount that was only carried over from an earlier price is no promise either.
        unsure = any(each is not None and each.carried for each in served)
        wished = held and (unsure or any(term != BATCH for term in named[kind]))
        yield (None, *served) if wished else served


def _served(price: Price, kind: str, term: str) -> Choices:
    if is_base(term):
        return (None,)
    if is_untold(term):
        return (None, *_unasked(price, kind))
    if term in price.variants:
        return (price.variants[term],)
    # No vendor asks more for a batch. Of anything else that is unknown the dearest is assumed: of
    # this vendor, or of all that are known.
    if term in (BATCH, FLEX):
        return (None,)
    known = [
        variant
        for each, variant in price.variants.items()
        if kind_of(each) == kind and each not in (BATCH, FLEX)
    ]
    return (None, *known) if known else (None, Variant(factor=DEAREST[kind]))


def _unasked(price: Price, kind: str) -> list[Variant]:
    return [each for each in _variants(price, kind) if each.unasked]


def _variants(price: Price, kind: str) -> list[Variant]:
    return [each for term, each in price.variants.items() if kind_of(term) == kind]


# --- tables ---------------------------------------------------------------------------------


def _varied(
    variant: Variant, rates: Rates, usual: Rates, price: Price, read: int, *, marginal: bool
) -> Rates:
    """
    What a variant makes of the rates, which terms of other kinds may have changed before it.

    Its own rates are for the usual ones: they move as those have moved, and where a tier of the
    price is one that it does not know, with the tier.
    """
    own = _tiered(variant.rates, variant.tiers, price, read, marginal=marginal)
    changed: dict[str, Decimal] = {}
    for name, rate in own.items():
        amount = rate
        if stands := usual.get(name):
            if not any(name in tier.rates for tier in variant.tiers):
                amount = scaled(amount, stands, price.rates.get(name, stands))
            amount = scaled(amount, rates[name], stands)
        changed[name] = amount
    combined = _followed(changed, rates, price.rates, spread=True) if changed else dict(rates)
    if variant.factor != 1:
        for name in combined.keys() & _TOKENS:
            combined[name] = EXACT.multiply(combined[name], variant.factor)
    return combined


def _tiered(
    rates: Rates, tiers: Sequence[Tier], price: Price, read: int, *, marginal: bool
) -> Rates:
    chosen = rates
    for tier in tiers:
        if read > tier.above:
            changed = tier.rates
            if tier.marginal and not marginal:
                changed = {name: changed[name] for name in changed.keys() & _OUTPUT}
            chosen = _followed(changed, chosen, price.rates, spread=False)
    return chosen


def _followed(changed: Rates, before: Rates, base: Rates, *, spread: bool) -> dict[str, Decimal]:
    """
    The rates with these changes, and what follows from them for the units that they do not name.

    `spread`: a whole that is not named moves as the other is raised. A tier names what it changes,
    so it does not spread.
    """
    made = {**before, **changed}
    wholes = {whole: _raised(changed, before, whole) for whole in ("input", "output")}
    most = max((each for each in wholes.values() if each is not None), default=ONE)
    for name in before.keys() & _TOKENS - changed.keys():
        whole = "output" if name in _OUTPUT else "input"
        ratio = wholes[whole] or (most if spread else ONE)
        if whole in changed and base.get(name) == base.get(whole):
            made[name] = changed[whole]  # it has no price of its own
        elif ratio > 1:
            made[name] = CEILING.multiply(before[name], ratio)
    return made


def _raised(changed: Rates, before: Rates, whole: str) -> Decimal | None:
    """By how much a whole is dearer than before; None where it is not named, or was nothing."""
    if whole not in changed or not before.get(whole):
        return None
    return CEILING.divide(changed[whole], before[whole])


def _dearest_of(tables: Sequence[Rates]) -> Rates:
    """The highest rate of each unit; where a table has none for a part, its whole's counts."""
    first, *others = tables
    if not others:
        return first
    dearest: dict[str, Decimal] = {}
    for name in dict.fromkeys(name for table in tables for name in table):
        whole = "output" if name in _OUTPUT else "input" if name in _TOKENS else name
        found = [table.get(name, table.get(whole)) for table in tables]
        dearest[name] = max(rate for rate in found if rate is not None)
    return dearest


def _dearest(rates: Rates, names: Iterable[str], sound: str, *, audio: bool) -> Decimal:
    known = [rates[name] for name in names if name in rates]
    if sound in rates and (audio or not known):
        known.append(rates[sound])
    return max(known, default=ZERO)


def scaled(rate: Decimal, above: Decimal, below: Decimal) -> Decimal:
    """`rate * above / below`, exactly where nothing changes, else upwards."""
    if above == below or not below:
        return rate
    return CEILING.divide(CEILING.multiply(rate, above), below)


# --- tiers ----------------------------------------------------------------------------------


@lru_cache(maxsize=_KEPT)
def _steps(price: Price) -> tuple[int, ...]:
    """Where tiers begin, those of its variants too."""
    tiers = (*price.tiers, *(tier for each in price.variants.values() for tier in each.tiers))
    return tuple(sorted({tier.above for tier in tiers}))


def _steps_below(price: Price, input_tokens: int) -> tuple[int, ...]:
    """Those that a call which reads this many tokens is past: all that its rates depend on."""
    steps = _steps(price)
    return steps[: bisect_left(steps, input_tokens)]
