"""What a prompt reads, where an answer of its conversation has told it."""

import json

import pytest
from walk import Walk, chunk, post, walk

from llmcap.metering.asked import ADDED_TOKENS
from llmcap.walk.flight import CallInFlight

TOLD = 700  # tokens of the prompt, with all that its vendor added
FIRST = {"role": "user", "content": "hello " * 40}
FURTHER = [{"role": "assistant", "content": "good day"}, {"role": "user", "content": "and?"}]
SEARCH = [{"type": "web_search"}]


def asked(there: Walk, *messages, **more) -> CallInFlight:
    """A response that has begun to stream."""
    body = {
        "model": "grok-2-vision-1212", "input": list(messages), "stream": True,
        "max_output_tokens": 1_000, **more,
    }  # fmt: skip
    call = there.admit(post("/v1/responses", body, host="api.x.ai"))
    assert isinstance(call, CallInFlight), call
    call.responded(200, {"content-type": "text/event-stream"}, streams=True)
    there.clock.forward(seconds=1)
    call.feed(sse(type="response.created", response={"id": "r", "model": "grok-2-vision-1212"}))
    call.feed(sse(type="response.output_text.delta", delta="word"))
    return call


def sse(**fields) -> bytes:
    """One event."""
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


def ended(call: CallInFlight, *, read: int = TOLD, **more) -> None:
    """Its provider tells what it used."""
    usage = {"input_tokens": read, "output_tokens": 1, "total_tokens": read + 1, **more}
    response = {"id": "r", "model": "grok-2-vision-1212", "status": "completed", "usage": usage}
    call.feed(sse(type="response.completed", response=response))
    call.finish()


def left(call: CallInFlight) -> int:
    """What it is taken to have read when its client went."""
    call.broke("Client disconnected.", sent=True)
    assert call.settlement is not None
    return call.settlement.usage.input_tokens


@pytest.mark.parametrize("beside", [{}, {"tools": SEARCH}], ids=["plain", "search declared"])
def test_a_hang_up_reads_what_the_same_prompt_read(beside):
    """Not what a vocabulary that nobody knows may make of it, with a prompt that nobody sees."""
    there = walk("100")
    assert left(asked(there, FIRST, **beside)) > 2 * TOLD
    ended(asked(there, FIRST, **beside))
    assert left(asked(there, FIRST, **beside)) == TOLD + ADDED_TOKENS


@pytest.mark.parametrize("beside", [{}, {"tools": SEARCH}], ids=["plain", "search declared"])
@pytest.mark.parametrize("further", [(), FURTHER], ids=["the same", "a longer one"])
def test_a_hang_up_before_anything_was_told_is_corrected_by_a_later_answer(beside, further):
    """Of the same prompt, or of one that begins with it: it has read no more than that."""
    there = walk("100")
    early = asked(there, FIRST, **beside)
    assert left(early) > 2 * TOLD
    assumed = early.settlement.cost_nanos
    ended(later := asked(there, FIRST, *further, **beside))
    assert early.settlement.usage.input_tokens == TOLD + ADDED_TOKENS
    assert early.settlement.cost_nanos < assumed / 2
    assert there.balance.spent == early.settlement.cost_nanos + later.settlement.cost_nanos
    assert there.balance.held == 0


@pytest.mark.parametrize("read", [0, 3], ids=["nothing", "a part"])
@pytest.mark.parametrize("status", [200, 500])
def test_what_failed_tells_nothing_of_its_prompt(status, read):
    """It may have read nothing, or a part: that would book a hang-up at next to nothing."""
    there = walk("100")
    early = asked(there, FIRST)
    most = left(early)
    failed(there, status, read=read)
    assert early.settlement.usage.input_tokens == most
    assert left(asked(there, FIRST)) == most


def failed(there: Walk, status: int, *, read: int) -> None:
    """The first message again, and an error that tells a usage."""
    body = {"model": "grok-2-vision-1212", "input": [FIRST], "stream": True}
    call = there.admit(post("/v1/responses", body | {"max_output_tokens": 1_000}, host="api.x.ai"))
    assert isinstance(call, CallInFlight), call
    kind = "text/event-stream" if status == 200 else "application/json"
    call.responded(status, {"content-type": kind}, streams=status == 200)
    usage = {"input_tokens": read, "output_tokens": 0, "total_tokens": read}
    told = {"error": {"code": "server_error", "message": "x"}, "usage": usage}
    response = {"id": "r", "model": "grok-2-vision-1212", "status": "failed", **told}
    event = sse(type="response.failed", response=response)
    call.feed(event if status == 200 else json.dumps(told).encode())
    call.finish()


@pytest.mark.parametrize("other", ["b/gpt-4o", "a/gpt-4"], ids=["its model", "its resource"])
def test_a_deployment_tells_nothing_of_another(other):
    """Azure's requests name it in their path, and one of the same name may have another model."""
    there = walk("100")
    early = deployed(there, "b/gpt-4")
    most = left(early)
    finished(deployed(there, other))
    assert early.settlement.usage.input_tokens == most
    assert left(deployed(there, "b/gpt-4")) == most
    finished(deployed(there, "b/gpt-4"))
    assert left(deployed(there, "b/gpt-4")) == 30 + ADDED_TOKENS


def test_a_router_tells_nothing_of_the_next_prompt():
    """Another of its models may read that one, in a vocabulary of its own."""
    there = walk("100")
    early = deployed(there, "b/model-router")
    most = left(early)
    finished(deployed(there, "b/model-router"))
    assert early.settlement.usage.input_tokens == most
    assert left(deployed(there, "b/model-router")) == most


def deployed(there: Walk, name: str) -> CallInFlight:
    """A chat with tools at a deployment of a resource of Azure's, whose answer has begun."""
    resource, deployment = name.split("/")
    body = {
        "messages": [FIRST], "stream": True, "max_tokens": 100,
        "stream_options": {"include_usage": True},
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
    }  # fmt: skip
    path = f"/openai/deployments/{deployment}/chat/completions"
    call = there.admit(post(path, body, host=f"{resource}.openai.azure.com"))
    assert isinstance(call, CallInFlight), call
    call.responded(200, {"content-type": "text/event-stream"}, streams=True)
    there.clock.forward(seconds=1)
    call.feed(chunk("word"))
    return call


def finished(call: CallInFlight) -> None:
    """It read thirty tokens."""
    call.feed(chunk(usage=(30, 1)) + b"data: [DONE]\n\n")
    call.finish()


def test_of_a_longer_conversation_only_what_is_new_is_bounded():
    """Each turn begins with those before it."""
    there = walk("100")
    ended(asked(there, FIRST))
    most = left(asked(there, FIRST, *FURTHER))
    assert TOLD + ADDED_TOKENS + 4 < most < TOLD + 100


def test_an_answer_that_searched_tells_nothing_of_the_prompt_alone():
    """What it read has the results in it."""
    there = walk("100")
    call = asked(there, FIRST, tools=SEARCH)
    ended(call, read=9_000, server_side_tool_usage_details={"web_search_calls": 1})
    assert left(asked(there, FIRST, tools=SEARCH)) < 9_000


def test_a_prompt_with_a_picture_of_elsewhere_is_not_known_by_its_texts():
    """Nobody has seen it."""
    there = walk("100")
    ended(asked(there, FIRST))
    picture = {"type": "input_image", "image_url": "https://example.com/a.png"}
    further = {"role": "user", "content": [picture]}
    assert left(asked(there, FIRST, further)) > 2 * TOLD
