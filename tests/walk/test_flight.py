"""How a call in flight ends: every ending, once, at the right cost."""

import json
from datetime import timedelta

import pytest
from walk import (
    INPUT_NANOS,
    OUTPUT_NANOS,
    answer,
    begin,
    chat,
    chunk,
    completion,
    post,
    walk,
)  # fmt: skip

from llmcap.metering.pace import FASTEST
from llmcap.metering.visible import NOTICE_EVENTS, STOPPED_EVENTS, UNSEEN_TOKENS
from llmcap.providers.parts.shape import Request
from llmcap.walk.attributes import Facts
from llmcap.walk.flight import CallInFlight
from llmcap.walk.unfinished import LINGER_FOR_USAGE, LINGER_TO_THE_END
from llmcap.words.records import Ending

COST = 100 * INPUT_NANOS + 10 * OUTPUT_NANOS
DONE = b"data: [DONE]\n\n"

# Twenty times " word" are 20 tokens in tiktoken, whose vocabulary is that of the model.
COUNTED = 21
IN_EVENTS = -(-NOTICE_EVENTS * COUNTED // 20)
IN_LAST_EVENTS = -(-STOPPED_EVENTS * COUNTED // 20)


def admitted(there, request: Request) -> CallInFlight:
    """The call in flight of a request that fits."""
    call = there.admit(request)
    assert isinstance(call, CallInFlight), call
    return call


def test_a_whole_answer_settles_at_its_usage():
    """The ledger has the cost, and nothing is held any more."""
    there = walk()
    call = there.serve(chat(max_tokens=50), completion(100, 10))
    assert call.settlement.ending is Ending.SETTLED
    assert (there.balance.spent, there.balance.held, there.balance.calls) == (COST, 0, 1)


def test_a_stream_settles_before_its_last_event_is_passed_on():
    """Agents send the next turn at once: it must meet a ledger that knows this one."""
    there = walk()
    call = admitted(there, chat(stream=True, stream_options={"include_usage": True}))
    begin(call, stream=True)
    assert call.feed(chunk("hello")) == chunk("hello")
    assert there.balance.held > 0
    call.feed(chunk(usage=(100, 10)))
    assert (there.balance.spent, there.balance.held) == (COST, 0)
    call.feed(DONE)
    call.finish()
    assert there.balance.spent == COST


def test_usage_that_llmcap_asked_for_is_not_shown_to_the_client():
    """The client gets the stream that it asked for, byte for byte."""
    there = walk()
    call = admitted(there, chat(stream=True, max_tokens=50))
    assert b'"include_usage":true' in call.body
    begin(call, stream=True)
    got = call.feed(chunk("hello")) + call.feed(chunk(usage=(100, 10))) + call.feed(DONE)
    assert got + call.finish() == chunk("hello") + DONE
    assert there.balance.spent == COST


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503, 529])
def test_an_error_of_the_provider_is_free(status):
    """What the provider refused cost nothing."""
    there = walk()
    call = admitted(there, chat(max_tokens=50))
    answer(call, b'{"error": {"message": "no"}}', status=status)
    assert call.settlement.ending is Ending.RELEASED
    assert (there.balance.spent, there.balance.held) == (0, 0)


def test_a_call_that_was_never_sent_is_free():
    """The connection failed before a byte left."""
    there = walk()
    admitted(there, chat(max_tokens=50)).broke("connection refused", sent=False)
    assert (there.balance.spent, there.balance.held) == (0, 0)


def test_a_call_without_any_response_costs_all_that_it_can_have_cost():
    """The provider may have done all of it: its input is counted, and its limit written."""
    there = walk()
    call = admitted(there, chat(max_tokens=50))
    held = there.balance.held
    call.broke("timed out", sent=True)
    assert call.settlement.ending is Ending.ASSUMED
    assert 50 * OUTPUT_NANOS < there.balance.spent <= held
    assert there.balance.held == 0


