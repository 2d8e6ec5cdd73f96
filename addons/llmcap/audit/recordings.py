"""
Recorded traffic, whatever wrote it, as requests and responses that the core can read.

What a file is, is told by what is in it: mitmproxy flow files, HAR (also in a .zip), cassettes of
VCR, files of batches, sessions of Charles and Fiddler, and JSON Lines with one HTTP exchange a line
(`url`, `method`, `request_headers`, `request_body`, `status`, ...; logs of claude-trace and exports
of Helicone have names of their own).
"""

import base64
import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, cast

from llmcap.audit import batches, cassettes, har, inspectors, intercepted, transcripts
from llmcap.audit.flows import flows
from llmcap.audit.parts import (
    ODD,
    Recording,
    announced,
    body_of,
    date_of,
    lower,
    request_of,
    time_of,
)
from llmcap.audit.piecewise import JsonError, Piecewise
from llmcap.providers.parts.shape import Request
from llmcap.words.errors import ConfigError, FormatError

__all__ = ["Recording", "read", "request_to"]

_FLOWS = re.compile(rb"\d+:")  # a flow file begins with the length of its first record
_CASSETTE = re.compile(rb"(?m)^(interactions|http_interactions|responses)\s*:")
_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
_START_BYTES = 4096


class Form(Enum):
    """Of what a file is made that can be read apart from the rest of it."""

    WHOLE = "whole"  # of nothing
    LINES = "lines"
    FLOWS = "flows"
    ENTRIES = "entries"  # of a HAR


def read(path: Path, *, passed: Callable[[int], object] | None = None) -> Iterator[Recording]:
    """
    Every exchange of a file, in its order; `passed` is told how many of its bytes were read by now.

    Raises `ConfigError` for a file that cannot be opened, `FormatError` for what cannot be read.
    """
    with opened(path) as raw:
        file = _unpacked(raw)
        start = _start_of(file)
        for recording in _some(_reader_for(start, path)(file)):
            yield recording
            if passed is not None:
                passed(raw.tell())


def read_part(path: Path, form: Form, begin: int, end: int, first: int) -> Iterator[Recording]:
    """
    The exchanges of some lines or flows, the first of which has the number `first`.

    Raises as `read` does.
    """
    with opened(path) as file:
        file.seek(begin)
        part = BytesIO(file.read(end - begin))
        yield from flows(part, old=False) if form is Form.FLOWS else _lines(part, first)


