"""
What genai-prices knows of one provider, in the shape of our price book.

Its data is read as the document that it publishes, never as a program: a list of providers, each
with its models (`prices/new_data/v2/data.schema.json` of github.com/pydantic/genai-prices). Its
price keys become our units, its conditions become dates and hours, its variants become terms. Its
matching clauses become explicit names: what they say literally, and of what they say by pattern
only ids that are known to exist. Its own calculation is not asked: see
`findings/genai_prices_unlisted_tier.sh`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from llmcap.pricing.entries import parse_amount
from llmcap.words.errors import PriceError

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


_PARTS = ("starts_with", "ends_with", "contains")

# What comes of a document that is not what it should be.
MALFORMED = (KeyError, TypeError, ValueError, AttributeError, ArithmeticError)

# A pattern with a repeated group can take for ever: none of theirs has one, and none is needed.
_PATTERN_CHARS_MAX = 300
_SLOW = re.compile(r"\)[*+{]|\\[1-9]")
_REPEATS_MAX = 4
# An id with a compact date is also looked up with a dashed one, as `find_model` of theirs does.
_COMPACT_DATE = re.compile(r"-(20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=[-:]|$)")


class Catalog:
    """The providers of one document. Raises `PriceError` where it is none."""

    def __init__(self, document: object) -> None:
        if not isinstance(document, list) or not all(
            isinstance(each, dict)
            and isinstance(each.get("id"), str)
            and isinstance(each.get("models"), list)
            and all(isinstance(model, dict) and model.get("id") for model in each["models"])
            for each in document
        ):
            raise PriceError(f"{SOURCE}: the document is no list of providers with their models")
        self._providers: dict[str, Document] = {each["id"]: each for each in document}
        self.refused: dict[str, str] = {}  # provider/model: why it cannot be read

    def ids(self) -> tuple[str, ...]:
        """Every provider of the document."""
        return tuple(self._providers)

    def pages(self, genai_id: str) -> list[str]:
        """Where a provider's prices are published."""
        pages: list[str] = self._providers[genai_id].get("pricing_urls") or []
        return pages

    def models(self, genai_id: str, keep: Callable[[str], bool]) -> dict[str, Document]:
        """Every model by id, of those ids that `keep` wants."""
        found: dict[str, Document] = {}
        for model in self._providers[genai_id]["models"]:
            if not keep(str(model["id"])):
                continue
            try:
                found[model["id"]] = self._read(genai_id, model)
            except (PriceError, *MALFORMED) as error:
                self.refused[f"{genai_id}/{model['id']}"] = f"{error}"
        return found

    def _read(self, genai_id: str, model: Document) -> Document:
        window = model.get("context_window")
        return {
            "aliases": sorted(
                name
                for name in literal_names(model)
                if name != model["id"].lower() and self.find(genai_id, name) is model
            ),
            "context_window": window if isinstance(window, int) else None,
            "prices": list(history(model)),
        }

    def find(self, genai_id: str, spelled: str) -> Document | None:
        """The model that genai-prices takes an id for: the first whose clauses match."""
        spelled = spelled.lower()
        dashed = _COMPACT_DATE.sub(r"-\1-\2-\3", spelled)
        for name in dict.fromkeys((spelled, dashed)):
            for model in self._providers[genai_id]["models"]:
                if self._is(model, name):
                    found: Document = model
                    return found
        return None

    def _is(self, model: Document, name: str) -> bool:
        try:
            return _matches(model["match"], name)
        except (PriceError, *MALFORMED) as error:
            self.refused.setdefault(str(model["id"]), f"{error}")
            return False


def _matches(clause: Mapping[str, Any], text: str) -> bool:
    """As genai_prices/types.py, `Clause*.is_match`, does it; `text` is in lower case."""
    ((kind, said),) = clause.items()
    match kind:
        case "or":
            return any(_matches(each, text) for each in said)
        case "and":
            return all(_matches(each, text) for each in said)
        case "equals":
            return text == str(said).lower()
        case "starts_with":
            return text.startswith(str(said).lower())
        case "ends_with":
            return text.endswith(str(said).lower())
        case "contains":
            return str(said).lower() in text
        case "regex":
            return _pattern(str(said)).search(text) is not None
    raise PriceError(f"{SOURCE}: {kind!r} is no clause that is known here")


@lru_cache(maxsize=4_096)
def _pattern(text: str) -> re.Pattern[str]:
    repeats = text.count("*") + text.count("+")
    if len(text) > _PATTERN_CHARS_MAX or _SLOW.search(text) or repeats > _REPEATS_MAX:
        raise PriceError(f"{SOURCE}: the pattern {text[:80]!r} may take for ever")
    try:
        return re.compile(text)
    except re.error as error:
        raise PriceError(f"{SOURCE}: {text[:80]!r} is no pattern: {error}") from error


