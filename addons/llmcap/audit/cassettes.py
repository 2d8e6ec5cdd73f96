"""
Recordings of tests and of tools that look into assistants.

- VCR cassettes: vcrpy's (`interactions`, YAML or JSON), go-vcr's (with `url` and `code`), Ruby's
  and betamax's (`http_interactions`), and the recorder's of Python's `responses` (`responses`).
- Fixtures of nock (`scope` and `path`; binary answers in hexadecimal) and stubs of WireMock.
- Logs of claude-trace and of those like it: a line has `request` and `response`, the answer as
  `body`, or as it came in `body_raw` or `sse_events`.
- Helicone's exports: `request_body` and `response_body`, beside what Helicone itself counted.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from llmcap.audit.parts import (
    Recording,
    body_of,
    date_of,
    decoded,
    lower,
    request_of,
    time_of,
)
from llmcap.words.errors import FormatError


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # either one
    """Takes Ruby's tag for bytes, too, which is a local one (`!binary`)."""


_Loader.add_constructor("!binary", yaml.SafeLoader.construct_yaml_binary)

# Where a path without a host belongs, for logs that leave the host out.
_HOSTS = (
    ("/v1/messages", "https://api.anthropic.com"),
    ("/v1/responses", "https://api.openai.com"),
    ("/v1/chat/completions", "https://api.openai.com"),
    ("/v1beta/models", "https://generativelanguage.googleapis.com"),
)
_BASES = {
    "OPENAI": "https://api.openai.com", "ANTHROPIC": "https://api.anthropic.com",
    "GOOGLE": "https://generativelanguage.googleapis.com",
}  # fmt: skip
_STREAM = "text/event-stream"


def parse_yaml(content: bytes) -> object:
    """The document of a cassette. Raises `FormatError`."""
    try:
        return yaml.load(content, Loader=_Loader)  # noqa: S506 (a safe loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FormatError(f"this is no YAML: {str(error).partition(chr(10))[0]}") from error


def interactions(document: Mapping[str, Any]) -> Iterator[Recording]:
    """The exchanges of a cassette."""
    found = document.get("interactions") or document.get("http_interactions") or ()
    found = found or map(_recorded, document.get("responses") or ())
    for number, each in enumerate(found, start=1):
        request, response = each["request"], each.get("response") or {}
        status = response.get("code") or response.get("status") or {}
        code = status.get("code") if isinstance(status, Mapping) else status
        headers = _headers(response.get("headers"))
        yield Recording(
            id=str(number),
            request=request_of(
                str(request["method"]), str(request.get("url") or request["uri"]),
                _headers(request.get("headers")), _kept(request.get("body")),
            ),
            status=int(code or 0),
            headers=headers,
            # Some recorders keep what was packed, some unpack it, and all keep the header.
            body=decoded(_kept(response.get("body")), headers.pop("content-encoding", "")),
            at=time_of(each.get("recorded_at")) or date_of(headers),
        )  # fmt: skip


def _recorded(each: Mapping[str, Any]) -> Mapping[str, Any]:
    """One that the recorder of `responses` wrote: all in one mapping, without what was sent."""
    told = each["response"]
    headers = {**(told.get("headers") or {}), "Content-Type": told.get("content_type") or ""}
    request = {"method": told["method"], "uri": told["url"]}
    return {"request": request, "response": {**told, "headers": headers}}


def _kept(body: object) -> bytes:
    """A body as cassettes keep it: itself, or in a mapping that says how."""
    if not isinstance(body, Mapping):
        return body_of(body)
    if "base64_string" in body:
        return body_of(body["base64_string"], "base64")
    return body_of(body.get("string"))


def is_traced(line: Mapping[str, Any]) -> bool:
    """Whether a line has a request and its response."""
    return isinstance(line.get("request"), Mapping)


def traced(line: Mapping[str, Any], number: int) -> Recording:
    """One line with `request` and `response`. Raises `KeyError`, `ValueError`."""
    asked, told = line["request"], line.get("response") or {}
    headers = _headers(told.get("headers"))
    headers.pop("content-encoding", None)
    events = told.get("sse_events")
    if isinstance(events, Sequence) and not isinstance(events, str) and events:
        body = b"".join(map(_event, events))
        headers.setdefault("content-type", _STREAM)
    else:
        body = body_of(told.get("body_raw") or told.get("body") or told.get("jsonBody"))
        if _is_stream(body):
            headers["content-type"] = _STREAM
    url = str(asked.get("url") or asked.get("urlPath") or asked["path"])
    status = int(told.get("status_code") or told.get("status") or 0)
    return Recording(
        id=str(line.get("request_id") or line.get("id") or number),
        request=request_of(
            str(asked.get("method") or "POST"), _whole(url, line.get("upstream_base_url")),
            _headers(asked.get("headers")), body_of(asked.get("body")),
        ),
        status=status,
        headers=headers,
        body=body,
        at=time_of(asked.get("timestamp")) or time_of(line.get("timestamp")) or date_of(headers),
        absent="" if body or not status else "its answer was recorded without a body",
    )  # fmt: skip


