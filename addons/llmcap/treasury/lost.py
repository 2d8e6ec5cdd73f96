"""What the ledger file of a lost node says that it spent: the truth, when it is retired."""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from llmcap.ledger import open_ledger
from llmcap.ledger.liveness import in_use, locks_of
from llmcap.treasury.protocol import Account, Claim, Terms
from llmcap.treasury.shipping import batch_after
from llmcap.words.errors import ConfigError

_NODE = "SELECT id, epoch, seq, pending_id, session FROM node"
_SPENT = (
    "SELECT budgets.name, budgets.unit, budgets.every, budgets.per, balances.value, balances.run, "
    "balances.window_start, balances.spent + balances.held "
    "FROM balances JOIN budgets ON budgets.id = balances.budget_id"
)


@dataclass(frozen=True, slots=True)
class Lost:
    """What the file of a lost node says: who it is, what it spent, and what it has not told."""

    claim: Claim  # as its proxy would join
    spent: Mapping[Account, int]
    entries: tuple[str, ...] = ()  # batches, as `shipping` makes them


def account_of_lost(path: Path, node_id: str, terms: Terms, *, told: int) -> Lost:
    """
    By account what the file of that node has as spent, and its entries after the one that was
    `told`. Calls of which it does not know the end may have been billed: they are taken for what
    they can have cost, as where its proxy starts again. The file stays as it is.

    Raises `ConfigError` where it is another file, or its proxy still runs.
    """
    if not path.exists():
        raise ConfigError(f"there is no ledger {path}")
    if in_use(path):
        raise ConfigError(
            f"the proxy of {path} still runs\n"
            "hint: end it: it gives back all that it has, and there is nothing to retire"
        )
    try:
        claim = _claim(path, node_id)
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / path.name
            _copy(path, copy)
            open_ledger(copy).close()
            with closing(sqlite3.connect(copy)) as db:
                rows = db.execute(_SPENT).fetchall()
                entries = tuple(_entries(db, told))
    except sqlite3.Error as error:
        raise ConfigError(f"{path} is no ledger of a node under a treasury: {error}") from error
    found = {}
    for name, unit, every, per, value, run, start, spent in rows:
        if term := terms.by_key.get((name, unit, every, per)):
            found[Account(term.id, value, run, start)] = spent
    return Lost(claim, found, entries)


def _claim(path: Path, node_id: str) -> Claim:
    with closing(_reading(path)) as db:
        row = db.execute(_NODE).fetchone()
    if row is None or row[0] != node_id:
        said = f"that of the node {row[0]}" if row else "of no node"
        raise ConfigError(f"{path} is {said}, not of {node_id}: `llmcap fleet` lists the nodes")
    _, epoch, seq, pending_id, last_session = row
    return Claim(node_id, "", epoch, seq, pending_id, session="", last_session=last_session)


def _copy(path: Path, copy: Path) -> None:
    """With what its processes wrote down of when they ended."""
    with (
        closing(_reading(path)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
    for lock in locks_of(path):
        shutil.copy(lock, copy.parent)


def _reading(path: Path) -> sqlite3.Connection:
    """Whatever its name has in it: `#`, `?` and `%` mean something else in an address."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def _entries(db: sqlite3.Connection, told: int) -> Iterator[str]:
    while (batch := batch_after(db, told)) is not None:
        yield batch.entries
        told = batch.last_id
