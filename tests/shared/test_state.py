"""What calls share is read when it is needed, and what could not be written is kept."""

from dataclasses import replace

import pytest
from walk import BOOK, chat, walk

from llmcap.providers import provider_of
from llmcap.walk.flight import CallInFlight
from llmcap.words.errors import LedgerBusy, LedgerError, TreasuryUnreachable
from llmcap.words.records import UnknownPolicy

OPENAI = provider_of("api.openai.com")


def test_a_policy_that_was_put_in_place_holds_for_the_next_question() -> None:
    """Nobody keeps a copy of what the config says, and no bound method does."""
    there = walk("1")
    price_of = there.firewall.shared.price_of
    assert price_of(OPENAI, "mystery", there.clock()) is None
    dearer = replace(there.firewall.policy, unknown_models=UnknownPolicy.MOST_EXPENSIVE)
    there.firewall.adopt(dearer, BOOK)
    assert price_of(OPENAI, "mystery", there.clock()) is not None


def test_scopes_are_those_of_the_budgets_in_force() -> None:
    """A call is asked about the budgets of now."""
    there = walk("1")
    call = there.admit(chat(max_tokens=5)).call
    assert [scope.budget.name for scope in there.firewall.shared.scopes_of(call)] == ["cap"]
    there.firewall.adopt(replace(there.firewall.policy, budgets=()), BOOK)
    assert there.firewall.shared.scopes_of(call) == ()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (LedgerError("the disk is full"), ["ledger_error"]),
        (TreasuryUnreachable("it did not answer"), ["ledger_error"]),
        (ValueError("a mistake of ours"), ["ledger_error"]),
        (LedgerBusy("in use"), []),
    ],
    ids=["full", "treasury", "mistake", "busy for a moment"],
)
def test_money_that_could_not_be_given_back_comes_back_later(monkeypatch, error, told) -> None:
    """The hold stays until its end can be written; a person is told of what does not pass."""
    there = walk("1")
    call = there.admit(chat(max_tokens=5))
    assert isinstance(call, CallInFlight)

    def fails(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(there.firewall.ledger, "end", fails)
        there.firewall.shared.give_back(call._hold, "never sent")
    assert there.balance.held > 0
    assert [kind for kind, _ in there.events] == told
    there.firewall.keep_house()
    assert there.balance.held == 0
    assert there.balance.spent == 0


def test_money_that_was_given_back_already_is_not_given_back_for_ever() -> None:
    """It is told once; no later time would do."""
    there = walk("1")
    call = there.admit(chat(max_tokens=5))
    assert isinstance(call, CallInFlight)
    for _ in range(2):
        there.firewall.shared.give_back(call._hold, "never sent")
    there.firewall.keep_house()
    there.firewall.keep_house()
    assert [kind for kind, _ in there.events] == ["hold_ended"]
    assert there.balance.held == 0
