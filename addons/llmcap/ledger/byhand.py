"""
Changing a budget by hand: which balance is meant, and by how much. For the command and the page.

The change itself is an entry of the ledger (`adjust`, `pause`), with who made it and why.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from llmcap.budgets.budget import parse_cap, scope_at
from llmcap.ledger import history, queries
from llmcap.words.errors import ConfigError
from llmcap.words.money import in_unit
from llmcap.words.records import Balance, Budget, CapUnit, Scope

_BARE = re.compile(r"\d[\d_,.]*\s*[kmKM]?")


@dataclass(frozen=True, slots=True)
class Known:
    """A budget, the run that it counts for, and its balances that count now, by value."""

    budget: Budget
    run: str
    balances: tuple[tuple[Scope, Balance], ...]


def amount_of(budget: Budget, text: str) -> int:
    """A bare number is meant in the unit of the cap, whatever that is."""
    bare = budget.unit is not CapUnit.USD and _BARE.fullmatch(text.strip())
    amount, unit = parse_cap(f"{text} {budget.unit}" if bare else text)
    if unit is not budget.unit:
        raise ConfigError(f"{text!r} is in {unit}, but the budget {budget.name!r} in {budget.unit}")
    return amount


def known(ledger_path: Path, now: datetime, budgets: Sequence[Budget] = ()) -> list[Known]:
    """These budgets, else those that the proxies were started with."""
    with history.reading(ledger_path) as db:
        defined = history.definitions(db)
        run = defined[0][1] if defined else ""
        wanted = [(each, run) for each in budgets] or defined
        return [
            Known(each, run_id, tuple(queries.balances(db, now, [each], run_id=run_id)))
            for each, run_id in wanted
        ]


def find(ledger_path: Path, name: str, now: datetime, budgets: Sequence[Budget] = ()) -> Known:
    """The one of this name. Raises `ConfigError`."""
    return named(known(ledger_path, now, budgets), name)


def named(everything: Sequence[Known], name: str) -> Known:
    """The same among those that are known already."""
    found = [each for each in everything if each.budget.name == name]
    if not found:
        names = ", ".join(dict.fromkeys(each.budget.name for each in everything)) or "none"
        raise ConfigError(f"there is no budget named {name!r}; there are: {names}")
    return found[0]


def choose(known: Known, value: str | None, now: datetime) -> tuple[Scope, Balance]:
    """The balance that is meant. A value that has not spent yet can be changed as well."""
    budget = known.budget
    if not budget.per:
        if value:
            raise ConfigError(
                f"the budget {budget.name!r} is not `per` anything: leave out --value"
            )
        value = ""
    elif value is None:
        values = ", ".join(scope.value or "(none)" for scope, _ in known.balances) or "none yet"
        raise ConfigError(
            f"the budget {budget.name!r} is per {' and '.join(budget.per)}: name one with --value\n"
            f"hint: those that count now: {values}"
        )
    for scope, balance in known.balances:
        if scope.value == value:
            return scope, balance
    return scope_at(budget, value, now, run_id=known.run), Balance()


def shown(value: int, scope: Scope) -> str:
    """An amount in the unit of the cap, for people."""
    return in_unit(value, scope.budget.unit)
