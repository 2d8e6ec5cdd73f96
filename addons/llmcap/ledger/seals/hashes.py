"""The hash of an entry, of all its columns and all that it posted."""

import hashlib
import json
import sqlite3
import struct
from collections.abc import Iterator

HASH_BYTES = 16  # of an entry; a seal's own hash is whole
ROW = struct.Struct(f">q{HASH_BYTES}s")

_ENTRIES = "SELECT * FROM entries WHERE id > ? AND id <= ? ORDER BY id"
_POSTINGS = """
    SELECT entry_id, balance_id, spent, held, calls, refused, raised FROM postings
    WHERE entry_id > ? AND entry_id <= ? ORDER BY entry_id, balance_id
"""


def hashed(db: sqlite3.Connection, after: int, until: int) -> Iterator[tuple[int, bytes]]:
    """The id and the hash of each of these entries, with all that it posted."""
    postings: dict[int, list[tuple[object, ...]]] = {}
    for entry_id, *posted in db.execute(_POSTINGS, (after, until)):
        postings.setdefault(entry_id, []).append(tuple(posted))
    for row in db.execute(_ENTRIES, (after, until)):
        document = json.dumps([*row, postings.get(row[0], [])], separators=(",", ":"))
        yield row[0], hashlib.sha256(document.encode()).digest()[:HASH_BYTES]
