"""What the page tells of this moment: budgets, calls in flight, refusals, events."""

import contextlib
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from llmcap.brakes.forecast import forecast
from llmcap.ledger import history, rollups
from llmcap.ledger.history import PastCall
from llmcap.ledger.liveness import running, workers
from llmcap.ledger.names.table import key_names
from llmcap.ledger.rolled import Span
from llmcap.notices.events import EventLog, events_path
from llmcap.page.access import Role
from llmcap.page.books import Books
from llmcap.reconcile.kept import read_kept
from llmcap.words.errors import LedgerError
from llmcap.words.money import usd_string
from llmcap.words.records import Balance, CapUnit, Scope

NO_NAMES: Mapping[str, str] = MappingProxyType({})
BURN_OVER = timedelta(minutes=5)
SHOWN_MAX = 200
BUDGET_VALUES_MAX = 200
RECENT_ENTRIES = 4_000
EVENTS_MAX = 30


def document(books: Books, now: datetime, role: Role) -> dict[str, Any]:
    """Everything on the first view. Raises `LedgerError` where the ledger cannot be read."""
    with history.reading(books.path) as db, rollups.one_moment(db):
        rows, names = balances_seen(books, db, now, role), key_names(db)
        flying = [call for call in history.in_flight(db, limit=SHOWN_MAX) if seen(call, role)]
        refused = [
            call
            for call in history.refused_lately(
                db, since=now - timedelta(hours=1), within=RECENT_ENTRIES
            )
            if seen(call, role)
        ]
        burn = rollups.spent_since(db, now - BURN_OVER) // (BURN_OVER // timedelta(minutes=1))
        counts = _last_hour(db, now) if not role.project and rollups.has_rollups(db) else {}
        clamped = [
            call
            for call in history.noted_lately(
                db, "clamped to ", since=now - timedelta(hours=1), within=RECENT_ENTRIES
            )
            if seen(call, role)
        ]
    breakers, events, waiting = told(books.own, now, role) if books.with_events else ([], [], [])
    return {
        "time": now.isoformat(),
        "fleet": fleet_document(books, role),
        "proxies": running(books.own),
        "workers": workers(books.own),
        "burn_usd": usd_string(burn) if not role.project else None,
        "held_usd": usd_string(sum(call.held_nanos for call in flying)),
        "budgets": [
            {**budget_document(scope, balance, now, names), **_counts(books, balance)}
            for scope, balance in rows
        ],
        "in_flight": [call_line(call) for call in flying],
        "refused": [call_line(call) for call in refused[:SHOWN_MAX]],
        "clamped": [call_line(call) for call in clamped[:SHOWN_MAX]],
        "told": books.with_events,
        "waiting": waiting,
        "last_hour": counts,
        "breakers": breakers,
        "events": events,
        # Bills are of a whole account: nothing for those who see one project.
        "captured": [] if role.project or not books.with_events else captured(books.own),
    }


def fleet_document(books: Books, role: Role) -> dict[str, Any] | None:
    """Whose books these are, and whose there are; None: no treasury. A project has no machines."""
    if books.nodes is None:
        return None
    nodes = books.nodes.documents() if not role.project else []
    return {"shown": books.shown, "note": books.note, "running": books.nodes.running,
            "nodes": nodes}  # fmt: skip


def _counts(books: Books, balance: Balance) -> dict[str, int | None]:
    """The treasury keeps amounts: how many calls those were is in the books of the nodes."""
    counted = books.told is None
    return {"calls": balance.calls if counted else None,
            "refused": balance.refused if counted else None}  # fmt: skip


def captured(ledger: Path) -> list[dict[str, Any]]:
    """What came of each provider's bill, when it was last laid beside the ledger."""
    return [
        {"provider": provider, "at": kept.at, "since": kept.since, "rate": kept.rate,
         "agrees": kept.agrees, "verdict": kept.verdict}
        for provider, kept in read_kept(ledger).items()
    ]  # fmt: skip


def seen(call: PastCall, role: Role) -> bool:
    """Whether somebody may see this call."""
    return not role.project or call.attributes.get("project") == role.project


def balances_seen(
    books: Books, db: sqlite3.Connection, now: datetime, role: Role
) -> list[tuple[Scope, Balance]]:
    """The budgets in force, and those of their values that take the most."""
    found: list[tuple[Scope, Balance]] = []
    for of_one in books.balances(db, now):
        rows = [row for row in of_one if not role.project or of_project(row[0], role.project)]
        if len(rows) > BUDGET_VALUES_MAX:
            rows = sorted(rows, key=lambda row: -(row[1].spent + row[1].held))[:BUDGET_VALUES_MAX]
        found += rows
    return found


