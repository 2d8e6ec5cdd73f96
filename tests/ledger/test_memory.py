"""Promise: what a response id belongs to, and what a file asks for, is known to every proxy."""

import pytest
from books import assumed, budget, call, demand, scopes, settled

from llmcap.ledger import memory


@pytest.fixture
def parked(ledger):
    """A call that will be paid for as `batch_1`."""
    hold = ledger.hold(call(model="gpt-5"), scopes([budget("$5")]), demand(90)).hold
    ledger.park(hold, "batch_1")
    return hold


def test_call_is_known_by_its_response_id(ledger, parked):
    """While it is held and when it has ended; its model and its time are those of the order."""
    for _ in range(2):
        known = ledger.claimed("openai", "batch_1")
        assert (known.id, known.model, known.at) == ("call-1", "gpt-5", parked.call.at)
        assert ledger.claimed("groq", "batch_1") is None
        ledger.end(parked, assumed(90)) if _ == 0 else None


def test_usage_under_another_id_settles_the_same_call_once(ledger, parked):
    """The output of a batch has an id of its own."""
    ledger.alias("openai", "batch_1", ["file-out"])
    ledger.alias("openai", "batch_9", ["file-other"])
    assert ledger.claimed("openai", "file-out").id == "call-1"
    assert ledger.claimed("openai", "file-other") is None
    assert ledger.charge_once(call(), (), settled(7, response_id="file-out"))
    assert not ledger.charge_once(call(), (), settled(8, response_id="batch_1"))
    assert ledger.balances_of(parked)[0].spent == 7
    assert ledger.audit() == []


def test_alias_that_is_taken_stays_whose_it_is(ledger, parked):
    """The first call to claim an id keeps it."""
    other = ledger.hold(call(call_id="call-2"), scopes([budget("$5")]), demand(5)).hold
    ledger.park(other, "batch_2")
    ledger.alias("openai", "batch_2", ["file-out"])
    ledger.alias("openai", "batch_1", ["file-out"])
    assert ledger.claimed("openai", "file-out").id == "call-2"


def test_file_is_remembered_by_provider_and_id(ledger):
    """The last word on it counts."""
    ledger.keep_file("openai", "file-1", "{}")
    ledger.keep_file("openai", "file-1", '{"lots": []}')
    assert ledger.file("openai", "file-1") == '{"lots": []}'
    assert ledger.file("groq", "file-1") is None


def test_oldest_files_are_forgotten(ledger, clock, monkeypatch):
    """The memory is bounded."""
    monkeypatch.setattr(memory, "FILES_MAX", 3)
    for number in range(5):
        clock.move(seconds=1)
        ledger.keep_file("openai", f"file-{number}", "{}")
    known = [number for number in range(5) if ledger.file("openai", f"file-{number}")]
    assert known == [2, 3, 4]
