"""
Who keeps the rollups: it follows the entries from outside, and adds up what they change.

No call waits for it. What entries changed is worked out from a reading; only the sums are written,
in a transaction of some milliseconds, and whoever finds that another process was first lets it be.
Any number of processes may follow one ledger. `llmcap up` has one in the page's process, which is
never more than a second behind; `llmcap report` and `llmcap prune` catch up by themselves.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import lru_cache
from operator import add
from pathlib import Path

from llmcap.ledger.changes import (
    AFTER,
    ALWAYS,
    SLOT_SECONDS,
    SLOTS_A_DAY,
    SLOTS_A_WEEK,
    SUMS,
    Change,
    Rollup,
)
from llmcap.ledger.changes import changes as changes_of
from llmcap.ledger.spans import totals_within
from llmcap.ledger.store import Store
from llmcap.words.errors import LedgerBusy, LedgerError

# Entries of one step: their sums are written within some milliseconds.
STEP_ENTRIES = 1_000
IDS_MAX = 20_000
BUSY_MILLISECONDS = 50

# What is counted at once, and the tables that it is counted in, with the slots of one row.
TABLES = (
    ("rollup_slots", "slot", 1),
    ("rollup_days", "day", SLOTS_A_DAY),
    ("rollup_weeks", "week", SLOTS_A_WEEK),
)
FACTS = "#"

_NAMES = ", ".join(SUMS)
_PLUS = ", ".join(f"{name} = {name} + excluded.{name}" for name in SUMS)
_ADD = {
    table: f"INSERT INTO {table} (name, value, {unit}, {_NAMES}) "  # noqa: S608 (all of it is ours)
    f"VALUES (?, ?, ?{', ?' * len(SUMS)}) ON CONFLICT DO UPDATE SET {_PLUS}"
    for table, unit, _ in TABLES
}
_ADD_BEGAN = """
    INSERT INTO rollup_began (slot, first_id, last_id) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET first_id = min(first_id, excluded.first_id),
        last_id = max(last_id, excluded.last_id)
