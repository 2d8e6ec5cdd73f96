"""
Promise: whatever bytes arrive, the meter yields usage or says why not. It never raises, and a bound
holds for everything it keeps.
"""

import gzip
import json
import tracemalloc
import zlib
from decimal import Decimal
from typing import override

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from llmcap.metering.meter import BACKLOG_BYTES_MAX, Meter
from llmcap.providers import openrouter
from llmcap.providers.anthropic import provider as anthropic
from llmcap.providers.google import provider as google
from llmcap.providers.openai import assistants as openai_assistants
from llmcap.providers.openai import provider as openai
from llmcap.providers.parts.reader import BaseReader
from llmcap.providers.parts.shape import Ask, Document, Endpoint
from llmcap.streams import framing
from llmcap.words.records import Reading, Usage

USAGE = {"prompt_tokens": 5, "completion_tokens": 2}
CHUNK = {"choices": [{"delta": {"content": "hi"}}], "usage": None}
STREAM = b"".join(
    b"data: " + (data if isinstance(data, bytes) else json.dumps(data).encode()) + b"\n\n"
    for data in (CHUNK, CHUNK, {"choices": [], "usage": USAGE}, b"[DONE]")
)
BODY = json.dumps({"model": "gpt-4o", "choices": [], "usage": USAGE}).encode()


