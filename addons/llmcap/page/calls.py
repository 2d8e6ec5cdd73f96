"""
Single calls: found by any attribute over the whole ledger, and one of them with all that is known.

Where an attribute is asked for, the rollups say in which quarters of an hour it occurs at all, so
that a rare value is found without reading what lies between.
"""

import csv
import io
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

from llmcap.ledger import history, rollups
from llmcap.ledger.history import PastCall
from llmcap.ledger.names.table import key_names
from llmcap.ledger.rows import from_micros
from llmcap.page.access import Role
from llmcap.page.now import call_line, seen
from llmcap.page.spend import Asked
from llmcap.pricing import PriceBook
from llmcap.words.errors import ConfigError
from llmcap.words.money import usd_string

PAGE = 50
READ = 500
# What is the call's own, and asked for by a glob, without regard to case.
OWN = ("provider", "model", "endpoint", "state", "budget")
CSV_MAX = 100_000
DIGITS_MAX = 18  # of an entry's number: what SQLite counts to

COLUMNS = (
    "time", "id", "state", "provider", "model", "asked", "project", "customer", "user", "client",
    "key", "input_tokens", "cached_tokens", "output_tokens", "cost_usd", "held_usd", "budgets",
    "note",
)  # fmt: skip
# What a spreadsheet would run.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def document(db: sqlite3.Connection, question: Asked, before: str) -> dict[str, Any]:
    """A page of calls, the newest first, and where the next one begins."""
    found: list[PastCall] = []
    for call in matching(db, question, before):
        found.append(call)
        if len(found) > PAGE:
            break
    more = len(found) > PAGE
    return {
        "calls": [call_line(call) for call in found[:PAGE]],
        "next": str(found[PAGE - 1].entry_id) if more else None,
    }


def matching(db: sqlite3.Connection, question: Asked, before: str = "") -> Iterator[PastCall]:
    """The calls that fit, the newest first. Raises `ConfigError` for a wrong place to go on."""
    if before and not (before.isdecimal() and len(before) <= DIGITS_MAX):
        raise ConfigError(f"before={before!r}: expected the number of an entry")
    place = int(before) if before else None
    where = {name: value for name, value in question.where.items() if name not in OWN}
    own = {name: value for name, value in question.where.items() if name in OWN}
    for first, last in _ranges(db, question):
        while place is None or place > first:
            top = last + 1 if place is None else min(place, last + 1)
            page = history.calls(
                db, limit=READ, before_id=top, from_id=first, since=question.since,
                attributes=where,
            )  # fmt: skip
            for call in page:
                if call.at < question.until and _fits(call, own):
                    yield call
            if len(page) < READ:
                break
            place = page[-1].entry_id


def _fits(call: PastCall, own: Mapping[str, str]) -> bool:
    known = {
        "provider": call.provider, "endpoint": call.endpoint, "state": call.state,
        "model": call.served_model or call.model, "budget": ", ".join(call.budgets),
    }  # fmt: skip
    return all(fnmatchcase(known[name].lower(), wanted.lower()) for name, wanted in own.items())


def _ranges(db: sqlite3.Connection, question: Asked) -> Sequence[tuple[int, int]]:
    """Between which entries there can be such calls, the newest first, none of them overlapping."""
    newest = rollups.newest(db)
    if not rollups.has_rollups(db):
        return [(0, newest)]
    having = [
        (name, rollups.values_like(db, name, value) if name in OWN else [value])
        for name, value in question.where.items()
    ]
    ranges = rollups.began(db, having, question.span)
    # What is not counted yet, and what is in flight.
    ranges.append((rollups.counted(db) + 1, newest))
    ranges += db.execute("SELECT hold_id, hold_id FROM open_holds").fetchall()
    return joined(ranges)


def joined(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """
    The same entries in ranges that do not overlap, the newest first.

    >>> joined([(5, 9), (1, 2), (8, 12), (13, 13)])
    [(5, 13), (1, 2)]
    """
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found[::-1]


# --- one call ---------------------------------------------------------------------------------


def one(
    db: sqlite3.Connection, entry_id: int, role: Role, book: PriceBook
) -> dict[str, Any] | None:
    """One call: its entries, and its usage line by line with the rate and where that comes from."""
    call = history.one_call(db, entry_id)
    if call is None or not seen(call, role):
        return None
    entries = db.execute(
        "SELECT at, kind, held_nanos, cost_nanos, usage, served_model, note FROM entries "
        "WHERE id = :id OR hold_id = :id ORDER BY id",
        {"id": entry_id},
    ).fetchall()
    price = book.find(call.provider, call.served_model or call.model, call.at)
    return {
        **call_line(call),
        "endpoint": call.endpoint,
        "key_name": key_names(db).get(call.attributes.get("key", "")),
        "response_id": call.response_id,
        "attributes": dict(sorted(call.attributes.items())),
        "entries": [
            {
                "time": from_micros(at).isoformat(),
                "kind": kind,
                "held_usd": usd_string(held),
                "cost_usd": usd_string(cost),
                "note": note or "",
            }
            for at, kind, held, cost, _, _, note in entries
        ],
        "usage": [
            {
                "unit": unit,
                "count": str(count) if isinstance(count, Decimal) else count,
                "rate_usd": str(rates[key]) if (rates := price.rates if price else {}) and
                (key := RATES.get(unit, unit)) in rates else None,
            }
            for unit, count in call.usage.items()
        ],
        "price": {"model": price.model, "source": price.source, "since": price.since}
        if price else None,
    }  # fmt: skip


# The counts of a usage and the units of a price have these names apart.
RATES = {"input_tokens": "input", "output_tokens": "output"}


def as_csv(calls: Iterator[PastCall]) -> Iterator[str]:
    """Lines of CSV with a head; a name that a client made up is text, whatever it begins with."""
    yield _line(COLUMNS)
    for number, call in enumerate(calls):
        if number >= CSV_MAX:
            return
        known = call_line(call)
        known["budgets"] = json.dumps(known["budgets"]) if known["budgets"] else ""
        yield _line([known[name] for name in COLUMNS])


def _line(values: Sequence[Any]) -> str:
    written = io.StringIO()
    texts = [str(value) for value in values]
    csv.writer(written).writerow(
        [f"'{text}" if text.startswith(_FORMULA) else text for text in texts]
    )
    return written.getvalue()
