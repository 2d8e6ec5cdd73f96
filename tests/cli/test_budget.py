"""`llmcap budget`: changes by hand, which running proxies meet at once and the ledger remembers."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from llmcap.brakes.forecast import Forecast
from llmcap.budgets.budget import scopes_for
from llmcap.cli import main
from llmcap.ledger import Ledger, history, open_ledger, queries
from llmcap.words.records import (
    Admit,
    Budget,
    Call,
    CapUnit,
    Demand,
    Deny,
    Ending,
    EntryKind,
    Settlement,
)

USD = 10**9
ALL = Budget("all", 2 * USD, every="month")
EACH = Budget("each", USD, every="day", per=("project",))
CALLS = Budget("calls", 2, CapUnit.REQUESTS, every="once")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger's path."""
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def proxy(path: Path) -> Iterator[Ledger]:
    """The ledger as a running proxy has it open."""
    ledger = open_ledger(path)
    ledger.define([ALL, EACH, CALLS])
    yield ledger
    ledger.close()


def try_hold(ledger: Ledger, budget: Budget, dollars: str, project: str = "red"):
    """A call of now that may cost so much."""
    call = Call("id", datetime.now(UTC), "openai", "chat", "m", {"project": project})
    demand = Demand(int(Decimal(dollars) * USD), Decimal(0), 0)
    return ledger.hold(call, scopes_for([budget], call, run_id=""), demand)


def spend(ledger: Ledger, budget: Budget, dollars: str, project: str = "red") -> None:
    """A call that did cost so much."""
    decision = try_hold(ledger, budget, dollars, project)
    assert isinstance(decision, Admit), decision
    ledger.end(decision.hold, Settlement(Ending.SETTLED, decision.hold.held_nanos))


def run(path: Path, *arguments: str, code: int = 0) -> str:
    """The command's output, data or message."""
    result = CliRunner().invoke(main, ["budget", *arguments, "--ledger", str(path)])
    assert result.exit_code == code, result.output
    return result.output


def notes(path: Path) -> list[str]:
    """What the ledger says of changes by hand."""
    with history.reading(path) as db:
        return [entry.note for entry in queries.entries(db, kinds=[EntryKind.ADJUSTED])]


def test_a_bare_number_is_in_the_unit_of_the_cap(path, proxy):
    """Dollars of one that counts dollars, calls of one that counts calls; another unit is told."""
    assert "cap set to 5 requests" in run(path, "set", "calls", "5")
    assert "cap set to $5.00" in run(path, "set", "all", "5")
    assert "'5k' is not a cap" in run(path, "set", "all", "5k", code=2)


def test_a_change_is_told_to_programs_too(path, proxy):
    """With --json: the balance after it on stdout, the sentence on stderr."""
    spend(proxy, ALL, "1.25")
    result = CliRunner().invoke(
        main, ["budget", "set", "all", "3", "--json", "--ledger", str(path)]
    )
    document = json.loads(result.stdout)
    assert (document["cap_usd"], document["spent_usd"]) == ("3", "1.25")
    assert "cap set to $3.00" in result.stderr


def test_a_raise_takes_effect_in_a_running_proxy_at_once(path, proxy):
    """For this window; the entry says who, how much and why."""
    spend(proxy, ALL, "2")
    assert isinstance(try_hold(proxy, ALL, "1"), Deny)
    told = run(path, "raise", "all", "$1.50", "--by", "ada", "--note", "release week")
    assert told == "all raised by $1.50 by ada (release week): $2.00 of $3.50 spent\n"
    assert isinstance(try_hold(proxy, ALL, "1"), Admit)
    assert notes(path) == ["all raised by $1.50 by ada (release week)"]


def test_a_cap_can_be_set_lower_too(path, proxy):
    """What was raised before is part of what is changed."""
    run(path, "raise", "all", "5")
    run(path, "set", "all", "1")
    assert isinstance(try_hold(proxy, ALL, "1.01"), Deny)
    assert isinstance(try_hold(proxy, ALL, "1"), Admit)


