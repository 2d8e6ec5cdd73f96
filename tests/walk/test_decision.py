"""Tools that a request declares: held as they may be used, lowered to what fits, billed so."""

import json

import pytest
from walk import NOBODY, Walk, begin, post, walk

from llmcap.walk.flight import CallInFlight
from llmcap.words.records import Ending, Wait

SEARCH_NANOS = 10_000_000  # one web search, at OpenAI and at Anthropic
SECONDS = 10


def responses(calls: int | None = None, *, tools: bool = True, **fields):
    """A response that declares a search and pictures, as Cline does in every call."""
    kinds = ["web_search", "image_generation"] if tools else []
    body = {
        "model": "gpt-4o-mini", "input": "hello", "stream": True, "max_output_tokens": 500,
        "tools": [{"type": kind} for kind in kinds],
    }  # fmt: skip
    limit = {"max_tool_calls": calls} if calls else {}
    return post("/v1/responses", body | limit | fields)


def messages(uses: int | None = None, **fields):
    """The same of Anthropic, with a search."""
    tool = {"type": "web_search_20250305", "name": "web_search"}
    body = {
        "model": "claude-haiku-4-5", "max_tokens": 500, "stream": True,
        "messages": [{"role": "user", "content": "hello"}],
        "tools": [tool | ({"max_uses": uses} if uses else {})],
    }  # fmt: skip
    return post("/v1/messages", body | fields, host="api.anthropic.com")


def held(request) -> int:
    """What the ledger holds for it under a cap that is no matter."""
    there = walk("1000")
    call = there.admit(request)
    assert isinstance(call, CallInFlight), call
    assert call.body is None
    return there.balance.held


def under(cap: str, request, **policy) -> tuple[Walk, object]:
    """What becomes of it under a cap."""
    there = walk(cap, wait_seconds=0, **policy)
    return there, there.admit(request)


# --- at the door -------------------------------------------------------------------------------


def test_all_that_the_request_allows_is_held() -> None:
    """Its own limit, or as many as may be; less than nothing of it is free."""
    assert (
        held(responses(tools=False)) < held(responses(1)) < held(responses(3)) < held(responses())
    )
    assert held(messages(1)) < held(messages(3)) < held(messages())


@pytest.mark.parametrize("own", [None, 7], ids=["no limit of its own", "a limit of seven"])
def test_where_the_whole_does_not_fit_the_tools_are_lowered_and_not_the_answer(own) -> None:
    """To the most that fits: the provider itself then keeps the cap."""
    cap = held(responses(2)) + 1_000
    there, call = under(f"{cap / 1e9:.9f}", responses(own))
    assert isinstance(call, CallInFlight), call
    sent = json.loads(call.body)
    assert (sent["max_tool_calls"], sent["max_output_tokens"]) == (2, 500)
    assert there.balance.held <= cap
    assert call.clamped


def test_a_model_that_an_unread_field_names_is_held_for_with_fewer_calls_too() -> None:
    """However often they are lowered: what nobody has read is sent along each time."""
    there = walk("1000")
    named = there.firewall.consider(responses(3, x_new="gpt-4o"), NOBODY)
    dearest = there.firewall.consider(responses(3, model="gpt-4o", x_new="turbo"), NOBODY)
    for calls in (2, 1):
        named, dearest = named.with_tools(calls), dearest.with_tools(calls)
        assert named.demand.ceiling_nanos() >= dearest.demand.ceiling_nanos()


def test_calls_of_a_server_that_may_say_anything_are_held_by_the_window_and_lowered() -> None:
    """Each makes the model read a whole window once more: to as many as fit."""
    server = {"tools": [{"type": "mcp", "server_label": "s", "server_url": "https://x"}]}
    once, twice = held(responses(1, **server)), held(responses(2, **server))
    window = 128_000 * 150  # of gpt-4o-mini
    assert twice - once >= window
    _, call = under(f"{(twice + 1_000) / 1e9:.9f}", responses(**server))
    assert json.loads(call.body)["max_tool_calls"] == 2


def test_anthropics_uses_are_lowered_tool_by_tool() -> None:
    """Each tool has a limit of its own there."""
    cap = held(messages(2)) + 1_000
    _, call = under(f"{cap / 1e9:.9f}", messages())
    assert json.loads(call.body)["tools"][0]["max_uses"] == 2


def test_where_one_use_is_too_much_the_answer_is_lowered_too_and_then_the_call_refused() -> None:
    """The least that is told is the least with which it could have gone."""
    admission = walk("1000").firewall.consider(responses(1), NOBODY)
    admission.count_tokens()
    one = admission.demand.ceiling_nanos()
    cap = one - int(100 * admission.demand.per_output_nanos)
    _, call = under(f"{cap / 1e9:.9f}", responses())
    sent = json.loads(call.body)
    assert sent["max_tool_calls"] == 1
    assert 256 <= sent["max_output_tokens"] < 500
    _, refused = under("0.0001", responses())
    assert refused.reply.status == 429
    assert refused.refusal.needed < one


def test_what_cannot_be_said_in_the_request_is_held_whole_or_refused() -> None:
    """No clamp where the user wants none; code that Anthropic runs has no limit of uses."""
    cap = f"{(held(responses(2)) + 1_000) / 1e9:.9f}"
    _, refused = under(cap, responses(), clamp=False)
    assert refused.reply.status == 429
    code = {"type": "code_execution_20250825", "name": "code_execution"}
    _, refused = under("0.001", messages(tools=[code]))
    assert refused.reply.status == 429


