"""
One connection to one SQLite file: pragmas, write transactions, and errors that say what to do.

`with store as db:` is `BEGIN IMMEDIATE`, so the write lock is there before the first read, and
`COMMIT` or `ROLLBACK`. A connection that cannot even roll back is given up for a new one, so the
store is usable again as soon as the fault is over.

A file that is deleted or replaced while it is open would go on to be written, unseen by all others:
so each transaction begins with a look whether the path still names the file that was opened. It is
never made a second time, as a new ledger has nothing spent in it.
"""

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from llmcap.ledger.promise import MEMORY
from llmcap.ledger.schema import VERSION, migrate
from llmcap.ledger.writers.checkpoint import Checkpointer
from llmcap.ledger.writers.turns import Turns
from llmcap.words.errors import LedgerBusy, LedgerError
from llmcap.words.paths import make_folder, make_private

# A proxy's event loop stands still for another writer in these pauses between its tries: less than
# a millisecond in all, which is what a few writes take. The caller then lets other calls go on, and
# tries again. SQLite's own pauses are 1, 2, 5, 10, 15, 20 and 25 ms.
PAUSES_MICROSECONDS = (50, 100, 150, 300)
# Who has no event loop waits on. Opening may meet another process that makes the ledger.
PATIENCE_SECONDS = 5
PATIENT_MICROSECONDS = 2_000
# A commit writes, and sums up, the whole of each page that it touches, of which it changes little.
PAGE_BYTES = 2_048
# How much the write-ahead log may grow before a commit copies it into the file: 48 MB, which the
# checkpointer leaves to a commit only where it cannot have the lock.
CHECKPOINT_PAGES = 24_000

