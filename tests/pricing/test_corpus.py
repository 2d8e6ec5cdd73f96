"""
The price book against recorded traffic whose cost is known: exact to the nano-dollar.

The corpus says what each call used; here that is priced at the time of the call. Where two public
books agree on the cost, or a person has settled it, ours must say the same. Where the provider
itself billed, its bill is the truth and a list price only comes near: that agreement is a printed
figure (`pytest -rP`).
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import ROUND_CEILING, Context, Decimal
from pathlib import Path
from typing import Any

import pytest

from llmcap.pricing import PriceBook, cost_usd
from llmcap.words.errors import PriceError
from llmcap.words.money import ceil_nanos
from llmcap.words.records import Count, Usage

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus" / "expected.jsonl"

SETTLED = ("two books agree", "adjudicated")

# A recorded cost is a float: its last digits are noise, and 15 digits are what it means.
FLOAT_DIGITS = Context(prec=15)
# The recordings count tools by the provider's words.
TOOL_UNITS = {
    "web_search": "web_search",
    "web_search_forced": "web_search",
    "web_fetch": "web_fetch",
    "file_search": "file_search",
    "code_execution": "code_execution",
    "x_search": "x_search",
}
TERMS = ("batch", "flex", "priority", "fast")

# Where the response names a model without its vendor, region or route.
NAMED_BY_REQUEST = ("aws-bedrock", "huggingface", "openrouter")

Row = dict[str, Any]


def rows() -> Iterator[Row]:
    """Every recorded call that was billed and whose usage is known."""
    if CORPUS.is_file():
        for line in CORPUS.read_text().splitlines():
            row = json.loads(line, parse_float=Decimal)
            if row["billable"] and row.get("expected_usd") and row["usage"]:
                yield row


def usage_of(counts: Mapping[str, Any], model: str) -> Usage:
    """The recording's counts as ours."""
    written_1h = counts.get("cache_write_1h", 0)
    return Usage(
        input_tokens=counts.get("input_tokens", 0),
        output_tokens=counts.get("output_tokens", 0),
        cache_read=counts.get("cache_read", 0),
        cache_write_5m=max(counts.get("cache_write", 0) - written_1h, 0),
        cache_write_1h=written_1h,
        # Sound that is billed by the second is not billed by the token as well.
        input_audio=0 if "audio_seconds" in counts else counts.get("input_audio", 0),
        input_image=counts.get("input_image", 0),
        input_video=counts.get("input_video", 0),
        reasoning=counts.get("reasoning", 0),
        output_audio=counts.get("output_audio", 0),
        output_image=counts.get("output_image", 0),
        extras=extras_of(counts, model),
    )


def extras_of(counts: Mapping[str, Any], model: str) -> dict[str, Count]:
    """Fees and other units than tokens."""
    tools = counts.get("tools", {})
    extras: dict[str, Count] = {
        unit: tools[tool] for tool, unit in TOOL_UNITS.items() if tool in tools
    }
    if "grounded_prompts" in tools:
        # Gemini 2 bills the grounded prompt, Gemini 3 each of its searches.
        per_prompt = model.removeprefix("models/").startswith(("gemini-2", "gemini-1"))
        extras["web_search"] = tools["grounded_prompts" if per_prompt else "google_search_queries"]
    if "perplexity_request" in tools:
        extras[f"search_request_{counts.get('search_context_size', 'low')}"] = 1
    for name, unit in (
        ("audio_seconds", "audio_second"),
        ("search_units", "search_unit"),
        ("pages", "page"),
    ):
        if counts.get(name):
            extras[unit] = counts[name]
    if counts.get("input_characters") and not counts.get("input_tokens"):
        extras["input_character"] = counts["input_characters"]
    if counts.get("images") and not counts.get("output_tokens"):
        extras["image"] = counts["images"]
    return extras


def charges_of(row: Row) -> Iterator[tuple[str, Usage]]:
    """Model and usage of each part of the bill: passes of a helper are parts of their own."""
    model = row["model_responded"] or row["model_requested"]
    if row["provider"] in NAMED_BY_REQUEST:
        model = row["model_requested"] or model
    route = (row.get("gp") or {}).get("provider", "")
    if row["provider"] == "huggingface" and route.startswith("huggingface_"):
        model = f"{model}:{route.removeprefix('huggingface_')}"
    detail = row["usage"].get("iterations_detail")
    if not detail:
        yield model, usage_of(row["usage"], model)
        return
    for part in detail:
        read, written = part["cache_read_input_tokens"], part["cache_creation_input_tokens"]
        yield (
            part["model"] or model,
            Usage(
                input_tokens=part["input_tokens"] + read + written,
                output_tokens=part["output_tokens"],
                cache_read=read,
                cache_write_5m=written,
            ),
        )


