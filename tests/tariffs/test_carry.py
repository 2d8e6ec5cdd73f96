"""The book cannot forget: what a later price does not name is carried over from the earlier one."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from llmcap.pricing import PriceBook, cost_usd, worst_rates
from llmcap.pricing.entries import parse_since
from llmcap.pricing.files import find_folder, read_document
from llmcap.pricing.rates import rates_for
from llmcap.tariffs.carry import carry, forgotten, siblings
from llmcap.words.money import ceil_nanos
from llmcap.words.records import Usage

TODAY = "2026-11-30"
MILLION = 1_000_000
PROVIDERS = PriceBook().providers()


def row(since: str | None, rates: dict[str, str], **more: Any) -> dict[str, Any]:
    """One dated price as a document has it."""
    exact = {unit: Decimal(rate) for unit, rate in rates.items()}
    return {"since": since, "source": "test", "rates": exact, **more}


def under(**rates: str) -> dict[str, Any]:
    """A variant with rates of its own."""
    return {"rates": {unit: Decimal(rate) for unit, rate in rates.items()}}


def completed(
    *rows: dict[str, Any], old: tuple[dict[str, Any], ...] = (), today: str = TODAY
) -> list[dict[str, Any]]:
    """The rows of a model after what is missing was carried over."""
    models = {"one": {"prices": list(rows)}}
    carry(models, {"one": {"prices": list(old)}}, today)
    prices: list[dict[str, Any]] = models["one"]["prices"]
    return prices


def listed(provider: str) -> dict[str, Any]:
    """The models of a provider of the book."""
    models: dict[str, Any] = read_document(find_folder(), provider).get("models", {})
    return models


# --- the whole book -------------------------------------------------------------------------


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_price_that_began_since_knows_less_than_the_one_before(provider: str) -> None:
    """Every unit, term and tier is in every later row; what was in force before stays as it was."""
    lost = {
        (model, since): names
        for model, fields in listed(provider).items()
        for since, names in forgotten(fields["prices"])
        if since > TODAY
    }
    assert lost == {}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_term_that_makes_a_model_dearer_does_so_at_every_time(provider: str) -> None:
    """No row lacks a term that another row of the model has dearer than its base price."""
    book = PriceBook()
    for model, fields in listed(provider).items():
        if fields.get("serves") or not any(row.get("variants") for row in fields["prices"]):
            continue
        prices = [price for at in moments(fields) if (price := book.find(provider, model, at))]
        dearer = {
            term
            for price in prices
            for term in price.variants
            if (rates := rates_for(price, (term,), 0)).get("output", 0)
            > price.rates.get("output", 0)
            or rates.get("input", 0) > price.rates.get("input", 0)
        }
        for price in prices:
            assert dearer <= price.variants.keys(), (model, price.since)


def moments(fields: dict[str, Any]) -> Iterator[datetime]:
    """A moment of each row of a model: a day after it began."""
    for each in fields["prices"]:
        since = parse_since(each["since"], "test") or datetime(2020, 1, 1, tzinfo=UTC)
        yield since + timedelta(days=1)


@pytest.mark.parametrize(
    ("day", "term", "dollars"),
    [
        ("2026-11-30", "priority", "21.60"),
        ("2026-11-30", "flex", "6.00"),
        ("2026-12-02", "priority", "43.20"),
        ("2026-12-02", "flex", "12.00"),
        ("2026-12-02", "batch", "12.00"),
    ],
)
def test_a_model_whose_price_doubles_doubles_in_every_tier(
    day: str, term: str, dollars: str
) -> None:
    """A million tokens in and out of gemini-4-argon before and after its introductory price."""
    price = PriceBook().find("google", "gemini-4-argon", datetime.fromisoformat(f"{day}T12:00Z"))
    assert price is not None
    used = Usage(input_tokens=MILLION, output_tokens=MILLION)
    assert cost_usd(used, price, (term,)) == Decimal(dollars)
    assert sum(worst_rates(price, (term,), MILLION)) * MILLION >= Decimal(dollars)


@pytest.mark.parametrize("provider", ["anthropic", "openai", "aws-bedrock", "openrouter"])
def test_no_maker_is_taken_to_write_a_whole_window(provider: str) -> None:
    """Where no source says how much a model may write, its maker's documented most counts."""
    for model, fields in listed(provider).items():
        if "claude" in model or "gpt-6" in model:
            assert fields.get("max_output", 0) < fields.get("context_window", MILLION), model


# --- what is carried ------------------------------------------------------------------------


