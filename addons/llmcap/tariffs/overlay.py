"""
The overlay: what people know better than the sources, model by model.

    models:
      some-model:
        aliases: [another-name]            added
        source: where it says so           needed for rates and variants
        rates: {web_search: 25}            over every price of the history
        variants: {fast: {factor: 6}}      likewise; null: the sources are wrong, there is none
        serves: [a-model, another]         of a router: what it may choose
        days: mon-fri                      for prices that hold at certain hours
        changes: [{since: ..., source: ..., rates: ..., tiers: ...}]   different from a date on
        changes: [{since: ..., source: ..., ended: [flex, maps_search]}]   what holds no more then
        prices: [...]                      the whole history, in place of the sources'
"""

import re
from decimal import Decimal
from typing import Any

Document = dict[str, Any]


def patched(model: Document | None, patch: Document, name: str) -> Document:
    """
    A model with the overlay's word over it.

    `rates` and `variants` of the patch change every price of the history, `days` those that hold at
    certain hours; `changes` date a change of rates; `prices` replaces the history; `aliases` are
    added; the rest replaces what it names.
    """
    made: Document = {"aliases": [], **(model or {})}
    patch = dict(patch)
    made["aliases"] = sorted({*made["aliases"], *(str(each) for each in patch.pop("aliases", ()))})
    source, days = patch.pop("source", None), patch.pop("days", None)
    changes = patch.pop("changes", ())
    rates, variants = patch.pop("rates", {}), patch.pop("variants", {})
    if "prices" not in made and "prices" not in patch:
        made["prices"] = [{"since": None, "source": source, "rates": {}}]
    made.update(patch)
    if days:
        made["prices"] = [
            {**entry, "days": days} if "hours" in entry else entry for entry in made["prices"]
        ]
    if rates or variants:
        assert source, f"overlay: {name} must name its source"
        made["prices"] = [
            _patched_entry(entry, rates, variants, source) for entry in made["prices"]
        ]
    for change in changes:
        made["prices"] = _changed(made["prices"], change)
    return made


def _changed(prices: list[Document], change: Document) -> list[Document]:
    """The history with some rates different from a date on."""
    day, source, rates = change["since"], change["source"], change.get("rates", {})
    said: Document = {key: change[key] for key in ("tiers", "ended") if key in change}
    before = [entry for entry in prices if (entry["since"] or "") < day]
    after = [entry for entry in prices if (entry["since"] or "") >= day]
    whole_days = [entry for entry in before if "hours" not in entry]
    begun = whole_days[-1]["since"] or "" if whole_days else ""
    # Where the history has a price from that very day on, that one is changed and none is added.
    current = [
        {**_without(_patched_entry(entry, rates, {}, source), said), **said, "since": day}
        for entry in before
        if (entry["since"] or "") >= begun and not any(each["since"] == day for each in after)
    ]
    later = [_patched_entry(entry, rates, {}, source) for entry in after]
    return [
        *before,
        *current,
        *({**entry, **said} if entry["since"] == day else entry for entry in later),
    ]


def _without(entry: Document, said: Document) -> Document:
    """The price without what is said to have ended."""
    ended = frozenset(said.get("ended", ()))
    if not ended:
        return entry
    kept = {**entry, "rates": _left(entry["rates"], ended)}
    if "variants" in entry:
        kept["variants"] = _left(entry["variants"], ended)
    return kept


def _left(named: Document, ended: frozenset[str]) -> Document:
    return {name: each for name, each in named.items() if name not in ended}


def _patched_entry(entry: Document, rates: Document, variants: Document, source: str) -> Document:
    entry = {**entry, "rates": {**entry["rates"], **rates}}
    if variants:
        changed = {**entry.get("variants", {}), **variants}
        entry["variants"] = {term: each for term, each in changed.items() if each is not None}
    if source not in str(entry["source"]):
        entry["source"] = f"{entry['source']}, {source}"
    return entry


def exact(value: Any) -> Any:
    """Documents from YAML keep decimals as text; here they become numbers again."""
    if isinstance(value, dict):
        return {key: exact(each) for key, each in value.items()}
    if isinstance(value, list):
        return [exact(each) for each in value]
    if isinstance(value, str) and re.fullmatch(r"\d+\.\d+", value):
        return Decimal(value)
    return value
