"""
Retention: the rows of old calls become totals, and every balance stays the sum of its postings.

A call is pruned with all of its entries when the youngest of them is older than the cutoff. Its
cost and counts go into `totals`, by day and by what reports group by. What its postings did to
balances is carried by one entry for each batch, so a budget that still counts them (`once`, `year`)
has lost nothing; the hash of what it stands for is in its note, it is signed with the totals, and
all is sealed before and after.
Changes by hand are kept: they are few, and who did them matters.

Entries can otherwise be neither changed nor deleted. The triggers that see to that are taken away
and put back inside the transaction, so nobody else ever meets the ledger without them.
"""

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from llmcap.ledger.follower import catch_up
from llmcap.ledger.queries import audit
from llmcap.ledger.rows import micros
from llmcap.ledger.seals.chain import seal_all, stands_for
from llmcap.ledger.seals.keys import signing_key
from llmcap.ledger.seals.pruned import SIGNED, sign
from llmcap.words.counts import several
from llmcap.words.errors import LedgerError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

# One batch holds the write lock, which calls wait for: a fraction of a second.
BATCH = 2_000
_BUSY_SECONDS = 10

# The attributes that totals keep. The others (a folder, a port) have too many values to be summed.
KEPT = (
    "project", "user", "customer", "client", "key", "tag", "organisation", "proxy_user", "feature",
    "organization",
)  # fmt: skip

_TRIGGERS = ("postings_are_summed", "postings_are_never_deleted", "entries_are_never_deleted")

# Chosen once, in one reading: entries are never changed, so what is chosen stays what it is.
_CHOOSE = (
    """
    INSERT INTO temp.roots (id)
    SELECT id FROM entries
    WHERE at < :cutoff AND kind IN ('hold', 'refused', 'charged')
        AND id NOT IN (SELECT hold_id FROM open_holds)
        AND id NOT IN (SELECT hold_id FROM entries WHERE at >= :cutoff AND hold_id IS NOT NULL)
    """,
    """
    INSERT INTO temp.chains (id, root)
    SELECT id, coalesce(hold_id, id) FROM entries
    WHERE coalesce(hold_id, id) IN (SELECT id FROM temp.roots)
    """,
)

_NEXT = """
    INSERT INTO temp.pruned (id, root)
    SELECT id, root FROM temp.chains WHERE root IN (
        SELECT id FROM temp.roots WHERE id > ? ORDER BY id LIMIT ?)
"""

# But for a correction that came since, to one of them: then the call is not yet over.
_SPARE = """
    DELETE FROM temp.pruned WHERE root IN (
        SELECT root FROM temp.pruned JOIN entries AS later ON later.corrects = temp.pruned.id
        WHERE later.id NOT IN (SELECT id FROM temp.pruned))
"""

_SUMS = f"""
    SELECT strftime('%Y-%m-%d', calls.at, 'unixepoch'), provider, endpoint, model,
        CASE state WHEN 'charged' THEN 'settled' ELSE state END,
        (SELECT json_group_object(key, value) FROM (
            SELECT key, value FROM json_each(calls.attributes)
            WHERE key IN ({", ".join(f"'{name}'" for name in KEPT)}) ORDER BY key)) AS kept,
        count(*), sum(coalesce(json_extract(usage, '$.input_tokens'), 0)),
        sum(coalesce(json_extract(usage, '$.cache_read'), 0)),
        sum(coalesce(json_extract(usage, '$.output_tokens'), 0)), sum(cost_nanos)
    FROM calls WHERE id IN (SELECT root FROM temp.pruned)
    GROUP BY 1, 2, 3, 4, 5, kept
"""  # noqa: S608 (all of it is ours)
_ADD_SUMS = """
    INSERT INTO totals (day, provider, endpoint, model, state, attributes, calls, input_tokens,
        cached_tokens, output_tokens, cost_nanos) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET calls = calls + excluded.calls,
        input_tokens = input_tokens + excluded.input_tokens,
        cached_tokens = cached_tokens + excluded.cached_tokens,
        output_tokens = output_tokens + excluded.output_tokens,
        cost_nanos = cost_nanos + excluded.cost_nanos
"""

_CARRY = """
    INSERT INTO postings (entry_id, balance_id, spent, held, calls, refused, raised)
    SELECT :entry, balance_id, sum(spent), sum(held), sum(calls), sum(refused), sum(raised)
    FROM postings WHERE entry_id IN (SELECT id FROM temp.pruned) GROUP BY balance_id
"""


@dataclass(frozen=True, slots=True)
class Pruned:
    """How much has gone."""

    calls: int
    entries: int


