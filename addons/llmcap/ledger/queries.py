"""
The reading side of the SQLite ledger: balances, entries, the audit. Nothing here writes.

The functions take a connection, so the proxy's own and the command's read-only one serve alike.
For questions of one's own, `database` gives the file as sqlite-utils sees it; its view `calls` has
one row per call.
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmcap.budgets.windows import EPOCH, parse_window
from llmcap.ledger.belonging import is_node
from llmcap.ledger.rows import budget_key, from_micros, micros, seconds, usage_from
from llmcap.words.errors import LedgerError
from llmcap.words.records import Balance, Budget, CapUnit, Entry, EntryKind, Scope

if TYPE_CHECKING:
    from sqlite_utils import Database

_READ_BUSY_SECONDS = 5

_FACTS = """
    SELECT entries.id, entries.at, entries.kind, entries.hold_id, entries.held_nanos,
        entries.cost_nanos, entries.usage, entries.served_model, entries.response_id, entries.note,
        facts.call_id, facts.provider, facts.endpoint, facts.model, facts.attributes
    FROM entries JOIN entries AS facts ON facts.id = coalesce(entries.hold_id, entries.id)
"""


def connect(path: str | Path) -> sqlite3.Connection:
    """A ledger that is only read. Raises `LedgerError` where there is none."""
    if not Path(path).exists():
        raise LedgerError(
            f"there is no ledger {path} yet\n"
            "hint: it is made when the proxy starts; or name another"
        )
    try:
        db = sqlite3.connect(
            f"{Path(path).absolute().as_uri()}?mode=ro", uri=True, timeout=_READ_BUSY_SECONDS
        )
        db.execute("SELECT 1 FROM entries LIMIT 1")
    except sqlite3.Error as error:
        raise LedgerError(f"the ledger {path} cannot be read: {error}") from error
    return db


def database(path: str | Path) -> "Database":
    """The same, for sqlite-utils; it takes a tenth of a second to import."""
    from sqlite_utils import Database  # noqa: PLC0415

    return Database(connect(path), execute_plugins=False)


# --- balances ---------------------------------------------------------------------------------


def balances(
    db: sqlite3.Connection, now: datetime, budgets: Sequence[Budget], *, run_id: str = ""
) -> list[tuple[Scope, Balance]]:
    """
    Every balance that counts now, in the order of the budgets, then by value.

    A budget without `per` always has one, spent or not. Budgets over a run are those of `run_id`.
    What was raised of a node's balance is what a treasury allotted to it, and no raise.
    """
    rows = [found for budget in budgets for found in _balances(db, now, budget, run_id)]
    if is_node(db):
        return [(scope, replace(balance, raised=0)) for scope, balance in rows]
    return rows


def balances_page(
    db: sqlite3.Connection,
    now: datetime,
    budget: Budget,
    *,
    run_id: str = "",
    after: str | None = None,
    values_max: int,
) -> tuple[list[tuple[Scope, Balance]], str | None]:
    """
    What counts now for the next values of a budget with `per`, and the last value that was read.

    At most `values_max` values are looked at, each by its key, so the work is the same whatever
    the budget's history; None for the last value says that there are no more.
    """
    scope = _scope_now(now, budget, run_id)
    start, reach = seconds(scope.window_start), max(seconds(scope.reach), 1)
    found = db.execute(
        "SELECT id FROM budgets WHERE name = ? AND unit = ? AND every = ? AND per = ?",
        budget_key(scope),
    ).fetchone()
    if found is None:
        return [], None
    rows = db.execute(
        _PAGE,
        {
            "budget": found[0],
            "run": scope.run,
            "after": after,
            "values_max": values_max,
            "from": start - reach,
            "until": start + reach,
        },
    ).fetchall()
    page = [
        (replace(scope, value=value), Balance(spent, held, calls, refused, raised, bool(paused)))
        for value, count, spent, held, calls, refused, raised, paused in rows
        if count
    ]
    return page, rows[-1][0] if len(rows) == values_max else None


# One seek for each value, and one for what counts of it: the key of `balances` has both.
_PAGE = """
    WITH RECURSIVE names(value) AS (
        SELECT min(value) FROM balances
            WHERE budget_id = :budget AND (:after IS NULL OR value > :after)
        UNION ALL
        SELECT (SELECT min(value) FROM balances WHERE budget_id = :budget AND value > names.value)
            FROM names WHERE names.value IS NOT NULL
        LIMIT :values_max
    )
    SELECT names.value, count(balances.id), sum(spent), sum(held), sum(calls), sum(refused),
        sum(raised), (SELECT paused FROM budgets WHERE id = :budget)
    FROM names LEFT JOIN balances
        ON balances.budget_id = :budget AND balances.value = names.value AND run = :run
        AND window_start > :from AND window_start < :until
    WHERE names.value IS NOT NULL
    GROUP BY names.value ORDER BY names.value
