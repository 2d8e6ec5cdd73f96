"""
Parallel clients until a refusal stays, and proxies that die meanwhile.

A refusal is persistent when the same call, made again with nothing in flight, is refused again.
"""

import asyncio
import contextlib
import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from functools import partial

from adversary.calls import Plan
from adversary.cases import Case
from adversary.client import Client, Fate, Outcome
from adversary.client2 import Pool
from adversary.world import Books, Proxies

PAUSE_SECONDS = 0.05
DETAILS_MAX = 5

# How many clients share a connection where they speak HTTP/2.
CLIENTS_A_POOL = 4


class Gate:
    """Lets many calls go at once, or one alone."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._running = 0
        self._closed = False

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        """One of many."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._closed)
            self._running += 1
        try:
            yield
        finally:
            async with self._changed:
                self._running -= 1
                self._changed.notify_all()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """When all others have ended, and none has begun."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._closed)
            self._closed = True
            await self._changed.wait_for(lambda: self._running == 0)
        try:
            yield
        finally:
            async with self._changed:
                self._closed = False
                self._changed.notify_all()


@dataclass
class Tally:
    """What happened in one case, so far."""

    fates: Counter[Fate] = field(default_factory=Counter)
    details: dict[Fate, list[str]] = field(default_factory=dict)
    early_refusals: int = 0  # by a budget of which less than half was spent
    bill_at_persistent_refusal: int | None = None
    deaths: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count one call."""
        self.fates[outcome.fate] += 1
        details = self.details.setdefault(outcome.fate, [])
        if outcome.detail and len(details) < DETAILS_MAX:
            details.append(outcome.detail)


class Drive:
    """One case: its clients, its killer, its tally."""

    def __init__(self, case: Case, proxies: Proxies, books: Books, *, seed: str) -> None:
        self.tally = Tally()
        self._case = case
        self._proxies = proxies
        self._books = books
        self._seed = seed
        self._gate = Gate()
        self._over = asyncio.Event()
        self._up = asyncio.Event()  # no proxy is being started again
        self._up.set()
        self._calls_left = case.calls_max
        self._pools = [
            Pool(partial(proxies.port, number)) for number in range(0, case.clients, CLIENTS_A_POOL)
        ]

    async def run(self) -> None:
        """Drive until the cap is met for good, or the case's calls or seconds are used up."""
        others = [asyncio.create_task(self._kill())] if self._case.deaths else []
        others += [asyncio.create_task(self._kill_at())] if self._case.kills_at else []
        others += [asyncio.create_task(self._lock())] if self._case.locks else []
        timer = asyncio.get_running_loop().call_later(self._case.seconds_max, self._over.set)
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(self._case.clients):
                    group.create_task(self._client(number))
        finally:
            timer.cancel()
            self._over.set()
            for pool in self._pools:
                pool.close()
            await asyncio.gather(*others)

    def _has_opened_again(self) -> bool:
        """Whether a rolling budget was used up, and then served as much once more."""
        opens = bool(self._case.window_seconds)
        return opens and self._books.bill_nanos() >= 2 * self._case.cap_nanos

    async def _client(self, number: int) -> None:
        rng = random.Random(f"{self._seed}/{number}")
        client = Client(lambda: self._proxies.port(number), self._pools[number // CLIENTS_A_POOL])
        while not self._over.is_set() and self._calls_left > 0:
            self._calls_left -= 1
            plan = self._case.mix(rng)
            await self._up.wait()
            async with self._gate.shared():
                if self._over.is_set():
                    break
                outcome = await client.call(plan)
            self.tally.add(outcome)
            if self._has_opened_again():
                self._over.set()
            if outcome.fate is Fate.REFUSED:
                if self._books.bill_nanos() * 2 < self._case.cap_nanos:
                    self.tally.early_refusals += 1
                await self._insist(client, plan)
            elif outcome.fate is Fate.BROKEN:
                await asyncio.sleep(PAUSE_SECONDS)
        client.close()

    async def _insist(self, client: Client, plan: Plan) -> None:
        """Make a refused call again, alone: refused once more, the cap is met."""
        if self._case.window_seconds:
            await asyncio.sleep(PAUSE_SECONDS)
            return
        async with self._gate.alone():
            if self._over.is_set():
                return
            await self._books.settled()
            outcome = await client.call(plan)
            self.tally.add(outcome)
            if outcome.fate is Fate.REFUSED:
                self.tally.bill_at_persistent_refusal = self._books.bill_nanos()
                self._over.set()

    async def _kill(self) -> None:
        """End a proxy at a random moment, in a random way, and start it again."""
        rng = random.Random(f"{self._seed}/killer")
        for _ in range(self._case.deaths):
            if await self._over_within(rng.uniform(0.1, self._case.life_seconds_max)):
                return
            index = rng.randrange(self._case.proxies)
            await self._renew(index, kill=rng.random() < 0.6)

    async def _kill_at(self) -> None:
        """Kill a proxy whenever so much of the cap was billed, and start it again."""
        for percent in self._case.kills_at:
            while self._books.bill_nanos() * 100 < self._case.cap_nanos * percent:
                if await self._over_within(PAUSE_SECONDS):
                    return
            await self._renew(0, kill=True)

    async def _renew(self, index: int, *, kill: bool) -> None:
        """End a proxy and start it again; nobody knocks at a port where nobody listens."""
        self._up.clear()
        await self._proxies.end(index, kill=kill)
        self.tally.deaths += 1
        await self._proxies.restart(index)
        self._up.set()

    async def _lock(self) -> None:
        """Take the ledger's write lock for random times."""
        rng = random.Random(f"{self._seed}/lock")
        while not await self._over_within(rng.uniform(0.02, 0.5)):
            connection = sqlite3.connect(self._proxies.ledgers[0], isolation_level=None, timeout=0)
            with closing(connection), contextlib.suppress(sqlite3.OperationalError):
                connection.execute("BEGIN IMMEDIATE")
                await self._over_within(rng.choice((0.05, 0.2, 1.5)))
                connection.execute("ROLLBACK")

    async def _over_within(self, seconds: float) -> bool:
        """Wait so long; whether the case is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()
        return self._over.is_set()
