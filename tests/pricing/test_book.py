"""The price book: what it holds, how a name finds its price, and what a usage costs."""

import ast
import json
import shutil
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcap.pricing import (
    SUMMED,
    PriceBook,
    cost_usd,
    parse_override,
    units,
    worst_rates,
)
from llmcap.pricing.entries import parse_amount, parse_hours
from llmcap.pricing.files import find_folder, parse_yaml, read_document
from llmcap.pricing.rates import rates_for
from llmcap.words.errors import PriceError
from llmcap.words.money import ceil_nanos
from llmcap.words.records import Price, Tier, Usage, Variant

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MILLION = 1_000_000
BOOK = PriceBook()
SOURCES = Path(__file__).resolve().parents[2] / "addons" / "llmcap" / "pricing"


def price(
    rates: Mapping[str, str],
    *,
    tiers: tuple[Tier, ...] = (),
    variants: Mapping[str, Variant] = MappingProxyType({}),
) -> Price:
    """A price with these rates."""
    return Price(
        provider="acme", model="one", rates=decimals(rates), tiers=tiers, variants=variants
    )


def decimals(rates: Mapping[str, str]) -> Mapping[str, Decimal]:
    """Rates as exact decimals."""
    return {name: Decimal(rate) for name, rate in rates.items()}


@pytest.fixture(scope="module")
def book() -> PriceBook:
    """The book as it ships."""
    return PriceBook()


# --- the data -------------------------------------------------------------------------------


def provider_names() -> tuple[str, ...]:
    """Every provider of the book as it ships."""
    return PriceBook().providers()


@pytest.mark.parametrize("provider", provider_names())
def test_every_price_of_the_book_is_valid_dated_and_sourced(book: PriceBook, provider: str) -> None:
    """Each model's entries pass every check, name when they begin and where they are from."""
    document = parse_yaml((find_folder() / f"{provider}.yaml").read_bytes(), provider)
    for model, fields in document["models"].items():
        assert book.find(provider, model, NOW) is not None, model
        dates = [entry["since"] or "" for entry in fields["prices"]]
        assert dates == sorted(dates), f"{model}: a history reads from old to new"
        for entry in fields["prices"]:
            assert {"since", "source", "rates"} <= set(entry), model
            assert entry["source"], model


@pytest.mark.parametrize("provider", [*provider_names(), "units"])
def test_compiled_files_say_what_the_yaml_says(provider: str) -> None:
    """The fast form is never another book."""
    folder = find_folder()
    text = (folder / f"{provider}.yaml").read_bytes()
    assert read_document(folder, provider) == parse_yaml(text, provider)
    assert json.loads((folder / "compiled" / f"{provider}.json").read_bytes())["digest"]


def test_an_edited_yaml_counts_at_once(tmp_path: Path) -> None:
    """A compiled file that is older than its YAML is not believed."""
    shutil.copytree(find_folder(), tmp_path / "pricing")
    path = tmp_path / "pricing" / "local.yaml"
    path.write_text(path.read_text().replace("input: 0", "input: 7.5"))
    found = PriceBook(tmp_path / "pricing").find("local", "any", NOW)
    assert found is not None
    assert found.rates["input"] == Decimal("7.5")


def test_the_book_holds_no_float(book: PriceBook) -> None:
    """Every number of a price is an exact decimal."""
    for provider in book.providers():
        for model in book.models(provider):
            found = book.find(provider, model, NOW)
            assert found is not None
            tables = [found.rates, *(tier.rates for tier in found.tiers)]
            for variant in found.variants.values():
                assert type(variant.factor) is Decimal
                tables += [variant.rates, *(tier.rates for tier in variant.tiers)]
            assert all(type(rate) is Decimal for table in tables for rate in table.values())


def test_no_source_file_has_a_float() -> None:
    """Neither a literal nor a conversion: a float is only recognised, to take its text."""
    for path in sorted(SOURCES.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.Constant) and type(node.value) is float), path
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            assert not (called and node.func.id == "float"), path


