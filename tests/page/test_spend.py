"""The view of spending: with a filter too it says what a reading of every call says."""

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import pytest
from books import NOON, FakeClock, budget, call, demand, scopes, settled, steps_taken

from llmcap.ledger import history, rollups, spans
from llmcap.ledger.follower import catch_up
from llmcap.ledger.rolled import Span
from llmcap.ledger.sqlite import SqliteLedger
from llmcap.page import spend
from llmcap.pricing import PriceBook
from llmcap.words.money import usd_string

BOOK = PriceBook()
BUDGETS = (budget("$9000", name="all"),)
MODELS = ("gpt-5", "gpt-5-mini", "o4-mini")


@pytest.fixture
def path(tmp_path):
    """Two hundred calls of three weeks; a customer is known of two thirds of them."""
    path, chance = tmp_path / "ledger.sqlite3", random.Random(5)
    ledger = SqliteLedger(path, clock=FakeClock())
    for number in range(200):
        at = NOON - timedelta(minutes=chance.randrange(21 * 24 * 60))
        customer = f"c{int(chance.expovariate(0.2))}"
        known = {"customer": customer} if chance.random() < 0.66 else {}
        its = call(at=at, call_id=f"c{number}", model=chance.choice(MODELS),
                   project=chance.choice(["red", "blue"]), **known)  # fmt: skip
        decision = ledger.hold(its, scopes(BUDGETS, its), demand(900_000_000, tokens=90))
        ledger.end(decision.hold, replace(settled(chance.randrange(10**8)), model=its.model))
        if number == 150:
            catch_up(path)  # the rest is not counted yet
    ledger.close()
    return path


class Truth:
    """By a reading of every call."""

    def __init__(self, path, question: spend.Asked) -> None:
        with history.reading(path) as db:
            self.calls = [
                (rollups.slot_of(each.at), spans.value_of(each, question.by, UTC), each.cost_nanos)
                for each in spans.calls_within(db)
                if all(spans.value_of(each, name, UTC) == its
                       for name, its in question.where.items())
            ]  # fmt: skip

    def costs(self, span: Span) -> Counter[str]:
        """Nano-dollars by value."""
        found: Counter[str] = Counter()
        for slot, value, nanos in self.calls:
            if span.first <= slot < span.last:
                found[value] += nanos
        return found


@pytest.mark.parametrize("days", [1, 9, 20])
@pytest.mark.parametrize(
    ("by", "where"),
    [
        ("customer", {"model": "gpt-5"}),
        ("customer", {"model": "gpt-5", "project": "red"}),
        ("model", {"customer": "c1"}),
        ("model", {"model": "gpt-5"}),
        ("project", {"customer": "nobody"}),
        ("user", {"project": "blue"}),
    ],
)
def test_a_filter_shows_what_every_call_says(path, by, where, days):
    """The sum, the dearest values, those before and each step of the chart."""
    asked = {"by": by, "zone": "Asia/Kathmandu", "since": str(NOON - timedelta(days=days)), **where}
    question = spend.asked(asked, NOON, project="")
    with history.reading(path) as db:
        found = spend.document(db, question, BOOK)
    span, before = question.span, spend._before(question.span)
    truth = Truth(path, question)
    exact, earlier = truth.costs(span), truth.costs(before)
    assert found["total"]["cost_usd"] == usd_string(exact.total())
    assert found["total"]["before_usd"] == usd_string(earlier.total())
    best = sorted(exact, key=lambda value: (-exact[value], value))
    assert [each["value"] for each in found["top"]] == best[:10]
    for each in found["top"]:
        assert each["cost_usd"] == usd_string(exact[each["value"]])
        assert each["before_usd"] == usd_string(earlier[each["value"]])
    steps = spend.steps_of(span, ZoneInfo("Asia/Kathmandu"), finest=4)
    assert found["steps"] == [step.first * 900 for step in steps]
    series = {each["value"]: each["cost_usd"] for each in found["series"]}
    assert list(series) == [*best[:6], None]
    for number, step in enumerate(steps):
        its = truth.costs(step)
        for value in best[:6]:
            assert series[value][number] == usd_string(its[value])
        rest = its.total() - sum(its[value] for value in best[:6])
        assert series[None][number] == usd_string(rest)


def test_the_chart_of_a_filter_reads_only_what_it_shows(tmp_path):
    """Of four hundred customers six: counted in steps of SQLite."""
    path = tmp_path / "ledger.sqlite3"
    ledger = SqliteLedger(path, clock=FakeClock())
    for number in range(400):
        its = call(at=NOON - timedelta(hours=number), call_id=f"c{number}",
                   customer=f"c{number}")  # fmt: skip
        ledger.charge_once(
            its, scopes(BUDGETS, its), replace(settled(number, tokens=1), response_id=f"r{number}")
        )
    ledger.close()
    catch_up(path)
    since = NOON - timedelta(days=17)
    question = spend.asked(
        {"by": "customer", "model": "gpt-5", "since": str(since)}, NOON, project=""
    )
    steps = spend.steps_of(question.span, question.zone)
    best = [f"c{399 - number}" for number in range(6)]
    once = steps_taken(path, lambda db: spend._Some(db, question))
    shown = steps_taken(path, lambda db: spend._Some(db, question).stacked(best, steps)) - once
    before = steps_taken(
        path, lambda db: spend._Some(db, question).costs(question.span, best)
    ) - once  # fmt: skip
    everything = steps_taken(path, lambda db: rollups.sums(
        db, ("day", "customer"), zone=UTC, since=since, until=NOON, attributes=question.where
    ))  # fmt: skip
    assert once < everything / 4, (once, everything)
    assert shown < everything / 8, (shown, everything)
    assert before < everything / 8, (before, everything)