"""

Sums = dict[tuple[str, str, int], list[int]]  # by name, value, and slot, day or week


class Follower:
    """Follows one ledger, with a connection of its own. Not for several threads."""

    def __init__(self, path: Path) -> None:
        """Open it, as a proxy does: an older one gets what it misses. Raises `LedgerError`."""
        if not path.exists():
            raise LedgerError(f"there is no ledger {path} yet: nothing was spent")
        self._store = Store(path, durability="normal", patient=True)
        self._ids: dict[str, int] = {}
        self._fresh: dict[str, int] = {}

    def step(self) -> bool:
        """Count some entries; whether there are more. Raises `LedgerBusy`, and `LedgerError`."""
        try:
            return self._step()
        except sqlite3.Error as error:
            raise self._store.explained(error) from error

    def _step(self) -> bool:
        db = self._store.reading()
        found = cursor(db)
        if found is None:
            self._begin()
            return True
        newest: int = db.execute("SELECT coalesce(max(id), 0) FROM entries").fetchone()[0]
        if newest <= found:
            return False
        until = min(found + STEP_ENTRIES, newest)
        made = changes_of(db, AFTER, {"after": found, "until": until}, within=ALWAYS)
        sums = sums_of(made)  # before calls have to wait for the lock
        with self._store as writing:
            if cursor(writing) == found:
                self._write(writing, made, sums)
                writing.execute("UPDATE rollup_cursor SET entry_id = ?", (until,))
        self._remember()
        return until < newest

    def _begin(self) -> None:
        """The first time: what is left of calls that were pruned before there were rollups."""
        with self._store as db:
            if cursor(db) is None:
                pruned = list(_pruned(db))
                self._write(db, pruned, sums_of(pruned))
                db.execute("INSERT INTO rollup_cursor (one, entry_id) VALUES (1, 0)")

    def _write(self, db: sqlite3.Connection, made: Sequence[Change], sums: Sequence[Sums]) -> None:
        ids = self._facts_ids(db, {change.facts for change in made})
        for (table, _, _), found in zip(TABLES, sums, strict=True):
            rows = [
                (name, str(ids[value]) if name == FACTS else value, unit, *figures)
                for (name, value, unit), figures in found.items()
            ]
            db.executemany(_ADD[table], rows)
        db.executemany(
            _ADD_BEGAN, [(each.slot, *each.began) for each in made if each.began != (0, 0)]
        )

    def _facts_ids(self, db: sqlite3.Connection, wanted: set[str]) -> dict[str, int]:
        self._fresh = {}
        for facts in sorted(wanted - self._ids.keys()):
            db.execute("INSERT OR IGNORE INTO rollup_facts (facts) VALUES (?)", (facts,))
            found = db.execute("SELECT id FROM rollup_facts WHERE facts = ?", (facts,))
            self._fresh[facts] = found.fetchone()[0]
            db.executemany(
                "INSERT OR IGNORE INTO rollup_facts_with (name, value, facts_id) VALUES (?, ?, ?)",
                [(name, value, self._fresh[facts]) for name, value in values_of(facts) if name],
            )
        return {facts: self._ids.get(facts) or self._fresh[facts] for facts in wanted}

    def _remember(self) -> None:
        """Ids are known once they are committed; they are never removed."""
        if len(self._ids) > IDS_MAX:
            self._ids.clear()
        self._ids.update(self._fresh)

    def close(self) -> None:
        """Let go of the file."""
        self._store.close()


def catch_up(path: Path, *, while_true: Callable[[], bool] = lambda: True) -> None:
    """Count all entries that there are; a ledger that calls use is written between them."""
    with closing(Follower(path)) as follower:
        more = True
        while more and while_true():
            started = time.monotonic()
            try:
                more = follower.step()
            except LedgerBusy:
                time.sleep(BUSY_MILLISECONDS / 1_000)
                continue
            if more:  # whoever else wants to write has its turn
                time.sleep((time.monotonic() - started) / 10)


def cursor(db: sqlite3.Connection) -> int | None:
    """The last entry that is counted; None: nobody has begun, or the ledger is an older one."""
    try:
        row = db.execute("SELECT entry_id FROM rollup_cursor").fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return None
        raise
    return row[0] if row is not None else None


@lru_cache(maxsize=IDS_MAX)
def values_of(facts: str) -> list[tuple[str, str]]:
    """
    Each attribute with its value, and ("", "") for everything.

    `sold` is the provider with the model, which have a price together.
    """
    known: dict[str, str] = json.loads(facts)
    sold = f"{known['provider']}/{known['model']}"
    return [("", ""), ("sold", sold), *((name, value) for name, value in known.items() if value)]


def sums_of(made: Iterable[Change]) -> list[Sums]:
    """What to add to each of `TABLES`; here the facts are still themselves, and not their ids."""
    slots: Sums = {}
    for change in made:
        figures = change.sums.figures()
        for name, value in (*values_of(change.facts), (FACTS, change.facts)):
            _add(slots, (name, value, change.slot), figures)
    found = [slots if size == 1 else _coarser(slots, size) for _, _, size in TABLES]
    return [{key: sums[key] for key in sorted(sums) if any(sums[key])} for sums in found]


def _add(sums: Sums, key: tuple[str, str, int], figures: list[int]) -> None:
    known = sums.get(key)
    sums[key] = list(map(add, known, figures)) if known else figures


def _coarser(slots: Sums, size: int) -> Sums:
    found: Sums = {}
    for (name, value, slot), figures in slots.items():
        _add(found, (name, value, slot // size), figures)
    return found


def _pruned(db: sqlite3.Connection) -> Iterable[Change]:
    """Totals of a day stand in its first quarter of an hour."""
    for total in totals_within(db):
        began = datetime(total.day.year, total.day.month, total.day.day, tzinfo=UTC)
        facts = {"budget": "", **total.facts}
        yield Change(
            int(began.timestamp()) // SLOT_SECONDS,
            json.dumps(facts, sort_keys=True, separators=(",", ":")),
            (0, 0),
            _with_bound(total.sums),
        )


def _with_bound(sums: object) -> Rollup:
    figures = [getattr(sums, name) for name in SUMS[:-1]]
    found = Rollup(*figures)
    found.assumed_nanos = found.cost_nanos if found.assumed else 0
    return found
