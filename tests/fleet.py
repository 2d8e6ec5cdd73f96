"""Nodes of a fleet in this process, as a proxy opens them, and calls that they serve."""

import asyncio
import time
from contextlib import contextmanager
from dataclasses import replace

import psycopg
from books import call, demand, settled

from llmcap.assembly import Settings, firewall_for
from llmcap.budgets.budget import scopes_for
from llmcap.config import resolve, yamldoc
from llmcap.walk.patience import patiently
from llmcap.words.records import Admit, Wait

WAIT_SECONDS = 0.02
SECONDS = 300  # ends what hangs


def firewall(ledger, text):
    """What a proxy opens with this config."""
    policy = resolve(yamldoc.parse(text, file="llmcap.yaml"))
    settings = Settings(cap="", config=None, ledger=str(ledger))
    return firewall_for(policy, settings, notify=lambda *_: None)


@contextmanager
def firewalls(folder, text, names="ab"):
    """Several nodes with this config, which end in the end."""
    opened = [firewall(folder / name, text) for name in names]
    try:
        yield opened
    finally:
        for node in opened:
            node.close()


def config(url, cap="5", more=""):
    """A config of one budget."""
    return f"treasury: {url}\nbudgets: [{{name: all, cap: {cap}, every: day}}]\n{more}"


def asked(node, nanos, *, name="call", patient=False, **attributes):
    """What a node says to a call that costs so much at most, the treasury asked where need be."""
    made = replace(call(call_id=name, **attributes), at=node.clock())
    scopes = scopes_for(node.policy.budgets, made, run_id="r")

    def step():
        return node.ledger.hold(made, scopes, demand(fixed=nanos), patient=patient)

    return asyncio.run(patiently(step, node.shared.late))


def served(node, nanos, *, cost=None, name="call", **attributes):
    """Such a call, which waits for what other nodes have at hand, goes, and costs so much."""
    while isinstance(verdict := asked(node, nanos, name=name, patient=True, **attributes), Wait):
        time.sleep(WAIT_SECONDS)
    assert isinstance(verdict, Admit), verdict
    node.ledger.end(verdict.hold, settled(nanos if cost is None else cost))


def wait_until(holds):
    """Until it does."""
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def fall_silent(node, database):
    """A node ends without a word, and was last heard of a minute ago."""
    desk = node.ledger._desk
    desk._closing = True
    desk._leave = lambda *_: None
    desk._thread.join()
    with psycopg.connect(database, autocommit=True) as db:
        db.execute(
            "UPDATE llmcap.nodes SET heard_at = heard_at - interval '60 s' WHERE id = %s",
            [desk._node_id],
        )


@contextmanager
def down(postgres):
    """The server is killed, and started again in the end."""
    postgres.kill()
    try:
        yield
    finally:
        postgres.start()
