"""Background answers that nobody comes for do not stay held, nor in memory, for ever."""

import json

import pytest
from walk import INPUT_NANOS, OUTPUT_NANOS, post, walk

from llmcap.providers.parts.shape import Request
from llmcap.shared import parked
from llmcap.shared.parked import PARKED_FOR
from llmcap.walk.attributes import Facts
from llmcap.walk.flight import CallInFlight
from llmcap.words.records import Ending

ASKED = {"model": "gpt-4o-mini", "input": "hi", "background": True, "max_output_tokens": 50}
COST = 100 * INPUT_NANOS + 10 * OUTPUT_NANOS


def told(number: int, **fields) -> bytes:
    """A stored response as it is told."""
    document = {"id": f"resp_{number}", "object": "response", "model": "gpt-4o-mini"}
    return json.dumps(document | fields).encode()


def ordered(there, number: int = 1) -> CallInFlight:
    """A background call, taken by the provider."""
    queued = told(number, status="queued", background=True)
    return there.serve(post("/v1/responses", ASKED), queued)


def fetched(there, number: int = 1) -> None:
    """GET the finished response."""
    request = Request(method="GET", host="api.openai.com", path=f"/v1/responses/resp_{number}")
    look = there.firewall.consider(request, Facts())
    look.responded(200, {"content-type": "application/json"})
    usage = {"input_tokens": 100, "output_tokens": 10, "total_tokens": 110}
    look.feed(told(number, status="completed", usage=usage))
    look.finish()


def test_one_that_nobody_fetches_is_billed_at_its_hold_and_corrected_by_who_does():
    """Late is not too late: the difference is posted, once."""
    there = walk()
    call = ordered(there)
    held = there.balance.held
    there.clock.now += PARKED_FOR
    there.firewall.keep_house()
    assert call.settlement is None
    there.clock.forward(seconds=1)
    there.firewall.keep_house()
    assert call.settlement.ending is Ending.ASSUMED
    assert (there.balance.spent, there.balance.held) == (held, 0)
    assert len(there.firewall.shared.parked) == 0
    for _ in range(2):
        fetched(there)
        assert there.balance.spent == COST


def test_of_too_many_the_oldest_is_let_go(monkeypatch):
    """The memory is bounded, whatever is ordered."""
    monkeypatch.setattr(parked, "PARKED_MAX", 3)
    there = walk()
    calls = [ordered(there, number) for number in range(5)]
    assert [call.settlement is not None for call in calls] == [True, True, False, False, False]
    for number in range(5):
        fetched(there, number)
    assert (there.balance.spent, there.balance.held) == (5 * COST, 0)


@pytest.mark.parametrize("fetch_first", [True, False])
def test_none_is_held_when_the_proxy_ended(fetch_first):
    """And none is billed twice."""
    there = walk()
    call = ordered(there)
    held = there.balance.held
    if fetch_first:
        fetched(there)
    there.firewall.shared.parked.close()
    assert (there.balance.spent, there.balance.held) == (COST if fetch_first else held, 0)
    assert call.settlement is not None
