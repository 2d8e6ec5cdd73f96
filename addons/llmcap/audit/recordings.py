"""
Recorded traffic, whatever wrote it, as requests and responses that the core can read.

Three formats, told apart by how the file begins: mitmproxy flow files, HAR, and JSON Lines with one
HTTP exchange a line (`url`, `method`, `request_headers`, `request_body`, `status`, ...). Only flow
files need mitmproxy, and it is imported when the first one is read.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import parse_qsl, urlsplit

from llmcap.audit import transcripts
from llmcap.audit.transcripts import Frames
from llmcap.providers.parts.shape import Request
from llmcap.streams.codec import decoder_for
from llmcap.words.errors import ConfigError, FormatError

# A body that decodes to more than this is not an LLM call's.
BODY_BYTES_MAX = 256 * 2**20

_FRAMING = ("content-length", "transfer-encoding")

_FLOWS = re.compile(rb"\d")  # a flow file begins with the length of its first record
_HAR = re.compile(rb'\{\s*"log"\s*:')


@dataclass(frozen=True, slots=True)
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


def read(path: Path) -> Iterator[Recording]:
    """
    Every exchange of a file, in its order.

    Raises `ConfigError` for a file that cannot be opened, `FormatError` for what cannot be read.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4096).lstrip()
            file.seek(0)
            yield from _reader_for(start)(file)
    except OSError as error:
        raise ConfigError(f"{path}: the recording cannot be read: {error.strerror}") from error
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error


def request_to(url: str, *, method: str, headers: Mapping[str, str], body: bytes) -> Request:
    """
    A request as a client would send it, its headers by their names in lower case.

    Raises `ConfigError` for a URL without a host.
    """
    try:
        request = _request(method, url, headers, body)
    except ValueError as error:
        raise ConfigError(f"{url!r} is no URL: {error}") from error
    if not request.host:
        raise ConfigError(
            f"{url!r} is no URL with a host: write it like https://api.openai.com/v1/responses"
        )
    return request


_Read = Callable[[BinaryIO], Iterator[Recording]]


def _reader_for(start: bytes) -> _Read:
    if _FLOWS.match(start):
        return _flows
    if _HAR.match(start):
        return _har
    if not start or start.startswith(b"{"):
        return _lines
    raise FormatError(
        "this is no recording that LLMCap can read: it takes mitmproxy flow files, HAR, and JSON "
        "Lines with one exchange a line"
    )


# --- JSON Lines -----------------------------------------------------------------------------


def _lines(file: BinaryIO) -> Iterator[Recording]:
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            yield from _from_any_line(json.loads(line), number)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise FormatError(
                f"line {number} is no exchange with url, request and response: {error!r}"
            ) from error


def _from_any_line(line: Mapping[str, Any], number: int) -> Iterator[Recording]:
    """An exchange, a session, or the gRPC calls of a conversation."""
    if "messages" not in line:
        yield _from_line(line, number)
        return
    name = str(line.get("id") or line.get("source_path") or number)
    if not transcripts.is_grpc(line):
        upgrade, frames, at = transcripts.session(line)
        at = _time(line.get("recorded_at")) or at
        yield Recording(name, upgrade, 101, {}, b"", at, frames)
        return
    calls = transcripts.grpc_calls(line)
    for place, (url, asked, answered, created) in enumerate(calls, start=1):
        yield Recording(
            id=name if len(calls) == 1 else f"{name}#{place}",
            request=_request("POST", url, transcripts.GRPC, asked),
            status=200,
            headers=transcripts.GRPC,
            body=answered,
            at=_time(line.get("recorded_at")) or _time(created),
        )


def _from_line(line: Mapping[str, Any], number: int) -> Recording:
    request_headers = _lower(line.get("request_headers") or {})
    headers = _lower(line.get("response_headers") or {})
    wire = line.get("response_wire_b64")
    if wire is not None:
        body = base64.b64decode(wire)
    else:
        body = _bytes(line.get("response_body"), line.get("response_body_encoding"))
        headers.pop("content-encoding", None)
    sent = _bytes(line.get("request_body"), line.get("request_body_encoding"))
    return Recording(
        id=str(line.get("id") or number),
        request=_request(line["method"], line["url"], request_headers, sent),
        status=int(line.get("status") or 0),
        headers=headers,
        body=body,
        at=_time(line.get("recorded_at")) or _date(headers),
        lost_bytes=max(_announced(line.get("request_headers") or {}) - len(sent), 0),
    )