def read_rest(path: Path, begin: int, first: int) -> Iterator[Recording]:
    """The entries of a HAR that stand behind one that ends at `begin`, and what is behind them."""
    with opened(path) as file:
        file.seek(begin)
        yield from _json(file, path=path, begun=True, first=first)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A recording to be read. Errors say whose they are."""
    try:
        with path.open("rb") as file:
            yield file
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise FormatError(f"{path}: this is no whole gzip file: {error}") from error
    except OSError as error:
        raise ConfigError(f"{path}: the recording cannot be read: {error.strerror}") from error
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error


def _unpacked(file: BinaryIO) -> BinaryIO:
    """What is in a file that somebody has packed; else the file."""
    is_packed = file.read(len(_GZIP)) == _GZIP
    file.seek(0)
    return cast("BinaryIO", gzip.GzipFile(fileobj=file)) if is_packed else file


def form_of(file: BinaryIO) -> tuple[Form, int]:
    """How a file can be divided, and from which byte on. Never raises for what it holds."""
    start = _start_of(file)
    if _FLOWS.match(start):
        return Form.FLOWS, file.tell()
    if not start.startswith(b"{"):
        return Form.WHOLE, 0
    began = file.tell()
    try:
        return _form_of_json(Piecewise(file), began)
    except JsonError:
        return Form.WHOLE, 0


def _form_of_json(text: Piecewise, began: int) -> tuple[Form, int]:
    for name in text.members():
        if name == "log" and text.peek() == "{":
            for member in text.members():
                if member == "entries" and text.peek() == "[":
                    return Form.ENTRIES, text.tell()
                text.value()
        # A line of llm-interceptor's is a part of an exchange only.
        if name in _PARTS or (text.value() == "request" and name == "type"):
            return Form.WHOLE, 0
    return (Form.LINES, began) if text.peek() else (Form.WHOLE, 0)


def _start_of(file: BinaryIO) -> bytes:
    """What a file begins with; its place is behind a byte order mark then."""
    start = file.read(_START_BYTES)
    begins = len(_BOM) if start.startswith(_BOM) else 0
    file.seek(begins)
    return start[begins:].lstrip()


def _some(found: Iterator[Recording]) -> Iterator[Recording]:
    """At least one: a file in which nothing was recorded did not cost nothing."""
    first = next(found, None)
    if first is None:
        raise FormatError("there is no exchange in it")
    yield first
    yield from found


def request_to(url: str, *, method: str, headers: Mapping[str, str], body: bytes) -> Request:
    """
    A request as a client would send it, its headers by their names in lower case.

    Raises `ConfigError` for a URL without a host.
    """
    try:
        request = request_of(method, url, headers, body)
    except ValueError as error:
        raise ConfigError(f"{url!r} is no URL: {error}") from error
    if not request.host:
        raise ConfigError(
            f"{url!r} is no URL with a host: write it like https://api.openai.com/v1/responses"
        )
    return request


_Read = Callable[[BinaryIO], Iterator[Recording]]


def _reader_for(start: bytes, path: Path) -> _Read:
    if not start:
        raise FormatError("it is empty: nothing was recorded")
    if start.startswith(b"PK"):
        return inspectors.packed
    if _FLOWS.match(start):
        return flows
    if start.startswith(b"{"):
        return partial(_json, path=path)
    if start.startswith(b"["):
        return _array
    if _CASSETTE.search(start):
        return _cassette
    raise FormatError(
        "this is no recording that LLMCap can read: it takes mitmproxy flow files, HAR, cassettes "
        "of VCR, fixtures of nock, sessions of Charles and Fiddler, examples of Postman, logs of "
        "claude-trace, claude-tap and llm-interceptor, exports of Helicone, files of batches, "
        "and JSON Lines with one exchange a line"
    )


# --- JSON -----------------------------------------------------------------------------------


def _json(
    file: BinaryIO, *, path: Path, begun: bool = False, first: int = 1
) -> Iterator[Recording]:
    """
    One document, a HAR or a cassette, whatever its first key; else JSON Lines.

    Of a HAR, which may be larger than the memory, one entry at a time is read; of one that is
    `begun`, the entries from the one with the number `first` on.
    """
    began = file.tell()
    document: dict[str, Any] = {}
    try:
        text = Piecewise(file)
        if begun:
            logged = har.logged(text, begun=True)
            yield from har.entries(logged, har.files_beside(path), first=first)
            document["log"] = None
        for name in text.members(begun=begun):
            if name == "log" and text.peek() == "{":
                yield from har.entries(har.logged(text), har.files_beside(path))
                document[name] = None  # it was read
            else:
                document[name] = text.value()
        is_whole = bool(document.keys() & _WHOLES)
        if is_whole:
            text.end()
        is_alone = not text.peek()
    except JsonError as error:
        raise FormatError(f"this is no HAR, or only a part of one: {error}") from error
    if is_whole:
        yield from _guarded(cassettes.interactions(document), "interaction", "cassette")
    elif is_alone:
        yield from _read_line(document, 1)
    else:
        file.seek(began)
        if intercepted.is_interceptors(document):
            lines = (_mapping(line, number) for number, line in _parsed(file))
            yield from _guarded(intercepted.exchanges(lines), "exchange", "log")
        else:
            yield from _lines(file)


_WHOLES = frozenset(("log", "interactions", "http_interactions"))
_PARTS = _WHOLES | {"_meta_type"}  # of what no piece can be read by itself


def _cassette(file: BinaryIO) -> Iterator[Recording]:
    document = cassettes.parse_yaml(file.read())
    if not isinstance(document, dict):
        raise FormatError("this is no cassette of VCR")
    yield from _guarded(cassettes.interactions(document), "interaction", "cassette")


def _guarded(found: Iterator[Recording], what: str, where: str) -> Iterator[Recording]:
    number = 1
    try:
        for recording in found:
            yield recording
            number += 1
    except KeyError as error:
        raise FormatError(f"{what} {number} of this {where} has no {error.args[0]}") from error
    except ODD as error:
        raise FormatError(f"{what} {number} of this {where}: {error}") from error


def _array(file: BinaryIO) -> Iterator[Recording]:
    try:
        text = Piecewise(file)
        for number, line in enumerate(text.elements(), start=1):
            yield from _read_line(line, number)
        text.end()
    except JsonError as error:
        raise FormatError(f"this is no whole JSON: {error}") from error


def _lines(file: BinaryIO, first: int = 1) -> Iterator[Recording]:
    for number, line in _parsed(file, first):
        yield from _read_line(line, number)


def _parsed(file: BinaryIO, first: int = 1) -> Iterator[tuple[int, object]]:
    for number, text in enumerate(file, start=first):
        if not text.strip():
            continue
        try:
            line = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise FormatError(f"line {number} is no JSON: {error}") from error
        yield number, line


def _mapping(line: object, number: int) -> Mapping[str, Any]:
    if isinstance(line, Mapping):
        return line
    raise FormatError(f"line {number} is no exchange with url, request and response")


def _read_line(told: object, number: int) -> Iterator[Recording]:
    line = _mapping(told, number)
    named = line.keys() >= _NAMED
    if not named:
        _refuse_other(line, number)
    try:
        if named:
            yield from _from_any_line(line, number)
        elif inspectors.is_postman(line):
            yield from inspectors.postman(line)
        elif intercepted.is_bundle(line):
            for each in intercepted.records(line):
                yield from _read_line(each, number)
        elif read_one := next((read_one for is_one, read_one in _KINDS if is_one(line)), None):
            yield read_one(line, number)
        else:
            yield from _from_any_line(line, number)
    except KeyError as error:
        raise FormatError(
            f"line {number} is no exchange with url, request and response: it has no "
            f"{error.args[0]}"
        ) from error
    except ODD as error:
        raise FormatError(
            f"line {number} is no exchange with url, request and response: {error}"
        ) from error


def _refuse_other(line: Mapping[str, Any], number: int) -> None:
    """Raises `FormatError` for what has no exchange in it."""
    if what := inspectors.foreign(line):
        raise FormatError(f"there is no exchange in line {number}: {what}")
    if not batches.is_batch(line) and inspectors.is_body(line):
        raise FormatError(
            f"line {number} is the body of a request: there is no answer that tells its cost\n"
            "hint: `llmcap estimate --url URL FILE` says what it can cost"
        )


# What only a line of one exchange with its parts side by side has.
_NAMED = frozenset(("method", "url", "response_headers"))

# Other lines of one exchange each, by whose they are, and how each is read.
_KINDS: tuple[
    tuple[
        Callable[[Mapping[str, Any]], bool], Callable[[Mapping[str, Any], int], Recording]
    ], ...
] = (
    (batches.is_batch, batches.read_line),
    (inspectors.is_charles, inspectors.charles),
    (cassettes.is_traced, cassettes.traced),
    (cassettes.is_nocked, cassettes.nocked),
    (cassettes.is_helicone, cassettes.helicone),
)  # fmt: skip


def _from_any_line(line: Mapping[str, Any], number: int) -> Iterator[Recording]:
    """An exchange, a session, or the gRPC calls of a conversation."""
    if "messages" not in line:
        yield _from_line(line, number)
        return
    name = str(line.get("id") or line.get("source_path") or number)
    if not transcripts.is_grpc(line):
        upgrade, frames, at = transcripts.session(line)
        at = time_of(line.get("recorded_at")) or at
        yield Recording(name, upgrade, 101, {}, b"", at, frames)
        return
    calls = transcripts.grpc_calls(line)
    for place, (url, asked, answered, created) in enumerate(calls, start=1):
        yield Recording(
            id=name if len(calls) == 1 else f"{name}#{place}",
            request=request_of("POST", url, transcripts.GRPC, asked),
            status=200,
            headers=transcripts.GRPC,
            body=answered,
            at=time_of(line.get("recorded_at")) or time_of(created),
        )


def _from_line(line: Mapping[str, Any], number: int) -> Recording:
    request_headers = lower(line.get("request_headers") or {})
    headers = lower(line.get("response_headers") or {})
    wire = line.get("response_wire_b64")
    if wire is not None:
        body = base64.b64decode(wire)
    else:
        body = body_of(line.get("response_body"), line.get("response_body_encoding"))
        headers.pop("content-encoding", None)
    sent = body_of(line.get("request_body"), line.get("request_body_encoding"))
    return Recording(
        id=str(line.get("id") or number),
        request=request_of(line["method"], line["url"], request_headers, sent),
        status=int(line.get("status") or 0),
        headers=headers,
        body=body,
        at=time_of(line.get("recorded_at")) or date_of(headers),
        lost_bytes=max(announced(line.get("request_headers") or {}) - len(sent), 0),
    )
