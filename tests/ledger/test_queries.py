"""The reading side: balances, pages of entries, and an audit that finds what is wrong."""

import sqlite3
from datetime import timedelta
from decimal import Decimal

import pytest
from books import NOON, RELEASED, budget, call, demand, scopes, settled

from llmcap.ledger import queries
from llmcap.words.errors import LedgerError
from llmcap.words.records import Balance, Ending, EntryKind, Settlement, Usage

DAILY = budget("$5/day", name="daily")
EACH = budget("$1/day", name="each", per=["project"])


def spend(ledger, cost, budgets=(DAILY,), **attributes):
    """A settled call."""
    one = call(**attributes)
    decision = ledger.hold(one, scopes(budgets, one), demand(100))
    ledger.end(decision.hold, settled(cost))
    return decision.hold


@pytest.fixture
def db(ledger, path):
    """What the command reads, beside the proxy's own connection."""
    connection = queries.connect(path)
    yield connection
    connection.close()


# --- balances -----------------------------------------------------------------------------------


def test_balances_are_those_that_count_now(ledger, db):
    """In the order of the budgets, then by value; a budget that nobody used is there with zeros."""
    spend(ledger, 10, [DAILY, EACH], project="b")
    spend(ledger, 20, [DAILY, EACH], project="a")
    other = budget("$9", name="other")
    found = queries.balances(db, NOON, [other, DAILY, EACH])
    assert [(scope.budget.name, scope.value, balance.spent) for scope, balance in found] == [
        ("other", "", 0),
        ("daily", "", 30),
        ("each", "a", 20),
        ("each", "b", 10),
    ]
    tomorrow = queries.balances(db, NOON + timedelta(days=1), [DAILY, EACH])
    assert [(scope.budget.name, balance) for scope, balance in tomorrow] == [("daily", Balance())]


def test_scope_of_a_balance_says_when_it_resets(ledger, db):
    """The same scope that a call would have now."""
    spend(ledger, 10)
    ((scope, _),) = queries.balances(db, NOON, [DAILY])
    assert scope == scopes([DAILY])[0]


@pytest.mark.parametrize("text", ["$5", "$5/5h", "$5/run", "3 concurrent/day", "9 requests/minute"])
def test_balance_is_what_admission_sees(ledger, db, text):
    """The command and the proxy agree about every kind of window."""
    each = budget(text)
    hold = ledger.hold(call(), scopes([each]), demand(100)).hold
    ((scope, balance),) = queries.balances(db, NOON, [each], run_id="r1")
    assert scope == hold.scopes[0]
    assert (balance,) == ledger.balances_of(hold)
    assert balance.held > 0


def test_paused_budget_is_shown_as_paused_before_it_is_used(ledger, db):
    """Pausing needs no balance."""
    ledger.pause(DAILY)
    ((_, balance),) = queries.balances(db, NOON, [DAILY])
    assert balance == Balance(paused=True)


# --- entries ------------------------------------------------------------------------------------


def test_entries_are_pages_from_the_newest(ledger, db):
    """Each with the facts of its call, also where they are on the hold."""
    for cost in (1, 2, 3):
        spend(ledger, cost, user="ann")
    first = queries.entries(db, limit=4)
    rest = queries.entries(db, limit=4, before_id=first[-1].id)
    assert [entry.id for entry in first + rest] == [6, 5, 4, 3, 2, 1]
    assert {entry.kind for entry in first} == {EntryKind.HOLD, EntryKind.SETTLED}
    assert {(entry.call_id, entry.model, entry.attributes["user"]) for entry in first} == {
        ("call-1", "gpt-5", "ann")
    }
    assert [entry.cost_nanos for entry in first] == [3, 0, 2, 0]


def test_entries_can_be_chosen(ledger, db, clock):
    """By kind, by time and by budget."""
    spend(ledger, 1)
    clock.move(hours=1)
    spend(ledger, 2, [EACH], at=clock())
    ledger.refuse(call(at=clock()), None, note="no")

    def kinds(**chosen):
        return [entry.kind for entry in queries.entries(db, **chosen)]

    assert kinds(kinds=[EntryKind.REFUSED, EntryKind.HOLD]) == ["refused", "hold", "hold"]
    assert kinds(since=clock()) == ["refused", "settled", "hold"]
    assert kinds(until=clock()) == ["settled", "hold"]
    assert kinds(budget="each") == ["settled", "hold"]
    assert kinds(budget="nobody") == []


