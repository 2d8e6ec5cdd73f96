"""From a ledger's file and an address to a node that has joined its fleet."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from llmcap.ledger import MEMORY, Ledger
from llmcap.ledger.sqlite import SqliteLedger
from llmcap.treasury.announcing import Announcer
from llmcap.treasury.clock import TreasuryClock
from llmcap.treasury.desk import Desk
from llmcap.treasury.node import node_ledger
from llmcap.treasury.nodefile import NodeFile
from llmcap.treasury.postgres import PostgresTreasury
from llmcap.words.errors import ConfigError
from llmcap.words.records import Policy

# So many things to tell are kept until somebody takes them.
NOTES_MAX = 100


@dataclass(slots=True)
class Node:
    """A node that has joined: what the walk is given of it."""

    ledger: Ledger
    clock: TreasuryClock
    desk: Desk
    announcer: Announcer
    notes: deque[str] = field(default_factory=lambda: deque(maxlen=NOTES_MAX))

    def tell(self, notify: Callable[[str], None]) -> None:
        """Pass on what the desk noted since the last time."""
        while self.notes:
            notify(self.notes.popleft())


def open_node(ledger: SqliteLedger, path: str, policy: Policy) -> Node:
    """Join the fleet with this ledger. Raises `LLMCapError`; its opener then closes it."""
    if path == MEMORY:
        raise ConfigError(
            "a ledger in memory cannot be a node of a treasury: its allotments would be lost\n"
            "hint: name a file with llmcap_ledger, --ledger or LLMCAP_LEDGER"
        )
    clock = TreasuryClock()
    notes: deque[str] = deque(maxlen=NOTES_MAX)
    process_id = ledger.process_id
    desk = Desk(
        treasury=lambda: PostgresTreasury(policy.treasury),
        file=lambda: NodeFile(Path(path), process_id, clock),
        budgets=policy.budgets,
        clock=clock,
        notify=notes.append,
        offline=policy.restart_offline == "allow",
    )
    desk.start()
    own = node_ledger(ledger, desk, wait_seconds=int(policy.wait_seconds))
    known = ledger.node()
    assert known is not None, "it has joined"
    return Node(own, clock, desk, Announcer(policy.treasury, known[0]), notes)
