"""`llmcap status` and `llmcap log`: what the ledger knows, without a proxy or its config."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from llmcap.budgets.budget import scopes_for
from llmcap.cli import main
from llmcap.ledger import Ledger, history, open_ledger
from llmcap.words.records import (
    Admit,
    Balance,
    Budget,
    BudgetMode,
    Call,
    CapUnit,
    Demand,
    Deny,
    Ending,
    Hold,
    Settlement,
    Usage,
)

USD = 10**9
BUDGETS = (
    Budget("everything", 5 * USD, every="month"),
    Budget("each-project", USD, every="day", per=("project",)),
    Budget("calls", 100, CapUnit.REQUESTS, every="day"),
)


def call(name: str, *, project: str = "red", model: str = "claude-opus-4-5") -> Call:
    """A call of now: the command reads the real clock."""
    attributes = {"project": project, "client": "claude-cli"}
    return Call(name, datetime.now(UTC), "anthropic", "messages", model, attributes)


def hold(ledger: Ledger, made: Call, nanos: int) -> Hold:
    """A hold of this much on all budgets."""
    decision = ledger.hold(
        made, scopes_for(BUDGETS, made, run_id=""), Demand(nanos, Decimal(0), 0, free="a test")
    )
    assert isinstance(decision, Admit), decision
    return decision.hold


def settle(ledger: Ledger, made: Call, nanos: int, **changes: Any) -> Hold:
    """A call that held twice of what it cost."""
    held = hold(ledger, made, 2 * nanos)
    usage = Usage(input_tokens=1_000, output_tokens=50)
    settlement = Settlement(Ending.SETTLED, nanos, usage, model=made.model, response_id=made.id)
    ledger.end(held, replace(settlement, **changes))
    return held


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger that a proxy with three budgets has open."""
    opened = open_ledger(tmp_path / "ledger.sqlite3")
    opened.define(BUDGETS)
    yield opened
    opened.close()


@pytest.fixture
def llmcap(tmp_path: Path) -> Any:
    """The command, on that ledger."""

    def run(*arguments: str) -> Any:
        path = str(tmp_path / "ledger.sqlite3")
        return CliRunner().invoke(main, [*arguments, "--ledger", path], catch_exceptions=False)

    return run


def budgets(llmcap: Any, *arguments: str) -> list[dict[str, Any]]:
    """The budgets of `status --json`."""
    document = json.loads(llmcap("status", "--json", *arguments).stdout)
    found: list[dict[str, Any]] = document["budgets"]
    return found


def calls(llmcap: Any, *arguments: str) -> list[dict[str, Any]]:
    """The objects of `log --json`."""
    return [json.loads(line) for line in llmcap("log", "--json", *arguments).stdout.splitlines()]


def test_status_tells_cap_spent_held_and_left(ledger: Ledger, llmcap: Any) -> None:
    """In decimal strings, per value of `per`, with the window."""
    settle(ledger, call("a"), 250_000_000)
    hold(ledger, call("b", project="blue"), 100_000_000)
    month, blue, red, requests = budgets(llmcap)
    start = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    resets_at = month.pop("resets_at")
    assert datetime.fromisoformat(resets_at) == (start + timedelta(days=32)).replace(day=1)
    assert month == {
        "name": "everything",
        "value": "",
        "per": [],
        "unit": "usd",
        "mode": "enforce",
        "cap_usd": "5",
        "spent_usd": "0.25",
        "held_usd": "0.1",
        "remaining_usd": "4.65",
        "every": "month",
        "window_start": start.isoformat(),
        "calls": 1,
        "refused": 0,
        "paused": False,
        "ends_at": None,
    }
    assert (blue["value"], blue["held_usd"], blue["spent_usd"]) == ("blue", "0.1", "0")
    assert (red["value"], red["held_usd"], red["spent_usd"]) == ("red", "0", "0.25")
    assert (requests["unit"], requests["cap"], requests["remaining"]) == ("requests", 100, 98)


def test_status_needs_neither_config_nor_calls(ledger: Ledger, llmcap: Any) -> None:
    """The budgets are in the ledger, as the proxy was started with them."""
    assert [each["name"] for each in budgets(llmcap)] == ["everything", "calls"]


def test_status_says_whether_a_proxy_runs(ledger: Ledger, llmcap: Any) -> None:
    """Figures alone look as if somebody kept them."""
    assert "no proxy runs" not in llmcap("status").stderr
    assert json.loads(llmcap("status", "--json").stdout)["proxies"] == 1
    ledger.close()
    assert "no proxy runs on this ledger now" in llmcap("status").stderr
    assert json.loads(llmcap("status", "--json").stdout)["proxies"] == 0


