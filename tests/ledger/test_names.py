"""Names of keys: for people, given by people, and each an entry."""

import sqlite3
from contextlib import closing

import pytest
from books import NOON, call, demand, settled

from llmcap.ledger import history, queries
from llmcap.ledger.names.keys import name_key
from llmcap.ledger.names.table import key_names
from llmcap.ledger.sqlite import SqliteLedger
from llmcap.words.errors import ConfigError

KEYS = ("aa00000000b1", "aa00000000b2", "cc0000000003")


@pytest.fixture
def ledger(path):
    """Calls that came with three keys."""
    with closing(SqliteLedger(path)) as opened:
        for number, key in enumerate(KEYS):
            its = call(at=NOON, call_id=f"c{number}", key=key)
            opened.end(opened.hold(its, (), demand(9)).hold, settled(5))
    return path


def names(path):
    """What is named now."""
    with history.reading(path) as db:
        return dict(key_names(db))


def test_a_key_has_the_name_that_it_was_given_last(ledger):
    """By the beginning of its fingerprint; each change is an entry with its reason."""
    assert names(ledger) == {}
    assert name_key(ledger, "cc", "ci", why="by me") == (KEYS[2], "")
    assert name_key(ledger, KEYS[2], " nightly ", why="by me") == (KEYS[2], "ci")
    assert names(ledger) == {KEYS[2]: "nightly"}
    assert name_key(ledger, "cc", "", why="by me") == (KEYS[2], "nightly")
    assert names(ledger) == {}
    with history.reading(ledger) as db:
        notes = [each.note for each in queries.entries(db) if each.kind == "adjusted"]
    assert notes[::-1] == [
        f"key {KEYS[2]} named 'ci' by me",
        f"key {KEYS[2]} named 'nightly' by me",
        f"key {KEYS[2]} has no name any more by me",
    ]


@pytest.mark.parametrize(
    ("key", "name", "told"),
    [
        ("aa", "x", "2 keys begin with aa"),
        ("dd", "x", "no call has come with the key dd"),
        ("sk-live-secret", "x", "never the key itself"),
        (KEYS[0], "n" * 65, "at most 64 printable"),
        (KEYS[0], "two\nlines", "at most 64 printable"),
        (KEYS[0], "taken", "choose another"),
    ],
)
def test_what_cannot_be_named_is_told(ledger, key, name, told):
    """And a key that somebody typed is not repeated."""
    name_key(ledger, KEYS[1], "taken", why="by me")
    with pytest.raises(ConfigError) as error:
        name_key(ledger, key, name, why="by me")
    assert told in str(error.value)
    assert "secret" not in str(error.value)
    assert names(ledger) == {KEYS[1]: "taken"}


def test_a_ledger_without_names_has_none(ledger):
    """An older one, and one of which nobody has named a key."""
    with closing(sqlite3.connect(ledger)) as db:
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
    assert "key_names" not in tables
    assert names(ledger) == {}
