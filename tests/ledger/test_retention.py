"""Old calls become totals: no balance changes, no sum changes, and proxies go on meanwhile."""

import random
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, timedelta

import pytest
from books import NOON, budget, call, demand, scopes, settled
from click.testing import CliRunner

from llmcap.cli import main
from llmcap.ledger import history, retention, spans
from llmcap.ledger.queries import database
from llmcap.ledger.retention import prune
from llmcap.ledger.sqlite import SqliteLedger
from llmcap.words.records import Admit, Ending

BUDGETS = (
    budget("$100", name="once"),
    budget("$9/day", name="day", per=("project",)),
    budget("900 requests/year", name="calls"),
    budget("$50/5h", name="rolling"),
)


@pytest.fixture
def story(path, clock):
    """An open ledger with sixty days of calls that ended in every way."""
    ledger = SqliteLedger(path, clock=clock)
    chance = random.Random(7)
    for number in range(240):
        clock.now = NOON - timedelta(hours=6 * (240 - number))
        made = call(
            at=clock.now,
            call_id=str(number),
            model=chance.choice(["gpt-5", "gpt-5-mini"]),
            project=chance.choice(["red", "blue"]),
            cwd=f"/tmp/{number}",
        )
        its = scopes(BUDGETS, made)
        decision = ledger.hold(made, its, demand(900, tokens=90))
        assert isinstance(decision, Admit)
        hold = decision.hold
        kind = chance.choice(["settled", "assumed", "released", "corrected", "extended"])
        if kind == "extended":
            hold = ledger.extend(hold, 100, 10) or hold
        end = settled(
            chance.randrange(1, 900), tokens=chance.randrange(90), response_id=str(number)
        )
        if kind == "assumed":
            end = replace(end, ending=Ending.ASSUMED)
        if kind == "released":
            end = replace(end, ending=Ending.RELEASED, cost_nanos=0)
        ledger.end(hold, end)
        if kind == "corrected":
            ledger.correct(hold, replace(end, cost_nanos=end.cost_nanos + 7))
        if number % 11 == 0:
            ledger.refuse(replace(made, id=f"refused {number}"), None, note="no")
        if number % 13 == 0:
            late = replace(end, response_id=f"late {number}")
            ledger.charge_once(replace(made, id=f"late {number}"), its, late)
    clock.now = NOON
    ledger.adjust(scopes(BUDGETS[:1])[0], raise_by=5, note="raised by ada")
    yield ledger
    assert ledger.audit() == []
    ledger.close()


def balances(ledger):
    """What every budget says."""
    return ledger.balances(NOON, BUDGETS, run_id="r1")


def report(path, *by: str):
    """The sums by these."""
    with history.reading(path) as db:
        return spans.sums(spans.calls_within(db), by, zone=UTC, totals=spans.totals_within(db))


def count(path, table: str) -> int:
    """How many rows it has."""
    with closing(database(path).conn) as db:
        return db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


@pytest.mark.parametrize("batch", [retention.BATCH, 7])
def test_no_balance_and_no_sum_changes(story, path, monkeypatch, batch):
    """Whatever the size of a batch, while a proxy has the ledger open."""
    monkeypatch.setattr(retention, "BATCH", batch)
    before = balances(story)
    groups = (("model",), ("project", "day"), ("state",), ("month",), ())
    sums = [report(path, *by) for by in groups]
    entries = count(path, "entries")
    done = prune(path, before=NOON - timedelta(days=10), now=NOON)
    assert done.calls > 200
    assert entries - count(path, "entries") >= done.entries - done.calls
    assert balances(story) == before
    assert [report(path, *by) for by in groups] == sums
    assert story.audit() == []
    with history.reading(path) as db:
        oldest = min(each.at for each in spans.calls_within(db))
    assert oldest >= NOON - timedelta(days=10)


def test_pruning_again_changes_nothing(story, path):
    """There is nothing left to be pruned."""
    prune(path, before=NOON - timedelta(days=10), now=NOON)
    entries = count(path, "entries")
    assert prune(path, before=NOON - timedelta(days=10), now=NOON).calls == 0
    assert count(path, "entries") == entries


