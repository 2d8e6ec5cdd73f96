"""Writes that meet another process at the ledger happen in their order, once, and soon."""

import sqlite3
from contextlib import closing

import pytest
from walk import answer, chat, completion, walk

from llmcap.ledger import open_ledger, store
from llmcap.providers import provider_of
from llmcap.shared.late import Late
from llmcap.walk.flight import CallInFlight
from llmcap.words.errors import LedgerBusy

COST = 10 * 150 + 10 * 600


@pytest.fixture
def path(tmp_path):
    """Where the ledger is."""
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def other(path):
    """Another process, with a connection of its own."""
    open_ledger(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def test_what_meets_the_lock_keeps_its_order():
    """What comes after it waits for it, even if the lock is free by then."""
    late, done, woken, busy = Late(), [], [], [1, 2]
    late.wake = lambda: woken.append(1)

    def first():
        if busy:
            busy.pop()
            raise LedgerBusy("in use")
        done.append("first")

    late.do(first)
    late.do(lambda: done.append("second"))
    assert (done, len(woken), bool(late)) == ([], 1, True)
    with pytest.raises(LedgerBusy):
        late.catch_up()
    late.catch_up()
    assert (done, bool(late)) == (["first", "second"], False)


def test_a_mistake_is_not_tried_again():
    """It is told to whoever lets them be written, and those behind it are written."""
    late, done = Late(), []
    steps = iter([LedgerBusy("in use"), ValueError("a mistake")])

    def fails():
        raise next(steps)

    late.do(fails)
    late.do(lambda: done.append("next"))
    with pytest.raises(ValueError, match="a mistake"):
        late.catch_up()
    late.catch_up()
    assert done == ["next"]


def test_a_loop_stands_still_for_less_than_a_millisecond(other, path, monkeypatch):
    """However long another process keeps the lock; who has no loop waits for it."""
    slept = []
    monkeypatch.setattr(store.time, "sleep", slept.append)
    with closing(open_ledger(path, patient=False)) as ledger:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerBusy):
            ledger.keep_file("openai", "file", "work")
        assert 0 < sum(slept) < 0.001

        def release(_):
            if len(slept) == 20:
                other.execute("ROLLBACK")
            slept.append(0)

        monkeypatch.setattr(store.time, "sleep", release)
        with closing(open_ledger(path)) as patient:
            patient.keep_file("openai", "file", "work")
    assert len(slept) > 20


def test_a_call_that_ends_while_another_process_writes_is_settled_once(other, path):
    """Its cost is known, its hold stays, nobody is alarmed; then it is posted, as it is by then."""
    there = walk("1", ledger=open_ledger(path, patient=False))
    call = there.admit(chat(max_tokens=50))
    assert isinstance(call, CallInFlight)
    other.execute("BEGIN IMMEDIATE")
    answer(call, completion(10, 10))
    assert call.settlement is not None
    assert (there.balance.spent, there.balance.held > 0) == (0, True)
    assert there.firewall.shared.late
    with pytest.raises(LedgerBusy):
        there.firewall.keep_house()
    other.execute("ROLLBACK")
    there.firewall.keep_house()
    assert (there.balance.spent, there.balance.held) == (COST, 0)
    assert there.events == []
    assert there.firewall.ledger.audit() == []
    there.firewall.close()


def test_a_refusal_does_not_wait_for_its_row(other, path):
    """The client has its answer at once; the call is in the ledger a moment later."""
    there = walk("1", ledger=open_ledger(path, patient=False))
    there.admit(chat(max_tokens=5))  # its window is known
    other.execute("BEGIN IMMEDIATE")
    there.firewall.note_refusal(provider_of("api.openai.com"), "/x", "why")
    other.execute("ROLLBACK")
    there.firewall.settle_late()
    rows = other.execute("SELECT note FROM entries WHERE kind = 'refused'").fetchall()
    assert rows == [("why",)]
    there.firewall.close()


def test_what_is_late_when_the_proxy_ends_is_written_first(other, path, monkeypatch):
    """A hold that is still open then would be assumed at all that it holds."""
    there = walk("1", ledger=open_ledger(path, patient=False))
    call = there.admit(chat(max_tokens=50))
    other.execute("BEGIN IMMEDIATE")
    answer(call, completion(10, 10))
    monkeypatch.setattr("llmcap.shared.late.time.sleep", lambda _: other.execute("ROLLBACK"))
    there.firewall.close()
    (cost,) = other.execute("SELECT cost_nanos FROM entries WHERE kind = 'settled'").fetchone()
    assert cost == COST
