"""What watched budgets would have done, read from the ledger; and the caps that would have done."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from llmcap.budgets.watched import NOTE
from llmcap.budgets.windows import parse_window
from llmcap.ledger import history
from llmcap.ledger.history import PastCall
from llmcap.ledger.rows import budget_key, micros, seconds
from llmcap.words.records import Budget, Scope

PAGE = 500

_NOTED = """
    SELECT id, note FROM entries
    WHERE kind = 'hold' AND at >= ? AND substr(note, 1, ?) = ? AND id < ?
    ORDER BY id DESC LIMIT ?
"""
_POSTINGS = """
    SELECT balances.value, balances.window_start, postings.spent + postings.held
    FROM postings CROSS JOIN balances ON balances.id = postings.balance_id
    WHERE balances.budget_id = (
            SELECT id FROM budgets WHERE name = ? AND unit = ? AND every = ? AND per = ?)
        AND balances.run = ? AND balances.window_start >= ?
    ORDER BY postings.entry_id
"""


@dataclass(frozen=True, slots=True)
class Would:
    """A call that passed, and what a watched budget would have done to it."""

    call: PastCall
    what: str  # "refused", "clamped" or "wait"
    said: str


@dataclass(frozen=True, slots=True)
class Peak:
    """The most that was ever spent and held at once in a window: the smallest cap that suffices."""

    value: str
    most: int  # in the unit of the cap
    window_start: int  # of the window with the most, seconds since 1970


def would_have(db: sqlite3.Connection, *, since: datetime) -> Iterator[Would]:
    """The calls to which something would have been done, the newest first."""
    before = 2**62
    while True:
        values = (micros(since), len(NOTE), NOTE, before, PAGE)
        rows = db.execute(_NOTED, values).fetchall()
        for entry_id, note in rows:
            call = history.one_call(db, entry_id)
            said = note.removeprefix(NOTE)
            assert call is not None, entry_id
            yield Would(call, _what(said), said)
        if len(rows) < PAGE:
            return
        before = rows[-1][0]


def _what(said: str) -> str:
    if said.startswith("would be refused"):
        return "refused"
    return "clamped" if said.startswith("would be clamped") else "wait"


def peaks(
    db: sqlite3.Connection, budget: Budget, *, since: datetime, run_id: str = ""
) -> list[Peak]:
    """For each value of a budget, the most that one of its windows since then had at once."""
    window = parse_window(budget.every, budget.timezone)
    scope = Scope(budget, "", window.start(since), None, run_id if window.run else "", window.reach)
    reach = seconds(window.reach) if window.reach else 1
    begin = seconds(scope.window_start - (window.reach or timedelta(0)))
    sums: dict[str, dict[int, int]] = {}
    found: dict[str, Peak] = {}
    for value, start, more in db.execute(_POSTINGS, (*budget_key(scope), scope.run, begin)):
        buckets = sums.setdefault(value, {})
        buckets[start] = buckets.get(start, 0) + more
        now = sum(each for at, each in buckets.items() if start - reach < at <= start)
        if value not in found or now > found[value].most:
            found[value] = Peak(value, now, start)
    return sorted(found.values(), key=lambda peak: -peak.most)
