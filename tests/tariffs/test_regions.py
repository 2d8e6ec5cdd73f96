"""Promise: a model costs in a region what its vendor asks there."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from walk import post, walk

from llmcap.pricing import PriceBook
from llmcap.pricing.rates import rates_for
from llmcap.tariffs.regions import with_regions
from llmcap.walk.flight import CallInFlight

BOOK = PriceBook()
NOW = datetime(2026, 11, 30, tzinfo=UTC)
REGIONAL = [
    (model, term, variant.factor)
    for model in BOOK.models("aws-bedrock")
    if (price := BOOK.find("aws-bedrock", model, NOW))
    for term, variant in price.variants.items()
    if term.startswith("geo-") and variant.factor > 1
]


def row(read: str, written: str) -> dict:
    """An entry of litellm's table."""
    return {
        "litellm_provider": "bedrock", "mode": "chat",
        "input_cost_per_token": Decimal(read), "output_cost_per_token": Decimal(written),
    }  # fmt: skip


def test_a_region_in_which_a_model_is_dearer_is_a_term_of_its_price():
    """By its dearest unit, and found by any of its names; a cheaper one changes nothing."""
    rates = {"input": Decimal(1), "output": Decimal(2)}
    prices: list[dict[str, Any]] = [{"since": None, "source": "s", "rates": rates}]
    models = {"acme.one": {"aliases": ["one"], "prices": prices}}
    rows = [
        ("cloud/aa-east-1/acme.one", row("0.0000012", "0.000003")),
        ("cloud/aa-east-1/ONE", row("0.0000011", "0.000002")),
        ("cloud/bb-east-1/acme.one", row("0.0000009", "0.000002")),
        ("cloud/aa-east-1/acme.two", row("1", "1")),
        ("acme.one", row("1", "1")),
    ]
    with_regions(models, rows, r"cloud/([a-z]+-[a-z]+-\d)/(.+)")
    assert prices[0]["variants"] == {"geo-aa-east-1": {"factor": Decimal("1.5")}}


@pytest.mark.parametrize(
    ("host", "times"),
    [
        ("bedrock-runtime.us-east-1.amazonaws.com", 1),
        ("bedrock-runtime.sa-east-1.amazonaws.com", Decimal("1.6792")),
        ("bedrock-runtime-fips.us-gov-west-1.api.aws", Decimal("1.2")),
        ("bedrock-runtime.zz-south-9.amazonaws.com", Decimal("1.6792")),
    ],
)
def test_a_call_is_held_and_billed_at_the_price_of_its_region(host, times):
    """One that nobody lists is as dear as the dearest is."""
    there = walk("1000")
    base = {"input": Decimal("2.65"), "output": Decimal("3.5")}
    model = "meta.llama3-70b-instruct-v1:0"
    if "gov" in host:
        model, base = "amazon.nova-pro-v1:0", {"input": Decimal("0.8"), "output": Decimal("3.2")}
    asked = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
    limited = {**asked, "inferenceConfig": {"maxTokens": 1_000}}
    call = there.admit(post(f"/model/{model}/converse", limited, host=host))
    assert isinstance(call, CallInFlight)
    nanos = times * base["output"] * 1_000_000
    assert nanos <= there.balance.held <= Decimal("1.2") * nanos
    call.responded(200, {"content-type": "application/json"}, streams=False)
    call.feed(
        b'{"usage": {"inputTokens": 0, "outputTokens": 1000, "totalTokens": 1000}, '
        b'"output": {"message": {"content": [{"text": "x"}]}}, "stopReason": "end_turn"}'
    )
    call.finish()
    assert there.balance.spent >= nanos


def test_every_regional_price_of_the_book_is_above_that_of_elsewhere():
    """A factor of the region moves all that is read and written."""
    assert len(REGIONAL) > 100
    for model, term, factor in REGIONAL:
        price = BOOK.find("aws-bedrock", model, NOW)
        assert price is not None
        there = rates_for(price, (term,), 0)
        for unit in {"input", "output"} & price.rates.keys():
            assert there[unit] == price.rates[unit] * factor
