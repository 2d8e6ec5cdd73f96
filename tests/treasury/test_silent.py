"""A node is silent and has much of the cap: nobody waits for what it has, and the rest is spent."""

import asyncio
import time
from dataclasses import replace

import pytest
from books import call, demand, settled
from fleet import SECONDS, asked, config, fall_silent, firewall, firewalls, served

from llmcap.budgets.budget import scopes_for
from llmcap.walk.patience import patiently
from llmcap.words.records import Admit, Deny, Wait

CENT = 10_000_000
TOKEN = CENT // 100


@pytest.fixture
def nodes(database, tmp_path):
    """Two that are heard; a third has 80 cents of a dollar, and was killed a minute ago."""
    with firewalls(tmp_path, config(database, cap="1"), "abc") as (*heard, lost):
        assert isinstance(asked(lost, 80 * CENT, name="lost", patient=True), Admit)
        fall_silent(lost, database)
        yield heard


def test_what_a_silent_node_has_is_not_waited_for(nodes):
    """The call is refused at once; what is said to be spent is what is known to be."""
    verdict = asked(nodes[0], 50 * CENT, patient=True)
    assert isinstance(verdict, Deny)
    assert verdict.balance.spent == 0
    assert verdict.balance.held >= 80 * CENT


def test_an_answer_is_shortened_at_once_where_only_a_silent_node_could_pay_for_the_whole(nodes):
    """To what the others have, all of which is in the treasury here."""
    (node, _), made = nodes, call(call_id="long")
    made = replace(made, at=node.clock())
    scopes = scopes_for(node.policy.budgets, made, run_id="r")
    whole = demand(per=TOKEN, limit=5_000, least=1)

    def step():
        return node.ledger.hold(made, scopes, whole, patient=True)

    verdict = asyncio.run(patiently(step, node.shared.late))
    assert isinstance(verdict, Admit)
    assert verdict.output_limit
    assert verdict.hold.held_nanos <= 20 * CENT


def test_what_a_node_that_is_heard_has_at_hand_is_waited_for(nodes):
    """It had a large call that cost nothing; the other node's call waits, and gets it."""
    first, second = nodes
    verdict = asked(second, 15 * CENT, name="large", patient=True)
    assert isinstance(asked(first, 18 * CENT, name="waits", patient=True), Wait)
    second.ledger.end(verdict.hold, settled(0))
    served(first, 18 * CENT, name="waits")


def test_nobody_is_silent_for_one_that_was_cut_off_itself(nodes):
    """It may be the first that is back after an outage: the others have not spoken yet."""
    node = nodes[0]
    node.ledger._desk.reached_at = time.monotonic_ns() + 600 * 10**9
    assert isinstance(asked(node, 50 * CENT, patient=True), Wait)


def test_a_node_whose_call_waits_keeps_nothing_from_another(database, tmp_path):
    """It cannot be served while a third call is in flight; what it had at hand serves another."""
    first, second = (firewall(tmp_path / name, config(database, cap="0.20")) for name in "ab")
    asked(second, 3 * CENT, name="in flight")
    for node in (first, second):
        served(node, 8 * CENT, cost=0, name="leaves all at hand")
    deadline = time.monotonic() + SECONDS
    large, small = (first, 18 * CENT), (second, 12 * CENT)
    while isinstance(asked(*small, name="small", patient=True), Wait):
        assert isinstance(asked(*large, name="large", patient=True), Wait)
        if isinstance(asked(*small, name="small", patient=False), Admit):
            break
        assert time.monotonic() < deadline
    first.close()
    second.close()
