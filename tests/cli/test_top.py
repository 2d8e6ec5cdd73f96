"""`llmcap top`, by its keys."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from llmcap.cli import main
from llmcap.ledger import open_ledger
from llmcap.screens.cockpit import snapshot
from llmcap.words.money import parse_usd
from llmcap.words.records import Budget


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """Of a proxy with one budget."""
    path = tmp_path / "ledger.sqlite3"
    book = open_ledger(path)
    book.define([Budget("all", cap=parse_usd(5), every="day")])
    book.close()
    return path


def test_one_look_can_be_had_as_json(ledger: Path) -> None:
    """For scripts, and without Textual."""
    done = CliRunner().invoke(main, ["top", "--json", "--ledger", str(ledger)])
    assert json.loads(done.stdout)["budgets"][0][0] == "all"


def test_without_a_ledger_it_says_so(tmp_path: Path) -> None:
    """On the terminal, not on a screen that closes at once."""
    done = CliRunner().invoke(main, ["top", "--ledger", str(tmp_path / "none.sqlite3")])
    assert done.exit_code == 2
    assert "Traceback" not in done.output


def test_keys_raise_and_pause_the_chosen_budget(ledger: Path) -> None:
    """The change is in the ledger, where every proxy reads it."""
    pytest.importorskip("textual", reason="Textual is an extra")
    from llmcap.cli.screen import Top  # noqa: PLC0415

    def state() -> tuple[int, bool]:
        (line,) = snapshot(ledger, datetime.now(UTC)).budgets
        return line.balance.raised, line.balance.paused

    async def press() -> list[tuple[int, bool]]:
        app, states = Top(ledger, seconds=60), []
        async with app.run_test() as pilot:
            for key in ("plus", "p", "p"):
                await pilot.press(key)
                await pilot.pause()
                states.append(state())
        return states

    raised = parse_usd("0.50")
    assert asyncio.run(press()) == [(raised, False), (raised, True), (raised, False)]