def price_of(book: PriceBook, row: Row) -> int:
    """The call's cost in nano-dollars by our book. Raises `PriceError` where it has no price."""
    terms = [row[key] for key in ("service_tier", "speed") if row[key] in TERMS]
    if row["inference_geo"] == "us":
        terms.append("geo-us")
    total = Decimal(0)
    at = datetime.fromisoformat(row["priced_at"])
    for model, usage in charges_of(row):
        price = book.find(row["provider"], model, at)
        if price is None:
            raise PriceError(f"{row['provider']}/{model} has no price")
        total += cost_usd(usage, price, terms)
    return ceil_nanos(total)


def expected_nanos(row: Row) -> int:
    """The recorded cost, rounded as ours is."""
    usd = FLOAT_DIGITS.create_decimal(row["expected_usd"])
    return int((usd * 10**9).to_integral_value(ROUND_CEILING))


def outcome(book: PriceBook, row: Row) -> str:
    """`exact`, or how ours differs."""
    try:
        ours = price_of(book, row)
    except PriceError as error:
        return f"no price: {str(error).splitlines()[0]}"
    expected = expected_nanos(row)
    return "exact" if ours == expected else f"{ours} nano-dollars, not {expected}"


def mistaken(row: Row) -> str | None:
    """
    Why a recorded cost is wrong, by a rule with a source; None for nearly all of them.

    - genai-prices dates OpenAI's tiers by the day on which it first wrote them down (its comments
      say that it does not model them before), so an older call that was served at `priority` or
      `flex` is recorded at the standard price. OpenAI has sold both since 2025
      (openai.com/api-priority-processing lists GPT-5 at $2.50 and $20).
    - The search-preview models charge $25 per thousand searches, not $10
      (platform.openai.com/docs/pricing, "Web search preview", models that do not reason; litellm
      agrees).
    - Gemini 2 bills a grounded prompt once, however many searches it makes
      (ai.google.dev/gemini-api/docs/pricing); the recorded fee counts searches.
    """
    book = row.get("gp") or {}
    model = row["model_responded"] or row["model_requested"]
    tools = row["usage"].get("tools", {})
    if row["service_tier"] in ("priority", "flex") and book.get("usd_then") != book.get("usd_now"):
        return "the tier is recorded at the standard price"
    if "search-preview" in model and tools:
        return "the search is recorded at the fee of other models"
    if model.startswith("gemini-2") and tools.get("google_search_queries", 0) > 1:
        return "the grounded prompt is recorded once for each search"
    return None


def say(figure: str) -> None:
    """A figure for people, in the captured output (`pytest -rP`)."""
    print(figure)  # noqa: T201


needs_corpus = pytest.mark.skipif(
    not CORPUS.is_file(), reason="the recorded corpus is not beside this checkout"
)


@pytest.fixture(scope="module")
def book() -> PriceBook:
    """One book for all rows, as a running proxy has."""
    return PriceBook()


@needs_corpus
def test_the_book_bills_to_the_nano_dollar_where_the_cost_is_settled(book: PriceBook) -> None:
    """Every call of every provider that two books, or a person, have priced."""
    settled = [row for row in rows() if row["confidence"].startswith(SETTLED) and not mistaken(row)]
    misses = {row["id"]: said for row in settled if (said := outcome(book, row)) != "exact"}
    exact = Counter(row["provider"] for row in settled if row["id"] not in misses)
    say(f"{exact.total()} of {len(settled)} exact: {dict(exact.most_common())}")
    assert not misses
    assert len(settled) > 200


@needs_corpus
def test_a_mistaken_record_differs_only_as_its_rule_says(book: PriceBook) -> None:
    """What is set aside stays few, and our figure is the one that the rule's source gives."""
    aside = [row for row in rows() if row["confidence"].startswith(SETTLED) and mistaken(row)]
    assert len(aside) < 20
    for row in aside:
        if row["service_tier"] in TERMS:
            now = FLOAT_DIGITS.create_decimal(row["gp"]["usd_now"])
            assert price_of(book, row) == ceil_nanos(now), row["id"]


@needs_corpus
def test_list_prices_come_near_what_providers_billed(book: PriceBook) -> None:
    """Most bills are the list price; the others are routing, rounding and extras of a gateway."""
    figures: dict[str, Counter[str]] = {}
    for row in rows():
        if row["confidence"] == "provider-billed":
            said = outcome(book, row)
            kind = said if said == "exact" else "no price" if "no price" in said else "differs"
            figures.setdefault(row["provider"], Counter())[kind] += 1
    for provider, figure in sorted(figures.items()):
        say(f"{provider}: {dict(figure)}")
    exact = sum(figure["exact"] for figure in figures.values())
    assert exact * 3 >= 2 * sum(sum(figure.values()) for figure in figures.values())


@needs_corpus
def test_few_billed_models_are_unknown(book: PriceBook) -> None:
    """A model of the recordings without a price would be refused: they are listed, and rare."""
    known, unknown = 0, set()
    for row in rows():
        try:
            price_of(book, row)
            known += 1
        except PriceError:
            unknown.add(f"{row['provider']}/{row['model_requested']}")
    say(f"{known} priced, without a price: {sorted(unknown)}")
    assert len(unknown) <= 5
