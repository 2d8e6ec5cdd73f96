"""
The pulse of a proxy: when it was last alive, in the file of its lock.

A proxy that is killed leaves no word of when. Its providers stopped soon after, where they stop at
all, as the kernel closed its connections; so the last beat bounds what they can have made. While
calls are in flight, a thread of its own beats into the file several times a second: sixteen bytes
and their check, in place, with no lock of the ledger, so that neither a busy event loop nor another
writer keeps it waiting. A file without a beat that can be believed says nothing.
"""

import contextlib
import os
import struct
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from llmcap.ledger.rows import from_micros, micros

# How often it beats, and how late the last beat before the end may have been missed: one more, and
# a busy machine's delay.
BEAT = timedelta(milliseconds=200)
LATE = timedelta(milliseconds=500)

# How far the two clocks of a beat may have moved apart when it is read. More, and one of them was
# set, or the machine slept or started anew: then nothing closed the connections when the proxy
# ended, and the beat bounds nothing.
DRIFT = timedelta(seconds=2)

# On Windows the first byte of the file is locked, and cannot be read by others.
_PLACE = 16
_BEAT = struct.Struct("<qqq")  # the wall's clock, the machine's, and both together
_MASK = 2**63 - 1


if sys.platform == "win32":

    def _write(descriptor: int, data: bytes) -> None:
        os.lseek(descriptor, _PLACE, os.SEEK_SET)
        os.write(descriptor, data)
else:

    def _write(descriptor: int, data: bytes) -> None:
        os.pwrite(descriptor, data, _PLACE)


class Pulse:
    """Beats for one process, while there is something to beat for."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        # Its own, and closed by nobody else: a number that was used again would be another file.
        self._descriptor: int | None = None
        self._open: set[int] = set()  # holds in flight
        self._due = threading.Event()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, path: Path) -> None:
        """Beat into this file from now on; before that, and after `stop`, nothing is written."""
        self._descriptor = os.open(path, os.O_RDWR)
        self.beat()

    def opened(self, hold_id: int) -> None:
        """A call is in flight."""
        self._open.add(hold_id)
        if not self._due.is_set():
            self._due.set()
            if self._thread is None and self._descriptor is not None:
                self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
                self._thread.start()

    def ended(self, hold_id: int) -> None:
        """It is not any more."""
        self._open.discard(hold_id)
        if not self._open:
            self._due.clear()

    def rest(self) -> None:
        """Wait for the thread to end."""
        self._due.set()
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def stop(self) -> None:
        """It beats no more."""
        self.rest()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def beat(self) -> None:
        """Once, now."""
        assert self._descriptor is not None, "it beats between start and stop"
        wall, machine = micros(self._clock()), time.monotonic_ns()
        try:
            _write(self._descriptor, _BEAT.pack(wall, machine, _check(wall, machine)))
        except OSError:
            # An old beat must not be believed.
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, 0)

    def _run(self) -> None:
        while self._due.wait() and not self._over.is_set():
            self.beat()
            self._over.wait(BEAT.total_seconds())


def ended_before(path: Path, *, now: datetime) -> datetime | None:
    """When the process that has let go of this lock had ended for certain; None: nobody knows."""
    try:
        data = path.read_bytes()[_PLACE:]
        wall, machine, check = _BEAT.unpack(data)
    except (OSError, struct.error):
        return None
    if check != _check(wall, machine):
        return None
    last = from_micros(wall)
    elapsed = timedelta(microseconds=(time.monotonic_ns() - machine) // 1_000)
    if elapsed < timedelta(0) or abs((now - last) - elapsed) > DRIFT:
        return None
    return min(last + LATE, now)


def _check(wall: int, machine: int) -> int:
    return (wall ^ machine ^ _PLACE) & _MASK
