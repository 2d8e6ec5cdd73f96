"""
Seals: each covers the next entries, a thousand at most, and the seal before it.

A seal lists its entries by id and hash, so that the first that was altered, removed or put in
between has a number. Whoever can write the file can also make a new chain; not one that has the
same hash as a seal that was kept elsewhere.

Entries that were pruned are missing by right: the entry that carries their sums on has in its note
the hash of those that it stands for, as they were sealed, and is under a seal itself. So none can
be said to have been pruned that was not, nor one that was altered before.
"""

import hashlib
import json
import sqlite3
import struct
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path

from llmcap.ledger.rows import micros
from llmcap.ledger.store import Store
from llmcap.words.errors import ConfigError, LedgerError

SEGMENT_ENTRIES = 1_000
HASH_BYTES = 16  # of an entry; a seal's own hash is whole
_ROW = struct.Struct(f">q{HASH_BYTES}s")
NOTHING = "0" * 64  # before the first seal

_ENTRIES = "SELECT * FROM entries WHERE id > ? AND id <= ? ORDER BY id"
_POSTINGS = """
    SELECT entry_id, balance_id, spent, held, calls, refused, raised FROM postings
    WHERE entry_id > ? AND entry_id <= ? ORDER BY entry_id, balance_id
"""
_LAST = "SELECT id, last_id, hash FROM seals ORDER BY id DESC LIMIT 1"
_PRUNED = """
    SELECT pruned_entries.id, carried_by FROM pruned_entries
    JOIN entries ON entries.id = carried_by AND entries.kind = 'adjusted'
    WHERE pruned_entries.id > ? AND pruned_entries.id <= ?
"""
_CARRIER_NOTE = "SELECT note FROM entries WHERE id = ?"


@dataclass(frozen=True, slots=True)
class Seal:
    """What to keep elsewhere: its number, and the hash of everything up to it."""

    number: int
    hash: str

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"


@dataclass(frozen=True, slots=True)
class Verified:
    """What a reading of the whole chain has found; no fault: all is as it was sealed."""

    seals: int
    entries: int
    pruned: int
    unsealed: int
    fault: str = ""


def parse_seal(text: str) -> Seal:
    """A seal as it was printed. Raises `ConfigError`."""
    number, _, digest = text.strip().partition(":")
    if not number.isdecimal() or len(digest) != len(NOTHING):
        raise ConfigError(f"{text!r} is no seal: expected what `llmcap ledger seal` printed")
    return Seal(int(number), digest)


class Sealer:
    """Seals one ledger, with a connection of its own."""

    def __init__(self, path: Path) -> None:
        """Open it, as a proxy does. Raises `LedgerError`."""
        if not path.exists():
            raise LedgerError(f"there is no ledger {path} yet: nothing is to be sealed")
        self._store = Store(path, durability="normal", patient=True)

    def step(self, now: datetime, *, least: int = 1) -> bool:
        """Seal the next entries, if there are so many; whether it did. Raises `LedgerError`."""
        try:
            db = self._store.reading()
            number, last, before = db.execute(_LAST).fetchone() or (0, 0, NOTHING)
            newest = db.execute("SELECT coalesce(max(id), 0) FROM entries").fetchone()[0]
            if newest - last < max(least, 1):
                return False
            until = min(newest, last + SEGMENT_ENTRIES)
            rows = b"".join(_ROW.pack(*row) for row in hashed(db, last, until))
            digest = seal_hash(before, last + 1, until, rows)
            with self._store as writing:
                if (writing.execute(_LAST).fetchone() or (0,))[0] == number:
                    writing.execute(
                        "INSERT INTO seals (id, at, first_id, last_id, entries, hash) "
                        "VALUES (?, ?, ?, ?, ?, ?)",
                        (number + 1, micros(now), last + 1, until, rows, digest),
                    )
            return True
        except sqlite3.Error as error:
            raise self._store.explained(error) from error

    def last(self) -> Seal | None:
        """The newest seal."""
        row = self._store.reading().execute(_LAST).fetchone()
        return Seal(row[0], row[2]) if row else None

    def close(self) -> None:
        """Let go of the file."""
        self._store.close()


def seal_all(path: Path, now: datetime) -> Seal | None:
    """Seal what there is, to the last entry; the newest seal, or None in an empty ledger."""
    with closing(Sealer(path)) as sealer:
        while sealer.step(now):
            pass
        return sealer.last()


