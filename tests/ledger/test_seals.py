"""Seals: whatever is done to an entry behind the ledger's back has a number, however it is done."""

import sqlite3
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from books import NOON, budget, call, demand, scopes, settled, steps_taken
from click.testing import CliRunner

from llmcap.cli import main
from llmcap.ledger import history, rollups
from llmcap.ledger.retention import prune
from llmcap.ledger.seals import chain
from llmcap.ledger.seals.keys import KEY_DIGITS, key_path
from llmcap.ledger.sqlite import SqliteLedger
from llmcap.words.errors import ConfigError, LedgerError

BUDGETS = (budget("$9", name="all"),)


@pytest.fixture
def path(path, clock, monkeypatch):
    """A ledger of sixty entries under small seals, and ten that are not sealed."""
    monkeypatch.setattr(chain, "SEGMENT_ENTRIES", 16)
    ledger = SqliteLedger(path, clock=clock)
    some(ledger, 30)
    chain.seal_all(path, NOON)
    some(ledger, 5)
    ledger.close()
    return path


def some(ledger, count):
    """So many calls."""
    for number in range(count):
        its = call(call_id=f"c{number}")
        ledger.end(ledger.hold(its, scopes(BUDGETS, its), demand(90)).hold, settled(70))


def verified(path, kept=None):
    """What a reading finds."""
    with history.reading(path) as db:
        return chain.verify(db, kept)


@contextmanager
def edited(path):
    """The file, in the hands of somebody with SQL."""
    with closing(sqlite3.connect(path)) as db:
        triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        known = triggers.fetchall()
        for name, _ in known:
            db.execute(f"DROP TRIGGER {name}")
        yield db
        for _, statement in known:
            db.execute(statement)
        db.commit()


def test_what_nobody_touched_is_as_it_was_sealed(path):
    """Sealed or not yet; another seal goes on from the last one."""
    found = verified(path)
    assert (found.seals, found.entries, found.unsealed, found.fault) == (4, 60, 10, "")
    kept = chain.seal_all(path, NOON)
    assert chain.seal_all(path, NOON) == kept
    assert verified(path, kept) == chain.Verified(5, 70, 0, 0)


