"""
models.dev's data (MIT, github.com/anomalyco/models.dev): what a chat of text costs, and its limits.

It is taken for vendors that neither genai-prices nor litellm prices. Only text is: other units have
no price there, and zero means unknown as often as free. The published form is one document,
`api.json`: provider -> models -> id -> cost, limit, modalities.
"""

from decimal import Decimal
from typing import Any

from llmcap.pricing.entries import parse_amount
from llmcap.words.errors import PriceError

Document = dict[str, Any]

# Our name of a vendor, and its lists there: where several sites have the same, the dearer counts.
VENDORS = {
    "chutes": ("chutes",),
    "clarifai": ("clarifai",),
    "helicone": ("helicone",),
    "poe": ("poe",),
    "siliconflow": ("siliconflow", "siliconflow-cn"),
    "synthetic": ("synthetic",),
    "venice": ("venice",),
}
SHORT = ("poe",)  # sells under the last part of the names that models.dev has
RATES = {
    "input": "input",
    "output": "output",
    "cache_read": "cache_read",
    "cache_input": "cache_read",
    "cache_write": "cache_write",
}
SOURCE = "models.dev"


def overlays(document: object, day: str) -> dict[str, Document]:
    """The overlays of all vendors from `api.json` of that day. Raises `PriceError`."""
    if not isinstance(document, dict) or not any(
        isinstance(each, dict) and isinstance(each.get("models"), dict)
        for each in document.values()
    ):
        raise PriceError(f"{SOURCE}: the document is no mapping of providers with their models")
    made: dict[str, Document] = {}
    for vendor, lists in VENDORS.items():
        models: dict[str, Document] = {}
        for name in lists:
            listed = document.get(name, {}).get("models", {})
            for model, fields in listed.items():
                short = model.rpartition("/")[2] if vendor in SHORT else model
                try:
                    found = entry({"limit": {}, **fields})
                except (PriceError, KeyError, TypeError, ValueError, AttributeError):
                    continue
                if found:
                    models[short] = dearer(models[short], found) if short in models else found
        if models:
            made[vendor] = {"models": {model: patch(models[model], day) for model in models}}
    return made


def patch(made: Document, day: str) -> Document:
    """One model of an overlay."""
    price: Document = {"since": None, "source": f"{SOURCE}, {day}", "rates": made["rates"]}
    if made["tiers"]:
        price["tiers"] = made["tiers"]
    kept = {key: made[key] for key in ("context_window", "max_output", "reasons") if made[key]}
    return {**kept, "limits": SOURCE, "prices": [price]}


def entry(fields: Document) -> Document | None:
    """What the book needs to know of a model, or None where its price is none of a text chat."""
    cost = fields.get("cost", {})
    written = fields.get("modalities", {}).get("output", ["text"])
    if written != ["text"] or "image" in cost or not (cost.get("input") and cost.get("output")):
        return None
    tiers = [
        {"above": tier["tier"]["size"], "rates": rates(tier)} for tier in cost.get("tiers", ())
    ]
    return {
        "context_window": fields["limit"].get("context") or None,
        "max_output": fields["limit"].get("output") or None,
        "reasons": fields.get("reasoning") or None,
        "rates": rates(cost),
        "tiers": tiers,
    }


def rates(cost: Document) -> dict[str, Decimal]:
    """A price under our names. Zero for a part would make it free: it is left to the whole."""
    return {
        ours: parse_amount(cost[theirs], f"{SOURCE}: {theirs}")
        for theirs, ours in RATES.items()
        if cost.get(theirs)
    }


def dearer(one: Document, other: Document) -> Document:
    """Of two sites' prices for a model the dearer rates, and those parts that both have."""
    both = one["rates"].keys() & other["rates"].keys()
    return {
        **one,
        "rates": {unit: max(one["rates"][unit], other["rates"][unit]) for unit in both},
    }
