"""
The meter: the bytes of one response, cut anywhere, to a `Reading`, through the provider's reader.

Content-encoding, then framing, then the reader. It watches and never edits, keeps bounded memory,
and never raises: what it cannot understand is said in `failed`, and the usage is then unknown,
which is not the same as free.
"""

import json
from collections.abc import Iterable, Mapping

from llmcap.errors import FormatError
from llmcap.providers.reader import DONE
from llmcap.providers.shape import Ask, Endpoint
from llmcap.records import Reading
from llmcap.streams.codec import Decoder, decoder_for
from llmcap.streams.framing import Event, Framing, framing_of
from llmcap.streams.ndjson import LineDecoder

# How much of a stream is read at once, at most, and the longest mark that is looked for between.
BATCH_BYTES = 16 * 1024
TELLING_BYTES_MAX = 32

Parsed = dict[str, object] | list[object] | None


class Meter:
    """One response. Feed it the wire's bytes, still content-encoded, then `finish` it."""

    def __init__(
        self, endpoint: Endpoint, ask: Ask, *, status: int, headers: Mapping[str, str]
    ) -> None:
        self.failed: str | None = None  # why the response could not be understood
        self._headers = headers
        self._reader = endpoint.reader(ask) if endpoint.reader else None
        self._reading = Reading()
        self._changed = self._reader is not None
        self._ended = False
        self._telling = None
        self._unread: list[bytes] = []
        self._tail = b""
        self.unread_bytes = 0  # of the body, that `reading` would look at first
        # How many bytes are still to come, where the header says so.
        self._missing = None if status == 204 else _length(headers)
        self._framing: Framing = framing_of(headers.get("content-type", ""), streams=ask.stream)
        try:
            encoding = headers.get("content-encoding", "")
            self._decoder: Decoder = decoder_for(encoding)
            if ask.stream and encoding in ("", "identity"):
                self._telling = getattr(self._reader, "telling", None)
            if self._reader is not None:
                self._reader.head(headers)
        except Exception as error:  # noqa: BLE001  the stream goes on, whatever is wrong in here
            self._fail(error)

    def feed(self, data: bytes) -> None:
        """
        Some bytes of the body, as they came. Never raises.

        Events that cannot change what the call costs are kept and read in batches, as most of a
        stream is such; `unread_bytes` is 0 where everything was read.
        """
        if self._reader is None or self.failed or self._ended or not data:
            return
        if self._telling is not None:
            self._unread.append(data)
            self.unread_bytes += len(data)
            window = self._tail + data
            self._tail = window[-TELLING_BYTES_MAX:]
            if self.unread_bytes < BATCH_BYTES and not self._telling.search(window):
                return
            data = self._take_unread()
        self._feed(data)

    def _take_unread(self) -> bytes:
        data = b"".join(self._unread)
        self._unread.clear()
        self.unread_bytes = 0
        return data

    def _feed(self, data: bytes) -> None:
        self._changed = True
        try:
            for piece in self._decoder.decode(data):
                self._read(self._framing.decode(piece))
            if self._missing is not None:
                self._missing -= len(data)
                if self._missing <= 0:
                    # All is here that was announced: no need to wait for the connection to say so.
                    self._end()
        except Exception as error:  # noqa: BLE001  the stream goes on, whatever is wrong in here
            self._fail(error)

    def finish(self) -> Reading:
        """After the last byte, or when the response broke off. Never raises."""
        if self._reader is not None and not self.failed and not self._ended:
            if self.unread_bytes:
                self._feed(self._take_unread())
            self._changed = True
            try:
                self._end()
            except Exception as error:  # noqa: BLE001  as above
                self._fail(error)
        return self.reading

    @property
    def reading(self) -> Reading:
        """What is understood so far."""
        if self.unread_bytes:
            self._feed(self._take_unread())
        if self._changed and self._reader is not None:
            self._reading = self._reader.reading()
            self._changed = False
        return self._reading

    def take_text(self) -> str:
        """The generated text that came since this was asked last, as far as it was kept."""
        if self.unread_bytes:
            self._feed(self._take_unread())
        return self._reader.take_text() if self._reader is not None else ""

    # --- parts --------------------------------------------------------------------------------

    def _read(self, events: Iterable[Event]) -> None:
        reader = self._reader
        assert reader is not None
        for name, data in events:
            parsed = _parsed(data)
            if isinstance(parsed, dict):
                reader.event(parsed, name)
            elif data.strip() == b"[DONE]":
                reader.event({}, DONE)

    def _end(self) -> None:
        self._ended = True
        self._read(self._framing.flush())
        body = self._framing.whole()
        reader = self._reader
        assert reader is not None
        if body is None:
            return
        parsed = _parsed(body)
        if isinstance(parsed, dict):
            reader.body(parsed)
        elif isinstance(parsed, list):
            for document in parsed:
                if isinstance(document, dict):
                    reader.event(document)
        elif documents := _lines(body):
            for document in documents:
                reader.event(document)
        else:
            reader.raw(self._framing.size, self._headers)

    def _fail(self, error: Exception) -> None:
        # The message of an error that is not ours may quote the body, which is nobody's business.
        ours = isinstance(error, FormatError)
        self.failed = str(error) if ours else f"the meter failed with a {type(error).__name__}"


def _parsed(data: bytes) -> Parsed:
    """A JSON object or array; None for anything else, broken JSON too."""
    if not data.startswith((b"{", b"[")) and not data.lstrip().startswith((b"{", b"[")):
        return None
    try:
        # A broken character in a text must not hide the numbers beside it.
        parsed = json.loads(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict | list) else None


def _lines(body: bytes) -> list[dict[str, object]]:
    """The objects of JSON lines that came under another content-type; empty where it is none."""
    decoder = LineDecoder()
    parsed = [_parsed(line) for line in (*decoder.decode(body), *decoder.flush())]
    return [document for document in parsed if isinstance(document, dict)]


def _length(headers: Mapping[str, str]) -> int | None:
    value = headers.get("content-length", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 16 else None
