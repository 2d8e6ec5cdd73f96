"""The page in a real browser, beside a real `llmcap up`, about real calls. `scripts/surfaces`."""

import json
import os
import shutil
import subprocess
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import fleet
import pytest
from books import budget, call, demand, settled

from fake_provider.process import ROOT, ProviderHandle
from llmcap.budgets.budget import scope_at, scopes_for
from llmcap.launch.pageprocess import page_beside
from llmcap.ledger.sqlite import SqliteLedger
from llmcap.page.access import Role
from llmcap.treasury.hands import Hands
from llmcap.words.records import Balance, Deny
from postgres_server import Server

from .test_up import Shell, shell

SURFACES = ROOT / ".venv-surfaces"
PROGRAM = ROOT / "tests" / "clients" / "browser_program.py"
CHROMIUM = os.environ.get("SURFACES_CHROMIUM", "/usr/bin/chromium")
SECONDS = 900  # ends what hangs

__all__ = ["shell"]

# What clients call themselves: markup, marks of direction, nothing, and more than fits.
NAMES = (
    "\u202eoverride", "<img src=x onerror=alert(1)>", "\u0645\u0634\u0631\u0648\u0639", "",
    "x" * 200, "\U0001f680 a\tb", "javascript:alert(1)", "'\"&amp;{{7*7}}",
)  # fmt: skip
BUDGETS = (
    budget("$9000000/month", name="y" * 200), budget("$0.000000001/day", name="tiny"),
    budget("3 concurrent", name="slots"), budget("$5/day", name="each", per=("project",)),
)  # fmt: skip

CONFIG = """
budgets:
- {name: everything, cap: $5, every: day}
- {name: each-project, cap: $2, every: week, per: project}
- {name: none of these, cap: $0, every: day, match: {model: gpt-4o}}
"""
CURL = (
    "curl -sS https://api.openai.com/v1/chat/completions -o /dev/null -d "
    '\'{"model":"%s","messages":[{"role":"user","content":"hi"}],"max_tokens":50}\''
)


def made_up(path: Path) -> SqliteLedger:
    """A ledger with calls by each of the names, of amounts between nothing and millions."""
    ledger = SqliteLedger(path)
    ledger.define(BUDGETS)
    now = datetime.now(UTC)
    for number, name in enumerate(NAMES):
        its = call(at=now, call_id=f"c{number}", project=name, customer=name, client=name)
        scopes = scopes_for((BUDGETS[0], BUDGETS[3]), its, run_id="")
        hold = ledger.hold(its, scopes, demand(1)).hold
        ledger.end(hold, replace(settled(10 ** (2 * number)), model=name or None, note=name * 3))
        ledger.refuse(its, Deny(scopes[0], Balance(), 5))
    slots = scope_at(BUDGETS[2], "", now, run_id="")
    ledger.adjust(slots, raise_by=-5, note="fewer than none")
    return ledger


def calls(shell: Shell) -> None:
    """Some that pass, of two projects and models, and one that is refused."""
    for project, model in (
        ("website", "gpt-4o-mini"), ("website", "gpt-5"), ("search", "gpt-4o-mini"),
        ("search", "gpt-4o"),
    ):  # fmt: skip
        again = "; ".join([CURL % model] * 3)
        shell(f'eval "$($LLMCAP env --project {project})"; {again}')


def test_the_page_shows_real_calls_and_its_proxy_lets_nobody_change_them(
    shell: Shell, provider: ProviderHandle, tmp_path: Path
) -> None:
    """What the provider billed is on it; through the proxy it is read-only."""
    config = tmp_path / "llmcap.yaml"
    config.write_text(CONFIG)
    shell(f"$LLMCAP up --port 0 --page-port 0 --config {config}")
    calls(shell)
    use = 'eval "$($LLMCAP env)"; '
    now = json.loads(shell(use + "curl -sS http://llmcap.internal/api/now"))
    spent = {each["name"]: each["spent"] for each in now["budgets"]}
    billed = provider.nanos()
    assert round(float(spent["everything"]) * 10**9) == billed
    assert [call["note"] for call in now["refused"]] == ["refused by none of these"] * 3
    posted = shell(use + "curl -sS -o /dev/null -w '%{http_code}' -X POST -d '{}' "
                   "http://llmcap.internal/api/budget")  # fmt: skip
    assert posted == "405"