def meter(
    endpoint: Endpoint = openai.CHAT, *, stream: bool = False, status: int = 200, **headers: str
) -> Meter:
    """A meter; header names with underscores for hyphens."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Meter(endpoint, Ask(model="m", stream=stream), status=status, headers=names)


def fed(each: Meter, *pieces: bytes) -> Reading:
    """The reading after these pieces and the end."""
    for piece in pieces:
        each.feed(piece)
    return each.finish()


def used(reading: Reading) -> list[Usage]:
    """The usage of each charge."""
    return [charge.usage for charge in reading.charges]


EXPECTED = [Usage(input_tokens=5, output_tokens=2)]
RESPONSES = {
    "a body": ({"content_type": "application/json"}, False, BODY),
    "a stream": ({"content_type": "text/event-stream"}, True, STREAM),
    "a stream without a type": ({}, True, STREAM),
    "a stream, compressed": (
        {"content_type": "text/event-stream", "content_encoding": "gzip"},
        True,
        gzip.compress(STREAM),
    ),
    "a body, compressed": (
        {"content_type": "application/json", "content_encoding": "deflate"},
        False,
        zlib.compress(BODY),
    ),
    "a body as an answer to a stream": ({"content_type": "text/event-stream"}, True, BODY),
    "a body in an array": ({"content_type": "application/json"}, False, b"[" + BODY + b"]"),
    "lines under another type": (
        {"content_type": "text/plain"},
        False,
        BODY + b"\n" + BODY + b"\n",
    ),
    "broken UTF-8 in a text": (
        {"content_type": "application/json"},
        False,
        BODY.replace(b'"choices"', b'"x": "\xff\xfe", "choices"'),
    ),
}


@pytest.mark.parametrize(("headers", "stream", "wire"), RESPONSES.values(), ids=RESPONSES)
def test_usage_is_the_same_in_every_cut(headers, stream, wire):
    """Whole, byte by byte and split at every point."""
    assert used(fed(meter(stream=stream, **headers), wire)) == EXPECTED
    assert used(fed(meter(stream=stream, **headers), *(bytes([byte]) for byte in wire))) == EXPECTED
    for cut in range(len(wire) + 1):
        assert used(fed(meter(stream=stream, **headers), wire[:cut], wire[cut:])) == EXPECTED, cut


def test_a_reading_is_complete_before_the_stream_ends():
    """The ledger is written before the client has the last bytes."""
    each = meter(stream=True, content_type="text/event-stream")
    each.feed(STREAM.removesuffix(b"data: [DONE]\n\n"))
    assert each.reading.complete


def test_a_body_is_read_when_all_announced_bytes_are_here():
    """There is no need to wait for the connection to say so."""
    each = meter(content_type="application/json", content_length=str(len(BODY)))
    each.feed(BODY[:-1])
    assert not each.reading.complete
    each.feed(BODY[-1:])
    assert each.reading.complete


def test_a_broken_stream_tells_what_was_seen():
    """Not complete, with the text that came."""
    reading = fed(meter(stream=True, content_type="text/event-stream"), STREAM[: len(STREAM) // 2])
    assert (reading.complete, reading.charges) == (False, ())
    assert reading.visible_bytes >= 2


def test_a_broken_body_tells_nothing():
    """Its usage is unknown."""
    reading = fed(meter(content_type="application/json"), BODY[:-5])
    assert (reading.complete, reading.charges) == (False, ())


def test_an_encoding_that_nobody_knows_is_a_failure():
    """Unknown is not free."""
    each = meter(content_type="application/json", content_encoding="exi")
    assert not fed(each, BODY).complete
    assert each.failed is not None
    assert "'exi'" in each.failed


def test_usage_that_was_read_survives_what_follows():
    """Rubbish after the end does not undo the bill."""
    each = meter(stream=True, content_type="text/event-stream", content_encoding="br")
    reading = fed(each, brotli.compress(STREAM), b"rubbish" * 9)
    assert reading.complete


def test_a_body_past_the_bound_fails(monkeypatch):
    """Memory is bounded, and the reason is told."""
    monkeypatch.setattr(framing, "BODY_BYTES_MAX", 1_000)
    each = meter(content_type="application/json")
    assert not fed(each, *([b'{"a": "' + b"x" * 99] * 20)).complete
    assert each.failed == "the response is longer than 1000 bytes"


def test_a_bomb_does_not_fill_the_memory(monkeypatch):
    """A hundred kilobytes that decode to a hundred megabytes."""
    monkeypatch.setattr(framing, "BODY_BYTES_MAX", 2 * 1024 * 1024)
    bomb = gzip.compress(b"{" + b" " * 100 * 1024 * 1024, 9)
    each = meter(content_type="application/json", content_encoding="gzip")
    tracemalloc.start()
    try:
        each.feed(bomb)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert each.failed is not None
    assert peak_bytes < 8 * 1024 * 1024


class Broken(BaseReader):
    """A reader with a mistake in it."""

    @override
    def body(self, document: Document) -> None:
        raise KeyError("what the prompt said")


@pytest.mark.parametrize(("stream", "wire"), [(True, STREAM), (False, BODY)])
def test_a_mistake_of_ours_is_a_failure_that_quotes_nothing(stream, wire):
    """The stream goes on, and no word of it is in the reason."""
    each = meter(Endpoint(name="broken", reader=Broken), stream=stream)
    assert fed(each, wire) == Reading()
    assert each.failed == "the meter failed with a KeyError"


def test_an_endpoint_without_a_reader_reads_nothing():
    """What is free needs no meter."""
    assert fed(meter(openai.FREE, content_type="application/json"), BODY) == Reading()


ENDPOINTS = [
    openai.CHAT,
    openai.RESPONSES,
    openai.EMBEDDINGS,
    openai.IMAGES,
    openai.SPEECH,
    openai.TRANSCRIPTION,
    openai_assistants.RUN,
    openai.VIDEO,
    anthropic.MESSAGES,
    anthropic.BATCH_RESULTS,
    google.GENERATE,
    google.EMBED,
    google.INTERACTION,
    google.CHAT,
]
TYPES = (
    "",
    "application/json",
    "text/event-stream",
    "application/x-ndjson",
    "audio/mpeg",
    "application/vnd.amazon.eventstream",
    "text/plain",
)
KEYS = st.sampled_from(
    (
        "usage",
        "type",
        "response",
        "message",
        "delta",
        "usageMetadata",
        "candidates",
        "choices",
        "iterations",
        "output",
        "tool_usage",
        "error",
        "model",
        "id",
        "content",
        "interaction",
        "result",
        "input_tokens",
        "output_tokens",
        "prompt_tokens",
        "totalTokenCount",
        "status",
        "object",
        "data",
        "content_block",
        "cache_creation",
        "promptTokensDetails",
        "modality",
        "service_tier",
        "tools",
    )
)
WORDS = st.sampled_from(
    (
        "message_start",
        "message_delta",
        "content_block_start",
        "response.completed",
        "thread.run",
        "completed",
        "interaction.completed",
        "image_generation_call",
        "web_search_call",
        "flex",
    )
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)


@settings(deadline=None)
@given(
    st.sampled_from(ENDPOINTS),
    st.sampled_from(TYPES),
    st.booleans(),
    st.lists(st.dictionaries(KEYS, VALUES, max_size=6), max_size=4),
)
def test_documents_of_any_shape_are_read(endpoint, content_type, stream, documents):
    """The words of the APIs in every wrong place: no reader has a mistake to make."""
    texts = [json.dumps(document).encode() for document in documents]
    wires = (
        b"".join(b"data: " + text + b"\n\n" for text in texts),
        b"\n".join(texts),
        b"".join(texts[:1]),
    )
    for wire in wires:
        each = meter(endpoint, stream=stream, content_type=content_type)
        reading = fed(each, wire)
        assert each.failed is None or "failed with a" not in each.failed, each.failed
        for usage in used(reading):
            assert usage.input_tokens >= 0
            assert usage.output_tokens >= 0


@settings(deadline=None)
@given(st.binary(max_size=400), st.sampled_from(TYPES), st.sampled_from(("", "gzip", "br", "zstd")))
def test_any_bytes_are_metered(data: bytes, content_type: str, encoding: str):
    """One by one, through every encoding and framing."""
    each = meter(stream=True, content_type=content_type, content_encoding=encoding)
    fed(each, *(bytes([byte]) for byte in data))
    assert each.failed is None or "failed with a" not in each.failed, each.failed


def chunks(count: int, *last: dict[str, object]) -> list[bytes]:
    """A stream of chat completions: so many words, then these chunks, then its end."""
    words = [{"model": "gpt-4o", "choices": [{"delta": {"content": "word "}}]}] * count
    datas = [json.dumps(each).encode() for each in (*words, *last)]
    return [b"data: " + data + b"\n\n" for data in (*datas, b"[DONE]")]


SSE = {"content_type": "text/event-stream"}


def test_what_comes_before_the_usage_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The words of an answer cost nothing to let through."""
    each, read = meter(stream=True, **SSE), []
    pieces = chunks(300, {"model": "gpt-4o", "choices": [], "usage": USAGE})
    each.feed(pieces[0])
    monkeypatch.setattr(each._reader, "event", lambda *event: read.append(event))
    for piece in pieces[1:-2]:
        each.feed(piece)
    assert read == []
    assert each.unread_bytes == sum(map(len, pieces[1:-2]))