def of_project(scope: Scope, project: str) -> bool:
    """Whether a budget counts the calls of this project and no others."""
    if scope.budget.per:
        return scope.budget.per == ("project",) and scope.value == project
    return tuple(scope.budget.match.get("project", ())) == (project,) and not set(project) & set(
        "*?["
    )


def budget_document(
    scope: Scope, balance: Balance, now: datetime, key_names: Mapping[str, str] = NO_NAMES
) -> dict[str, Any]:
    """One bar: amounts are decimal strings in dollars, or counts in the unit of the cap."""
    budget = scope.budget
    money = budget.unit is CapUnit.USD
    cap = budget.cap + balance.raised
    ahead = forecast(scope, balance, now)
    amounts = {
        "cap": cap,
        "spent": balance.spent,
        "held": balance.held,
        "left": max(cap - balance.spent - balance.held, 0),
        "raised": balance.raised,
        "at_reset": ahead.at_reset if ahead else None,
    }
    return {
        "name": budget.name,
        "value": scope.value,
        "value_name": key_names.get(scope.value) if budget.per == ("key",) else None,
        "per": list(budget.per),
        "match": {name: list(globs) for name, globs in budget.match.items()},
        "unit": str(budget.unit),
        "mode": str(budget.mode),
        **{
            name: usd_string(each) if money and each is not None else each
            for name, each in amounts.items()
        },
        "every": budget.every,
        "window_start": scope.window_start.isoformat(),
        "resets_at": scope.resets_at.isoformat() if scope.resets_at else None,
        "ends_at": ahead.ends_at.isoformat() if ahead and ahead.ends_at else None,
        "calls": balance.calls,
        "refused": balance.refused,
        "paused": balance.paused,
    }


def call_line(call: PastCall) -> dict[str, Any]:
    """One call in a list."""
    return {
        "entry": call.entry_id,
        "id": call.id,
        "time": call.at.isoformat(),
        "state": call.state,
        "provider": call.provider,
        "model": call.served_model or call.model,
        "asked": call.model,
        "project": call.attributes.get("project", ""),
        "customer": call.attributes.get("customer", ""),
        "user": call.attributes.get("user", ""),
        "client": call.attributes.get("client", ""),
        "key": call.attributes.get("key", ""),
        "input_tokens": int(call.usage.get("input_tokens", 0)),
        "cached_tokens": int(call.usage.get("cache_read", 0)),
        "output_tokens": int(call.usage.get("output_tokens", 0)),
        "cost_usd": usd_string(call.cost_nanos),
        "held_usd": usd_string(call.held_nanos),
        "budgets": list(call.budgets),
        "note": call.note,
    }


def _last_hour(db: sqlite3.Connection, now: datetime) -> dict[str, int]:
    """How many calls came to which end, in the last four quarters and the one that runs."""
    last = rollups.slot_of(now) + 1
    found = rollups.totals(db, "state", Span(last - 5, last))
    return {state: sums.calls + sums.refused for state, sums in sorted(found.items())}


def told(
    ledger: Path, now: datetime, role: Role
) -> tuple[list[dict[str, Any]], Sequence[dict[str, Any]], list[dict[str, Any]]]:
    """
    The breakers that are open, the newest events, and the calls that wait.

    A viewer of a project sees of these the waiting calls of that project.
    """
    path = events_path(str(ledger))
    if not Path(path).exists():
        return [], [], []
    with contextlib.suppress(LedgerError):
        log = EventLog(path)
        try:
            breakers = [
                {"kind": each.kind, "value": each.value, "state": each.state, "why": each.why,
                 "until": each.until.isoformat()}
                for each in log.breakers() if each.until > now
            ]  # fmt: skip
            waiting = [
                {"since": each.since.isoformat(), "provider": each.provider, "model": each.model,
                 "project": each.project, "client": each.client, "budgets": list(each.budgets)}
                for each in log.waiting(now) if role.project in ("", each.project)
            ]  # fmt: skip
            if role.project:
                return [], [], waiting
            return breakers, log.latest(EVENTS_MAX), waiting
        finally:
            log.close()
    return [], [], []
