"""
The last bytes of a stream that is cut: the provider's own error event, or a graceful end.

A stream that merely stops looks like a complete answer to most SDKs, so something is always said.
Programs get the error event that their SDK raises for. Claude Code and Codex replay a turn that
ends so; while a text block is open they get one more line of text and the normal closing events
instead. A tool call is never closed: half of its arguments could run.
"""

import json
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from types import MappingProxyType
from typing import Any
from zlib import crc32

from llmcap.replies.boundaries import (
    ArrayCursor,
    Cursor,
    FrameCursor,
    LineCursor,
    SseCursor,
)
from llmcap.replies.clients import client_of
from llmcap.replies.dialects import (
    DIALECTS,
    anthropic_error,
    google_error,
    openai_error,
)
from llmcap.replies.refusal import Refusal
from llmcap.replies.stream_state import (
    AnthropicWatch,
    OpenText,
    ResponsesWatch,
    StreamState,
    Watch,
)  # fmt: skip

Document = dict[str, Any]

# A single event longer than this is not followed: the stream gets the plain error event then.
EVENT_BYTES_MAX = 4 * 2**20

_NO_STATE = StreamState()
_LINE_TYPES = ("application/x-ndjson", "application/stream+json", "application/jsonl")
_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\r?\n|\r\r")
_TYPE = re.compile(rb'^\s*\{\s*"type"\s*:\s*"([^"]*)"')


def end_stream(
    refusal: Refusal, *, dialect: str, user_agent: str = "", state: StreamState = _NO_STATE
) -> bytes:
    """What follows the last whole event of a stream of server-sent events."""
    if state.open_text is not None and client_of(user_agent).graceful:
        if dialect == "anthropic":
            return _close_message(refusal, state, state.open_text)
        if dialect == "openai_responses":
            return _close_response(refusal, state, state.open_text)
    if dialect == "openai_responses":
        return _responses_error(refusal, state)
    if dialect in _SSE_ERRORS:
        return _SSE_ERRORS[dialect](refusal)
    return _chat_error(refusal, dialect)


def end_lines(refusal: Refusal, *, dialect: str) -> bytes:
    """What follows the last whole line of an NDJSON stream."""
    if dialect == "cohere":
        # v1; https://docs.cohere.com/v1/docs/streaming
        end = {"is_finished": True, "event_type": "stream-end", "finish_reason": "ERROR"}
        return _json({**end, "error": refusal.message, "llmcap": refusal.document()}) + b"\n"
    shape = DIALECTS.get(dialect, DIALECTS["generic"])
    return _json(shape.error(refusal, 429)) + b"\n"


def end_frames(refusal: Refusal) -> bytes:
    """
    What follows the last whole frame of an AWS event stream: an exception frame.

    https://smithy.io/2.0/aws/amazon-eventstream.html; botocore raises `EventStreamError` for it.
    """
    headers = {
        ":message-type": "exception",
        ":exception-type": "throttlingException",
        ":content-type": "application/json",
    }
    return _frame(headers, _json({"message": refusal.message, "llmcap": refusal.document()}))


def end_array(refusal: Refusal, *, elements: int, comma: bool, opened: bool) -> bytes:
    """What follows the last whole element of Google's JSON array: one more, and its end."""
    start = b"" if opened else b"["
    separator = b",\r\n" if elements and not comma else b""
    return start + separator + _json(google_error(refusal, 429)) + b"]"


# How much is passed on before it is looked at, as it matters only at a cut.
FOLLOW_BYTES = 16 * 1024


