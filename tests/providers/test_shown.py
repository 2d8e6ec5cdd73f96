"""Promise: a tool of the vendor's own is counted by whatever of its use an answer shows."""

import json

import pytest

from llmcap.metering.bill import total
from llmcap.metering.meter import Meter
from llmcap.providers import match
from llmcap.providers.parts.shape import Ask

OPENAI = ("api.openai.com", "/v1/responses", "gpt-5.4")
CLAUDE = ("api.anthropic.com", "/v1/messages", "claude-sonnet-4-5")
GEMINI = ("generativelanguage.googleapis.com", "/v1beta/models/m:streamGenerateContent", "m")

CALL = {"type": "web_search_call", "id": "ws_1", "action": {"type": "search", "query": "x"}}
USED = {"type": "server_tool_use", "id": "s_1", "name": "web_search", "input": {}}
RESULT = {"type": "web_search_tool_result", "tool_use_id": "s_1", "content": []}


def added(item):
    """An item of a response begins."""
    return {"type": "response.output_item.added", "output_index": 0, "item": item}


def done(item):
    """It ends."""
    return {"type": "response.output_item.done", "output_index": 0, "item": item}


def step(name, **item_id):
    """Something is told of it in between."""
    return {"type": f"response.web_search_call.{name}", "output_index": 0, **item_id}


def completed(*output):
    """The end of a response."""
    usage = {"input_tokens": 1, "output_tokens": 1}
    return {"type": "response.completed", "response": {"output": output, "usage": usage}}


def began():
    """Of a message."""
    usage = {"input_tokens": 1, "output_tokens": 1}
    return {"type": "message_start", "message": {"id": "m", "usage": usage}}


def block(content):
    """One of its blocks."""
    return {"type": "content_block_start", "index": 0, "content_block": content}


def stopped():
    """The end of a message."""
    told = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    return {**told, "usage": {"output_tokens": 1}}


def found(**grounding):
    """A chunk of Gemini's with what a search has brought."""
    return {
        "candidates": [{"groundingMetadata": grounding, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1},
    }


MESSAGE = {"type": "message", "content": []}
BARE = {key: CALL[key] for key in ("type", "action")}
SHOWN = {
    "its beginning": (OPENAI, [added(CALL), completed(MESSAGE)]),
    "its end": (OPENAI, [done(CALL), completed(MESSAGE)]),
    "both": (OPENAI, [added(CALL), done(CALL), completed(MESSAGE)]),
    "all of it": (
        OPENAI,
        [added(CALL), step("searching", item_id="ws_1"), done(CALL), completed(CALL, MESSAGE)],
    ),
    "all of it, without ids": (OPENAI, [added(BARE), step("searching"), done(BARE), completed()]),
    "another id at the end": (OPENAI, [done(CALL), completed({**CALL, "id": "ws_9"})]),
    "what it does": (OPENAI, [step("in_progress", item_id="ws_1"), completed()]),
    "that it did": (OPENAI, [step("completed", item_id="ws_1"), completed(MESSAGE)]),
    "the list of all": (OPENAI, [completed(CALL)]),
    "a use": (CLAUDE, [began(), block(USED), stopped()]),
    "a result": (CLAUDE, [began(), block(RESULT), stopped()]),
    "a use and its result": (CLAUDE, [began(), block(USED), block(RESULT), stopped()]),
    "a query": (GEMINI, [found(webSearchQueries=["x"])]),
    "a page": (GEMINI, [found(groundingChunks=[{"web": {"uri": "x"}}])]),
    "a link to more": (GEMINI, [found(searchEntryPoint={"renderedContent": "x"})]),
}


def read(where, events):
    """What is understood of a stream."""
    host, path, model = where
    known = match(host, "POST", path)
    assert known is not None
    endpoint = known[1]
    assert endpoint is not None
    ask = Ask(model=model, stream=True, fees={"web_search": 10}, tool_calls=10)
    headers = {"content-type": "text/event-stream"}
    meter = Meter(endpoint, ask, status=200, headers=headers)
    for event in events:
        meter.feed(b"data: " + json.dumps(event).encode() + b"\n\n")
    return meter


@pytest.mark.parametrize(("where", "events"), SHOWN.values(), ids=SHOWN)
def test_a_search_is_billed_once_by_whatever_shows_it(where, events):
    """Its beginning, its end, a step between them, what it brought, or only the last list."""
    reading = read(where, events).finish()
    assert reading.complete
    assert total(reading.charges).extras == {"web_search": 1}


@pytest.mark.parametrize(
    ("where", "events"),
    [each for each in SHOWN.values() if each[0] is not GEMINI and len(each[1]) > 1],
)
def test_a_search_of_an_answer_that_breaks_off_was_begun(where, events):
    """Whatever of it was shown by then."""
    assert read(where, events[:-1]).finish(broke=True).begun == 1


def test_a_response_that_fails_without_usage_has_begun_what_it_lists():
    """Its tools are billed all the same."""
    failed = {"type": "response.failed", "response": {"error": {"code": "x"}, "output": [CALL]}}
    assert read(OPENAI, [failed]).finish().begun == 1