def test_units_say_how_many_make_one() -> None:
    """The factor between a count and its price has one place."""
    assert units()["input"].per == MILLION
    assert units()["web_search"].per == 1000
    assert units()["audio_second"].per == 3600


def test_a_provider_loads_in_milliseconds() -> None:
    """The first lookup of a large provider, best of three, is far from what YAML would take."""
    best = min(seconds_to_find("openai", "gpt-4o") for _ in range(3))
    assert best < 0.05


def seconds_to_find(provider: str, model: str) -> float:
    """How long a fresh book takes for one price."""
    begun = time.perf_counter()
    assert PriceBook().find(provider, model, NOW) is not None
    return time.perf_counter() - begun


# --- names ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "asked", "found"),
    [
        ("openai", "gpt-4o", "gpt-4o"),
        ("openai", "GPT-4o", "gpt-4o"),
        ("openai", "gpt-4o-2024-11-20", "gpt-4o"),
        ("openai", "gpt-5-2025-08-07", "gpt-5"),
        ("openai", "gpt-5.6-sol-2026-07-09", "gpt-5.6-sol"),
        ("openai", "ft:gpt-4o-mini-2024-07-18:acme:x:1", "ft:gpt-4o-mini-2024-07-18"),
        ("anthropic", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("anthropic", "claude-opus-5-20260601", "claude-opus-5"),
        ("google", "models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("google-vertex", "publishers/google/models/gemini-2.5-flash", "gemini-2.5-flash"),
        (
            "aws-bedrock",
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-5",
            "us.anthropic.claude-sonnet-5",
        ),
        ("azure-openai", "gpt-5-mini-2025-08-07", "gpt-5-mini"),
        ("xai", "grok-2-vision-1212", "grok-2-vision-1212"),
        ("openrouter", "anthropic/claude-haiku-4.5", "anthropic/claude-haiku-4.5"),
        ("vercel-gateway", "openai/gpt-5", "gpt-5"),
        ("local", "whatever:7b", "*"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_name_finds_its_model(book: PriceBook, provider: str, asked: str, found: str) -> None:
    """By exact id, by alias, as a dated snapshot, or in the provider's own spelling."""
    price_found = book.find(provider, asked, NOW)
    assert price_found is not None
    if price_found.model != found:  # an alias: then it is the same price under its own name
        same = book.find(provider, found, NOW)
        assert same is not None
        assert price_found.rates == same.rates


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-4o-turbo-max"),
        ("openai", "my-gpt-4o"),
        ("openai", "gpt-4"[:-1]),
        ("openai", "gpt-5-2025-13-45"),
        ("anthropic", "claude-opus-99"),
        ("anthropic", "claude"),
        ("google", "gemini-2.5-flash-ultra"),
        ("nobody", "gpt-4o"),
        ("openai", ""),
        ("units", "input"),
        ("../openai", "gpt-4o"),
    ],
)
def test_a_part_of_a_name_finds_nothing(book: PriceBook, provider: str, model: str) -> None:
    """What is not listed is unknown, however much it looks like something listed."""
    assert book.find(provider, model, NOW) is None


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("local", "llama3"),
        ("ollama", "gemma3:1b"),
        ("openai", "omni-moderation-latest"),
        ("openrouter", "meta-llama/llama-3.3-8b-instruct:free"),
    ],
)
def test_what_is_free_is_free_by_an_entry(book: PriceBook, provider: str, model: str) -> None:
    """Zero is a price that somebody wrote down, never the lack of one."""
    found = book.find(provider, model, NOW)
    assert found is not None
    assert cost_usd(Usage(input_tokens=1000, output_tokens=1000), found) == 0


@pytest.mark.parametrize(
    ("provider", "model", "reasons"),
    [
        ("openai", "gpt-4o", False),
        ("openai", "gpt-4.1", False),
        ("openai", "gpt-5", True),
        ("openai", "o3-mini", True),
        ("openai", "text-embedding-3-small", False),
        ("anthropic", "claude-3-5-sonnet", False),
        ("anthropic", "claude-opus-4-8", True),
        ("mistral", "ministral-8b-2410", False),
    ],
)
def test_models_that_may_think_are_known(
    book: PriceBook, provider: str, model: str, *, reasons: bool
) -> None:
    """Hidden output is expected of the families that have it."""
    found = book.find(provider, model, NOW)
    assert found is not None
    assert found.reasons is reasons