def test_a_call_waits_for_its_tools_where_money_comes_back() -> None:
    """Others hold what all of them need: that is no reason to take them away."""
    cap = held(responses()) + 1_000
    there = walk(f"{cap / 1e9:.9f}")
    assert isinstance(there.admit(responses(tools=False, max_output_tokens=5_000)), CallInFlight)
    assert isinstance(there.admit(responses()), Wait)


# --- a client that leaves ----------------------------------------------------------------------


def event(kind: str, **fields) -> bytes:
    """One event of OpenAI's stream."""
    return b"data: " + json.dumps({"type": kind, **fields}).encode() + b"\n\n"


def left(request, events: list[bytes], *, words: int = 100):
    """What is billed of a stream whose client went after these events and some words."""
    there = walk("1000")
    call = there.admit(request)
    assert isinstance(call, CallInFlight), call
    begin(call, stream=True)
    for each in events:
        call.feed(each)
        there.clock.forward(seconds=SECONDS)
    for _ in range(words):
        call.feed(event("response.output_text.delta", delta=" word"))
    call.broke("Client disconnected.", sent=True)
    assert call.settlement.ending is Ending.ASSUMED
    return call.settlement


CREATED = event("response.created", response={"id": "resp_1", "model": "gpt-4o-mini-2024-07-18"})
SEARCHES = event("response.output_item.added", item={"type": "web_search_call", "id": "ws_1"})
ASKS = event("response.output_item.added", item={"type": "function_call", "id": "fc_1"})
QUERIES = event(
    "response.output_item.done",
    item={"type": "web_search_call", "action": {"type": "search", "queries": ["a", "b", "c"]}},
)


def test_tools_that_were_declared_and_not_begun_cost_nothing() -> None:
    """As much as the same call without them; a call of the client's own tool is no search."""
    for events in ([CREATED], [CREATED, ASKS]):
        without = left(responses(tools=False), events).cost_nanos
        # The names of the tools are read, and no more.
        assert without <= left(responses(), events).cost_nanos < without * 102 // 100
    assert without < held(responses(tools=False))


def test_how_often_tools_may_be_used_is_nothing_that_a_model_reads() -> None:
    """A limit that we have set, as the whole did not fit, makes no hang-up dearer."""
    cost = left(responses(), [CREATED]).cost_nanos
    assert cost == left(responses(2, tool_choice="auto"), [CREATED]).cost_nanos


def test_what_declared_tools_add_to_a_prompt_is_learned_from_the_answers() -> None:
    """By those that used none: uses only add to it; other tools have told nothing."""
    there = walk("1000")
    there.firewall.shared.counter.load()

    def served(read: int, asked=None) -> None:
        usage = {"input_tokens": read, "output_tokens": 9, "total_tokens": read + 9}
        done = {"id": "resp_1", "model": "gpt-4o-mini-2024-07-18", "status": "completed"}
        body = event(
            "response.completed", response={**done, "service_tier": "default"} | {"usage": usage}
        )
        there.serve(asked or responses(), body, stream=True)

    def parted(asked=None) -> int:
        call = there.admit(asked or responses())
        begin(call, stream=True)
        call.feed(CREATED)
        call.broke("Client disconnected.", sent=True)
        return call.settlement.usage.input_tokens

    plain = parted()
    served(plain + 900)  # one search was made
    served(plain + 300)
    assert parted() == plain + 300
    served(plain + 200, responses(tools=False))
    assert parted() == plain + 300
    other = responses()
    other.body = other.body.replace(b"image_generation", b"mcp")
    assert parted(other) == plain


@pytest.mark.parametrize("begun", [1, 2, 5])
def test_tools_that_were_begun_are_billed_with_what_can_have_begun_since(begun) -> None:
    """At their own pace, one more at least, and never more than was held."""
    cost = left(responses(), [CREATED, *[SEARCHES] * begun]).cost_nanos
    assert (begun + 1) * SEARCH_NANOS < cost < held(responses(begun + 2))
    assert cost <= held(responses())


def test_a_search_of_several_queries_is_as_many_searches() -> None:
    """They are told when it ends."""
    one = left(responses(), [CREATED, SEARCHES]).cost_nanos
    assert left(responses(), [CREATED, SEARCHES, QUERIES]).cost_nanos > one + 2 * SEARCH_NANOS


def test_a_stream_that_has_shown_nothing_yet_is_billed_for_all_that_it_may() -> None:
    """Nobody knows what was begun where no event came."""
    assert left(responses(), [], words=0).cost_nanos > 10 * SEARCH_NANOS


def test_what_anthropic_told_before_a_tool_began_leaves_out_what_that_added() -> None:
    """`message_start` has the input of the first pass; a search is read once more, for a fee."""

    def told(*blocks: str):
        usage = {"input_tokens": 8, "output_tokens": 1}
        start = {"id": "msg_1", "model": "claude-haiku-4-5", "usage": usage}
        events = [event("message_start", message=start)]
        for name in blocks:
            block = {"type": "server_tool_use", "id": "x", "name": name, "input": {}}
            events.append(event("content_block_start", index=0, content_block=block))
        return left(messages(), events, words=0).cost_nanos

    assert told() < SEARCH_NANOS
    assert 2 * SEARCH_NANOS < told("web_search") <= held(messages(3))
