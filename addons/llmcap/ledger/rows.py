"""
Rows of the SQLite ledger: how records become columns, and the statements that add them.

Text that came from a request is bounded and made storable here; nothing in it is a prompt or a key.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple

from llmcap.budgets.windows import EPOCH
from llmcap.words.records import (
    NOTHING,
    Call,
    CapUnit,
    Count,
    Ending,
    EntryKind,
    Scope,
    Settlement,
)
from llmcap.words.usage import COUNTS, Usage

_MICROSECOND = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)
_TEXT_CHARS_MAX = 500
_ATTRIBUTES_CHARS_MAX = 4_000
_json = json.JSONEncoder(separators=(",", ":")).encode
_REMEMBERED_MAX = 1_024
_counts = attrgetter(*COUNTS)


class Row(NamedTuple):
    """A row of `entries`, in the order of its columns; a tuple is what SQLite takes at once."""

    at: int
    kind: str
    process_id: int
    hold_id: int | None = None
    ends: int | None = None
    corrects: int | None = None
    call_id: str | None = None
    provider: str | None = None
    endpoint: str | None = None
    model: str | None = None
    attributes: str | None = None
    held_nanos: int = 0
    held_tokens: int = 0
    cost_nanos: int = 0
    usage: str | None = None
    served_model: str | None = None
    response_id: str | None = None
    note: str | None = None


class Posting(NamedTuple):
    """A row of `postings`: what an entry does to one balance."""

    entry_id: int
    balance_id: int
    spent: int = 0
    held: int = 0
    calls: int = 0
    refused: int = 0
    raised: int = 0


# --- values -----------------------------------------------------------------------------------


def micros(at: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (at - EPOCH) // _MICROSECOND


def from_micros(value: int) -> datetime:
    """The moment, in UTC."""
    return EPOCH + value * _MICROSECOND


def seconds(at: datetime | timedelta) -> int:
    """Seconds since 1970, or of a length; windows start on whole ones."""
    return (at - EPOCH if isinstance(at, datetime) else at) // _SECOND


def from_seconds(value: int) -> datetime:
    """The moment, in UTC."""
    return EPOCH + value * _SECOND


def text(value: str | None) -> str | None:
    """
    Text as SQLite and PostgreSQL take it, under one name in both.

    No NUL and no halves of surrogate pairs, both of which JSON bodies can hold.
    """
    if value is None or (value.isascii() and "\0" not in value and len(value) <= _TEXT_CHARS_MAX):
        return value
    shown = value[:_TEXT_CHARS_MAX].replace("\0", "\\0")
    return shown.encode("utf-8", "backslashreplace").decode()


def attributes_json(attributes: Mapping[str, str]) -> str:
    """A JSON object in ASCII, its values cut where a client sent far too much."""
    return _attributes_json(tuple(attributes.items()))


@lru_cache(_REMEMBERED_MAX)
def _attributes_json(items: tuple[tuple[str, str], ...]) -> str:
    attributes = dict(items)
    document = _json(attributes)
    if len(document) > _ATTRIBUTES_CHARS_MAX:
        document = json.dumps({name: value[:100] for name, value in attributes.items()})
    return document


def usage_json(usage: Usage) -> str | None:
    """The counts that are not zero; a `Decimal` is a JSON string, so that it stays exact."""
    read, written, *parts = _counts(usage)
    if read and written and not (any(parts) or usage.extras):
        # Most have no more, and whole numbers are JSON as they are printed.
        return f'{{"input_tokens":{read},"output_tokens":{written}}}'
    counts = {name: count for name in COUNTS if (count := getattr(usage, name))}
    for name, count in usage.extras.items():
        if count:
            counts[name] = str(count) if isinstance(count, Decimal) else count
    return _json(counts) if counts else None


def usage_from(document: str | None) -> Mapping[str, Count]:
    """What `usage_json` wrote."""
    if document is None:
        return NOTHING
    return {
        name: Decimal(count) if isinstance(count, str) else count
        for name, count in json.loads(document).items()
    }


def amount(unit: CapUnit, *, nanos: int, tokens: int, calls: int) -> int:
    """The same call in the unit of a cap."""
    if unit is CapUnit.USD:
        return nanos
    return tokens if unit is CapUnit.TOKENS else calls


def spent(
    unit: CapUnit, settlement: Settlement, *, held_nanos: int = 0, held_tokens: int = 0
) -> int:
    """What a settlement adds to a balance; nothing is ever spent of a cap on calls in flight."""
    if unit is CapUnit.CONCURRENT or settlement.ending is Ending.RELEASED:
        return 0
    tokens = settlement.usage.input_tokens + settlement.usage.output_tokens
    if settlement.ending is Ending.ASSUMED and (
        settlement.usage.output_tokens == 0 or 0 < held_nanos <= settlement.cost_nanos
    ):
        # The cost was assumed at the hold, so the tokens are too.
        tokens = max(tokens, held_tokens)
    return amount(unit, nanos=settlement.cost_nanos, tokens=tokens, calls=1)


# --- adding -----------------------------------------------------------------------------------

ADD_ROW = """
    INSERT INTO entries (at, kind, process_id, hold_id, ends, corrects, call_id, provider, endpoint,
        model, attributes, held_nanos, held_tokens, cost_nanos, usage, served_model, response_id,
        note)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
ADD_POSTING = """
    INSERT INTO postings (entry_id, balance_id, spent, held, calls, refused, raised)
    VALUES (?, ?, ?, ?, ?, ?, ?)
"""


def add(db: sqlite3.Connection, row: Row) -> int:
    """Add an entry; its id."""
    entry_id = db.execute(ADD_ROW, row).lastrowid
    assert entry_id is not None, "an INSERT has a row id"
    return entry_id


def post(db: sqlite3.Connection, postings: Iterable[Posting]) -> None:
    """Add what an entry does to balances; a trigger adds it up there."""
    db.executemany(ADD_POSTING, postings)


def call_row(kind: EntryKind, call: Call, *, process_id: int) -> Row:
    """The first entry of a call, with the facts about it."""
    return Row(
        at=micros(call.at),
        kind=kind.value,
        process_id=process_id,
        call_id=text(call.id),
        provider=text(call.provider),
        endpoint=text(call.endpoint),
        model=text(call.model),
        attributes=attributes_json(call.attributes),
    )


def settled(row: Row, settlement: Settlement, *, note: str | None = None) -> Row:
    """The same row with what a settlement knows; a correction's cost is set by its caller."""
    return row._replace(
        cost_nanos=settlement.cost_nanos,
        usage=usage_json(settlement.usage),
        served_model=text(settlement.model),
        response_id=text(settlement.response_id),
        note=text(note or settlement.note) or None,
    )


# --- balances ---------------------------------------------------------------------------------


def budget_key(scope: Scope) -> tuple[str, str, str, str]:
    """What makes two budgets the same one: how they count, not how much they allow."""
    budget = scope.budget
    every = " ".join(budget.every.lower().split())  # as `parse_window` reads it
    return text(budget.name) or "", budget.unit.value, every, ",".join(budget.per)