# --- time -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2025-01-15T12:00:00+00:00", "0.14"),
        ("2025-02-20T12:00:00+00:00", "0.27"),
        ("2025-03-14T14:01:00+00:00", "0.27"),
        ("2025-03-14T17:00:00+00:00", "0.135"),
        ("2025-03-15T00:29:59+00:00", "0.135"),
        ("2025-03-15T00:30:00+00:00", "0.27"),
        ("2025-03-15T01:00:00+08:00", "0.135"),
        ("2025-09-05T15:59:59+00:00", "0.27"),
        ("2025-09-05T16:30:00+00:00", "0.56"),
        ("2025-11-01T20:00:00+00:00", "0.28"),
    ],
)
def test_a_price_is_the_one_of_its_time(book: PriceBook, at: str, expected: str) -> None:
    """By date, and by the hour where nights were cheaper, in any time zone."""
    found = book.find("deepseek", "deepseek-chat", datetime.fromisoformat(at))
    assert found is not None
    assert found.rates["input"] == Decimal(expected)


def test_working_hours_are_those_of_weekdays(book: PriceBook) -> None:
    """A peak that holds from Monday to Friday leaves Saturday alone."""
    friday = book.find("deepseek", "deepseek-v4-pro", datetime(2026, 11, 20, 2, tzinfo=UTC))
    saturday = book.find("deepseek", "deepseek-v4-pro", datetime(2026, 11, 21, 2, tzinfo=UTC))
    assert friday is not None
    assert saturday is not None
    assert friday.rates["input"] == 2 * saturday.rates["input"]


@given(
    minutes=st.integers(0, 60 * 24 * 700),
    lasts=st.integers(1, 60 * 24 * 10),
    part=st.floats(0, 1),
    model=st.sampled_from([
        ("deepseek", "deepseek-chat"), ("deepseek", "deepseek-flash"),
        ("deepseek", "deepseek-v4-pro"), ("openai", "o3"), ("anthropic", "claude-opus-4-8"),
        ("openai", "gpt-4o"), ("openrouter", "openrouter/auto"),
    ]),
)  # fmt: skip
def test_no_price_that_a_call_meets_is_above_that_of_all_its_time(
    minutes: int, lasts: int, part: float, model: tuple[str, str]
) -> None:
    """Whichever of them is billed: that of its start, of its end, or one in between."""
    at = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    until = at + timedelta(minutes=lasts)
    met = BOOK.find(*model, at + part * (until - at))
    most = BOOK.find(*model, at, until=until)
    assert met is not None
    assert most is not None
    for term in ("", *met.variants):
        reads = (0, *(tier.above + 1 for tier in met.tiers))
        for read in reads:
            rates = rates_for(met, (term,) if term else (), read)
            highest = rates_for(most, (term,) if term else (), read)
            assert all(highest.get(unit, 0) >= rate for unit, rate in rates.items())


def test_a_call_that_meets_one_price_has_that_price() -> None:
    """To the record itself, so that what was computed of it is found again."""
    at = datetime(2026, 11, 20, 2, tzinfo=UTC)
    one = BOOK.find("deepseek", "deepseek-v4-pro", at)
    assert BOOK.find("deepseek", "deepseek-v4-pro", at, until=at + timedelta(hours=1)) is one
    dearer = BOOK.find(
        "deepseek", "deepseek-v4-pro", at - timedelta(hours=2), until=at - timedelta(minutes=30)
    )
    assert dearer is one, "where one is dearer in all, it is that one"


def test_hours_must_be_hours() -> None:
    """Anything else is refused with the form that is meant."""
    with pytest.raises(PriceError, match="16:30-00:30"):
        parse_hours("25:00-26:00", "x")


# --- cost -----------------------------------------------------------------------------------

