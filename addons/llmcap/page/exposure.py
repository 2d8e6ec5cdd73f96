"""The most that can be spent until each window ends: the worst case at a glance."""

import sqlite3
from datetime import datetime
from typing import Any

from llmcap.ledger.names.table import key_names
from llmcap.page.access import Role
from llmcap.page.books import Books
from llmcap.page.now import balances_seen, budget_document, fleet_document
from llmcap.words.money import usd_string
from llmcap.words.records import CapUnit


def document(books: Books, db: sqlite3.Connection, now: datetime, role: Role) -> dict[str, Any]:
    """
    Each budget in dollars with what is still to be spent of it, those with the most first.

    A budget that counts everything bounds the sum; the least of those is the worst case, whatever
    the others allow. One that is only watched bounds nothing, and stands last.
    """
    names = key_names(db)
    rows = [row for row in balances_seen(books, db, now, role) if row[0].budget.unit is CapUnit.USD]
    found = []
    whole = []
    for scope, balance in rows:
        told = budget_document(scope, balance, now, names)
        if scope.budget.watched:
            found.append((-1, {**told, "most_usd": None}))
            continue
        most = max(scope.budget.cap + balance.raised - balance.spent, 0)
        most = 0 if balance.paused else most
        found.append((most, {**told, "most_usd": usd_string(most)}))
        if not scope.budget.match and not scope.budget.per and not scope.budget.allow:
            whole.append((most, scope))
    found.sort(key=lambda row: (-row[0], row[1]["name"], row[1]["value"]))
    worst = min(whole, key=lambda row: row[0], default=None)
    unseen = [
        budget.name for budget in books.budgets(db)
        if budget.per and budget.unit is CapUnit.USD and not budget.watched and not role.project
    ]  # fmt: skip
    return {
        "time": now.isoformat(),
        "fleet": fleet_document(books, role),
        "budgets": [each for _, each in found],
        "worst_usd": usd_string(worst[0]) if worst else None,
        "worst_by": worst[1].budget.name if worst else None,
        "worst_until": worst[1].resets_at.isoformat() if worst and worst[1].resets_at else None,
        "per_value": unseen,
    }
