"""
mitmproxy's flow files: a tagged netstring for each flow (https://tnetstrings.info/).

Of a flow only the exchange is read, by the layout that these parts have had since version 12 of the
format (`mitmproxy.io.compat` says what each later version changed: nothing of them). Flows of older
versions, and what is no flow, are left to mitmproxy, which is imported for the first of them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, BinaryIO

from llmcap.audit.parts import ODD, Recording, joined, lower, request_of
from llmcap.words.errors import FormatError

# Versions of the format with the same layout of what is read here.
_ALIKE = range(12, 22)

_DIGITS_MAX = 12  # of a length; as mitmproxy has it
_LENGTH = re.compile(rb"(\d{1,12}):")
_WANTED = frozenset((b"version", b"type", b"id", b"request", b"response", b"websocket"))
_BEFORE_12 = "it has flows of a mitmproxy before version 7"


def flows(file: BinaryIO, *, old: bool = True) -> Iterator[Recording]:
    """
    The HTTP exchanges of a file. Raises `FormatError`.

    Without `old` a flow of an old version is one too many: it may belong to another of them.
    """
    while record := next_record(file):
        state = _state_of(record)
        if state is None and not old:
            raise FormatError(_BEFORE_12)
        if state is None:
            yield from _by_mitmproxy(record)
        elif state[b"type"] == "http":
            yield _exchange(state)


def next_record(file: BinaryIO) -> bytes:
    """The next flow with its length; what is left where it breaks off, nothing at the end."""
    start = file.read(_DIGITS_MAX + 1)
    length = _LENGTH.match(start)
    if length is None:
        return start
    return start + file.read(max(length.end() + int(length[1]) + 1 - len(start), 0))


def hop(file: BinaryIO) -> bool:
    """Go behind the next flow without reading it; whether there was one."""
    begin = file.tell()
    length = _LENGTH.match(file.read(_DIGITS_MAX + 1))
    if length is None:
        return False
    file.seek(begin + length.end() + int(length[1]) + 1)
    return True


def _state_of(record: bytes) -> dict[bytes, Any] | None:
    """The parts of a flow that are wanted; None where mitmproxy has to look at it."""
    try:
        kind, begin, end = _next(record, 0)
        if kind != b"}" or end + 1 != len(record):
            return None
        state = _object(record, begin, end, _WANTED)
        return state if state[b"version"] in _ALIKE and state[b"id"] else None
    except (ValueError, KeyError, TypeError):
        return None


def _by_mitmproxy(record: bytes) -> Iterator[Recording]:
    from mitmproxy.exceptions import FlowReadException  # noqa: PLC0415 (half a second)
    from mitmproxy.http import HTTPFlow  # noqa: PLC0415
    from mitmproxy.io import FlowReader  # noqa: PLC0415

    try:
        for flow in FlowReader(BytesIO(record)).stream():
            if isinstance(flow, HTTPFlow):
                yield _exchange({
                    (name if isinstance(name, bytes) else str(name).encode()): value
                    for name, value in _raw(flow.get_state()).items()
                })  # fmt: skip
    except (FlowReadException, KeyError, *ODD) as error:
        # mitmproxy's own message may bring all of a flow along.
        raise FormatError(f"this is no whole flow file: {error!s:.100}") from error


def _raw(value: Any) -> Any:
    """A state of mitmproxy's with the names of its parts as they are in a file."""
    if isinstance(value, Mapping):
        return {str(name).encode(): _raw(each) for name, each in value.items()}
    return value


def _exchange(state: Mapping[bytes, Any]) -> Recording:
    try:
        return _from_state(state)
    except (KeyError, *ODD) as error:
        raise FormatError(f"this is no whole flow file: {error!r} in a flow") from error


def _from_state(state: Mapping[bytes, Any]) -> Recording:
    request, response = state[b"request"], state.get(b"response")
    socket = state.get(b"websocket")
    messages = socket[b"messages"] if socket else ()
    headers = _headers(request[b"headers"])
    scheme, path = _text(request[b"scheme"]), _text(request[b"path"])
    return Recording(
        id=str(state[b"id"]),
        request=request_of(
            _text(request[b"method"]),
            f"{scheme}://{_host(request, headers)}{path}",
            lower(headers),
            request[b"content"] or b"",
        ),
        status=response[b"status_code"] if response else 0,
        headers=lower(_headers(response[b"headers"])) if response else {},
        body=(response[b"content"] or b"") if response else b"",
        at=datetime.fromtimestamp(request[b"timestamp_start"], UTC),
        frames=tuple((bool(message[1]), message[2]) for message in messages),
    )


def _host(request: Mapping[bytes, Any], headers: Mapping[str, str]) -> str:
    """By the name that the client gave: a transparent proxy knows only an address."""
    named = headers.get("host", "")
    if request[b"http_version"] not in (b"HTTP/1.0", b"HTTP/1.1"):
        named = _text(request[b"authority"]) or named
    return named.rpartition("@")[2] or str(request[b"host"])


def _headers(told: Sequence[Sequence[bytes]]) -> dict[str, str]:
    return joined((_text(name), _text(value)) for name, value in told)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


# --- tagged netstrings ----------------------------------------------------------------------


def _next(data: bytes, at: int) -> tuple[bytes, int, int]:
    """The kind of the value at a place, and where it begins and ends."""
    length = _LENGTH.match(data, at)
    if length is None:
        raise ValueError("a length is missing")
    begin = length.end()
    end = begin + int(length[1])
    return data[end : end + 1], begin, end


def _value(data: bytes, kind: bytes, begin: int, end: int) -> Any:
    if kind == b",":
        return data[begin:end]
    if kind == b";":
        return data[begin:end].decode()
    if kind == b"#":
        return int(data[begin:end])
    if kind == b"^":
        return float(data[begin:end])
    if kind == b"!":
        return data[begin:end] == b"true"
    if kind == b"~":
        return None
    if kind == b"]":
        return _list(data, begin, end)
    if kind == b"}":
        return _object(data, begin, end)
    raise ValueError(f"a kind that is unknown: {kind!r}")


def _list(data: bytes, begin: int, end: int) -> list[Any]:
    values = []
    while begin < end:
        kind, start, stop = _next(data, begin)
        values.append(_value(data, kind, start, stop))
        begin = stop + 1
    return values


def _object(
    data: bytes, begin: int, end: int, wanted: frozenset[bytes] | None = None
) -> dict[bytes, Any]:
    """A mapping, of the names that are wanted."""
    found = {}
    while begin < end:
        _, start, stop = _next(data, begin)
        name = data[start:stop]
        kind, start, stop = _next(data, stop + 1)
        if wanted is None or name in wanted:
            found[name] = _value(data, kind, start, stop)
        begin = stop + 1
    return found
