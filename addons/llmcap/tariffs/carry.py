"""
What a dated price keeps of the one before it: the book cannot forget.

A source that announces new prices often names only some of them: the rate of a token doubles, and
of its priority tier, its flexible tier and its fees nothing is said. They do not end by that. What
a price to come does not name is carried over from the one before, in proportion to the base rate
where it is a token's, and marked in `carried`; what truly ends is said by the overlay (`ended`).
Prices that are in force already were billed by: they are listed where they lack something, and
never changed.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from llmcap.pricing.rates import scaled
from llmcap.pricing.units import OUTPUT_UNITS, TOKEN_UNITS

Document = dict[str, Any]

TIERS = "tiers"
_TOKENS = frozenset(TOKEN_UNITS)
_OUTPUT = frozenset(OUTPUT_UNITS)


def carry(models: Mapping[str, Document], old: Mapping[str, Document], today: str) -> None:
    """
    Complete the prices to come, in place; `old` are the models of the book as it stands.

    A price that began while it was marked there stays complete: calls were billed by it.
    """
    for model, fields in models.items():
        marked = {
            when(entry) for entry in old.get(model, {}).get("prices", ()) if entry.get("carried")
        }
        for before, entry in _pairs(fields["prices"]):
            if (entry["since"] or "") > today or when(entry) in marked:
                entry.update(completed(before, entry))


def forgotten(entries: Sequence[Document]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Of each price that lacks something of the one before it: since when, and what."""
    for before, entry in _pairs(entries):
        if names := tuple(_lacking(before, entry)):
            yield entry["since"], names


def _pairs(entries: Sequence[Document]) -> Iterator[tuple[Document, Document]]:
    """Each price that holds all day with the one before; hours of a day deviate from theirs."""
    before: Document | None = None
    for entry in entries:
        if "hours" in entry:
            continue
        if before is not None:
            yield before, entry
        before = entry


def _lacking(before: Document, entry: Document) -> Iterator[str]:
    """What the later price does not name, unless it says that it ended."""
    ended = frozenset(entry.get("ended", ()))
    for name in _lacking_anything(before, entry):
        if not ended & {name, name.partition(".")[0]}:
            yield name


def _lacking_anything(before: Document, entry: Document) -> Iterator[str]:
    yield from (unit for unit in before["rates"] if unit not in entry["rates"])
    if before.get(TIERS) and not entry.get(TIERS):
        yield TIERS
    later = entry.get("variants", {})
    for term, variant in before.get("variants", {}).items():
        if term not in later:
            yield term
            continue
        own = later[term].get("rates", {})
        yield from (f"{term}.{unit}" for unit in variant.get("rates", {}) if unit not in own)
        if variant.get(TIERS) and TIERS not in later[term]:
            yield f"{term}.{TIERS}"


def completed(before: Document, entry: Document) -> Document:
    """A price with what it does not name of the one before it, marked."""
    names = tuple(_lacking(before, entry))
    if not names:
        return entry
    told, rates = entry["rates"], dict(entry["rates"])
    made = dict(entry)
    variants = {term: dict(each) for term, each in entry.get("variants", {}).items()}
    old_rates = before["rates"]
    for name in names:
        if name in old_rates and name not in told:
            rates[name] = _moved(name, old_rates[name], old_rates, told)
    for name in names:
        term, dot, part = name.partition(".")
        old = before.get("variants", {}).get(term)
        if name == TIERS:
            made[TIERS] = _tiers(before[TIERS], old_rates, rates)
        elif old is not None and not dot:
            variants[term] = _variant(old, old_rates, rates)
        elif old is not None and part == TIERS:
            own = variants[term].get("rates", {})
            variants[term][TIERS] = _tiers(old[TIERS], old.get("rates", {}), own)
        elif old is not None:
            own = variants[term].get("rates", {})
            amount = _moved(part, old["rates"][part], old["rates"], own)
            variants[term]["rates"] = {**own, part: amount}
    made["rates"] = rates
    if variants:
        made["variants"] = variants
    made["carried"] = [*entry.get("carried", ()), *names]
    return made


def _moved(unit: str, rate: Decimal, old: Mapping[str, Any], new: Mapping[str, Any]) -> Decimal:
    """A token's rate as its whole has moved; any other as it is."""
    if unit not in _TOKENS:
        return rate
    whole = "output" if unit in _OUTPUT else "input"
    if not old.get(whole) or whole not in new:
        return rate
    return scaled(rate, new[whole], old[whole])


def _each_moved(rates: Document, old: Document, new: Document) -> Document:
    """Rates beside those of a price, each as the price's own of that name has moved."""
    return {
        unit: scaled(rate, new[unit], old[unit])
        if unit in new and old.get(unit)
        else _moved(unit, rate, old, new)
        for unit, rate in rates.items()
    }


def _tiers(tiers: Sequence[Document], old: Document, new: Document) -> list[Document]:
    return [{**tier, "rates": _each_moved(tier["rates"], old, new)} for tier in tiers]


def _variant(variant: Document, old: Document, new: Document) -> Document:
    moved = dict(variant)
    if "rates" in variant:
        moved["rates"] = _each_moved(variant["rates"], old, new)
    if TIERS in variant:
        moved[TIERS] = _tiers(variant[TIERS], old, new)
    return moved


def when(entry: Document) -> tuple[str, str, str]:
    """From which day, and at which hours of which days, an entry is in force."""
    return (entry["since"] or "", entry.get("hours", ""), entry.get("days", ""))


# --- who sells the same ---------------------------------------------------------------------


def siblings(
    book: Mapping[str, Mapping[str, Document]], after: str
) -> Iterator[tuple[str, str, str]]:
    """
    Sellers whose price does not change on the day that the model's own vendor's does.

    `book` is provider -> model -> fields; changes after the day `after` (ISO) count. Of each: the
    vendor's model, the day, and the seller's model. A seller is one that has the id, after a prefix
    of its own, at just the rates of input and output that end on that day.
    """
    sold: dict[str, list[tuple[str, str, Document]]] = {}
    for provider, models in book.items():
        for model, fields in models.items():
            sold.setdefault(_bare(model), []).append((provider, model, fields))
    for provider, models in book.items():
        for model, fields in models.items():
            for before, entry in _pairs(fields["prices"]):
                day = entry["since"] or ""
                if day <= after or not _moves(before, entry):
                    continue
                for seller, name, theirs in sold[_bare(model)]:
                    if seller != provider and _stays(theirs["prices"], before, day):
                        yield f"{provider}/{model}", day, f"{seller}/{name}"


def _bare(model: str) -> str:
    """An id without the vendor, the region or the folder in front of it."""
    last = model.lower().rpartition("/")[2]
    head, dot, rest = last.rpartition(".")
    return rest if dot and head.replace(".", "").replace("-", "").isalpha() else last


def _plain(entry: Document) -> tuple[Any, Any]:
    return entry["rates"].get("input"), entry["rates"].get("output")


def _moves(before: Document, entry: Document) -> bool:
    return _plain(before) != _plain(entry)


def _stays(theirs: Sequence[Document], before: Document, day: str) -> bool:
    held = [entry for entry in theirs if "hours" not in entry]
    past = [entry for entry in held if (entry["since"] or "") < day]
    return (
        bool(past)
        and _plain(past[-1]) == _plain(before)
        and not any((entry["since"] or "") >= day for entry in held)
    )