def _announced(headers: Mapping[str, str]) -> int:
    """How long a body was when it was sent; 0 where that is not told."""
    told = next((value for name, value in headers.items() if name.lower() == "content-length"), "")
    return int(told) if str(told).isdecimal() else 0


# --- HAR ------------------------------------------------------------------------------------


def _har(file: BinaryIO) -> Iterator[Recording]:
    """http://www.softwareishard.com/blog/har-12-spec/; contents are free of content-encoding."""
    try:
        entries = json.load(file)["log"]["entries"]
        for number, entry in enumerate(entries, start=1):
            yield _from_entry(entry, number)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FormatError(f"this is no HAR: {error!r}") from error


def _from_entry(entry: Mapping[str, Any], number: int) -> Recording:
    request, response = entry["request"], entry.get("response") or {}
    posted = request.get("postData") or {}
    content = response.get("content") or {}
    headers = _pairs(response.get("headers"))
    headers.pop("content-encoding", None)
    if "content-type" not in headers and content.get("mimeType"):
        headers["content-type"] = content["mimeType"]
    return Recording(
        id=str(entry.get("_id") or number),
        request=_request(
            request["method"],
            request["url"],
            _pairs(request.get("headers")),
            _bytes(posted.get("text"), posted.get("encoding")),
        ),
        status=int(response.get("status") or 0),
        headers=headers,
        body=_bytes(content.get("text"), content.get("encoding")),
        at=_time(entry.get("startedDateTime")) or _date(headers),
    )


# --- mitmproxy ------------------------------------------------------------------------------


def _flows(file: BinaryIO) -> Iterator[Recording]:
    from mitmproxy.exceptions import FlowReadException  # noqa: PLC0415 (half a second)
    from mitmproxy.http import HTTPFlow  # noqa: PLC0415
    from mitmproxy.io import FlowReader  # noqa: PLC0415

    try:
        for flow in FlowReader(file).stream():
            if isinstance(flow, HTTPFlow):
                yield _from_flow(flow)
    except FlowReadException as error:
        raise FormatError(f"this is no whole flow file: {error}") from error


def _from_flow(flow: Any) -> Recording:
    request, response = flow.request, flow.response
    messages = flow.websocket.messages if flow.websocket else ()
    headers = _lower(response.headers) if response else {}
    return Recording(
        id=flow.id,
        request=_request(
            request.method,
            f"{request.scheme}://{request.pretty_host}{request.path}",
            _lower(request.headers),
            request.raw_content or b"",
        ),
        status=response.status_code if response else 0,
        headers=headers,
        body=(response.raw_content or b"") if response else b"",
        at=datetime.fromtimestamp(request.timestamp_start, UTC),
        frames=tuple((message.from_client, message.content) for message in messages),
    )


# --- parts ----------------------------------------------------------------------------------


def _request(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Request:
    parts = urlsplit(url)
    return Request(
        method=method.upper(),
        host=(parts.hostname or "").lower(),
        path=parts.path or "/",
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        headers=headers,
        body=_decoded(body, headers.get("content-encoding", "")),
    )


def _decoded(body: bytes, encoding: str) -> bytes:
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


def _bytes(text: str | None, encoding: str | None) -> bytes:
    if not text:
        return b""
    if encoding != "base64":
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"a body that should be base64 is not: {error}") from error


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    """Lower-case names, without the lengths of bodies: recorders change those uncorrected."""
    lower = {name.lower(): value for name, value in headers.items()}
    return {name: value for name, value in lower.items() if name not in _FRAMING}


def _pairs(headers: list[Mapping[str, str]] | None) -> dict[str, str]:
    """HAR's list of headers; a repeated one is joined, as HTTP allows."""
    joined: dict[str, str] = {}
    for header in headers or []:
        name = header["name"].lower()
        joined[name] = f"{joined[name]}, {header['value']}" if name in joined else header["value"]
    return _lower(joined)


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _date(headers: Mapping[str, str]) -> datetime | None:
    try:
        moment = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