def test_entry_says_what_the_call_used(ledger, db):
    """Counts come back as they were given, exactly."""
    usage = Usage(input_tokens=10, output_tokens=4, extras={"page": Decimal("1.25"), "image": 2})
    decision = ledger.hold(call(), scopes([DAILY]), demand(100))
    ledger.end(
        decision.hold, Settlement(Ending.SETTLED, 130, usage, "gpt-5-mini", "resp_1", "half")
    )
    (entry,) = queries.entries(db, kinds=[EntryKind.SETTLED])
    assert entry.usage == {
        "input_tokens": 10, "output_tokens": 4, "page": Decimal("1.25"), "image": 2
    }  # fmt: skip
    assert (entry.served_model, entry.response_id) == ("gpt-5-mini", "resp_1")
    assert entry.overrun_nanos == 30
    assert "overrun" in entry.note
    assert "half" in entry.note
    assert entry.at == NOON


def test_adjustment_is_an_entry_without_a_call(ledger, db):
    """Whoever changed a balance by hand is seen in the log."""
    ledger.adjust(scopes([DAILY])[0], raise_by=5, note="for the release")
    (entry,) = queries.entries(db)
    assert (entry.kind, entry.note, entry.call_id) == ("adjusted", "for the release", "")


# --- the file -----------------------------------------------------------------------------------


def test_reader_writes_nothing(db):
    """The command cannot change a ledger by reading it."""
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        db.execute("INSERT INTO processes (pid, started_at) VALUES (1, 1)")


def test_missing_ledger_is_named(tmp_path):
    """Reading makes no file."""
    with pytest.raises(LedgerError, match="there is no ledger"):
        queries.connect(tmp_path / "none.sqlite3")
    assert list(tmp_path.iterdir()) == []


def test_file_that_is_no_ledger_is_named(tmp_path):
    """Neither a text nor somebody's database is a ledger."""
    text = tmp_path / "text"
    text.write_text("no database, but long enough to have a header of one hundred bytes" * 3)
    for path in (text, tmp_path / "other"):
        sqlite3.connect(path).close()
        path.touch()
        with pytest.raises(LedgerError, match="cannot be read"):
            queries.connect(path)


# --- the audit ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        pytest.param(
            "UPDATE balances SET spent = spent + 1", "its entries 10/100/1/0/0",
            id="balance is not the sum",
        ),
        pytest.param(
            "UPDATE balances SET refused = 1", "spent/held/calls/refused/raised",
            id="count is not the sum",
        ),
        pytest.param(
            "DELETE FROM open_holds", "hold 3 has neither ended nor is it open", id="lost hold"
        ),
        pytest.param(
            "INSERT INTO open_holds (hold_id, process_id, held_nanos, held_tokens) "
            "VALUES (1, 1, 100, 0)",
            "hold 1 has ended, and is still open",
            id="hold that is open after its end",
        ),
        pytest.param(
            "UPDATE open_holds SET held_nanos = 99", "hold 3 is open with 99",
            id="open hold of another size",
        ),
        pytest.param(
            "UPDATE open_holds SET held_nanos = 99", "its calls in flight hold 99",
            id="balance holds more than its calls",
        ),
        pytest.param(
            "PRAGMA foreign_keys = OFF; UPDATE open_holds SET process_id = 77",
            "row 3 of open_holds refers to a row of processes that is not there",
            id="row without its other half",
        ),
        pytest.param(
            "DROP INDEX entries_ends; INSERT INTO entries (at, kind, process_id, hold_id, ends) "
            "VALUES (1, 'released', 1, 1, 1)", "hold 1 has ended 2 times", id="two endings",
        ),
    ],
)  # fmt: skip
def test_audit_finds_damage(ledger, path, damage, sentence):
    """Each promise of the books is checked against the entries."""
    spend(ledger, 10)
    ledger.hold(call(), scopes([DAILY]), demand(100))
    assert ledger.audit() == []
    ledger._store.close()
    copy = path.with_name("copy.sqlite3")
    copy.write_bytes(path.read_bytes())
    connection = sqlite3.connect(copy, isolation_level=None)
    connection.executescript(damage)
    problems = queries.audit(connection)
    connection.close()
    assert any(sentence in problem for problem in problems), problems


def test_released_and_extended_calls_are_in_order(ledger):
    """The audit finds nothing where nothing is wrong."""
    hold = ledger.hold(call(), scopes([DAILY]), demand(100)).hold
    ledger.extend(hold, 50, 5)
    ledger.end(ledger.hold(call(), scopes([DAILY]), demand(7)).hold, RELEASED)
    assert ledger.audit() == []
