"""
Promise: what is left unread of a stream, as its end tells all, would not have changed its bill.

Every reader that lets bytes pass unread is fed the same stream twice: once as it is, and once with
every event read.
"""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmcap.metering.meter import Meter
from llmcap.providers import PROVIDERS
from llmcap.providers.anthropic.messages import MessagesReader
from llmcap.providers.openai.chat import ChatReader
from llmcap.providers.openai.responses import ResponsesReader
from llmcap.providers.parts.billed import BilledReader
from llmcap.providers.parts.reader import BaseReader
from llmcap.providers.parts.shape import Ask, Document, Endpoint, Reader
from llmcap.words.records import Reading

ASK = Ask(model="claude-fable-5", stream=True)


def inner(reader: Reader) -> BaseReader:
    """The reader of the usage, without what looks for a bill."""
    found = reader._inner if isinstance(reader, BilledReader) else reader
    assert isinstance(found, BaseReader)
    return found


def that_skip() -> Iterator[Endpoint]:
    """An endpoint for each kind of reader that lets bytes pass unread."""
    known = set()
    for provider in PROVIDERS:
        for _, _, endpoint in provider.routes or getattr(provider.match, "table", ()):
            reader = endpoint.reader(ASK) if endpoint.reader else None
            if reader is not None and reader.telling and type(inner(reader)) not in known:
                known.add(type(inner(reader)))
                yield endpoint


ENDPOINTS = list(that_skip())


def name_of(endpoint: Endpoint) -> str:
    """The class of its reader."""
    assert endpoint.reader is not None
    return type(inner(endpoint.reader(ASK))).__name__


def read(endpoint: Endpoint, events: list[Document], *, all_of_it: bool, pieces: int) -> Reading:
    """What is understood of a stream, with every event read or with those that are marked."""
    meter = Meter(endpoint, ASK, status=200, headers={"content-type": "text/event-stream"})
    if all_of_it:
        meter._skips = False
    wire = b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)
    size = max(-(-len(wire) // pieces), 1)
    for start in range(0, len(wire), size):
        meter.feed(wire[start : start + size])
    return meter.finish()


# --- what streams are made of ---------------------------------------------------------------

COUNTS = st.sampled_from((0, 1, 40, 3_000))


def block(content: Document, *deltas: Document) -> list[Document]:
    """A block of a message, from its beginning to its end."""
    return [
        {"type": "content_block_start", "index": 0, "content_block": content},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
    ]


BLOCKS = st.sampled_from(
    (
        block({"type": "text", "text": ""}, *[{"type": "text_delta", "text": "word "}] * 9),
        block({"type": "thinking", "thinking": ""}, {"type": "thinking_delta", "thinking": "hm"}),
        block({"type": "thinking", "thinking": ""}, {"type": "signature_delta", "signature": "x"}),
        block({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}),
        block({"type": "fallback", "trigger": {"type": "refusal", "category": "cyber"}}),
        block({"type": "fallback", "trigger": {"type": "refusal", "category": "bio"}}),
    )
)
PASSES = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(("message", "fallback_message", "compaction")),
            "model": st.sampled_from(("claude-fable-5", "claude-opus-4-8")),
            "input_tokens": COUNTS,
            "output_tokens": COUNTS,
        }
    ),
    max_size=3,
)


@st.composite
def messages(draw: st.DrawFn) -> list[Document]:
    """Messages of Anthropic's API."""
    start = {"id": "m", "type": "message", "model": "claude-fable-5", "content": []}
    stop = draw(st.sampled_from(("end_turn", "refusal")))
    details = {"type": "refusal", "category": draw(st.sampled_from(("cyber", "bio", None)))}
    usage = {"input_tokens": draw(COUNTS), "output_tokens": draw(COUNTS)}
    if passes := draw(PASSES):
        usage["iterations"] = passes
    blocks = draw(st.lists(BLOCKS, max_size=4))
    return [
        {"type": "message_start", "message": {**start, "usage": {"input_tokens": 5}}},
        *(event for each in blocks for event in each),
        {
            "type": "message_delta",
            "delta": {"stop_reason": stop, "stop_details": details},
            "usage": usage,
        },
        {"type": "message_stop"},
    ]


@st.composite
def chunks(draw: st.DrawFn) -> list[Document]:
    """Chunks of a chat, whose usage is told in all of them, at the end, or never."""
    usage = {"prompt_tokens": draw(COUNTS), "completion_tokens": draw(COUNTS)}
    words = [
        {"model": "gpt-4o", "choices": [{"index": 0, "delta": delta}]}
        for delta in ({"role": "assistant"}, {"content": "word "}, {"reasoning_content": "hm"})
        for _ in range(draw(st.integers(1, 6)))
    ]
    if draw(st.booleans()):
        words = [{**each, "usage": {**usage, "completion_tokens": 1}} for each in words]
    stop = {"model": "gpt-4o", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    last = {"model": "gpt-4o", "choices": [], "usage": usage}
    tail = draw(st.sampled_from(([stop], [stop, last], [{**stop, "usage": usage}], [last])))
    if tier := draw(st.sampled_from(("priority", "flex", ""))):
        tail = [{**each, "service_tier": tier} for each in tail]
    return [*words, *tail]


@st.composite
def responses(draw: st.DrawFn) -> list[Document]:
    """Events of a response."""
    item = draw(st.sampled_from(("message", "web_search_call", "code_interpreter_call")))
    head = {"id": "r", "model": "gpt-4o"}
    usage = {"input_tokens": draw(COUNTS), "output_tokens": draw(COUNTS)}
    ending = draw(st.sampled_from(("completed", "incomplete", "failed")))
    output = draw(st.sampled_from(([], [{"type": item}])))
    return [
        {"type": "response.created", "response": {**head, "status": "in_progress"}},
        {"type": "response.output_item.added", "item": {"type": item}},
        *[{"type": "response.output_text.delta", "delta": "word "}] * draw(st.integers(0, 9)),
        {"type": "response.output_item.done", "item": {"type": item}},
        {
            "type": f"response.{ending}",
            "response": {**head, "status": ending, "output": output, "usage": usage},
        },
    ]


def streams_of(endpoint: Endpoint) -> st.SearchStrategy[list[Document]]:
    """Streams of the format that its reader reads."""
    assert endpoint.reader is not None
    reader = inner(endpoint.reader(ASK))
    formats = ((MessagesReader, messages()), (ResponsesReader, responses()), (ChatReader, chunks()))
    return next(streams for kind, streams in formats if isinstance(reader, kind))


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=name_of)
@settings(max_examples=25, deadline=None)
@given(data=st.data(), pieces=st.sampled_from((1, 2, 30)))
def test_what_stays_unread_would_not_have_changed_the_bill(
    endpoint: Endpoint, data: st.DataObject, pieces: int
) -> None:
    """Of every vendor and format, in any cut."""
    events = data.draw(streams_of(endpoint))
    skipped = read(endpoint, events, all_of_it=False, pieces=pieces)
    whole = read(endpoint, events, all_of_it=True, pieces=pieces)
    assert (skipped.charges, skipped.complete, skipped.error, skipped.billed_usd) == (
        whole.charges, whole.complete, whole.error, whole.billed_usd,
    )  # fmt: skip
