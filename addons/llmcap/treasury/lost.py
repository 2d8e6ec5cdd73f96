"""What the ledger file of a lost node says that it spent: the truth, when it is retired."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from llmcap.treasury.protocol import Account, Claim, Terms
from llmcap.words.errors import ConfigError

_SPENT = (
    "SELECT budgets.name, budgets.unit, budgets.every, budgets.per, balances.value, balances.run, "
    "balances.window_start, balances.spent + balances.held "
    "FROM balances JOIN budgets ON budgets.id = balances.budget_id"
)


@dataclass(frozen=True, slots=True)
class Lost:
    """What the file of a lost node says: who it is, and what it spent."""

    claim: Claim  # as its proxy would join
    spent: Mapping[Account, int]  # with what is held by calls of which it does not know the end


def account_of_lost(path: Path, node_id: str, terms: Terms) -> Lost:
    """
    By account what the file of that node has as spent, and as held by calls of which it does not
    know the end: those may have been billed. Raises `ConfigError` where it is another file.
    """
    if not path.exists():
        raise ConfigError(f"there is no ledger {path}")
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            row = db.execute("SELECT id, epoch, seq, pending_id, session FROM node").fetchone()
            rows = db.execute(_SPENT).fetchall()
    except sqlite3.Error as error:
        raise ConfigError(f"{path} is no ledger of a node under a treasury: {error}") from error
    if row is None or row[0] != node_id:
        said = f"that of the node {row[0]}" if row else "of no node"
        raise ConfigError(f"{path} is {said}, not of {node_id}: `llmcap fleet` lists the nodes")
    _, epoch, seq, pending_id, last_session = row
    claim = Claim(node_id, "", epoch, seq, pending_id, session="", last_session=last_session)
    found = {}
    for name, unit, every, per, value, run, start, spent in rows:
        if term := terms.by_key.get((name, unit, every, per)):
            found[Account(term.id, value, run, start)] = spent
    return Lost(claim, found)
