"""
The ledger for people: calls with how they ended, and the budgets of the proxies that write it.

`queries` gives entries as they were written; here the entries of one call are one record.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from llmcap.ledger.queries import connect
from llmcap.ledger.rows import from_micros, micros, usage_from
from llmcap.words.errors import LedgerError
from llmcap.words.records import Budget, BudgetMode, CapUnit, Count, HoldMode

# Where an entry is the last word on its call; `charged` is usage that nothing was held for.
_STATES = {"hold": "held", "charged": "settled"}

_CALLS = """
    SELECT first.id, first.at, first.kind, last.kind, first.call_id, first.provider,
        first.endpoint, first.model, coalesce(last.served_model, first.served_model),
        first.attributes, coalesce(open_holds.held_nanos, last.held_nanos, first.held_nanos),
        first.cost_nanos + coalesce(last.cost_nanos, 0), coalesce(last.usage, first.usage),
        coalesce(last.response_id, first.response_id), coalesce(last.note, first.note),
        coalesce(last.id, first.id)
    FROM entries AS first
    LEFT JOIN entries AS last
        ON last.ends = first.id
    LEFT JOIN open_holds ON open_holds.hold_id = first.id
    WHERE first.kind IN ('hold', 'refused', 'charged')
"""

_THESE_CALLS = f"{_CALLS} AND first.id IN (SELECT value FROM json_each(?)) ORDER BY first.id"  # noqa: S608 (all of it is ours)

# What corrects an entry, and what corrects that, in order.
_CORRECTIONS = """
    WITH RECURSIVE chain (root, id) AS (
        SELECT value, value FROM json_each(?)
        UNION ALL
        SELECT chain.root, entries.id FROM entries JOIN chain ON entries.corrects = chain.id)
    SELECT chain.root, entries.cost_nanos, entries.usage, entries.note
    FROM chain JOIN entries USING (id) WHERE chain.root <> chain.id ORDER BY chain.id
"""

_BUDGETS = """
    SELECT DISTINCT postings.entry_id, budgets.name FROM postings
    JOIN balances ON balances.id = postings.balance_id
    JOIN budgets ON budgets.id = balances.budget_id
    WHERE postings.entry_id IN (SELECT value FROM json_each(?))
    ORDER BY postings.entry_id, budgets.id
