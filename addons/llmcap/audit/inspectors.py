"""
What people save out of debugging proxies and clients for APIs.

- Charles: a JSON session (`.chlsj`), a list with `scheme`, `host`, `times`, `request`, `response`.
  https://www.charlesproxy.com/documentation/tools/export/
- Fiddler: a `.saz`, a .zip with each request and response as they were on the wire.
  https://docs.telerik.com/fiddler-everywhere/knowledge-base/fiddler-archives
- Postman: the saved examples of a collection.
  https://schema.postman.com/collection/json/v2.1.0/draft-07/docs/index.html

And what others save that holds counts and no exchange, each with what to do with it instead.
"""

import re
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from llmcap.audit import har
from llmcap.audit.parts import (
    BODY_BYTES_MAX,
    HTTP_ERRORS,
    Recording,
    body_of,
    date_of,
    decoded,
    joined,
    lower,
    pairs,
    request_of,
    time_of,
)
from llmcap.providers.parts.reader import document, documents, text
from llmcap.words.errors import FormatError

_ENCRYPTED = "what went through its tunnel is encrypted"
_IMPORT = "hint: `llmcap import` reads it"

# The marks of a document that has no exchange in it, and what it is.
_COMPACT = "hint: `claude-tap export --format compact` has it"
_FOREIGN: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset(("call_type", "response_cost")), f"it is a log of LiteLLM\n{_IMPORT}"),
    (frozenset(("usageDetails",)), f"it is an export of Langfuse\n{_IMPORT}"),
    (frozenset(("resourceSpans",)), "it has spans of OpenTelemetry, without what was sent"),
    (
        frozenset(("turn", "duration_ms", "messages", "response")),
        "it is a summary of claude-tap, which does not say whom it asked\n" + _COMPACT,
    ),
    (frozenset(("__export_format",)), "Insomnia exports requests without their answers"),
)


def foreign(line: Mapping[str, Any]) -> str:
    """What a document is that has no exchange in it; empty where it is not known as such."""
    return next((what for marks, what in _FOREIGN if line.keys() >= marks), "")


# What the body of a request has in every format, and what a recording has and no body.
_ASKED = frozenset(("model", "messages", "contents", "input", "prompt"))
_TOLD = frozenset(("url", "method", "request", "request_path", "response", "source_path"))


def is_body(line: Mapping[str, Any]) -> bool:
    """Whether somebody has taken what is to be sent for what was recorded."""
    if line.keys() & _TOLD or not line.keys() & _ASKED:
        return False
    messages = line.get("messages")
    first = messages[0] if isinstance(messages, list) and messages else None
    return not messages or "role" in document(first)


# --- Charles --------------------------------------------------------------------------------


def is_charles(line: Mapping[str, Any]) -> bool:
    """Whether it is one transaction of Charles."""
    return line.keys() >= {"scheme", "host", "times", "request"}


def charles(line: Mapping[str, Any], number: int) -> Recording:
    """One transaction. Raises `KeyError`, `ValueError`."""
    asked, told = document(line["request"]), document(line.get("response"))
    headers = _fields_of(told)
    port = line.get("port")
    host = f"{line['host']}:{port}" if port else str(line["host"])
    query = f"?{line['query']}" if line.get("query") else ""
    url = f"{line['scheme']}://{host}{line.get('path') or '/'}{query}"
    body = decoded(_body_of(told), headers.pop("content-encoding", ""))
    status = told.get("status")
    has_one = document(told.get("sizes")).get("body") or 0
    return Recording(
        id=str(number),
        request=request_of(
            str(line.get("method") or "CONNECT"), url, _fields_of(asked), _body_of(asked)
        ),
        status=status if isinstance(status, int) else 0,
        headers=headers,
        body=body,
        at=time_of(document(line["times"]).get("start")) or date_of(headers),
        absent=_absent(line, has_body=bool(body or not has_one)),
    )


def _absent(line: Mapping[str, Any], *, has_body: bool) -> str:
    if line.get("tunnel"):
        return _ENCRYPTED
    if line.get("webSocket"):
        return har.NO_MESSAGES
    return "" if has_body else har.NO_BODY


def _fields_of(message: Mapping[str, Any]) -> dict[str, str]:
    return pairs(documents(document(message.get("header")).get("headers")))


def _body_of(message: Mapping[str, Any]) -> bytes:
    body = document(message.get("body"))
    if encoded := body.get("encoded"):
        return body_of(encoded, "base64")
    return body_of(body.get("text"))


# --- Fiddler --------------------------------------------------------------------------------

_REQUEST = re.compile(r"(raw/0*(\d+))_c\.txt")
_BEGUN = re.compile(rb'Client(?:Begin|Done)Request="([^"]+)"')
_BLANK = re.compile(rb"\r?\n\r?\n")
# The answer to a CONNECT, where what went through its tunnel is among the sessions (FiddlerCore).
_DECRYPTED = b"HTTPS Decryption is enabled"