FULL = {
    "input": "3",
    "cache_read": "0.3",
    "cache_write": "3.75",
    "cache_write_1h": "6",
    "input_audio": "32",
    "input_image": "5",
    "output": "15",
    "reasoning": "20",
    "output_audio": "64",
    "web_search": "10",
    "audio_second": "0.111",
}


@pytest.mark.parametrize(
    ("usage", "rates", "expected"),
    [
        (Usage(input_tokens=1000, output_tokens=100), FULL, "0.0045"),
        (Usage(input_tokens=1000, cache_read=900), FULL, "0.00057"),
        (Usage(input_tokens=1000, cache_read=900), {"input": "3"}, "0.003"),
        (Usage(input_tokens=1000, cache_write_5m=400, cache_write_1h=600), FULL, "0.0051"),
        (Usage(input_tokens=10, cache_write_1h=10), {"input": "1", "cache_write": "2"}, "0.00002"),
        (Usage(input_tokens=10, cache_write_5m=10), {"input": "1"}, "0.00001"),
        (Usage(input_tokens=100, input_audio=40), FULL, "0.00146"),
        (Usage(output_tokens=100, reasoning=60), FULL, "0.0018"),
        (Usage(output_tokens=100, reasoning=60), {"output": "15"}, "0.0015"),
        (Usage(extras={"web_search": 3}), FULL, "0.03"),
        (Usage(extras={"web_search": 0}), {}, "0"),
        (Usage(), {}, "0"),
    ],
)
def test_each_part_is_billed_at_its_own_rate(
    usage: Usage, rates: dict[str, str], expected: str
) -> None:
    """And as its whole where it has none."""
    assert cost_usd(usage, price(rates)) == Decimal(expected)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        # A cached image is in both counts: the dearer part first, then what is left.
        (Usage(input_tokens=100, cache_read=80, input_image=60), "0.000312"),
        # A discount that is larger than its whole is not believed.
        (Usage(input_tokens=325, cache_read=492), "0.001476"),
        # A dear part that is larger than its whole is billed in full.
        (Usage(input_tokens=10, input_audio=20), "0.00064"),
        (Usage(output_tokens=10, reasoning=20), "0.0004"),
        # A part without its whole is billed all the same.
        (Usage(cache_write_1h=10), "0.00006"),
        (Usage(output_audio=10), "0.00064"),
    ],
)
def test_counts_that_contradict_each_other_are_billed_the_dearer_way(
    usage: Usage, expected: str
) -> None:
    """Nothing goes negative, nothing is free."""
    assert cost_usd(usage, price(FULL)) == Decimal(expected)


def test_cached_sound_has_a_rate_of_its_own() -> None:
    """It is in two counts and billed once."""
    rates = FULL | {"cache_read_audio": "0.4"}
    usage = Usage(input_tokens=100, cache_read=50, input_audio=60, cache_read_audio=40)
    # 40 cached sound, 10 other cached, 20 new sound, 30 plain
    expected = 40 * Decimal("0.4") + 10 * Decimal("0.3") + 20 * 32 + 30 * 3
    assert cost_usd(usage, price(rates)) == expected / MILLION


def test_a_whole_without_a_price_costs_what_its_dearest_part_does() -> None:
    """Models that make nothing but pictures are priced so, and told of as output."""
    only_parts = price({"input_audio": "3", "output_image": "30", "output_audio": "40"})
    assert cost_usd(Usage(output_tokens=10), only_parts) == 10 * Decimal(40) / MILLION
    told = Usage(input_tokens=5, output_tokens=10, output_image=10)
    assert cost_usd(told, only_parts) == (5 * 3 + 10 * Decimal(30)) / MILLION


@pytest.mark.parametrize(
    ("usage", "named"),
    [
        (Usage(extras={"file_search": 1}), "file_search"),
        (Usage(extras={"no_such_unit": 1}), "no_such_unit"),
        (Usage(extras={"input": 1}), "input"),
        (Usage(input_tokens=1), "input"),
        (Usage(output_tokens=1), "output"),
    ],
)
def test_what_has_no_rate_is_refused_not_free(usage: Usage, named: str) -> None:
    """The error names the unit, so that the move is clear."""
    with pytest.raises(PriceError, match=named):
        cost_usd(usage, price({"web_search": "10"}))


