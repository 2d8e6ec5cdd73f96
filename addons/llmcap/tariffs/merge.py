"""
One provider's models, from both sources: who is believed about what.

genai-prices gives history, names and prices of what it lists. litellm gives models that it alone
lists, and of the others what genai-prices is silent about (bounds, units, terms, tiers) where both
agree on the price of a plain token. An id that litellm lists at a price of its own and that
genai-prices knows by a pattern only is litellm's.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from llmcap.tariffs import genai, litellm_table
from llmcap.tariffs.genai import Catalog

Document = dict[str, Any]

MODALITIES = ("input_audio", "cache_read_audio", "output_audio", "input_image", "output_image")
PLAIN = ("input", "output")


def models(
    name: str, rules: Document, catalog: Catalog, listed: dict[str, Document], seen: Iterable[str]
) -> dict[str, Document]:
    """Every model by id; `listed` are litellm's entries, `seen` ids that traffic has shown."""
    if "gathers" in rules:
        return _routed(catalog, rules["gathers"])
    genai_id = rules.get("genai", name)
    if genai_id not in catalog.ids():
        return {model: made for model, fields in listed.items() if (made := _only_listed(fields))}
    only = re.compile(rules.get("only", ""))
    found = catalog.models(genai_id, lambda model: bool(only.search(model)))
    literal = {
        each.lower(): model
        for model, fields in found.items()
        for each in (*fields["aliases"], model)
    }

    def model_of(spelled: str) -> str | None:
        """The model that genai-prices takes an id for, if it is one of those kept."""
        matched = catalog.find(genai_id, spelled)
        model = literal.get(spelled.lower()) or (matched["id"] if matched else None)
        return model if model in found else None

    merged = _merged(found, listed, {each: model_of(each) for each in listed}, frozenset(literal))
    for spelled in seen:
        model = model_of(spelled)
        if model and spelled.lower() not in literal:
            merged[model]["aliases"].append(spelled.lower())
    return merged


def _merged(
    found: dict[str, Document],
    listed: dict[str, Document],
    model_of: Mapping[str, str | None],
    literal: frozenset[str],
) -> dict[str, Document]:
    merged = dict(found)
    names: dict[str, list[str]] = {}
    for spelled, fields in listed.items():
        model = model_of[spelled]
        if model and (spelled.lower() in literal or _same_tokens(found[model], fields)):
            names.setdefault(model, []).append(spelled)
        elif made := _only_listed(fields):
            merged[spelled] = made
    for model, spellings in names.items():
        # The entry under the model's own id knows best, then those under its other names.
        for spelled in sorted(
            spellings, key=lambda each: (each.lower() != model.lower(), each not in literal, each)
        ):
            _complete(merged[model], listed[spelled])
            if spelled.lower() not in literal:
                merged[model]["aliases"].append(spelled.lower())
    return merged


def _routed(catalog: Catalog, prefix: str) -> dict[str, Document]:
    """
    A router's models: `model:provider` at that provider's price, `model` at the dearest of them.

    Only the router knows whom it picks, so a bare id is priced at the highest of each rate.
    """
    routed: dict[str, Document] = {}
    for genai_id in catalog.ids():
        if not genai_id.startswith(prefix):
            continue
        route = genai_id.removeprefix(prefix)
        for model, fields in catalog.models(genai_id, lambda _: True).items():
            aliases = fields["aliases"]
            routed[f"{model}:{route}"] = {
                **fields, "aliases": [f"{alias}:{route}" for alias in aliases]
            }  # fmt: skip
            any_route = routed.setdefault(
                model,
                {
                    "aliases": [*aliases, model.rpartition("/")[2].lower()],
                    "context_window": fields["context_window"],
                    "prices": [{"since": None, "source": genai.SOURCE, "rates": {}}],
                },
            )
            rates = any_route["prices"][0]["rates"]
            for unit, rate in fields["prices"][-1]["rates"].items():
                rates[unit] = max(rate, rates.get(unit, rate))
            window = fields["context_window"]
            if window and window > (any_route["context_window"] or 0):
                any_route["context_window"] = window
    return routed


def complete_by_vendor(
    gateway: dict[str, Document], vendors: Mapping[str, str], catalog: Catalog
) -> None:
    """
    Sound and pictures of a gateway's models, from the vendor's own list.

    A gateway that lists only text prices passes the vendor's other prices on; so where both agree
    on the price of a token, what the gateway is silent about is taken from the vendor.
    """
    for vendor, genai_id in vendors.items():
        if genai_id not in catalog.ids():
            continue
        theirs = catalog.models(genai_id, lambda _: True)
        for model, fields in gateway.items():
            own = theirs.get(model.removeprefix(f"{vendor}/"))
            if own is None or not model.startswith(f"{vendor}/"):
                continue
            listed = own["prices"][-1]["rates"]
            for entry in fields["prices"]:
                if not _agree(entry["rates"], listed):
                    continue
                for unit in MODALITIES:
                    if unit in listed and unit not in entry["rates"]:
                        entry["rates"][unit] = listed[unit]
                        entry["source"] = f"{genai.SOURCE}, {genai.SOURCE} ({genai_id})"


def _only_listed(fields: Document) -> Document | None:
    price = litellm_table.price(fields)
    if not price:
        return None
    made: Document = {"aliases": []}
    limits = litellm_table.limits(fields)
    if limits:
        made.update(limits, limits=litellm_table.SOURCE)
    thinks = litellm_table.thinks(fields)
    if thinks is not None:
        made["reasons"] = thinks
    made["prices"] = [{"since": None, "source": litellm_table.SOURCE, **price}]
    return made


def _same_tokens(model: Document, fields: Document) -> bool:
    """Whether the newest prices of a plain token agree."""
    rates = litellm_table.price(fields).get("rates")
    return rates is not None and _agree(model["prices"][-1]["rates"], rates)


def _agree(ours: Document, theirs: Document) -> bool:
    return all(ours.get(unit) == theirs.get(unit) for unit in PLAIN)


def _complete(model: Document, fields: Document) -> None:
    """Add what only litellm says about a model that both list."""
    for key, value in litellm_table.limits(fields).items():
        if not model.get(key):
            model[key] = value
            model["limits"] = litellm_table.SOURCE
    thinks = litellm_table.thinks(fields)
    if thinks is not None:
        model.setdefault("reasons", thinks)
    price = litellm_table.price(fields)
    if price:
        tiered = any(entry.get("tiers") for entry in model["prices"])
        for entry in model["prices"]:
            if "hours" not in entry and _agree(entry["rates"], price["rates"]):
                _complete_entry(entry, price, tiered=tiered)


def _complete_entry(entry: Document, price: Document, *, tiered: bool) -> None:
    units = {unit: rate for unit, rate in price["rates"].items() if unit not in entry["rates"]}
    variants = {
        term: variant
        for term, variant in price.get("variants", {}).items()
        if term not in entry.get("variants", {})
    }
    entry["rates"].update(units)
    if variants:
        entry.setdefault("variants", {}).update(variants)
    # A history that has tiers anywhere says when they were dropped.
    tiers = [] if tiered else price.get("tiers", [])
    if tiers:
        entry["tiers"] = tiers
    if (units or variants or tiers) and litellm_table.SOURCE not in entry["source"]:
        entry["source"] += f", {litellm_table.SOURCE}"
