"""xAI's usage, which tells dollars by day and no tokens: from its API, and as a file."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from llmcap.cli import main
from llmcap.reconcile.kept import read_kept

from .bills import DAYS, Billed, changed, ledger, month, xai
from .test_admin import KEY

TEAM = "5a5b0ae2-0000-4000-8000-000000000000"


@contextmanager
def managed(usage: dict[str, Any], team: str = TEAM) -> Iterator[tuple[str, list[Any]]]:
    """The management API: whose key it is, and the usage of that team; what it was asked."""
    asked: list[Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._tell({"teamId": team} if self.path.endswith("/validation") else {})

        def do_POST(self) -> None:
            size = int(self.headers["content-length"])
            asked.append((self.path, json.loads(self.rfile.read(size))["analyticsRequest"]))
            self._tell(usage)

        def _tell(self, document: dict[str, Any]) -> None:
            right = self.headers["authorization"] == f"Bearer {KEY}"
            content = json.dumps(document).encode()
            self.send_response(200 if right else 401)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def run(*words: object, key: str = KEY) -> Result:
    """`llmcap reconcile`."""
    return CliRunner().invoke(main, ["reconcile", *map(str, words)], env={"XAI": key})


def asking(url: str, book: Path) -> list[object]:
    """The words that ask its API."""
    return ["--api", "xai", "--key", "env:XAI", "--url", url, "--ledger", book, "--since",
            "2026-11-01", "--json"]  # fmt: skip


def causes(done: Result) -> list[tuple[str, str]]:
    """What differs, and why."""
    found = json.loads(done.output)["differences"]
    return [(each["day"], each["cause"]) for each in found]


def test_dollars_by_day_agree_to_the_cent(tmp_path: Path) -> None:
    """From the API and from its answer as a file, days without spend among them."""
    calls = [call for call in month("xai", cached=False) if call.day != DAYS[1]]
    book = ledger(tmp_path / "ledger.sqlite3", calls)
    with managed(xai(calls)) as (url, asked):
        done = run(*asking(url, book))
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["verdict"] == "Agrees: dollars +0.00 %"
    ((path, request),) = asked
    assert path == f"/v1/billing/teams/{TEAM}/usage"
    assert request["timeRange"]["startTime"] == "2026-11-01 00:00:00"
    assert (request["timeUnit"], request["groupBy"]) == ("TIME_UNIT_DAY", ["description"])
    file = tmp_path / "usage.json"
    file.write_text(json.dumps(xai(calls)))
    assert run(file, "--ledger", book).exit_code == 0


@pytest.mark.parametrize("escapes", [True, False])
def test_on_a_schedule_the_dollars_are_the_measure(tmp_path: Path, *, escapes: bool) -> None:
    """As it tells no tokens, the part that passed here is one of the money."""
    calls = changed(month("xai", cached=False), 0, seen=not escapes)
    book = ledger(tmp_path / "ledger.sqlite3", calls)
    with managed(xai(calls)) as (url, _):
        done = run(*asking(url, book), "--keep")
    assert done.exit_code == int(escapes), done.output
    kept = read_kept(book)["xai"]
    assert kept.tokens == sum(call.nanos for call in calls)
    assert kept.captured == sum(call.nanos for call in calls if call.seen)
    assert kept.is_below(100) is escapes


@pytest.mark.parametrize("fault", ["escaped", "assumed"])
def test_a_fault_is_found_on_its_day(tmp_path: Path, fault: str) -> None:
    """A program that went past, and a call whose end nobody told."""
    calls: list[Billed] = month("xai", cached=False)
    here = [number for number, call in enumerate(calls) if call.day == DAYS[1]]
    if fault == "escaped":
        for number in here:
            calls = changed(calls, number, seen=False)
    else:
        calls = changed(calls, here[0], assumed=True)
    book = ledger(tmp_path / "ledger.sqlite3", calls)
    with managed(xai(calls)) as (url, _):
        done = run(*asking(url, book))
    assert done.exit_code == 1
    wanted = "not seen" if fault == "escaped" else "assumed"
    assert {cause for _, cause in causes(done)} == {wanted}
    assert {day for day, _ in causes(done)} == {DAYS[1]}


def test_what_is_not_all_or_nobodys_is_one_sentence(tmp_path: Path) -> None:
    """A limit that was reached, a team that cannot be one, and a key that is refused."""
    book = ledger(tmp_path / "ledger.sqlite3", month("xai", cached=False))
    with managed({"timeSeries": [], "limitReached": True}) as (url, _):
        assert "this is not all" in run(*asking(url, book)).output
        assert "a management key" in run(*asking(url, book), key="other").output
    with managed({}, team="../x") as (url, asked):
        assert "whose team" in run(*asking(url, book)).output
        assert asked == []