"""


@dataclass(frozen=True, slots=True)
class PastCall:
    """
    One call as the ledger knows it now.

    `state` is held (still in flight), settled, assumed, released or refused. `held_nanos` is what
    it holds, or held until it ended. `budgets` are those it counted for; of a refused one, the one
    that refused it.
    """

    entry_id: int  # of its first entry: calls are in this order
    id: str
    at: datetime
    state: str
    provider: str
    endpoint: str
    model: str
    served_model: str | None
    attributes: Mapping[str, str]
    held_nanos: int
    cost_nanos: int
    usage: Mapping[str, Count]
    response_id: str | None
    note: str
    budgets: tuple[str, ...]


@contextmanager
def reading(path: str | Path) -> Iterator[sqlite3.Connection]:
    """A ledger to read from, its errors as ours."""
    with closing(connect(path)) as db:
        try:
            yield db
        except sqlite3.Error as error:
            raise LedgerError(f"the ledger {path} cannot be read: {error}") from error


# --- calls ------------------------------------------------------------------------------------


def calls(
    db: sqlite3.Connection,
    *,
    limit: int,
    before_id: int | None = None,
    from_id: int = 0,
    since: datetime | None = None,
    attributes: Mapping[str, str] | None = None,
    model: str | None = None,
) -> list[PastCall]:
    """
    The newest calls first.

    `attributes` must be equal; `model` is a glob, without regard to case, that the asked or the
    served model fits. `before_id` goes on where an earlier page ended;
    nothing before `from_id` is read.
    """
    where, values = [f"{_CALLS} AND first.id >= ?"], list[object]([from_id])
    if before_id is not None:
        where.append("first.id < ?")
        values.append(before_id)
    if since is not None:
        where.append("first.at >= ?")
        values.append(micros(since))
    for name, value in (attributes or {}).items():
        where.append("json_extract(first.attributes, ?) = ?")
        values += [f'$."{name}"', value]
    if model is not None:
        served = "coalesce(last.served_model, first.served_model)"
        where.append(f"(lower(first.model) GLOB ? OR lower({served}) GLOB ?)")
        values += [model.lower()] * 2
    sql = f"{' AND '.join(where)} ORDER BY first.id DESC LIMIT ?"
    return _past_calls(db, db.execute(sql, (*values, limit)).fetchall())


def in_flight(db: sqlite3.Connection, *, limit: int) -> list[PastCall]:
    """The calls that hold money now, the oldest first."""
    held = "SELECT hold_id FROM open_holds ORDER BY hold_id LIMIT ?"
    rows = db.execute(f"{_CALLS} AND first.id IN ({held}) ORDER BY first.id", (limit,))
    return _past_calls(db, rows.fetchall())


def refused_lately(db: sqlite3.Connection, *, since: datetime, within: int) -> list[PastCall]:
    """The calls that were refused since then, the newest first, of the last so many entries."""
    lately = (
        "first.kind = 'refused' AND first.at >= ? AND first.id > (SELECT max(id) FROM entries) - ?"
    )
    rows = db.execute(f"{_CALLS} AND {lately} ORDER BY first.id DESC", (micros(since), within))
    return _past_calls(db, rows.fetchall())


def noted_lately(
    db: sqlite3.Connection, note: str, *, since: datetime, within: int
) -> list[PastCall]:
    """The calls held since then whose note begins so, of the last so many entries."""
    lately = (
        "first.kind = 'hold' AND first.at >= ? AND substr(first.note, 1, ?) = ? "
        "AND first.id > (SELECT max(id) FROM entries) - ?"
    )
    values = (micros(since), len(note), note, within)
    rows = db.execute(f"{_CALLS} AND {lately} ORDER BY first.id DESC", values)
    return _past_calls(db, rows.fetchall())


def one_call(db: sqlite3.Connection, entry_id: int) -> PastCall | None:
    """The call that began with this entry."""
    found = _past_calls(db, db.execute(_THESE_CALLS, (json.dumps([entry_id]),)).fetchall())
    return found[0] if found else None


def ended_since(db: sqlite3.Connection, entry_id: int) -> tuple[int, list[PastCall]]:
    """The calls that ended or were refused after this entry, and the newest entry there is."""
    newest: int = db.execute("SELECT coalesce(max(id), 0) FROM entries").fetchone()[0]
    firsts = db.execute(
        "SELECT DISTINCT coalesce(hold_id, id) FROM entries WHERE id > ? AND id <= ? "
        "AND kind IN ('settled', 'assumed', 'released', 'refused', 'charged', 'correction')",
        (entry_id, newest),
    ).fetchall()
    ids = json.dumps([first for (first,) in firsts])
    return newest, _past_calls(db, db.execute(_THESE_CALLS, (ids,)).fetchall())


def _past_calls(db: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> list[PastCall]:
    last_ids = {row[-1]: row[0] for row in rows}
    corrections: dict[int, list[tuple[int, str | None, str | None]]] = {}
    for root, *correction in db.execute(_CORRECTIONS, (json.dumps(list(last_ids)),)):
        corrections.setdefault(last_ids[root], []).append(tuple(correction))
    budgets: dict[int, list[str]] = {}
    for entry_id, name in db.execute(_BUDGETS, (json.dumps([row[0] for row in rows]),)):
        budgets.setdefault(entry_id, []).append(name)
    return [
        _past_call(row, corrections.get(row[0], ()), tuple(budgets.get(row[0], ()))) for row in rows
    ]


def _past_call(
    row: tuple[Any, ...],
    corrections: Iterable[tuple[int, str | None, str | None]],
    budgets: tuple[str, ...],
) -> PastCall:
    (
        entry_id, at, kind, ending, call_id, provider, endpoint, model, served_model, attributes,
        held_nanos, cost_nanos, usage, response_id, note, _,
    ) = row  # fmt: skip
    for more_nanos, corrected_usage, corrected_note in corrections:
        cost_nanos += more_nanos
        usage = corrected_usage or usage
        note = corrected_note or note
    return PastCall(
        entry_id=entry_id,
        id=call_id,
        at=from_micros(at),
        state=ending or _STATES.get(kind, kind),
        provider=provider,
        endpoint=endpoint,
        model=model,
        served_model=served_model,
        attributes=json.loads(attributes),
        held_nanos=held_nanos,
        cost_nanos=cost_nanos,
        usage=usage_from(usage),
        response_id=response_id,
        note=note or "",
        budgets=budgets,
    )


# --- budgets ----------------------------------------------------------------------------------


def define(
    db: sqlite3.Connection, process_id: int, budgets: Sequence[Budget], *, run_id: str
) -> None:
    """Write down the budgets of a proxy; those of proxies that have ended make room."""
    db.execute(
        "DELETE FROM definitions WHERE process_id = ? OR process_id IN "
        "(SELECT id FROM processes WHERE ended_at IS NOT NULL)",
        (process_id,),
    )
    db.executemany(
        "INSERT INTO definitions (process_id, position, run, definition) VALUES (?, ?, ?, ?)",
        [
            (process_id, position, run_id, definition(budget))
            for position, budget in enumerate(budgets)
        ],
    )


def definitions(db: sqlite3.Connection) -> list[tuple[Budget, str]]:
    """
    The budgets of the proxies that run, or of the last one that did, each with its run's id.

    The newest proxy comes first; a budget that several have is there once, as the newest has it.
    """
    found: dict[tuple[object, ...], tuple[Budget, str]] = {}
    rows = db.execute(
        "SELECT definition, run FROM definitions ORDER BY process_id DESC, position"
    ).fetchall()
    for written, run in rows:
        budget = budget_from(json.loads(written))
        key = (budget.name, budget.unit, budget.every, budget.per)
        found.setdefault((*key, run) if budget.every == "run" else key, (budget, run))
    return list(found.values())


def definition(budget: Budget) -> str:
    """How a budget counts and what it allows, without what its thresholds do, as JSON."""
    return json.dumps(
        {
            "name": budget.name,
            "cap": budget.cap,
            "unit": budget.unit.value,
            "every": budget.every,
            "timezone": budget.timezone,
            "match": {name: list(globs) for name, globs in budget.match.items()},
            "per": list(budget.per),
            "hold": budget.hold.value,
            "mode": budget.mode.value,
            "allow": [{name: list(globs) for name, globs in each.items()} for each in budget.allow],
        }
    )


def budget_from(fields: Mapping[str, Any]) -> Budget:
    """What `definition` wrote, by whichever version."""
    return Budget(
        name=fields["name"],
        cap=fields["cap"],
        unit=CapUnit(fields["unit"]),
        every=fields["every"],
        timezone=fields["timezone"],
        match={name: tuple(globs) for name, globs in fields["match"].items()},
        per=tuple(fields["per"]),
        hold=HoldMode(fields["hold"]),
        mode=BudgetMode(fields.get("mode", BudgetMode.ENFORCE)),
        allow=tuple(
            {name: tuple(globs) for name, globs in each.items()} for each in fields.get("allow", ())
        ),
    )