@pytest.mark.parametrize("model", ["gpt-4o-mini", "o4-mini"])
def test_nothing_is_written_faster_than_any_model_writes(model: str):
    """A call of a second with a limit of a hundred thousand tokens does not cost the limit."""
    there = walk("10")
    request = chat(max_completion_tokens=100_000)
    request.body = request.body.replace(b"gpt-4o-mini", model.encode())
    call = admitted(there, request)
    there.clock.forward(seconds=1)
    call.broke("client disconnected", sent=True)
    assert call.settlement.usage.output_tokens == UNSEEN_TOKENS + 11 * FASTEST // 10


def test_a_model_that_showed_its_pace_is_not_taken_for_the_fastest():
    """Three streams of it are enough; it may be twice as fast as it ever was."""
    there = walk("10")
    for _ in range(3):
        shown = admitted(there, chat(stream=True, stream_options={"include_usage": True}))
        begin(shown, stream=True)
        there.clock.forward(seconds=10)
        shown.feed(chunk(usage=(10, 500)))
        shown.finish()
    call = admitted(there, chat(max_tokens=16_000))
    there.clock.forward(seconds=9)
    call.broke("client disconnected", sent=True)
    assert call.settlement.usage.output_tokens == UNSEEN_TOKENS + 91 * 2 * 50 // 10


def test_a_stream_that_breaks_costs_what_was_seen_and_a_margin():
    """gpt-4o-mini hides nothing, so the visible bytes bound its tokens."""
    there = walk()
    call = admitted(there, chat(stream=True, max_tokens=4000))
    held = there.balance.held
    begin(call, stream=True)
    for _ in range(20):
        call.feed(chunk(" word"))
    call.broke("client disconnected", sent=True)
    assert call.settlement.ending is Ending.ASSUMED
    seen = (COUNTED + UNSEEN_TOKENS) * OUTPUT_NANOS
    assert 20 * OUTPUT_NANOS < there.balance.spent < held
    assert there.balance.spent <= seen + 2_000 * INPUT_NANOS
    assert there.balance.held == 0


# What a tenth of a second brings, or a fortieth where the provider had stopped, and at least some
# events. No pace is measured over less than that.
@pytest.mark.parametrize(
    ("elapsed_ms", "stopped", "unseen"),
    [
        (10_000, False, IN_EVENTS),
        (10_000, True, IN_LAST_EVENTS),
        (200, False, 11),
        (200, True, 3),
        (10, False, 21),
        (-5, False, IN_EVENTS),
    ],
)
def test_a_margin_grows_with_the_pace_of_the_stream(elapsed_ms: int, stopped: bool, unseen: int):  # noqa: FBT001
    """What a provider makes until it notices that we left, where it had not stopped by then."""
    there = walk()
    call = admitted(there, chat(stream=True, max_tokens=8_000))
    begin(call, stream=True)
    there.clock.forward(milliseconds=elapsed_ms)
    for _ in range(20):
        call.feed(chunk(" word"))
    call.parted(stopped=stopped, round_trip=timedelta(0))
    call.broke("client disconnected", sent=True)
    assert call.settlement.usage.output_tokens == COUNTED + UNSEEN_TOKENS + unseen


