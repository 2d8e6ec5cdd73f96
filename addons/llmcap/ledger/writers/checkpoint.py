"""
Keeping the write-ahead log short, from a thread of its own.

SQLite copies the log into the file now and then, within some unlucky commit, and waits for the disk
twice: tens of milliseconds, in which the proxy's event loop would stand still. A passive checkpoint
on another connection does the same without stopping any writer, and Python runs on meanwhile.

The log starts anew where a writer finds all of it copied. One process that writes now and then does
find that; of two that write without a pause, one has always added something by then, and the log
grows. So once it is long, and nearly all of it copied, whoever made it so takes the write lock for
the rest: some pages, and two waits for the disk, each several thousand commits. Where so much is
written that the rest is never short, a longer log has it copied all the same. Others are asked to
leave the lock alone meanwhile, as it would hardly be found free. SQLite lets one process at a time
do it, so any number may try. https://www.sqlite.org/c3ref/wal_checkpoint_v2.html
"""

import contextlib
import sqlite3
import threading
from pathlib import Path

from llmcap.ledger.writers.turns import Turns

# A commit is four or five pages, so this is about 5 MB of log.
COMMITS = 250
# From what length on the log is made to start anew, 24 MB, and how much of it may be left to copy
# then; and from what length on, 36 MB, whatever is left.
RESTART_PAGES = 12_000
REST_PAGES = 500
RESTART_ANYHOW_PAGES = 18_000
# How long that waits for who is writing, and with the lock for who is reading.
BUSY_MILLISECONDS = 20


class Checkpointer:
    """A thread that starts with the first work there is for it."""

    __slots__ = ("_commits", "_due", "_path", "_stopping", "_thread")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._commits = 0
        self._due = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def committed(self) -> None:
        """Count a commit; the thread is woken once in a while."""
        self._commits += 1
        if self._commits % COMMITS == 0:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="checkpoint", daemon=True)
                self._thread.start()
            self._due.set()

    def stop(self) -> None:
        """Wait for the thread to end, a checkpoint at most; `committed` may start it again."""
        if self._thread is not None:
            self._stopping = True
            self._due.set()
            self._thread.join()
            self._thread = None
            self._stopping = False

    def _run(self) -> None:
        # What fails here is done later, at the latest by the commit that finds the log too long.
        with contextlib.suppress(sqlite3.Error):
            # It never makes a file: one that was deleted is for the store to tell.
            uri = f"{self._path.absolute().as_uri()}?mode=rw"
            connection = sqlite3.connect(uri, uri=True, isolation_level=None)
            turns = Turns(self._path)
            with contextlib.closing(connection), contextlib.closing(turns):
                connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
                while self._due.wait() and not self._stopping:
                    self._due.clear()
                    with contextlib.suppress(sqlite3.Error):
                        keep_short(connection, turns)


def keep_short(connection: sqlite3.Connection, turns: Turns) -> None:
    """Copy the log; where it is long, and nearly all of it copied, let it start anew."""
    _, pages, copied = next(connection.execute("PRAGMA wal_checkpoint(PASSIVE)"))
    short = pages - copied <= REST_PAGES
    if pages >= (RESTART_PAGES if short else RESTART_ANYHOW_PAGES):
        turns.claim(BUSY_MILLISECONDS * 1_000_000)
        try:
            connection.execute("PRAGMA wal_checkpoint(RESTART)")
        finally:
            turns.over()
