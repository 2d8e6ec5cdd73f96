"""The schema's history, and the promises that the schema itself keeps."""

import sqlite3
import subprocess
import sys
from dataclasses import replace

import pytest
from books import NOON, assumed, budget, call, demand, scopes, settled
from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from llmcap.ledger import schema
from llmcap.ledger.queries import database
from llmcap.ledger.rows import ADD_POSTING, ADD_ROW, Posting, Row
from llmcap.ledger.sqlite import SqliteLedger


@pytest.fixture
def db(path):
    """A new ledger's file, and one process in it."""
    SqliteLedger(path).close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    yield connection
    connection.close()


def test_version_counts_the_migrations(db):
    """A migration that is added has to be counted, or it would never run."""
    assert len(schema.STEPS) == schema.VERSION
    assert db.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)


def test_migrations_are_applied_as_sqlite_utils_knows_them(db):
    """Its own command lists them, and would apply none of them again."""
    known = Migrations("llmcap")
    names = [step.name for step in schema.STEPS]
    for name in names:
        known(name=name)(lambda _: pytest.fail("it was applied before"))
    there = Database(db, execute_plugins=False)
    assert [each.name for each in known.applied(there)] == names
    before = list(db.iterdump())
    known.apply(there)
    assert list(db.iterdump()) == before


def test_a_new_ledger_imports_nothing_that_then_stays(path):
    """What sqlite-utils imports would stay, 10 MB of it, in each process that runs a proxy."""
    code = (
        "import sys; from llmcap.ledger import open_ledger; "
        f"open_ledger({str(path)!r}).close(); print('sqlite_utils' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "False\n"


def test_old_ledger_gets_what_it_misses(path, monkeypatch):
    """Each migration runs once, on a ledger of any earlier version, and keeps what is there."""
    monkeypatch.setattr(schema, "STEPS", schema.STEPS[:1])
    monkeypatch.setattr(schema, "VERSION", 1)
    monkeypatch.setattr("llmcap.ledger.store.VERSION", 1)
    old = SqliteLedger(path)
    old.charge_once(call(), scopes([budget("$5")]), replace(settled(70), response_id="r"))
    old.close()
    monkeypatch.undo()
    new = SqliteLedger(path)
    assert new.balances(NOON, [budget("$5")])[0][1].spent == 70
    assert new._store.reading().execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
    new.close()


def test_rows_have_the_columns_of_their_tables(db):
    """The tuples that are written are in the order that the statements say."""
    for table, record, statement in (
        ("entries", Row, ADD_ROW),
        ("postings", Posting, ADD_POSTING),
    ):
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        assert [column for column in columns if column != "id"] == list(record._fields)
        named = statement[statement.index("(") + 1 : statement.index(")")]
        assert [name.strip() for name in named.split(",")] == list(record._fields)


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(Row(1, "gift", 1), id="unknown kind"),
        pytest.param(Row(1, "hold", 1), id="hold without a call"),
        pytest.param(Row(1, "settled", 1, hold_id=1), id="ending that ends nothing"),
        pytest.param(Row(1, "settled", 1, ends=1), id="ending without its hold"),
        pytest.param(Row(1, "settled", 1, hold_id=2, ends=1), id="ending of another hold"),
        pytest.param(Row(1, "settled", 1, hold_id=99, ends=99), id="ending of no hold"),
        pytest.param(Row(1, "extension", 1), id="extension of nothing"),
        pytest.param(Row(1, "correction", 1, hold_id=1), id="correction of nothing"),
        pytest.param(Row(1, "correction", 1, corrects=1), id="correction without its hold"),
        pytest.param(Row(1, "adjusted", 1, corrects=1), id="adjustment as a correction"),
        pytest.param(Row(1, "hold", 1, call_id="c", cost_nanos=1), id="hold that costs"),
        pytest.param(Row(1, "hold", 1, call_id="c", held_nanos=-1), id="negative hold"),
        pytest.param(Row(1, "charged", 1, call_id="c", cost_nanos=-1), id="negative cost"),
        pytest.param(
            Row(1, "released", 1, hold_id=1, ends=1, cost_nanos=1), id="release that costs"
        ),
        pytest.param(Row(1, "adjusted", 99), id="unknown process"),
        pytest.param(Row(1.5, "adjusted", 1), id="a float"),
        pytest.param(Row("today", "adjusted", 1), id="a text for a time"),
    ],
)
def test_schema_refuses_a_wrong_entry(db, row):
    """Whatever the code may do one day, such a row is never written."""
    db.execute(ADD_ROW, Row(1, "hold", 1, call_id="first"))
    db.execute(ADD_ROW, Row(1, "hold", 1, call_id="second"))
    with pytest.raises(sqlite3.IntegrityError):
        db.execute(ADD_ROW, row)


@pytest.mark.parametrize(
    "posting",
    [
        pytest.param(Posting(1, 1, spent=-1), id="spent less than nothing"),
        pytest.param(Posting(1, 1, held=-1), id="held less than nothing"),
        pytest.param(Posting(1, 9, spent=1), id="no such balance"),
        pytest.param(Posting(9, 1, spent=1), id="no such entry"),
    ],
)
def test_schema_refuses_a_wrong_posting(db, posting):
    """A balance is never below nothing, and every posting has its entry."""
    db.execute("INSERT INTO budgets (name, unit, every, per) VALUES ('b', 'usd', 'once', '')")
    db.execute("INSERT INTO balances (budget_id, value, run, window_start) VALUES (1, '', '', 0)")
    db.execute(ADD_ROW, Row(1, "hold", 1, call_id="first"))
    with pytest.raises(sqlite3.IntegrityError):
        db.execute(ADD_POSTING, posting)


def test_view_of_calls_has_one_row_per_call(ledger, path):
    """For people with SQL: what each call was, how it ended, what it cost in the end."""
    five = budget("$5")
    for end in (None, settled(30, tokens=4), assumed(100)):
        decision = ledger.hold(call(user="ann"), scopes([five]), demand(100))
        if end is not None:
            ledger.end(decision.hold, end)
    ledger.correct(decision.hold, settled(60))
    ledger.correct(decision.hold, settled(45))
    ledger.charge_once(call(), scopes([five]), settled(7, response_id="r"))
    ledger.refuse(call(), None, note="no")
    db = database(path)
    rows = list(db.query("SELECT state, cost_nanos, held_nanos FROM calls ORDER BY id"))
    plan = db.execute("EXPLAIN QUERY PLAN SELECT * FROM calls WHERE id = 1").fetchall()
    assert not [step for *_, step in plan if step.startswith("SCAN")]
    assert [tuple(row.values()) for row in rows] == [
        ("open", 0, 100),
        ("settled", 30, 100),
        ("assumed", 45, 100),
        ("charged", 7, 0),
        ("refused", 0, 0),
    ]
    db.close()


def test_two_processes_make_one_ledger(path):
    """Proxies that start together on a new file find one schema, not two halves."""
    code = f"from llmcap.ledger import open_ledger; open_ledger({str(path)!r}).close()"
    environment = {"PYTHONPATH": ":".join(sys.path)}
    starts = [subprocess.Popen([sys.executable, "-c", code], env=environment) for _ in range(4)]
    assert [each.wait(300) for each in starts] == [0] * 4
    ledger = SqliteLedger(path)
    assert ledger._store.reading().execute("SELECT count(*) FROM processes").fetchone() == (5,)
    ledger.close()
