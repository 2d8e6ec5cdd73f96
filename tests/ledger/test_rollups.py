"""Rollups: whatever was written, counted and pruned, they say what a reading of every call says."""

import random
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from books import NOON, budget, call, demand, scopes, settled, steps_taken

from llmcap.ledger import history, rollups, spans
from llmcap.ledger.follower import Follower, catch_up, cursor
from llmcap.ledger.retention import prune
from llmcap.ledger.rolled import Span
from llmcap.ledger.sqlite import SqliteLedger
from llmcap.words.errors import LedgerError
from llmcap.words.records import Admit, Ending

BUDGETS = (budget("$9000", name="all"), budget("$900/day", name="each", per=("project",)))
ZONES = (UTC, ZoneInfo("Asia/Kathmandu"), ZoneInfo("Europe/Berlin"), ZoneInfo("America/St_Johns"))
GROUPS = (
    ("model",), ("project", "day"), ("hour",), ("state", "budget"), ("month", "key"), (),
    ("provider", "project"),
)  # fmt: skip
TARGETS = ("gpt-5", "gpt-5-mini", "Claude")


class Traffic:
    """Calls of some days, in any order, with every way in which one can end."""

    def __init__(self, ledger: SqliteLedger, clock, seed: int) -> None:
        self.ledger, self.clock, self.chance = ledger, clock, random.Random(seed)
        self.held, self.ended, self.made = [], [], 0

    def some(self, count: int) -> None:
        """So many steps."""
        for _ in range(count):
            self.clock.move(seconds=self.chance.choice([1, 60, 900, 4_000]))
            self._step()

    def _step(self) -> None:
        chance, self.made = self.chance, self.made + 1
        late = timedelta(seconds=chance.choice([0, 0, 0, 1_200]))  # it waited
        made = call(
            at=self.clock() - late,
            call_id=f"c{self.made}",
            model=chance.choice(TARGETS),
            project=chance.choice(["red", "blue", "ø"]),
            key=f"k{chance.randrange(3)}",
        )
        its = scopes(BUDGETS, made)
        what = chance.choice(["hold", "hold", "end", "end", "refuse", "charge", "correct"])
        if what == "hold":
            decision = self.ledger.hold(made, its, demand(900, tokens=90))
            assert isinstance(decision, Admit)
            self.held.append(decision.hold)
        elif what == "refuse":
            self.ledger.refuse(made, None, note="no")
        elif what == "charge":
            self.ledger.charge_once(made, its, self._settlement(f"late {self.made}"))
        elif what == "end" and self.held:
            hold = self.held.pop(chance.randrange(len(self.held)))
            self.ledger.end(hold, self._settlement(f"r{self.made}"))
            self.ended.append(hold)
        elif what == "correct" and self.ended:
            self.ledger.correct(chance.choice(self.ended), self._settlement(None))

    def _settlement(self, response_id: str | None):
        end = settled(self.chance.randrange(900), tokens=self.chance.randrange(90))
        ending = self.chance.choice([Ending.SETTLED, Ending.SETTLED, Ending.ASSUMED])
        model = self.chance.choice([None, *TARGETS])
        if response_id and self.chance.random() < 0.1:
            return replace(end, ending=Ending.RELEASED, cost_nanos=0, response_id=response_id)
        return replace(end, ending=ending, response_id=response_id, model=model)


def truth(path, by, zone=UTC, **wanted):
    """The sums, of every call read one by one."""
    with history.reading(path) as db:
        totals = spans.totals_within(db, **wanted)
        return spans.sums(spans.calls_within(db, **wanted), by, zone=zone, totals=totals)


def rolled(path, by, zone=UTC, **wanted):
    """The same by the rollups."""
    with history.reading(path) as db:
        found = rollups.sums(db, by, zone=zone, **wanted)
        return {key: each.plain() for key, each in found.items()}


