"""
Promise: a row of the price book that can be admitted can be settled, wherever it is sold.

Every row of the book goes through every endpoint that its provider has; rows that have prices for
the same units are one. What is admitted must have a cost when it is answered: what its answer
tells, or all that was held where no price has what it tells.
"""

from datetime import UTC, datetime
from functools import cache

import pytest
from sold import ASKED, ELSEWHERE, endpoints, exchanges
from walk import BOOK

from llmcap.pricing.units import SIDE_UNITS
from llmcap.providers import PROVIDERS
from llmcap.providers.parts.shape import Provider
from llmcap.rehearsal import Stage, Verdict
from llmcap.words.records import Policy, Price

NOW = datetime(2026, 11, 30, tzinfo=UTC)

SELLERS = [
    provider
    for provider in PROVIDERS
    if BOOK.models(provider.price_key)
    and any(endpoint.name in ASKED for endpoint in endpoints(provider))
]


@cache
def kinds(price_key: str) -> dict[tuple[object, ...], tuple[str, Price]]:
    """One row of each kind that a provider sells, by the units that it has prices for."""
    found: dict[tuple[object, ...], tuple[str, Price]] = {}
    for model in BOOK.models(price_key):
        price = BOOK.find(price_key, model, NOW)
        assert price is not None, model
        units = (
            frozenset(price.rates),
            frozenset(unit for unit, rate in price.rates.items() if rate),
        )
        found.setdefault((*units, bool(price.serves)), (model, price))
    return found


def test_every_metered_endpoint_is_asked() -> None:
    """A new one fails here until it has a request and an answer."""
    names = {endpoint.name for provider in PROVIDERS for endpoint in endpoints(provider)}
    assert names == ASKED.keys() | ELSEWHERE


@pytest.mark.parametrize("provider", SELLERS, ids=lambda provider: provider.name)
def test_what_is_admitted_is_settled(provider: Provider) -> None:
    """Never for nothing, unless its price is, and never above what was held."""
    stage = Stage(BOOK, Policy(), now=NOW)
    wrong = []
    admitted = 0
    for endpoint, route in endpoints(provider).items():
        if endpoint.name in ELSEWHERE:
            continue
        for model, price in kinds(provider.price_key).values():
            for exchange in exchanges(provider, endpoint, route, model):
                found = stage.recorded(exchange, NOW)
                if found.verdict is not Verdict.ADMITTED:
                    continue
                admitted += 1
                failed = [text for text in found.told if text.startswith("internal_error")]
                later = found.settled_nanos is None
                # What bills nothing but its tools, and a model that is asked for another's work.
                others = endpoint.name == "invoke" or not any(
                    rate for unit, rate in price.rates.items() if unit not in SIDE_UNITS
                )
                costs = later or others or found.settled_nanos
                above = not later and (found.settled_nanos or 0) > (found.held_nanos or 0)
                if failed or not costs or above:
                    wrong.append((endpoint.name, model, found.held_nanos, found.settled_nanos,
                                  exchange.body[:200], failed))  # fmt: skip
    stage.close()
    assert not wrong, wrong[:5]
    assert admitted


@pytest.mark.parametrize("model", ["gpt-image-1", "gpt-image-2"])
@pytest.mark.parametrize("seller", ["azure-openai", "azure-ai"])
def test_pictures_are_settled_by_their_tokens(seller: str, model: str) -> None:
    """A row with a price for tokens of pictures, and none for output in general."""
    provider = next(each for each in PROVIDERS if each.name == seller)
    price = BOOK.find(seller, model, NOW)
    assert price is not None
    assert "output" not in price.rates
    stage = Stage(BOOK, Policy(), now=NOW)
    tried = 0
    for endpoint, route in endpoints(provider).items():
        if endpoint.name == "images":
            first, *_, last = exchanges(provider, endpoint, route, model)
            for exchange in (first, last):
                found = stage.recorded(exchange, NOW)
                tried += 1
                assert (found.verdict, found.told) == (Verdict.ADMITTED, ())
                assert found.settled_nanos is not None
                tokens = price.rates["output_image"] * 1_000
                assert 10 * tokens <= found.settled_nanos <= (found.held_nanos or 0)
    assert tried
