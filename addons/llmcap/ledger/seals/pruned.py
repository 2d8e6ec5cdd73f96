"""
What was pruned, signed: for each entry that carries others on, its own hash and their totals.

The hash of the entries that went is in the note of their carrier, and what they did to balances is
what it posted: both are in the carrier's hash. With the totals by day and model, which reports go
by, that is all that is left of them. So who cannot sign cannot let a call disappear that was
sealed, nor say that it had cost less.

The table is made with the first signature, and is no migration: an older LLMCap may go on with the
ledger, and what it prunes is not signed.
"""

import json
import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from llmcap.ledger.seals.hashes import hashed
from llmcap.ledger.seals.keys import is_signed, public_half

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

# In the note of a carrier that is signed.
SIGNED = ", signed"

_TABLE = """
    CREATE TABLE IF NOT EXISTS signed_prunings (
        entry_id INTEGER PRIMARY KEY REFERENCES entries,
        document TEXT NOT NULL,
        key TEXT NOT NULL,
        signature TEXT NOT NULL
    ) STRICT
"""
_ADD = "INSERT INTO signed_prunings (entry_id, document, key, signature) VALUES (?, ?, ?, ?)"
_CARRIERS = """
    SELECT DISTINCT carried_by, coalesce(note, '') FROM pruned_entries
    LEFT JOIN entries ON entries.id = carried_by ORDER BY carried_by
"""
_TOTALS = "SELECT * FROM totals"
_KEYS = 6  # columns of the totals that name a row; those behind are its figures

Totals = dict[tuple[Any, ...], list[int]]


def sign(
    db: sqlite3.Connection,
    key: "Ed25519PrivateKey",
    entry_id: int,
    totals: Sequence[Sequence[Any]],
) -> None:
    """Sign what an entry carries on, and these rows of the totals. In the caller's transaction."""
    document = json.dumps({"carrier": _hash(db, entry_id), "entry": entry_id, "totals": totals})
    db.execute(_TABLE)
    db.execute(_ADD, (entry_id, document, public_half(key), key.sign(document.encode()).hex()))


def fault(db: sqlite3.Connection, *, key: str = "", covered: int = 0) -> str:
    """
    What is wrong with what is left of pruned entries, in words; "" where nothing is.

    `key` is the public one that was kept elsewhere, `covered` the last entry under the seal that it
    was kept with: what that seal vouches for may have been signed with an older key, or not at all.
    """
    signed = _signed(db)
    sums: Totals = {}
    all_signed = True
    for entry_id, note in db.execute(_CARRIERS).fetchall():
        named = f"what entry {entry_id} carries on"
        vouched = not key or entry_id <= covered
        if entry_id not in signed:
            all_signed = False
            if SIGNED in note:
                return f"the signature of {named} was removed"
            if not vouched:
                return f"{named} was not signed, and so was not pruned by whoever has the key"
            continue
        document, its_key, signature = signed[entry_id]
        if not vouched and its_key != key:
            return f"{named} was signed with another key than the one that was kept"
        if not is_signed(document, signature, its_key):
            return f"{named} was altered after it was signed"
        said = json.loads(document)
        if (said["entry"], said["carrier"]) != (entry_id, _hash(db, entry_id)):
            return f"entry {entry_id} was altered after it was signed"
        _add(sums, said["totals"])
    return _compared(sums, _add({}, db.execute(_TOTALS).fetchall()), whole=all_signed)


def _compared(signed: Totals, found: Totals, *, whole: bool) -> str:
    """Whether the totals are those that were signed; not `whole`: there may be more."""
    for row in sorted(signed.keys() | found.keys()):
        its, said = found.get(row, [0]), signed.get(row, [0])
        differs = its != said if whole else row in signed and any(
            one < other for one, other in zip(its, said, strict=False)
        )  # fmt: skip
        if differs or (row in signed and row not in found):
            day, provider, _, model, *_ = row
            return f"the totals of {provider}/{model} on {day} are not those of what was pruned"
    return ""


def _signed(db: sqlite3.Connection) -> dict[int, tuple[str, str, str]]:
    try:
        rows = db.execute("SELECT * FROM signed_prunings").fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return {}
        raise
    return {entry_id: (document, key, signature) for entry_id, document, key, signature in rows}


def _add(sums: Totals, rows: Sequence[Sequence[Any]]) -> Totals:
    for row in rows:
        name, figures = tuple(row[:_KEYS]), row[_KEYS:]
        before = sums.setdefault(name, [0] * len(figures))
        sums[name] = [one + other for one, other in zip(before, figures, strict=True)]
    return sums


def _hash(db: sqlite3.Connection, entry_id: int) -> str:
    """The carrier's, in hexadecimal digits; "" where it is gone."""
    return "".join(digest.hex() for _, digest in hashed(db, entry_id - 1, entry_id))