@pytest.mark.parametrize("seed", range(3))
def test_rollups_say_what_every_call_says(path, clock, seed):
    """By any group, zone, filter and span of time, however far they have counted."""
    ledger = SqliteLedger(path, clock=clock)
    traffic, chance = Traffic(ledger, clock, seed), random.Random(seed)
    follower = Follower(path)
    follower.step()
    for _ in range(4):
        traffic.some(60)
        asks = [(by, {}) for by in GROUPS]
        asks += [(chance.choice(GROUPS), wanted(clock(), chance)) for _ in range(12)]
        for by, question in asks:
            zone = chance.choice(ZONES)
            assert rolled(path, by, zone, **question) == truth(path, by, zone, **question)
        if chance.random() < 0.7:
            while follower.step():
                pass
    follower.close()
    for hold in traffic.held:
        ledger.end(hold, settled(1))
    assert ledger.audit() == []
    ledger.close()


def test_one_value_costs_what_its_calls_cost(path, clock, monkeypatch):
    """Counted or not; nobody reads years of calls for it."""
    ledger = SqliteLedger(path, clock=clock)
    traffic = Traffic(ledger, clock, 7)
    with history.reading(path) as db:
        assert rollups.cost_of(db, "project", "red") is None
        for _ in range(3):
            traffic.some(40)
            with closing(Follower(path)) as follower:
                follower.step()
            traffic.some(5)
            exact = truth(path, ("project",))[("red",)].cost_nanos
            assert rollups.cost_of(db, "project", "red") == exact
        assert rollups.cost_of(db, "project", "nobody") == 0
        assert rollups.names_like(db, "pro") == ["project", "provider"]
        assert rollups.names_like(db, "metadata.") == []
        monkeypatch.setattr(rollups, "UNCOUNTED_MAX", 1)
        assert rollups.cost_of(db, "project", "red") is None
    ledger.close()


def wanted(now: datetime, chance: random.Random):
    """What somebody may ask for."""
    day = 86_400_000_000
    since = now - timedelta(microseconds=chance.randrange(day * 5))
    until = since + timedelta(microseconds=chance.randrange(chance.choice([600_000_000, day])))
    found = {"since": chance.choice([None, since]), "until": chance.choice([None, until])}
    if chance.random() < 0.3:
        found["attributes"] = {"project": "red"}
    if chance.random() < 0.3:
        found["model"] = chance.choice(["gpt-5*", "claude", "*-MINI"])
    return found


def test_what_is_pruned_stays_in_the_rollups(path, clock):
    """With its quarter of an hour, which totals by day do not know."""
    ledger = SqliteLedger(path, clock=clock)
    traffic = Traffic(ledger, clock, 5)
    traffic.some(150)
    for hold in traffic.held:
        ledger.end(hold, settled(1))
    traffic.held.clear()
    before = {by: truth(path, by, ZONES[1]) for by in GROUPS}
    cut = clock() - timedelta(hours=9)
    noon = cut.replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    parts = [truth(path, ("model",), since=noon), truth(path, ("model",), until=noon)]
    clock.move(days=1)
    assert prune(path, before=cut, now=clock()).calls > 20
    assert {by: rolled(path, by, ZONES[1]) for by in GROUPS} == before
    assert [rolled(path, ("model",), since=noon), rolled(path, ("model",), until=noon)] == parts
    ledger.close()


def test_totals_of_an_older_version_are_taken_over_once(path, clock):
    """A ledger that was pruned before there were rollups tells the same."""
    ledger = SqliteLedger(path, clock=clock)
    traffic = Traffic(ledger, clock, 6)
    traffic.some(80)
    for hold in traffic.held:
        ledger.end(hold, settled(1))
    clock.move(days=1)
    prune(path, before=clock() - timedelta(hours=9), now=clock())
    before = truth(path, ("project", "day"))
    with closing(sqlite3.connect(path)) as db:
        for table in ("cursor", "began", "slots", "days", "weeks", "facts_with", "facts"):
            db.execute(f"DELETE FROM rollup_{table}")
        db.commit()
    catch_up(path)
    catch_up(path)
    assert rolled(path, ("project", "day")) == before
    ledger.close()


