"""
Whose turn it is to write, where several processes want to: who has waited long is waited for.

SQLite's write lock goes to whoever asks when it is free, which is most often the process that had
it last: the others are between two of their tries. So one that has waited for a while says so in a
small file beside the ledger, and until when it will have asked again; meanwhile all that came later
leave the lock alone. How long it may keep them waiting grows with how long it has waited, so that
one that hardly gets a core is served too, and one that died costs others a moment.

It is courtesy, and nothing depends on it: SQLite's lock alone keeps writers apart. A file that
cannot be read or says what cannot be is as one that says nothing. The proxies make it, and the last
of them removes it; should another have begun at that very moment, it finds the next one when it
first meets others at the lock.
"""

import contextlib
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path

# Who has waited for less takes what it gets: a transaction is a tenth of a millisecond, and whom
# everybody waits for needs about as long to notice that it is its turn.
LONG_NANOSECONDS = 2_000_000
# Until when it will have asked again: its pauses, and a part of what it has waited, up to a bound.
ASKS_NANOSECONDS = 1_000_000
PART_WAITED = 8
ASKS_NANOSECONDS_MAX = 250_000_000
# Who has not asked for so long is not the one that waited then.
FORGOTTEN_NANOSECONDS = 5_000_000_000

# So many can say at once that they waited for long; the others go on as they come.
PLACES = 32
_PLACE = struct.Struct("<qq")  # since when it waits, and until when it will have asked again
_PLACES = struct.Struct(f"<{2 * PLACES}q")


class Turns:
    """Of one connection."""

    __slots__ = ("_asked", "_clock", "_descriptor", "_path", "_place", "_since")

    def __init__(
        self, ledger: Path | None, *, clock: Callable[[], int] = time.monotonic_ns
    ) -> None:
        """`clock` is in nanoseconds, and the same for all processes of the machine."""
        self._path = turns_path(ledger) if ledger is not None and hasattr(os, "pread") else None
        self._clock = clock
        self._descriptor: int | None = None
        self._since = 0  # since when this one waits; 0: it does not
        self._asked = 0
        self._place: int | None = None

    def close(self) -> None:
        """Wait no more; a later use opens the file again."""
        self.over()
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def of_another(self) -> bool:
        """Whether one that has waited long, and longer than this one, is about to ask."""
        data = self._read()
        if data.count(0) == len(data):  # most often nobody waits
            return False
        now = self._clock()
        mine = self._since or now
        return any(since < mine and at != self._place for at, since in _waiting(data, now=now))

    def ask(self) -> None:
        """Say that this one still waits, if it has for long."""
        now = self._clock()
        if not self._since or now - self._asked > FORGOTTEN_NANOSECONDS:
            self.close()  # by now it may be another file
            self._since = now
        self._asked = now
        waited = now - self._since
        if waited >= LONG_NANOSECONDS:
            self._say(now, ASKS_NANOSECONDS + waited // PART_WAITED)

    def claim(self, nanoseconds: int) -> None:
        """Have all others wait for so long, whoever waits since when."""
        self.close()  # by now it may be another file
        self._since = 1
        self._asked = self._clock()
        self._say(self._asked, nanoseconds)

    def over(self) -> None:
        """This one has written, or wants to no more."""
        self._since = 0
        place, self._place = self._place, None
        if place is not None:
            self._write(place, 0, 0)

    def _say(self, now: int, nanoseconds: int) -> None:
        if self._place is None:
            taken = {at for at, _ in _waiting(self._read(), now=now)}
            self._place = next((at for at in range(PLACES) if at not in taken), None)
        if self._place is not None:
            self._write(self._place, self._since, now + min(nanoseconds, ASKS_NANOSECONDS_MAX))

    def _read(self) -> bytes:
        try:
            return os.pread(self._opened(), _PLACES.size, 0)
        except OSError:
            return b""

    def _write(self, place: int, since: int, until: int) -> None:
        with contextlib.suppress(OSError):  # a full disk, and then nobody writes
            os.pwrite(self._opened(), _PLACE.pack(since, until), place * _PLACE.size)

    def _opened(self) -> int:
        if self._descriptor is None:
            if self._path is None:
                raise FileNotFoundError
            self._descriptor = os.open(self._path, os.O_RDWR)
        return self._descriptor


def turns_path(ledger: Path) -> Path:
    """Where those that wait for this ledger say so."""
    return ledger.with_name(f"{ledger.name}-turns")


def _waiting(data: bytes, *, now: int) -> list[tuple[int, int]]:
    """The places of those that will ask again, and since when each waits."""
    numbers = _PLACES.unpack(data.ljust(_PLACES.size, b"\0"))
    return [
        (at, numbers[2 * at])
        for at in range(PLACES)
        if 0 < numbers[2 * at + 1] - now <= ASKS_NANOSECONDS_MAX
    ]