def test_tokens_move_with_their_base_and_fees_stay() -> None:
    """Twice the input price is twice the cached one; a search costs what it cost."""
    _, later = completed(
        row(None, {"input": "2", "output": "10", "cache_read": "0.1", "web_search": "14"}),
        row("2026-12-01", {"input": "4", "output": "10"}),
    )
    assert later["rates"] == {"input": 4, "output": 10, "cache_read": Decimal("0.2"),
                              "web_search": 14}  # fmt: skip
    assert later["carried"] == ["cache_read", "web_search"]


def test_terms_and_tiers_move_with_the_price() -> None:
    """A factor stays, rates of their own are scaled, a missing part of a term is found again."""
    tier = {"above": 200_000, "rates": {"input": Decimal(4), "output": Decimal(15)}}
    _, later = completed(
        row(None, {"input": "2", "output": "10"}, tiers=[tier], variants={
            "fast": {"factor": Decimal(6)},
            "priority": under(input="3.6", output="18"),
            "batch": under(input="1", output="5", cache_read="0.5"),
        }),
        row("2026-12-01", {"input": "4", "output": "20"},
            variants={"batch": under(input="2", output="10")}),
    )  # fmt: skip
    assert later["variants"]["fast"] == {"factor": 6}
    assert later["variants"]["priority"]["rates"] == {"input": Decimal("7.2"), "output": 36}
    assert later["variants"]["batch"]["rates"]["cache_read"] == 1
    assert later["tiers"] == [{"above": 200_000, "rates": {"input": 8, "output": 30}}]
    assert later["carried"] == ["tiers", "fast", "priority", "batch.cache_read"]


def test_what_is_in_force_is_listed_and_left_alone() -> None:
    """Calls were billed by it; only a price to come is completed."""
    rows = (row(None, {"input": "2", "request": "5"}), row(TODAY, {"input": "4"}))
    assert completed(*rows)[1]["rates"] == {"input": 4}
    assert list(forgotten(rows)) == [(TODAY, ("request",))]


def test_what_was_carried_stays_when_its_day_has_come() -> None:
    """The same sources make the same book on the day after as on the day before."""

    def source() -> list[dict[str, Any]]:
        return [row(None, {"input": "2", "request": "5"}), row("2026-12-01", {"input": "4"})]

    before = completed(*source())
    after = completed(*source(), old=tuple(before), today="2026-12-24")
    assert after == before
    assert completed(*before) == before, "nothing is carried twice"


def test_what_people_say_has_ended_is_not_carried() -> None:
    """The overlay's word: `ended`."""
    _, later = completed(
        row(None, {"input": "2", "request": "5"}, variants={"flex": under(input="1")}),
        row("2026-12-01", {"input": "4"}, ended=["flex", "request"]),
    )
    assert later["rates"] == {"input": 4}
    assert "variants" not in later
    assert "carried" not in later


def test_a_discount_that_was_carried_is_billed_and_not_counted_on() -> None:
    """A batch at a carried price is held at the base price: nobody says that it still holds."""
    price = PriceBook().find("google", "gemini-3.7-flash", datetime(2027, 1, 2, tzinfo=UTC))
    assert price is not None
    assert price.variants["batch"].carried
    used = Usage(input_tokens=MILLION, output_tokens=MILLION)
    assert ceil_nanos(cost_usd(used, price, ("batch",))) == 4_500_000_000
    held = worst_rates(price, ("batch",), MILLION)
    assert held == (price.rates["input"] / MILLION, price.rates["output"] / MILLION)


# --- who sells the same ---------------------------------------------------------------------


def test_a_seller_that_does_not_follow_is_named() -> None:
    """Whoever sells the model at the price that ends, under a prefix of its own."""
    rising = [row(None, {"input": "2", "output": "8"}), row("2026-12-01", {"input": "4"})]
    book: dict[str, dict[str, dict[str, Any]]] = {
        "maker": {"one": {"prices": rising}},
        "cloud": {"eu.maker.one": {"prices": [row(None, {"input": "2", "output": "8"})]}},
        "gateway": {"maker/one": {"prices": [row(None, {"input": "2", "output": "8"})]}},
        "follower": {"one": {"prices": rising}},
        "dearer": {"one": {"prices": [row(None, {"input": "3", "output": "8"})]}},
    }
    told = sorted(seller for _, _, seller in siblings(book, TODAY))
    assert told.count("gateway/maker/one") == 2
    assert set(told) == {"gateway/maker/one", "cloud/eu.maker.one"}