def test_one_attribute_is_told_in_all_and_step_by_step(path, clock):
    """The totals of a span, and the cost of its parts, are those of the calls; the tail too."""
    ledger = SqliteLedger(path, clock=clock)
    traffic = Traffic(ledger, clock, 7)
    traffic.some(150)
    catch_up(path)
    traffic.some(60)
    last = rollups.slot_of(clock()) + 1
    span = Span(last - 5 * 96, last)
    begin, end = moment_of(span.first), moment_of(span.last)
    with history.reading(path) as db:
        whole = rollups.totals(db, "project", span)
        everything = rollups.totals(db, "", span)[""]
        sold = rollups.totals(db, "sold", span)
    exact = truth(path, ("project",), since=begin, until=end)
    assert {key: each.plain() for key, each in whole.items()} == {
        key: each for (key,), each in exact.items()
    }
    assert everything.plain() == truth(path, (), since=begin, until=end)[()]
    assert sum(each.cost_nanos for each in sold.values()) == everything.cost_nanos
    for steps in (
        *(days_of(span, shift) for shift in (0, 8, 48, 73)),
        steps_of(Span(last - 96, last), 7),
    ):
        with history.reading(path) as db:
            parts = rollups.series(db, "project", ["red", "ø"], steps)
        for value in ("red", "ø"):
            costs = [cost_of_step(path, value, step) for step in steps]
            assert parts[value] == costs
    for hold in traffic.held:
        ledger.end(hold, settled(1))
    ledger.close()


def days_of(span, shift: int) -> list[Span]:
    """The days of a zone that is so many slots off, one of them an hour short as clocks change."""
    middle = (span.first + 96 * 2) // 96 * 96 + shift
    ends = [middle - 192, middle - 96, middle - 4, middle + 92, span.last]
    ends = [span.first, *(end for end in ends if span.first < end < span.last), span.last]
    return [Span(*pair) for pair in pairwise(ends)]


def steps_of(span, size: int) -> list[Span]:
    """Steps of a few slots."""
    return [Span(at, min(at + size, span.last)) for at in range(span.first, span.last, size)]


def cost_of_step(path, value: str, step: Span) -> int:
    """By a reading of every call."""
    asked = {"since": moment_of(step.first), "until": moment_of(step.last)}
    exact = truth(path, (), attributes={"project": value}, **asked)
    return exact.get((), spans.Sums()).cost_nanos


def moment_of(slot: int) -> datetime:
    """Where a quarter of an hour begins."""
    return datetime.fromtimestamp(slot * 900, UTC)


def test_a_question_costs_what_its_time_costs(path, ledger):
    """Counted in steps of SQLite: not what the ledger is old, nor the slots of each day."""
    ledger.refuse(call(at=NOON), None, note="no")
    catch_up(path)
    last = rollups.slot_of(NOON) // 96 * 96 - 8  # midnight in Berlin
    span = Span(last - 30 * 96, last)
    steps = [Span(at, at + 96) for at in range(span.first, last, 96)]
    asks = {
        "totals": lambda db: rollups.totals(db, "project", span),
        "costs": lambda db: rollups.costs(db, "project", span),
        "series": lambda db: rollups.series(db, "project", [f"p{n}" for n in range(3)], steps),
        "filtered": lambda db: rollups.sums(
            db, ("day",), zone=UTC, since=moment_of(span.first), until=moment_of(span.last),
            attributes={"project": "p1"},
        ),
    }  # fmt: skip
    fill(path, first=last - 31 * 96, days=32)
    young = {name: steps_taken(path, ask) for name, ask in asks.items()}
    fill(path, first=last - 101 * 96, days=70)
    old = {name: steps_taken(path, ask) for name, ask in asks.items()}
    for name in asks:
        assert old[name] <= young[name] * 1.15 + 200, (name, young, old)
    every_slot = steps_taken(path, lambda db: db.execute(
        "SELECT sum(cost_nanos) FROM rollup_slots WHERE name = 'project' AND value < 'p3' "
        "AND slot >= ? AND slot < ?", (span.first, span.last)
    ).fetchone())  # fmt: skip
    assert young["series"] < every_slot / 3, (young, every_slot)
    assert young["totals"] < every_slot / 5, (young, every_slot)
    assert young["costs"] < young["totals"], young


