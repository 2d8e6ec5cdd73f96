"""
What the book already knew when its sources moved on.

Sources edit prices in place and drop old models; the book must still say what a call of last year
cost. So an entry that is in force stays, a changed price is added from today on, and a model that
left the sources keeps its last price, as one that they no longer bound keeps its limits. What is
still to come is what the sources now say: nothing was billed by it.
"""

from typing import Any

from llmcap.pricing.units import TOKEN_UNITS
from llmcap.tariffs.carry import completed, when
from llmcap.tariffs.overlay import exact

Document = dict[str, Any]
TOKENS = frozenset(TOKEN_UNITS)
_MARKS = frozenset(("since", "source", "carried"))
LIMITS = ("limits", "context_window", "max_output")


def keep(old: Document, made: Document, *, today: str) -> None:
    """Carry the history of the old document into the new one, in place."""
    for model, before in exact(old.get("models", {})).items():
        after = made["models"].get(model)
        if after is None:
            made["models"][model] = before
            continue
        if "limits" not in after and "max_output" not in after:
            after.update({key: before[key] for key in LIMITS if key in before and key not in after})
        if before["prices"] != after["prices"]:
            after["prices"] = joined(before["prices"], after["prices"], today)
    made["models"] = {
        model: made["models"][model] for model in sorted(made["models"], key=str.lower)
    }


def joined(old: list[Document], new: list[Document], today: str) -> list[Document]:
    """
    The old entries, what the sources newly date, and the newest price from today on.

    Entries are the same when they take effect at the same time; the book's own figures for the past
    then stay, because calls have been billed by them. A wrong past is corrected in the overlay,
    after which the file is made afresh (`--fresh`). A unit or a term that the book did not know is
    no change: nothing was billed by it, and it holds for the past too. Of the future the sources
    have the last word, each time.
    """
    told = {when(entry): entry for entry in new}
    past = [entry for entry in old if _begun(entry, today)]
    have = {when(entry) for entry in past}
    merged = [_with_new_words(entry, told.get(when(entry))) for entry in past]
    merged += [entry for entry in new if when(entry) not in have and _begun(entry, today)]
    merged.sort(key=lambda entry: entry["since"] or "")
    now = _newest([entry for entry in new if _begun(entry, today)])
    now = [_kept(_newest(merged), entry) for entry in now]
    if [_content(entry) for entry in _newest(merged)] != [_content(entry) for entry in now]:
        merged = [entry for entry in merged if entry["since"] != today]
        merged += [{**entry, "since": today} for entry in now]
    return [*merged, *(entry for entry in new if not _begun(entry, today))]


def _kept(before: list[Document], entry: Document) -> Document:
    """A price in force with what it does not name of the one in force before it."""
    whole = [each for each in before if "hours" not in each]
    return completed(whole[-1], entry) if whole and "hours" not in entry else entry


def _begun(entry: Document, today: str) -> bool:
    return (entry["since"] or "") <= today


def _with_new_words(old: Document, new: Document | None) -> Document:
    """The old entry, with what the new one says where that was silent: units, terms, no tiers."""
    if new is None:
        return old
    known = old["rates"].keys() | TOKENS
    units = {unit: rate for unit, rate in new["rates"].items() if unit not in known}
    told = old.get("variants", {})
    terms = {term: each for term, each in new.get("variants", {}).items() if term not in told}
    more: Document = {}
    if units:
        more["rates"] = {**old["rates"], **units}
    if terms:
        more["variants"] = {**told, **terms}
    if new.get("tiers") == [] and "tiers" not in old:
        more["tiers"] = []
    return {**old, "source": new["source"], **more} if more else old


def _newest(entries: list[Document]) -> list[Document]:
    """The entries of the latest date: one, or one for each part of the day."""
    latest = max((entry["since"] or "" for entry in entries), default="")
    return [entry for entry in entries if (entry["since"] or "") == latest]


def _content(entry: Document) -> Document:
    return {key: value for key, value in entry.items() if key not in _MARKS}
