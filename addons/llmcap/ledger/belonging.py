"""
Whether a ledger is a machine's own, or a node of a treasury's.

Of a node, what was `raised` is what the treasury allotted: whoever changed that here would make
money, and whoever reset a balance would spend it twice. So a hand that would is told where to go.
"""

import sqlite3

from llmcap.words.errors import ConfigError, LedgerError


def node_of(db: sqlite3.Connection) -> tuple[str, str] | None:
    """The ids of the node that a ledger is, and of its fleet; None: it is no node."""
    row: tuple[str, str] | None = db.execute("SELECT id, fleet FROM node").fetchone()
    return row


def is_node(db: sqlite3.Connection) -> bool:
    """Whether a ledger that may be an older LLMCap's is a node."""
    try:
        return node_of(db) is not None
    except sqlite3.OperationalError:
        return False  # made before there were any


def check_alone(node: tuple[str, str] | None, path: str) -> None:
    """Raise `ConfigError` where a ledger is a node of a treasury that the config does not name."""
    if node is not None:
        raise ConfigError(
            f"the ledger {path} is a node of a treasury (fleet {node[1] or 'unknown'}), and this "
            "config names none: its budgets would count for this machine alone\n"
            "hint: say `treasury:` as the other nodes do, or name another ledger"
        )


def refuse_node(db: sqlite3.Connection) -> None:
    """Raise `LedgerError` where a ledger's budgets are a treasury's to change."""
    if node_of(db) is not None:
        raise LedgerError(
            "the budgets of this ledger are kept by a treasury, and are not changed on one node\n"
            "hint: name the config that says `treasury:` with --config, and change them for all"
        )
