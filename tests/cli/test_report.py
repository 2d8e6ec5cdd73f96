"""`llmcap report`, `export` and `events`: the ledger's rows, summed, written out, and told."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from llmcap.cli import main
from llmcap.cli.report import bars
from llmcap.ledger import open_ledger
from llmcap.notices.alerts import noted
from llmcap.notices.events import EventLog, OpenBreaker, events_path
from llmcap.words.records import Admit, Call, Demand, Ending, Settlement, Usage
from llmcap.words.rules import EventKind

NOW = datetime.now(UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger with three days of calls, one of them refused."""
    path = tmp_path / "ledger.sqlite3"
    ledger = open_ledger(path)
    for number, (project, model, cents) in enumerate(
        [("red", "gpt-5", 10), ("red", "gpt-5-mini", 1), ("=cmd()", "gpt-5", 5)]
    ):
        at = NOW - timedelta(days=2 - number)
        call = Call(str(number), at, "openai", "chat", model, {"project": project})
        decision = ledger.hold(call, [], Demand(10**9, Decimal(0), 0))
        assert isinstance(decision, Admit)
        usage = Usage(input_tokens=1_000, output_tokens=20, cache_read=300)
        cost = cents * 10**7
        ledger.end(decision.hold, Settlement(Ending.SETTLED, cost, usage, model=model))
    ledger.refuse(Call("r", NOW, "openai", "chat", "gpt-5", {"project": "red"}), None, note="no")
    ledger.close()
    return path


def run(path: Path, *arguments: str, code: int = 0):
    """The command's result."""
    result = CliRunner().invoke(main, [*arguments, "--ledger", str(path)])
    assert result.exit_code == code, result.output
    return result


def report(path: Path, *arguments: str):
    """The rows of a report."""
    return json.loads(run(path, "report", "--json", *arguments).stdout)


def test_a_report_sums_by_model_the_dearest_first(path):
    """Refused calls are counted apart, and cost nothing."""
    assert report(path) == [
        {
            "model": "gpt-5", "calls": 2, "refused": 1, "assumed": 0, "input_tokens": 2000,
            "cached_tokens": 600, "output_tokens": 40, "cost_usd": "0.15",
        },
        {
            "model": "gpt-5-mini", "calls": 1, "refused": 0, "assumed": 0, "input_tokens": 1000,
            "cached_tokens": 300, "output_tokens": 20, "cost_usd": "0.01",
        },
    ]  # fmt: skip


def test_a_report_groups_by_any_attribute_and_time(path):
    """Several at once, within one another; times in their order."""
    found = report(path, "--by", "day", "--by", "project", "--timezone", "UTC")
    assert [row["cost_usd"] for row in found] == ["0.1", "0.01", "0.05", "0"]
    assert [row["project"] for row in found][:2] == ["red", "red"]
    assert found[0]["day"] < found[1]["day"] < found[2]["day"] == found[3]["day"]


@pytest.mark.parametrize(
    ("arguments", "cost"),
    [
        (["--since", "36h"], "0.06"),
        (["--since", "36h", "--until", "12h"], "0.01"),
        (["--project", "red"], "0.11"),
        (["--model", "*-mini"], "0.01"),
    ],
    ids=" ".join,
)
def test_a_report_is_of_the_calls_that_were_asked_for(path, arguments, cost):
    """By time, project and model."""
    found = report(path, "--by", "provider", *arguments)
    assert [row["cost_usd"] for row in found] == [cost]


def test_a_report_for_people_ends_with_the_sum(path):
    """Aligned columns."""
    lines = run(path, "report").stdout.splitlines()
    assert lines[0].split() == ["MODEL", "CALLS", "REFUSED", "INPUT", "CACHED", "OUTPUT", "COST"]
    assert lines[-1].split() == ["in", "all", "3", "1", "3,000", "900", "60", "$0.16"]


def test_a_report_on_a_terminal_has_bars(path, monkeypatch):
    """The dearest row's is the longest, and a cheap one is to be seen."""
    monkeypatch.setattr("llmcap.cli.report.on_terminal", lambda: True)
    lines = run(path, "report").stdout.splitlines()
    assert lines[1].split()[-1] == "█" * 24
    assert lines[2].split()[-1] == "█"
    assert lines[3].split()[-1] == "$0.16"
    assert bars([1000, 1, 0], width=4) == ["████", "▏", ""]


