"""
Balances in the database: the row of a scope, and what counts for it.

Ids are kept in the process once they are known, as rows of balances are never removed; so an
admission looks nothing up by name.
"""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from llmcap.budgets.watched import judged, shadows_of
from llmcap.ledger.rows import budget_key, from_seconds, seconds, text
from llmcap.ledger.store import Store
from llmcap.words.records import Balance, Demand, Scope

# Far more than are in use at once; past it, they are looked up again.
_IDS_MAX = 10_000

_FIGURES = """
    SELECT balances.spent, balances.held, balances.calls, balances.refused, balances.raised,
        budgets.paused
    FROM balances JOIN budgets ON budgets.id = balances.budget_id WHERE balances.id = ?
"""
# Rolling windows: all buckets that are near enough count together. See `windows`.
_FIGURES_NEAR = """
    SELECT sum(near.spent), sum(near.held), sum(near.calls), sum(near.refused), sum(near.raised),
        budgets.paused
    FROM balances AS newest JOIN balances AS near
        ON near.budget_id = newest.budget_id AND near.value = newest.value
        AND near.run = newest.run
        AND near.window_start > newest.window_start - :reach
        AND near.window_start < newest.window_start + :reach
    JOIN budgets ON budgets.id = newest.budget_id
    WHERE newest.id = :id
"""
_NEAR = """
    SELECT near.id, near.window_start, near.spent, near.held, near.raised
    FROM balances AS newest JOIN balances AS near
        ON near.budget_id = newest.budget_id AND near.value = newest.value
        AND near.run = newest.run
        AND (near.id = newest.id OR near.window_start > newest.window_start - :reach
            AND near.window_start < newest.window_start + :reach)
    WHERE newest.id = :id
    ORDER BY near.window_start
"""


class Accounts:
    """The ids of balances, found or made."""

    __slots__ = ("_ids", "_store")

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ids: dict[tuple[object, ...], int] = {}

    def ids(self, scopes: Sequence[Scope]) -> tuple[int, ...]:
        """The balances of these scopes; made in a transaction of their own where they are new."""
        try:
            return tuple([self._ids[_key(scope)] for scope in scopes])
        except KeyError:
            pass
        with self._store as db:
            ids = tuple([find_or_make(db, scope) for scope in scopes])
        if len(self._ids) > _IDS_MAX:
            self._ids.clear()
        self._ids.update(zip(map(_key, scopes), ids, strict=True))
        return ids

    def judged(
        self, db: sqlite3.Connection, scopes: Sequence[Scope], demand: Demand
    ) -> tuple[tuple[Scope, ...], str]:
        """Which balances of what would be a call is posted to, and what would be done to it."""
        if not (shadows := shadows_of(scopes)):
            return (), ""
        ids = zip(shadows, self.ids(shadows), strict=True)
        note, passes = judged([(each, balance_of(db, each, id_)) for each, id_ in ids], demand)
        return shadows if passes else (), note


def _key(scope: Scope) -> tuple[object, ...]:
    budget = scope.budget
    return (
        budget.name,
        budget.unit,
        budget.every,
        budget.per,
        scope.value,
        scope.run,
        scope.window_start,
    )


def find_or_make(db: sqlite3.Connection, scope: Scope) -> int:
    """The row of a balance."""
    budget_id = find_or_make_budget(db, scope)
    key = (budget_id, text(scope.value), text(scope.run), seconds(scope.window_start))
    db.execute(
        "INSERT OR IGNORE INTO balances (budget_id, value, run, window_start) VALUES (?, ?, ?, ?)",
        key,
    )
    return _one(
        db,
        "SELECT id FROM balances "
        "WHERE budget_id = ? AND value = ? AND run = ? AND window_start = ?",
        key,
    )


def find_or_make_budget(db: sqlite3.Connection, scope: Scope) -> int:
    """The row of a budget. One that counts another way now, but is paused by name, stays so."""
    key = budget_key(scope)
    db.execute(
        "INSERT OR IGNORE INTO budgets (name, unit, every, per, paused) VALUES (?, ?, ?, ?, "
        "(SELECT coalesce(max(paused), 0) FROM budgets WHERE name = ?))",
        (*key, key[0]),
    )
    return _one(
        db, "SELECT id FROM budgets WHERE name = ? AND unit = ? AND every = ? AND per = ?", key
    )


def balance_of(db: sqlite3.Connection, scope: Scope, balance_id: int) -> Balance:
    """What counts for a scope now."""
    if scope.reach:
        row = db.execute(
            _FIGURES_NEAR, {"id": balance_id, "reach": seconds(scope.reach)}
        ).fetchone()
    else:
        row = db.execute(_FIGURES, (balance_id,)).fetchone()
    assert row is not None, f"balance {balance_id} has gone"
    spent, held, calls, refused, raised, paused = row
    return Balance(spent, held, calls, refused, raised, paused=bool(paused))


def with_balances(
    db: sqlite3.Connection, scopes: Sequence[Scope], balance_ids: Sequence[int]
) -> list[tuple[Scope, Balance]]:
    """The same of several, each with its scope."""
    return [
        (scope, balance_of(db, scope, balance_id))
        for scope, balance_id in zip(scopes, balance_ids, strict=True)
    ]


def near(
    db: sqlite3.Connection, scope: Scope, balance_id: int
) -> list[tuple[int, int, int, int, int]]:
    """Each balance that counts for a scope: its id, window's start, spent, held and raised."""
    return db.execute(_NEAR, {"id": balance_id, "reach": seconds(scope.reach)}).fetchall()


def freed_at(
    db: sqlite3.Connection, scope: Scope, balance_id: int, *, needed: int
) -> datetime | None:
    """
    When a rolling scope can carry so much, if nothing more is spent until then.

    Its buckets stop counting one after the other, so that is sooner than when all of them have. A
    call that is above the cap by itself is told the end of the whole window, like any other.
    """
    rows = near(db, scope, balance_id)
    left = scope.budget.cap + sum(raised - spent - held for _, _, spent, held, raised in rows)
    for _, start, spent, held, raised in rows:
        left += spent + held - raised
        if needed <= left:
            return from_seconds(start) + scope.reach
    return scope.resets_at


def _one(db: sqlite3.Connection, sql: str, key: tuple[object, ...]) -> int:
    value: int = db.execute(sql, key).fetchone()[0]
    return value
