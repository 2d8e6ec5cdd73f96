"""
What a call costs the ledger, counted in statements, which a busy machine does not change.

The promise: so many statements, whatever the history, and none of them looks through a table that
grows with it.
"""

import itertools

import pytest
from books import assumed, budget, call, demand, scopes, settled

HOLD = 6  # begin, balance, entry, open hold, posting, commit
END = 6  # begin, open hold, entry, posting, balance, commit
ONE = [budget("$5000")]
THREE = [*ONE, budget("$50/day", per=["project"]), budget("60 requests/5h")]


def statements(ledger, step):
    """What SQLite is told for a step; a trigger's work comes as the same text again."""
    seen = []
    db = ledger._store.reading()
    db.set_trace_callback(seen.append)
    result = step()
    db.set_trace_callback(None)
    return result, [sql for sql, _ in itertools.groupby(seen)]


def walk(ledger, budgets, settlement):
    """A hold and its ending: what they run."""
    decision, holding = statements(
        ledger, lambda: ledger.hold(call(), scopes(budgets), demand(1_000))
    )
    _, ending = statements(ledger, lambda: ledger.end(decision.hold, settlement))
    return holding, ending


@pytest.mark.parametrize(
    ("budgets", "settlement", "expected"),
    [
        pytest.param([], settled(5), (HOLD - 2, END - 2), id="no budget"),
        pytest.param(ONE, settled(5), (HOLD, END), id="one budget"),
        pytest.param(ONE, assumed(5), (HOLD, END), id="assumed"),
        pytest.param(ONE, settled(5, response_id="r"), (HOLD, END + 1), id="with a response's id"),
        pytest.param(THREE, settled(5), (HOLD + 4, END + 4), id="three budgets"),
    ],
)
def test_number_of_statements_does_not_depend_on_history(ledger, budgets, settlement, expected):
    """The first call of a window makes its balance; each later one costs the same."""
    walk(ledger, budgets, settlement)
    for _ in range(3):
        holding, ending = walk(ledger, budgets, settlement)
        assert (len(holding), len(ending)) == expected
    assert holding[0] == ending[0] == "BEGIN IMMEDIATE"
    assert holding[-1] == ending[-1] == "COMMIT"


def test_hot_statements_look_through_no_table(ledger):
    """Each of them finds its rows by a key: SQLite's own plan says so."""
    walk(ledger, THREE, settled(5))
    holding, ending = walk(ledger, THREE, settled(5, response_id="r"))
    db = ledger._store.reading()
    plans = {
        sql: [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}")]
        for sql in holding + ending
        if not sql.startswith(("BEGIN", "COMMIT", "--"))
    }
    assert len(plans) > 8
    for sql, plan in plans.items():
        assert not [step for step in plan if step.startswith("SCAN")], (sql, plan)


def test_refusal_is_cheaper_than_a_hold(ledger):
    """A client that does not stop asking is refused without writing a balance."""
    decision = ledger.hold(call(), scopes(ONE), demand(9**20))
    _, holding = statements(ledger, lambda: ledger.hold(call(), scopes(ONE), demand(9**20)))
    assert len(holding) == 3
    _, refusing = statements(ledger, lambda: ledger.refuse(call(), decision))
    assert len(refusing) == 4
