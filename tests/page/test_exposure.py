"""The worst case: what bounds it, and what does not."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from books import budget, call, demand, scopes, settled

from llmcap.ledger import history
from llmcap.ledger.names.keys import name_key
from llmcap.ledger.sqlite import SqliteLedger
from llmcap.page.access import Role
from llmcap.page.books import of_machine
from llmcap.page.exposure import document
from llmcap.words.records import BudgetMode

NOW = datetime.now(UTC)
KEY = "aa00000000b1"
WATCHED = replace(budget("$1/day", name="watched"), mode=BudgetMode.WATCH)
EACH = budget("$2/day", name="each", per=("key",))


@pytest.fixture
def told(tmp_path):
    """What is told of a ledger with these budgets, and one call of half a dollar."""
    path = tmp_path / "ledger.sqlite3"

    def ask(*budgets):
        ledger = SqliteLedger(path)
        ledger.define(budgets)
        its = call(at=NOW, key=KEY)
        decision = ledger.hold(its, scopes(budgets, its), demand(500_000_000))
        ledger.end(decision.hold, settled(500_000_000))
        ledger.close()
        name_key(path, KEY, "ci", why="a test")
        with history.reading(path) as db:
            return document(of_machine(path), db, NOW, Role("admin"))

    return ask


def test_a_budget_that_only_watches_bounds_nothing(told):
    """It would be told as the worst case, and stop nothing."""
    found = told(WATCHED, budget("$9/day", name="all"))
    assert (found["worst_by"], found["worst_usd"]) == ("all", "8.5")
    bounds = [(each["name"], each["mode"], each["most_usd"]) for each in found["budgets"]]
    assert bounds == [("all", "enforce", "8.5"), ("watched", "watch", None)]
    assert told(WATCHED)["worst_usd"] is None


def test_a_key_stands_by_its_name(told):
    """A fingerprint tells nobody whose worst case it is."""
    found = told(EACH)
    each = found["budgets"][0]
    assert (each["value"], each["value_name"], each["most_usd"]) == (KEY, "ci", "1.5")
    assert found["per_value"] == ["each"]