def test_a_rate_per_hour_is_cut_upwards() -> None:
    """The one division without a last digit never bills less than it should."""
    usd = cost_usd(Usage(extras={"audio_second": 1}), price(FULL))
    assert usd * 3600 >= Decimal("0.111")
    assert ceil_nanos(usd) == 30_834


TIERED = price(
    FULL,
    tiers=(Tier(above=200_000, rates=decimals({"input": "6", "output": "22.5"})),),
    variants={
        "batch": Variant(
            rates=decimals({"input": "1.5", "output": "7.5"}),
            tiers=(Tier(above=200_000, rates=decimals({"input": "3", "output": "11.25"})),),
        ),
        "fast": Variant(rates=decimals({"input": "18", "output": "90"})),
        # Ratios without a last digit.
        "priority": Variant(rates=decimals({"input": "7", "output": "31"})),
        "scale": Variant(rates=decimals({"input": "1.7", "output": "11.1"})),
        "geo-us": Variant(factor=Decimal("1.1"), unasked=True),
    },
)


@pytest.mark.parametrize(
    ("terms", "tokens", "per_million"),
    [
        ((), 200_000, "3"),
        ((), 200_001, "6"),
        (("batch",), 200_000, "1.5"),
        (("batch",), 200_001, "3"),
        (("geo-us",), 1000, "3.3"),
        (("batch", "geo-us"), 1000, "1.65"),
        (("fast",), 1000, "18"),
        # A variant that knows no tier moves with the standard price.
        (("fast",), 200_001, "36"),
        (("batch", "fast"), 1000, "9"),
        # Nobody knows it: the dearest tier there is.
        (("no-such-term",), 1000, "7"),
        (("geo-mars",), 1000, "3.3"),
        (("standard",), 1000, "3"),
        (("geo-standard", "priority"), 1000, "7"),
        (("tier-untold",), 1000, "3"),
        (("geo-untold",), 1000, "3.3"),
        ((SUMMED,), 404_500, "3"),
        ((SUMMED, "batch"), 404_500, "1.5"),
    ],
)
def test_terms_and_tiers_change_rates(
    terms: tuple[str, ...], tokens: int, per_million: str
) -> None:
    """A tier re-prices the whole call; terms replace, multiply and combine."""
    usd = cost_usd(Usage(input_tokens=tokens), TIERED, terms)
    assert usd == tokens * Decimal(per_million) / MILLION


def test_fees_are_not_multiplied_by_a_region() -> None:
    """A regional factor is on tokens."""
    assert cost_usd(Usage(extras={"web_search": 1}), TIERED, ("geo-us",)) == Decimal("0.01")


def test_a_marginal_tier_prices_only_what_is_past_it() -> None:
    """The first tokens keep their rate, as in an income tax."""
    marginal = price(
        {"input": "1", "output": "2"},
        tiers=(
            Tier(above=100, rates=decimals({"input": "2"}), marginal=True),
            Tier(above=200, rates=decimals({"input": "5"}), marginal=True),
        ),
    )
    usd = cost_usd(Usage(input_tokens=250), marginal)
    assert usd == Decimal(100 * 1 + 100 * 2 + 50 * 5) / MILLION


# --- bounds ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "tokens", "input_rate", "output_rate"),
    [
        ((), 1000, "6.6", "22"),  # one-hour writes, reasoning, and the region nobody asked for
        # Of a tier and a variant that name no one-hour writes and no reasoning, these follow.
        ((), 200_001, "13.2", "33"),
        (("geo-us",), 1000, "6.6", "22"),
        (("fast",), 1000, "39.6", "132"),
        (("batch",), 1000, "6.6", "22"),  # which have a price of their own, and no discount listed
        (("batch", "geo-standard"), 1000, "6", "20"),
    ],
)
def test_worst_rates_are_the_dearest_that_could_apply(
    terms: tuple[str, ...], tokens: int, input_rate: str, output_rate: str
) -> None:
    """Per single token, cache writes and tiers included."""
    worst = worst_rates(TIERED, terms, tokens)
    assert worst == (Decimal(input_rate) / MILLION, Decimal(output_rate) / MILLION)