"""


def _scope_now(now: datetime, budget: Budget, run_id: str) -> Scope:
    """The budget's window at this moment, without a value."""
    window = parse_window(budget.every, budget.timezone)
    run = run_id if window.run else ""
    if budget.unit is CapUnit.CONCURRENT:
        return Scope(budget, "", EPOCH, None, run)
    return Scope(budget, "", window.start(now), window.resets_at(now), run, window.reach)


def _balances(
    db: sqlite3.Connection, now: datetime, budget: Budget, run_id: str
) -> list[tuple[Scope, Balance]]:
    scope = _scope_now(now, budget, run_id)
    start, reach = seconds(scope.window_start), max(seconds(scope.reach), 1)
    rows = db.execute(
        """
        SELECT value, sum(spent), sum(held), sum(calls), sum(refused), sum(raised), paused
        FROM balances JOIN budgets ON budgets.id = balances.budget_id
        WHERE budgets.name = ? AND unit = ? AND every = ? AND per = ? AND run = ?
            AND window_start > ? AND window_start < ?
        GROUP BY value ORDER BY value
        """,
        (*budget_key(scope), scope.run, start - reach, start + reach),
    ).fetchall()
    if not rows and not budget.per:
        return [(scope, Balance(paused=_is_paused(db, scope)))]
    return [
        (
            replace(scope, value=value),
            Balance(spent, held, calls, refused, raised, bool(paused)),
        )
        for value, spent, held, calls, refused, raised, paused in rows
    ]


def _is_paused(db: sqlite3.Connection, scope: Scope) -> bool:
    name, *_ = budget_key(scope)
    row = db.execute("SELECT max(paused) FROM budgets WHERE name = ?", (name,)).fetchone()
    return bool(row[0])


# --- entries ----------------------------------------------------------------------------------


def entries(
    db: sqlite3.Connection,
    *,
    limit: int = 100,
    before_id: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    kinds: Sequence[EntryKind] = (),
    budget: str | None = None,
) -> list[Entry]:
    """
    The newest entries first, of these kinds (default: all), in [since, until).

    `before_id` continues where an earlier page ended. `budget` keeps what was posted to a budget of
    that name.
    """
    where, values = ["1"], list[object]()
    if before_id is not None:
        where.append("entries.id < ?")
        values.append(before_id)
    if since is not None:
        where.append("entries.at >= ?")
        values.append(micros(since))
    if until is not None:
        where.append("entries.at < ?")
        values.append(micros(until))
    if kinds:
        where.append(f"entries.kind IN ({', '.join('?' * len(kinds))})")
        values += [kind.value for kind in kinds]
    if budget is not None:
        where.append(
            "EXISTS (SELECT 1 FROM postings JOIN balances ON balances.id = postings.balance_id "
            "JOIN budgets ON budgets.id = balances.budget_id "
            "WHERE postings.entry_id = entries.id AND budgets.name = ?)"
        )
        values.append(budget)
    sql = f"{_FACTS} WHERE {' AND '.join(where)} ORDER BY entries.id DESC LIMIT ?"
    return [_entry(row) for row in db.execute(sql, (*values, limit))]


def ended_after(
    db: sqlite3.Connection, entry_id: int, *, until: int | None = None, limit: int
) -> list[Entry]:
    """The entries after this one that end a call, or say more of its end, in their order."""
    sql = (
        f"{_FACTS} WHERE entries.id > ? AND entries.id <= ? AND entries.kind IN "
        "('settled', 'assumed', 'released', 'refused', 'charged', 'correction') "
        "ORDER BY entries.id LIMIT ?"
    )
    last = until if until is not None else 2**62
    return [_entry(row) for row in db.execute(sql, (entry_id, last, limit))]


