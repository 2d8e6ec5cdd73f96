"""Streams that hold slice by slice, over several nodes: they go on while any node can let go."""

import asyncio
import time
from dataclasses import replace
from functools import partial

import pytest
from books import call, demand, settled
from fleet import SECONDS, config, firewalls, served, wait_until

from llmcap.budgets.budget import scopes_for
from llmcap.treasury.hands import Hands
from llmcap.walk.patience import patiently
from llmcap.words.records import Admit

CENT = 10_000_000
TOKEN = CENT // 100
SLICE = 128


@pytest.fixture
def nodes(database, tmp_path):
    """Two, with a dollar, which is 10,000 tokens."""
    text = config(database, cap="1").replace("every: day", "every: day, hold: sliced")
    with firewalls(tmp_path, text) as opened:
        yield opened


def admitted(node, name):
    """A stream that begins: its first slice is held."""
    made = replace(call(call_id=name), at=node.clock())
    scopes = scopes_for(node.policy.budgets, made, run_id="r")
    sliced = replace(demand(per=TOKEN, limit=50_000, least=1), held_limit=SLICE)

    def step():
        return node.ledger.hold(made, scopes, sliced, patient=True)

    verdict = asyncio.run(patiently(step, node.shared.late))
    assert isinstance(verdict, Admit), verdict
    return verdict


def extended(node, hold, tokens, *, least):
    """The hold with so many more, or half as many, ..., asked for again and again."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        more = tokens
        while more >= least:
            step = partial(node.ledger.extend, hold, more * TOKEN, more)
            found = asyncio.run(patiently(step, node.shared.late))
            if found is not None:
                return found
            more //= 2
        time.sleep(0.01)
    raise AssertionError("no slice was to be had")


def test_a_stream_goes_on_with_what_the_treasury_and_other_nodes_have(nodes, database):
    """Slice after slice until the cap is used up, which is its limit too; never beyond it."""
    first, second = nodes
    served(second, 2_000 * TOKEN, name="before")
    with Hands(database) as hands:
        wait_until(lambda: hands.balances()[0][1].spent >= 2_000 * TOKEN)
    verdict = admitted(first, "stream")
    assert verdict.hold.held_nanos == SLICE * TOKEN
    assert verdict.output_limit == 8_000
    hold = verdict.hold
    while hold.held_nanos < 7_800 * TOKEN:
        hold = extended(first, hold, 2_048, least=SLICE)
    assert hold.held_nanos <= 8_000 * TOKEN
    assert first.ledger.extend(hold, 201 * TOKEN, 201) is None
    first.ledger.end(hold, settled(hold.held_nanos))
