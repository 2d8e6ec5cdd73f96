"""The provider's own API: pages, an expired key, no network; the key goes nowhere else."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner, Result

from llmcap.cli import main
from llmcap.reconcile import admin
from llmcap.words.errors import ReconcileError

from .bills import anthropic, ledger, month, openai, openrouter

KEY = "sk-admin-secret"


@contextmanager
def served(pages: dict[str, list[Any]], *, status: int = 200) -> Iterator[tuple[str, list[Any]]]:
    """An API of so many pages by path; what it was asked."""
    asked: list[Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked.append((parts.path, dict(self.headers), parse_qs(parts.query)))
            content = b"{}"
            number = int(parse_qs(parts.query).get("page", ["0"])[0])
            if parts.path in pages and status == 200:
                more = number + 1 < len(pages[parts.path])
                page = {"data": pages[parts.path][number], "has_more": more,
                        "next_page": str(number + 1) if more else None}  # fmt: skip
                content = json.dumps(page).encode()
            self.send_response(status)
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


def run(book: Path, url: str, provider: str, key: str = "env:ADMIN_KEY") -> Result:
    """`llmcap reconcile --api`."""
    words = ["reconcile", "--api", provider, "--key", key, "--url", url, "--ledger", str(book),
             "--since", "2026-11-01"]  # fmt: skip
    return CliRunner().invoke(main, words, env={"ADMIN_KEY": KEY})


@pytest.mark.parametrize(
    ("provider", "header", "paths", "made"),
    [
        ("openai", "Bearer sk-admin-secret",
         ["/v1/organization/usage/completions", "/v1/organization/costs"], openai),
        ("anthropic", "sk-ant",
         ["/v1/organizations/usage_report/messages", "/v1/organizations/cost_report"], anthropic),
        ("openrouter", "Bearer sk-admin-secret", ["/api/v1/activity"], openrouter),
    ],
)  # fmt: skip
def test_all_pages_of_usage_and_costs_are_read(
    tmp_path: Path, provider: str, header: str, paths: list[str], made: Any
) -> None:
    """Usage from one place and costs from another, a page after the other."""
    calls = month(provider)
    data = made(calls)["data"]
    halves = [data[: len(data) // 2], data[len(data) // 2 :]]
    pages: dict[str, list[Any]] = {path: [[]] for path in paths}
    pages[paths[0]] = halves
    book = ledger(tmp_path / "ledger.sqlite3", calls)
    with served(pages) as (url, asked):
        done = run(book, url, provider)
    assert done.exit_code == 0, done.output
    assert "captured 100.00 %" in done.output
    assert [path for path, _, _ in asked] == [paths[0], paths[0], *paths[1:]]
    told = {name.lower(): value for name, value in asked[0][1].items()}
    assert KEY in (told.get("authorization", ""), told.get("x-api-key", "")) or header in told.get(
        "authorization", ""
    )


@pytest.mark.parametrize("status", [401, 403])
def test_an_expired_key_is_one_sentence(tmp_path: Path, status: int) -> None:
    """It says which kind of key is needed, and does not repeat it."""
    book = ledger(tmp_path / "ledger.sqlite3", month("openai"))
    with served({}, status=status) as (url, _):
        done = run(book, url, "openai")
    assert done.exit_code == 2
    assert f"refuses the key ({status}): it needs an admin key" in done.output
    assert KEY not in done.output


def test_no_network_is_one_sentence(tmp_path: Path) -> None:
    """And so is a provider that is not asked, a key that is typed, a variable that is not set."""
    book = ledger(tmp_path / "ledger.sqlite3", month("openai"))
    assert "cannot be reached" in run(book, "http://127.0.0.1:9", "openai").output
    assert "over https only" in run(book, "http://example.com", "openai").output
    assert "is not asked for its bill" in run(book, "", "groq").output
    assert "and never typed" in run(book, "", "openai", key=KEY).output
    assert "is not set" in run(book, "", "openai", key="env:NOBODY").output


def test_a_server_error_is_named(tmp_path: Path) -> None:
    """With its status."""
    book = ledger(tmp_path / "ledger.sqlite3", month("openai"))
    with served({}, status=503) as (url, _):
        assert "answers 503" in run(book, url, "openai").output


def test_a_key_is_read_from_its_variable_only() -> None:
    """`env:NAME`."""
    assert admin.key_from("env:X", {"X": "1"}) == "1"
    with pytest.raises(ReconcileError):
        admin.key_from("X", {"X": "1"})
