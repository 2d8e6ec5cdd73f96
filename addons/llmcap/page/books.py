"""Where a question of the page is answered from: a ledger file, and what a treasury says beside."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from llmcap.ledger import history, queries
from llmcap.treasury.hands import state_of
from llmcap.treasury.protocol import NodeRow
from llmcap.words.records import Balance, Budget, Scope

# In the place of a node's id: the ledger of this machine, as it is. No node has it: ids are longer.
HERE = "here"

Balances = Sequence[tuple[Scope, Balance]]


@dataclass(frozen=True, slots=True)
class Told:
    """What the treasury said of its budgets, and of what the fleet or one node has of them."""

    budgets: Sequence[Budget]
    balances: Balances


@dataclass(frozen=True, slots=True)
class Nodes:
    """The nodes of a fleet at a moment of the treasury's clock."""

    at: datetime
    rows: Sequence[NodeRow]

    @property
    def running(self) -> int:
        """How many were heard of just now."""
        return sum(state_of(node, now=self.at) == "active" for node in self.rows)

    def documents(self) -> list[dict[str, Any]]:
        """For the page: which there are, and whether they live."""
        return [
            {"id": node.id, "name": node.name, "state": state_of(node, now=self.at),
             "heard_at": node.heard_at.isoformat()}
            for node in self.rows
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Books:
    """
    What is read for one question.

    `path` has the calls; `own` is this machine's ledger, beside which stand the events. Without
    `told`, the balances are those in `path`. `note` says why it is not what was asked for.
    """

    own: Path
    path: Path
    shown: str = ""  # whose: "" all nodes', `HERE`, or a node's id
    told: Told | None = None
    nodes: Nodes | None = None  # None: there is no treasury
    note: str = ""

    @property
    def with_events(self) -> bool:
        """Whether what stands beside this machine's ledger belongs to it."""
        return self.path == self.own or not self.shown

    def budgets(self, db: sqlite3.Connection) -> list[Budget]:
        """Those in force."""
        if self.told is not None:
            return list(self.told.budgets)
        return [budget for budget, _ in history.definitions(db)]

    def balances(self, db: sqlite3.Connection, now: datetime) -> Iterator[Balances]:
        """The balances of each budget that count now, by value."""
        if self.told is not None:
            for _, rows in groupby(self.told.balances, key=lambda row: row[0].budget):
                yield list(rows)
            return
        for budget, run in history.definitions(db):
            yield queries.balances(db, now, [budget], run_id=run)


def of_machine(ledger: Path) -> Books:
    """This machine's ledger, whatever there is beside."""
    return Books(ledger, ledger, HERE)
