"""
The fleet's books as a ledger file on this machine, for commands that read one.

What the nodes sent to the treasury is taken from it, each time what is new, and put into an SQLite
ledger like any other: so `log`, `report` and `export` say of a fleet what they say of a machine,
by the same code. Each call has the attribute `node`. Nobody spends from this file, and it may be
deleted at any time: it is made again.
"""

import contextlib
import heapq
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any

from llmcap.ledger.recovery import EXTEND
from llmcap.ledger.rows import ADD_POSTING, Row, add
from llmcap.ledger.store import Store
from llmcap.treasury.hands import Hands
from llmcap.treasury.protocol import NodeRow
from llmcap.words.paths import data_folder

BATCH = 1_000

Entry = tuple[Any, ...]  # as `Hands.entries` gives it

_TABLES = (
    """
    CREATE TABLE IF NOT EXISTS mirrored (
        node TEXT NOT NULL, id INTEGER NOT NULL, here INTEGER NOT NULL, PRIMARY KEY (node, id)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE TABLE IF NOT EXISTS mirror_process (node TEXT PRIMARY KEY, id INTEGER NOT NULL) STRICT",
)
_LAST = "SELECT coalesce(max(id), 0) FROM mirrored WHERE node = ?"
# What is in flight on the nodes, as far as they have told.
_OPEN = "INSERT INTO open_holds (hold_id, process_id, held_nanos, held_tokens) VALUES (?, ?, ?, ?)"
_ENDED = "DELETE FROM open_holds WHERE hold_id = ?"
_BUDGET = "INSERT OR IGNORE INTO budgets (name, unit, every, per) VALUES (?, ?, ?, ?)"
_BALANCE = """
    INSERT OR IGNORE INTO balances (budget_id, value, run, window_start)
    SELECT id, ?, ?, ? FROM budgets WHERE name = ? AND unit = ? AND every = ? AND per = ?
"""
_BALANCE_ID = """
    SELECT balances.id FROM balances JOIN budgets ON budgets.id = balances.budget_id
    WHERE balances.value = ? AND balances.run = ? AND balances.window_start = ?
        AND name = ? AND unit = ? AND every = ? AND per = ?
"""


def mirrored(
    hands: Hands,
    *,
    node_id: str | None = None,
    nodes: Sequence[NodeRow] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Path:
    """
    The file with the entries of the whole fleet, or of one node, brought up to date.

    Without `nodes`, the treasury is asked which there are.
    """
    name = f"fleet-{hands.fleet_id()}" + (f"-{node_id}" if node_id else "")
    path = data_folder(environ) / f"{name}.sqlite3"
    known = hands.nodes() if nodes is None else nodes
    wanted = [node for node in known if node_id in (None, node.id)]
    with contextlib.closing(Store(path, durability="normal", patient=True)) as store:
        with store as db:
            for statement in _TABLES:
                db.execute(statement)
            last = [db.execute(_LAST, (node.id,)).fetchone()[0] for node in wanted]
        fresh = [_fresh(hands, node, after=its) for node, its in zip(wanted, last, strict=True)]
        merged = heapq.merge(*fresh, key=itemgetter(0))
        while rows := list(islice(merged, BATCH)):
            with store as db:
                for _, node, row in rows:
                    _take(db, node, row)
    return path


def _fresh(hands: Hands, node: NodeRow, *, after: int) -> Iterator[tuple[int, NodeRow, Entry]]:
    """What is new of a node, in its order; by the latest time so far, for all nodes in one."""
    latest = 0
    while rows := hands.entries(node.id, after=after, most=BATCH):
        for row in rows:
            latest = max(latest, row[1])
            yield latest, node, row
        after = rows[-1][0]


def _take(db: sqlite3.Connection, node: NodeRow, row: Entry) -> None:
    """One entry, and what it did to balances; nothing, where another command was faster."""
    entry_id, *fields, postings = row
    if _found(db, node.id, entry_id) is not None:
        return
    here = _add(db, node, fields)
    db.execute("INSERT INTO mirrored VALUES (?, ?, ?)", (node.id, entry_id, here))
    for key, figures in _postings(postings):
        db.execute(_BUDGET, key[3:])
        db.execute(_BALANCE, key)
        balance_id = db.execute(_BALANCE_ID, key).fetchone()[0]
        db.execute(ADD_POSTING, (here, balance_id, *figures, 0))


def _add(db: sqlite3.Connection, node: NodeRow, fields: list[Any]) -> int:
    """With the entries that it names as they are numbered here."""
    at, kind, *named, call_id, provider, endpoint, model, attributes = fields[:10]
    if attributes is not None:
        told = {**json.loads(attributes), "node": node.name}
        attributes = json.dumps(told, separators=(",", ":"))
    hold_id, ends, corrects = [_here(db, node.id, each) for each in named]
    facts = (call_id, provider, endpoint, model, attributes)
    process_id = _process(db, node.id)
    row = Row(at, kind, process_id, hold_id, ends, corrects, *facts, *fields[10:])
    here = add(db, row)
    if kind == "hold":
        db.execute(_OPEN, (here, process_id, row.held_nanos, row.held_tokens))
    elif kind == "extension":
        db.execute(EXTEND, (row.held_nanos, row.held_tokens, hold_id))
    elif ends is not None:
        db.execute(_ENDED, (ends,))
    return here


def _here(db: sqlite3.Connection, node_id: str, entry_id: int | None) -> int | None:
    if entry_id is None:
        return None
    here = _found(db, node_id, entry_id)
    assert here is not None, "an entry comes after those that it names"
    return here


def _found(db: sqlite3.Connection, node_id: str, entry_id: int) -> int | None:
    row = db.execute(
        "SELECT here FROM mirrored WHERE node = ? AND id = ?", (node_id, entry_id)
    ).fetchone()
    return None if row is None else int(row[0])


def _postings(document: str) -> list[tuple[tuple[Any, ...], tuple[int, ...]]]:
    """Of each: what names its balance, and what it does to it."""
    return [
        ((value, run, start, name, unit, every, per), (spent, held, calls, refused))
        for name, unit, every, per, value, run, start, spent, held, calls, refused in json.loads(
            document
        )
    ]


def _process(db: sqlite3.Connection, node_id: str) -> int:
    """A row for the node among the processes; it has ended, as none of this file runs."""
    found = db.execute("SELECT id FROM mirror_process WHERE node = ?", (node_id,)).fetchone()
    if found is not None:
        return int(found[0])
    made = db.execute(
        "INSERT INTO processes (pid, started_at, ended_at) VALUES (0, 0, 0)"
    ).lastrowid
    assert made is not None, "an INSERT has a row id"
    db.execute("INSERT INTO mirror_process VALUES (?, ?)", (node_id, made))
    return made
