"""What is asked of calls with certain attributes: the same as of each of them."""

from datetime import timedelta

import pytest
from books import NOON, call, steps_taken

from llmcap.ledger import history
from llmcap.ledger.follower import catch_up
from llmcap.ledger.rolled import Span
from llmcap.ledger.rollups import slot_of
from llmcap.ledger.selected import Selection
from llmcap.ledger.sqlite import SqliteLedger

from .test_rollups import Traffic, moment_of, steps_of, truth

NAMES = ("project", "provider", "model")


@pytest.mark.parametrize("where", [{"key": "k1"}, {"key": "k0", "project": "red"}])
def test_totals_and_costs_are_those_of_the_calls(path, clock, where):
    """Some of them counted and some not, in spans of any length; what is not there is not."""
    ledger = SqliteLedger(path, clock=clock)
    traffic = Traffic(ledger, clock, 5)
    began = slot_of(clock())
    traffic.some(120)
    catch_up(path)
    traffic.some(30)
    last = slot_of(clock()) + 1
    spans = [Span(last - length, last) for length in (3, 50, last - began)]
    spans.append(Span(began - 500, began - 200))  # nothing was then
    with history.reading(path) as db:
        selection = Selection(db, NAMES, where, Span(began - 500, last))
        for span in spans:
            since, until = moment_of(span.first), moment_of(span.last)
            exact = truth(path, NAMES, since=since, until=until, attributes=where)
            found = selection.totals(span)
            assert {key: sums.plain() for key, sums in found.items()} == exact
            for steps in (steps_of(span, 40), [span]):
                told = selection.costs(steps, ["red"], others=True)
                for number, step in enumerate(steps):
                    since, until = moment_of(step.first), moment_of(step.last)
                    exact = truth(path, ("project",), since=since, until=until, attributes=where)
                    costs = {key: sums.cost_nanos for key, sums in exact.items()}
                    assert told["red"][number] == costs.pop(("red",), 0)
                    assert told[None][number] == sum(costs.values())
                assert selection.costs(steps, ["red"], others=False) == {"red": told["red"]}
    ledger.close()


def test_a_short_span_looks_at_its_own_facts_and_a_rare_value_at_its_own(path, ledger):
    """What there was at any other time is not read: counted in steps of SQLite."""
    for number in range(300):
        its = call(at=NOON - timedelta(hours=8 * number), call_id=f"c{number}",
                   customer=f"c{number}")  # fmt: skip
        ledger.refuse(its, None, note="no")
    catch_up(path)
    last = slot_of(NOON) + 1
    day, ever = Span(last - 96, last), Span(last - 96 * 101, last)

    def steps(where: dict[str, str], span: Span) -> int:
        return steps_taken(path, lambda db: Selection(db, NAMES, where, span).totals(span))

    everything = steps({"model": "gpt-5"}, ever)
    assert steps({"model": "gpt-5"}, day) < everything / 8
    assert steps({"model": "gpt-5", "customer": "c7"}, ever) < everything / 8