def packed(file: BinaryIO) -> Iterator[Recording]:
    """A .zip: sessions of Fiddler, or a HAR with its bodies. Raises `FormatError`."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            found = [each for name in names if (each := _REQUEST.fullmatch(name))]
            for each in sorted(found, key=lambda each: int(each[2])):
                yield _session(archive, set(names), each[1], each[2])
    except (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError) as error:
        raise FormatError(f"this .zip holds no HAR and no session: {error}") from error
    if not found:
        file.seek(0)
        yield from har.packed(file)


def _session(archive: zipfile.ZipFile, names: set[str], stem: str, number: str) -> Recording:
    def part(end: str) -> bytes:
        if f"{stem}_{end}" not in names:
            return b""
        if archive.getinfo(f"{stem}_{end}").file_size > BODY_BYTES_MAX:
            raise FormatError(f"{stem}_{end} is larger than {BODY_BYTES_MAX >> 20} MB")
        return archive.read(f"{stem}_{end}")

    asked, sent, content = _message(part("c.txt"))
    told, headers, answer = _message(part("s.txt"))
    if len(asked) < 2:
        raise FormatError(f"{stem}_c.txt does not begin as a request does")
    url = asked[1]
    if "://" not in url:
        url = f"https://{sent.get('host') or url}{url if url.startswith('/') else '/'}"
    status = int(told[1]) if len(told) > 1 and told[1].isdecimal() else 0
    begun = _BEGUN.search(part("m.xml"))
    return Recording(
        id=number,
        request=request_of(asked[0], url, lower(sent), content),
        status=status,
        headers=lower(headers),
        body=answer,
        at=time_of(begun[1].decode("utf-8", "replace") if begun else "") or date_of(headers),
        absent=_untold(asked[0].upper(), status, answer),
    )


def _untold(method: str, status: int, answer: bytes) -> str:
    if method == "CONNECT" and status < HTTP_ERRORS and _DECRYPTED not in answer:
        return _ENCRYPTED
    return har.NO_MESSAGES if status == har.SWITCHED else ""


def _message(raw: bytes) -> tuple[list[str], dict[str, str], bytes]:
    """The words of the first line, the header, and the body without its chunks."""
    blank = _BLANK.search(raw)
    head, body = (raw[: blank.start()], raw[blank.end() :]) if blank else (raw, b"")
    first, *lines = head.decode("latin-1").splitlines() or [""]
    split = (line.partition(":") for line in lines)
    headers = joined((name.strip(), value.strip()) for name, _, value in split)
    chunked = "chunked" in headers.get("transfer-encoding", "")
    return first.split(" "), headers, _dechunked(body) if chunked else body


def _dechunked(body: bytes) -> bytes:
    """What the chunks hold; the body as it stands where Fiddler has taken them away."""
    pieces: list[bytes] = []
    at = 0
    while (end := body.find(b"\r\n", at)) >= 0:
        length = body[at:end].partition(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,8}", length):
            return body
        at, size = end + 2, int(length, 16)
        if not size:
            return b"".join(pieces)
        pieces.append(body[at : at + size])
        at += size + 2
    return b"".join(pieces) if pieces else body


# --- Postman --------------------------------------------------------------------------------

_VARIABLE = re.compile(r"\{\{([^{}]+)\}\}")


def is_postman(line: Mapping[str, Any]) -> bool:
    """Whether it is a collection."""
    return isinstance(line.get("item"), list) and isinstance(line.get("info"), Mapping)


def postman(line: Mapping[str, Any]) -> Iterator[Recording]:
    """The saved examples of a collection, in order. Raises `ValueError` for an unknown address."""
    told = documents(line.get("variable"))
    values = {text(each.get("key")): str(each.get("value") or "") for each in told}
    found = (example for item in documents(line["item"]) for example in _examples(item, 0))
    for number, (asked, answer) in enumerate(found, start=1):
        yield _example(asked, answer, values, number)


def _examples(
    item: Mapping[str, Any], depth: int
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    if depth < 50:
        for each in documents(item.get("item")):
            yield from _examples(each, depth + 1)
    for answer in documents(item.get("response")):
        yield document(answer.get("originalRequest")) or document(item.get("request")), answer


def _example(
    asked: Mapping[str, Any], answer: Mapping[str, Any], values: Mapping[str, str], number: int
) -> Recording:
    url = asked.get("url")
    raw = text(url.get("raw")) if isinstance(url, Mapping) else text(url)
    whole = _VARIABLE.sub(lambda name: values.get(name[1].strip(), name[0]), raw)
    if "://" not in whole or _VARIABLE.search(whole.partition("://")[2].partition("/")[0]):
        raise ValueError(f"the address {raw!r} of example {number} is not told")
    headers, body = _headers(answer), body_of(answer.get("body"))
    headers.pop("content-encoding", None)
    return Recording(
        id=text(answer.get("name")) or str(number),
        request=request_of(
            text(asked.get("method")) or "GET", whole, _headers(asked),
            body_of(document(asked.get("body")).get("raw")),
        ),
        status=answer["code"] if isinstance(answer.get("code"), int) else 0,
        headers=headers,
        body=body,
        at=date_of(headers),
        absent="" if body else har.NO_BODY,
    )  # fmt: skip


def _headers(message: Mapping[str, Any]) -> dict[str, str]:
    fields = documents(message.get("header"))
    return lower(joined((str(each["key"]), str(each.get("value") or "")) for each in fields))