def _event(event: object) -> bytes:
    if isinstance(event, Mapping):
        data = event.get("data")
        text = data if isinstance(data, str) else json.dumps(data)
        name = f"event: {event['event']}\n" if event.get("event") else ""
        return f"{name}data: {text}\n\n".encode()
    return f"data: {event}\n\n".encode()


_VERSION = "/v1"
_OF_CODEX = f"{_VERSION}/responses"


def _whole(url: str, told: object = None) -> str:
    """
    The URL of a path, at the base that is `told` (by claude-tap), else at whose path it is.

    A base may end as the path begins: `https://openrouter.ai/api/v1` and `/v1/responses`. What
    Codex is sent to elsewhere than at OpenAI's API goes without its `/v1` (claude-tap 0.1.146,
    `cli_clients.py`, `strip_path_prefix`).
    """
    if not url.startswith("/"):
        return url
    if isinstance(told, str) and told:
        base = told.rstrip("/")
        if url.startswith(_OF_CODEX) and "api.openai.com" not in base:
            return base + url.removeprefix(_VERSION)
        first = url.split("/")[1]
        return base + url.removeprefix(f"/{first}" if base.endswith(f"/{first}") else "")
    base = next((base for path, base in _HOSTS if url.startswith(path)), "")
    if not base:
        raise ValueError(f"{url} is a path without a host")
    return f"{base}{url}"


def is_nocked(line: Mapping[str, Any]) -> bool:
    """Whether a line is a definition of nock's."""
    return "scope" in line and "path" in line


def nocked(line: Mapping[str, Any], number: int) -> Recording:
    """One definition of nock's, as `nock.recorder` and `nock.back` write it."""
    told = line.get("response")
    headers = _headers(_in_pairs(line.get("rawHeaders") or line.get("headers")))
    packed = told if isinstance(told, list) and "content-encoding" in headers else None
    if packed is None and line.get("responseIsBinary"):
        packed = [told]
    body = body_of(told) if packed is None else bytes.fromhex("".join(map(str, packed)))
    body = decoded(body, headers.pop("content-encoding", ""))
    if _is_stream(body):
        headers.setdefault("content-type", _STREAM)
    return Recording(
        id=str(number),
        request=request_of(
            str(line["method"]), f"{line['scope']}{line['path']}", _headers(line.get("reqheaders")),
            body_of(line.get("body")),
        ),
        status=int(line.get("status") or 0),
        headers=headers,
        body=body,
        at=date_of(headers),
    )  # fmt: skip


def _in_pairs(told: object) -> object:
    """Headers that stand in one list, a name and a value in turn."""
    if not isinstance(told, list) or not all(isinstance(each, str) for each in told):
        return told
    return list(zip(told[::2], told[1::2], strict=False))


def is_helicone(line: Mapping[str, Any]) -> bool:
    """Whether a line is of Helicone's."""
    return "response_body" in line and ("request_created_at" in line or "request_path" in line)


def helicone(line: Mapping[str, Any], number: int) -> Recording:
    """One request of an export. Raises `KeyError`, `ValueError`."""
    url = str(line.get("target_url") or line.get("request_path") or "")
    if url.startswith("/"):
        url = f"{_BASES.get(str(line.get('provider')).upper(), '')}{url}"
    body = body_of(line.get("response_body"))
    return Recording(
        id=str(line.get("request_id") or number),
        request=request_of("POST", _whole(url), {}, body_of(line.get("request_body"))),
        status=int(line.get("response_status") or 200),
        headers={"content-type": _STREAM if _is_stream(body) else "application/json"},
        body=body,
        at=time_of(line.get("request_created_at")),
        absent="" if body else "its answer was exported without a body",
    )


def _is_stream(body: bytes) -> bool:
    """Whether it is a stream of events, whatever its headers say."""
    return body.lstrip().startswith((b"event:", b"data:"))


def _headers(told: object) -> dict[str, str]:
    """Headers as mappings or lists of pairs, each value a text or a list of them."""
    if isinstance(told, Mapping):
        found = {str(name): value for name, value in told.items()}
    elif isinstance(told, Sequence) and not isinstance(told, str):
        found = {str(pair[0]): pair[1] for pair in told if len(pair) == 2}
    else:
        found = {}
    return lower(found)
