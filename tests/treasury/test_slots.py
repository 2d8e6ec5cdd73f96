"""A cap of calls in flight over several nodes: a slot for each call, and none that is lost."""

import time

import pytest
from books import settled
from fleet import SECONDS, asked, config, down, fall_silent, firewalls, wait_until

from llmcap.treasury.hands import Hands
from llmcap.words.errors import LedgerError
from llmcap.words.records import Admit, Deny, Wait


@pytest.fixture
def nodes(database, tmp_path):
    """Two, with three calls at once between them."""
    text = config(database, cap="3 concurrent", more="wait: 1\n")
    with firewalls(tmp_path, text) as opened:
        yield opened


def until_admitted(node, name):
    """A call that waits for its slot."""
    deadline = time.monotonic() + SECONDS
    while not isinstance(verdict := asked(node, 1, name=name, patient=True), Admit):
        assert isinstance(verdict, Wait)
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return verdict


def test_no_more_calls_are_in_flight_than_the_cap_on_all_nodes(nodes):
    """The fourth waits, or is refused with the figures of the fleet; one that ends lets it go."""
    first, second = nodes
    held = [until_admitted(first, "one"), until_admitted(second, "two")]
    held.append(until_admitted(second, "three"))
    for node in nodes:
        assert isinstance(asked(node, 1, name="four", patient=True), Wait)
        found = asked(node, 1, name="four")
        assert isinstance(found, Deny)
        assert (found.balance.held, found.scope.budget.cap) == (3, 3)
    second.ledger.end(held[1].hold, settled(0))
    until_admitted(first, "four")


def test_a_slot_goes_back_when_its_call_has_ended(nodes):
    """None is kept for later, so that each node may have all of them."""
    for node in [*nodes, *nodes]:
        held = [until_admitted(node, f"{number}") for number in range(3)]
        for each in held:
            node.ledger.end(each.hold, settled(0))


def test_slots_of_a_node_that_fell_silent_are_free_again(nodes, database):
    """Its calls are taken to have ended; the node is not asked."""
    first, second = nodes
    until_admitted(first, "one")
    until_admitted(first, "two")
    fall_silent(first, database)
    for number in range(3):
        until_admitted(second, f"{number}")
    assert isinstance(asked(second, 1, name="too much"), Deny)


def test_slots_of_a_retired_node_are_free_again(nodes, database):
    """Nothing is taken for spent, as nothing is."""
    first, second = nodes
    until_admitted(first, "one")
    with Hands(database) as hands:
        (lost,) = [node for node in hands.nodes() if node.held.get("all")]
        assert hands.retire(lost.id).freed == {"all": 1}
        ((scope, balance),) = hands.balances()
    assert (scope.resets_at, balance.spent, balance.held) == (None, 0, 0)
    for number in range(3):
        until_admitted(second, f"{number}")


def test_a_node_that_is_cut_off_takes_no_slot(nodes, postgres, monkeypatch):
    """Not even one that it has at hand: after a while somebody else has it."""
    monkeypatch.setattr("llmcap.treasury.node.ANSWER_SECONDS", 1)
    monkeypatch.setattr("llmcap.treasury.tending.IDLE_NANOSECONDS", 600 * 10**9)
    first, _ = nodes
    first.ledger._wait_seconds = 1
    first.ledger.end(until_admitted(first, "one").hold, settled(0))
    with down(postgres):
        wait_until(lambda: first.ledger._desk.unreachable)
        with pytest.raises(LedgerError, match="did not answer"):
            asked(first, 1, name="two")
    until_admitted(first, "three")