def prune(path: str | Path, *, before: datetime, now: datetime) -> Pruned:
    """
    Sum up the calls that were over before this moment. Proxies may go on meanwhile.

    Raises `LedgerError`; batches that are done stay done.
    """
    calls = entries = 0
    key = signing_key(Path(path))
    try:
        # Rows go together with all that refer to them. The database would look for those by reading
        # the whole table for each row; the audit at the end does it once.
        with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)) as db:
            # What goes is known to the chain of seals, as it was; what carries it on will be.
            seal_all(Path(path), now)
            _choose(db, before)
            # What is chosen is counted in the rollups from then on, without its rows.
            catch_up(Path(path))
            last = -1
            while (found := _next(db, last)) is not None:
                last, chosen = found
                note = f"carried: {several(chosen, 'call')}, pruned before {before:%F}{SIGNED}"
                gone = _prune_batch(db, key, note, now)
                calls += gone.calls
                entries += gone.entries
            seal_all(Path(path), now)
            wrong = audit(db)
    except sqlite3.Error as error:
        raise LedgerError(f"the ledger {path} cannot be pruned further: {error}") from error
    if wrong:
        raise LedgerError(f"the ledger {path} is not right after pruning: {'; '.join(wrong)}")
    return Pruned(calls, entries)


def _choose(db: sqlite3.Connection, before: datetime) -> None:
    db.execute("CREATE TEMP TABLE roots (id INTEGER PRIMARY KEY)")
    db.execute("CREATE TEMP TABLE chains (id INTEGER PRIMARY KEY, root INTEGER NOT NULL)")
    db.execute("CREATE TEMP TABLE pruned (id INTEGER PRIMARY KEY, root INTEGER NOT NULL)")
    for statement in _CHOOSE:
        db.execute(statement, {"cutoff": micros(before)})
    db.execute("CREATE INDEX temp.chains_of ON chains (root)")


def _next(db: sqlite3.Connection, last: int) -> tuple[int, int] | None:
    """The last call of the next batch, and how many it has; the batch is in `temp.pruned`."""
    db.execute("DELETE FROM temp.pruned")
    db.execute(_NEXT, (last, BATCH))
    highest, count = db.execute(
        "SELECT max(root), count(DISTINCT root) FROM temp.pruned"
    ).fetchone()
    return None if highest is None else (highest, count)


def _prune_batch(
    db: sqlite3.Connection, key: "Ed25519PrivateKey", note: str, now: datetime
) -> Pruned:
    db.execute("BEGIN IMMEDIATE")
    try:
        db.execute(_SPARE)
        (calls,) = db.execute("SELECT count(DISTINCT root) FROM temp.pruned").fetchone()
        totals = db.execute(_SUMS).fetchall()
        db.executemany(_ADD_SUMS, totals)
        ids = {id_ for (id_,) in db.execute("SELECT id FROM temp.pruned")}
        if ids:
            note += stands_for(ids, db)
        carrier, gone = _without_triggers(db, note, now)
        sign(db, key, carrier, totals)
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
    return Pruned(calls, gone)


def _without_triggers(db: sqlite3.Connection, note: str, now: datetime) -> tuple[int, int]:
    """The entry that carries the batch on, and how many entries have gone."""
    marks = ", ".join("?" * len(_TRIGGERS))
    triggers = db.execute(
        f"SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name IN ({marks})",  # noqa: S608
        _TRIGGERS,
    ).fetchall()
    assert len(triggers) == len(_TRIGGERS), triggers
    for name, _ in triggers:
        db.execute(f"DROP TRIGGER {name}")
    carried = _carry(db, note, now)
    db.execute(
        "INSERT INTO pruned_entries (id, carried_by) SELECT id, ? FROM temp.pruned", (carried,)
    )
    db.execute("DELETE FROM postings WHERE entry_id IN (SELECT id FROM temp.pruned)")
    db.execute("DELETE FROM responses WHERE entry_id IN (SELECT id FROM temp.pruned)")
    gone = db.execute("DELETE FROM entries WHERE id IN (SELECT id FROM temp.pruned)").rowcount
    for _, sql in triggers:
        db.execute(sql)
    return carried, gone


def _carry(db: sqlite3.Connection, note: str, now: datetime) -> int:
    """The entry that has the sums of the batch."""
    at = micros(now)
    process = db.execute(
        "INSERT INTO processes (pid, started_at, ended_at) VALUES (?, ?, ?)", (os.getpid(), at, at)
    ).lastrowid
    entry = db.execute(
        "INSERT INTO entries (at, kind, process_id, note) VALUES (?, 'adjusted', ?, ?)",
        (at, process, note),
    ).lastrowid
    db.execute(_CARRY, {"entry": entry})
    assert entry is not None, "an INSERT has a row id"
    return entry
