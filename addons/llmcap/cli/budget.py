"""
`llmcap budget`: budgets changed by hand. Each change is an entry of the ledger, with who and when.

It takes effect in running proxies at once, since they read the balance in the transaction in which
they hold money. The cap in the config stays what it is: what is raised here is so for this window.
"""

import getpass
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from llmcap.brakes.forecast import forecast
from llmcap.cli.fleetwide import place
from llmcap.cli.options import config_option, json_option, ledger_option, policy_from
from llmcap.cli.output import echo_json, echo_table, tell
from llmcap.ledger.byhand import amount_of, choose, named, shown
from llmcap.treasury.place import Place
from llmcap.words.errors import ConfigError
from llmcap.words.money import usd_string
from llmcap.words.records import Balance, CapUnit, Scope

# An amount below zero is told as one, and not as an option that there is not.
AMOUNTS = {"ignore_unknown_options": True}

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

value_option: Decorator = click.option(
    "--value", help="Which one of a budget `per` something, such as a project's name."
)
by_option: Decorator = click.option(
    "--by", "author", default=getpass.getuser, show_default="you", help="Who changes it."
)
note_option: Decorator = click.option("--note", default="", help="Why, for the ledger.")


@click.group()
def budget() -> None:
    """
    Show budgets with what was done to them by hand, and change them.

    A change is an entry of the ledger, with its time and author, and no erasure: `llmcap log` and
    `llmcap report` still show what was spent. Running proxies follow at once. Where the config
    names a treasury, the budgets are those of its fleet, and a change is in force on all nodes.
    """


@budget.command(name="list")
@ledger_option
@config_option
@json_option
def list_budgets(ledger_path: Path, config_path: Path | None, *, as_json: bool) -> None:
    """List every budget and value: spent, cap, what was raised, and when it would end."""
    now = datetime.now(UTC)
    rows = [row for each in place(ledger_path, config_path).known(now) for row in each.balances]
    if as_json:
        echo_json([_document(*row, now) for row in rows])
        return
    echo_table(
        ("BUDGET", "VALUE", "SPENT", "CAP", "RAISED", "RESETS", "ENDS AT THIS PACE", ""),
        [_line(*row, now) for row in rows],
        right="llrrrlll",
    )


@budget.command(name="raise", context_settings=AMOUNTS)
@click.argument("name")
@click.argument("amount")
@value_option
@by_option
@note_option
@ledger_option
@config_option
@json_option
def raise_budget(
    name: str, amount: str, ledger_path: Path, config_path: Path | None, **how: Any
) -> None:
    """
    Add AMOUNT to the cap of the budget NAME, for its present window.

    AMOUNT is in the unit of the cap: `5`, `100k tokens`, `20 requests`.
    """
    now = datetime.now(UTC)
    where = place(ledger_path, config_path)
    found = named(where.known(now), name)
    more = amount_of(found.budget, amount)
    scope, _ = choose(found, how["value"], now)
    _adjust(where, scope, f"raised by {shown(more, scope)}", how, raise_by=more)


@budget.command(name="set", context_settings=AMOUNTS)
@click.argument("name")
@click.argument("cap")
@value_option
@by_option
@note_option
@ledger_option
@config_option
@json_option
def set_budget(
    name: str, cap: str, ledger_path: Path, config_path: Path | None, **how: Any
) -> None:
    """Make CAP the cap of the budget NAME, for its present window: higher or lower."""
    now = datetime.now(UTC)
    where = place(ledger_path, config_path)
    found = named(where.known(now), name)
    wanted = amount_of(found.budget, cap)
    scope, balance = choose(found, how["value"], now)
    more = wanted - scope.budget.cap - balance.raised
    _adjust(where, scope, f"cap set to {shown(wanted, scope)}", how, raise_by=more)


@budget.command(name="reset")
@click.argument("name")
@value_option
@by_option
@note_option
@ledger_option
@config_option
@json_option
def reset_budget(name: str, ledger_path: Path, config_path: Path | None, **how: Any) -> None:
    """Let the budget NAME begin anew: what its present window has spent no longer counts."""
    now = datetime.now(UTC)
    where = place(ledger_path, config_path)
    found = named(where.known(now), name)
    scope, balance = choose(found, how["value"], now)
    done = f"reset, {shown(balance.spent, scope)} no longer counts"
    _adjust(where, scope, done, how, reset=True)


