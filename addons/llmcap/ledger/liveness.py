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
import re
import struct
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


# Between the byte that Windows locks and the pulse.
_GROUP_PLACE = 8
_WORKER = "-worker-"
_NUMBER = re.compile(rf"{_WORKER}\d+(?=\.|$)")
_GROUP = struct.Struct("<q")


def lock_path(ledger: Path, process_id: int) -> Path:
    """Where the lock of a process is."""
    return ledger.with_name(f"{ledger.name}-process-{process_id}")


def of_worker(ledger: Path, number: int) -> Path:
    """The ledger of a worker that has one of its own, as a node of a fleet; the first has this."""
    return ledger.with_stem(f"{ledger.stem}{_WORKER}{number}") if number else ledger


def running(ledger: Path) -> int:
    """How many proxies have the ledger open now; the workers of one are one."""
    return len({_group(path) or path for path in _alive(ledger)})


def in_use(ledger: Path) -> bool:
    """Whether a process has this very file open now."""
    return any(not is_gone(path) for path in locks_of(ledger))


def locks_of(ledger: Path) -> list[Path]:
    """The locks of processes that have, or had, this very file open."""
    return list(ledger.parent.glob(f"{glob.escape(ledger.name)}-process-*"))


def workers(ledger: Path) -> int:
    """How many processes these are."""
    return len(_alive(ledger))


def _alive(ledger: Path) -> list[Path]:
    """Their locks."""
    names = (ledger.name, ledger.with_stem(f"{ledger.stem}{_WORKER}").name)
    locks = [
        path
        for path in ledger.parent.glob(f"{glob.escape(ledger.stem)}*-process-*")
        if _ledger_name(path) in names
    ]
    return [path for path in locks if not is_gone(path)]


def _ledger_name(lock: Path) -> str:
    """Of what ledger a lock is; of workers' without their number."""
    return _NUMBER.sub(_WORKER, lock.name.rpartition("-process-")[0])


def _group(lock: Path) -> int:
    """Of what proxy the holder of a lock is a worker; 0: it is one by itself."""
    try:
        found: int = _GROUP.unpack(lock.read_bytes()[_GROUP_PLACE : _GROUP_PLACE + _GROUP.size])[0]
    except (OSError, struct.error):
        return 0
    return found


class Lock:
    """The lock of one process, as long as it lives."""

    __slots__ = ("_descriptor", "_path")

    def __init__(self, path: Path, *, group: int = 0) -> None:
        """Take it. Raises `BlockingIOError` (Windows: `OSError`) where another process has it."""
        self._path = path
        # Not inherited by programs that this one starts: they would keep the lock.
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(self._descriptor)
            os.lseek(self._descriptor, _GROUP_PLACE, os.SEEK_SET)
            os.write(self._descriptor, _GROUP.pack(group))
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
