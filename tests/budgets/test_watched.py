"""Budgets that only watch: nothing is stopped, and what would have been is said."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from books import NOON, FakeClock, budget, call, demand, scopes, settled

from llmcap.budgets.watched import NOTE, judged, shadows_of
from llmcap.ledger import history, rollups, watched
from llmcap.ledger.follower import catch_up
from llmcap.ledger.rolled import Span
from llmcap.ledger.sqlite import SqliteLedger
from llmcap.words.records import Admit, Balance, BudgetMode, Deny, Wait

CAPS = ("$0.000001/day", "$0.0000004/5h", "9 requests/hour", "300 tokens/day")


def watching(budgets):
    """The same budgets, looking on."""
    return [replace(each, mode=BudgetMode.WATCH) for each in budgets]


def test_what_is_watched_is_never_stopped(tmp_path):
    """However full it is, by money, tokens and calls."""
    ledger = SqliteLedger(tmp_path / "ledger.sqlite3", clock=FakeClock())
    budgets = watching(budget(cap, name=f"b{number}") for number, cap in enumerate(CAPS))
    for number in range(30):
        its = call(call_id=str(number))
        decision = ledger.hold(its, scopes(budgets, its), demand(900, tokens=90))
        assert isinstance(decision, Admit)
        assert ledger.extend(decision.hold, 100, 10)
        ledger.end(decision.hold, settled(800, tokens=80))
    balances = [balance for _, balance in ledger.balances(NOON, budgets)]
    assert [balance.spent for balance in balances] == [24_000, 24_000, 30, 2_400]
    assert ledger.audit() == []
    ledger.close()


@pytest.mark.parametrize("seed", range(4))
def test_what_would_be_refused_is_what_is_refused(tmp_path, seed):
    """The same calls, once watched and once enforced, one after the other: call by call."""
    chance = random.Random(seed)
    calls = [
        (timedelta(minutes=chance.randrange(90)), chance.choice(["red", "blue"]),
         chance.randrange(1, 400), chance.randrange(1, 90))
        for _ in range(80)
    ]  # fmt: skip
    budgets = [
        budget(chance.choice(CAPS), name="one"),
        budget(CAPS[0], name="two", per=("project",)),
    ]
    found = {}
    for name, its in (("watched", watching(budgets)), ("enforced", budgets)):
        clock = FakeClock()
        path = tmp_path / f"{name}.sqlite3"
        ledger = SqliteLedger(path, clock=clock)
        refused, billed = [], 0
        for number, (passed, project, cost, tokens) in enumerate(calls):
            clock.now += passed
            made = call(at=clock(), call_id=str(number), project=project)
            decision = ledger.hold(made, scopes(its, made), demand(cost + 9, tokens=tokens))
            if isinstance(decision, Admit):
                ledger.end(decision.hold, settled(cost, tokens=tokens))
                billed += cost
            else:
                refused.append(str(number))
        with history.reading(path) as db:
            would = [each.call.id for each in watched.would_have(db, since=NOON)]
            assert sum(each.cost_nanos for each in history.calls(db, limit=999)) == billed
        found[name] = refused or sorted(would, key=int)
        assert bool(refused) == (name == "enforced")
        assert ledger.audit() == []
        ledger.close()
    assert found["watched"] == found["enforced"]
    assert found["watched"]


def test_a_watched_budget_beside_an_enforced_one_changes_nothing_for_it(tmp_path):
    """The enforced one refuses, and its refusals are not what the other would have done."""
    ledger = SqliteLedger(tmp_path / "ledger.sqlite3", clock=FakeClock())
    budgets = [budget("$0.000001", name="cap"), *watching([budget("$0.0000001", name="look")])]
    kinds = []
    for number in range(4):
        its = call(call_id=str(number))
        decision = ledger.hold(its, scopes(budgets, its), demand(400))
        kinds.append(type(decision))
    assert kinds == [Admit, Admit, Deny, Deny]
    assert decision.scope.budget.name == "cap"
    ledger.close()


def test_waits_and_clamps_are_said_too():
    """With the most that would still have been allowed."""
    (shadow,) = shadows_of(scopes(watching([budget("$0.000001", name="look")])))
    clampable = demand(100, 10, 200, least=5)
    assert (
        judged([(shadow, Balance(spent=500))], clampable)[0]
        == f"{NOTE}would be clamped to 40 tokens"
    )
    assert judged([(shadow, Balance(held=1_000))], demand(100))[0] == f"{NOTE}would wait for look"
    assert judged([(shadow, Balance())], demand(100)) == ("", True)
    said, passes = judged([(shadow, Balance(spent=950))], demand(100))
    assert said == f"{NOTE}would be refused by look: $0.000000100 needed, $0.000000050 left"
    assert not passes


def test_the_smallest_cap_is_the_peak_of_spent_and_held(tmp_path):
    """Two calls at once need both holds; a rolling window needs what is near."""
    path, clock = tmp_path / "ledger.sqlite3", FakeClock()
    ledger = SqliteLedger(path, clock=clock)
    budgets = watching(
        [budget("$0.0000001/day", name="day"), budget("$0.0000001/2h", name="rolling")]
    )
    holds = []
    for hours in (0, 1, 5):
        clock.now = NOON + timedelta(hours=hours)
        its = call(at=clock(), call_id=str(hours))
        decision = ledger.hold(its, scopes(budgets, its), demand(900))
        assert not isinstance(decision, Deny | Wait)
        holds.append(decision.hold)
    with history.reading(path) as db:
        day, rolling = (watched.peaks(db, each, since=NOON)[0].most for each in budgets)
    assert (day, rolling) == (2_700, 1_800)
    for hold in holds:
        ledger.end(hold, settled(100))
    with history.reading(path) as db:
        assert watched.peaks(db, budgets[0], since=NOON)[0].most == 2_700
    catch_up(path)
    slot = rollups.slot_of(NOON)
    with history.reading(path) as db:
        assert list(rollups.totals(db, "budget", Span(slot, slot + 96))) == ["day, rolling"]
    ledger.close()
