"""
The meter: the bytes of one response, cut anywhere, to a `Reading`, through the provider's reader.

Content-encoding, then framing, then the reader. It watches and never edits, keeps bounded memory,
and never raises: what it cannot understand is said in `failed`, and the usage is then unknown, which
is not the same as free.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Protocol

from llmcap.errors import FormatError
from llmcap.providers.reader import DONE
from llmcap.providers.shape import Ask, Document, Endpoint
from llmcap.records import Reading
from llmcap.streams.codec import decoder_for
from llmcap.streams.eventstream import EventStreamDecoder
from llmcap.streams.jsonarray import ArrayDecoder
from llmcap.streams.ndjson import LineDecoder
from llmcap.streams.sse import SSEDecoder

# A whole JSON response is kept up to this size; embeddings of a large batch come near it.
BODY_BYTES_MAX = 64 * 1024 * 1024

NAMED_FRAMINGS = {
    "text/event-stream": "sse",
    "application/x-ndjson": "lines",
    "application/ndjson": "lines",
    "application/jsonl": "lines",
    "application/x-jsonl": "lines",
    "application/json-lines": "lines",
    "application/stream+json": "lines",
    "application/vnd.amazon.eventstream": "eventstream",
}
BINARY_TYPES = ("audio/", "image/", "video/", "application/pdf", "application/zip")

# Field names of server-sent events, by which a stream without a content-type is known.
SSE_STARTS = (b"data:", b"event:", b"id:", b"retry:", b":")
SNIFF_BYTES = 8
WHITESPACE = b" \t\r\n\xef\xbb\xbf"


class Meter:
    """One response. Feed it the wire's bytes, still content-encoded, then `finish` it."""

    def __init__(
        self, endpoint: Endpoint, ask: Ask, *, status: int, headers: Mapping[str, str]
    ) -> None:
        self.failed: str | None = None
        self._reader = endpoint.reader(ask) if endpoint.reader else None
        self._headers = headers
        self._streams = ask.stream
        self._frames: Frames | None = None
        self._head = b""  # the start of a body whose framing is not known yet
        self._changed = True
        self._ended = False
        self._reading = Reading()
        self._missing = _length(headers) if status != 204 else None
        try:
            self._decoder = decoder_for(headers.get("content-encoding", ""))
            self._frames = self._declared(headers.get("content-type", ""))
        except FormatError as error:
            self._fail(error)

    def feed(self, data: bytes) -> None:
        """Some bytes of the body, as they came. Never raises."""
        if self._reader is None or self.failed or self._ended or not data:
            return
        self._changed = True
        try:
            for piece in self._decoder.decode(data):
                self._take(piece)
            if self._missing is not None:
                self._missing -= len(data)
                if self._missing <= 0:
                    # All is here that the header announced: no need to wait for the connection.
                    self._end()
        except FormatError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001: the stream must go on, whatever is wrong in here
            self._fail(error)

    def finish(self) -> Reading:
        """After the last byte, or when the response broke off. Never raises."""
        self._changed = True
        if self._reader is not None and not self.failed and not self._ended:
            try:
                self._end()
            except Exception as error:  # noqa: BLE001: as above
                self._fail(error)
        return self.reading

    @property
    def reading(self) -> Reading:
        """What is understood so far."""
        if self._changed and self._reader is not None:
            self._reading = self._reader.reading()
            self._changed = False
        return self._reading

    # --- parts --------------------------------------------------------------------------------

    def _declared(self, content_type: str) -> "Frames | None":
        """The framing that the content-type names; None where the first bytes must tell."""
        media_type = content_type.partition(";")[0].strip().lower()
        if media_type.startswith(BINARY_TYPES):
            return Binary()
        if NAMED_FRAMINGS.get(media_type) == "eventstream":
            return Messages()
        self._named = NAMED_FRAMINGS.get(media_type)
        return None

    def _sniffed(self, head: bytes) -> "Frames":
        """
        The framing by content-type and the first bytes.

        Errors come as JSON under the content-type of a stream, and streams without any.
        """
        if self._named == "lines":
            return Lines()
        if head.startswith(b"[") and self._streams:
            return Elements()
        if head.startswith((b"{", b"[")):
            return Whole()
        if self._named == "sse" or head.startswith(SSE_STARTS):
            return Events()
        return Whole()

    def _take(self, piece: bytes) -> None:
        if self._frames is None:
            self._head = (self._head + piece).lstrip(WHITESPACE)
            if len(self._head) < SNIFF_BYTES and not self._head.startswith((b"{", b"[")):
                return
            self._frames = self._sniffed(self._head)
            piece, self._head = self._head, b""
        self._read(self._frames.decode(piece))

    def _end(self) -> None:
        self._ended = True
        if self._frames is None:
            self._frames = self._sniffed(self._head)
            self._read(self._frames.decode(self._head))
        self._read(self._frames.flush())
        whole = self._frames.whole()
        if whole is None or self._reader is None:
            return
        parsed = _parsed(whole)
        if isinstance(parsed, dict):
            self._reader.body(parsed)
        elif isinstance(parsed, list):
            for document in parsed:
                if isinstance(document, dict):
                    self._reader.event(document)
        elif not self._read_lines(whole):
            self._reader.raw(self._frames.size, self._headers)

    def _read_lines(self, whole: bytes) -> bool:
        """Reads JSON lines that came under another content-type; False where they are none."""
        lines = LineDecoder()
        documents = [_parsed(line) for line in (*lines.decode(whole), *lines.flush())]
        if not any(isinstance(document, dict) for document in documents):
            return False
        assert self._reader is not None
        for document in documents:
            if isinstance(document, dict):
                self._reader.event(document)
        return True

    def _read(self, events: Iterable[tuple[str, bytes]]) -> None:
        reader = self._reader
        assert reader is not None
        for name, data in events:
            parsed = _parsed(data)
            if isinstance(parsed, dict):
                reader.event(parsed, name)
            elif data.strip() == b"[DONE]":
                reader.event({}, DONE)

    def _fail(self, error: Exception) -> None:
        # The message of an error that is not ours may quote the body, which is nobody's business.
        ours = isinstance(error, FormatError)
        self.failed = str(error) if ours else f"the meter failed: {type(error).__name__}"