class StreamEnding:
    """Follows the bytes that a client is given, so that they can be ended well at any moment."""

    __slots__ = (
        "_behind", "_behind_bytes", "_cursor", "_dialect", "_pending", "_user_agent", "_watch"
    )  # fmt: skip

    def __init__(
        self, dialect: str, *, user_agent: str = "", content_type: str = "text/event-stream"
    ) -> None:
        self._dialect = dialect
        self._user_agent = user_agent
        self._cursor = _cursor_for(content_type)
        self._watch = self._watch_for()
        self._pending = bytearray()
        self._behind: list[bytes] = []  # given to the client, and not yet looked at
        self._behind_bytes = 0

    def feed(self, data: bytes) -> None:
        """Bytes that the client gets, free of content-encoding."""
        self._behind.append(data)
        self._behind_bytes += len(data)
        if self._behind_bytes > FOLLOW_BYTES:
            self._catch_up()

    def cut(self, data: bytes, refusal: Refusal) -> bytes:
        """
        What the client gets in place of `data`, the last bytes from the provider.

        That is `data` up to its last whole event, and the end. Where an event was begun before and
        does not end in `data`, it stays broken: a client that parses it raises, as it should.
        """
        self._catch_up()
        offset = copy(self._cursor).advance(data)
        broken = self._cursor.inside and offset is None
        passed = data[: offset or 0]
        self._observe(passed)
        return passed + self._end(refusal, broken=broken)

    def _end(self, refusal: Refusal, *, broken: bool) -> bytes:
        cursor = self._cursor
        if isinstance(cursor, ArrayCursor):
            # Nothing can follow half an element, the array's end, or a document that is no stream.
            ended = cursor.elements and not cursor.opened
            if broken or ended or self._dialect != "google":
                return b""
            return end_array(
                refusal, elements=cursor.elements, comma=cursor.comma, opened=cursor.opened
            )
        if isinstance(cursor, FrameCursor):
            return b"" if broken else end_frames(refusal)
        if isinstance(cursor, LineCursor):
            return (b"\n" if broken else b"") + end_lines(refusal, dialect=self._dialect)
        state = self._watch.state if self._watch is not None and not broken else _NO_STATE
        end = end_stream(refusal, dialect=self._dialect, user_agent=self._user_agent, state=state)
        return (b"\n\n" if broken else b"") + end

    def _watch_for(self) -> Watch | None:
        graceful = client_of(self._user_agent).graceful
        if not isinstance(self._cursor, SseCursor):
            return None
        if self._dialect == "openai_responses":
            return ResponsesWatch(closing=graceful)
        return AnthropicWatch() if self._dialect == "anthropic" and graceful else None

    def _catch_up(self) -> None:
        data = b"".join(self._behind)
        self._behind.clear()
        self._behind_bytes = 0
        self._observe(data)

    def _observe(self, data: bytes) -> None:
        """Tell the watch every event that ends in these bytes."""
        offset = self._cursor.advance(data)
        if self._watch is None:
            return
        self._pending += data
        if offset is not None:
            end = len(self._pending) - len(data) + offset
            whole = bytes(self._pending[:end])
            del self._pending[:end]
            for name, payload in _events(whole):
                self._watch.event(name, payload)
        if len(self._pending) > EVENT_BYTES_MAX:
            self._watch = None
            self._pending.clear()


def _cursor_for(content_type: str) -> Cursor:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/vnd.amazon.eventstream":
        return FrameCursor()
    if kind == "application/json":
        return ArrayCursor()
    return LineCursor() if kind in _LINE_TYPES else SseCursor()


