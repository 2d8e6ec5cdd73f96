"""
What a stream has cost by now, as its ledger is told it for the case that the proxy is killed.

The promise: what was told of a call at one moment is no less than what it has cost by then.
"""

import json

import pytest
from walk import OUTPUT_NANOS, begin, chat, chunk, completion, walk

from llmcap.bounds.estimate import TokenCounter
from llmcap.metering.habits import ANSWERS_MIN
from llmcap.metering.visible import UNSEEN_TOKENS
from llmcap.walk.attributes import Facts
from llmcap.walk.lookout import FIRST, OFTEN, PART
from llmcap.walk.patience import admit_at_once

PRIORITY = 5 / 3  # of gpt-4o-mini


@pytest.fixture
def there(monkeypatch):
    """A walk whose ledger remembers what it was told of calls in flight."""
    there = walk("10")
    there.firewall.shared.counter.load()
    there.told = []

    def saw(hold, **seen):
        there.told.append((hold.id, seen))

    monkeypatch.setattr(there.firewall.ledger, "saw", saw)
    return there


def tiered(text: str, tier: str | None) -> bytes:
    """An event of a stream that tells its tier."""
    event = json.loads(chunk(text).removeprefix(b"data: "))
    return b"data: " + json.dumps(event | {"service_tier": tier}).encode() + b"\n\n"


def streaming(there, **fields):
    """A stream that has begun."""
    call = there.admit(chat(stream=True, max_tokens=5_000, **fields))
    begin(call, stream=True)
    return call


def test_a_look_tells_what_was_written_and_what_the_answer_costs_from_then_on(there):
    """At the tier that it told; before, nothing is told, as it was held for the dearest."""
    call = streaming(there)
    call.feed(tiered("word ", "default"))
    assert there.told == []
    there.clock.forward(seconds=FIRST.total_seconds())
    for _ in range(99):
        call.feed(tiered("word ", "default"))
    call.feed(tiered("word ", "default"))
    there.clock.forward(seconds=OFTEN.total_seconds())
    call.feed(tiered("word ", "default"))
    (hold_id, _), (again, seen) = there.told
    assert hold_id == again == call.held.hold.id
    assert seen["token_nanos"] == OUTPUT_NANOS
    read = call._admission.served_under(("standard",))
    written = (seen["sure_nanos"] - read.fixed_nanos) / OUTPUT_NANOS
    assert seen["sure_tokens"] == read.fixed_tokens + written
    assert 101 + UNSEEN_TOKENS <= written <= 101 * 1.1 + UNSEEN_TOKENS + 1


def test_a_stream_is_looked_at_whenever_a_part_of_it_is_new_and_no_more_often(there):
    """To look means to read all of it: an hour is no seventy thousand looks."""
    call = streaming(there)
    for _ in range(36_000):
        there.clock.forward(seconds=0.1)
        call.feed(tiered("word ", None))
    assert 1 < len(there.told) < PART * 12


@pytest.mark.parametrize(("tier", "factor"), [("priority", PRIORITY), (None, PRIORITY)])
def test_a_tier_that_was_not_told_is_the_dearest(there, tier, factor):
    """Nobody knows what the account has by default."""
    call = streaming(there)
    there.clock.forward(seconds=1)
    call.feed(tiered("word ", tier))
    assert there.told[0][1]["token_nanos"] == pytest.approx(OUTPUT_NANOS * factor, abs=1)


def test_a_caller_that_was_always_served_in_one_way_is_taken_for_served_so(there):
    """What is held is the dearest all the same."""
    for _ in range(ANSWERS_MIN):
        there.serve(chat(max_tokens=50), completion(100, 10, service_tier="default"))
    call = streaming(there)
    admission = call._admission
    assert admission.usual.per_output_nanos == OUTPUT_NANOS
    assert admission.demand.per_output_nanos > OUTPUT_NANOS
    there.clock.forward(seconds=1)
    call.feed(chunk("word "))
    assert there.told[0][1]["token_nanos"] == OUTPUT_NANOS


def test_a_term_that_is_asked_for_is_no_matter_of_habit(there):
    """It is what the request says."""
    for _ in range(ANSWERS_MIN):
        there.serve(chat(max_tokens=50), completion(100, 10, service_tier="default"))
    asked = streaming(there, service_tier="priority")._admission
    assert asked.usual.per_output_nanos == asked.demand.per_output_nanos > OUTPUT_NANOS


def test_hidden_work_is_seen_as_all_that_the_model_can_have_written(there):
    """A stream that shows nothing yet may have reasoned since it was asked."""
    request = chat(stream=True, max_completion_tokens=50_000)
    request.body = request.body.replace(b"gpt-4o-mini", b"o4-mini")
    call = there.admit(request)
    begin(call, stream=True)
    there.clock.forward(seconds=2)
    call.feed(tiered("", "default"))
    assert there.told[0][1]["sure_tokens"] >= 2 * 4_000


def test_answers_that_are_no_streams_are_not_looked_at(there):
    """They show nothing until they are whole."""
    call = there.admit(chat(max_tokens=50))
    begin(call)
    there.clock.forward(seconds=5)
    call.feed(completion(100, 10)[:20])
    assert there.told == []


def test_the_prompt_is_counted_before_the_call_goes_and_by_no_look(there, monkeypatch):
    """A large one takes a moment, in which the event loop would stand still."""
    admission = there.firewall.consider(chat(stream=True, max_tokens=5_000), Facts())
    admission.count_tokens()
    call = admit_at_once(admission)
    begin(call, stream=True)
    monkeypatch.setattr(TokenCounter, "read", pytest.fail)
    for tier in ("default", "priority", None):
        there.clock.forward(seconds=60)
        call.feed(tiered("word ", tier))
    assert len(there.told) == 3