def test_mistakes_in_a_report_are_messages(path):
    """And not tracebacks."""
    assert "'Mars'" in run(path, "report", "--timezone", "Mars", code=2).stderr
    assert "is no time" in run(path, "report", "--since", "soon", code=2).stderr
    assert "no calls" in run(path, "report", "--until", "2000-01-01").stderr


def test_csv_has_a_row_per_call_and_runs_in_no_spreadsheet(path):
    """A name that a client made up is text, whatever it begins with."""
    result = run(path, "export")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["cost_usd"] for row in rows] == ["0", "0.05", "0.01", "0.1"]
    assert rows[1]["project"] == "'=cmd()"
    assert rows[0]["state"] == "refused"
    assert rows[3]["input_tokens"] == "1000"
    assert "4 calls" in result.stderr


def test_json_has_a_document_per_line(path, tmp_path):
    """As `llmcap log --json` prints them; to a file where one is named."""
    out = tmp_path / "calls.jsonl"
    run(path, "export", "--format", "json", "-o", str(out), "--since", "12h")
    documents = [json.loads(line) for line in out.read_text().splitlines()]
    assert [each["cost_usd"] for each in documents] == ["0", "0.05"]


def test_parquet_without_its_package_says_what_to_install(path, tmp_path, monkeypatch):
    """The package is large, and most people need none of it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    out = str(tmp_path / "calls.parquet")
    told = run(path, "export", "--format", "parquet", "-o", out, code=2).stderr
    assert "pip install 'llmcap-mitmproxy[parquet]'" in told
    assert "--output" in run(path, "export", "--format", "parquet", code=2).stderr


def test_parquet_has_the_same_rows(path, tmp_path):
    """With counts as numbers and amounts as exact text."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    out = tmp_path / "calls.parquet"
    run(path, "export", "--format", "parquet", "-o", str(out))
    rows = parquet.read_table(out).to_pylist()
    assert [row["cost_usd"] for row in rows] == ["0", "0.05", "0.01", "0.1"]
    assert rows[3]["input_tokens"] == 1000


def test_events_are_shown_the_newest_first(path):
    """With what is still to be delivered."""
    assert "nothing was told yet" in run(path, "events").stderr
    log = EventLog(events_path(str(path)))
    for number, name in enumerate(("a", "b")):
        event = noted(EventKind.OVERRUN, f"{name} cost more", NOW, subject=name)
        log.add(event, ["t"] * number)
    log.close()
    result = run(path, "events")
    assert [line.split()[3] for line in result.stdout.splitlines()[1:]] == ["b", "a"]
    assert "1 alerts are still to be delivered" in result.stderr
    assert json.loads(run(path, "events", "--json").stdout)["undelivered"] == 1


def test_breakers_are_shown_and_closed(path):
    """What is asked is kept for the proxies, which look every second."""
    assert "no breaker is open" in run(path, "breaker", "list").stderr
    assert "no proxy has used" in run(path, "breaker", "close").stderr
    log = EventLog(events_path(str(path)))
    until = NOW + timedelta(hours=5)
    log.show_breakers("p1", [OpenBreaker("burn", "red", "open", "$9.00 went", until)])
    log.show_breakers("p2", [OpenBreaker("errors", "openai", "open", "bad", NOW)])
    asked_until, _ = log.closings(None)
    burning, failing = json.loads(run(path, "breaker", "list", "--json").stdout)
    assert (burning["kind"], burning["value"], burning["state"]) == ("burn", "red", "open")
    assert failing["state"] == "half_open"
    assert "burn" in run(path, "breaker", "list").stdout
    run(path, "breaker", "close", "burn", "--value", "red")
    run(path, "breaker", "close")
    assert log.closings(asked_until)[1] == [("burn", "red"), (None, None)]
    log.show_breakers("p1", [])
    assert [each.kind for each in log.breakers()] == ["errors"]
    log.close()
