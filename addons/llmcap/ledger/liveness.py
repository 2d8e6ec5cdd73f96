"""
Which proxies are alive: each keeps a lock on a small file of its own beside the ledger.

The kernel lets go of the lock when the process ends, however it ends, and nothing else does: who is
gone is told by no heartbeat that could be missed and no process id that could be used again. (When
it went, its `pulse` tells.) A file that is not there counts as let go; should its process live
after all, the ledger corrects what was assumed when it settles.
"""

import contextlib
import glob
import os
import sys
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def lock_path(ledger: Path, process_id: int) -> Path:
    """Where the lock of a process is."""
    return ledger.with_name(f"{ledger.name}-process-{process_id}")


def running(ledger: Path) -> int:
    """How many processes have the ledger open now."""
    locks = ledger.parent.glob(f"{glob.escape(ledger.name)}-process-*")
    return sum(not is_gone(path) for path in locks)


class Lock:
    """The lock of one process, as long as it lives."""

    __slots__ = ("_descriptor", "_path")

    def __init__(self, path: Path) -> None:
        """Take it. Raises `BlockingIOError` (Windows: `OSError`) where another process has it."""
        self._path = path
        # Not inherited by programs that this one starts: they would keep the lock.
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(self._descriptor)
        except OSError:
            os.close(self._descriptor)
            raise

    def release(self, *, remove: bool) -> None:
        """Let go of it. The file may be removed once nothing of this process is open any more."""
        if remove and sys.platform != "win32":
            self._remove()
        os.close(self._descriptor)
        if remove and sys.platform == "win32":
            self._remove()

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink()


def is_gone(path: Path) -> bool:
    """Whether no process has this lock."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        _lock(descriptor)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