# What went wrong by SQLite's primary result code: the reason, and the move.
_REASONS = {
    sqlite3.SQLITE_FULL: ("the disk is full", "free some space"),
    sqlite3.SQLITE_READONLY: (
        "it may not be written to",
        "check the owner and permissions of the file and its folder",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "it cannot be opened",
        "check that the folder exists and may be written to",
    ),
    sqlite3.SQLITE_PERM: ("access is denied", "check the permissions of the file and its folder"),
    sqlite3.SQLITE_IOERR: ("the disk failed to read or write", "check the disk and the mount"),
    sqlite3.SQLITE_CORRUPT: (
        "the file is damaged",
        "stop all proxies, move it away and restore a copy, or start with a new one",
    ),
    sqlite3.SQLITE_NOTADB: (
        "the file is not an SQLite database",
        "name another file, or move this one away",
    ),
}
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class Store:
    """A connection, as a context manager whose body is one write transaction."""

    __slots__ = (
        "_checkpointer", "_connection", "_durability", "_factory", "_identity", "_name", "_path",
        "_patient", "_turns",
    )  # fmt: skip

    def __init__(
        self,
        path: str | Path,
        *,
        durability: str,
        patient: bool = False,
        factory: type[sqlite3.Connection] = sqlite3.Connection,
    ) -> None:
        """`patient`: nobody else waits while this one does, so it waits for other writers."""
        if durability not in ("normal", "full"):
            raise LedgerError(f"durability is {durability!r}: expected normal or full")
        self._name = str(path)
        self._path = None if self._name == MEMORY else Path(path)
        self._durability = durability
        self._factory = factory
        self._patient = patient
        self._connection: sqlite3.Connection | None = None
        self._checkpointer = Checkpointer(self._path) if self._path is not None else None
        self._turns = Turns(self._path)
        self._identity: tuple[int, ...] = ()
        try:
            self._make_file()
            self.reading()
            self._identity = self._found()
        except sqlite3.Error as error:
            raise self.explained(error) from error
        except OSError as error:
            raise LedgerError(
                f"the ledger {self._name}: {error.strerror}\n"
                "hint: name a file in a folder that you may write to"
            ) from error

    def reading(self) -> sqlite3.Connection:
        """The connection, outside of a transaction, and connected anew if it had to be given up."""
        if self._connection is None:
            self._connection = self._connected()
        return self._connection

    def close(self) -> None:
        """Let go of the file; a later use opens it again."""
        if self._checkpointer is not None:
            self._checkpointer.stop()
        self._turns.close()
        self._give_up()

    def _give_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    # --- one write transaction ------------------------------------------------------------------

    def __enter__(self) -> sqlite3.Connection:
        if self._found() != self._identity:
            raise LedgerError(
                f"the ledger {self._name} was deleted, moved or replaced while it was in use, so "
                "no call can be recorded in it\nhint: put the same file back, or end all proxies "
                "and start again"
            )
        try:
            connection = self.reading()
            self._begin(connection)
        except sqlite3.Error as error:
            raise self.explained(error) from error
        return connection

    def _begin(self, connection: sqlite3.Connection) -> None:
        """Take the write lock, as soon as it is this one's turn."""
        for pause in self._pauses():
            if self._begun(connection):
                return
            time.sleep(pause / 1_000_000)
        if not self._begun(connection):
            raise self._busy()

    def _begun(self, connection: sqlite3.Connection) -> bool:
        """Whether it could be had now."""
        if not self._turns.of_another():
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if not is_busy(error):
                    raise
            else:
                self._turns.over()
                return True
        self._turns.ask()
        return False

    def _pauses(self) -> Iterator[int]:
        yield from PAUSES_MICROSECONDS
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._patient and time.monotonic() < deadline:
            yield PATIENT_MICROSECONDS

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        connection = self._connection
        assert connection is not None, "a transaction has a connection"
        if error is None:
            try:
                connection.execute("COMMIT")
            except sqlite3.Error as failure:
                self._roll_back(connection)
                raise self.explained(failure) from failure
            if self._checkpointer is not None:
                self._checkpointer.committed()
            return
        self._roll_back(connection)
        if isinstance(error, sqlite3.Error):
            raise self.explained(error) from error
        if isinstance(error, OverflowError):
            raise LedgerError(
                f"the ledger {self._name}: a number does not fit in 64 bits, nothing was written"
            ) from error

    def _found(self) -> tuple[int, ...]:
        """Which file the path names now; nothing where there is none."""
        if self._path is None:
            return ()
        try:
            found = os.stat(self._name)  # noqa: PTH116  half the time of `Path.stat`, and it counts
        except OSError:
            return (0,)
        return found.st_dev, found.st_ino

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        # SQLite has already rolled back by itself after some errors, a full disk among them.
        if not connection.in_transaction:
            return
        try:
            connection.execute("ROLLBACK")
        except sqlite3.Error:
            # Closing a connection undoes what it has not committed.
            self._give_up()

    # --- connecting ---------------------------------------------------------------------------

    def _make_file(self) -> None:
        """Make the file for its owner only: who called what is nobody else's affair."""
        if self._path is None or self._path.exists():
            return
        make_folder(self._path.parent)
        make_private(self._name)

    def _connected(self) -> sqlite3.Connection:
        # The file was made before; one that has gone since is not made anew.
        name = f"{self._path.absolute().as_uri()}?mode=rw" if self._path else self._name
        connection = sqlite3.connect(
            name,
            uri=self._path is not None,
            isolation_level=None,  # transactions are begun by hand
            timeout=PATIENCE_SECONDS,
            factory=self._factory,
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA synchronous = {self._durability.upper()}")
        connection.execute("PRAGMA cache_size = -8192")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        version = _version(connection)
        if version > VERSION:
            raise LedgerError(
                f"the ledger {self._name} was made by a newer LLMCap (schema {version}, this one "
                f"knows {VERSION})\nhint: use that version, or name another ledger"
            )
        if version < VERSION:
            connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # of a file that is empty yet
            log_ahead(connection)
            connection.execute("BEGIN IMMEDIATE")
            # Another process may have been first while this one waited for the lock.
            if _version(connection) < VERSION:
                migrate(connection)
            connection.execute("COMMIT")
        connection.execute("PRAGMA busy_timeout = 0")  # `_begin` waits

    def explained(self, error: sqlite3.Error) -> LedgerError:
        """The same error in our words: which file, why, and what to do."""
        code = _code(error)
        if is_busy(error):
            return self._busy()
        if code in _REASONS:
            reason, move = _REASONS[code]
            return LedgerError(f"the ledger {self._name}: {reason} ({error})\nhint: {move}")
        return LedgerError(f"the ledger {self._name} cannot be used: {error}")

    def _busy(self) -> LedgerBusy:
        return LedgerBusy(f"the ledger {self._name} is being written by another process")


def log_ahead(connection: sqlite3.Connection) -> None:
    """
    Switch to a write-ahead log: where another connection is at that too, SQLite does not wait.

    Raises `sqlite3.OperationalError` where it is at that for longer than we wait.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(PATIENT_MICROSECONDS / 1_000_000)
        else:
            return


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection has the lock, so that the same may work in a moment."""
    return _code(error) in _BUSY


def _code(error: sqlite3.Error) -> int:
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def patiently[Result](step: Callable[[], Result]) -> Result:
    """Opening and closing wait for the write lock: there is nobody to try again for them."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(LedgerBusy):
            return step()
        time.sleep(PATIENT_MICROSECONDS / 1_000_000)
    return step()
