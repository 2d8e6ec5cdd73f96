"""Waiting: for the lock, for money, for a turn, and no longer than anybody is there to wait for."""

import asyncio
from decimal import Decimal

import pytest
from walk import answer, chat, completion, walk

from llmcap.shared.late import Late
from llmcap.walk import patience
from llmcap.walk.answers import Refused
from llmcap.walk.attributes import Facts
from llmcap.walk.flight import CallInFlight
from llmcap.walk.patience import admit, patiently
from llmcap.words.errors import LedgerBusy, LLMCapError


def stays() -> bool:
    """A client that does not leave."""
    return False


async def _admit(there, client_left=stays):
    return await admit(there.firewall.consider(chat(), Facts()), client_left=client_left)


def test_a_busy_ledger_is_asked_again():
    """Another process holds the lock for a moment."""
    asked = []

    def step() -> str:
        asked.append(1)
        if len(asked) < 3:
            raise LedgerBusy("busy")
        return "done"

    assert asyncio.run(patiently(step, Late())) == "done"


def test_a_ledger_that_stays_busy_is_an_error(monkeypatch):
    """The call is refused then, not forwarded."""
    monkeypatch.setattr(patience, "LEDGER_PATIENCE_SECONDS", 0.05)

    def step() -> str:
        raise LedgerBusy("busy")

    with pytest.raises(LedgerBusy):
        asyncio.run(patiently(step, Late()))


def test_a_waiter_is_served_when_the_call_before_it_ends():
    """The money that came back is used at once, whole."""

    async def story():
        there = walk("0.011")
        first = await _admit(there)
        second = asyncio.create_task(_admit(there))
        await asyncio.sleep(0.02)
        assert not second.done()
        answer(first, completion(10, 10))
        async with asyncio.timeout(1):
            return await second

    assert isinstance(asyncio.run(story()), CallInFlight)


def test_waiters_are_served_in_the_order_they_came():
    """First come, first served."""

    async def story():
        there = walk("0.011")
        order: list[int] = []

        async def one(number: int) -> None:
            call = await _admit(there)
            order.append(number)
            await asyncio.sleep(0)
            answer(call, completion(10, 10))

        async with asyncio.timeout(5):
            await asyncio.gather(*(one(number) for number in range(8)))
        return order

    assert asyncio.run(story()) == list(range(8))


def test_a_waiter_whose_patience_ends_takes_what_is_there_or_is_refused():
    """20 seconds by default, here 50 milliseconds."""

    async def story():
        there = walk("0.01", wait_seconds=Decimal("0.05"))
        await _admit(there)
        return there, await _admit(there)

    there, verdict = asyncio.run(story())
    assert isinstance(verdict, Refused)
    assert there.balance.refused == 1
    assert len(there.firewall.shared.line) == 0


def test_a_waiter_leaves_with_its_client():
    """Nobody is served who is not there, and the place in the line is free."""

    async def story():
        there = walk("0.011")
        await _admit(there)
        with pytest.raises(LLMCapError, match="client left"):
            await _admit(there, client_left=lambda: True)
        return there

    assert len(asyncio.run(story()).firewall.shared.line) == 0


def test_a_full_line_decides_at_once():
    """Waiters are bounded; the one too many is refused, not queued."""

    async def story():
        there = walk("0.01", waiters_max=0)
        await _admit(there)
        return await _admit(there)

    assert isinstance(asyncio.run(story()), Refused)


DOCUMENT = {
    "type": "file",
    "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjMK"},
}


@pytest.mark.parametrize(
    "content",
    ["word " * 9000, [DOCUMENT, {"type": "text", "text": "word"}], "word"],
    ids=["a long prompt", "a small document", "the first one, with the vocabulary"],
)
def test_what_takes_its_time_is_counted_off_the_loop(monkeypatch, content):
    """Other calls go on meanwhile, also while a parser is loaded."""
    used = []
    in_thread = asyncio.to_thread

    async def noted(step):
        used.append(step)
        return await in_thread(step)

    monkeypatch.setattr(asyncio, "to_thread", noted)

    async def story():
        there = walk("0.005", wait_seconds=0)
        return await admit(there.firewall.consider(chat(content), Facts()), client_left=stays)

    assert asyncio.run(story())
    assert used


def test_a_short_prompt_is_counted_at_once(monkeypatch):
    """A thread costs more than the count."""

    async def never(step):
        raise AssertionError(step)

    monkeypatch.setattr(asyncio, "to_thread", never)

    async def story():
        there = walk("0.005", wait_seconds=0)
        there.firewall.shared.counter.count(["word"])
        return await admit(there.firewall.consider(chat("word"), Facts()), client_left=stays)

    assert isinstance(asyncio.run(story()), CallInFlight)
