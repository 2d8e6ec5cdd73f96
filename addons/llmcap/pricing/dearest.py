"""
The dearest of several models as one price: for a model that nobody knows, and for a router.

A router is an entry of the book with `serves`, the models of which one will serve a call, and with
its own fee as its rates. Before the call it costs what the dearest of them does and the fee; after
it, what the one that served does and the fee.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, Context, Decimal
from types import MappingProxyType

from llmcap.pricing.rates import rates_for
from llmcap.pricing.units import OUTPUT_UNITS, SIDE_UNITS, TOKEN_UNITS
from llmcap.words.errors import PriceError
from llmcap.words.usage import Price, Variant

Rates = Mapping[str, Decimal]

ANY_MODEL = "*"  # in `serves`: any that the provider's list has

ZERO, ONE = Decimal(0), Decimal(1)
_CEILING = Context(prec=12, rounding=ROUND_CEILING)


def bills_tokens(price: Price) -> bool:
    """Whether any token of the model has a price."""
    return any(price.rates.get(unit) for unit in TOKEN_UNITS)


def longest(prices: Sequence[Price], limit: str) -> int | None:
    """The largest of a limit that is known of one of them."""
    return max((getattr(price, limit) or 0 for price in prices), default=0) or None


def tables(price: Price, term: str = "") -> list[Rates]:
    """Every table of rates that a call could meet under one term: one for each context tier."""
    read = (0, *(above + 1 for above in _bounds(price)))
    terms = (term,) if term else ()
    return [rates_for(price, terms, tokens, marginal=True) for tokens in read]


def dearer(prices: Sequence[Price]) -> Price:
    """What no price of one model exceeds, whatever tier and term of them a call meets."""
    for price in prices:
        if all(_covers(price, other) for other in prices):
            return price
    return replace(
        prices[0],
        rates=MappingProxyType(highest([each for price in prices for each in tables(price)])),
        tiers=(),
        variants=_worst_variants(prices),
        source="; ".join(price.source for price in prices),
    )


def routed(router: Price, prices: Sequence[Price]) -> Price:
    """
    What a router costs that may have any of these serve: the dearest of them, and its fee.

    Raises `PriceError` where it has no models, or a fee that is not per token.
    """
    name = f"{router.provider}/{router.model}"
    fee = {unit: rate for unit, rate in router.rates.items() if unit not in SIDE_UNITS}
    if not prices:
        raise PriceError(f"{name}: none of the models that it may choose has a price")
    if other := {unit for unit, rate in fee.items() if rate} - set(TOKEN_UNITS):
        raise PriceError(f"{name}: its fee must be per token, not per {', '.join(sorted(other))}")
    rates = {
        unit: rate + _fee(fee, unit) if unit in TOKEN_UNITS else rate
        for unit, rate in highest([each for price in prices for each in tables(price)]).items()
    }
    known = all(price.reads_most for price in prices)
    return replace(
        router,
        rates=MappingProxyType(rates),
        tiers=(),
        variants=_worst_variants(prices),
        fee=MappingProxyType(fee),
        context_window=longest(prices, "reads_most") if known else None,
        max_output=longest(prices, "max_output") if known else None,
        # Where the limits of one are not known: the largest of it or of its vendor's models.
        vendor_window=_largest(prices, "reads_most", "vendor_window"),
        vendor_output=_largest(prices, "max_output", "vendor_output"),
        reasons=True,
        source=f"{router.source}; the dearest that it may choose",
    )


def _largest(prices: Sequence[Price], own: str, vendors: str) -> int | None:
    found = [getattr(price, own) or getattr(price, vendors) for price in prices]
    return max(found) if found and all(found) else None


def _fee(fee: Rates, unit: str) -> Decimal:
    return fee.get("output" if unit in OUTPUT_UNITS else "input", ZERO)


def _covers(price: Price, other: Price) -> bool:
    """Whether the one costs as much as the other at least, in any tier and under any term."""
    if price is other:
        return True
    if _bounds(price) != _bounds(other):
        return False
    terms = ("", *price.variants, *other.variants)
    pairs = (zip(tables(price, each), tables(other, each), strict=True) for each in terms)
    return all(
        _rate(mine, unit) >= rate
        for each in pairs
        for mine, theirs in each
        for unit, rate in highest([mine, theirs]).items()
    )


def _bounds(price: Price) -> list[int]:
    """After how many tokens its rates become others."""
    tiers = (*price.tiers, *(tier for each in price.variants.values() for tier in each.tiers))
    return [tier.above for tier in tiers]


def _worst_variants(prices: Sequence[Price]) -> Mapping[str, Variant]:
    terms = sorted({term for price in prices for term in price.variants})
    return MappingProxyType({term: _worst_variant(prices, term) for term in terms})


def _worst_variant(prices: Sequence[Price], term: str) -> Variant:
    """The highest factor by which the term makes any unit of any of them dearer."""
    factor = ONE
    unasked = False
    for price in prices:
        if term not in price.variants:
            continue
        unasked = unasked or price.variants[term].unasked
        base, under = highest(tables(price)), highest(tables(price, term))
        ratios = [
            _CEILING.divide(under[unit], rate)
            for unit, rate in base.items()
            if rate and unit in TOKEN_UNITS
        ]
        factor = max([factor, *ratios])
    return Variant(factor=factor, unasked=unasked)


def highest(found: Sequence[Rates]) -> dict[str, Decimal]:
    """Of each unit the highest; a part that a table has no rate for costs what its whole does."""
    names = {name for table in found for name in table}
    return {name: max(_rate(table, name) for table in found) for name in names}


def _rate(table: Rates, name: str) -> Decimal:
    whole = "output" if name in OUTPUT_UNITS else "input"
    instead = whole if name in TOKEN_UNITS else name
    return table.get(name, table.get(instead, ZERO))
