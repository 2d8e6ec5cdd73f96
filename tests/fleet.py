"""Nodes of a fleet in this process, as a proxy opens them, and calls that they serve."""

import asyncio
import time
from dataclasses import replace

from books import call, demand, settled

from llmcap.assembly import Settings, firewall_for
from llmcap.budgets.budget import scopes_for
from llmcap.config import resolve, yamldoc
from llmcap.walk.patience import patiently
from llmcap.words.records import Admit, Wait

WAIT_SECONDS = 0.02


def firewall(ledger, text):
    """What a proxy opens with this config."""
    policy = resolve(yamldoc.parse(text, file="llmcap.yaml"))
    settings = Settings(cap="", config=None, ledger=str(ledger))
    return firewall_for(policy, settings, notify=lambda *_: None)


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
