"""The metrics: as Prometheus reads them, with bounded labels, and counters that only grow."""

import json
import re
import shutil
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from books import call, scopes, settled
from click.testing import CliRunner
from page.conftest import BUDGETS

from llmcap.cli import main
from llmcap.ledger.follower import catch_up
from llmcap.ledger.sqlite import SqliteLedger
from llmcap.notices.courier import Courier
from llmcap.notices.events import WaitingCall, events_path
from llmcap.page import metrics
from llmcap.page.monitoring.grafana import PANELS
from llmcap.shared.gauges import CLAMPED, CUT, END, WAIT, Gauges
from llmcap.words.errors import ConfigError

prometheus = pytest.importorskip("prometheus_client.parser", reason="prometheus-client is an extra")

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is of Debian's prometheus")


def told(path) -> dict[str, dict[tuple[str, ...], float]]:
    """Each sample by its name and the values of its labels."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    text = metrics.text(path, datetime.now(UTC)).decode()
    for family in prometheus.text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def test_metrics_are_the_sums_of_the_ledger(path, ledger):
    """Budgets, calls by their end, costs, what is in flight."""
    catch_up(path)
    found = told(path)
    assert found["llmcap_budget_spent"]["all", "usd"] == pytest.approx(0.600000015)
    assert found["llmcap_budget_cap"]["all", "usd"] == 9
    assert found["llmcap_budget_held"]["all", "usd"] == pytest.approx(0.7)
    assert found["llmcap_budget_values"]["each", "usd"] == 2
    assert found["llmcap_calls_total"] == {
        ("assumed",): 1, ("refused",): 1, ("released",): 0, ("settled",): 5,
    }  # fmt: skip
    assert found["llmcap_cost_usd_total"]["openai",] == pytest.approx(0.600000015)
    assert found["llmcap_refused_calls_total"]["all",] == 1
    assert found["llmcap_calls_in_flight"] == {(): 1}
    assert found["llmcap_proxies"] == {(): 1}


def test_what_proxies_count_of_their_work_is_added_up(path, ledger):
    """By whichever process, and whether it still runs; waits as a histogram."""
    for process in ("a", "b"):
        counted = Gauges()
        counted.count(CLAMPED)
        counted.count(CUT)
        for seconds in (0.0004, 0.3, 60):
            counted.took(WAIT, seconds)
        counted.took(END, 0.002)
        courier = Courier(events_path(str(path)))
        courier.add_gauges(counted.take())
        assert counted.take() == {}
        now = datetime.now(UTC)
        courier.show_waiting([WaitingCall(now, "openai", f"m-{process}", "red", "", ("all",))])
        wait_until(lambda: told(path)["llmcap_calls_waiting"][()] == 1)
        courier.close()
    found = told(path)
    assert found["llmcap_clamped_calls_total"][()] == found["llmcap_cut_calls_total"][()] == 2
    assert found["llmcap_wait_seconds_count"][()] == 6
    assert found["llmcap_wait_seconds_sum"][()] == pytest.approx(2 * 60.3004)
    buckets = found["llmcap_wait_seconds_bucket"]
    assert (buckets["0.0005",], buckets["0.25",], buckets["30.0",]) == (2, 2, 4)
    assert found["llmcap_ledger_seconds_count"]["end",] == 2
    assert found["llmcap_calls_waiting"] == {(): 0}
    catch_up(path)
    assert told(path)["llmcap_assumed_ratio"][()] == pytest.approx(1 / 6)


def wait_until(holds) -> None:
    """Until it holds."""
    deadline = time.monotonic() + 300
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_no_label_is_what_a_client_made_up(path, ledger):
    """A thousand projects, keys and models are no thousand series."""
    catch_up(path)
    before = sum(len(samples) for samples in told(path).values())
    for number in range(40):
        its = call(call_id=f"x{number}", project=f"p{number}", key=f"k{number}", model=f"m{number}")
        ledger.refuse(replace(its, at=datetime.now(UTC)), None, note=f"why {number}")
    catch_up(path)
    text = metrics.text(path, datetime.now(UTC)).decode()
    assert sum(len(samples) for samples in told(path).values()) == before
    assert not re.search(r'k1|onerror|why 3|p39|m39|"red"', text)


def test_counters_only_grow(path, ledger):
    """While calls end, are counted, and are reset by hand."""
    counters = []
    for number in range(3):
        its = call(at=datetime.now(UTC), call_id=f"y{number}", project="red")
        ledger.charge_once(its, scopes([]), replace(settled(10), response_id=f"y{number}"))
        if number == 1:
            catch_up(path)
        found = told(path)
        counters.append({
            (name, labels): value
            for name, samples in found.items() if name.endswith("_total")
            for labels, value in samples.items()
        })  # fmt: skip
    for earlier, later in pairwise(counters):
        assert all(later[key] >= value for key, value in earlier.items())


def test_a_scraper_needs_a_token_and_a_viewer_of_one_project_gets_none(page, path):
    """The token of `llmcap metrics token` opens nothing else than a viewer sees."""
    token = CliRunner().invoke(main, ["metrics", "token", "--ledger", str(path)]).stdout.strip()
    client = page.client("viewer", "red")
    assert client.ask("/metrics")[0] == 403
    client.cookie = ""
    assert client.ask("/metrics")[0] == 401
    status, headers, body = client.ask("/metrics", Authorization=f"Bearer {token}")
    assert (status, headers["Content-Type"][:10]) == (200, "text/plain")
    assert b"llmcap_budget_cap" in body
    assert client.ask("/api/budget", "POST", {}, Authorization=f"Bearer {token}")[0] == 403


def test_without_its_package_it_says_what_to_install(path, ledger, monkeypatch):
    """It is an extra."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(ConfigError, match=r"pip install 'llmcap-mitmproxy\[metrics\]'"):
        metrics.text(path, datetime.now(UTC))


