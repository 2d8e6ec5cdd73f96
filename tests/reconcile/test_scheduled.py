"""Bills on a schedule: compared once in the time asked for, kept for others, told where too low."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from llmcap.page import metrics, now
from llmcap.page.access import Role
from llmcap.page.books import of_machine
from llmcap.reconcile import admin
from llmcap.reconcile.kept import Kept, keep, kept_path, read_kept
from llmcap.reconcile.scheduled import Bills
from llmcap.words.rules import ASKED_FOR_BILLS, CaptureRule

from .bills import changed, ledger, month, openai
from .test_admin import KEY, served

SECONDS = 120
USAGE, COSTS = "/v1/organization/usage/completions", "/v1/organization/costs"


class Told(list[tuple[str, str, str]]):
    """What was told: kinds, sentences, subjects."""

    def __call__(self, kind: str, text: str, subject: str) -> None:
        """Keep it."""
        self.append((kind, text, subject))


def rule(url: str, percent: int = 99) -> CaptureRule:
    """OpenAI's bill, each hour."""
    return CaptureRule({"openai": "env:ADMIN_KEY"}, {"openai": url}, 1, percent, 365)


def compared(bills: Bills, asked: CaptureRule) -> None:
    """Look until the process has ended and was told of."""
    deadline = time.monotonic() + SECONDS
    bills.look(asked)
    (daily,) = bills._running.values()
    while daily._running is not None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
        bills.look(asked)


def pages(calls: list[Any]) -> dict[str, list[Any]]:
    """The provider's own, all of it on one."""
    return {USAGE: [openai(calls)["data"]], COSTS: [[]]}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADMIN_KEY", KEY)


def test_what_goes_past_the_proxy_is_told_and_shown(tmp_path: Path) -> None:
    """In the alert, on the page and in the metrics; by one of two proxies that share a ledger."""
    calls = changed(month("openai"), 0, seen=False)
    book = ledger(tmp_path / "ledger.sqlite3", calls)
    told, other = Told(), Told()
    with served(pages(calls)) as (url, asked):
        compared(Bills(str(book), told), rule(url))
        again = Bills(str(book), other)
        again.look(rule(url))
        assert [each._running for each in again._running.values()] == [None]
        assert [path for path, _, _ in asked] == [USAGE, COSTS]
    ((kind, text, subject),) = told
    assert (kind, subject) == ("capture", "openai: captured")
    assert text.startswith("less than 99% of what openai billed since ")
    assert "not seen" in text
    assert other == []
    kept = read_kept(book)["openai"]
    assert 0 < kept.captured < kept.tokens
    assert kept_path(book).stat().st_mode & 0o077 == 0
    assert KEY not in kept_path(book).read_text()
    moment = datetime.now(UTC)
    (shown,) = now.document(of_machine(book), moment, Role("viewer"))["captured"]
    assert shown["rate"] == kept.captured / kept.tokens
    assert not shown["agrees"]
    assert now.document(of_machine(book), moment, Role("viewer", project="red"))["captured"] == []
    families = text_string_to_metric_families(metrics.text(book, moment).decode())
    values = {each.name: each.samples for each in families}
    (sample,) = values["llmcap_captured_ratio"]
    assert (sample.labels, sample.value) == ({"provider": "openai"}, kept.rate)


def test_what_agrees_is_kept_and_not_told(tmp_path: Path) -> None:
    """Nobody is woken for it."""
    calls = month("openai")
    book = ledger(tmp_path / "ledger.sqlite3", calls)
    told = Told()
    with served(pages(calls)) as (url, _):
        compared(Bills(str(book), told), rule(url))
    assert told == []
    assert read_kept(book)["openai"].agrees


def test_a_bill_that_cannot_be_had_is_told(tmp_path: Path) -> None:
    """And what is known of before stays."""
    book = ledger(tmp_path / "ledger.sqlite3", month("openai"))
    before = Kept("2026-11-30T00:00:00+00:00", "2026-11-23", 10, 10, agrees=True, verdict="Agrees")
    keep(book, "openai", before)
    told = Told()
    with served({}, status=401) as (url, _):
        compared(Bills(str(book), told), rule(url))
    ((kind, text, _),) = told
    assert kind == "capture"
    assert "the bill of openai was not compared" in text
    assert read_kept(book) == {"openai": before}


@pytest.mark.parametrize("content", ["", "[]", '{"openai": 5}', '{"openai": {"at": 1}}'])
def test_a_broken_file_shows_nothing(tmp_path: Path, content: str) -> None:
    """A display goes on without it, and the next verdict puts it right."""
    book = tmp_path / "ledger.sqlite3"
    kept_path(book).write_text(content)
    assert read_kept(book) == {}
    keep(book, "openai", Kept("", "", 0, 0, agrees=True, verdict=""))
    assert json.loads(kept_path(book).read_text())["openai"]["tokens"] == 0
    assert read_kept(book)["openai"].rate is None


def test_the_config_names_those_who_can_be_asked() -> None:
    """One list in the words, one of the ways to ask: the same names."""
    assert set(ASKED_FOR_BILLS) == {*admin.APIS, admin.XAI}
