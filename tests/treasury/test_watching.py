"""Budgets that only watch, over several nodes: what they would have done for the whole fleet."""

from datetime import UTC, datetime

import pytest
from fleet import config, firewalls, served, wait_until

from llmcap.ledger import history
from llmcap.ledger.watched import would_have
from llmcap.treasury.hands import Hands
from llmcap.treasury.mirror import mirrored

CENT = 10_000_000
BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def nodes(database, tmp_path):
    """Two that watch a budget of a dollar, and enforce nothing."""
    text = config(database, cap="1").replace("every: day", "every: day, mode: watch")
    with firewalls(tmp_path, text) as opened:
        yield opened


def test_what_would_have_been_refused_is_said_of_the_fleets_balance(nodes, database, tmp_path):
    """No call is stopped; one that others left no room for is noted, and later ones fit again."""
    first, second = nodes
    served(first, 70 * CENT, name="one")
    with Hands(database) as hands:
        wait_until(lambda: spent(hands) == 70)
        served(second, CENT, name="two")
        wait_until(lambda: spent(hands) == 71 and known(second) == 71)
        served(second, 40 * CENT, name="three")
        served(second, 20 * CENT, name="four")
        for node in nodes:
            node.close()
        assert spent(hands) == 131
        assert sorted(node.spent["all"] for node in hands.nodes()) == [61 * CENT, 70 * CENT]
        path = mirrored(hands, environ={"XDG_DATA_HOME": str(tmp_path)})
    with history.reading(path) as db:
        found = [(each.call.id, each.what) for each in would_have(db, since=BEGINNING)]
    assert found == [("three", "refused")]


def test_no_call_is_stopped_where_the_treasury_does_not_confirm_the_node(nodes):
    """Nothing would be spent that is not allotted, as nothing is."""
    desk = nodes[0].ledger._desk
    desk.confirmed = False
    desk._round = lambda *_: None
    served(nodes[0], 5 * CENT, name="one")


def spent(hands):
    """By the fleet, in cents."""
    return sum(balance.spent for _, balance in hands.balances()) // CENT


def known(node):
    """How much of that a node knows of."""
    views = node.ledger._desk.views.values()
    return max((view.figures.spent for view in views), default=0) // CENT