def hashed(db: sqlite3.Connection, after: int, until: int) -> Iterator[tuple[int, bytes]]:
    """The id and the hash of each of these entries, with all that it posted."""
    postings: dict[int, list[tuple[object, ...]]] = {}
    for entry_id, *posted in db.execute(_POSTINGS, (after, until)):
        postings.setdefault(entry_id, []).append(tuple(posted))
    for row in db.execute(_ENTRIES, (after, until)):
        document = json.dumps([*row, postings.get(row[0], [])], separators=(",", ":"))
        yield row[0], hashlib.sha256(document.encode()).digest()[:HASH_BYTES]


def stands_for(ids: Collection[int], db: sqlite3.Connection) -> str:
    """What the note of an entry ends with that carries on what these came to, before they go."""
    found = hashlib.sha256()
    # Those that follow each other are read together, and nothing between: a correction may be
    # millions of entries behind its call.
    for _, run in groupby(enumerate(sorted(ids)), key=lambda each: each[1] - each[0]):
        numbers = [entry_id for _, entry_id in run]
        for row in hashed(db, numbers[0] - 1, numbers[-1]):
            found.update(_ROW.pack(*row))
    return _carried(found)


def _carried(found: "hashlib._Hash") -> str:
    return f"; their hash is {found.hexdigest()}"


def seal_hash(before: str, first: int, last: int, rows: bytes) -> str:
    """The hash of a seal: of the one before it, its bounds, and its entries."""
    head = f"{before}:{first}:{last}:".encode()
    return hashlib.sha256(head + rows).hexdigest()


# --- reading it again -------------------------------------------------------------------------


def verify(db: sqlite3.Connection, kept: Seal | None = None) -> Verified:
    """Compare every sealed entry with its seal, and the chain with one that was kept elsewhere."""
    before, expected = NOTHING, 1
    # A ledger's first entry has the number 1.
    if row := db.execute("SELECT id FROM entries WHERE id < 1 ORDER BY id LIMIT 1").fetchone():
        return Verified(0, 0, 0, 0, f"entry {row[0]} was put in between")
    seals = entries = pruned = 0
    carried: dict[int, hashlib._Hash] = {}
    for number, first, last, rows, digest in db.execute(
        "SELECT id, first_id, last_id, entries, hash FROM seals ORDER BY id"
    ):
        seals += 1
        fault = ""
        if number != seals or first != expected or digest != seal_hash(before, first, last, rows):
            fault = f"seal {seals} was altered or removed"
        elif kept is not None and kept.number == number and kept.hash != digest:
            fault = f"seal {number} is not the one that was kept: entries up to {last} were altered"
        else:
            missing, fault = _compared(db, first, last, rows, carried)
            pruned += missing
        if fault:
            return Verified(seals, entries, pruned, 0, fault)
        entries += len(rows) // _ROW.size
        before, expected = digest, last + 1
    if kept is not None and kept.number > seals:
        return Verified(seals, entries, pruned, 0, f"seal {kept.number} was removed")
    unsealed = db.execute("SELECT count(*) FROM entries WHERE id >= ?", (expected,)).fetchone()[0]
    return Verified(seals, entries, pruned, unsealed, _wrongly_carried(db, carried))


def _wrongly_carried(db: sqlite3.Connection, carried: Mapping[int, "hashlib._Hash"]) -> str:
    """Of the entries that carry others on, the first that stands for other ones than are gone."""
    for entry_id, found in sorted(carried.items()):
        note = db.execute(_CARRIER_NOTE, (entry_id,)).fetchone()[0] or ""
        if not note.endswith(_carried(found)):
            return (
                f"what entry {entry_id} carries on are not the entries that were pruned: one of "
                "them was altered before, or removed"
            )
    return ""


def _compared(
    db: sqlite3.Connection,
    first: int,
    last: int,
    rows: bytes,
    carried: dict[int, "hashlib._Hash"],
) -> tuple[int, str]:
    """
    How many of a seal's entries were pruned, and what is wrong with the first of the others.

    Those that were pruned are added, as they were sealed, to what their carriers stand for.
    """
    sealed = dict(_ROW.iter_unpack(rows))
    found = dict(hashed(db, first - 1, last))
    missing = dict(db.execute(_PRUNED, (first - 1, last)).fetchall())
    for entry_id in sorted(sealed.keys() | found.keys()):
        if entry_id not in sealed or (entry_id in found and entry_id in missing):
            return 0, f"entry {entry_id} was put in between"
        if entry_id in found and found[entry_id] != sealed[entry_id]:
            return 0, f"entry {entry_id} was altered"
        if entry_id not in found and entry_id not in missing:
            return 0, f"entry {entry_id} was removed"
        if entry_id in missing:
            its = carried.setdefault(missing[entry_id], hashlib.sha256())
            its.update(_ROW.pack(entry_id, sealed[entry_id]))
    return len(sealed.keys() & missing.keys()), ""