@budget.command(name="pause")
@click.argument("name")
@by_option
@note_option
@ledger_option
@config_option
@json_option
def pause_budget(name: str, ledger_path: Path, config_path: Path | None, **how: Any) -> None:
    """Admit nothing under the budget NAME, for any value, until it is resumed."""
    _pause(name, ledger_path, config_path, how, paused=True)


@budget.command(name="resume")
@click.argument("name")
@by_option
@note_option
@ledger_option
@config_option
@json_option
def resume_budget(name: str, ledger_path: Path, config_path: Path | None, **how: Any) -> None:
    """Admit calls under the budget NAME again."""
    _pause(name, ledger_path, config_path, how, paused=False)


@budget.command(name="apply")
@click.argument("config", type=click.Path(dir_okay=False, path_type=Path))
@by_option
@note_option
def apply_budgets(config: Path, **how: Any) -> None:
    """
    Make the budgets of CONFIG those of its treasury, for all nodes.

    What was spent under a budget that counts as before still counts. Nodes whose own config says
    anything else then refuse calls, until theirs says the same.
    """
    policy = policy_from(config)
    if not policy.treasury:
        raise ConfigError(f"{config} names no treasury: its budgets are in force where it is used")
    from llmcap.treasury.hands import Hands  # noqa: PLC0415 (a fleet's, and most have none)

    note = _signed(f"the budgets of {config.name} applied", how)
    with Hands(policy.treasury) as hands:
        hands.apply(policy.budgets, note=note)
    tell(note)
    if not policy.budgets:
        tell(f"there is no budget in {config}: from now on the fleet is metered, and not capped")


# --- changing ---------------------------------------------------------------------------------


def _adjust(where: Place, scope: Scope, done: str, how: dict[str, Any], **change: Any) -> None:
    note = _signed(f"{scope.name} {done}", how)
    after = where.adjust(scope, note=note, **change)
    cap = scope.budget.cap + after.raised
    tell(f"{note}: {shown(after.spent, scope)} of {shown(cap, scope)} spent")
    if how["as_json"]:
        echo_json(_document(scope, after, datetime.now(UTC)))


def _pause(
    name: str, ledger_path: Path, config_path: Path | None, how: dict[str, Any], *, paused: bool
) -> None:
    where = place(ledger_path, config_path)
    found = named(where.known(datetime.now(UTC)), name)
    note = _signed(f"{found.budget.name} {'paused' if paused else 'resumed'}", how)
    where.pause(found, paused=paused, note=note)
    tell(note)
    if how["as_json"]:
        echo_json({"name": found.budget.name, "paused": paused})


def _signed(done: str, how: dict[str, Any]) -> str:
    why = f" ({how['note']})" if how["note"] else ""
    return f"{done} by {how['author']}{why}"


# --- showing ----------------------------------------------------------------------------------


def _line(scope: Scope, balance: Balance, now: datetime) -> tuple[str, ...]:
    ahead = forecast(scope, balance, now)
    ends = ahead.ends_at.astimezone() if ahead and ahead.ends_at else None
    resets = scope.resets_at.astimezone() if scope.resets_at else None
    return (
        scope.budget.name,
        scope.value,
        shown(balance.spent, scope),
        shown(scope.budget.cap + balance.raised, scope),
        shown(balance.raised, scope) if balance.raised else "",
        f"{resets:%Y-%m-%d %H:%M}" if resets else "never",
        f"{ends:%Y-%m-%d %H:%M}" if ends else "",
        "paused" if balance.paused else "",
    )


def _document(scope: Scope, balance: Balance, now: datetime) -> dict[str, Any]:
    money = scope.budget.unit is CapUnit.USD
    ahead = forecast(scope, balance, now)
    figures = {
        "cap": scope.budget.cap + balance.raised,
        "spent": balance.spent,
        "held": balance.held,
        "raised": balance.raised,
    }
    return {
        "name": scope.budget.name,
        "value": scope.value,
        "unit": str(scope.budget.unit),
        **{
            f"{name}_usd" if money else name: usd_string(figure) if money else figure
            for name, figure in figures.items()
        },
        "paused": balance.paused,
        "resets_at": scope.resets_at.isoformat() if scope.resets_at else None,
        "ends_at": ahead.ends_at.isoformat() if ahead and ahead.ends_at else None,
        "forecast_percent": ahead.percent if ahead else None,
    }
