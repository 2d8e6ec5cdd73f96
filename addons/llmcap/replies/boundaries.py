"""
Where a stream may be cut: the places between two events, whatever pieces its bytes come in.

A cursor per framing: `advance` takes the next bytes and gives the offset just behind the last event
that ends in them, or None; `inside` says whether an event has begun and not ended. Each costs at
most one look at every byte and keeps a few of them.
"""

import re
from typing import Protocol

# `"\r\r"` ends an event of a server that writes bare carriage returns.
_BLANK_LINES = (b"\n\n", b"\n\r\n", b"\r\r")
_STRUCTURE = re.compile(rb'[{}\[\],"]|\\')


class Cursor(Protocol):
    """Follows one stream."""

    inside: bool

    def advance(self, data: bytes) -> int | None:
        """Go over the next bytes."""
        ...


class SseCursor:
    """Server-sent events: an event ends with a blank line."""

    __slots__ = ("_tail", "inside")

    def __init__(self) -> None:
        self.inside = False
        self._tail = b""

    def advance(self, data: bytes) -> int | None:
        """Look for the last blank line, which may have begun in the bytes before."""
        joined = self._tail + data
        end = max(
            joined.rfind(blank) + len(blank) if blank in joined else 0 for blank in _BLANK_LINES
        )
        offset = end - len(self._tail)
        self._tail = joined[-2:]
        if offset > 0:
            self.inside = bool(data[offset:].strip(b"\r\n"))
            return offset
        self.inside = self.inside or bool(data.strip(b"\r\n"))
        return None


class LineCursor:
    """NDJSON: an event is a line."""

    __slots__ = ("inside",)

    def __init__(self) -> None:
        self.inside = False

    def advance(self, data: bytes) -> int | None:
        """Look for the last line end."""
        offset = data.rfind(b"\n") + 1
        self.inside = bool(data[offset:]) or (self.inside and not offset)
        return offset or None


class ArrayCursor:
    """One JSON array, as Google streams it without `alt=sse`: an event is an element."""

    __slots__ = ("_depth", "_escaped", "_quoted", "comma", "elements", "inside")

    def __init__(self) -> None:
        self.inside = False
        self.elements = 0
        self.comma = False  # the last element is followed by one
        self._depth = 0
        self._quoted = False
        self._escaped = False

    @property
    def opened(self) -> bool:
        """Whether the array's bracket was seen, and not yet its end."""
        return self._depth > 0

    def advance(self, data: bytes) -> int | None:
        """Count brackets outside of strings; an element ends back at the depth of one."""
        last: int | None = None
        position = 1 if self._escaped else 0
        self._escaped = self._escaped and not data
        while match := _STRUCTURE.search(data, position):
            position = match.end()
            byte = match[0]
            if byte == b"\\":
                self._escaped = position == len(data)
                position += 1
            elif byte == b'"':
                self._quoted = not self._quoted
            elif not self._quoted and self._step(byte):
                last = position
        self.inside = self._depth > 1
        return last

    def _step(self, byte: bytes) -> bool:
        """Take one structural byte outside of strings; whether it ends an element."""
        if byte == b",":
            self.comma = self.comma or self._depth == 1
        elif byte in b"{[":
            self._depth += 1
            if self._depth == 2:
                self.comma = False
        else:
            self._depth -= 1
            if self._depth == 1:
                self.elements += 1
                return True
        return False


class FrameCursor:
    """AWS event stream: a frame says its whole length in its first four bytes, big-endian."""

    __slots__ = ("_prefix", "_rest", "inside")

    def __init__(self) -> None:
        self.inside = False
        self._prefix = b""
        self._rest = 0

    def advance(self, data: bytes) -> int | None:
        """Go from length to length."""
        last: int | None = None
        position = 0
        while position < len(data):
            if not self._rest:
                missing = 4 - len(self._prefix)
                self._prefix += data[position : position + missing]
                position += missing
                if len(self._prefix) < 4:
                    break
                # No frame is shorter than its prelude; what says so is no event stream.
                self._rest = max(int.from_bytes(self._prefix) - 4, 1)
                self._prefix = b""
                continue
            step = min(self._rest, len(data) - position)
            self._rest -= step
            position += step
            if not self._rest:
                last = position
        self.inside = bool(self._rest or self._prefix)
        return last
