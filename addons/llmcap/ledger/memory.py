"""
What the SQLite ledger remembers for later requests: which call a response id belongs to, what
uploaded files ask for, and how fast models write. Kept in the same file as the books, as another
proxy may need it; what calls in flight were seen to cost is kept in the lock file, by the pulse.
"""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from llmcap.ledger import recovery
from llmcap.ledger.endings import claim, claimant
from llmcap.ledger.names.table import write_name
from llmcap.ledger.pulse import Pulse, Seen
from llmcap.ledger.rows import from_micros, micros, text
from llmcap.ledger.store import Store
from llmcap.metering.pace import Model, Pace
from llmcap.words.records import Call, Hold

# Providers keep files for a month or until they are deleted; a busy user uploads some dozens a day.
FILES_MAX = 5_000

_CALL = "SELECT at, call_id, provider, endpoint, model FROM entries WHERE id = ?"


class Memory(ABC):
    """These methods of a ledger; who inherits them opens and closes the store."""

    _store: Store
    _clock: Callable[[], datetime]
    _pulse: Pulse

    @abstractmethod
    def _check_open(self) -> None: ...

    @abstractmethod
    def _add_note(self, db: sqlite3.Connection, note: str) -> int: ...

    @abstractmethod
    def _read[Result](self, query: Callable[[sqlite3.Connection], Result]) -> Result: ...

    def claimed(self, provider: str, response_id: str) -> Call | None:
        """Read without the write lock."""
        return self._read(lambda db: _call(db, provider, response_id))

    def alias(self, provider: str, response_id: str, others: Sequence[str]) -> None:
        """The first call to claim an id keeps it, here too."""
        self._check_open()
        with self._store as db:
            found = claimant(db, provider, response_id)
            if found is not None:
                for other in others:
                    claim(db, provider, other, found[0])

    def name_key(self, fingerprint: str, name: str, *, note: str) -> None:
        """For people; that it was done is an entry."""
        self._check_open()
        with self._store as db:
            write_name(db, text(fingerprint) or "", text(name) or "")
            self._add_note(db, note)

    def keep_file(self, provider: str, file_id: str, work: str) -> None:
        """The last word on a file counts."""
        self._check_open()
        with self._store as db:
            db.execute(
                "INSERT OR REPLACE INTO files (provider, file_id, at, work) VALUES (?, ?, ?, ?)",
                (text(provider), text(file_id), micros(self._clock()), work),
            )
            db.execute(
                "DELETE FROM files WHERE at < (SELECT at FROM files ORDER BY at DESC "
                "LIMIT 1 OFFSET ?)",
                (FILES_MAX - 1,),
            )

    def file(self, provider: str, file_id: str) -> str | None:
        """Read without the write lock."""
        found = self._read(
            lambda db: db.execute(
                "SELECT work FROM files WHERE provider = ? AND file_id = ?",
                (text(provider), text(file_id)),
            ).fetchone()
        )
        return found[0] if found else None

    def paces(self) -> dict[Model, Pace]:
        """Read without the write lock."""
        return self._read(lambda db: dict(recovery.paces(db)))

    def keep_paces(self, fresh: Mapping[Model, Pace]) -> None:
        """With what other proxies have seen: the highest counts."""
        self._check_open()
        with self._store as db:
            recovery.keep(db, fresh)

    def saw(self, hold: Hold, *, sure_nanos: int, sure_tokens: int, token_nanos: int) -> None:
        """With the next beat."""
        seen = Seen(micros(self._clock()), sure_nanos, sure_tokens, token_nanos)
        self._pulse.saw(hold.id, seen)


def _call(db: sqlite3.Connection, provider: str, response_id: str) -> Call | None:
    found = claimant(db, provider, response_id)
    if found is None:
        return None
    at, call_id, name, endpoint, model = db.execute(_CALL, (found[0],)).fetchone()
    return Call(call_id, from_micros(at), name, endpoint, model)