# --- framings -------------------------------------------------------------------------------


class Frames(Protocol):
    """A framing: decoded bytes to named events, or to one whole body at the end."""

    size: int

    def decode(self, data: bytes) -> Iterable[tuple[str, bytes]]: ...

    def flush(self) -> Iterable[tuple[str, bytes]]: ...

    def whole(self) -> bytes | None: ...


class _Framing:
    """Counts the bytes; most framings have no whole body."""

    size = 0

    def flush(self) -> Iterable[tuple[str, bytes]]:
        return ()

    def whole(self) -> bytes | None:
        return None


class Events(_Framing):
    """Server-sent events."""

    def __init__(self) -> None:
        self._decoder = SSEDecoder()

    def decode(self, data: bytes) -> Iterable[tuple[str, bytes]]:
        return self._decoder.decode(data)

    def flush(self) -> Iterable[tuple[str, bytes]]:
        return self._decoder.flush()


class Lines(_Framing):
    """JSON lines."""

    def __init__(self) -> None:
        self._decoder = LineDecoder()

    def decode(self, data: bytes) -> Iterable[tuple[str, bytes]]:
        return (("", line) for line in self._decoder.decode(data))

    def flush(self) -> Iterable[tuple[str, bytes]]:
        return (("", line) for line in self._decoder.flush())


class Elements(_Framing):
    """The elements of a JSON array."""

    def __init__(self) -> None:
        self._decoder = ArrayDecoder()

    def decode(self, data: bytes) -> Iterable[tuple[str, bytes]]:
        return (("", element) for element in self._decoder.decode(data))


class Messages(_Framing):
    """The messages of an AWS event stream."""

    def __init__(self) -> None:
        self._decoder = EventStreamDecoder()

    def decode(self, data: bytes) -> Iterable[tuple[str, bytes]]:
        return ((message.name, message.payload) for message in self._decoder.decode(data))


class Binary(_Framing):
    """Sound, images: only their size is known."""

    def decode(self, data: bytes) -> Iterable[tuple[str, bytes]]:
        self.size += len(data)
        return ()

    def whole(self) -> bytes | None:
        return b""


class Whole(_Framing):
    """One body, kept until its end."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def decode(self, data: bytes) -> Iterable[tuple[str, bytes]]:
        self.size += len(data)
        if self.size > BODY_BYTES_MAX:
            self._pieces.clear()
            raise FormatError(f"the response is longer than {BODY_BYTES_MAX} bytes")
        self._pieces.append(data)
        return ()

    def whole(self) -> bytes | None:
        body = b"".join(self._pieces)
        self._pieces.clear()
        return body


# --- helpers --------------------------------------------------------------------------------


def _parsed(data: bytes) -> Document | list[object] | None:
    """A JSON object or array; None for anything else, broken JSON too."""
    if data.lstrip()[:1] not in (b"{", b"["):
        return None
    try:
        parsed = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict | list) else None


def _length(headers: Mapping[str, str]) -> int | None:
    value = headers.get("content-length", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 16 else None
