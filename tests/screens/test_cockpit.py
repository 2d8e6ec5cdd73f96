"""What `llmcap top` shows of a ledger."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from llmcap.budgets.budget import scopes_for
from llmcap.ledger import open_ledger
from llmcap.screens.cockpit import bar, snapshot
from llmcap.words.errors import LedgerError
from llmcap.words.money import parse_usd
from llmcap.words.records import Admit, Budget, Call, Demand, Deny, Ending, Settlement

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
BUDGET = Budget("each", cap=parse_usd(1), every="day", per=("project",))


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """One call settled, one in flight, one refused; all of project `web`."""
    path = tmp_path / "ledger.sqlite3"
    book = open_ledger(path, clock=lambda: NOW)
    book.define([BUDGET])
    facts = {"project": "web", "client": "codex"}
    calls = [Call(f"c{n}", NOW - timedelta(seconds=9 - n), "openai", "chat", "gpt-5", facts)
             for n in range(3)]  # fmt: skip
    demand = Demand(fixed_nanos=parse_usd("0.25"), per_output_nanos=Decimal(0), output_limit=1)
    admits = [book.hold(call, scopes_for([BUDGET], call, run_id=""), demand) for call in calls[:2]]
    assert all(isinstance(admit, Admit) for admit in admits)
    settled = Settlement(Ending.SETTLED, parse_usd("0.10"), model="gpt-5-2026")
    book.end(admits[0].hold, settled)
    (scope,) = scopes_for([BUDGET], calls[2], run_id="")
    (balance,) = book.balances_of(admits[1].hold)
    book.refuse(calls[2], Deny(scope, balance, needed=parse_usd(5)))
    # Not closed: that would end what is in flight.
    return path


def test_a_budgets_row_has_its_figures(ledger: Path) -> None:
    """Spent, held, left, cap; and who it is for."""
    (line,) = snapshot(ledger, NOW).budgets
    name, shown, spent, held, left, cap, resets, calls, refused = line.cells
    assert (name, spent, held, left, cap) == ("each web", "$0.10", "$0.25", "$0.65", "$1.00")
    assert (resets, calls, refused) == ("05-02 00:00", "1", "1")
    assert shown == bar(parse_usd("0.10"), parse_usd("0.25"), parse_usd(1))


def test_calls_in_flight_stand_apart_with_what_they_hold(ledger: Path) -> None:
    """And for how long they have been there."""
    look = snapshot(ledger, NOW)
    assert look.in_flight == (("8 s", "gpt-5", "codex", "web", "$0.25"),)
    assert look.held == "$0.25"


def test_recent_calls_are_the_newest_first(ledger: Path) -> None:
    """A refused one has no cost, but the budget that refused it."""
    refused, settled = snapshot(ledger, NOW).recent
    assert refused[1:] == ("refused", "gpt-5", "codex", "web", "", "refused by each")
    assert settled[1:6] == ("settled", "gpt-5-2026", "codex", "web", "$0.10")


def test_the_burn_is_of_the_last_minutes(ledger: Path) -> None:
    """What was spent before does not count."""
    assert snapshot(ledger, NOW).burn == "$0.02/min"
    assert snapshot(ledger, NOW + timedelta(hours=1)).burn == "$0.00/min"


def test_without_a_ledger_there_is_nothing_to_show(tmp_path: Path) -> None:
    """It is not made by looking."""
    with pytest.raises(LedgerError):
        snapshot(tmp_path / "none.sqlite3", NOW)
    assert not (tmp_path / "none.sqlite3").exists()


@pytest.mark.parametrize(
    ("spent", "held", "cap", "shown"),
    [
        (0, 0, 10, "··········"),
        (5, 0, 10, "█████·····"),
        (5, 2, 10, "█████▒▒···"),
        (9, 9, 10, "█████████▒"),
        (99, 0, 10, "██████████"),
        (999, 0, 1000, "█████████·"),
        (1, 0, 1000, "█·········"),
        (0, 0, 0, "██████████"),
    ],
)
def test_a_bar_is_full_only_when_the_budget_is(spent: int, held: int, cap: int, shown: str) -> None:
    """And shows the first cent."""
    assert bar(spent, held, cap, width=10) == shown
