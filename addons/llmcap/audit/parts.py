"""What every kind of recording is made of: one exchange, and its bodies, headers and times."""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from llmcap.audit.transcripts import Frames
from llmcap.providers.parts.shape import Request
from llmcap.streams.codec import decoder_for
from llmcap.words.errors import FormatError
from llmcap.words.frozen import record

# A body that decodes to more than this is not an LLM call's.
BODY_BYTES_MAX = 256 * 2**20

HTTP_ERRORS = 400  # and above

# What comes of a recording in which something is of another kind than its recorder makes it.
ODD = (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError)

_FRAMING = ("content-length", "transfer-encoding")


class Batch(Enum):
    """What a line of a batch's file is."""

    ASKED = "asked"  # a call that went in
    TOLD = "told"  # what came of it
    CALLED = "called"  # both, as if it were sent by itself


@record(frozen=True, slots=True)
class Recording:
    """
    One exchange. Header names are lower-case; `body` is encoded as its `content-encoding` says.

    `at` is when it happened, as far as the recording tells: its own time, else the response's
    `Date` header. `status` is 0 where no response was recorded.
    """

    id: str
    request: Request
    status: int
    headers: Mapping[str, str]
    body: bytes
    at: datetime | None
    frames: Frames = ()  # of a WebSocket; with whether the client sent it
    lost_bytes: int = 0  # of the request's body, which was longer than what was recorded
    absent: str = ""  # what of the answer was not recorded, so that nobody can know its cost
    batch: Batch | None = None  # whether it is a line of a batch's file, and of which
    model: str = ""  # of such a line, by which its vendor may be known

    @property
    def is_answered(self) -> bool:
        """Whether the provider may have done what it was asked for."""
        return 0 < self.status < HTTP_ERRORS

    @property
    def is_prompt(self) -> bool:
        """Whether the request is a prompt in JSON, and not a recording of sound in a form."""
        try:
            return bool(self.request.document())
        except FormatError:
            return False


def request_of(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Request:
    """A request as the core reads it. Raises `ValueError` for a URL that is none."""
    parts = urlsplit(url)
    return Request(
        method=method.upper(),
        host=(parts.hostname or "").lower(),
        path=parts.path or "/",
        query=dict(parse_qsl(parts.query, keep_blank_values=True)) if parts.query else {},
        headers=headers,
        body=decoded(body, headers.get("content-encoding", "")),
    )


def decoded(body: bytes, encoding: str) -> bytes:
    """The body without its content-encoding; as it stands where it turns out to have none."""
    if not body or not encoding:
        return body
    pieces: list[bytes] = []
    size = 0
    try:
        for piece in decoder_for(encoding).decode(body):
            size += len(piece)
            if size > BODY_BYTES_MAX:
                return body
            pieces.append(piece)
    except FormatError:
        # Recorders store bodies decoded and leave the header as it was.
        return body
    return b"".join(pieces)


def body_of(text: object, encoding: str | None = None) -> bytes:
    """A body as recorders keep it: text, base64, bytes, or the JSON that it was."""
    if not text:
        return b""
    if isinstance(text, bytes):
        return text
    if not isinstance(text, str):
        return json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass")
    if encoding != "base64":
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"a body that should be base64 is not: {error}") from error


def lower(headers: Mapping[str, Any]) -> dict[str, str]:
    """Lower-case names, without the lengths of bodies: recorders change those uncorrected."""
    return _unframed({name.lower(): value for name, value in headers.items()})


def _unframed(headers: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else header_value(value)
        for name, value in headers.items()
        if name not in _FRAMING
    }


def header_value(value: object) -> str:
    """A header's value, which some recorders keep in a list, as text."""
    if isinstance(value, list | tuple):
        return ", ".join(map(header_value, value))
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return "" if value is None else str(value)


def announced(headers: Mapping[str, str]) -> int:
    """How long a body was when it was sent; 0 where that is not told."""
    told = next((value for name, value in headers.items() if name.lower() == "content-length"), "")
    return int(told) if str(told).isdecimal() else 0


def joined(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Names in lower case; a repeated header is joined, as HTTP allows."""
    found: dict[str, str] = {}
    for field, value in fields:
        name = field.lower()
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def pairs(headers: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    """HAR's list of headers."""
    found = joined((header["name"], header["value"]) for header in headers or ())
    return _unframed(found) if found else found


def time_of(value: object) -> datetime | None:
    """A time as recorders write it: RFC 3339, HTTP's, or (milli)seconds since 1970."""
    if not value:
        return None
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)
        moment = datetime.fromisoformat(str(value))
    except (ValueError, OverflowError, OSError):
        return date_of({"date": value}) if isinstance(value, str) else None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def date_of(headers: Mapping[str, str]) -> datetime | None:
    """The `Date` of an answer."""
    try:
        moment = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