def _events(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and payload of whole server-sent events; without a name, the JSON's `type`."""
    for block in _BLANK_LINE.split(data):
        name, lines = "", []
        for line in block.splitlines():
            key, _, value = line.partition(b":")
            if key == b"event":
                name = value.strip().decode("utf-8", "replace")
            elif key == b"data":
                lines.append(value.removeprefix(b" "))
        if lines:
            payload = b"\n".join(lines)
            if not name and (kind := _TYPE.search(payload)):
                name = kind[1].decode("utf-8", "replace")
            yield name, payload


# --- the error events of each API -----------------------------------------------------------


def _chat_error(refusal: Refusal, dialect: str) -> bytes:
    """What the SDKs of OpenAI, Groq and Together raise `APIError` for."""
    shape = DIALECTS.get(dialect, DIALECTS["generic"])
    return _sse(shape.error(refusal, 429)) + b"data: [DONE]\n\n"


def _openrouter_error(refusal: Refusal) -> bytes:
    """https://openrouter.ai/docs/api-reference/errors: a chunk that has an error and says so."""
    choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
    error = DIALECTS["openrouter"].error(refusal, 429)
    return _sse({**error, "choices": [choice]}) + b"data: [DONE]\n\n"


def _mistral_error(refusal: Refusal) -> bytes:
    """Its SDK knows no error event, and raises for what is no chunk."""
    return _sse(openai_error(refusal, 429)) + b"data: [DONE]\n\n"


def _anthropic_error(refusal: Refusal) -> bytes:
    return _sse(anthropic_error(refusal, 429), event="error")


def _google_error(refusal: Refusal) -> bytes:
    return _sse(google_error(refusal, 429))


def _interactions_error(refusal: Refusal) -> bytes:
    error = DIALECTS["google_interactions"].error(refusal, 429)
    return _sse({"event_type": "error", **error}, event="error")


def _cohere_error(refusal: Refusal) -> bytes:
    # Its package skips an event of type `error`: findings/cohere_error_event.sh.
    delta = {"finish_reason": "ERROR", "error": refusal.message, "llmcap": refusal.document()}
    return _sse({"type": "message-end", "delta": delta}, event="message-end")


def _dashscope_error(refusal: Refusal) -> bytes:
    """Its package knows an error without a space: findings/dashscope_error_event.sh."""
    error = DIALECTS["dashscope"].error(refusal, 429)
    return b"event:error\nstatus:429\ndata:" + _json(error) + b"\n\n"


def _responses_error(refusal: Refusal, state: StreamState) -> bytes:
    """
    Two events: Codex stops at the first and takes the second for a broken line; the SDKs pass the
    first on as an item and raise for the second.
    """
    number = state.sequence_number + 1
    told = {"code": "insufficient_quota", "message": refusal.message}
    response = {
        "id": f"resp_llmcap_{refusal.id}",
        "object": "response",
        "output": list(state.items),
        **state.response,
        "status": "failed",
        "error": told,
    }
    failed = {"type": "response.failed", "sequence_number": number, "response": response}
    error = {
        "type": "error",
        "sequence_number": number + 1,
        **told,
        "param": None,
        **openai_error(refusal, 429),
    }
    return _sse(failed, event="response.failed") + _sse(error, event="error")


_SSE_ERRORS: Mapping[str, Callable[[Refusal], bytes]] = MappingProxyType(
    {
        "anthropic": _anthropic_error,
        "google": _google_error,
        "google_interactions": _interactions_error,
        "openrouter": _openrouter_error,
        "mistral": _mistral_error,
        "cohere": _cohere_error,
        "dashscope": _dashscope_error,
    }
)


# --- the graceful ends ----------------------------------------------------------------------


def _close_message(refusal: Refusal, state: StreamState, block: OpenText) -> bytes:
    """Anthropic: a last line of text, then what follows a text block that ends a turn."""
    delta = {"type": "text_delta", "text": _line(refusal)}
    # Not `max_tokens`: Claude Code would ask three more times for the rest.
    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    events: list[Document] = [
        {"type": "content_block_delta", "index": block.index, "delta": delta},
        {"type": "content_block_stop", "index": block.index},
        {"type": "message_delta", "delta": stop, "usage": {"output_tokens": state.output_tokens}},
        {"type": "message_stop"},
    ]
    return b"".join(_sse(event, event=event["type"]) for event in events)


def _close_response(refusal: Refusal, state: StreamState, block: OpenText) -> bytes:
    """OpenAI Responses: a last line of text, then the end of part, item and response."""
    line = _line(refusal)
    part = {"type": "output_text", "text": block.text + line, "annotations": [], "logprobs": []}
    item = {**block.item, "status": "completed", "content": [*block.parts, part]}
    response = {**state.response, "status": "completed", "output": [*state.items, item]}
    place = {
        "item_id": block.item.get("id", ""),
        "output_index": block.index,
        "content_index": block.content_index,
    }
    events: list[Document] = [
        {"type": "response.output_text.delta", **place, "delta": line, "logprobs": []},
        {"type": "response.output_text.done", **place, "text": part["text"], "logprobs": []},
        {"type": "response.content_part.done", **place, "part": part},
        {"type": "response.output_item.done", "output_index": block.index, "item": item},
        {"type": "response.completed", "response": response},
    ]
    first = state.sequence_number + 1
    return b"".join(
        _sse({**event, "sequence_number": number}, event=event["type"])
        for number, event in enumerate(events, start=first)
    )


def _line(refusal: Refusal) -> str:
    return f"\n\n[{refusal.message}]"


# --- encoding -------------------------------------------------------------------------------


def _sse(document: Document, event: str = "") -> bytes:
    name = f"event: {event}\n".encode() if event else b""
    return name + b"data: " + _json(document) + b"\n\n"


def _frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One AWS event stream frame; every header is a string (type 7)."""
    encoded = b"".join(
        bytes([len(name)])
        + name.encode()
        + b"\x07"
        + struct.pack(">H", len(value))
        + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", 12 + len(encoded) + len(payload) + 4, len(encoded))
    message = prelude + struct.pack(">I", crc32(prelude)) + encoded + payload
    return message + struct.pack(">I", crc32(message))


def _json(document: Document) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
