"""
Server-sent events, as the WHATWG specifies them, on bytes.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation

Lines end with LF, CR or CRLF and nothing else: text may hold U+2028. Two things are ours. A line
that ends with CR is taken at once (a LF that follows is dropped), so that no event waits for the
next byte. And an event that the end of the stream left open is given by `flush`, where a browser
would drop it: some servers forget the last blank line, and it may be the line with the usage.
"""

from typing import NamedTuple

from llmcap.words.errors import FormatError

# The largest legitimate event is an image in base64, or a whole response repeated at its end.
EVENT_BYTES_MAX = 32 * 1024 * 1024

_BOM = b"\xef\xbb\xbf"


class ServerEvent(NamedTuple):
    """One event: its `event:` field, or "", and its `data:` lines joined by LF."""

    name: str
    data: bytes


class SSEDecoder:
    """Bytes to events. Comments, `id` and `retry` are skipped, and so are events without data."""

    def __init__(self, *, event_bytes_max: int = EVENT_BYTES_MAX) -> None:
        self._event_bytes_max = event_bytes_max
        self._partial: list[bytes] = []  # the pieces of a line that has no end yet
        self._partial_bytes = 0
        self._after_cr = False
        self._first_line = True
        self._name = b""
        self._data: list[bytes] = []
        self._data_bytes = 0

    def decode(self, data: bytes) -> list[ServerEvent]:
        """The events that are whole now. Raises `FormatError` where one is past its bound."""
        if not data:
            return []
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
            if not data:
                self._after_cr = False
                return []
        self._after_cr = data.endswith(b"\r")
        if self._first_line and not self._partial and data[0] != _BOM[0]:
            self._first_line = False
        if self._is_between and data.endswith(b"\n\n"):
            found = _plain(data, self._event_bytes_max)
            if found:
                return found
        # On bytes, `splitlines` knows exactly the three ends that the specification knows.
        lines = data.splitlines()
        open_line = b"" if data.endswith((b"\n", b"\r")) else lines.pop()
        events: list[ServerEvent] = []
        if lines and self._partial:
            self._partial.append(lines[0])
            lines[0] = b"".join(self._partial)
            self._partial.clear()
            self._partial_bytes = 0
        for line in lines:
            self._take(line, events)
        if open_line:
            self._partial.append(open_line)
            self._partial_bytes += len(open_line)
            self._check(self._partial_bytes)
        return events

    def flush(self) -> list[ServerEvent]:
        """The last event, where the stream ended without the blank line."""
        events: list[ServerEvent] = []
        if self._partial:
            line = b"".join(self._partial)
            self._partial.clear()
            self._partial_bytes = 0
            self._take(line, events)
        self._take(b"", events)
        return events

    @property
    def _is_between(self) -> bool:
        """Whether no part of an event is waiting for the rest, so that a new one begins."""
        return not (self._partial or self._data or self._name or self._first_line)

    def _take(self, line: bytes, events: list[ServerEvent]) -> None:
        if self._first_line:
            self._first_line = False
            line = line.removeprefix(_BOM)
        if not line:
            self._dispatch(events)
            return
        field, _, value = line.partition(b":")
        if field == b"data":
            value = value.removeprefix(b" ")
            self._data.append(value)
            self._data_bytes += len(value) + 1
            self._check(self._data_bytes)
        elif field == b"event":
            self._name = value.removeprefix(b" ")

    def _dispatch(self, events: list[ServerEvent]) -> None:
        if self._data:
            data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
            events.append(ServerEvent(self._name.decode("utf-8", "replace"), data))
            self._data.clear()
            self._data_bytes = 0
        self._name = b""

    def _check(self, size: int) -> None:
        if size > self._event_bytes_max:
            raise FormatError(
                f"an event of the stream is longer than {self._event_bytes_max} bytes"
            )


def _plain(data: bytes, event_bytes_max: int) -> list[ServerEvent]:
    """
    The events of whole ones that are a line of data each, named or not, as nearly all are.

    This is `decode` for those, in a third of its steps. None where any is otherwise, or too long.
    """
    events: list[ServerEvent] = []
    if b"\r" in data:
        return events
    for event in data[:-2].split(b"\n\n"):
        name, line = b"", event
        if event.startswith(b"event: "):
            name, _, line = event[7:].partition(b"\n")
        if not line.startswith(b"data: ") or b"\n" in line or len(line) > event_bytes_max:
            return []
        events.append(ServerEvent(name.decode("utf-8", "replace") if name else "", line[6:]))
    return events