def test_usage_at_the_end_is_found_behind_whatever_was_not_read() -> None:
    """And nothing stays unread then."""
    each = meter(stream=True, **SSE)
    for piece in chunks(3_000, {"model": "gpt-4o", "choices": [], "usage": USAGE}):
        each.feed(piece)
    assert each.unread_bytes == 0
    assert each.reading.complete
    assert used(each.reading) == EXPECTED


@pytest.mark.parametrize(
    "last",
    [
        pytest.param(
            {"choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 0}}, id="0"
        ),
        pytest.param({"error": {"code": "server_error"}}, id="an error"),
        pytest.param({"choices": []}, id="no usage"),
    ],
)
def test_an_end_that_tells_nothing_lets_all_be_read(last: dict[str, object]) -> None:
    """What was seen is then all that is known."""
    each = meter(stream=True, **SSE)
    for piece in chunks(500, last):
        each.feed(piece)
    assert each.finish().visible_bytes == 500 * len("word ")


def test_asking_reads_what_came_so_far() -> None:
    """Whoever wants to know how much was seen gets the truth."""
    each = meter(stream=True, **SSE)
    for count, piece in enumerate(chunks(100)[:-1], start=1):
        each.feed(piece)
        assert each.reading.visible_events == count


def test_unread_bytes_are_bounded() -> None:
    """An endless answer does not fill the memory, and nothing of it is forgotten."""
    each = meter(stream=True, **SSE)
    pieces = chunks(20_000)
    for piece in pieces:
        each.feed(piece)
        assert each.unread_bytes <= BACKLOG_BYTES_MAX
    assert each.finish().visible_events == 20_000


UNTOLD = {
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "deflate": lambda body: zlib.compress(body)[2:],
    "br": brotli.compress,
    "zstd": zstandard.compress,
    "UTF-16": lambda body: body.decode().encode("utf-16"),
    "UTF-32": lambda body: body.decode().encode("utf-32-be"),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("packed", UNTOLD.values(), ids=UNTOLD)
def test_bytes_that_are_no_text_do_not_bound_what_they_are(packed, stream):
    """A thousand words are a few bytes, where somebody has packed them and does not say so."""
    body = json.dumps({"choices": [{"message": {"content": "word " * 1_000}}]}).encode()
    kind = "text/event-stream" if stream else "application/json"
    for status, failed in ((200, True), (503, False)):
        each = meter(stream=stream, status=status, content_type=kind)
        assert not fed(each, packed(body)).complete
        assert bool(each.failed) is failed


@pytest.mark.parametrize(
    "body", ['{"a": "b"', "\ufeffgr\u00fc\u00dfe \u4f60" * 9, "\x1b[1mhi", "", " \n"]
)
def test_text_that_nobody_understood_is_bounded_by_its_bytes(body):
    """In whatever script, cut anywhere."""
    for end in range(len(body.encode()) + 1):
        each = meter()
        fed(each, body.encode()[:end])
        assert each.failed is None


def sse(*events: object) -> bytes:
    """A stream of these."""
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


CLAUDE_ANSWER = sse(
    {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 5}}},
    {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "hi"}},
    {"type": "message_delta", "delta": {"stop_reason": "end"}, "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
)
GPT_ANSWER = sse(
    {"type": "response.output_text.delta", "delta": "hi"},
    {"type": "response.completed", "response": {"usage": {"input_tokens": 5, "output_tokens": 2}}},
)
ANSWERS = {
    "chat": (openai.CHAT, STREAM),
    "messages": (anthropic.MESSAGES, CLAUDE_ANSWER),
    "responses": (openai.RESPONSES, GPT_ANSWER + b"data: [DONE]\n\n"),
}


