"""A router costs what the dearest that it may choose does, and the one that served plus its fee."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from llmcap.metering.bill import cost_of
from llmcap.pricing import PriceBook, cost_usd
from llmcap.pricing.dearest import routed
from llmcap.pricing.units import TOKEN_UNITS
from llmcap.providers import provider_named
from llmcap.words.errors import PriceError
from llmcap.words.records import Call
from llmcap.words.usage import Charge, Price, Reading, Usage, Variant

NOW = datetime(2026, 11, 30, tzinfo=UTC)
BOOK = PriceBook()


def priced(model: str, *, variants=None, **rates) -> Price:
    """A price in USD per million."""
    amounts = {unit: Decimal(rate) for unit, rate in rates.items()}
    return Price("acme", model, amounts, variants=variants or {}, max_output=9, context_window=90)


def routers() -> list[tuple[str, str]]:
    """Every router of the book."""
    return [
        (provider, model)
        for provider in BOOK.providers()
        for model in BOOK.models(provider)
        if (found := BOOK.find(provider, model, NOW)) and found.serves
    ]


def test_the_book_knows_routers():
    """Those whose fee, or whose zero, was taken for a price."""
    known = {f"{provider}/{model}" for provider, model in routers()}
    assert {"azure-openai/model-router", "openrouter/openrouter/auto"} <= known


@pytest.mark.parametrize(("provider", "model"), routers(), ids="/".join)
def test_whatever_a_router_chooses_costs_no_more_than_the_router(provider, model):
    """Every model that it may choose has a price, and under no term is it above the router's."""
    router = BOOK.find(provider, model, NOW)
    names = BOOK.models(provider) if router.serves == ("*",) else router.serves
    usage = Usage(300_000, 5_000, cache_read=9_000, cache_write_5m=9_000, reasoning=100)
    for name in names:
        price = BOOK.find(provider, name, NOW)
        assert price is not None, name
        if not {"input", "output"} <= price.rates.keys():
            continue
        for term in ("", *price.variants):
            terms = (term,) if term else ()
            assert cost_usd(usage, price, terms) <= cost_usd(usage, router, terms), (name, term)


def test_the_fee_is_billed_on_top_of_the_model_that_served():
    """Azure's is for what is read, learn.microsoft.com (model router, billing)."""
    azure = provider_named("azure-openai")
    call = Call("1", NOW, "azure-openai", "chat completions", "model-router")
    usage = Usage(input_tokens=1_000, output_tokens=100)

    def sold(_, model: str, at: datetime) -> Price | None:
        return BOOK.find("azure-openai", model, at)

    def billed(served: str) -> int:
        reading = Reading(charges=(Charge(served, usage),), complete=True)
        cost, _ = cost_of(
            lambda _, model, at: BOOK.find("azure-openai", model, at), azure, reading, call
        )
        return cost

    assert billed("gpt-5-nano-2025-08-07") == 90_000 + 140_000
    router = BOOK.find("azure-openai", "model-router", NOW)
    assert billed("model-router") == billed("") == cost_usd(usage, router) * 10**9


def test_terms_make_a_router_dearer_by_as_much_as_any_that_it_may_choose():
    """The one that a term makes five times as dear may not be the dearest without it."""
    fast = Variant(factor=Decimal(5))
    cheap = priced("cheap", input=1, output=2, variants={"fast": fast})
    dear = priced("dear", input=3, output=4)
    router = routed(priced("router", input="0.5"), [cheap, dear])
    assert router.rates == {"input": Decimal("3.5"), "output": Decimal(4)}
    assert router.variants["fast"].factor == 5


@pytest.mark.parametrize(
    ("fee", "chosen"),
    [({"input": 1}, []), ({"input": 1, "page": 2}, [priced("dear", input=3, output=4)])],
    ids=["nothing to choose", "a fee per page"],
)
def test_a_router_without_a_bound_is_a_broken_entry(fee, chosen):
    """What it may choose, and what it charges, must be known."""
    with pytest.raises(PriceError, match="acme/router"):
        routed(priced("router", **fee), chosen)


def test_a_price_of_the_users_own_is_the_whole_price_of_a_router():
    """Whoever says what its tokens cost knows which model it is."""
    own = PriceBook(overrides={"azure-openai/model-router": {"input": 1, "output": 2}})
    found = own.find("azure-openai", "model-router", NOW)
    assert (found.rates["input"], found.rates["output"], found.serves) == (1, 2, ())


def test_no_token_is_sold_at_the_price_of_a_thousand():
    """The dearest model that was ever sold by tokens is o1-pro: $600 a million."""
    for provider in BOOK.providers():
        for model in BOOK.models(provider):
            rates = BOOK.find(provider, model, NOW).rates
            assert all(rate <= 600 for unit, rate in rates.items() if unit in TOKEN_UNITS), model


@pytest.mark.parametrize("provider", ["azure-openai", "azure-ai", "openrouter"])
def test_a_router_has_limits_even_where_one_of_its_models_has_none(provider):
    """Those of its vendor's longest stand in, so that a call without a limit can be held."""
    name = "openrouter/auto" if provider == "openrouter" else "model-router"
    router = BOOK.find(provider, name, NOW)
    assert router.max_output or router.vendor_output
    assert router.context_window or router.vendor_window
