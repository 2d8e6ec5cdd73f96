"""
What the genai-prices package knows of one provider, in the shape of our price book.

Its price keys become our units, its conditions become dates and hours, its variants become terms.
Its matching clauses become explicit names: what they say literally, and of what they say by
pattern only ids that are known to exist (`Universe`).
"""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date, time
from decimal import Decimal
from importlib.metadata import version
from typing import Any

from genai_prices.data import providers as _providers
from genai_prices.types import (
    ClauseContains,
    ClauseEndsWith,
    ClauseEquals,
    ClauseStartsWith,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)

Document = dict[str, Any]
SOURCE = "genai-prices"

UNITS = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "cache_write_5m_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "input_audio_mtok": "input_audio",
    "cache_audio_read_mtok": "cache_read_audio",
    "input_image_mtok": "input_image",
    "cache_image_read_mtok": "cache_read_image",
    "input_video_mtok": "input_video",
    "output_reasoning_mtok": "reasoning",
    "output_audio_mtok": "output_audio",
    "output_image_mtok": "output_image",
    "output_video_mtok": "output_video",
    "output_citation_mtok": "citation_token",
    "input_mchars": "input_character",
    "input_text_messages_kcount": "text_message",
    "audio_hours": "audio_second",
    "input_audio_hours": "audio_second",
    "input_document_kpages": "page",
    "input_annotated_document_kpages": "annotated_page",
    "rerank_searches_kcount": "search_unit",
    "web_searches_kcount": "web_search",
    "social_searches_kcount": "x_search",
    "storage_searches_kcount": "file_search",
    "code_executions_kcount": "code_execution",
    "requests_kcount": "search_request_high",  # Perplexity only, and its dearest fee
}

# Contexts that name a term of service; the others are named with their key.
TERM_KEYS = ("processing", "service_tier", "speed")
# What a call gets when it asks for nothing: no term at all.
USUAL = ("default", "web")


def installed() -> str:
    """The version whose data is read."""
    return version(SOURCE)


def provider(genai_id: str) -> Provider:
    """The package's record of one provider."""
    return next(each for each in _providers if each.id == genai_id)


def provider_ids() -> list[str]:
    """Every provider of the package."""
    return [each.id for each in _providers]


def models(source: Provider, keep: Callable[[str], bool]) -> dict[str, Document]:
    """Every model by id, of those ids that `keep` wants."""
    found: dict[str, Document] = {}
    for model in source.models:
        if not keep(model.id):
            continue
        found[model.id] = {
            "aliases": sorted(
                name
                for name in literal_names(model)
                if name != model.id.lower() and source.find_model(name) is model
            ),
            "context_window": model.context_window,
            "prices": list(history(model)),
        }
    return found


def literal_names(model: ModelInfo) -> set[str]:
    """Ids that the model's clauses spell out, in lower case."""
    # Bedrock's in-region prices are listed as `regional.`, which no request says.
    names = {model.id.lower(), model.id.lower().removeprefix("regional.")}
    for clause in _clauses(model.match):
        if isinstance(clause, ClauseEquals):
            names.add(clause.equals.lower())
        elif isinstance(clause, ClauseStartsWith | ClauseEndsWith | ClauseContains):
            text = next(iter(vars(clause).values())).lower()
            if re.search(r"[a-z0-9]$", text) and re.search(r"^[a-z0-9@]", text):
                names.add(text)
    return names


def history(model: ModelInfo) -> Iterator[Document]:
    """The model's prices, oldest first; hours of the day follow the price they deviate from."""
    given = (
        model.prices if isinstance(model.prices, list) else [ConditionalPrice(prices=model.prices)]
    )
    since: date | None = None
    dated: list[tuple[date | None, TimeOfDateConstraint | None, ModelPrice]] = []
    for each in given:
        if isinstance(each.constraint, StartDateConstraint):
            since = each.constraint.start_date
        hours = each.constraint if isinstance(each.constraint, TimeOfDateConstraint) else None
        dated.append((since, hours, each.prices))
    starts = sorted({day for day, _, _ in dated if day is not None})
    tiered = False
    for day, hours, price in dated:
        end = next((start for start in starts if day is None or start > day), None)
        for entry in _entries(model, day, end, hours, price):
            # What a price does not name of an earlier one holds on: that these ended must be said.
            yield {**entry, "tiers": []} if tiered and "tiers" not in entry else entry
            tiered = "tiers" in entry


def _entries(
    model: ModelInfo,
    since: date | None,
    end: date | None,
    hours: TimeOfDateConstraint | None,
    price: ModelPrice,
) -> Iterator[Document]:
    """
    One standard price, split where a variant changes while it is in force.

    The package dates a variant by the day on which it was first written down. Until another one
    replaces it, it is taken to be as old as the standard price beside which it was found.
    """
    changes = {since}
    for term in {_term(variant.when) for variant in model.price_variants or ()}:
        starts = sorted(_variant_starts(model, term))
        changes.update(
            start
            for start in starts[1:]
            if (since is None or start > since) and (end is None or start < end)
        )
    for day in sorted(changes, key=lambda value: value or date.min):
        entry: Document = {"since": day.isoformat() if day else None, "source": SOURCE}
        if hours is not None:
            entry["hours"] = f"{_clock(hours.start_time)}-{_clock(hours.end_time)}"
        rates, tiers = rates_of(price)
        entry["rates"] = rates or {"input": Decimal(0), "output": Decimal(0)}
        if tiers:
            entry["tiers"] = tiers
        variants = _variants(model, day, end)
        if variants and hours is None:
            entry["variants"] = variants
        yield entry


def _variants(model: ModelInfo, day: date | None, end: date | None) -> Document:
    variants: Document = {}
    for variant in model.price_variants or ():
        term = _term(variant.when)
        if term is None or term in variants:
            continue
        start = _start(variant)
        if start is not None and (day is None or start > day):
            first = start == min(_variant_starts(model, term))
            if not first or (end is not None and start >= end):
                continue
        rates, tiers = rates_of(variant.prices)
        if rates:
            variants[term] = {"rates": rates} | ({"tiers": tiers} if tiers else {})
    return variants


def _variant_starts(model: ModelInfo, term: str | None) -> set[date]:
    starts = (_start(each) for each in model.price_variants or () if _term(each.when) == term)
    return {start for start in starts if start is not None}


def _start(variant: PriceVariant) -> date | None:
    """The date that a variant is known from; None where it is as old as its price."""
    constraint = variant.constraint
    assert constraint is None or isinstance(constraint, StartDateConstraint), variant
    return constraint.start_date if constraint else None


def _term(when: dict[str, str]) -> str | None:
    (key, value), *more = when.items()
    if more or value in USUAL:
        return None
    return value if key in TERM_KEYS else f"{key}-{value}"


def rates_of(price: ModelPrice) -> tuple[Document, list[Document]]:
    """Rates by our units, and the tiers over them."""
    rates: Document = {}
    tiers: dict[int, Document] = {}
    for key, value in vars(price).items():
        if value is None or key.startswith("_"):
            continue
        unit = UNITS[key]
        if isinstance(value, TieredPrices):
            rates[unit] = value.base
            for tier in value.tiers:
                tiers.setdefault(tier.start, {})[unit] = tier.price
        else:
            rates[unit] = value
    return rates, [{"above": start, "rates": tiers[start]} for start in sorted(tiers)]


def _clauses(clause: Any) -> Iterable[Any]:
    inner = getattr(clause, "or_", None)
    if inner is None:
        return [clause]
    return [leaf for each in inner for leaf in _clauses(each)]


def _clock(value: time) -> str:
    return f"{value:%H:%M}"
