"""
Logs of programs that stand between an agent and its provider, as they write them.

- llm-interceptor (`lli`, 2.x): lines of a request, and later of its answer by the request's id:
  whole (`response`), or event by event (`response_chunk`) and an end (`response_meta`); between
  them, marks of sessions.
- claude-tap's compact export: all of its records in one object, in which a long part of a body
  that several have stands once, beside them.

What the former is, was read from its package `llm-interceptor` (`lli/proxy.py`), the latter from
`claude-tap` (`compact_trace.py`).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmcap.audit.parts import Recording, body_of, lower, request_of, time_of
from llmcap.providers.parts.reader import document, documents

_BUNDLE = "__claude_tap_compact_trace__"
_RECORD = "__claude_tap_compact_record__"
_REFERENCE = "__claude_tap_blob_ref__"


def is_interceptors(line: Mapping[str, Any]) -> bool:
    """Whether a log that begins with this line is llm-interceptor's."""
    return "_meta_type" in line or (line.get("type") == "request" and "method" in line)


@dataclass(slots=True)
class _Open:
    """A request that was seen, and what came of its answer by now."""

    asked: Mapping[str, Any]
    events: list[Any] = field(default_factory=list)
    status: int = 0


def exchanges(lines: Iterable[Mapping[str, Any]]) -> Iterator[Recording]:
    """
    The exchanges of llm-interceptor's log, each where its answer ends; last, those that have none.

    Raises `KeyError`, `ValueError`, `TypeError`, `AttributeError`.
    """
    waiting: dict[str, _Open] = {}
    for line in lines:
        kind = line.get("type")
        if kind == "request":
            waiting[str(line["id"])] = _Open(line)
        elif (name := str(line.get("request_id"))) not in waiting:
            continue
        elif kind == "response_chunk":
            waiting[name].events.append(line.get("content"))
            waiting[name].status = int(line["status_code"])
        elif kind == "response":
            yield _whole(waiting.pop(name).asked, line)
        elif kind == "response_meta":
            waiting[name].status = int(line["status_code"])
            yield _streamed(waiting.pop(name))
    yield from map(_streamed, waiting.values())


def _whole(asked: Mapping[str, Any], told: Mapping[str, Any]) -> Recording:
    headers = lower(told.get("headers") or {})
    headers.pop("content-encoding", None)
    return _recording(asked, int(told["status_code"]), headers, body_of(told.get("body")))


def _streamed(call: _Open) -> Recording:
    events = [each if isinstance(each, str) else json.dumps(each) for each in call.events]
    body = "".join(f"data: {each}\n\n" for each in events)
    kind = {"content-type": "text/event-stream"}
    return _recording(call.asked, call.status, kind, body.encode("utf-8", "surrogatepass"))


def _recording(
    asked: Mapping[str, Any], status: int, headers: Mapping[str, str], body: bytes
) -> Recording:
    sent = lower(asked.get("headers") or {})
    sent.pop("content-encoding", None)  # it was decoded
    return Recording(
        id=str(asked["id"]),
        request=request_of(asked["method"], asked["url"], sent, body_of(asked.get("body"))),
        status=status,
        headers=headers,
        body=body,
        at=time_of(asked.get("timestamp")),
        absent="" if body or not status else "its answer was recorded without a body",
    )


# --- claude-tap -----------------------------------------------------------------------------


def is_bundle(line: Mapping[str, Any]) -> bool:
    """Whether it is claude-tap's compact export."""
    return _BUNDLE in line


def records(bundle: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The records of one, each with all of its parts. Raises `KeyError` where one is missing."""
    blobs = document(bundle.get("blobs"))
    for each in documents(bundle["records"]):
        record = each["record"] if _RECORD in each else each
        yield {
            name: _with_parts(value, blobs) if name in ("request", "response") else value
            for name, value in record.items()
        }


def _with_parts(exchanged: object, blobs: Mapping[str, Any]) -> object:
    """A request or response whose body has in place what it refers to: two levels deep at most."""
    told = document(exchanged)
    body = told.get("body")
    if not isinstance(body, Mapping):
        return exchanged
    return {**told, "body": {name: _meant(value, blobs) for name, value in body.items()}}


def _meant(value: object, blobs: Mapping[str, Any]) -> object:
    if isinstance(value, list):
        return [_referred(each, blobs) for each in value]
    return _referred(value, blobs)


def _referred(value: object, blobs: Mapping[str, Any]) -> object:
    if not isinstance(value, Mapping) or _REFERENCE not in value:
        return value
    return blobs[value[_REFERENCE]["hash"]]["payload"]
