"""
One face for all framings: decoded bytes in, named JSON texts out, or one whole body at the end.

Which framing a response has is told by its content-type and, where that is vague or wrong, by its
first bytes: errors come as JSON under the content-type of a stream, and streams without any.
"""

from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Iterable
from typing import override

from llmcap.streams.eventstream import EventStreamDecoder
from llmcap.streams.grpc import GrpcDecoder
from llmcap.streams.jsonarray import ArrayDecoder
from llmcap.streams.ndjson import LineDecoder
from llmcap.streams.sse import SSEDecoder
from llmcap.words.errors import FormatError

# A whole JSON response is kept up to this size; embeddings of a large batch come near it.
BODY_BYTES_MAX = 64 * 1024 * 1024

# The name of an event (its SSE field, its frame type) and its JSON text.
Event = tuple[str, bytes]

_LINES = frozenset((
    "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonl",
    "application/json-lines", "application/stream+json",
))  # fmt: skip
_BINARY = ("audio/", "image/", "video/", "application/pdf", "application/zip")

# Field names of server-sent events, by which a stream without a content-type is known, and how many
# bytes it takes to see one.
_SSE_STARTS = (b"data:", b"event:", b"id:", b"retry:", b":")
_SNIFF_BYTES = 8
_WHITESPACE = b" \t\r\n\xef\xbb\xbf"


class Framing(ABC):
    """What all framings have; most have no whole body."""

    size = 0  # decoded bytes so far, where only they are counted
    has_events = False  # whether these are certainly server-sent events

    @abstractmethod
    def decode(self, data: bytes) -> Iterable[Event]:
        """The events that are whole now. Raises `FormatError` past a bound."""

    def flush(self) -> Iterable[Event]:
        """What the end of the response makes whole."""
        return ()

    def whole(self) -> bytes | None:
        """The body, where it is one; None where it came as events."""
        return None


class Sniffed(Framing):
    """Decides by the first bytes, then is the framing that it found."""

    def __init__(self, media_type: str, *, streams: bool) -> None:
        self._media_type = media_type
        self._streams = streams
        self._head = b""
        self._found: Framing | None = None

    @override
    def decode(self, data: bytes) -> Iterable[Event]:
        if self._found is None:
            head = (self._head + data).lstrip(_WHITESPACE)
            if len(head) < _SNIFF_BYTES and not head.startswith((b"{", b"[")):
                self._head = head
                return ()
            self._found, data, self._head = self._framing(head), head, b""
            self.has_events = self._found.has_events
        return self._found.decode(data)

    @override
    def flush(self) -> Iterable[Event]:
        if self._found is None:
            self._found = self._framing(self._head)
            return [*self._found.decode(self._head), *self._found.flush()]
        return self._found.flush()

    @override
    def whole(self) -> bytes | None:
        if self._found is None:
            return None
        self.size = self._found.size
        return self._found.whole()

    def _framing(self, head: bytes) -> Framing:
        if head.startswith(b"[") and self._streams:
            return Elements()
        if head.startswith((b"{", b"[")):
            return Lines() if self._has_lines else Whole()
        if self._media_type == "text/event-stream" or head.startswith(_SSE_STARTS):
            return Events()
        return Whole()

    @property
    def _has_lines(self) -> bool:
        """Whether JSON under this content-type is one text a line."""
        return self._media_type in _LINES or (
            self._streams and self._media_type == "application/octet-stream"
        )


class Events(Framing):
    """Server-sent events."""

    has_events = True

    def __init__(self) -> None:
        self._decoder = SSEDecoder()

    @override
    def decode(self, data: bytes) -> Iterable[Event]:
        return self._decoder.decode(data)

    @override
    def flush(self) -> Iterable[Event]:
        return self._decoder.flush()


class Lines(Framing):
    """JSON lines."""

    def __init__(self) -> None:
        self._decoder = LineDecoder()

    @override
    def decode(self, data: bytes) -> Iterable[Event]:
        return [("", line) for line in self._decoder.decode(data)]

    @override
    def flush(self) -> Iterable[Event]:
        return [("", line) for line in self._decoder.flush()]


class Elements(Framing):
    """The elements of a JSON array."""

    def __init__(self) -> None:
        self._decoder = ArrayDecoder()

    @override
    def decode(self, data: bytes) -> Iterable[Event]:
        return [("", element) for element in self._decoder.decode(data)]


class Messages(Framing):
    """The messages of an AWS event stream."""

    def __init__(self) -> None:
        self._decoder = EventStreamDecoder()

    @override
    def decode(self, data: bytes) -> Iterable[Event]:
        return [(message.name, message.payload) for message in self._decoder.decode(data)]


class Protobufs(Framing):
    """The messages of a gRPC answer, each in base64 within an object, as JSON has no bytes."""

    def __init__(self) -> None:
        self._decoder = GrpcDecoder()

    @override
    def decode(self, data: bytes) -> Iterable[Event]:
        messages = self._decoder.decode(data)
        return [("", b'{"protobuf":"%b"}' % b64encode(message)) for message in messages]


class Binary(Framing):
    """Sound, images: only their size matters."""

    @override
    def decode(self, data: bytes) -> Iterable[Event]:
        self.size += len(data)
        return ()

    @override
    def whole(self) -> bytes | None:
        return b""


class Whole(Framing):
    """One body, kept until its end."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    @override
    def decode(self, data: bytes) -> Iterable[Event]:
        self.size += len(data)
        if self.size > BODY_BYTES_MAX:
            self._pieces.clear()
            raise FormatError(f"the response is longer than {BODY_BYTES_MAX} bytes")
        self._pieces.append(data)
        return ()

    @override
    def whole(self) -> bytes | None:
        body = b"".join(self._pieces)
        self._pieces.clear()
        return body


def framing_of(content_type: str, *, streams: bool) -> Framing:
    """The framing of a response; `streams` says whether the request asked for a stream."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type.startswith(_BINARY):
        return Binary()
    if media_type.startswith("application/grpc"):
        return Protobufs()
    if media_type == "application/vnd.amazon.eventstream":
        return Messages()
    return Sniffed(media_type, streams=streams)
