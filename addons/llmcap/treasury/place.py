"""
Where budgets are kept, and changed by hand: a ledger file of this machine, or a fleet's treasury.

The command and the page say what is to be changed and why, and never need to know which it is.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from llmcap.ledger import byhand, open_ledger, utc_now
from llmcap.ledger.byhand import Known
from llmcap.treasury.hands import Hands
from llmcap.words.records import Balance, Budget, Scope


class Place(Protocol):
    """Where budgets are kept, and changed."""

    def known(self, now: datetime) -> list[Known]:
        """All of them, with their balances."""
        ...

    def adjust(self, scope: Scope, *, note: str, reset: bool = False, raise_by: int = 0) -> Balance:
        """Change one balance; what it is then."""
        ...

    def pause(self, known: Known, *, paused: bool, note: str) -> None:
        """Admit nothing under a budget, or something again."""
        ...


def place(ledger_path: Path, treasury: str, budgets: Sequence[Budget] = ()) -> Place:
    """The treasury of this address; where there is none, a ledger file, and these budgets in it."""
    return OfFleet(treasury) if treasury else OfMachine(ledger_path, budgets)


class OfMachine:
    """A ledger file."""

    def __init__(self, ledger_path: Path, budgets: Sequence[Budget]) -> None:
        self._path = ledger_path
        self._budgets = budgets

    def known(self, now: datetime) -> list[Known]:
        """Those of the config, else those that the proxies were started with."""
        return byhand.known(self._path, now, self._budgets)

    def adjust(self, scope: Scope, *, note: str, **change: Any) -> Balance:
        """An entry of the ledger."""
        with closing(open_ledger(self._path)) as ledger:
            ledger.adjust(scope, note=note, **change)
            balances = ledger.balances(utc_now(), [scope.budget], run_id=scope.run)
        return next(balance for each, balance in balances if each.value == scope.value)

    def pause(self, known: Known, *, paused: bool, note: str) -> None:
        """An entry too."""
        with closing(open_ledger(self._path)) as ledger:
            ledger.pause(known.budget, paused=paused, note=note)


class OfFleet:
    """A treasury: what is changed there is in force on all nodes within a second."""

    def __init__(self, url: str) -> None:
        self._hands = Hands(url)

    def known(self, now: datetime) -> list[Known]:  # noqa: ARG002 - the treasury has the time
        """The treasury's budgets, with what all nodes have spent."""
        with self._hands as hands:
            terms, rows = hands.terms(), hands.balances()
        return [
            Known(
                term.budget,
                "",
                tuple(row for row in rows if row[0].budget.name == term.budget.name),
            )
            for term in terms.by_key.values()
        ]

    def adjust(self, scope: Scope, *, note: str, reset: bool = False, raise_by: int = 0) -> Balance:
        """By the treasury's window."""
        with self._hands as hands:
            if reset:
                hands.reset(scope, note=note)
            else:
                hands.raise_by(scope, raise_by, note=note)
            rows = hands.balances()
        return next(
            (
                balance
                for each, balance in rows
                if (each.budget.name, each.value) == (scope.budget.name, scope.value)
            ),
            replace(Balance(), raised=raise_by),
        )

    def pause(self, known: Known, *, paused: bool, note: str) -> None:
        """For all nodes."""
        with self._hands as hands:
            hands.pause(known.budget.name, paused=paused, note=note)
