"""
litellm's price table, read as the data file it is, in the shape of our price book.

Its keys are one quantity each, such as `cache_read_input_token_cost_above_272k_tokens_priority`:
a unit, a context tier and a term of service. Amounts are dollars per single unit; an entry that
says another `currency` is left out. An entry without any price above zero says nothing: the table
uses zero for what it does not know, as `findings/litellm_free_models.sh` shows.
"""

import re
from decimal import Decimal
from typing import Any

from llmcap.words.errors import PriceError

Document = dict[str, Any]
SOURCE = "litellm"

MILLION, THOUSAND, HOUR, ONE = Decimal(1_000_000), Decimal(1000), Decimal(3600), Decimal(1)

TOKEN_KEYS = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cache_read",
    "input_cost_per_token_cache_hit": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
    "cache_read_input_audio_token_cost": "cache_read_audio",
    "cache_read_input_image_token_cost": "cache_read_image",
    "input_cost_per_audio_token": "input_audio",
    "input_cost_per_image_token": "input_image",
    "input_cost_per_video_token": "input_video",
    "output_cost_per_reasoning_token": "reasoning",
    "output_cost_per_audio_token": "output_audio",
    "output_cost_per_image_token": "output_image",
    "output_cost_per_video_token": "output_video",
    "citation_cost_per_token": "citation_token",
}
OTHER_KEYS = {
    "input_cost_per_character": ("input_character", MILLION),
    "ocr_cost_per_page": ("page", THOUSAND),
    "annotation_cost_per_page": ("annotated_page", THOUSAND),
    "input_cost_per_request": ("request", THOUSAND),
    "google_maps_grounding_cost_per_query": ("maps_search", THOUSAND),
    "file_search_cost_per_1k_calls": ("file_search", ONE),
    "code_interpreter_cost_per_session": ("code_interpreter", ONE),
    "output_cost_per_video_per_second": ("video_second", ONE),
    "output_cost_per_second_480p": ("video_second_480p", ONE),
    "output_cost_per_second_720p": ("video_second_720p", ONE),
    "output_cost_per_second_1080p": ("video_second_1080p", ONE),
    "output_cost_per_second_4k": ("video_second_4k", ONE),
}
TERMS = {"batches": "batch", "flex": "flex", "priority": "priority", "ultrafast": "ultrafast"}
FACTORS = {
    "regional_processing_uplift_multiplier_us": "geo-us",
    "regional_processing_uplift_multiplier_eu": "geo-eu",
    "regional_endpoint_uplift_multiplier": "geo-regional",
}
# Modes in which a second is a second of sound.
SOUND = ("audio_transcription", "audio_speech", "realtime")
PICTURES = ("image_generation", "image_edit")
# Modes in which a model thinks.
THINKING = ("chat", "responses", "completion")

_KEY = re.compile(
    r"(?P<base>.+?)(?P<hour>_above_1hr)?(?:_above_(?P<above>\d+)k_tokens)?"
    r"(?:_(?P<term>batches|flex|priority|ultrafast))?"
)
# Prices of one image under a name of its own: `hd/1024-x-1792/dall-e-3`.
SIZED = re.compile(r"(^|/)(\d+-x-\d+|low|medium|high|standard|hd|max-steps|\d+-steps)/")


def entries(document: object) -> dict[str, Document]:
    """The table by its own keys. Raises `PriceError` where the document is none."""
    if not isinstance(document, dict) or not any(
        isinstance(fields, dict) and "litellm_provider" in fields for fields in document.values()
    ):
        raise PriceError(f"{SOURCE}: the document is no table of models")
    return {str(key): fields for key, fields in document.items() if _is_readable(fields)}


def _is_readable(fields: object) -> bool:
    """Whether an entry is a model with a price that can be read, or with none."""
    if not isinstance(fields, dict) or not isinstance(fields.get("litellm_provider"), str):
        return False
    if str(fields.get("currency", "USD")).upper() != "USD":
        return False
    try:
        price(fields)
        limits(fields)
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError):
        return False
    return True