@pytest.mark.parametrize(("endpoint", "wire"), ANSWERS.values(), ids=ANSWERS)
def test_two_answers_in_one_stream_are_two_on_the_bill(endpoint, wire):
    """Whatever is behind the first one's end is not its usage told again; half of one is seen."""
    for size in (1, 7, len(wire), 2 * len(wire)):
        both, each = 2 * wire, meter(endpoint, stream=True, content_type="text/event-stream")
        reading = fed(each, *(both[at : at + size] for at in range(0, len(both), size)))
        assert reading.complete
        assert used(reading) == 2 * EXPECTED
    each = meter(endpoint, stream=True, content_type="text/event-stream")
    broken = fed(each, wire + wire[: len(wire) // 2])
    assert not broken.complete
    assert used(broken)[:1] == EXPECTED
    alone = fed(meter(endpoint, stream=True, content_type="text/event-stream"), wire, b": ping\n\n")
    assert alone.complete
    assert used(alone) == EXPECTED


@pytest.mark.parametrize("bills", [(0.5, None), (None, 0.5), (0.5, 0.25)], ids=str)
def test_a_bill_of_one_answer_is_none_of_two(bills):
    """An answer that tells none, beside one that does, would be free."""
    counts = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    told = [counts if bill is None else counts | {"cost": bill} for bill in bills]
    wire = [sse({"choices": [], "usage": usage}) + b"data: [DONE]\n\n" for usage in told]
    chat = openrouter.PROVIDER.match("POST", "/api/v1/chat/completions")
    assert chat is not None
    each = meter(chat, stream=True, content_type="text/event-stream")
    reading = fed(each, *wire)
    assert reading.complete
    assert len(reading.charges) == 2
    assert reading.billed_usd == (Decimal("0.75") if None not in bills else None)