def _entry(row: tuple[Any, ...]) -> Entry:
    (
        id_, at, kind, hold_id, held_nanos, cost_nanos, usage, served_model, response_id, note,
        call_id, provider, endpoint, model, attributes,
    ) = row  # fmt: skip
    return Entry(
        id=id_,
        at=from_micros(at),
        kind=EntryKind(kind),
        hold_id=hold_id,
        call_id=call_id or "",
        provider=provider or "",
        endpoint=endpoint or "",
        model=model or "",
        attributes=json.loads(attributes) if attributes else {},
        held_nanos=held_nanos,
        cost_nanos=cost_nanos,
        usage=usage_from(usage),
        served_model=served_model,
        response_id=response_id,
        note=note or "",
    )


# --- the audit --------------------------------------------------------------------------------

_AUDITS = (
    (
        "balance {} has {}/{}/{}/{}/{} spent/held/calls/refused/raised, its entries {}/{}/{}/{}/{}",
        """
        SELECT balances.id, spent, held, calls, refused, raised, s, h, c, r, a FROM balances
        LEFT JOIN (
            SELECT balance_id, sum(spent) AS s, sum(held) AS h, sum(calls) AS c,
                sum(refused) AS r, sum(raised) AS a
            FROM postings GROUP BY balance_id) ON balance_id = balances.id
        WHERE (spent, held, calls, refused, raised) IS NOT
            (coalesce(s, 0), coalesce(h, 0), coalesce(c, 0), coalesce(r, 0), coalesce(a, 0))
        """,
    ),
    (
        "hold {} has ended {} times",
        "SELECT ends, count(*) AS n FROM entries WHERE ends IS NOT NULL GROUP BY ends HAVING n > 1",
    ),
    (
        "hold {} has neither ended nor is it open",
        """
        SELECT id FROM entries WHERE kind = 'hold'
            AND NOT EXISTS (SELECT 1 FROM open_holds WHERE hold_id = entries.id)
            AND NOT EXISTS (SELECT 1 FROM entries AS ending WHERE ending.ends = entries.id)
        """,
    ),
    (
        "hold {} has ended, and is still open",
        "SELECT ends FROM open_holds JOIN entries ON entries.ends = open_holds.hold_id",
    ),
    (
        "hold {} is open with {} nano-dollars and {} tokens, its entries say {} and {}",
        """
        SELECT open_holds.hold_id, open_holds.held_nanos, open_holds.held_tokens,
            sum(entries.held_nanos) AS nanos, sum(entries.held_tokens) AS tokens
        FROM open_holds JOIN entries
            ON entries.id = open_holds.hold_id OR entries.id IN (
                SELECT id FROM entries AS extension
                WHERE extension.hold_id = open_holds.hold_id AND extension.kind = 'extension')
        GROUP BY open_holds.hold_id
        HAVING (open_holds.held_nanos, open_holds.held_tokens) IS NOT (nanos, tokens)
        """,
    ),
    (
        "balance {} holds {}, its calls in flight hold {}",
        """
        SELECT balances.id, held, coalesce(in_flight, 0) FROM balances LEFT JOIN (
            SELECT postings.balance_id, sum(CASE budgets.unit
                WHEN 'usd' THEN open_holds.held_nanos WHEN 'tokens' THEN open_holds.held_tokens
                ELSE 1 END) AS in_flight
            FROM open_holds JOIN postings ON postings.entry_id = open_holds.hold_id
            JOIN balances ON balances.id = postings.balance_id
            JOIN budgets ON budgets.id = balances.budget_id
            GROUP BY postings.balance_id) ON balance_id = balances.id
        WHERE held <> coalesce(in_flight, 0)
        """,
    ),
    ("row {1} of {0} refers to a row of {2} that is not there", "PRAGMA foreign_key_check"),
)


def audit(db: sqlite3.Connection) -> list[str]:
    """What is wrong with the ledger, in sentences; it reads everything."""
    db.execute("BEGIN")
    try:
        return [sentence.format(*row) for sentence, sql in _AUDITS for row in db.execute(sql)]
    finally:
        db.execute("ROLLBACK")
