"""PostgreSQL is gone, stands still, or comes back: what calls may do, and that nothing is lost."""

import os
import signal

import pytest
from fleet import asked, config, down, firewall, served, wait_until

from llmcap.treasury import wire
from llmcap.treasury.hands import Hands
from llmcap.words.errors import LedgerError, TreasuryUnreachable
from llmcap.words.records import Admit

CENT = 10_000_000


@pytest.fixture(autouse=True)
def slow_tests(monkeypatch):
    """On a busy machine nothing is given back as idle meanwhile; and refusals come soon."""
    monkeypatch.setattr("llmcap.treasury.tending.MEMORY_NANOSECONDS", 600 * 10**9)
    monkeypatch.setattr("llmcap.treasury.node.ANSWER_SECONDS", 1)
    monkeypatch.setattr("llmcap.treasury.wire.ANSWER_SECONDS", 1)


@pytest.fixture
def node(database, tmp_path):
    """One, which waits a second for money, and has more at hand than one call needs."""
    opened = firewall(tmp_path / "ledger", config(database, more="wait: 1\n"))
    served(opened, CENT, name="first")
    wait_until(lambda: at_hand(opened) >= CENT)
    yield opened
    opened.close()


def at_hand(node):
    """What the node may spend without a word to anybody."""
    account = next(iter(node.ledger._desk.views))
    scope = node.ledger._desk.tending.known(account, None).scope
    (balance,) = node.ledger._ledger.standing([scope])
    return balance.raised - balance.spent - balance.held


def test_calls_go_on_as_long_as_the_allotment_lasts_and_then_are_told_why(node, postgres):
    """No call beyond it, none less; all is told when the treasury is back."""
    with down(postgres):
        # What was answered before it was killed is at hand when the desk has noticed.
        wait_until(lambda: node.ledger._desk.unreachable)
        count = at_hand(node) // CENT
        assert count >= 1
        for number in range(count):
            served(node, CENT, name=f"{number}")
        with pytest.raises(LedgerError, match=r"did not answer, and what .* of all is used up: "):
            asked(node, CENT, name="last")
    wait_until(lambda: not node.ledger._desk.unreachable)
    served(node, CENT, name="after")
    with Hands(node.policy.treasury) as hands:
        wait_until(lambda: hands.balances()[0][1].spent == (count + 2) * CENT)


def test_a_server_that_stands_still_stops_no_call_that_can_be_paid(node, postgres):
    """It neither answers nor breaks the connection: the proxy's loop is not held up by that."""
    os.kill(postgres._process.pid, signal.SIGSTOP)
    stopped = [postgres._process.pid]
    try:
        for child in children(postgres._process.pid):
            os.kill(child, signal.SIGSTOP)
            stopped.append(child)
        served(node, CENT, name="meanwhile")
        with pytest.raises(LedgerError, match="did not answer"):
            asked(node, 100 * CENT, name="large")
        wait_until(lambda: "no answer for 1 seconds" in node.ledger._desk.unreachable)
    finally:
        for process in reversed(stopped):
            os.kill(process, signal.SIGCONT)
    served(node, 100 * CENT, name="after")


def children(pid):
    """The processes of a server."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:  # noqa: PTH123
        return [int(each) for each in file.read().split()]


def test_after_a_restart_nothing_is_spent_before_the_treasury_confirms_it(node, postgres, tmp_path):
    """A proxy that starts while it is down waits; what it had is there when it is back."""
    node.close()
    with down(postgres):
        again = firewall(tmp_path / "ledger", config(node.policy.treasury, more="wait: 1\n"))
        with pytest.raises(LedgerError, match=r"has not confirmed this node yet: .*refused"):
            asked(again, CENT, name="early")
    wait_until(lambda: again.ledger._desk.confirmed)
    served(again, CENT, name="late")
    again.close()


def test_a_node_may_be_allowed_to_spend_what_it_had_before_it_is_confirmed(
    node, postgres, tmp_path
):
    """`restart_offline: allow`; a node that was killed, as one that ends gives all back."""
    had = at_hand(node)
    node.ledger._desk._closing = True  # it ends without a word
    node.ledger._desk._leave = lambda *_: None
    node.ledger._desk._thread.join()
    node.ledger._ledger.close()
    with down(postgres):
        more = "wait: 1\nrestart_offline: allow\n"
        again = firewall(tmp_path / "ledger", config(node.policy.treasury, more=more))
        verdict = asked(again, had, name="early")
        assert isinstance(verdict, Admit)
        with pytest.raises(LedgerError, match="the treasury was not heard yet about all"):
            asked(again, CENT, name="too much")
    wait_until(lambda: again.ledger._desk.confirmed)
    served(again, CENT, name="late")
    again.close()


def test_a_proxy_that_was_in_no_fleet_does_not_start_without_a_treasury(
    postgres, database, tmp_path
):
    """Nobody could say whether the address is right."""
    with down(postgres), pytest.raises(LedgerError, match=r"cannot be reached: .*refused"):
        firewall(tmp_path / "ledger", config(database))


@pytest.mark.parametrize(
    ("code", "said", "attempts"),
    [
        ("40001", "could not order our step", wire.TRIES),
        ("40P01", "could not order our step", wire.TRIES),
        ("53100", "its disk is full", 1),
        ("25006", "is a standby", 1),
    ],
)
def test_what_time_may_cure_is_said_in_a_sentence(database, code, said, attempts):
    """By the server's own code; what it could not order among the rest is tried again first."""
    treasury = wire.Wire(database)
    tried = []

    def step(db):
        tried.append(db)
        db.execute(f"DO $$ BEGIN RAISE 'no' USING ERRCODE = '{code}'; END $$")

    with pytest.raises(TreasuryUnreachable, match=f"cannot be used now: .*{said}"):
        treasury.transaction(step)
    assert len(tried) == attempts
    treasury.close()
