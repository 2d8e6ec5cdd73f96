"""Whether something has happened in a ledger, so that a page that watches it has to be told."""

import contextlib
import sqlite3
from pathlib import Path

from llmcap.ledger import history
from llmcap.notices.events import events_path


class Watch:
    """Whether a ledger or its events were written since the last look: a read of two numbers."""

    def __init__(self, ledger: Path) -> None:
        self._reading = contextlib.ExitStack()
        self._db = self._reading.enter_context(history.reading(ledger))
        self._events_path = Path(events_path(str(ledger)))
        self._events: sqlite3.Connection | None = None

    def version(self) -> tuple[int, int]:
        """Other numbers after each commit of anybody."""
        if self._events is None and self._events_path.exists():
            events = sqlite3.connect(f"{self._events_path.absolute().as_uri()}?mode=ro", uri=True)
            self._events = self._reading.enter_context(contextlib.closing(events))
        return _version(self._db), _version(self._events) if self._events is not None else -1

    def close(self) -> None:
        """Let go of the file."""
        self._reading.close()


def _version(db: sqlite3.Connection) -> int:
    found: int = db.execute("PRAGMA data_version").fetchone()[0]
    return found
