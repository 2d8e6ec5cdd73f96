"""
The table of names, and its two steps.

It is made when the first key is named, and is no migration: an older LLMCap, to which names are
nothing, may go on with the ledger.
"""

import sqlite3
from collections.abc import Mapping

TABLE = """
    CREATE TABLE IF NOT EXISTS key_names (
        fingerprint TEXT PRIMARY KEY,
        name TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
"""


def key_names(db: sqlite3.Connection) -> Mapping[str, str]:
    """The names by fingerprint."""
    try:
        return dict(db.execute("SELECT fingerprint, name FROM key_names").fetchall())
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return {}
        raise


def write_name(db: sqlite3.Connection, fingerprint: str, name: str) -> None:
    """Within the caller's transaction; an empty name takes it away."""
    db.execute(TABLE)
    db.execute("DELETE FROM key_names WHERE fingerprint = ?", (fingerprint,))
    if name:
        db.execute("INSERT INTO key_names (fingerprint, name) VALUES (?, ?)", (fingerprint, name))