def test_sound_counts_only_when_asked() -> None:
    """A call without sound is not held at the price of sound."""
    plain, loud = worst_rates(TIERED, (), 10), worst_rates(TIERED, (), 10, audio=True)
    assert loud[0] == Decimal("35.2") / MILLION > plain[0]
    assert loud[1] == Decimal("70.4") / MILLION > plain[1]


counts = st.integers(min_value=0, max_value=300_000)
parts = st.integers(min_value=0, max_value=60_000)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Usage whose parts lie inside their wholes."""
    read, write, write_1h, image = draw(parts), draw(parts), draw(parts), draw(parts)
    reasoning = draw(parts)
    return Usage(
        input_tokens=read + write + write_1h + image + draw(parts),
        cache_read=read,
        cache_write_5m=write,
        cache_write_1h=write_1h,
        input_image=image,
        output_tokens=reasoning + draw(parts),
        reasoning=reasoning,
        extras={"web_search": draw(st.integers(0, 20)), "audio_second": draw(st.integers(0, 9999))},
    )


term_sets = st.sets(st.sampled_from(["batch", "fast", "priority", "scale", "geo-us", "other"])).map(
    tuple
)


def added(one: Usage, other: Usage) -> Usage:
    """Both usages as one."""
    fields: dict[str, Any] = {
        name: getattr(one, name) + getattr(other, name)
        for name in Usage.__slots__
        if name != "extras"
    }
    extras = {name: one.extras[name] + other.extras[name] for name in one.extras}
    return Usage(**fields, extras=extras)


@given(usages(), usages(), term_sets)
def test_more_usage_never_costs_less(one: Usage, other: Usage, terms: tuple[str, ...]) -> None:
    """Cost is monotone, across tiers too."""
    assert cost_usd(added(one, other), TIERED, terms) >= cost_usd(one, TIERED, terms)


@given(usages(), usages())
def test_cost_adds_up_before_it_is_rounded(one: Usage, other: Usage) -> None:
    """Two charges cost their sum where no tier divides them, but for the cut of a per-hour rate."""
    flat = price(FULL)
    together = cost_usd(added(one, other), flat)
    apart = cost_usd(one, flat) + cost_usd(other, flat)
    assert abs(together - apart) < Decimal("1e-25")


@given(usages(), term_sets)
def test_worst_rates_bound_every_usage(usage: Usage, terms: tuple[str, ...]) -> None:
    """What tokens cost is never more than their number at the worst rates."""
    tokens = Usage(**{name: getattr(usage, name) for name in Usage.__slots__ if name != "extras"})
    input_rate, output_rate = worst_rates(TIERED, terms, usage.input_tokens)
    bound = usage.input_tokens * input_rate + usage.output_tokens * output_rate
    assert cost_usd(tokens, TIERED, terms) <= bound


@given(st.builds(Usage, *[counts] * 14), term_sets)
def test_no_counts_make_a_cost_negative(usage: Usage, terms: tuple[str, ...]) -> None:
    """Whatever a provider reports, even parts that exceed their whole."""
    assert cost_usd(usage, TIERED, terms) >= 0


def test_the_dearest_model_bounds_the_others(book: PriceBook) -> None:
    """An unknown model is billed at no less than any known one."""
    for provider in ("openai", "anthropic", "google", "mistral"):
        dearest = book.dearest(provider, NOW)
        assert dearest is not None
        usage = Usage(input_tokens=300_000, cache_read=1000, output_tokens=5000, reasoning=100)
        most = cost_usd(usage, dearest)
        for model in book.models(provider):
            found = book.find(provider, model, NOW)
            if found and {"input", "output"} <= found.rates.keys():
                assert cost_usd(usage, found) <= most, model


def test_a_seller_of_other_lists_has_a_dearest_model_too(book: PriceBook) -> None:
    """Also where its own list is empty."""
    assert not book.models("openai-codex")
    dearest, sold = book.dearest("openai-codex", NOW), book.dearest("openai", NOW)
    assert dearest is not None
    assert sold is not None
    assert dearest.provider == "openai-codex"
    assert dearest.rates["output"] == sold.rates["output"]


def test_there_is_no_dearest_of_nobody(book: PriceBook) -> None:
    """A provider that is not in the book has no model at all."""
    assert book.dearest("nobody", NOW) is None


# --- the config -----------------------------------------------------------------------------


@pytest.mark.parametrize("value", [2.50, "2.50", Decimal("2.5")], ids=type)
def test_an_amount_is_what_was_typed(value: object) -> None:
    """YAML's float stands for its text, with nothing of a binary fraction in it."""
    assert parse_amount(value, "x") == Decimal("2.5")
    assert parse_amount(0.1, "x") == Decimal("0.1")


