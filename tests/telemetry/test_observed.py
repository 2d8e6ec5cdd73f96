"""A ledger whose steps somebody hears of."""

from datetime import UTC, datetime

import pytest
from books import NOON, budget, call, demand, scopes, settled

from llmcap.ledger import open_ledger
from llmcap.telemetry.observed import observed
from llmcap.words.errors import HoldEnded
from llmcap.words.records import Balance, Deny

BUDGETS = (budget("$9", name="all"),)
NOW = datetime(2026, 5, 1, tzinfo=UTC)


def test_each_end_is_told_once_after_it_was_written(tmp_path) -> None:
    """A step that fails is not told, and every other step is the ledger's."""
    told = []
    ledger = observed(open_ledger(tmp_path / "l.sqlite3"), told.append, clock=lambda: NOW)
    its = call(at=NOON, call_id="c1")
    hold = ledger.hold(its, scopes(BUDGETS, its), demand(900)).hold
    assert told == []
    ledger.end(hold, settled(5))
    with pytest.raises(HoldEnded):
        ledger.end(hold, settled(5))
    ledger.refuse(its, None, note="no price")
    ledger.refuse(its, Deny(scopes(BUDGETS, its)[0], Balance(), 5))
    ledger.charge_once(its, scopes(BUDGETS, its), settled(7, response_id="r"))
    ledger.charge_once(its, scopes(BUDGETS, its), settled(7, response_id="r"))
    assert [(each.reason, each.settlement and each.settlement.cost_nanos) for each in told] == [
        ("", 5), ("refused", None), ("cap_reached", None), ("", 7),
    ]  # fmt: skip
    assert all(each.ended_at == NOW and each.call is its for each in told)
    ledger.close()
