"""
Seals: each covers the next entries, a thousand at most, and the seal before it.

A seal lists its entries by id and hash, so that the first that was altered, removed or put in
between has a number. Whoever can write the file can also make a new chain; not one that has the
same hash as a seal that was kept elsewhere.

Entries that were pruned are missing by right: the entry that carries their sums on has in its note
the hash of those that it stands for, as they were sealed, and is under a seal itself. So none can
be said to have been pruned that was not, nor one that was altered before. What they came to is
signed (`pruned`).
"""

import hashlib
import re
import sqlite3
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from pathlib import Path

from llmcap.ledger.rows import micros
from llmcap.ledger.seals import pruned as prunings
from llmcap.ledger.seals.hashes import ROW, hashed
from llmcap.ledger.seals.keys import KEY_DIGITS, public_key
from llmcap.ledger.store import Store
from llmcap.words.errors import ConfigError, LedgerError

SEGMENT_ENTRIES = 1_000
NOTHING = "0" * 64  # before the first seal
_SEAL = re.compile(
    rf"(\d{{1,18}}):([0-9a-f]{{{len(NOTHING)}}})(?::([0-9a-f]{{{KEY_DIGITS}}}))?", re.ASCII
)

_LAST = "SELECT id, last_id, hash FROM seals ORDER BY id DESC LIMIT 1"
_PRUNED = """
    SELECT pruned_entries.id, carried_by FROM pruned_entries
    JOIN entries ON entries.id = carried_by AND entries.kind = 'adjusted'
    WHERE pruned_entries.id > ? AND pruned_entries.id <= ?
"""
_CARRIER_NOTE = "SELECT note FROM entries WHERE id = ?"


@dataclass(frozen=True, slots=True)
class Seal:
    """
    What to keep elsewhere: its number, the hash of everything up to it, and the key that signs what
    is pruned; "" in seals of before.
    """

    number: int
    hash: str
    key: str = ""

    def __str__(self) -> str:
        return ":".join(filter(None, (str(self.number), self.hash, self.key)))


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
    found = _SEAL.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f"{text!r} is no seal: expected what `llmcap ledger seal` printed")
    number, digest, key = found.groups(default="")
    return Seal(int(number), digest, key)


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
            rows = b"".join(ROW.pack(*row) for row in hashed(db, last, until))
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
        found = sealer.last()
    return replace(found, key=public_key(path)) if found is not None else None


def stands_for(ids: Collection[int], db: sqlite3.Connection) -> str:
    """What the note of an entry ends with that carries on what these came to, before they go."""
    found = hashlib.sha256()
    # Those that follow each other are read together, and nothing between: a correction may be
    # millions of entries behind its call.
    for _, run in groupby(enumerate(sorted(ids)), key=lambda each: each[1] - each[0]):
        numbers = [entry_id for _, entry_id in run]
        for row in hashed(db, numbers[0] - 1, numbers[-1]):
            found.update(ROW.pack(*row))
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
    seals = entries = pruned = covered = 0
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
        entries += len(rows) // ROW.size
        before, expected = digest, last + 1
        if kept is not None and kept.number == number:
            covered = last
    if kept is not None and kept.number > seals:
        return Verified(seals, entries, pruned, 0, f"seal {kept.number} was removed")
    unsealed = db.execute("SELECT count(*) FROM entries WHERE id >= ?", (expected,)).fetchone()[0]
    wrong = _wrongly_carried(db, carried) or prunings.fault(
        db, key=kept.key if kept is not None else "", covered=covered
    )
    return Verified(seals, entries, pruned, unsealed, wrong)


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
    sealed = dict(ROW.iter_unpack(rows))
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
            its.update(ROW.pack(entry_id, sealed[entry_id]))
    return len(sealed.keys() & missing.keys()), ""
