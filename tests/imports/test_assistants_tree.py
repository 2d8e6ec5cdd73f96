"""A tree of four assistants' sessions is counted as ccusage counts it, but for one double count."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from compare_ccusage import SOURCES, counted_calls
from llmcap.cli import main
from llmcap.imports.found import Notes
from llmcap.imports.opencode import database, message

# What ccusage 20.0.24 said of the same tree, as `scripts/compare_ccusage.py` asks it: tokens read
# anew, written, put into a cache, read from one. Of Claude's it counted one answer twice.
TOLD = {
    "claude": (60 - 10, 470 - 30, 600 - 100, 6_000 - 1_000),
    "codex": (7_800, 930, 0, 1_500),
    "gemini": (1_200, 130, 0, 800),
    "opencode": (600, 140, 400, 2_000),
}
NAMES = {"claude": "claude-code", "codex": "codex", "gemini": "gemini-cli", "opencode": "opencode"}


@pytest.mark.parametrize("source", SOURCES)
def test_a_tree_is_counted_as_ccusage_does(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every message once, however often it is told, and importing it again changes nothing."""
    monkeypatch.setenv("HOME", str(tmp_path))
    SOURCES[source](tmp_path)
    book = tmp_path / "ledger.sqlite3"
    new = []
    for _ in range(3):
        done = CliRunner().invoke(main, ["import", "--json", "--ledger", str(book)])
        assert done.exit_code == 0, done.output
        new.append(json.loads(done.output)["new"])
    assert new[0] > 1
    assert new[1:] == [0, 0]
    with closing(sqlite3.connect(book)) as db:
        db.row_factory = sqlite3.Row
        assert counted_calls(db, NAMES[source]) == TOLD[source]


def test_a_newer_database_of_opencode_is_read(tmp_path: Path) -> None:
    """Its messages have a table of another name, and the model a place of its own."""
    answer = {
        "model": {"id": "gpt-5-mini", "providerID": "openai"},
        "tokens": {"input": 10, "output": 5, "reasoning": 0, "cache": {"read": 0, "write": 0}},
        "time": {"created": 1_795_176_000_000},
    }
    path = tmp_path / "opencode-beta.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE session_message (id TEXT, data TEXT)")
        rows = [("m1", json.dumps(answer)), ("m2", "{"), ("m3", "{}")]
        db.executemany("INSERT INTO session_message VALUES (?, ?)", rows)
    notes = Notes()
    (found,) = database(path, notes)
    assert (found.provider, found.model, found.key) == ("openai", "gpt-5-mini", "opencode:m1")
    assert (found.usage.input_tokens, found.usage.output_tokens) == (10, 5)
    assert notes.counts == {"messages that are no JSON": 1}


def test_what_is_no_message_of_opencode_is_told(tmp_path: Path) -> None:
    """A file that is torn, and a database that is none."""
    notes = Notes()
    for name in ("opencode.db", "m.json"):
        (tmp_path / name).write_text('{"id": "m')
    assert list(database(tmp_path / "opencode.db", notes)) == []
    assert list(message(tmp_path / "m.json", notes)) == []
    assert notes.counts == {"databases that cannot be read": 1, "messages that are no JSON": 1}