@pytest.mark.parametrize(
    ("key", "fields", "said"),
    [
        ("gpt-4o", {"input": 1}, "provider/model"),
        ("openai/", {"input": 1}, "provider/model"),
        ("openai/x", {}, "mapping"),
        ("openai/x", 5, "mapping"),
        ("openai/x", {"inputs": 1}, "inputs.*is not a unit"),
        ("openai/x", {"input": -1}, "-1.*zero or more"),
        ("openai/x", {"input": "free"}, "'free'.*zero or more"),
        ("openai/x", {"input": True}, "True.*zero or more"),
        ("openai/x", {"input": float("nan")}, "nan.*zero or more"),
        ("openai/x", {"input": 1, "max_output": 1.5}, "whole number"),
        ("openai/x", {"input": 1, "reasons": "no"}, "true or false"),
        ("openai/x", {"input": 1, "tiers": {"above": 1}}, "must be a list"),
        ("openai/x", {"input": 1, "tiers": [{"above": 0, "rates": {}}]}, "whole number"),
        ("openai/x", {"input": 1, "variants": {"batch": {"rate": 1}}}, "rate is not known"),
    ],
)
def test_a_bad_price_in_the_config_names_itself(key: str, fields: object, said: str) -> None:
    """Key, value, what was expected: in one message."""
    with pytest.raises(PriceError, match=said) as caught:
        parse_override(key, fields)
    assert str(key) in str(caught.value)


def test_a_config_adds_a_model() -> None:
    """With the price book's own keys."""
    fields = {"input": 2.50, "output": 10, "cache_read": "1.25", "max_output": 16384}
    book = PriceBook(overrides={"openai/my-model": fields})
    found = book.find("openai", "my-model", NOW)
    assert found is not None
    assert dict(found.rates) == decimals({"input": "2.5", "output": "10", "cache_read": "1.25"})
    assert found.max_output == 16384
    assert "my-model" in book.models("openai")


def test_a_config_may_bring_a_provider_of_its_own() -> None:
    """A gateway that nobody else knows."""
    book = PriceBook(overrides={"gateway/org/model:tag": {"input": 1}})
    assert book.find("gateway", "Org/Model:tag", NOW) is not None
    assert "gateway" in book.providers()


def test_a_config_overrides_what_it_names_and_inherits_the_rest(book: PriceBook) -> None:
    """And what depends on the named rate moves in proportion: a batch stays half price."""
    usual = book.find("openai", "gpt-5", NOW)
    half = PriceBook(overrides={"openai/gpt-5": {"input": "0.625"}})
    found = half.find("openai", "gpt-5-2025-08-07", NOW)
    assert usual is not None
    assert found is not None
    assert found.rates["input"] == Decimal("0.625")
    assert found.rates["output"] == usual.rates["output"]
    assert found.max_output == usual.max_output
    assert found.variants["batch"].rates["input"] * 2 == Decimal("0.625")
    assert found.source.startswith("config")


def test_a_model_under_two_names_has_one_price() -> None:
    """What is computed of a price is found by it: an equal one would be compared each time."""
    book = PriceBook()
    first, second = (
        book.find("openai", name, NOW) for name in ("gpt-4o-mini", "gpt-4o-mini-2024-07-18")
    )
    assert first is not None
    assert first is second
