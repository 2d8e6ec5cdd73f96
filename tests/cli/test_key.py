"""`llmcap key`, and reports by key."""

import json
from contextlib import closing

import pytest
from books import NOON, call, demand, settled
from click.testing import CliRunner

from llmcap.cli import main
from llmcap.ledger.sqlite import SqliteLedger

KEY = "aa00000000b1"


@pytest.fixture
def path(tmp_path):
    """A ledger with one call."""
    path = tmp_path / "ledger.sqlite3"
    with closing(SqliteLedger(path)) as opened:
        its = call(at=NOON, call_id="c", key=KEY)
        opened.end(opened.hold(its, (), demand(9)).hold, settled(5_000_000))
    return path


def run(path, *words: str, code: int = 0):
    """What the command prints."""
    done = CliRunner().invoke(main, [*words, "--ledger", str(path)])
    assert done.exit_code == code, done.output
    return done


def test_a_named_key_has_its_name_in_lists_and_reports(path):
    """And its fingerprint beside it."""
    assert run(path, "key", "name", "aa", "ci").stderr == f"key {KEY} is 'ci' now\n"
    (one,) = json.loads(run(path, "key", "list", "--json").stdout)
    assert one == {"key": KEY, "name": "ci", "calls": 1, "cost_usd": "0.005"}
    since = ("--since", "2020-01-01")
    assert f"ci ({KEY})" in run(path, "report", "--by", "key", *since).stdout
    (row,) = json.loads(run(path, "report", "--by", "key", "--json", *since).stdout)
    assert (row["key"], row["key_name"]) == (KEY, "ci")
    (row,) = json.loads(run(path, "report", "--by", "model", "--json", *since).stdout)
    assert "key_name" not in row


def test_a_key_that_nobody_knows_is_told(path):
    """With those that there are."""
    assert f"there are: {KEY}" in run(path, "key", "name", "bb", "ci", code=2).stderr