def test_a_reset_is_an_entry_and_no_erasure(path, proxy):
    """The budget is as new, the calls and their costs are still there."""
    spend(proxy, ALL, "2")
    assert "reset, $2.00 no longer counts" in run(path, "reset", "all", "--by", "ada")
    assert isinstance(try_hold(proxy, ALL, "2"), Admit)
    with history.reading(path) as db:
        assert sum(call.cost_nanos for call in history.calls(db, limit=9)) == 2 * USD
    assert proxy.audit() == []


def test_one_value_of_a_budget_is_changed_and_no_other(path, proxy):
    """Also one that has not spent anything yet."""
    spend(proxy, EACH, "1", "red")
    assert "each (red) raised by $1.00" in run(path, "raise", "each", "1", "--value", "red")
    assert isinstance(try_hold(proxy, EACH, "1", "red"), Admit)
    assert isinstance(try_hold(proxy, EACH, "2", "blue"), Deny)
    run(path, "raise", "each", "1", "--value", "blue")
    assert isinstance(try_hold(proxy, EACH, "2", "blue"), Admit)


def test_a_pause_stops_everything_until_it_is_resumed(path, proxy):
    """With its author in the ledger."""
    run(path, "pause", "each", "--by", "ada")
    assert isinstance(try_hold(proxy, EACH, "0.1", "red"), Deny)
    assert isinstance(try_hold(proxy, EACH, "0.1", "blue"), Deny)
    run(path, "resume", "each", "--by", "bob")
    assert isinstance(try_hold(proxy, EACH, "0.1", "red"), Admit)
    assert notes(path) == ["each resumed by bob", "each paused by ada"]


def test_counted_budgets_are_changed_in_their_unit(path, proxy):
    """Dollars are no requests."""
    told = run(path, "raise", "calls", "$1", code=2)
    assert "'$1' is in usd, but the budget 'calls' in requests" in told
    assert "calls raised by 3 requests" in run(path, "raise", "calls", "3 requests")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["raise", "none", "1"], "there is no budget named 'none'; there are: all, each, calls"),
        (["raise", "each", "1"], "is per project: name one with --value"),
        (["raise", "all", "1", "--value", "x"], "not `per` anything"),
        (["raise", "all", "banana"], "'banana' is not a cap"),
    ],
    ids=["no budget", "no value", "a value too many", "no amount"],
)
def test_a_mistake_changes_nothing_and_says_what_to_do(path, proxy, arguments, part):
    """One line, exit code two."""
    assert part in run(path, *arguments, code=2)
    assert notes(path) == []


def test_the_list_shows_what_was_done_by_hand(path, proxy):
    """For people and for programs."""
    spend(proxy, ALL, "0.5")
    spend(proxy, EACH, "0.25", "red")
    run(path, "raise", "each", "1", "--value", "red")
    run(path, "pause", "all")
    shown = run(path, "list")
    rows = {line.split()[0]: line.split() for line in shown.splitlines()}
    assert rows["each"][1:5] == ["red", "$0.25", "$2.00", "$1.00"]
    assert rows["all"][-1] == "paused"
    found = {(row["name"], row["value"]): row for row in json.loads(run(path, "list", "--json"))}
    assert found["each", "red"]["cap_usd"] == "2"
    assert found["each", "red"]["raised_usd"] == "1"
    assert found["all", ""]["paused"] is True
    assert found["calls", ""]["cap"] == 2


def test_without_a_ledger_the_message_says_so(path):
    """Nothing is made by looking."""
    assert "there is no ledger" in run(path, "list", code=2)
    assert not path.exists()


def test_the_pace_is_told_where_it_ends_a_budget(path, proxy, monkeypatch):
    """By `status` and by the list, for people and for programs."""
    ends = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
    ahead = Forecast(per_hour=1, ends_at=ends, at_reset=9, percent=120)
    for module in ("status", "budget"):
        monkeypatch.setattr(f"llmcap.cli.{module}.forecast", lambda *_: ahead)
    shown = f"{ends.astimezone():%F %H:%M}"
    assert shown in run(path, "list")
    assert json.loads(run(path, "list", "--json"))[0]["forecast_percent"] == 120
    status = CliRunner().invoke(main, ["status", "--ledger", str(path)])
    assert f"all: at this pace nothing is left at {shown}" in status.stderr
    status = CliRunner().invoke(main, ["status", "--json", "--ledger", str(path)])
    assert json.loads(status.stdout)["budgets"][0]["ends_at"] == ends.isoformat()
