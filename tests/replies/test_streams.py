"""
A stream that is cut at any byte, in any pieces, still ends in the words of its API.

The streams below are written by hand after the providers' published event sequences.
"""

import json
import struct
from collections.abc import Callable, Iterator
from typing import Any
from zlib import crc32

import pytest

from llmcap.replies import Refusal, StreamEnding, end_stream
from llmcap.replies.boundaries import ArrayCursor, FrameCursor, LineCursor, SseCursor
from llmcap.replies.endings import EVENT_BYTES_MAX
from llmcap.replies.stream_state import AnthropicWatch, ResponsesWatch, Watch

REFUSAL = Refusal(reason="cap_reached", message="LLMCap stopped this answer.", id="r1")
CLAUDE_CODE = "claude-cli/2.1.329 (external, cli)"
CODEX = "codex_exec/0.169.0 (Debian 12.0.0; x86_64)"


def sse(*events: dict[str, Any], end: str = "\n") -> bytes:
    """Named events, as Anthropic and OpenAI Responses send them."""
    blocks = (f"event: {event['type']}{end}data: {json.dumps(event)}{end}{end}" for event in events)
    return "".join(blocks).encode()


def parsed(stream: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a client reads: name and JSON of each event; raises for what is not JSON."""
    for block in stream.replace(b"\r\n", b"\n").split(b"\n\n"):
        fields = dict(line.split(b": ", 1) for line in block.splitlines() if b": " in line)
        if b"data" in fields and fields[b"data"] != b"[DONE]":
            yield fields.get(b"event", b"").decode(), json.loads(fields[b"data"])


MESSAGE = sse(
    {"type": "message_start", "message": {"id": "m", "usage": {"output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "ping"},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hi"}},
    {"type": "content_block_stop", "index": 1},
    {"type": "content_block_start", "index": 2, "content_block": {"type": "tool_use", "id": "t"}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta"}},
    {"type": "content_block_stop", "index": 2},
    {"type": "content_block_start", "index": 3, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 3, "delta": {"type": "text_delta", "text": "!"}},
    {"type": "content_block_stop", "index": 3},
    {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 42}},
    {"type": "message_stop"},
)

PART = {"item_id": "msg_1", "output_index": 1, "content_index": 0}
RESPONSE = sse(
    {"type": "response.created", "sequence_number": 0, "response": {"id": "resp_1", "model": "m"}},
    {"type": "response.output_item.added", "sequence_number": 1, "output_index": 0,
     "item": {"id": "rs_1", "type": "reasoning"}},
    {"type": "response.output_item.done", "sequence_number": 2, "output_index": 0,
     "item": {"id": "rs_1", "type": "reasoning", "summary": []}},
    {"type": "response.output_item.added", "sequence_number": 3, "output_index": 1,
     "item": {"id": "msg_1", "type": "message", "role": "assistant", "content": []}},
    {"type": "response.content_part.added", "sequence_number": 4, **PART,
     "part": {"type": "output_text", "text": ""}},
    {"type": "response.output_text.delta", "sequence_number": 5, **PART, "delta": "Hel"},
    {"type": "response.output_text.delta", "sequence_number": 6, **PART, "delta": "lo"},
    {"type": "response.content_part.done", "sequence_number": 7, **PART,
     "part": {"type": "output_text", "text": "Hello"}},
    {"type": "response.output_item.done", "sequence_number": 8, "output_index": 1,
     "item": {"id": "msg_1", "type": "message"}},
    {"type": "response.output_item.added", "sequence_number": 9, "output_index": 2,
     "item": {"id": "fc_1", "type": "function_call", "name": "rm"}},
    {"type": "response.function_call_arguments.delta", "sequence_number": 10, "delta": "{"},
)  # fmt: skip


def cut_at(stream: bytes, position: int, *, piece: int, **how: str) -> bytes:
    """What a client has in the end when bytes came in pieces and the cut hits at `position`."""
    ending = StreamEnding(how.pop("dialect"), **how)
    given = b""
    whole = position - position % piece
    for start in range(0, whole, piece):
        ending.feed(stream[start : start + piece])
        given += stream[start : start + piece]
    return given + ending.cut(stream[whole:position], REFUSAL)


def ends_of_events(stream: bytes) -> list[int]:
    """Every place just behind a blank line, and the start."""
    return [0, *(index + 2 for index in range(len(stream)) if stream[index : index + 2] == b"\n\n")]


# --- the error events ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dialect", "name", "error"),
    [
        ("openai", "", {"code": "project_spend_limit_exceeded"}),
        ("azure", "", {"type": "insufficient_quota"}),
        ("generic", "", {"message": REFUSAL.message}),
        ("mistral", "", {"message": REFUSAL.message}),
        ("openrouter", "", {"code": 429}),
        ("anthropic", "error", {"type": "rate_limit_error"}),
        ("google", "", {"code": 429, "status": "RESOURCE_EXHAUSTED"}),
        ("google_interactions", "error", {"message": REFUSAL.message}),
        ("openai_responses", "error", {"code": "project_spend_limit_exceeded"}),
    ],
)
def test_error_event_is_the_one_that_the_sdk_raises_for(
    dialect: str, name: str, error: dict[str, Any]
) -> None:
    """PROVIDERS' own shapes: an `error` object in the last event."""
    event_name, event = list(parsed(end_stream(REFUSAL, dialect=dialect)))[-1]
    assert event_name == name
    assert error.items() <= event["error"].items()


def test_google_error_comes_first_in_its_object() -> None:
    """google-genai looks at how the text begins."""
    assert end_stream(REFUSAL, dialect="google").startswith(b'data: {"error":')


@pytest.mark.parametrize("dialect", ["openai", "openrouter", "mistral"])
def test_chat_streams_are_closed_with_done(dialect: str) -> None:
    """Clients that ignore the error still see an end."""
    assert end_stream(REFUSAL, dialect=dialect).endswith(b"data: [DONE]\n\n")


def test_cohere_ends_with_its_message_end() -> None:
    """The one event of its v2 that can carry an error."""
    [(name, event)] = parsed(end_stream(REFUSAL, dialect="cohere"))
    assert name == event["type"] == "message-end"
    assert event["delta"]["finish_reason"] == "ERROR"


def test_dashscope_ends_with_an_error_that_its_package_knows() -> None:
    """It looks for the name of the event right behind the colon."""
    end = end_stream(REFUSAL, dialect="dashscope")
    assert end.startswith(b"event:error\nstatus:429\ndata:{")
    event = json.loads(end.partition(b"data:")[2])
    assert event["code"] == "Throttling.AllocationQuota"


def test_responses_error_is_a_pair_that_continues_the_count() -> None:
    """Codex stops at the first, SDKs raise for the second."""
    ending = StreamEnding("openai_responses")
    start = RESPONSE[: ends_of_events(RESPONSE)[3]]
    (_, failed), (_, error) = parsed(ending.cut(start, REFUSAL).removeprefix(start))
    assert failed["type"] == "response.failed"
    assert failed["response"]["id"] == "resp_1"
    assert failed["response"]["status"] == "failed"
    assert failed["response"]["error"]["code"] == "insufficient_quota"
    assert (failed["sequence_number"], error["sequence_number"]) == (3, 4)


# --- every cut -----------------------------------------------------------------------------


@pytest.mark.parametrize("piece", [1, 7, 64, 10_000])
@pytest.mark.parametrize(
    ("stream", "how"),
    [
        pytest.param(MESSAGE, {"dialect": "anthropic"}, id="anthropic"),
        pytest.param(
            MESSAGE, {"dialect": "anthropic", "user_agent": CLAUDE_CODE}, id="claude code"
        ),
        pytest.param(RESPONSE, {"dialect": "openai_responses"}, id="responses"),
        pytest.param(RESPONSE, {"dialect": "openai_responses", "user_agent": CODEX}, id="codex"),
        pytest.param(
            b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n' * 6,
            {"dialect": "openai"},
            id="chat",
        ),
        pytest.param(
            b'data: {"candidates":[{"content":{}}]}\r\n\r\n' * 6, {"dialect": "google"}, id="google"
        ),
    ],
)
def test_every_cut_of_an_event_stream_ends_it(
    stream: bytes, how: dict[str, str], piece: int
) -> None:
    """Only whole events of the provider come before the end, unless half of one was out already."""
    for position in range(0, len(stream) + 1, 3):
        given = cut_at(stream, position, piece=piece, **how)
        try:
            events = list(parsed(given))
        except ValueError:
            begun = position - position % piece
            assert b"\n\n" not in stream[begun:position], "an event was broken without need"
            events = list(parsed(given[given.rindex(b"\n\n", 0, given.rindex(b"data: {")) :]))
        _, last = events[-1]
        assert "error" in last or last["type"] in ("message_stop", "response.completed")


def test_cut_between_events_adds_no_blank_event() -> None:
    """What was begun by this very piece is left out, and nothing else."""
    event = b'data: {"a":1}\n\n'
    ending = StreamEnding("openai")
    ending.feed(event)
    assert ending.cut(b'data: {"b"', REFUSAL) == end_stream(REFUSAL, dialect="openai")
    assert ending.cut(event + b"data: {", REFUSAL).startswith(event + b'data: {"error"')


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("piece", [1, 2, 3, 5, 1_000])
def test_sse_cursor_finds_every_end_whatever_the_pieces(end: str, piece: int) -> None:
    """The specification knows three line ends."""
    event = f"event: x{end}data: {{}}{end}{end}".encode()
    stream = event * 3
    cursor, found = SseCursor(), []
    for start in range(0, len(stream), piece):
        offset = cursor.advance(stream[start : start + piece])
        if offset is not None:
            found.append(start + offset)
    assert found[-1] == len(stream)
    assert set(found) <= {len(event), 2 * len(event), 3 * len(event)}
    assert not cursor.inside


@pytest.mark.parametrize("piece", [1, 2, 3, 8, 1_000])
def test_array_cursor_is_not_misled_by_strings(piece: int) -> None:
    """Brackets, quotes and backslashes inside of strings are text."""
    elements = [{"a": ['}],{"', "\\", {"b": 'say "hi"]'}]}, {"c": 2}, {"d": "\\\\"}]
    stream = json.dumps(elements).encode()
    cursor, found = ArrayCursor(), []
    for start in range(0, len(stream), piece):
        offset = cursor.advance(stream[start : start + piece])
        if offset is not None:
            found.append(start + offset)
    assert found[-1] == len(stream) - 1
    assert (cursor.elements, cursor.opened, cursor.inside) == (3, False, False)
    for end in found:
        assert json.loads(stream[:end] + b"]") == elements[: len(json.loads(stream[:end] + b"]"))]


@pytest.mark.parametrize("piece", [1, 4, 9, 10_000])
def test_google_array_is_closed_as_an_array(piece: int) -> None:
    """Clients that read the whole answer as one document can, unless half an element was out."""
    stream = b'[{"candidates":[{"text":"a]}"}]}\n,\r\n{"candidates":[]}\n,\r\n{"x":1}\n]'
    for position in range(len(stream) - 1):
        given = cut_at(
            stream, position, piece=piece, dialect="google", content_type="application/json"
        )
        try:
            document = json.loads(given)
        except ValueError:
            assert stream.startswith(given), "only half an element may be left broken"
            assert piece < 10_000
        else:
            assert document[-1]["error"]["status"] == "RESOURCE_EXHAUSTED"


def test_a_document_that_is_no_stream_is_left_alone() -> None:
    """Nothing that could follow half a JSON object would be understood."""
    ending = StreamEnding("openai", content_type="application/json")
    assert ending.cut(b'{"a": {"b": 1}', REFUSAL) == b'{"a": {"b": 1}'


def test_lines_are_ended_with_a_line() -> None:
    """NDJSON of Ollama and of Cohere v1."""
    cursor = LineCursor()
    assert (cursor.advance(b'{"a":1}\n{"b"'), cursor.inside) == (8, True)
    assert (cursor.advance(b":2}"), cursor.inside) == (None, True)
    ollama = StreamEnding("ollama", content_type="application/x-ndjson")
    first, last = ollama.cut(b'{"a":1}\n{"b"', REFUSAL).splitlines()
    assert (json.loads(first), json.loads(last)["error"]) == ({"a": 1}, REFUSAL.message)
    cohere = StreamEnding("cohere", content_type="application/stream+json")
    cohere.feed(b'{"half":')
    assert json.loads(cohere.cut(b"1", REFUSAL).splitlines()[-1])["finish_reason"] == "ERROR"


def frame(payload: bytes) -> bytes:
    """One AWS frame without headers."""
    prelude = struct.pack(">II", 16 + len(payload), 0)
    body = prelude + struct.pack(">I", crc32(prelude)) + payload
    return body + struct.pack(">I", crc32(body))


@pytest.mark.parametrize("piece", [1, 3, 50, 1_000])
def test_frame_cursor_counts_frames(piece: int) -> None:
    """The length in front of each frame is all that there is to go by."""
    stream = frame(b"one") + frame(b"") + frame(b"three" * 20)
    cursor, found = FrameCursor(), []
    for start in range(0, len(stream), piece):
        offset = cursor.advance(stream[start : start + piece])
        if offset is not None:
            found.append(start + offset)
    assert found[-1] == len(stream)
    assert not cursor.inside


def test_event_stream_ends_with_a_valid_exception_frame() -> None:
    """Lengths and both checksums hold, or botocore would raise for those."""
    ending = StreamEnding("bedrock", content_type="application/vnd.amazon.eventstream")
    start = frame(b"one")
    end = ending.cut(start + frame(b"two")[:5], REFUSAL).removeprefix(start)
    total, headers_size, prelude_crc = struct.unpack(">III", end[:12])
    assert total == len(end)
    assert prelude_crc == crc32(end[:8])
    assert struct.unpack(">I", end[-4:])[0] == crc32(end[:-4])
    headers = end[12 : 12 + headers_size]
    assert b"\x0f:exception-type\x07\x00\x13throttlingException" in headers
    assert json.loads(end[12 + headers_size : -4])["message"] == REFUSAL.message


# --- the graceful ends ---------------------------------------------------------------------


def test_claude_codes_open_text_is_closed_as_an_answer() -> None:
    """One more line in the same block, then the closing events in their order."""
    for position in ends_of_events(MESSAGE):
        given = cut_at(MESSAGE, position, piece=10_000, dialect="anthropic", user_agent=CLAUDE_CODE)
        kinds = [event["type"] for _, event in parsed(given.removeprefix(MESSAGE[:position]))]
        seen = [event for _, event in parsed(MESSAGE[:position])]
        in_text = bool(seen) and seen[-1].get("index", 1) == 1 and len(seen) in (5, 6, 7)
        if in_text:
            assert kinds == [
                "content_block_delta", "content_block_stop", "message_delta", "message_stop",
            ]  # fmt: skip
        else:
            assert kinds == ["error"]


def test_a_graceful_end_is_not_a_truncation() -> None:
    """Claude Code asks three times more after `max_tokens`; the token count is the provider's."""
    given = end_of(AnthropicWatch(), MESSAGE, events=7, dialect="anthropic", user_agent=CLAUDE_CODE)
    delta, stop, message, _ = (event for _, event in parsed(given))
    assert REFUSAL.message in delta["delta"]["text"]
    assert delta["index"] == stop["index"] == 1
    assert message["delta"]["stop_reason"] == "end_turn"
    assert message["usage"] == {"output_tokens": 1}


def test_codexes_open_text_is_closed_with_all_of_it() -> None:
    """Codex keeps what the closing item says, so that holds the text before, too."""
    given = end_of(
        ResponsesWatch(), RESPONSE, events=7, dialect="openai_responses", user_agent=CODEX
    )
    events = [event for _, event in parsed(given)]
    assert [event["type"] for event in events] == [
        "response.output_text.delta", "response.output_text.done", "response.content_part.done",
        "response.output_item.done", "response.completed",
    ]  # fmt: skip
    assert [event["sequence_number"] for event in events] == [7, 8, 9, 10, 11]
    text = events[2]["part"]["text"]
    assert text.startswith("Hello\n\n")
    assert REFUSAL.message in text
    item = events[3]["item"]
    assert (item["id"], item["role"], item["content"][0]["text"]) == ("msg_1", "assistant", text)
    response = events[4]["response"]
    assert (response["id"], response["status"]) == ("resp_1", "completed")
    assert [each["id"] for each in response["output"]] == ["rs_1", "msg_1"]


@pytest.mark.parametrize("events", [1, 2, 3, 4, 8, 9, 10, 11])
def test_codex_gets_the_error_pair_where_no_text_is_open(events: int) -> None:
    """Before, between and after text, and never while a call is being written."""
    given = end_of(
        ResponsesWatch(), RESPONSE, events=events, dialect="openai_responses", user_agent=CODEX
    )
    assert [event["type"] for _, event in parsed(given)] == ["response.failed", "error"]


def test_a_tool_call_rules_a_graceful_end_out_for_good() -> None:
    """Text after a call: closing the turn would have the client run the call."""
    given = end_of(
        AnthropicWatch(), MESSAGE, events=13, dialect="anthropic", user_agent=CLAUDE_CODE
    )
    assert [name for name, _ in parsed(given)] == ["error"]


@pytest.mark.parametrize("user_agent", ["Anthropic/Python 2.11.0", "", "opencode/1.18"])
def test_programs_always_get_the_error_event(user_agent: str) -> None:
    """They can handle it; a closed stream would look like a whole answer."""
    given = end_of(AnthropicWatch(), MESSAGE, events=7, dialect="anthropic", user_agent=user_agent)
    assert [name for name, _ in parsed(given)] == ["error"]


def end_of(watch: Watch, stream: bytes, *, events: int, **how: str) -> bytes:
    """The end that follows the first `events` of a stream."""
    for name, event in list(parsed(stream))[:events]:
        watch.event(name, json.dumps(event).encode())
    return end_stream(REFUSAL, state=watch.state, **how)


@pytest.mark.parametrize("junk", [b"", b"nonsense", b"[1]", b"[" * 100_000, b'{"item": 3}'])
@pytest.mark.parametrize("watch", [AnthropicWatch, ResponsesWatch])
def test_a_watch_never_fails_a_stream(watch: Callable[[], Watch], junk: bytes) -> None:
    """Whatever a provider sends, there is a state."""
    names = [
        "message_start", "content_block_start", "response.created", "response.output_item.added",
        "response.content_part.added", "response.output_text.delta", "response.output_item.done",
        "",
    ]  # fmt: skip
    follower = watch()
    for name in names:
        follower.event(name, junk)
        assert end_stream(REFUSAL, dialect="anthropic", state=follower.state)


def test_an_endless_event_is_not_kept() -> None:
    """Memory is bounded; the stream then ends with the error event."""
    ending = StreamEnding("anthropic", user_agent=CLAUDE_CODE)
    opened = MESSAGE[: ends_of_events(MESSAGE)[5]]
    ending.feed(opened)
    ending.feed(b"data: " + b"x" * (EVENT_BYTES_MAX + 1))
    ending.feed(b"\n\n")
    assert [name for name, _ in parsed(ending.cut(b"", REFUSAL))] == ["error"]


def test_a_long_answer_is_not_kept_for_its_closing() -> None:
    """Past the bound a Codex turn ends with the error pair."""
    watch = ResponsesWatch()
    for name, event in list(parsed(RESPONSE))[:5]:
        watch.event(name, json.dumps(event).encode())
    delta = json.dumps({"delta": "x" * 2**20}).encode()
    for _ in range(5):
        watch.event("response.output_text.delta", delta)
    assert watch.state.open_text is None