def test_a_later_cutoff_adds_to_the_same_totals(story, path):
    """A day that was half pruned is one row per group in the end."""
    sums = report(path, "day", "model")
    prune(path, before=NOON - timedelta(days=10, hours=5), now=NOON)
    prune(path, before=NOON - timedelta(days=3), now=NOON)
    assert report(path, "day", "model") == sums
    prune(path, before=NOON + timedelta(days=1), now=NOON)
    assert count(path, "calls") == 0
    assert report(path, "day", "model") == sums


def test_what_is_in_flight_or_was_corrected_lately_stays(path, clock):
    """A call is over when its youngest entry is."""
    ledger = SqliteLedger(path, clock=clock)
    clock.now = NOON - timedelta(days=50)
    flying, corrected = (
        ledger.hold(call(call_id=name, at=clock.now), scopes(BUDGETS[:1]), demand(9))
        for name in ("flying", "corrected")
    )
    assert isinstance(flying, Admit)
    assert isinstance(corrected, Admit)
    end = settled(5, response_id="r")
    ledger.end(corrected.hold, end)
    clock.now = NOON
    ledger.correct(corrected.hold, replace(end, cost_nanos=6))
    assert prune(path, before=NOON - timedelta(days=10), now=NOON).calls == 0
    ledger.end(flying.hold, settled(4))
    assert ledger.audit() == []
    ledger.close()


def test_changes_by_hand_are_kept(story, path):
    """Who raised a budget is asked long after."""
    prune(path, before=NOON + timedelta(days=1), now=NOON)
    with closing(sqlite3.connect(path)) as db:
        notes = [note for (note,) in db.execute("SELECT note FROM entries ORDER BY id")]
    assert "raised by ada" in notes
    assert any(note.startswith("carried: ") for note in notes)


def test_the_ledger_still_forbids_to_change_an_entry(story, path):
    """The triggers are back."""
    prune(path, before=NOON - timedelta(days=10), now=NOON)
    with closing(sqlite3.connect(path)) as db:
        for statement in ("DELETE FROM entries", "UPDATE postings SET spent = 0"):
            with pytest.raises(sqlite3.IntegrityError, match="never changed"):
                db.execute(statement)


def test_what_fails_half_way_leaves_everything_as_it_was(story, path, monkeypatch):
    """A batch happens as a whole or not at all."""
    before, entries = balances(story), count(path, "entries")

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(retention, "_carry", fail)
        with pytest.raises(Exception, match="disk full"):
            prune(path, before=NOON, now=NOON)
    assert (balances(story), count(path, "entries")) == (before, entries)
    assert count(path, "totals") == 0


def test_pruning_is_quick_and_locks_no_one_out_for_long(path, clock):
    """Five thousand calls within seconds, of a ledger that a proxy has open."""
    ledger = SqliteLedger(path, clock=clock, patient=True)
    made = call(at=NOON - timedelta(days=60))
    its = scopes(BUDGETS[:1], made)
    for number in range(5_000):
        decision = ledger.hold(replace(made, id=str(number)), its, demand(1))
        assert isinstance(decision, Admit)
        ledger.end(decision.hold, settled(1))
    began = time.process_time()  # whatever else this machine does
    later = NOON + timedelta(seconds=1)
    assert prune(path, before=later, now=later).calls == 5_000
    assert time.process_time() - began < 5
    assert ledger.audit() == []
    ledger.close()


def test_the_command_asks_and_keeps_the_last_days(tmp_path):
    """A cutoff of today would take calls whose late results still come."""
    path = tmp_path / "ledger.sqlite3"
    SqliteLedger(path).close()

    def run(*arguments: str, answer: str = ""):
        return CliRunner().invoke(main, ["prune", "--ledger", str(path), *arguments], input=answer)

    assert run("--before", "1d", "-y").exit_code == 2
    assert run(answer="n\n").exit_code == 1
    done = run("-y")
    assert done.exit_code == 0, done.output
    assert "0 calls with 0 entries became totals" in done.stderr
