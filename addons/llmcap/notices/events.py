"""
The log of events on disk: what was told, under which key, and to whom it still has to be brought.

A file of its own beside the ledger, so that an event about a ledger that is full or locked can be
kept, and a slow receiver never holds the ledger's lock. One transaction decides whether an event is
new and queues it for its targets: that is what makes it one event over restarts and over all the
processes that share the file.
"""

import contextlib
import json
import sqlite3
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from llmcap.ledger.store import log_ahead
from llmcap.notices.alerts import Event
from llmcap.words.errors import LedgerError
from llmcap.words.paths import make_private
from llmcap.words.rules import EventKind

# A client that invents a new mistake with every call does not fill a phone, or the disk.
PER_KIND_AND_HOUR_MAX = 100
QUEUED_PER_TARGET_MAX = 1_000
KEPT = timedelta(days=90)

# A delivery that is under way is nobody else's for so long.
LEASE = timedelta(seconds=60)

FORGOTTEN_AFTER = timedelta(hours=1)
# Who waits is told each second; of a process that is gone it is forgotten by itself.
WAITING_TOLD = timedelta(seconds=10)

_BUSY_SECONDS = 5
_TICK = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    id TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    quiet_until INTEGER,
    document TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS events_by_key ON events (key);
CREATE INDEX IF NOT EXISTS events_by_kind ON events (kind, at);
CREATE INDEX IF NOT EXISTS events_by_time ON events (at);
CREATE TABLE IF NOT EXISTS deliveries (
    event_id TEXT NOT NULL REFERENCES events ON DELETE CASCADE,
    target TEXT NOT NULL,
    queued_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (event_id, target)
) STRICT;
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (target, due_at);
CREATE TABLE IF NOT EXISTS breakers (
    process TEXT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    state TEXT NOT NULL,
    why TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (process, kind, value)
) STRICT;
CREATE TABLE IF NOT EXISTS waiting (
    process TEXT NOT NULL,
    told_at INTEGER NOT NULL,
    since INTEGER NOT NULL,
    document TEXT NOT NULL
) STRICT;
-- See `feed`: `until` is the last entry of a batch that was sent and not yet taken.
CREATE TABLE IF NOT EXISTS feeds (
    target TEXT PRIMARY KEY,
    id TEXT NOT NULL,
    after INTEGER NOT NULL,
    until INTEGER
) STRICT;
-- The webhooks of calls that are brought to: one that was taken out of the config keeps its place.
CREATE TABLE IF NOT EXISTS feeding (target TEXT PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS gauges (
    name TEXT NOT NULL,
    bucket INTEGER NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (name, bucket)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS closings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    kind TEXT,
    value TEXT
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one target; `attempts` counts this one too."""

    event_id: str
    target: str
    queued_at: datetime
    attempts: int
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class OpenBreaker:
    """A breaker that is not closed, as a process has told it."""

    kind: str
    value: str
    state: str
    why: str
    until: datetime


@dataclass(frozen=True, slots=True)
class WaitingCall:
    """A call that waits for money that others hold, as a process has told it."""

    since: datetime
    provider: str
    model: str
    project: str
    client: str
    budgets: tuple[str, ...]


Closing = tuple[str | None, str | None]  # a breaker's kind and value; None: whichever


def events_path(ledger: str) -> str:
    """Where the events of a ledger are kept; a ledger in memory has its events there too."""
    if ledger == ":memory:":
        return ledger
    return str(Path(ledger).with_suffix(".events.sqlite3"))


class EventLog:
    """One connection to the log. Every method is one transaction; all raise `LedgerError`."""

    def __init__(self, path: str) -> None:
        with _explained(path):
            make_private(path)
            self._db = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            log_ahead(self._db)
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute("PRAGMA foreign_keys = ON")
            self._db.executescript(_SCHEMA)
        self._path = path

    def add(self, event: Event, targets: Sequence[str]) -> bool:
        """Note the event and queue it for these targets; False: it is one that was told before."""
        with self._transaction() as db:
            at = _micros(event.at)
            known = db.execute(
                "SELECT 1 FROM events WHERE key = ? AND (quiet_until IS NULL OR quiet_until > ?)",
                (event.key, at),
            ).fetchone()
            if known or self._too_many(event.kind, at):
                return False
            identity = uuid.uuid4().hex
            quiet = None if event.quiet_until is None else _micros(event.quiet_until)
            document = json.dumps({"id": identity, **event.document()})
            db.execute(
                "INSERT INTO events (id, at, kind, key, quiet_until, document)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (identity, at, event.kind, event.key, quiet, document),
            )
            for target in targets:
                db.execute(
                    # Due at once, whatever becomes of the clock.
                    "INSERT INTO deliveries (event_id, target, queued_at, due_at)"
                    " VALUES (?, ?, ?, 0)",
                    (identity, target, at),
                )
                self._keep_bound(target)
            return True

    def claim(self, targets: Sequence[str], now: datetime) -> Delivery | None:
        """The delivery that is due first, now this caller's for as long as a lease lasts."""
        marks = ", ".join("?" * len(targets))
        with self._transaction() as db:
            row = db.execute(
                "UPDATE deliveries SET due_at = ?, attempts = attempts + 1 WHERE rowid = ("  # noqa: S608
                f" SELECT rowid FROM deliveries WHERE target IN ({marks}) AND due_at <= ?"
                " ORDER BY due_at, rowid LIMIT 1)"
                " RETURNING event_id, target, queued_at, attempts",
                (_micros(now + LEASE), *targets, _micros(now)),
            ).fetchone()
            if row is None:
                return None
            event_id, target, queued_at, attempts = row
            (document,) = db.execute(
                "SELECT document FROM events WHERE id = ?", (event_id,)
            ).fetchone()
        at = _EPOCH + queued_at * _TICK
        return Delivery(event_id, target, at, attempts, json.loads(document))

    def delivered(self, delivery: Delivery) -> None:
        """It has arrived, or is given up."""
        with self._transaction() as db:
            db.execute(
                "DELETE FROM deliveries WHERE event_id = ? AND target = ?",
                (delivery.event_id, delivery.target),
            )

    def later(self, delivery: Delivery, due_at: datetime) -> None:
        """It did not arrive: try again then."""
        with self._transaction() as db:
            db.execute(
                "UPDATE deliveries SET due_at = ? WHERE event_id = ? AND target = ?",
                (_micros(due_at), delivery.event_id, delivery.target),
            )

    def queued(self) -> int:
        """How many deliveries are still to be made."""
        with _explained(self._path):
            (count,) = self._db.execute("SELECT count(*) FROM deliveries").fetchone()
        return int(count)

    def feeds_after(self) -> int | None:
        """The entry behind which the slowest webhook of calls is; None: none is brought to."""
        with _explained(self._path):
            (found,) = self._db.execute(
                "SELECT min(after) FROM feeds WHERE target IN (SELECT target FROM feeding)"
            ).fetchone()
        return None if found is None else int(found)

    def latest(self, count: int) -> list[dict[str, Any]]:
        """The last events, newest first."""
        with _explained(self._path):
            rows = self._db.execute(
                "SELECT document FROM events ORDER BY at DESC, rowid DESC LIMIT ?", (count,)
            ).fetchall()
        return [json.loads(document) for (document,) in rows]

    # --- breakers, which every process has for itself -------------------------------------------

    def show_breakers(self, process: str, found: Sequence[OpenBreaker]) -> None:
        """These are the ones of a process that are not closed; no others."""
        with self._transaction() as db:
            db.execute("DELETE FROM breakers WHERE process = ?", (process,))
            db.executemany(
                "INSERT INTO breakers (process, kind, value, state, why, until)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (process, each.kind, each.value, each.state, each.why, _micros(each.until))
                    for each in found
                ],
            )

    def breakers(self) -> list[OpenBreaker]:
        """Those of all processes, the last to close first."""
        with _explained(self._path):
            rows = self._db.execute(
                "SELECT kind, value, state, why, until FROM breakers ORDER BY until DESC"
            ).fetchall()
        return [
            OpenBreaker(kind, value, state, why, _EPOCH + until * _TICK)
            for kind, value, state, why, until in rows
        ]

    def ask_to_close(self, kind: str | None, value: str | None, now: datetime) -> None:
        """Ask every process to close its breakers of a kind and value, or all."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO closings (at, kind, value) VALUES (?, ?, ?)",
                (_micros(now), kind, value),
            )

    def closings(self, after: int | None) -> tuple[int, list[Closing]]:
        """What was asked since then, and the number to ask with next; None: only the number."""
        with _explained(self._path):
            rows = self._db.execute("SELECT id, kind, value FROM closings ORDER BY id").fetchall()
        last = rows[-1][0] if rows else after or 0
        if after is None:
            return last, []
        return last, [(kind, value) for number, kind, value in rows if number > after]

    # --- what proxies count of their work, and who waits ----------------------------------------

    def add_gauges(self, counted: Mapping[tuple[str, int], int]) -> None:
        """Add what a process has counted to what all have."""
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO gauges (name, bucket, value) VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET value = value + excluded.value",
                [(name, bucket, value) for (name, bucket), value in counted.items()],
            )

    def gauges(self) -> dict[str, dict[int, int]]:
        """What all processes have counted, by name and bucket."""
        found: dict[str, dict[int, int]] = {}
        with _explained(self._path):
            rows = self._db.execute("SELECT name, bucket, value FROM gauges").fetchall()
        for name, bucket, value in rows:
            found.setdefault(name, {})[bucket] = value
        return found

    def show_waiting(self, process: str, found: Sequence[WaitingCall], now: datetime) -> None:
        """These calls of a process wait; no others."""
        rows = [
            (process, _micros(now), _micros(each.since),
             json.dumps([each.provider, each.model, each.project, each.client, each.budgets]))
            for each in found
        ]  # fmt: skip
        with self._transaction() as db:
            db.execute("DELETE FROM waiting WHERE process = ?", (process,))
            db.executemany("INSERT INTO waiting VALUES (?, ?, ?, ?)", rows)

    def waiting(self, now: datetime) -> list[WaitingCall]:
        """Those of all processes that have said so lately, the first to come first."""
        with _explained(self._path):
            rows = self._db.execute(
                "SELECT since, document FROM waiting WHERE told_at > ? ORDER BY since",
                (_micros(now - WAITING_TOLD),),
            ).fetchall()
        return [
            WaitingCall(_EPOCH + since * _TICK, provider, model, project, client, tuple(budgets))
            for since, document in rows
            for provider, model, project, client, budgets in [json.loads(document)]
        ]

    def prune(self, now: datetime) -> None:
        """Forget what is old, but for what must never be told again."""
        with self._transaction() as db:
            db.execute(
                "DELETE FROM events WHERE at < ? AND quiet_until < ?",
                (_micros(now - KEPT), _micros(now)),
            )
            # A process that is gone says no more when its breakers close.
            db.execute("DELETE FROM breakers WHERE until < ?", (_micros(now - FORGOTTEN_AFTER),))
            db.execute("DELETE FROM waiting WHERE told_at < ?", (_micros(now - FORGOTTEN_AFTER),))
            db.execute("DELETE FROM closings WHERE at < ?", (_micros(now - FORGOTTEN_AFTER),))

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _too_many(self, kind: EventKind, at: int) -> bool:
        hour = timedelta(hours=1) // _TICK
        (count,) = self._db.execute(
            "SELECT count(*) FROM events WHERE kind = ? AND at > ?", (kind, at - hour)
        ).fetchone()
        return int(count) >= PER_KIND_AND_HOUR_MAX

    def _keep_bound(self, target: str) -> None:
        """The oldest makes room: of too many, the latest are those that matter."""
        self._db.execute(
            "DELETE FROM deliveries WHERE rowid IN (SELECT rowid FROM deliveries WHERE target = ?"
            " ORDER BY queued_at DESC, rowid DESC LIMIT -1 OFFSET ?)",
            (target, QUEUED_PER_TARGET_MAX),
        )

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with _explained(self._path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")


@contextlib.contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(f"{path}: events cannot be kept: {error}") from error


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _TICK
