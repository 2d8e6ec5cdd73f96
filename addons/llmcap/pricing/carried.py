"""
What a new price of a model keeps of the one before it, where it says nothing of it.

A price changes because its vendor, a source or the config names new rates. What they do not name
(a batch at half price, a tier past so many tokens, a fee) was not given up by that: it holds on, in
the proportion that it had. So a later price never knows less than the earlier one.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType

from llmcap.pricing.rates import scaled
from llmcap.pricing.units import OUTPUT_UNITS, TOKEN_UNITS
from llmcap.words.usage import Price, Tier, Variant

Rates = Mapping[str, Decimal]


def carried(
    before: Price, after: Price, *, tiers: bool, variants: bool, ended: Collection[str] = ()
) -> Price:
    """
    The later price with what it does not name of the earlier one.

    `tiers` and `variants` say whether it is silent about those: an empty list or mapping is a word.
    `ended` are the units and terms of which it is said that they hold no more.
    A discount on a part (cached tokens) is not carried: it is given only where it is listed.
    """
    rates = {**_without(_kept(before.rates, after.rates), ended), **after.rates}
    moved = _moved(before.variants, before.rates, rates) if variants else {}
    return replace(
        after,
        rates=MappingProxyType(rates),
        tiers=moved_tiers(before.tiers, before.rates, rates) if tiers else after.tiers,
        variants=MappingProxyType({**_without(moved, ended), **after.variants}),
    )


def _without[Word](named: Mapping[str, Word], ended: Collection[str]) -> dict[str, Word]:
    return {name: each for name, each in named.items() if name not in ended}


def _kept(before: Rates, after: Rates) -> dict[str, Decimal]:
    kept: dict[str, Decimal] = {}
    for name, rate in before.items():
        if name not in TOKEN_UNITS:
            kept[name] = rate
            continue
        whole = "output" if name in OUTPUT_UNITS else "input"
        was, now = before.get(whole), after.get(whole)
        if was is not None and now is not None and rate >= was:
            kept[name] = scaled(rate, now, was)
    return kept


def _moved(variants: Mapping[str, Variant], old: Rates, new: Rates) -> dict[str, Variant]:
    return {term: moved_variant(variant, old, new) for term, variant in variants.items()}


def moved_variant(variant: Variant, old: Rates, new: Rates) -> Variant:
    """A variant whose rates move as the price's own did."""
    return replace(
        variant,
        rates=moved_rates(variant.rates, old, new),
        tiers=moved_tiers(variant.tiers, old, new),
    )


def moved_tiers(tiers: tuple[Tier, ...], old: Rates, new: Rates) -> tuple[Tier, ...]:
    """Tiers whose rates move as the price's own did."""
    return tuple(replace(tier, rates=moved_rates(tier.rates, old, new)) for tier in tiers)


def moved_rates(rates: Rates, old: Rates, new: Rates) -> Rates:
    """Rates beside those of a price, moved as its own have moved."""
    return MappingProxyType(
        {
            name: scaled(rate, new[name], old[name]) if name in new and name in old else rate
            for name, rate in rates.items()
        }
    )
