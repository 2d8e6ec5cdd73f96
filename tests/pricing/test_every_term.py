"""Promise: no term of service makes a call cheaper than its price says, in any row of the book."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache

import pytest

from llmcap.pricing import PriceBook, worst_rates
from llmcap.pricing.rates import rates_for
from llmcap.pricing.terms import (
    BATCH,
    FAST,
    FLEX,
    KINDS,
    OPTIMIZED,
    PRIORITY,
    STANDARD,
    ULTRAFAST,
    UNKNOWN,
    kind_of,
    untold_of,
)  # fmt: skip
from llmcap.words.usage import Price

NOW = datetime(2026, 11, 25, tzinfo=UTC)
BOOK = PriceBook()
DEARER = (PRIORITY, ULTRAFAST, UNKNOWN, FAST, OPTIMIZED, "geo-us", "geo-eu", "geo-unknown")
TERMS = (*DEARER, FLEX, STANDARD, *(untold_of(kind) for kind in KINDS))


@cache
def rows(provider: str) -> tuple[Price, ...]:
    """One price of each shape in a provider's list: what terms do depends on nothing else."""
    found: dict[str, Price] = {}
    for model in BOOK.models(provider):
        price = BOOK.find(provider, model, NOW)
        if price is not None:
            shape = f"{sorted(price.rates)} {price.variants} {[each.above for each in price.tiers]}"
            found.setdefault(shape, price)
    return tuple(found.values())


def priced(provider: str) -> Iterator[tuple[Price, str]]:
    """Every row with every term."""
    return ((price, term) for price in rows(provider) for term in TERMS)


@pytest.mark.parametrize("provider", BOOK.providers())
def test_no_term_is_held_below_the_base_or_its_own_price(provider: str) -> None:
    """What is asked for may be denied, and what nobody lists may be dear."""
    for price, term in priced(provider):
        base = rates_for(price, (), 1)
        own = rates_for(price, (term,), 1) if term in price.variants else base
        read, written = worst_rates(price, (term,), 1)
        for rate, unit in ((read, "input"), (written, "output")):
            least = max(base.get(unit, 0), own.get(unit, 0))
            assert rate * 1_000_000 >= least, (price.provider, price.model, term, unit)


@pytest.mark.parametrize("provider", BOOK.providers())
def test_a_term_that_a_price_does_not_list_is_never_billed_at_less_than_the_base(
    provider: str,
) -> None:
    """But at the dearest that its vendor asks for any of the kind, or where none is known, more."""
    for price, term in priced(provider):
        if term in price.variants or term not in DEARER:
            continue
        base, under = rates_for(price, (), 1), rates_for(price, (term,), 1)
        alike = [
            rates_for(price, (each,), 1)
            for each in price.variants
            if kind_of(each) == kind_of(term) and each not in (BATCH, FLEX)
        ]
        for unit in ("input", "output"):
            if rate := base.get(unit):
                least = max([rate, *(each[unit] for each in alike)])
                where = (price.provider, price.model, term, unit)
                assert under[unit] >= least, where
                assert under[unit] > rate or alike, where


@pytest.mark.parametrize("provider", BOOK.providers())
def test_only_a_batch_and_a_flexible_call_are_cheaper(provider: str) -> None:
    """And they are told as such: a wish for one is held at the usual price."""
    for price in rows(provider):
        for term in price.variants:
            base, under = rates_for(price, (), 1), rates_for(price, (term,), 1)
            cheaper = any(
                base.get(unit) and under[unit] < base[unit] for unit in ("input", "output")
            )
            assert not cheaper or term in (BATCH, FLEX), (price.provider, price.model, term)
