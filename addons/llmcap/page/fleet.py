"""
The books of a fleet, for the page: followed in a thread of its own, and only while somebody asks.

A question waits for the next look at the treasury, which takes what is new of all nodes into a file
here (`treasury.mirror`), counts it, and asks for the balances. Where the treasury cannot be asked,
or is long in answering, the question is answered from what there is, with a note that says so.
"""

import logging
import threading
import time
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from llmcap.ledger import history
from llmcap.ledger.follower import catch_up
from llmcap.ledger.names.table import key_names, write_name
from llmcap.ledger.store import Store
from llmcap.page.books import HERE, Books, Nodes, Told, of_machine
from llmcap.treasury.hands import Hands
from llmcap.treasury.mirror import mirrored
from llmcap.words.errors import ConfigError, LLMCapError

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 3
# After the treasury could not be asked, nobody waits for it again so soon.
LOST_SECONDS = 3
STOP_SECONDS = 0.2

COPYING = "the books of the fleet are still being copied to this machine"
SLOW = "the treasury is slow to answer; this is what it said last"


class Fleet:
    """One treasury. `books` may be called by any thread, `follow` is one."""

    def __init__(self, treasury: str, ledger: Path) -> None:
        self.treasury = treasury
        self._ledger = ledger
        self._hands = Hands(treasury)
        self._turn = threading.Condition()
        self._wanted: set[str] = set()  # by those who wait for the next look
        self._begun = self._ended = 0  # looks
        self._found: dict[str, Books] = {}
        self._nodes = Nodes(datetime.now(UTC), ())
        self._lost, self._lost_at = "", 0.0

    def books(self, node: str) -> Books:
        """
        Those of all nodes (""), of one by its id, or of this machine (`HERE`).

        Raises `ConfigError` where there is no such node.
        """
        if node == HERE:
            return self._own("")
        with self._turn:
            if self._lost and time.monotonic() - self._lost_at < LOST_SECONDS:
                return self._own(self._lost)
            self._wanted.add(node)
            look = self._begun + 1
            self._turn.notify_all()
            answered = self._turn.wait_for(lambda: self._ended >= look, PATIENCE_SECONDS)
            if self._lost:
                return self._own(self._lost)
            known = [row.id for row in self._nodes.rows]
            if answered and node and node not in known:
                names = ", ".join(known) or "none"
                raise ConfigError(f"there is no node {node!r}; there are: {names}")
            found = self._found.get(node)
            if found is None:
                return self._own(COPYING)
            return found if answered else replace(found, note=SLOW)

    def _own(self, note: str) -> Books:
        return replace(of_machine(self._ledger), nodes=self._nodes, note=note)

    def follow(self, stop: threading.Event) -> None:
        """Look whenever somebody asks, until it is stopped."""
        while not stop.is_set():
            with self._turn:
                if not self._turn.wait_for(lambda: self._wanted, STOP_SECONDS):
                    continue
                wanted, self._wanted = self._wanted, set()
                self._begun += 1
            try:
                nodes, found, lost = *self._look(wanted), ""
            except Exception as error:
                if not isinstance(error, LLMCapError):
                    logger.exception("the page could not look at the treasury")
                self._hands.close()  # another look connects again
                nodes, found, lost = self._nodes, {}, in_a_line(error)
            with self._turn:
                self._nodes = nodes
                self._found |= found
                self._lost, self._lost_at = lost, time.monotonic()
                self._ended = self._begun
                self._turn.notify_all()
        self._hands.close()

    def _look(self, wanted: Collection[str]) -> tuple[Nodes, dict[str, Books]]:
        hands = self._hands.prepared()
        nodes = Nodes(hands.now(), hands.nodes())
        budgets = [term.budget for term in hands.terms().by_key.values()]
        names = _names(self._ledger)
        known = {"", *(row.id for row in nodes.rows)}
        found = {}
        for node in sorted(known.intersection(wanted)):
            told = Told(budgets, hands.balances(node_id=node or None))
            path = mirrored(hands, node_id=node or None, nodes=nodes.rows)
            _share(names, path)
            catch_up(path)
            found[node] = Books(self._ledger, path, node, told, nodes)
        return nodes, found


def in_a_line(error: Exception) -> str:
    """What is told of an error to people; one that nobody foresaw is told with its kind."""
    said = str(error).partition("\n")[0]
    return said if isinstance(error, LLMCapError) else f"{type(error).__name__}: {said}"


def _names(ledger: Path) -> Mapping[str, str]:
    """What keys are called in it; all nodes of a fleet make the same fingerprints."""
    with history.reading(ledger) as db:
        return key_names(db)


def _share(names: Mapping[str, str], path: Path) -> None:
    before = _names(path)
    changed = {key for key in names.keys() | before.keys() if names.get(key) != before.get(key)}
    if changed:
        with closing(Store(path, durability="normal", patient=True)) as store, store as db:
            for key in sorted(changed):
                write_name(db, key, names.get(key, ""))