def price(fields: Document) -> Document:
    """One entry as a price without date: rates, tiers, variants. Empty where it has none."""
    rates: Document = {}
    tiers: dict[int, Document] = {}
    variants: dict[str, Document] = {}
    for key, value in fields.items():
        match = _KEY.fullmatch(key)
        amount = _amount(value)
        if match is None or amount is None:
            continue
        known = _unit(match["base"], fields, hour=bool(match["hour"]))
        if known is None:
            continue
        unit, per = known
        amount = _tidy(amount * per)
        above = int(match["above"]) * 1000 if match["above"] else None
        if match["term"]:
            variant = variants.setdefault(TERMS[match["term"]], {"rates": {}, "tiers": {}})
            where = variant["rates"] if above is None else variant["tiers"].setdefault(above, {})
        else:
            where = rates if above is None else tiers.setdefault(above, {})
        where.setdefault(unit, amount)
    rates.update(_searches(fields))
    _ranges(fields, rates, tiers)
    if not any(rates.values()):
        return {}
    found: Document = {"rates": rates}
    if tiers:
        found["tiers"] = _tier_list(tiers)
    terms = {
        term: {"rates": each["rates"]}
        | ({"tiers": _tier_list(each["tiers"])} if each["tiers"] else {})
        for term, each in variants.items()
        if each["rates"]
    }
    terms.update(_factors(fields, terms))
    if terms:
        found["variants"] = terms
    return found


def limits(fields: Document) -> Document:
    """Maximum output and context window, where the entry has them."""
    found: Document = {}
    output = fields.get("max_output_tokens")
    window = fields.get("max_input_tokens")
    if isinstance(output, int | Decimal) and output > 0:
        found["max_output"] = int(output)
    if isinstance(window, int | Decimal) and window > 0:
        found["context_window"] = int(window)
    return found


def thinks(fields: Document) -> bool | None:
    """Whether the model reasons: None where the entry is silent."""
    if fields.get("mode") not in THINKING:
        return False
    return True if fields.get("supports_reasoning") else None


def _unit(base: str, fields: Document, *, hour: bool) -> tuple[str, Decimal] | None:
    mode = fields.get("mode")
    if base in TOKEN_KEYS:
        unit = TOKEN_KEYS[base]
        if hour:
            return ("cache_write_1h", MILLION) if unit == "cache_write" else None
        return unit, MILLION
    if hour:
        return None
    if base == "input_cost_per_second":
        return ("audio_second", HOUR) if mode in SOUND else ("compute_second", ONE)
    if base == "output_cost_per_second" and mode == "video_generation":
        return "video_second", ONE
    if base in ("output_cost_per_image", "input_cost_per_image") and mode in PICTURES:
        if base == "input_cost_per_image" and fields.get("output_cost_per_image"):
            return "input_image_item", ONE
        return "image", ONE
    if base == "input_cost_per_image" and mode == "embedding":
        return "input_image_item", ONE
    if base == "input_cost_per_query":
        return ("search_unit" if mode == "rerank" else "request"), THOUSAND
    return OTHER_KEYS.get(base)


def _searches(fields: Document) -> Document:
    by_size = fields.get("search_context_cost_per_query")
    if not isinstance(by_size, dict):
        return {}
    per_thousand = {
        size: _tidy(Decimal(by_size.get(f"search_context_size_{size}", 0)) * THOUSAND)
        for size in ("low", "medium", "high")
    }
    if fields["litellm_provider"] == "perplexity":
        return {f"search_request_{size}": amount for size, amount in per_thousand.items()}
    return {"web_search": max(per_thousand.values())}


def _ranges(fields: Document, rates: Document, tiers: dict[int, Document]) -> None:
    """`tiered_pricing` lists what a whole call costs by how much it reads."""
    for each in fields.get("tiered_pricing") or ():
        start = int(each["range"][0]) if "range" in each else 0
        where = rates if start == 0 else tiers.setdefault(start, {})
        for key, value in each.items():
            amount = _amount(value)
            if key in TOKEN_KEYS and amount is not None:
                where[TOKEN_KEYS[key]] = _tidy(amount * MILLION)


def _factors(fields: Document, terms: Document) -> Document:
    found: Document = {}
    for key, term in FACTORS.items():
        if (factor := _amount(fields.get(key))) is not None:
            found[term] = {"factor": factor}
    special = fields.get("provider_specific_entry") or {}
    if (factor := _amount(special.get("us"))) is not None:
        # The workspace's own default may be "us", and then no request says so.
        found["geo-us"] = {"factor": factor, "unasked": True}
    if (factor := _amount(special.get("fast"))) is not None and "fast" not in terms:
        found["fast"] = {"factor": factor}
    return found


def _tier_list(tiers: dict[int, Document]) -> list[Document]:
    return [{"above": above, "rates": tiers[above]} for above in sorted(tiers)]


def _amount(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return Decimal(value)


def _tidy(amount: Decimal) -> Decimal:
    """Without the last digits of a binary fraction: 1.0000000000000002 was meant to be 1."""
    digits = len(amount.as_tuple().digits)
    return round(amount, 10) if digits > 12 else amount
