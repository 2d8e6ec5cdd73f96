"""
The price of a call, in counts that a busy machine does not change: instructions of Python beside
those of mitmproxy with a callable that does nothing, and how often JSON is read.
"""

import pytest

from bench_call import price
from llmcap.walk.lookout import Lookout


def called(calls, name):
    """How often a function was called, by its qualified name."""
    return sum(count for code, count in calls.items() if code.co_qualname == name)


@pytest.fixture(scope="module")
def bare():
    """A small call in mitmproxy with a callable that does nothing."""
    return price("null", calls=3)[0].total() / 3


def test_a_small_call_costs_less_than_without_llmcap(bare):
    """All of it: match, read, bound, hold, meter, settle, headers; the deaf addons are left out."""
    instructions, calls = price("llmcap", calls=3)
    assert instructions.total() / 3 < 0.8 * bare
    assert called(calls, "parsed") == 3, "the request is read once"
    assert called(calls, "parsed_json") == 3, "and so is the answer"
    assert called(calls, "Store.__enter__") == 6, "a transaction for the hold, one for its end"


def test_a_tiny_event_costs_little_beside_what_mitmproxy_does(monkeypatch):
    """It is passed on unread; the looks at it that the clock asks for are left out here."""
    monkeypatch.setattr(Lookout, "look", lambda *_: None)
    events = 100
    null = price("null", calls=1, events=events)[0].total()
    instructions, calls = price("llmcap", calls=1, events=events)
    assert instructions.total() < 1.4 * null
    assert called(calls, "parsed_json") < 10, "the first, and the end"
