"""A ledger with calls of every kind, and its page."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from books import budget, call, demand, scopes, settled
from served import served

from llmcap.ledger.sqlite import SqliteLedger
from llmcap.words.records import Balance, Deny, Ending

NOW = datetime.now(UTC)
# Of today, whose budgets count them: an hour apart, and less where the day has just begun.
APART = min(timedelta(hours=1), (NOW - NOW.replace(hour=0, minute=0, second=0, microsecond=0)) / 7)
BUDGETS = (
    budget("$9/month", name="all"),
    budget("$2/day", name="each", per=("project",)),
    budget("900 requests/day", name="calls"),
)
# What clients made up: it must come through as text.
KEY = "aa00000000b1"
EVIL = '<img src=x onerror="alert(1)">'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger is."""
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def ledger(path):
    """Calls of two projects: settled, assumed, refused and in flight."""
    opened = SqliteLedger(path)
    opened.define(BUDGETS)
    for number in range(6):
        its = made(number, NOW - APART * (number + 1), ("red", EVIL)[number % 2])
        decision = opened.hold(its, scopes(BUDGETS, its), demand(400_000_000, tokens=90))
        end = replace(settled(100_000_000 + number, tokens=50), model="gpt-5")
        end = replace(end, ending=Ending.ASSUMED, note="cut") if number == 4 else end
        opened.end(decision.hold, end)
    its = made(7, NOW - timedelta(minutes=1), "red")
    opened.refuse(its, Deny(scopes(BUDGETS, its)[0], Balance(), 5))
    its = made(8, NOW - timedelta(seconds=5), "red")
    assert opened.hold(its, scopes(BUDGETS, its), demand(700_000_000)).hold
    yield opened
    opened.close()


def made(number: int, at: datetime, project: str):
    """A call of a project."""
    team = {"metadata.team": "search"} if number % 3 == 0 else {}
    return call(at=at, call_id=f"c{number}", project=project, client="codex", key=KEY, **team)


@pytest.fixture
def page(path, ledger):
    """The page of that ledger."""
    with served(path) as found:
        yield found
