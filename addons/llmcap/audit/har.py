"""
HAR, as browsers and tools write it: http://www.softwareishard.com/blog/har-12-spec/ and more.

Contents are free of content-encoding. Chrome, Playwright and mitmproxy keep what a WebSocket said
in `_webSocketMessages`; Firefox keeps nothing of it, and then nobody knows what a session cost.
Playwright's `attach` form keeps bodies beside the log, in files that `_file` names, and packs both
in a .zip. Polly.js keeps a packed body packed: a list of pieces, in base64 or (`_isBinary`) in
hexadecimal. A content of some size without a text was not recorded.
"""

import json
import zipfile
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from llmcap.audit.parts import (
    BODY_BYTES_MAX,
    ODD,
    Recording,
    body_of,
    date_of,
    decoded,
    pairs,
    request_of,
    time_of,
)
from llmcap.audit.piecewise import Piecewise
from llmcap.audit.transcripts import Frames
from llmcap.words.errors import FormatError

Beside = Callable[[str], bytes | None]  # a body that is kept in a file of this name

NO_BODY = "its answer was recorded without a body"
NO_MESSAGES = "what its WebSocket said was not recorded"

SWITCHED = 101
_BINARY = 2  # the opcode of a frame of bytes: base64


def logged(text: Piecewise, *, begun: bool = False) -> Iterator[Any]:
    """
    The entries of the log that comes next in a HAR, each by itself.

    Of one that is `begun` those are left that stand behind an entry, which was read.
    """
    if begun:
        yield from text.elements(begun=True)
    for name in text.members(begun=begun):
        if name == "entries" and text.peek() == "[":
            yield from text.elements()
        else:
            text.value()


def entries(found: Iterable[Any], beside: Beside, *, first: int = 1) -> Iterator[Recording]:
    """
    The exchanges of a log's entries. Raises `FormatError`.

    What has no name gets its number, which begins with `first`; 0: it is not known yet.
    """
    for number, entry in enumerate(found, start=first):
        try:
            yield _from_entry(entry, number if first else 0, beside)
        except KeyError as error:
            raise FormatError(f"this is no HAR: entry {number} has no {error.args[0]}") from error
        except ODD as error:
            raise FormatError(f"this is no HAR: entry {number} is no exchange: {error}") from error


def packed(file: BinaryIO) -> Iterator[Recording]:
    """A .zip with a HAR in it, and the bodies beside it. Raises `FormatError`."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = [name for name in archive.namelist() if name.endswith(".har")]
            if len(names) != 1:
                raise FormatError(f"this .zip has {len(names) or 'no'} HAR in it, not one")
            document = json.loads(_member(archive, names[0]).decode("utf-8-sig"))
            folder = names[0].rpartition("/")[0]

            def beside(name: str) -> bytes | None:
                whole = f"{folder}/{name}" if folder else name
                return _member(archive, whole) if whole in archive.namelist() else None

            yield from entries(document["log"].get("entries") or (), beside)
    except (zipfile.BadZipFile, ValueError, KeyError, NotImplementedError, RuntimeError) as error:
        raise FormatError(f"this .zip holds no HAR that can be read: {error}") from error


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > BODY_BYTES_MAX:
        raise FormatError(f"{name} in this .zip is larger than {BODY_BYTES_MAX >> 20} MB")
    return archive.read(name)


def files_beside(path: Path) -> Beside:
    """Bodies in the folder of a HAR that lies there by itself."""

    def beside(name: str) -> bytes | None:
        # A name is a name: nothing is read from anywhere else.
        file = path.parent / name
        if Path(name).name != name or not file.is_file() or file.is_symlink():
            return None
        return file.read_bytes() if file.stat().st_size <= BODY_BYTES_MAX else None

    return beside


def _from_entry(entry: Mapping[str, Any], number: int, beside: Beside) -> Recording:
    request, response = entry["request"], entry.get("response") or {}
    posted = request.get("postData") or {}
    content = response.get("content") or {}
    headers = pairs(response.get("headers"))
    encoding = headers.pop("content-encoding", "")
    if "content-type" not in headers and content.get("mimeType"):
        headers["content-type"] = content["mimeType"]
    status = int(response.get("status") or 0)
    frames = _frames(entry.get("_webSocketMessages"))
    body, absent = _content(content, beside, encoding), ""
    if status == SWITCHED and not frames:
        absent = NO_MESSAGES
    elif body is None and status:
        absent = NO_BODY
    url = str(request["url"])
    return Recording(
        id=str(entry.get("_id") or number or ""),
        request=request_of(
            request["method"], url, pairs(request.get("headers")), _content(posted, beside) or b""
        ),
        status=status,
        headers=headers,
        body=body or b"",
        at=time_of(entry.get("startedDateTime")) or date_of(headers),
        frames=frames,
        absent=absent,
    )


def _content(content: Mapping[str, Any], beside: Beside, packed_by: str = "") -> bytes | None:
    """A body, or None where it has a size and is not there."""
    if name := content.get("_file"):
        return beside(str(name))
    if text := content.get("text"):
        is_hex, encoding = content.get("_isBinary") is True, content.get("encoding")
        if (is_hex or encoding == "base64") and text.startswith("["):
            pieces = json.loads(text)
            take = bytes.fromhex if is_hex else partial(b64decode, validate=True)
            return decoded(b"".join(map(take, pieces)), packed_by)
        return body_of(text, encoding)
    size = content.get("size")
    return None if isinstance(size, int | float) and size > 0 else b""


def _frames(messages: object) -> Frames:
    """What a WebSocket said, with whether the client said it."""
    if not isinstance(messages, list):
        return ()
    return tuple(
        (
            message.get("type") in ("send", "request"),
            body_of(message.get("data"), "base64" if message.get("opcode") == _BINARY else None),
        )
        for message in messages
    )
