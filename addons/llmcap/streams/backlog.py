"""
The bytes of a stream that nobody has read yet, as most of a stream never has to be.

What a call costs is told by its last events. Until one of them comes, which a mark in the raw bytes
shows, the others are only kept: a bounded number of them, the oldest are given away first. An event
of which a part was read is read to its end before anything is kept.
"""

import re
from collections import deque

# The longest mark that is looked for across two pieces.
MARK_BYTES_MAX = 32

_BLANK_LINES = (b"\n\n", b"\r\n\r\n", b"\r\r")


class Marks:
    """What stands in the bytes of an event that tells something: a word, and then a pattern too."""

    __slots__ = ("_pattern", "_words")

    def __init__(self, *words: bytes, pattern: bytes = b"") -> None:
        """No pattern: the words are enough. A word is looked for much faster than a pattern."""
        self._words = words
        self._pattern = re.compile(pattern or b"|".join(map(re.escape, words)))

    def search(self, data: bytes) -> re.Match[bytes] | None:
        """The first of them."""
        least = -1
        for word in self._words:
            at = data.find(word)
            if at >= 0 and (least < 0 or at < least):
                least = at
        return self._pattern.search(data, least) if least >= 0 else None


class Backlog:
    """Pieces of one stream in their order."""

    __slots__ = ("_marks", "_pieces", "_tail", "is_open", "size")

    def __init__(self, marks: Marks) -> None:
        self.size = 0
        self.is_open = False  # whether a part of an event was read, and its end is to come
        self._marks = marks
        self._pieces: deque[bytes] = deque()
        self._tail = b""

    def add(self, data: bytes) -> bool:
        """Keep a piece; whether a mark ends in it."""
        self._pieces.append(data)
        self.size += len(data)
        if self._tail:
            data = self._tail + data
        # No mark stands on both sides of a blank line, where most pieces end.
        self._tail = b"" if data.endswith(b"\n\n") else data[-MARK_BYTES_MAX:]
        return self._marks.search(data) is not None

    def passed(self, data: bytes) -> None:
        """These bytes were read as they came."""
        self._tail = (self._tail + data)[-MARK_BYTES_MAX:]
        self._read_on()

    def take(self, *, leave: int = 0) -> bytes:
        """The oldest pieces, until no more than `leave` bytes are left."""
        taken = []
        while self.size > leave:
            piece = self._pieces.popleft()
            self.size -= len(piece)
            taken.append(piece)
        if not leave:
            self._read_on()
        return b"".join(taken)

    def take_marked(self) -> tuple[bytes, bytes]:
        """All of it, in two: whole events, and what begins with the one that has the first mark."""
        data = self.take()
        found = self._marks.search(data)
        place = found.start() if found else len(data)
        ends = [(data.rfind(end, 0, place), len(end)) for end in _BLANK_LINES]
        start = max((at + size for at, size in ends if at >= 0), default=0)
        return data[:start], data[start:]

    def _read_on(self) -> None:
        self.is_open = bool(self._tail) and not self._tail.endswith(_BLANK_LINES)
