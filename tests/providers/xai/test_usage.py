"""xAI's own tools: what they may cost, how that is lowered, and what a stream shows of them."""

import json

import pytest
from walk import begin, post, walk

from llmcap.providers.parts.shape import Ask
from llmcap.providers.xai.usage import ToolsReader, fewer_turns
from llmcap.walk.answers import Refused
from llmcap.walk.flight import CallInFlight

TOOLS = [{"type": "web_search"}, {"type": "x_search"}]
SECONDS = 60


def responses(**fields):
    """A streamed response of Grok's, with tools of xAI's declared."""
    document = {
        "model": "grok-4", "input": "what is new?", "stream": True, "max_output_tokens": 500,
        "tools": TOOLS, **fields,
    }  # fmt: skip
    return post("/v1/responses", document, host="api.x.ai")


def admitted(cap: str = "1000", **fields) -> CallInFlight:
    """Such a call under a cap."""
    call = walk(cap).admit(responses(**fields))
    assert isinstance(call, CallInFlight), call
    return call


def event(kind: str, **fields) -> bytes:
    """One event of its stream."""
    return b"data: " + json.dumps({"type": kind, **fields}).encode() + b"\n\n"


def left(*items: str, **fields) -> int:
    """What a hang-up is billed after these items have begun."""
    there = walk("1000")
    call = there.admit(responses(**fields))
    begin(call, stream=True)
    call.feed(event("response.created", response={"id": "resp_1", "model": "grok-4"}))
    there.clock.forward(seconds=SECONDS)
    for kind in items:
        call.feed(event("response.output_item.added", item={"type": kind}))
    call.broke("Client disconnected.", sent=True)
    return call.settlement.cost_nanos


def held(**fields) -> int:
    """What a call holds."""
    return admitted(**fields).held.hold.held_nanos


def test_turns_bound_its_tools_and_openais_field_does_not():
    """xAI obeys `max_turns`; a call that names neither is held for ten."""
    assert held(max_turns=2) < held(max_turns=5) < held()
    assert held(max_tool_calls=1) >= held()


def test_turns_are_lowered_where_the_whole_does_not_fit():
    """As a clamp: the request says so, and no more is held than is left."""
    most, least = held(), held(max_turns=1)
    cap = (most + least) // 2
    call = admitted(str(cap / 1e9))
    turns = json.loads(call.body)["max_turns"]
    assert 1 <= turns < 10
    assert call.held.hold.held_nanos <= cap
    assert call.clamped
    refused = walk(str(cap / 1e9), clamp=False, wait_seconds=0).admit(responses())
    assert isinstance(refused, Refused)


@pytest.mark.parametrize(("asked", "most", "sent"), [(None, 3, 3), (2, 3, 2), (9, 3, 3)])
def test_a_request_is_never_given_more_turns_than_it_asked_for(asked, most, sent):
    """And without any it has no tool of xAI's; those of the client stay."""
    body = {"tools": [*TOOLS, {"type": "function"}]} | ({"max_turns": asked} if asked else {})
    assert fewer_turns(body, most)["max_turns"] == sent
    assert fewer_turns(body, 0)["tools"] == [{"type": "function"}]


def test_a_hang_up_costs_the_tools_that_the_stream_has_shown():
    """None, one that xAI names by itself, a search of X that looks like the client's."""
    nothing = left()
    assert nothing <= left("function_call") < nothing * 11 // 10
    for kind in ("web_search_call", "custom_tool_call", "code_interpreter_call"):
        assert nothing * 2 < left(kind) <= held()
    assert nothing < held() // 10


def test_tools_that_are_counted_and_not_shown_have_their_fees():
    """Where no bill in ticks is told, the details of the usage count the calls."""
    counted = {"web_search_calls": 2, "code_interpreter_calls": 1, "x_search_calls": 0, "new": 3}
    usage = {"input_tokens": 5, "output_tokens": 2, "server_side_tool_usage_details": counted}
    shown = {"type": "web_search_call", "action": {"type": "search"}}
    reader = ToolsReader(Ask(model="grok-4"))
    reader.body({"output": [shown], "usage": usage})
    (charge,) = reader.reading().charges
    assert charge.usage.extras == {"web_search": 2, "code_execution": 1}