EDITS = {
    "cost": "UPDATE entries SET cost_nanos = 1 WHERE id = 20",
    "time": "UPDATE entries SET at = at + 1 WHERE id = 20",
    "note": "UPDATE entries SET note = 'x' WHERE id = 20",
    "posting": "UPDATE postings SET spent = 1 WHERE entry_id = 20",
    "one posting more": "INSERT INTO postings VALUES (20, 99, 0, 0, 0, 0, 0)",
    "no posting": "DELETE FROM postings WHERE entry_id = 20",
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_the_first_entry_that_was_altered_is_named(path, edit):
    """By any of its columns, and by what it posted."""
    with edited(path) as db:
        db.execute(edit)
        db.execute("UPDATE entries SET note = 'later' WHERE id = 50")
    assert verified(path).fault == "entry 20 was altered"


def test_what_was_removed_or_put_in_between_is_named(path):
    """A removed one by its number; one that takes its place is altered."""
    with edited(path) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("DELETE FROM entries WHERE id = 31")
    assert verified(path).fault == "entry 31 was removed"
    with edited(path) as db:
        db.execute("INSERT INTO entries (id, at, kind, process_id) VALUES (31, 1, 'adjusted', 1)")
    assert verified(path).fault == "entry 31 was altered"
    with edited(path) as db:
        db.execute("INSERT INTO entries (id, at, kind, process_id) VALUES (0, 1, 'adjusted', 1)")
    assert verified(path).fault == "entry 0 was put in between"


def test_another_chain_is_not_the_one_that_was_kept(path):
    """Whoever seals anew after an edit is found by a seal that is elsewhere; by no other means."""
    kept = chain.seal_all(path, NOON)
    with edited(path) as db:
        db.execute("UPDATE entries SET cost_nanos = 1 WHERE id = 20")
        db.execute("DELETE FROM seals")
    chain.seal_all(path, NOON)
    assert verified(path).fault == ""
    assert "is not the one that was kept" in verified(path, kept).fault
    with edited(path) as db:
        db.execute("DELETE FROM seals WHERE id > 2")
    assert verified(path, kept).fault == "seal 5 was removed"
    with edited(path) as db:
        db.execute("DELETE FROM seals WHERE id = 1")
    assert verified(path).fault == "seal 1 was altered or removed"


def test_what_is_pruned_is_missing_by_right(path, clock):
    """And is counted; what was removed beside it is found."""
    clock.move(days=9)
    ledger = SqliteLedger(path, clock=clock)
    some(ledger, 2)
    kept = chain.seal_all(path, NOON)
    pruned = prune(path, before=NOON + timedelta(days=1), now=clock())
    assert pruned.entries == 70
    found = verified(path, kept)
    assert (found.fault, found.pruned, found.unsealed) == ("", 70, 0)
    ledger.close()
    with edited(path) as db:
        db.execute("DELETE FROM pruned_entries WHERE id = 7")
    assert verified(path, kept).fault == "entry 7 was removed"


PRETENCES = {
    "one more is gone": (
        """
        INSERT INTO pruned_entries SELECT 72, max(carried_by) FROM pruned_entries;
        DELETE FROM entries WHERE id = 72
        """,
        "carries on are not the entries that were pruned",
    ),
    "another carries it": (
        "INSERT INTO pruned_entries VALUES (72, 71); DELETE FROM entries WHERE id = 72",
        "entry 72 was removed",  # 71 is no entry that carries anything
    ),
    "its sums": ("UPDATE postings SET spent = 1 WHERE entry_id = 75", "entry 75 was altered"),
    "its note": ("UPDATE entries SET note = 'carried' WHERE id = 75", "entry 75 was altered"),
    "one is back": (
        "INSERT INTO entries (id, at, kind, process_id) VALUES (7, 1, 'adjusted', 1)",
        "entry 7 was put in between",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("edit", "fault"), PRETENCES.values(), ids=PRETENCES)
def test_nothing_can_be_said_to_have_been_pruned(path, clock, edit, fault):
    """What carries pruned entries on stands for these alone, and is sealed itself."""
    clock.move(days=9)
    ledger = SqliteLedger(path, clock=clock)
    some(ledger, 2)
    prune(path, before=NOON + timedelta(days=1), now=clock())
    ledger.close()
    with edited(path) as db:
        db.executescript(edit)
    assert fault in verified(path).fault


@pytest.fixture
def pruned(path, clock):
    """A ledger whose first seventy entries were pruned after its seal was kept: both."""
    clock.move(days=9)
    with closing(SqliteLedger(path, clock=clock)) as ledger:
        some(ledger, 2)
    kept = chain.seal_all(path, NOON)
    prune(path, before=NOON + timedelta(days=1), now=clock())
    return path, kept


# What somebody does who can write the ledger, and makes all hashes right again.
FORGERIES = {
    "a sum of a balance": (
        "UPDATE postings SET spent = spent - 1 WHERE entry_id = 75",
        "entry 75 was altered after it was signed",
    ),
    "a total": ("UPDATE totals SET cost_nanos = 1", "the totals of openai/gpt-5 on"),
    "a total that is gone": ("DELETE FROM totals", "the totals of openai/gpt-5 on"),
    "a total more": (
        "INSERT INTO totals VALUES ('2020-01-01', 'openai', '', 'gpt-5', '', '', 1, 1, 1, 1, 1)",
        "the totals of openai/gpt-5 on 2020-01-01",
    ),
    "the signature": ("DELETE FROM signed_prunings", "carries on was removed"),
    "what was signed": (
        "UPDATE signed_prunings SET document = replace(document, ':', ': ')",
        "was altered after it was signed",
    ),
    "a signature that is none": (
        "UPDATE signed_prunings SET signature = 'x'", "was altered after it was signed",
    ),
    "without a word of it": (
        "DELETE FROM signed_prunings; UPDATE entries SET note = replace(note, ', signed', '')",
        "was not pruned by whoever has the key",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("edit", "fault"), FORGERIES.values(), ids=FORGERIES)
def test_what_is_left_of_pruned_entries_is_signed(pruned, edit, fault):
    """Also where the chain was made anew behind the seal that was kept."""
    path, kept = pruned
    assert verified(path, kept).fault == ""
    with edited(path) as db:
        db.executescript(edit)
        db.execute("DELETE FROM seals WHERE id > ?", (kept.number,))
    chain.seal_all(path, NOON)
    assert fault in verified(path, kept).fault


def test_another_key_is_not_the_one_that_was_kept(path, clock):
    """What it signs is found by the seal that was kept; one that is kept later vouches for it."""
    kept = chain.seal_all(path, NOON)
    assert len(kept.key) == KEY_DIGITS
    assert oct(key_path(path).stat().st_mode)[-3:] == "600"
    clock.move(days=9)
    key_path(path).unlink()
    prune(path, before=NOON + timedelta(days=1), now=clock())
    assert "with another key than the one that was kept" in verified(path, kept).fault
    later = chain.seal_all(path, NOON)
    key_path(path).unlink()
    newest = chain.seal_all(path, NOON)
    assert later is not None
    assert newest is not None
    assert verified(path, replace(later, key=newest.key)).fault == ""


def test_what_was_pruned_before_there_were_signatures_is_vouched_for_by_a_seal(pruned, clock):
    """Its totals may then be more than those that were signed, and never less."""
    path, before = pruned
    with edited(path) as db:
        db.execute("DELETE FROM signed_prunings")
        db.execute("UPDATE entries SET note = replace(note, ', signed', '')")
        db.execute("DELETE FROM seals WHERE id > ?", (before.number,))
    kept = chain.seal_all(path, NOON)
    assert verified(path, kept).fault == ""
    with closing(SqliteLedger(path, clock=clock)) as ledger:
        some(ledger, 2)
    clock.move(days=9)
    prune(path, before=clock() - timedelta(days=1), now=clock())
    assert verified(path, kept).fault == ""
    with edited(path) as db:
        db.execute("UPDATE totals SET cost_nanos = 1")
    assert "the totals of" in verified(path, kept).fault


def test_a_key_that_is_none_is_told(path):
    """And nothing is pruned without one."""
    key_path(path).write_bytes(b"short")
    with pytest.raises(LedgerError, match="this is no key: it has 5 bytes, expected 32"):
        prune(path, before=NOON + timedelta(days=1), now=NOON)
    assert verified(path).pruned == 0


def test_an_entry_that_was_altered_before_it_was_pruned_is_found(path, clock):
    """Its seal knows it as it was, and its carrier as it went."""
    clock.move(days=9)
    chain.seal_all(path, NOON)
    with edited(path) as db:
        db.execute("UPDATE entries SET note = 'x' WHERE id = 20")
    prune(path, before=NOON + timedelta(days=1), now=clock())
    assert "one of them was altered before" in verified(path).fault


def test_what_lies_between_the_entries_of_a_call_is_not_read_when_it_is_pruned(path, clock):
    """A correction may come long after, and others wait for the lock while it is hashed."""
    with closing(SqliteLedger(path, clock=clock)) as ledger:
        some(ledger, 200)
    with history.reading(path) as db:
        newest = rollups.newest(db)
    near, far = (
        steps_taken(path, partial(chain.stands_for, ids)) for ids in ({1, 2, 3}, {1, 2, newest})
    )
    assert far < near * 3


def test_the_commands_seal_and_verify(path):
    """A fault is a sentence, and an exit code; so is a seal that is none."""

    def run(*words, code=0):
        result = CliRunner().invoke(main, ["ledger", *words, "--ledger", str(path)])
        assert result.exit_code == code, result.output
        return result

    kept = run("seal").stdout.strip()
    assert kept.startswith("5:")
    assert "70 entries under 5 seals are as they were sealed" in run("verify", kept).stderr
    with edited(path) as db:
        db.execute("UPDATE entries SET cost_nanos = 1 WHERE id = 20")
    assert "entry 20 was altered" in run("verify", code=2).stderr
    assert "is no seal" in run("verify", "5:abc", code=2).stderr
    assert "is no seal" in run("verify", kept[:-1], code=2).stderr
    assert "is no seal" in run("verify", "9" * 5_000 + kept, code=2).stderr
    with pytest.raises(ConfigError):
        chain.parse_seal("x")