def test_status_on_a_terminal_warns_by_its_colours(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Yellow from 80 % on, red where nothing is left; with NO_COLOR none."""
    monkeypatch.setattr("llmcap.cli.output.on_terminal", lambda: True)
    settle(ledger, call("a"), USD // 10 * 4)
    hold(ledger, call("b"), USD // 10 * 4)
    settle(ledger, call("c", project="blue"), USD // 2)
    hold(ledger, call("d", project="blue"), USD // 2)

    def shown(**environ: str) -> list[str]:
        words = ["status", "--ledger", str(tmp_path / "ledger.sqlite3")]
        return CliRunner().invoke(main, words, color=True, env=environ).stdout.splitlines()

    _, everything, blue, red, requests = shown()
    assert (blue[:5], red[:5]) == ("\x1b[31m", "\x1b[33m")
    assert "\x1b" not in everything + requests
    assert "\x1b" not in "".join(shown(NO_COLOR="1"))


def test_status_outlives_the_proxy(ledger: Ledger, llmcap: Any) -> None:
    """What was spent stays spent when nobody runs."""
    settle(ledger, call("a"), USD // 4)
    ledger.close()
    assert budgets(llmcap)[0]["spent_usd"] == "0.25"


def test_status_of_a_config_has_its_caps(ledger: Ledger, llmcap: Any, tmp_path: Path) -> None:
    """A cap that was edited, before any proxy reads it."""
    config = tmp_path / "llmcap.yaml"
    config.write_text("budgets:\n  - {name: everything, cap: $9, every: month}\n")
    settle(ledger, call("a"), USD // 4)
    [month] = budgets(llmcap, "--config", str(config))
    assert (month["cap_usd"], month["spent_usd"]) == ("9", "0.25")


def test_status_shows_what_was_done_by_hand(ledger: Ledger, llmcap: Any) -> None:
    """A raised cap and a pause."""
    scope = scopes_for(BUDGETS, call("a"), run_id="")[0]
    ledger.adjust(scope, raise_by=USD)
    ledger.pause(BUDGETS[0])
    month = budgets(llmcap)[0]
    assert (month["cap_usd"], month["paused"]) == ("6", True)
    assert "everything, paused" in llmcap("status").stdout


def test_status_shows_the_budgets_of_a_run(ledger: Ledger, llmcap: Any) -> None:
    """`llmcap run --cap 5` has a budget for that run alone."""
    cap = Budget("cap", 5 * USD, every="run")
    ledger.define([cap], run_id="run-7")
    made = call("a")
    scopes = scopes_for([cap], made, run_id="run-7")
    assert isinstance(ledger.hold(made, scopes, Demand(USD, Decimal(0), 0)), Admit)
    [run] = budgets(llmcap)
    assert (run["name"], run["held_usd"], run["remaining_usd"]) == ("cap", "1", "4")


def test_status_before_the_first_proxy_is_no_error(llmcap: Any) -> None:
    """Nothing was spent yet, and that is an answer."""
    result = llmcap("status", "--json")
    assert (result.exit_code, json.loads(result.stdout)["budgets"]) == (0, [])
    assert "no ledger" in result.stderr


def test_status_for_people_has_a_line_a_budget(ledger: Ledger, llmcap: Any) -> None:
    """Money as money, counts as counts."""
    settle(ledger, call("a"), 250_000_000)
    shown = llmcap("status").stdout
    assert "each-project (red)" in shown
    assert "$0.25" in shown
    assert "100 requests" in shown


def test_status_says_which_budgets_stop_nothing(ledger: Ledger, llmcap: Any) -> None:
    """A cap that is only watched does not look like one that holds."""
    watched = Budget("trial", USD, every="day", mode=BudgetMode.WATCH)
    ledger.define([watched], run_id="")
    assert "trial, watched only" in llmcap("status").stdout
    assert json.loads(llmcap("status", "--json").stdout)["budgets"][0]["mode"] == "watch"


def test_log_tells_how_each_call_ended(ledger: Ledger, llmcap: Any) -> None:
    """The oldest of the newest first, as a log reads."""
    settle(ledger, call("settled"), 3_250_000)
    settle(ledger, call("assumed"), 5, ending=Ending.ASSUMED, note="the client hung up")
    settle(ledger, call("released"), 0, ending=Ending.RELEASED, usage=Usage())
    hold(ledger, call("held"), 7)
    refused = call("refused")
    scope = scopes_for(BUDGETS, refused, run_id="")[1]
    ledger.refuse(refused, Deny(scope, Balance(), 1))
    told = calls(llmcap)
    assert [(each["id"], each["status"]) for each in told] == [
        (name, name) for name in ("settled", "assumed", "released", "held", "refused")
    ]
    first = told[0]
    assert first["usage"] == {"input_tokens": 1_000, "output_tokens": 50}
    assert (first["cost_usd"], first["held_usd"]) == ("0.00325", "0.0065")
    assert (first["provider"], first["model"]) == ("anthropic", "claude-opus-4-5")
    assert (first["client"], first["project"]) == ("claude-cli", "red")
    assert first["budgets"] == ["everything", "each-project", "calls"]
    assert told[1]["note"] == "the client hung up"
    assert told[3]["held_usd"] == "0.000000007"
    assert (told[4]["budget"], told[4]["cost_usd"]) == ("each-project", "0")


def test_log_follows_corrections(ledger: Ledger, llmcap: Any) -> None:
    """A call has one cost: the last that is known, in either direction."""
    held = settle(ledger, call("a"), 100)
    for cost in (130, 70):
        ledger.correct(held, Settlement(Ending.SETTLED, cost, Usage(input_tokens=cost)))
    [told] = calls(llmcap)
    assert (told["cost_usd"], told["usage"]) == ("0.00000007", {"input_tokens": 70})


def test_log_has_usage_that_came_with_a_later_request(ledger: Ledger, llmcap: Any) -> None:
    """Nothing was held for it, and it is a call like any other."""
    made = call("later")
    settlement = Settlement(Ending.SETTLED, 9, Usage(output_tokens=1), response_id="resp_1")
    assert ledger.charge_once(made, scopes_for(BUDGETS, made, run_id=""), settlement)
    [told] = calls(llmcap)
    assert (told["status"], told["cost_usd"]) == ("settled", "0.000000009")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-n", "2"], ["blue", "haiku"]),
        (["--project", "blue"], ["blue"]),
        (["--model", "Claude-HAIKU-*"], ["haiku"]),
        (["--model", "claude-*", "--project", "red"], ["red", "haiku"]),
        (["--since", "1h"], ["red", "blue", "haiku"]),
        (["--since", "2100-01-01"], []),
    ],
    ids=" ".join,
)
def test_log_is_filtered(
    ledger: Ledger, llmcap: Any, arguments: list[str], expected: list[str]
) -> None:
    """By number, project, model and time."""
    settle(ledger, call("red"), 1)
    settle(ledger, call("blue", project="blue"), 1)
    settle(ledger, call("haiku", model="claude-haiku-4-5"), 1)
    assert [each["id"] for each in calls(llmcap, *arguments)] == expected


def test_log_for_people_is_a_table(ledger: Ledger, llmcap: Any) -> None:
    """With the bound of what is still in flight."""
    settle(ledger, call("a"), 3_250_000)
    hold(ledger, call("b"), USD // 2)
    shown = llmcap("log").stdout
    assert "$0.003250" in shown
    assert "<= $0.50" in shown
    assert "1,000" in shown


def test_log_without_a_ledger_says_where_it_looked(llmcap: Any) -> None:
    """A wrong path must not look like an empty one."""
    result = llmcap("log")
    assert result.exit_code == 2
    assert "there is no ledger" in result.stderr


def test_a_file_that_is_no_ledger_is_named(llmcap: Any, tmp_path: Path) -> None:
    """Not a traceback of SQLite."""
    (tmp_path / "ledger.sqlite3").write_bytes(b"not a database" * 100)
    for command in ("status", "log"):
        result = llmcap(command)
        assert result.exit_code == 2
        assert "cannot be read" in result.stderr


def test_a_followed_log_has_each_call_once_when_it_ends(ledger: Ledger, tmp_path: Path) -> None:
    """Not when it begins: its cost is what one waits for; a correction shows it again."""
    before = settle(ledger, call("before"), 1)
    flying = hold(ledger, call("flying"), 10)
    with history.reading(tmp_path / "ledger.sqlite3") as db:
        newest, _ = history.ended_since(db, 0)
        assert history.ended_since(db, newest) == (newest, [])
        ledger.end(flying, Settlement(Ending.SETTLED, 4))
        ledger.correct(before, Settlement(Ending.SETTLED, 3))
        newest, ended = history.ended_since(db, newest)
        assert [(each.id, each.cost_nanos) for each in ended] == [("before", 3), ("flying", 4)]
        assert history.ended_since(db, newest) == (newest, [])