@pytest.mark.skipif(not (SURFACES / "made-from").exists(), reason="scripts/surfaces makes it")
@pytest.mark.skipif(not shutil.which(CHROMIUM), reason="there is no Chromium")
def test_a_browser_drives_every_view_and_action(
    shell: Shell, provider: ProviderHandle, tmp_path: Path
) -> None:
    """Light and dark, wide and narrow, without a serious fault; nothing is asked elsewhere."""
    config = tmp_path / "llmcap.yaml"
    config.write_text(CONFIG)
    shell(f"$LLMCAP up --port 0 --page-port 0 --config {config}")
    calls(shell)
    links = [
        json.loads(shell(f"$LLMCAP dashboard --json {more}"))["url"] for more in ("", "--viewer")
    ]
    pictures = Path(os.environ.get("SURFACES_PICTURES", tmp_path / "pictures"))
    rough = tmp_path / "rough.sqlite3"
    with closing(made_up(rough)), page_beside(str(rough), port=0) as page:
        rest = [SURFACES / "axe.min.js", pictures, page.url(Role("admin"))]
        result = subprocess.run(
            [SURFACES / "bin" / "python", PROGRAM, *links, *rest],
            capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
    assert result.returncode == 0, result.stderr
    done = [json.loads(line) for line in result.stdout.splitlines()]
    assert [each["did"] for each in done] == [
        "browser", "pictures", "reading", "strangers", "actions", "rough",
    ]  # fmt: skip
    assert done[1]["count"] == 16
    assert done[2]["calls"] == 12


@pytest.mark.skipif(not (SURFACES / "made-from").exists(), reason="scripts/surfaces makes it")
@pytest.mark.skipif(not shutil.which(CHROMIUM), reason="there is no Chromium")
def test_a_browser_looks_at_a_fleet_and_at_an_outage_of_its_treasury(
    tmp_path: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All nodes or one of them, by the address; without the treasury, this machine's own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    database = postgres.new_database()
    budgets = "budgets: [{name: all, cap: 5, every: day}]\n"
    pictures = Path(os.environ.get("SURFACES_PICTURES", tmp_path / "pictures"))
    with (
        fleet.firewalls(tmp_path, f"treasury: {database}\n{budgets}") as nodes,
        page_beside(str(tmp_path / "a"), port=0, treasury=database) as page,
    ):
        for node, nanos in zip(nodes, (50_000_000, 70_000_000), strict=True):
            fleet.served(node, nanos, name=f"{nanos}")
        other = node_of(database, spent=70_000_000)
        command = [
            SURFACES / "bin" / "python", PROGRAM.with_name("fleet_program.py"),
            page.url(Role("admin")), other, SURFACES / "axe.min.js", pictures,
        ]  # fmt: skip
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as looking:
            assert looking.stdin is not None
            assert looking.stdout is not None
            done = []
            for line in looking.stdout:
                done.append(json.loads(line)["did"])
                step = {"kill it": postgres.kill, "start it": postgres.start}.get(done[-1])
                if step is not None:
                    step()
                    print(file=looking.stdin, flush=True)
        assert (looking.returncode, done) == (0, ["nodes", "kill it", "start it", "back"])


def node_of(database: str, *, spent: int) -> str:
    """The id of the node that has spent so much, once it has told so."""
    deadline = time.monotonic() + SECONDS
    with Hands(database) as hands:
        while True:
            for node in hands.nodes():
                if node.spent.get("all") == spent:
                    return node.id
            assert time.monotonic() < deadline
            time.sleep(0.05)