def test_rules_and_dashboard_name_only_metrics_that_there_are(path, ledger):
    """One that is renamed would be seen only when it is needed."""
    catch_up(path)
    there = set(told(path)) | {"llmcap_breakers_open"}
    rules = CliRunner().invoke(main, ["metrics", "rules"]).stdout
    board = json.loads(CliRunner().invoke(main, ["metrics", "grafana"]).stdout)
    assert len(board["panels"]) == len(PANELS)
    expressions = " ".join(panel["targets"][0]["expr"] for panel in board["panels"])
    named = set(re.findall(r"llmcap_\w+", expressions + rules.replace("name: llmcap", "")))
    assert named
    assert named <= there


@needs_promtool
def test_promtool_finds_nothing_wrong(path, ledger, tmp_path):
    """The real one, of metrics and of rules."""
    catch_up(path)
    text = metrics.text(path, datetime.now(UTC))
    checked = subprocess.run(
        [PROMTOOL, "check", "metrics"], input=text, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
    rules = tmp_path / "rules.yml"
    rules.write_text(CliRunner().invoke(main, ["metrics", "rules"]).stdout)
    checked = subprocess.run([PROMTOOL, "check", "rules", rules], capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert b"6 rules found" in checked.stdout


# What is scraped each minute, from a start on, and what is told at a minute: alert and budget.
SCRAPED = {
    "llmcap_proxies{}": "1x20 stale _x40",
    'llmcap_refused_calls_total{budget="all"}': "0x10 1x10",
    'llmcap_budget_used_ratio{budget="all",unit="usd"}': "0.5x10 0.95x10",
}
TOLD = {
    5: [],
    12: ["LLMCapBudgetRefuses"],
    18: ["LLMCapBudgetNearlyUsed", "LLMCapBudgetRefuses"],
    40: ["LLMCapNoProxy"],
}


@needs_promtool
def test_alerts_are_told_when_they_should_be(tmp_path):
    """The real Prometheus: at the first refusal of a budget, and when nobody answers any more."""
    rules = tmp_path / "rules.yml"
    rules.write_text(CliRunner().invoke(main, ["metrics", "rules"]).stdout)
    alerts = set(re.findall(r"alert: (\w+)", rules.read_text()))
    cases = [
        {"eval_time": f"{minute}m", "alertname": alert,
         "exp_alerts": [{"exp_labels": LABELS[alert], "exp_annotations": {"summary": SAID[alert]}}]
         if alert in told else []}
        for minute, told in TOLD.items() for alert in alerts
    ]  # fmt: skip
    series = [{"series": name, "values": values} for name, values in SCRAPED.items()]
    test = tmp_path / "test.yml"
    test.write_text(json.dumps({
        "rule_files": [str(rules)],
        "tests": [{"interval": "1m", "input_series": series, "alert_rule_test": cases}],
    }))  # fmt: skip
    checked = subprocess.run([PROMTOOL, "test", "rules", test], capture_output=True, check=False)
    assert checked.returncode == 0, (checked.stdout + checked.stderr).decode()


LABELS = {
    "LLMCapBudgetRefuses": {"severity": "warning", "budget": "all"},
    "LLMCapBudgetNearlyUsed": {"severity": "warning", "budget": "all", "unit": "usd"},
    "LLMCapNoProxy": {"severity": "critical"},
}
SAID = {
    "LLMCapBudgetRefuses": "Calls that all refused in ten minutes: 1",
    "LLMCapBudgetNearlyUsed": "all has used 95% of its cap",
    "LLMCapNoProxy": "No proxy runs on this ledger: nothing is metered, and nothing capped",
}


def test_a_counter_begins_at_zero(path):
    """Prometheus sees no increase in the first sample of a series: a first refusal was no alert."""
    with closing(SqliteLedger(path)) as ledger:
        ledger.define(BUDGETS)
    catch_up(path)
    found = told(path)
    assert found["llmcap_refused_calls_total"] == {(each.name,): 0 for each in BUDGETS}
    assert set(found["llmcap_calls_total"].values()) == {0}
