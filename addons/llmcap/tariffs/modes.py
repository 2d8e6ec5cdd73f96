"""
Prices that a vendor derives from others of the same model, by the mode in which it is called.

    modes:
      cache-explicit: {cache_write: {of: input, times: 1.25}}   a variant, for each model and tier
      thinking: reasoning     what a source lists as the rate of reasoning is that of all output
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from llmcap.pricing.terms import THINKING

Document = dict[str, Any]


def with_modes(entry: Document, modes: Mapping[str, Any]) -> Document:
    """A price with the variants that its vendor's modes make of it."""
    made = dict(entry)
    variants: Document = {}
    for mode, rule in modes.items():
        if isinstance(rule, str):
            made, changed = _moved(made, rule)
        else:
            changed = _derived(made, rule)
        if changed:
            variants[THINKING if isinstance(rule, str) else mode] = changed
    if variants:
        made["variants"] = {**variants, **made.get("variants", {})}
    return made


def _derived(entry: Document, rule: Mapping[str, Mapping[str, Any]]) -> Document:
    """The rates that follow from others, those of each tier too."""
    rates = _times(entry["rates"], rule)
    tiers = [
        {**tier, "rates": made}
        for tier in entry.get("tiers", ())
        if (made := _times(tier["rates"], rule))
    ]
    return {"rates": rates, **({"tiers": tiers} if tiers else {})} if rates else {}


def _times(rates: Mapping[str, Decimal], rule: Mapping[str, Mapping[str, Any]]) -> Document:
    return {
        unit: (rates[each["of"]] * Decimal(str(each["times"]))).normalize()
        for unit, each in rule.items()
        if rates.get(each["of"])
    }


def _moved(entry: Document, unit: str) -> tuple[Document, Document]:
    """The same without a rate for the unit, and a variant that has it for all output."""
    if unit not in entry["rates"]:
        return entry, {}
    tiers = entry.get("tiers", [])
    variant: Document = {"rates": _all_output(entry["rates"], unit)}
    if dearer := [each for each in tiers if unit in each["rates"]]:
        variant["tiers"] = [{**each, "rates": _all_output(each["rates"], unit)} for each in dearer]
    bare = {**entry, "rates": _without(entry["rates"], unit)}
    if tiers:
        bare["tiers"] = [{**each, "rates": _without(each["rates"], unit)} for each in tiers]
    return bare, variant


def _all_output(rates: Mapping[str, Decimal], unit: str) -> Document:
    """What is read is named too, else it would be raised as what is written is."""
    return {name: rates[name] for name in ("input",) if name in rates} | {"output": rates[unit]}


def _without(rates: Mapping[str, Decimal], unit: str) -> Document:
    return {name: rate for name, rate in rates.items() if name != unit}
