"""
The meter: the bytes of one response, cut anywhere, to a `Reading`, through the provider's reader.

Content-encoding, then framing, then the reader. It watches and never edits, keeps bounded memory,
and never raises: what it cannot understand is said in `failed`, and the usage is then unknown,
which is not the same as free.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial

from llmcap.metering.documents import Parsed, has_usage, id_of, parsed_json, several
from llmcap.providers.parts.reader import DONE
from llmcap.providers.parts.shape import Ask, Billing, Endpoint, Reader
from llmcap.streams.backlog import Backlog
from llmcap.streams.codec import Decoder, decoder_for
from llmcap.streams.framing import Event, Events, Framing, framing_of
from llmcap.words.errors import FormatError
from llmcap.words.records import Reading

# What browsers show, and no API of a model sends.
PAGES = ("text/html", "application/xhtml+xml")

# How much of a stream is kept unread, at most.
BACKLOG_BYTES_MAX = 256 * 1024

# How much of it is read at once where it is more: it takes a fraction of a millisecond.
READ_BYTES = 8 * 1024

# How much of an error is kept, to see what kind it is.
ERROR_BYTES_MAX = 16 * 1024

_BLANK_LINE = b"\n\n"  # between events, as nearly all write it

# The last events of an answer, by their types: what comes behind them is another one.
_ENDS = frozenset(("message_stop", "response.completed", "response.incomplete"))

NOTHING_READ = Reading()

# What no text has, in its first bytes: it is compressed and nobody says so, or of another alphabet.
_NO_TEXT = frozenset(range(32)) - frozenset(b"\t\n\v\f\r\x1b")
LOOKED_AT_BYTES = 64

BOM = b"\xef\xbb\xbf"  # of UTF-8, which pages may begin with


class Meter:
    """One response. Feed it the wire's bytes, still content-encoded, then `finish` it."""

    def __init__(
        self, endpoint: Endpoint, ask: Ask, *, status: int, headers: Mapping[str, str]
    ) -> None:
        self.failed: str | None = None  # why the response could not be understood
        self.status = status
        self._error: bytearray | None = bytearray() if status >= 300 else None
        self._headers = headers
        self._make_reader = partial(endpoint.reader, ask) if endpoint.reader else None
        self._reader = self._make_reader() if self._make_reader else None
        self._before: Reading | None = None  # of the answers that ended in this stream
        self._texts: list[str] = []  # of theirs
        self._reading = NOTHING_READ
        self._changed = self._reader is not None
        self._ended = False
        self._is_bill = endpoint.billing is Billing.METERED and status < 300
        self.cut_short = False  # whether it is JSON that ends before its own end
        self._untold_id: str | None = None  # of an answer in this stream that ended and told none
        self._backlog: Backlog | None = None
        self.read_bytes = 0  # how much of it was read
        self._decoded_bytes = 0
        self._begins = b""  # its first byte that is no space
        self._first = b""  # its first bytes, where nobody has understood any yet
        # How many bytes are still to come, where the header says so.
        self._missing = None if status == 204 else _length(headers)
        self._framing: Framing = framing_of(headers.get("content-type", ""), streams=ask.stream)
        try:
            encoding = headers.get("content-encoding", "")
            self._decoder: Decoder = decoder_for(encoding)
            self._skips = ask.stream and encoding in ("", "identity") and self._missing is None
            if self._reader is not None:
                self._reader.head(headers)
        except Exception as error:  # noqa: BLE001  the stream goes on, whatever is wrong in here
            self._fail(error)

    @property
    def unread_bytes(self) -> int:
        """How much came that was not read yet: `reading` reads it first."""
        return self._backlog.size if self._backlog is not None else 0

    @property
    def event_bytes(self) -> int:
        """How many raw bytes an event with output took, of those that were read."""
        events = self._read_so_far().visible_events
        return self.read_bytes // events if events else 0

    @property
    def visible_bytes(self) -> int:
        """How much output was seen in what was read."""
        return self._read_so_far().visible_bytes

    def feed(self, data: bytes) -> None:
        """
        Some bytes of the body, as they came. Never raises.

        Events that cannot change what the call costs are kept unread as long as that matters to
        nobody; most are never read.
        """
        if self._reader is None or self.failed or self._ended or not data:
            return
        backlog = self._backlog
        if backlog is None:
            self._feed_first(data)
        elif backlog.is_open:
            self._feed(data)
            backlog.passed(data)
        elif backlog.add(data):
            self._read_marked(backlog)
        elif backlog.size > BACKLOG_BYTES_MAX:
            self._feed(backlog.take(leave=BACKLOG_BYTES_MAX - READ_BYTES))

    def _feed_first(self, data: bytes) -> None:
        """What tells whether these are events; of many at once the first is enough for that."""
        telling = self._reader.telling if self._reader is not None and self._skips else None
        first, end = data, data.find(_BLANK_LINE)
        if telling is not None and end > 0:
            first = data[: end + len(_BLANK_LINE)]
        self._feed(first)
        if telling is not None and self._framing.has_events:
            self._backlog = Backlog(telling)
            self._backlog.passed(first)
        if len(first) < len(data):
            self.feed(data[len(first) :])

    def _read_marked(self, backlog: Backlog) -> None:
        """The end first: where that tells all, what comes before it need not be read."""
        before, marked = backlog.take_marked()
        framing = self._framing
        if before:
            self._framing = Events()
        self._feed(marked)
        if before and not self._tells_all():
            after, self._framing = self._framing, framing
            self._feed(before)
            self._framing = after

    def _tells_all(self) -> bool:
        reading = self._read_so_far()
        written = sum(charge.usage.output_tokens for charge in reading.charges)
        return reading.complete and not reading.error and bool(written or reading.billed_usd)

    def _feed(self, data: bytes) -> None:
        self._changed = True
        self.read_bytes += len(data)
        try:
            for piece in self._decoder.decode(data):
                self._decoded_bytes += len(piece)
                if self._error is not None:
                    self._error += piece[: ERROR_BYTES_MAX - len(self._error)]
                self._begins = self._begins or piece.removeprefix(BOM).lstrip()[:1]
                if len(self._first) < LOOKED_AT_BYTES:
                    self._first += piece[:LOOKED_AT_BYTES]
                self._read(self._framing.decode(piece))
            if self._missing is not None:
                self._missing -= len(data)
                if self._missing <= 0:
                    # All is here that was announced: no need to wait for the connection to say so.
                    self._end()
        except Exception as error:  # noqa: BLE001  the stream goes on, whatever is wrong in here
            self._fail(error)

    def finish(self, *, broke: bool = False) -> Reading:
        """
        After the last byte, or when the response `broke` off. Never raises.

        Some vendors make fewer choices than were asked for: at a clean end, with usage and the end
        of one, all is known.
        """
        if self._reader is not None and not self.failed and not self._ended:
            self._read_backlog()
            self._changed = True
            try:
                self._end()
            except Exception as error:  # noqa: BLE001  as above
                self._fail(error)
        if self._error is None and self.opaque_bytes(whole=not broke) and self._is_no_text:
            self.failed = self.failed or "its bytes are no text, so they do not bound what they are"
        reading = self.reading
        if not (broke or reading.complete) and reading.stopped and reading.charges:
            self._reading = replace(reading, complete=True)
        return self._reading

    def opaque_bytes(self, *, whole: bool) -> int:
        """
        Decoded bytes of an answer of which nothing was understood; 0 where something was.

        A page for people is no answer of an API: something on the way made it (a login, a block),
        and no model wrote it. Whatever else came may be output, in a shape that nobody knows: that
        a `whole` answer has an id says nothing of what is in it.
        """
        reading = self.reading
        told = reading.charges or reading.visible_bytes or reading.error or reading.complete
        if told or self._is_page or (reading.response_id and not whole):
            return 0
        return self._decoded_bytes

    def error_body(self, *, whole: bool) -> bytes | None:
        """How an error begins, decoded; None where it is not `whole` or could not be decoded."""
        return bytes(self._error or b"") if whole and not self.failed else None

    @property
    def _is_no_text(self) -> bool:
        """Whether what came is compressed, or in units of more bytes: not even its size tells."""
        try:
            self._first[:LOOKED_AT_BYTES].decode("utf-8")
        except UnicodeDecodeError as error:
            if error.start + 4 <= min(len(self._first), LOOKED_AT_BYTES):
                return True
        return not _NO_TEXT.isdisjoint(self._first)

    @property
    def _is_page(self) -> bool:
        """Whether it is called a page for people, and begins like one."""
        return _media_type(self._headers) in PAGES and self._begins == b"<"

    @property
    def reading(self) -> Reading:
        """What is understood so far."""
        self._read_backlog()
        return self._read_so_far()

    def _read_so_far(self) -> Reading:
        if self._changed and self._reader is not None:
            reading = self._reader.reading()
            self._reading = reading if self._before is None else _both(self._before, reading)
            self._changed = False
        return self._reading

    def take_text(self) -> str:
        """The generated text that came since this was asked last, as far as it was kept."""
        self._read_backlog()
        texts, self._texts = self._texts, []
        if self._reader is not None:
            texts.append(self._reader.take_text())
        return "".join(texts)

    # --- parts --------------------------------------------------------------------------------

    def _read_backlog(self) -> None:
        if self._backlog is not None and self._backlog.size:
            self._feed(self._backlog.take())

    def _read(self, events: Iterable[Event]) -> None:
        for name, data in events:
            assert self._reader is not None
            parsed = parsed_json(data)
            if isinstance(parsed, dict):
                self._reader.event(parsed, name)
                kind = parsed.get("type")
                ends = (kind if isinstance(kind, str) else name) in _ENDS
            elif ends := data.strip() == b"[DONE]":
                self._reader.event({}, DONE)
            if self._untold_id:
                self._check_told(self._reader)
            if ends:
                self._next_answer()

    def _check_told(self, reader: Reader) -> None:
        """Raises `FormatError` for another answer behind one that has ended and told nothing."""
        if reader.reading().response_id not in (None, self._untold_id):
            raise FormatError("an answer before another one ended and told no usage")

    def _next_answer(self) -> None:
        """
        An answer has ended: what it told is kept, and does not speak for one that may follow it.

        Where it told nothing there is nothing to keep apart, and what follows cannot be all.
        """
        self._changed = True
        if not self._tells_all():
            self._untold_id = self._read_so_far().response_id
            return
        assert self._reader is not None
        assert self._make_reader is not None
        self._before = self._read_so_far()
        self._texts.append(self._reader.take_text())
        self._reader = self._make_reader()
        self._reader.head(self._headers)

    def _end(self) -> None:
        self._ended = True
        self._read(self._framing.flush())
        body = self._framing.whole()
        reader = self._reader
        assert reader is not None
        if body is None:
            return
        parsed = parsed_json(body)
        if isinstance(parsed, dict):
            reader.body(parsed)
        elif documents := several(parsed if parsed is not None else body):
            self._read_several(documents)
        else:
            self.cut_short = body.lstrip()[:1] in (b"{", b"[") and parsed is None
            reader.raw(self._framing.size, self._headers)
        if self._is_bill and parsed is not None and self._tells_unread(parsed):
            raise FormatError("it tells a usage in a shape that nobody knows")

    def _read_several(self, documents: list[dict[str, object]]) -> None:
        """Documents of one body: pieces of an answer, or where their ids differ several answers."""
        last = id_of(documents[0])
        for document in documents:
            if (name := id_of(document)) != last:
                self._next_answer()
                last = name
            assert self._reader is not None
            self._reader.event(document)
            if self._untold_id:
                self._check_told(self._reader)
        self._changed = True

    def _tells_unread(self, parsed: Parsed) -> bool:
        """Whether a usage stands in it, and nothing was read of any."""
        reading = self._read_so_far()
        counts = any(not charge.usage.is_nothing for charge in reading.charges)
        told = counts or reading.error or reading.deferred or reading.billed_usd is not None
        return not told and has_usage(parsed)

    def _fail(self, error: Exception) -> None:
        # The message of an error that is not ours may quote the body, which is nobody's business.
        ours = isinstance(error, FormatError)
        self.failed = str(error) if ours else f"the meter failed with a {type(error).__name__}"


def _both(before: Reading, now: Reading) -> Reading:
    """What two answers in one stream tell together; the same where there was but one."""
    if not (now.charges or now.visible_bytes or now.error or now.billed_usd):
        return before
    told = [each for each in (before, now) if each.charges or each.billed_usd]
    bills = [each.billed_usd for each in told if each.billed_usd is not None]
    # A bill that is missing must not make its answer free.
    are_billed = any(bills) and len(bills) == len(told)
    return replace(
        now,
        charges=(*before.charges, *now.charges),
        model=now.model or before.model,
        response_id=before.response_id,
        billed_usd=sum(bills, Decimal(0)) if are_billed else None,
        visible_bytes=before.visible_bytes + now.visible_bytes,
        visible_events=before.visible_events + now.visible_events,
        called=before.called + now.called,
        stopped=before.stopped + now.stopped,
    )


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _length(headers: Mapping[str, str]) -> int | None:
    value = headers.get("content-length", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 16 else None
