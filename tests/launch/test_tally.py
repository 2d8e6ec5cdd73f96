"""What passed into a ledger, counted."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from llmcap.budgets.budget import scopes_for
from llmcap.launch.tally import Tally, tallied
from llmcap.ledger import Ledger, open_ledger
from llmcap.words.errors import HoldEnded
from llmcap.words.money import parse_usd
from llmcap.words.records import (
    Admit,
    Balance,
    Budget,
    Call,
    Demand,
    Deny,
    Ending,
    Scope,
    Settlement,
)  # fmt: skip

NOW = datetime(2026, 5, 1, tzinfo=UTC)
CAP = Budget("cap", cap=parse_usd(1), every="run")
PER_MODEL = Budget("models", cap=parse_usd(1), per=("model",))


class Book:
    """A ledger of the test, its tally, and calls on it."""

    def __init__(self, path: Path) -> None:
        self.tally = Tally()
        self.calls = 0

        def balances(ledger: Ledger) -> list[tuple[Scope, Balance]]:
            return ledger.balances(NOW, (CAP, PER_MODEL), run_id="r")

        self.ledger = tallied(open_ledger(path, clock=lambda: NOW), self.tally, balances=balances)

    def call(self, model: str = "gpt-5") -> Call:
        """A call that was not made before."""
        self.calls += 1
        return Call(f"c{self.calls}", NOW, "openai", "chat", model, {"model": model})

    def admitted(self, model: str = "gpt-5") -> Admit:
        """A call that holds ten cents."""
        call = self.call(model)
        demand = Demand(fixed_nanos=parse_usd("0.10"), per_output_nanos=Decimal(0), output_limit=1)
        admit = self.ledger.hold(call, scopes_for((CAP, PER_MODEL), call, run_id="r"), demand)
        assert isinstance(admit, Admit)
        return admit

    def settle(self, cost: str, *, model: str = "gpt-5", ending: Ending = Ending.SETTLED,
               note: str = "") -> None:  # fmt: skip
        """A call from its hold to its end."""
        end = Settlement(ending, parse_usd(cost), model=f"{model}-served", note=note)
        self.ledger.end(self.admitted(model).hold, end)


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """An empty one."""
    return Book(tmp_path / "ledger.sqlite3")


def test_calls_count_for_the_model_that_served(book: Book) -> None:
    """And all of them together."""
    book.settle("0.01")
    book.settle("0.02")
    book.settle("0.05", model="o3")
    assert book.tally.calls == 3
    assert book.tally.cost_nanos == parse_usd("0.08")
    assert dict(book.tally.cost_by_model) == {
        "gpt-5-served": parse_usd("0.03"), "o3-served": parse_usd("0.05"),
    }  # fmt: skip


def test_a_call_that_was_free_is_no_call(book: Book) -> None:
    """The provider refused it, or was never reached."""
    book.settle("0", ending=Ending.RELEASED)
    assert book.tally.calls == 0


def test_cut_and_assumed_calls_are_told_apart(book: Book) -> None:
    """A stream that was cut means that the cap was reached."""
    book.settle("0.01", ending=Ending.ASSUMED, note="no usage in the response")
    assert (book.tally.assumed, book.tally.cut, book.tally.capped) == (1, 0, False)
    book.settle("0.01", note="cut: the budget cannot carry more of this answer")
    assert (book.tally.cut, book.tally.capped) == (1, True)


def test_a_correction_changes_what_was_counted(book: Book) -> None:
    """By the difference only."""
    hold = book.admitted().hold
    book.ledger.end(hold, Settlement(Ending.SETTLED, parse_usd("0.01"), model="m"))
    book.ledger.correct(hold, Settlement(Ending.SETTLED, parse_usd("0.03"), model="m"))
    assert book.tally.cost_nanos == parse_usd("0.03")
    assert book.tally.calls == 1


def test_the_cost_of_a_session_is_that_of_its_calls(book: Book) -> None:
    """Corrections too; calls of no session are in none."""
    book.settle("0.05")
    admit = book.admitted()
    call = replace(admit.hold.call, attributes={"session": "s-1"})
    hold = replace(admit.hold, call=call)
    book.ledger.end(hold, Settlement(Ending.SETTLED, parse_usd("0.01"), model="m"))
    book.ledger.correct(hold, Settlement(Ending.SETTLED, parse_usd("0.03"), model="m"))
    assert dict(book.tally.cost_by_session) == {"s-1": parse_usd("0.03")}
    assert book.tally.as_json()["sessions"] == {"s-1": "0.03"}


def test_refusals_count_by_budget(book: Book) -> None:
    """One that is about no budget is counted apart, and is no cap."""
    book.ledger.refuse(book.call(), None, note="unknown model")
    assert (book.tally.rejected, book.tally.capped) == (1, False)
    call = book.call()
    (scope, _) = scopes_for((CAP, PER_MODEL), call, run_id="r")
    book.ledger.refuse(call, Deny(scope, Balance(), needed=1))
    assert (book.tally.refused_by["cap"], book.tally.capped) == (1, True)


def test_a_step_that_fails_is_not_counted(book: Book) -> None:
    """The ledger's word is what counts."""
    hold = book.admitted().hold
    book.ledger.end(hold, Settlement(Ending.SETTLED, 1))
    with pytest.raises(HoldEnded):
        book.ledger.end(hold, Settlement(Ending.SETTLED, 1))
    assert book.tally.calls == 1


def test_what_is_left_is_known_at_the_end(book: Book) -> None:
    """Of every budget that a call fell under, and of no other value of it."""
    book.settle("0.25")
    book.ledger.close()
    left = {(row["budget"], row["value"]): row["left"] for row in book.tally.as_json()["budgets"]}
    assert left == {("cap", ""): "0.75", ("models", "gpt-5"): "0.75"}