def test_a_provider_far_away_is_told_later():
    """What it makes in the time of a way there and back is not seen either."""
    there = walk()
    call = admitted(there, chat(stream=True, max_tokens=8_000))
    begin(call, stream=True)
    there.clock.forward(seconds=1)
    for _ in range(20):
        call.feed(chunk(" word"))
    call.parted(stopped=False, round_trip=timedelta(seconds=0.4))
    call.broke("client disconnected", sent=True)
    unseen = UNSEEN_TOKENS + -(-COUNTED // 2)
    assert call.settlement.usage.output_tokens == COUNTED + unseen


def test_a_vendor_that_goes_on_is_heard_to_its_end():
    """It bills that anyway; and one of which nobody says what it does costs its hold."""
    there = walk("10")
    gemini = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    path = "/v1beta/models/gemini-2.5-flash:streamGenerateContent"
    google = Request(
        method="POST", host="generativelanguage.googleapis.com", path=path, query={"alt": "sse"},
        headers={}, body=json.dumps(gemini).encode(),
    )  # fmt: skip
    call = admitted(there, google)
    assert call.linger() == LINGER_TO_THE_END
    call.broke("the proxy ended", sent=True)
    assert call.settlement.cost_nanos == call.held.hold.held_nanos


def test_the_pace_after_the_client_left_counts_where_it_is_higher():
    """A pause before that was ours, or the model's thinking; what came then is its true speed."""
    there = walk()
    call = admitted(there, chat(stream=True, max_tokens=8_000))
    begin(call, stream=True)
    there.clock.forward(seconds=60)
    for _ in range(10):
        call.feed(chunk(" word"))
    assert not call.linger()
    there.clock.forward(milliseconds=10)
    for _ in range(10):
        call.feed(chunk(" word"))
    call.broke("client disconnected", sent=True)
    unseen = UNSEEN_TOKENS + COUNTED // 2
    assert call.settlement.usage.output_tokens == COUNTED + unseen


def test_an_answer_whose_usage_comes_after_the_client_left_is_settled_exactly():
    """What was in the buffers is known, and nobody has to assume anything."""
    there = walk()
    call = admitted(there, chat(stream=True, max_tokens=8_000))
    begin(call, stream=True)
    call.feed(chunk(" word"))
    call.linger()
    call.feed(chunk(" word"))
    assert not call.is_over()
    call.feed(chunk(usage=(30, 2)))
    assert call.is_over()
    call.broke("client disconnected", sent=True)
    assert call.settlement.ending is Ending.SETTLED
    assert there.balance.spent == 30 * INPUT_NANOS + 2 * OUTPUT_NANOS


def test_where_all_that_is_held_is_at_stake_the_answer_is_waited_for_longer():
    """A whole answer, or one with hidden work, is worth a few seconds."""
    there = walk("10")
    assert admitted(there, chat(max_tokens=50)).linger() == LINGER_FOR_USAGE
    thinking = chat(stream=True, max_completion_tokens=4000)
    thinking.body = thinking.body.replace(b"gpt-4o-mini", b"o4-mini")
    assert admitted(there, thinking).linger() == LINGER_FOR_USAGE


def test_a_broken_stream_of_a_model_that_reasons_costs_its_limit():
    """Hidden work is never assumed to be free: it can have written all of that by now."""
    there = walk("10")
    request = chat(stream=True, max_completion_tokens=4000)
    request.body = request.body.replace(b"gpt-4o-mini", b"o4-mini")
    call = admitted(there, request)
    held = there.balance.held
    begin(call, stream=True)
    call.feed(chunk(" word"))
    there.clock.forward(seconds=1)
    call.broke("client disconnected", sent=True)
    assert call.settlement.usage.output_tokens == 4000
    assert 4000 * 4_400 < there.balance.spent <= held


def test_a_whole_answer_without_usage_is_assumed_not_free():
    """A provider that says nothing has still done something."""
    there = walk()
    body = completion(0, 0).replace(b'"usage"', b'"not_usage"')
    call = there.serve(chat(max_tokens=50), body)
    assert call.settlement.ending is Ending.ASSUMED
    assert there.balance.spent > 0


def test_a_truncated_answer_costs_all_that_it_can_have_cost():
    """Half a JSON document says nothing."""
    there = walk()
    call = admitted(there, chat(max_tokens=50))
    held = there.balance.held
    begin(call)
    call.feed(completion(100, 10)[:-20])
    call.broke("peer closed connection", sent=True)
    assert 50 * OUTPUT_NANOS < there.balance.spent <= held


def test_a_cost_above_the_hold_is_posted_in_full_and_told():
    """A bill cannot be refused; it is a bug report about the bound."""
    there = walk()
    there.serve(chat(max_tokens=5), completion(100, 5000))
    assert there.balance.spent == 100 * INPUT_NANOS + 5000 * OUTPUT_NANOS
    assert there.events[-1][0] == "overrun"


def test_an_ending_is_posted_once():
    """A hang-up after the last event changes nothing."""
    there = walk()
    call = there.serve(chat(max_tokens=50), completion(100, 10))
    call.broke("client disconnected", sent=True)
    call.give_up("again")
    assert (there.balance.spent, there.balance.calls) == (COST, 1)


def test_a_stream_that_outgrows_its_limit_is_cut_with_the_providers_error():
    """A provider that ignores the limit does not spend what is not there."""
    there = walk("0.001")
    call = admitted(there, chat(stream=True, max_tokens=1000))
    begin(call, stream=True)
    got = b""
    for _ in range(5000):
        got += call.feed(chunk(" word"))
        if call.cut:
            break
    assert call.cut
    assert b"project_spend_limit_exceeded" in got
    assert there.balance.held == 0
    assert there.balance.spent <= 1_000_000
    assert call.feed(chunk("more")) == b""


def cut_in_the_middle(there, limit: int = 1_000):
    """A call whose provider has passed its limit, and was cut for that."""
    call = admitted(there, chat(stream=True, max_tokens=limit))
    begin(call, stream=True)
    made = 0
    while not call.cut:
        there.clock.forward(seconds=0.01)
        call.feed(chunk("word "))
        made += 1
    return call, made


def test_a_cut_answer_costs_its_hold_until_what_was_on_its_way_is_counted():
    """Money that late words may cost is nobody else's meanwhile."""
    there = walk("0.003")
    call, made = cut_in_the_middle(there)
    held = call.held.hold.held_nanos
    assert (there.balance.spent, there.balance.held) == (held, 0)
    for _ in range(10):
        assert call.feed(chunk("word ")) == b""
    call.parted(stopped=True, round_trip=timedelta(0))
    call.finish()
    # OpenAI may have served it under priority, at two and a half times the price.
    assert (made + 10) * 1_000 <= there.balance.spent <= (made + 30) * 1_000 * 1.1
    assert there.balance.spent < held


def test_the_usage_that_a_cut_answer_tells_at_last_is_its_cost():
    """Its provider had come to its end before it could know."""
    there = walk("0.003")
    call, made = cut_in_the_middle(there)
    assert not call.is_over()
    call.feed(chunk(usage=(100, made)))
    assert call.is_over()
    call.finish()
    assert there.balance.spent == 100 * INPUT_NANOS + made * OUTPUT_NANOS


def test_background_usage_is_charged_once_when_it_is_fetched():
    """The POST says nothing, the first whole GET settles it, the next changes nothing."""
    there = walk()
    request = post(
        "/v1/responses",
        {"model": "gpt-4o-mini", "input": "hi", "background": True, "max_output_tokens": 50},
    )
    call = there.serve(request, b'{"id": "resp_1", "object": "response", "status": "queued"}')
    assert call.settlement is None
    assert there.balance.held > 0
    done = (
        b'{"id": "resp_1", "object": "response", "status": "completed", "model": "gpt-4o-mini",'
        b' "usage": {"input_tokens": 100, "output_tokens": 10, "total_tokens": 110}}'
    )
    for _ in range(2):
        fetched = there.firewall.consider(
            Request(method="GET", host="api.openai.com", path="/v1/responses/resp_1"), Facts()
        )
        fetched.responded(200, {"content-type": "application/json"})
        fetched.feed(done)
        fetched.finish()
        assert (there.balance.spent, there.balance.held) == (COST, 0)


@pytest.mark.parametrize("limit", [1_000, 20_000])
def test_a_stream_that_is_long_unread_is_still_cut_when_it_outgrows_its_limit(limit: int):
    """What is left unread is bounded, and what is read of it is looked at."""
    there = walk(str(limit * 800 / 1e9))
    call = admitted(there, chat(stream=True, max_tokens=limit))
    begin(call, stream=True)
    for _ in range(limit * 2):
        call.feed(chunk(" word"))
        if call.cut:
            break
    assert call.cut
    assert there.balance.spent <= limit * 800