def literal_names(model: Document) -> set[str]:
    """Ids that the model's clauses spell out, in lower case."""
    # Bedrock's in-region prices are listed as `regional.`, which no request says.
    names = {model["id"].lower(), model["id"].lower().removeprefix("regional.")}
    for kind, said in _clauses(model["match"]):
        text = str(said).lower()
        if kind == "equals" or (kind in _PARTS and re.search(r"^[a-z0-9@](.*[a-z0-9])?$", text)):
            names.add(text)
    return names


def history(model: Document) -> Iterator[Document]:
    """The model's prices, oldest first; hours of the day follow the price they deviate from."""
    prices = model["prices"]
    given = prices if isinstance(prices, list) else [{"prices": prices}]
    since: date | None = None
    dated: list[tuple[date | None, str | None, Document]] = []
    for each in given:
        constraint = each.get("constraint") or {}
        if "start_date" in constraint:
            since = _date(constraint["start_date"])
        hours = (
            f"{_clock(constraint['start_time'])}-{_clock(constraint['end_time'])}"
            if "start_time" in constraint
            else None
        )
        dated.append((since, hours, each["prices"]))
    starts = sorted({day for day, _, _ in dated if day is not None})
    tiered = False
    for day, hours, price in dated:
        end = next((start for start in starts if day is None or start > day), None)
        for entry in _entries(model, day, end, hours, price):
            # What a price does not name of an earlier one holds on: that these ended must be said.
            yield {**entry, "tiers": []} if tiered and "tiers" not in entry else entry
            tiered = "tiers" in entry


def _entries(
    model: Document, since: date | None, end: date | None, hours: str | None, price: Document
) -> Iterator[Document]:
    """
    One standard price, split where a variant changes while it is in force.

    The package dates a variant by the day on which it was first written down. Until another one
    replaces it, it is taken to be as old as the standard price beside which it was found.
    """
    changes = {since}
    for term in {_term(variant["when"]) for variant in _variants_of(model)}:
        starts = sorted(_variant_starts(model, term))
        changes.update(
            start
            for start in starts[1:]
            if (since is None or start > since) and (end is None or start < end)
        )
    for day in sorted(changes, key=lambda value: value or date.min):
        entry: Document = {"since": day.isoformat() if day else None, "source": SOURCE}
        if hours is not None:
            entry["hours"] = hours
        rates, tiers = rates_of(price)
        entry["rates"] = rates or {"input": Decimal(0), "output": Decimal(0)}
        if tiers:
            entry["tiers"] = tiers
        variants = _variants(model, day, end)
        if variants and hours is None:
            entry["variants"] = variants
        yield entry


def _variants_of(model: Document) -> list[Document]:
    return model.get("price_variants") or []


def _variants(model: Document, day: date | None, end: date | None) -> Document:
    variants: Document = {}
    for variant in _variants_of(model):
        term = _term(variant["when"])
        if term is None or term in variants:
            continue
        start = _start(variant)
        if start is not None and (day is None or start > day):
            first = start == min(_variant_starts(model, term))
            if not first or (end is not None and start >= end):
                continue
        rates, tiers = rates_of(variant["prices"])
        if rates:
            variants[term] = {"rates": rates} | ({"tiers": tiers} if tiers else {})
    return variants


def _variant_starts(model: Document, term: str | None) -> set[date]:
    starts = (_start(each) for each in _variants_of(model) if _term(each["when"]) == term)
    return {start for start in starts if start is not None}


def _start(variant: Document) -> date | None:
    """The date that a variant is known from; None where it is as old as its price."""
    constraint = variant.get("constraint")
    if not constraint:
        return None
    if "start_date" not in constraint:
        raise PriceError(f"{SOURCE}: a variant that holds at certain hours is not known here")
    return _date(constraint["start_date"])


def _term(when: Mapping[str, str]) -> str | None:
    (key, value), *more = when.items()
    if more or value in USUAL:
        return None
    return value if key in TERM_KEYS else f"{key}-{value}"


def rates_of(price: Document) -> tuple[Document, list[Document]]:
    """Rates by our units, and the tiers over them. Raises `PriceError` for a key of no unit."""
    rates: Document = {}
    tiers: dict[int, Document] = {}
    for key, value in price.items():
        if value is None:
            continue
        unit = UNITS.get(key)
        if unit is None:
            raise PriceError(f"{SOURCE}: {key!r} is no unit that is known here")
        if isinstance(value, dict):
            rates[unit] = parse_amount(value["base"], f"{SOURCE}: {key}")
            for tier in value["tiers"]:
                amount = parse_amount(tier["price"], f"{SOURCE}: {key}")
                tiers.setdefault(int(tier["start"]), {})[unit] = amount
        else:
            rates[unit] = parse_amount(value, f"{SOURCE}: {key}")
    return rates, [{"above": start, "rates": tiers[start]} for start in sorted(tiers)]


def _clauses(clause: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The leaves of a clause. What `and` combines spells out no whole name."""
    for kind, said in clause.items():
        if kind == "or":
            for each in said:
                yield from _clauses(each)
        else:
            yield kind, said


def _date(text: object) -> date:
    return date.fromisoformat(str(text))


def _clock(text: object) -> str:
    """`00:30:00Z` as hours and minutes."""
    return str(text)[:5]