def fill(path, *, first: int, days: int) -> None:
    """Four projects that spend in each slot of so many days; each is what one call is about."""
    numbers = ", ".join("1" for _ in range(8))
    with closing(sqlite3.connect(path)) as db, db:
        for number in range(4):
            facts = f'{{"model":"m","project":"p{number}","provider":"openai"}}'
            db.execute("INSERT OR IGNORE INTO rollup_facts VALUES (?, ?)", (number + 100, facts))
            db.execute("INSERT OR IGNORE INTO rollup_facts_with VALUES ('project', ?, ?)",
                       (f"p{number}", number + 100))  # fmt: skip
        db.execute(
            "WITH RECURSIVE slots (slot) AS (SELECT :first UNION ALL SELECT slot + 1 FROM slots "
            "WHERE slot + 1 < :last), numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers "
            f"WHERE n < 3) INSERT INTO rollup_slots SELECT kinds.value, "
            f"CASE kinds.value WHEN '#' THEN n + 100 ELSE 'p' || n END, slot, {numbers} "
            'FROM slots, numbers, json_each(\'["#", "project"]\') AS kinds',
            {"first": first, "last": first + days * 96},
        )
        db.execute(
            f"INSERT OR IGNORE INTO rollup_days SELECT '', '', slot / 96, {numbers} "
            "FROM rollup_slots WHERE name = '#' GROUP BY 3"
        )
        for table, size in (("rollup_days", 96), ("rollup_weeks", 672)):
            sums = ", ".join("count(*)" for _ in range(8))
            db.execute(f"DELETE FROM {table} WHERE name IN ('#', 'project')")
            db.execute(
                f"INSERT INTO {table} SELECT name, value, slot / {size}, {sums} FROM rollup_slots "
                "WHERE name IN ('#', 'project') GROUP BY 1, 2, 3"
            )


def test_what_was_corrected_is_no_bound_any_more(path, ledger):
    """The share that is assumed goes down when the truth is told, once."""
    decision = ledger.hold(call(), scopes(BUDGETS), demand(900))
    ledger.end(decision.hold, replace(settled(800), ending=Ending.ASSUMED))
    span = Span(rollups.slot_of(NOON), rollups.slot_of(NOON) + 1)

    def told():
        catch_up(path)
        with history.reading(path) as db:
            found = rollups.totals(db, "", span)[""]
        return found.cost_nanos, found.assumed_nanos

    assert told() == (800, 800)
    ledger.correct(decision.hold, settled(500))
    assert told() == (500, 0)
    ledger.correct(decision.hold, settled(600))
    assert told() == (600, 0)


def test_several_followers_count_each_entry_once(path, clock):
    """Who finds that another was first does nothing."""
    ledger = SqliteLedger(path, clock=clock)
    traffic = Traffic(ledger, clock, 8)
    first, second = Follower(path), Follower(path)
    for _ in range(6):
        traffic.some(20)
        first.step()
        second.step()
        second.step()
    assert rolled(path, ("model",)) == truth(path, ("model",))
    first.close()
    second.close()
    for hold in traffic.held:
        ledger.end(hold, settled(1))
    ledger.close()


def test_the_burn_is_of_all_entries_of_its_time(path, ledger, clock):
    """Not of the last two hundred calls, and not of calls that began then and cost nothing yet."""
    for number in range(500):
        made = call(call_id=str(number), at=clock())
        decision = ledger.hold(made, scopes(BUDGETS, made), demand(900))
        ledger.end(decision.hold, settled(10))
        clock.move(seconds=1)
    with history.reading(path) as db:
        assert rollups.spent_since(db, clock() - timedelta(minutes=5)) == 300 * 10
        assert rollups.spent_since(db, clock() - timedelta(days=5)) == 500 * 10
        assert rollups.spent_since(db, clock() + timedelta(days=5)) == 0


def test_a_ledger_that_is_not_there_is_told(tmp_path):
    """In one sentence, and none is made."""
    with pytest.raises(LedgerError, match="no ledger"):
        catch_up(tmp_path / "none.sqlite3")
    assert list(tmp_path.iterdir()) == []


def test_nobody_has_counted_a_new_ledger(path, ledger):
    """So a report reads its calls."""
    with history.reading(path) as db:
        assert cursor(db) is None
        assert not rollups.has_rollups(db)
