"""`llmcap status`: what each budget has spent, holds and has left."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from llmcap.brakes.forecast import forecast
from llmcap.cli.fleetwide import fleet_balances, node_option
from llmcap.cli.options import config_option, json_option, ledger_option, policy_from
from llmcap.cli.output import echo_json, echo_table, tell
from llmcap.ledger import history, queries
from llmcap.ledger.belonging import is_node
from llmcap.ledger.liveness import running, workers
from llmcap.words.money import format_usd, usd_string
from llmcap.words.records import Balance, Budget, CapUnit, Scope

# From this share of its cap on a budget is shown in yellow.
NEAR_PERCENT = 80

Row = tuple[Scope, Balance]


@click.command()
@ledger_option
@config_option
@node_option
@json_option
def status(ledger_path: Path, config_path: Path | None, node: str | None, *, as_json: bool) -> None:
    """
    Show every budget: its cap, what its window has spent, what calls in flight hold, what is left.

    The budgets are those that the proxies on this ledger were started with, or with --config those
    of that file. Nothing is changed. No proxy has to run, and where none does, that is said. Where
    the config names a treasury, the figures are those of the fleet, or of one --node; a ledger that
    is named on the command line is read as it is.
    """
    now = datetime.now(UTC)
    policy = policy_from(config_path)
    of_fleet = fleet_balances(policy, node)
    rows = _rows(ledger_path, policy.budgets, now) if of_fleet is None else of_fleet
    if as_json:
        document = {
            "time": now.isoformat(),
            "ledger": str(ledger_path),
            "proxies": running(ledger_path),
            "workers": workers(ledger_path),
            "budgets": [_document(*row, now) for row in rows],
        }
        echo_json(document)
        return
    if of_fleet is None and ledger_path.exists() and not running(ledger_path):
        tell("no proxy runs on this ledger now: nothing is metered, and nothing capped")
    if not rows:
        tell("no proxy with a budget has used this ledger yet")
        return
    echo_table(
        ("BUDGET", "SPENT", "HELD", "LEFT", "CAP", "EVERY", "RESETS", "CALLS", "REFUSED"),
        [_line(*row) for row in rows],
        right="lrrrrllrr",
        colours=[_colour(*row) for row in rows],
    )
    for scope, balance in rows:
        ahead = forecast(scope, balance, now)
        if ahead is not None and ahead.ends_at is not None:
            ends_at = ahead.ends_at.astimezone()
            tell(f"{scope.name}: at this pace nothing is left at {ends_at:%F %H:%M}")


def _rows(ledger_path: Path, budgets: Sequence[Budget], now: datetime) -> list[Row]:
    """The balances that count now, of these budgets or of those that the ledger knows."""
    if not ledger_path.exists():
        tell(f"there is no ledger {ledger_path} yet: nothing was spent")
        return []
    with history.reading(ledger_path) as db:
        known = history.definitions(db)
        run = known[0][1] if known else ""
        wanted = [(budget, run) for budget in budgets] or known
        rows = [
            row
            for budget, run_id in wanted
            for row in queries.balances(db, now, [budget], run_id=run_id)
        ]
        if not is_node(db):
            return rows
    tell(
        "this ledger is a node of a treasury, and shows what this node did: for the fleet, name "
        "the config that has `treasury:` with --config"
    )
    return rows


def _document(scope: Scope, balance: Balance, now: datetime) -> dict[str, Any]:
    """One budget as JSON: figures in dollars where it counts those, else in its own unit."""
    budget = scope.budget
    document: dict[str, Any] = {
        "name": budget.name,
        "value": scope.value,
        "per": list(budget.per),
        "unit": str(budget.unit),
        "mode": str(budget.mode),
    }
    ahead = forecast(scope, balance, now)
    money = budget.unit is CapUnit.USD
    for name, value in _figures(balance, budget).items():
        document[f"{name}_usd" if money else name] = usd_string(value) if money else value
    return {
        **document,
        "every": budget.every,
        "window_start": scope.window_start.isoformat(),
        "resets_at": scope.resets_at.isoformat() if scope.resets_at else None,
        "calls": balance.calls,
        "refused": balance.refused,
        "paused": balance.paused,
        "ends_at": ahead.ends_at.isoformat() if ahead and ahead.ends_at else None,
    }


def _figures(balance: Balance, budget: Budget) -> dict[str, int]:
    cap = budget.cap + balance.raised
    return {
        "cap": cap,
        "spent": balance.spent,
        "held": balance.held,
        "remaining": max(cap - balance.spent - balance.held, 0),
    }


def _colour(scope: Scope, balance: Balance) -> str | None:
    """Red where nothing more can go, yellow where it soon may not."""
    cap = scope.budget.cap + balance.raised
    taken = balance.spent + balance.held
    if balance.paused or taken >= cap:
        return "red"
    return "yellow" if taken * 100 >= NEAR_PERCENT * cap else None


def _line(scope: Scope, balance: Balance) -> tuple[str, ...]:
    budget = scope.budget
    figures = _figures(balance, budget)
    money = budget.unit is CapUnit.USD
    shown = {name: format_usd(n) if money else f"{n:,}" for name, n in figures.items()}
    if not money:
        shown["cap"] += f" {budget.unit}"
    name = scope.name + (", watched only" if budget.watched else "")
    reset = scope.resets_at.astimezone() if scope.resets_at else None
    return (
        f"{name}, paused" if balance.paused else name,
        shown["spent"],
        shown["held"],
        shown["remaining"],
        shown["cap"],
        budget.every,
        f"{reset:%Y-%m-%d %H:%M}" if reset else "never",
        str(balance.calls),
        str(balance.refused),
    )
