"""What streams tell, worked out once for all who watch."""

import asyncio
import http.client
import json
import socket
from contextlib import AsyncExitStack, ExitStack, closing

import pytest

from llmcap.page import live as module
from llmcap.page.access import Access, Role, secret_for
from llmcap.page.handlers import Page
from llmcap.page.live import Live
from llmcap.pricing import PriceBook

from .test_server import SECONDS, event

MANY = 40


class Counted:
    """A view that says how often it was looked at."""

    def __init__(self) -> None:
        self.looks, self.fails = 0, False

    async def look(self) -> dict:
        """The next number."""
        self.looks += 1
        if self.fails:
            raise ValueError("it cannot be read")
        return {"time": "", "looks": self.looks}


@pytest.fixture
def quick(monkeypatch):
    """Looks follow each other at once."""
    monkeypatch.setattr(module, "LOOK_SECONDS", 0)
    monkeypatch.setattr(module, "FLEET_SECONDS", 0)


def test_however_many_watch_it_is_looked_at_once(path, ledger, quick):
    """A treasury is asked by one for all; each has every look, and none is looked for nobody."""

    async def run() -> None:
        counted = Counted()
        live = Live(path, counted.look, fleet=True)

        async def reader() -> list[int]:
            seen, number = [], 0
            async with live.watched():
                while len(seen) < 5:
                    number, text = await live.newer(number)
                    seen.append(json.loads(text.partition(b"data: ")[2])["looks"])
            return seen

        found = await asyncio.wait_for(asyncio.gather(*(reader() for _ in range(MANY))), SECONDS)
        assert found == [[1, 2, 3, 4, 5]] * MANY
        looks = counted.looks
        assert looks <= 6
        await asyncio.sleep(0.01)
        assert (counted.looks, live.watching) == (looks, 0)

    asyncio.run(run())


def test_who_takes_long_has_the_newest_next_and_nothing_is_kept_for_it(path, ledger, quick):
    """One event, whoever else has read how many."""

    async def run() -> None:
        counted = Counted()
        live = Live(path, counted.look, fleet=True)
        async with live.watched(), asyncio.timeout(SECONDS):
            first, _ = await live.newer(0)
            number = first
            while number < first + 50:
                number, _ = await live.newer(number)
            number, text = await live.newer(first)
            assert json.loads(text.partition(b"data: ")[2])["looks"] == number > first + 49

    asyncio.run(run())


def test_a_look_that_fails_is_told_to_all_and_the_next_begins_anew(path, ledger, quick):
    """A ledger that cannot be read now may be there later."""

    async def run() -> None:
        counted = Counted()
        counted.fails = True
        live = Live(path, counted.look, fleet=False)
        async with AsyncExitStack() as stack, asyncio.timeout(SECONDS):
            for _ in range(3):
                await stack.enter_async_context(live.watched())
            told = await asyncio.gather(*(live.newer(0) for _ in range(3)), return_exceptions=True)
            assert [str(each) for each in told] == ["it cannot be read"] * 3
            counted.fails = False
            async with live.watched():
                number, text = await live.newer(0)
                while not text:
                    number, text = await live.newer(number)

    asyncio.run(run())


def test_who_goes_last_after_a_look_that_failed_is_told_of_that_look(path, ledger):
    """There is no task left to be ended."""

    async def run() -> None:
        counted = Counted()
        counted.fails = True
        live = Live(path, counted.look, fleet=False)
        async with live.watched(), asyncio.timeout(SECONDS):
            await live.newer(0)

    with pytest.raises(ValueError, match="it cannot be read"):
        asyncio.run(run())


def test_many_streams_are_told_beside_one_that_reads_nothing(page):
    """Each within a moment, of what an admin has done."""
    client, admin = page.client("viewer"), page.client()
    head = {"Host": client.host, "Cookie": client.cookie}
    with ExitStack() as stack:
        idle = stack.enter_context(socket.create_connection(("127.0.0.1", page.port), SECONDS))
        said = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        idle.sendall(f"GET /api/stream HTTP/1.1\r\n{said}\r\n".encode())
        answers = []
        for _ in range(MANY):
            made = http.client.HTTPConnection("127.0.0.1", page.port, timeout=SECONDS)
            connection = stack.enter_context(closing(made))
            connection.request("GET", "/api/stream", headers=head)
            answers.append(connection.getresponse())
        assert not any(event(answer)["budgets"][0]["paused"] for answer in answers)
        admin.change("/api/budget", {"do": "pause", "name": "all", "reason": "r"})
        for answer in answers:
            while not event(answer)["budgets"][0]["paused"]:
                pass


def test_a_view_that_nobody_watches_is_forgotten(path, ledger):
    """Whatever node was asked for, and each sees as much as its role may."""
    page = Page(path, Access(secret_for(path), 1), PriceBook())
    roles = [Role("viewer"), Role("admin"), Role("viewer", "red")]

    async def run() -> None:
        async with AsyncExitStack() as stack:
            lives = [await stack.enter_async_context(page.watching("", role)) for role in roles]
            assert lives[0] is lives[1] is not lives[2]
            await stack.enter_async_context(page.watching("x", roles[0]))
            assert set(page.lives) == {("", ""), ("", "red"), ("x", "")}
        assert page.lives == {}

    asyncio.run(run())
    page.workers.shutdown()
