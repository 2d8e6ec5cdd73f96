"""
The pulse of a proxy: when it was last alive, and what its calls had cost by then, in its lock file.

A proxy that is killed leaves no word of when. Its providers stopped soon after, where they stop at
all, as the kernel closed its connections; so the last beat bounds what they can have made. While
calls are in flight, a thread of its own beats into the file many times a second: a few numbers and
their check, in place, with no lock of the ledger, so that neither a busy event loop nor another
writer keeps it waiting. How late the next beat may be is written too, as the late ones before show
it. Beside it stands what calls were last seen to have cost, so that only what came later has to be
assumed. A file without a beat that can be believed says nothing.
"""

import contextlib
import os
import struct
import sys
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from llmcap.ledger.rows import from_micros, micros
from llmcap.words.money import NANOS_MAX

# How often it beats, and how long a provider goes on when its client is gone. The end is taken for
# no later than the next beat: a beat, and twice the longest delay of those just before, of which a
# tenth is forgotten with each. What it may be before any was late is more than an idle machine's.
BEAT = timedelta(milliseconds=50)
NOTICE = timedelta(milliseconds=50)
DELAY_AT_FIRST = timedelta(milliseconds=100)
DELAYS_TIMES = 2
_KEPT = 9, 10  # of the longest delay, after each beat

# How far the two clocks of a beat may have moved apart when it is read. More, and one of them was
# set, or the machine slept or started anew: then nothing closed the connections when the proxy
# ended, and the beat bounds nothing.
DRIFT = timedelta(seconds=2)

_MICROSECOND = timedelta(microseconds=1)

# On Windows the first byte of the file is locked, and cannot be read by others.
_PLACE = 16
_BEAT = struct.Struct("<qqq")  # the wall's clock, the machine's, and how late it may have gone on
_SEEN = struct.Struct("<qqqqq")  # a hold, when it was seen, and what that says
_CHECK = struct.Struct("<I")
_SEEN_BYTES = _SEEN.size + _CHECK.size


if sys.platform == "win32":

    def _write(descriptor: int, data: bytes) -> None:
        os.lseek(descriptor, _PLACE, os.SEEK_SET)
        os.write(descriptor, data)
else:

    def _write(descriptor: int, data: bytes) -> None:
        os.pwrite(descriptor, data, _PLACE)


@dataclass(frozen=True, slots=True)
class Seen:
    """
    What a call in flight had cost at most when it was last looked at, in microseconds since 1970.

    `sure_nanos` and `sure_tokens` are of what it reads and has written by then; each token that one
    of its choices writes later costs `token_nanos`.
    """

    at: int
    sure_nanos: int
    sure_tokens: int
    token_nanos: int


@dataclass(frozen=True, slots=True)
class LastWord:
    """What a proxy that is gone left: when it had ended for certain, and what was seen, by hold."""

    ended: datetime
    seen: dict[int, Seen]


class Pulse:
    """Beats for one process, while there is something to beat for."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        # Its own, and closed by nobody else: a number that was used again would be another file.
        self._descriptor: int | None = None
        self._open: set[int] = set()  # holds in flight
        self._seen: dict[int, bytes] = {}  # of those that were looked at
        self._delay = DELAY_AT_FIRST
        self._writing = threading.Lock()
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
            if self._descriptor is not None:
                self.beat()  # the last one may be long ago
            if self._thread is None and self._descriptor is not None:
                self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
                self._thread.start()

    def saw(self, hold_id: int, seen: Seen) -> None:
        """It was looked at: the next beat says so."""
        if hold_id in self._open:
            figures = (seen.at, seen.sure_nanos, seen.sure_tokens, seen.token_nanos)
            data = _SEEN.pack(hold_id, *(min(each, NANOS_MAX) for each in figures))
            self._seen[hold_id] = _checked(data)

    def ended(self, hold_id: int) -> None:
        """It is not any more. The thread goes on for one beat: most often the next call is near."""
        self._open.discard(hold_id)
        self._seen.pop(hold_id, None)

    def rest(self) -> None:
        """Wait for the thread to end."""
        self._over.set()
        self._due.set()
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
        with self._writing:
            self._beat(self._descriptor)

    def _beat(self, descriptor: int) -> None:
        goes_on = (BEAT + NOTICE + DELAYS_TIMES * self._delay) // _MICROSECOND
        beat = _BEAT.pack(micros(self._clock()), time.monotonic_ns(), goes_on)
        seen = b"".join(list(self._seen.values()))
        try:
            _write(descriptor, _checked(beat) + seen)
        except OSError:
            # An old beat must not be believed.
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, 0)

    def waited(self, elapsed: timedelta) -> None:
        """So long after the last beat the next one is: the longest delay is remembered a while."""
        kept, of = _KEPT
        self._delay = max(elapsed - BEAT, self._delay * kept // of)

    def look_up(self) -> None:
        """Wait where nothing is in flight; what begins or ends all meanwhile is not overlooked."""
        if not self._open:
            self._due.clear()
            if self._open or self._over.is_set():
                self._due.set()

    def _run(self) -> None:
        while self._due.wait() and not self._over.is_set():
            due = time.monotonic()
            self.beat()
            self._over.wait(BEAT.total_seconds())
            self.waited(timedelta(seconds=time.monotonic() - due))
            self.look_up()


def last_word(path: Path, *, now: datetime) -> LastWord | None:
    """What the process that has let go of this lock left; None: nobody knows when it ended."""
    try:
        data = path.read_bytes()[_PLACE:]
    except OSError:
        return None
    beat = _believed(data[: _BEAT.size + _CHECK.size], _BEAT)
    if beat is None:
        return None
    wall, machine, goes_on = beat
    last = from_micros(wall)
    elapsed = timedelta(microseconds=(time.monotonic_ns() - machine) // 1_000)
    if elapsed < timedelta(0) or abs((now - last) - elapsed) > DRIFT:
        return None
    seen: dict[int, Seen] = {}
    for at in range(_BEAT.size + _CHECK.size, len(data), _SEEN_BYTES):
        found = _believed(data[at : at + _SEEN_BYTES], _SEEN)
        # What fewer calls left of an older beat stands behind the others, and was true then.
        if found is not None and (found[0] not in seen or seen[found[0]].at < found[1]):
            seen[found[0]] = Seen(*found[1:])
    return LastWord(min(last + timedelta(microseconds=goes_on), now), seen)


def _checked(data: bytes) -> bytes:
    return data + _CHECK.pack(zlib.crc32(data))


def _believed(data: bytes, shape: struct.Struct) -> tuple[int, ...] | None:
    """What stands there, where its check says that it was written whole."""
    if len(data) != shape.size + _CHECK.size or _checked(data[: shape.size]) != data:
        return None
    return shape.unpack(data[: shape.size])
