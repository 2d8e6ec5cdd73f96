"""
What a treasury costs a call: the walk of one node with and without one, taken in turn.

    python scripts/bench_fleet.py [--calls 4000] [--rounds 10] [--clients 32]

Each round starts a process for each of three ways: `alone` has no treasury; `treasury` asks
PostgreSQL once per allotment; `per call` is what others do, one `UPDATE ... RETURNING` on one row
before each call and one after it. The provider answers at once, so that nothing but LLMCap and the
way to the database is measured. CPU is that of the node's process, all its threads; the database is
a real one on loopback, so its round trips are the shortest that there are.
"""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "addons"), str(ROOT / "scripts")]

import psycopg  # noqa: E402 - the checkout is put before what is installed

from llmcap.assembly import open_firewall, settings_from  # noqa: E402
from llmcap.providers.parts.shape import Request  # noqa: E402
from llmcap.walk.admission import Admission  # noqa: E402
from llmcap.walk.attributes import Facts  # noqa: E402
from llmcap.walk.flight import CallInFlight  # noqa: E402
from llmcap.walk.patience import admit, admit_at_once, caught_up  # noqa: E402
from llmcap.words.errors import LedgerBusy, Unfunded  # noqa: E402
from postgres_server import Server, cluster  # noqa: E402
from spread import interval  # noqa: E402

WAYS = ("alone", "treasury", "per call")
COLD_CALLS = 400  # the first of a process: connecting, joining, first allotments
HOUSEKEEPING_SECONDS = 1
CAP = "$1000000"
NANOS = 30_000  # of a call in the table of the third way
BODY = json.dumps(
    {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "twelve words about money and time, please"}],
        "max_completion_tokens": 100,
    }
).encode()
ANSWER = json.dumps(
    {
        "id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-mini-2024-07-18",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 20, "completion_tokens": 45, "total_tokens": 65},
    }
).encode()  # fmt: skip

TABLE = "CREATE TABLE spent (nanos bigint NOT NULL, cap bigint NOT NULL)"
ROW = "INSERT INTO spent VALUES (0, 1000000000000000)"
UPDATE = "UPDATE spent SET nanos = nanos + %s WHERE nanos + %s <= cap RETURNING nanos"

Gate = Callable[[], Awaitable[None]]


# --- one process ----------------------------------------------------------------------------


class Node:
    """A firewall with clients that ask as fast as they are answered."""

    def __init__(self, folder: Path, treasury: str) -> None:
        config = folder / "llmcap.yaml"
        budgets = f'budgets: [{{name: all, cap: "{CAP}", every: month}}]\n'
        config.write_text(budgets + (f"treasury: {treasury}\n" if treasury else ""))
        settings = settings_from(
            cap="", config=str(config), ledger=str(folder / "ledger.sqlite3"), environ={}
        )
        self.firewall = open_firewall(settings, notify=lambda *_: None)
        self.waited = 0  # calls that waited for the treasury
        self.seconds: list[float] = []  # from the request to its admission

    async def call(self, before: Gate, after: Gate) -> None:
        """One call."""
        started = time.perf_counter()
        await before()
        request = Request(
            method="POST", host="api.openai.com", path="/v1/chat/completions", body=BODY
        )
        admission = self.firewall.consider(request, Facts())
        assert isinstance(admission, Admission), admission
        call = admit_at_once(admission) or await admit(admission, client_left=lambda: False)
        assert isinstance(call, CallInFlight), call
        self.seconds.append(time.perf_counter() - started)
        await asyncio.sleep(0)  # the provider answers
        call.responded(200, {"content-type": "application/json"}, streams=False)
        call.feed(ANSWER)
        call.finish()
        if self.firewall.shared.late:
            await caught_up(self.firewall.shared)
        await after()

    async def calls(self, count: int, clients: int, before: Gate, after: Gate) -> None:
        """So many, from so many clients at once."""
        numbers = iter(range(count))

        async def client() -> None:
            for _ in numbers:
                await self.call(before, after)

        await asyncio.gather(*(client() for _ in range(clients)))

    async def keep_house(self) -> None:
        """As the addon does."""
        while True:
            await asyncio.sleep(HOUSEKEEPING_SECONDS)
            with contextlib.suppress(LedgerBusy):
                self.firewall.keep_house()


async def nothing() -> None:
    """Nobody is asked."""


async def per_call(url: str, clients: int) -> tuple[Gate, list[psycopg.AsyncConnection[Any]]]:
    """A pool as large as there are clients, and an update of the row on one of it."""
    made = [await psycopg.AsyncConnection.connect(url, autocommit=True) for _ in range(clients)]
    free = asyncio.Queue[psycopg.AsyncConnection[Any]]()
    for each in made:
        free.put_nowait(each)

    async def update() -> None:
        connection = await free.get()
        try:
            found = await connection.execute(UPDATE, (NANOS, NANOS))
            assert await found.fetchone() is not None
        finally:
            free.put_nowait(connection)

    return update, made


def cpu_seconds() -> float:
    """Of this process, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def measured(way: str, url: str, calls: int, clients: int) -> dict[str, float]:
    """The figures of one process."""
    counted = count_waits()
    with tempfile.TemporaryDirectory() as folder:
        node = Node(Path(folder), url if way == "treasury" else "")
        house = asyncio.create_task(node.keep_house())
        gate, pool = await per_call(url, clients) if way == "per call" else (nothing, [])
        await node.calls(COLD_CALLS, clients, gate, gate)
        cold = counted["waits"]
        node.seconds.clear()
        cpu, wall = cpu_seconds(), time.perf_counter()
        await node.calls(calls, clients, gate, gate)
        cpu, wall = cpu_seconds() - cpu, time.perf_counter() - wall
        house.cancel()
        for each in pool:
            await each.close()
        node.firewall.close()
    centiles = statistics.quantiles(node.seconds, n=100)
    return {
        "cpu_us": cpu / calls * 1e6,
        "per_second": calls / wall,
        "p50_us": centiles[49] * 1e6,
        "p99_us": centiles[98] * 1e6,
        "cold": cold,
        "waits": counted["waits"] - cold + (2 * calls if way == "per call" else 0),
    }


def count_waits() -> dict[str, int]:
    """How often a call waits for the treasury, from now on."""
    counted = {"waits": 0}
    made = Unfunded.__init__

    def counting(error: Unfunded, message: str, fetch: Callable[[], Awaitable[None]]) -> None:
        async def counted_fetch() -> None:
            counted["waits"] += 1
            await fetch()

        made(error, message, counted_fetch)

    Unfunded.__init__ = counting  # type: ignore[assignment, method-assign]
    return counted


# --- all rounds -----------------------------------------------------------------------------


def round_of(server: Server, way: str, options: argparse.Namespace) -> dict[str, float]:
    """A process of its own, on a database of its own."""
    url = server.new_database()
    if way == "per call":
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(TABLE)
            connection.execute(ROW)
    words = ["--way", way, "--url", url]
    words += ["--calls", str(options.calls), "--clients", str(options.clients)]
    done = subprocess.run(
        [sys.executable, __file__, *words], stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """All rounds, or the one process of `--way`."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--calls", type=int, default=4_000, help="of each process")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(json.dumps(asyncio.run(measured(
            options.way, options.url, options.calls, options.clients
        ))))  # fmt: skip
        return
    print(
        f"Python {platform.python_version()}, psycopg {psycopg.__version__}, {os.cpu_count()} cores"
    )
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with cluster() as made:
        server = made.server(fsync="on")
        for number in range(options.rounds):
            for way in WAYS[number % 3 :] + WAYS[: number % 3]:
                found[way].append(round_of(server, way, options))
    for way, rounds in found.items():
        middle = {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}
        print(
            f"{way:9} CPU {middle['cpu_us']:5.0f} us a call, {middle['per_second']:6.0f} calls/s, "
            f"admitted after {middle['p50_us']:6.0f} us, p99 {middle['p99_us']:7.0f} us; calls "
            f"wait for {1_000 * middle['waits'] / options.calls:.1f} round trips per 1,000 "
            f"({middle['cold']:.0f} more in the first {COLD_CALLS})"
        )
    for way in WAYS[1:]:
        ratios = [
            each["cpu_us"] / alone["cpu_us"]
            for each, alone in zip(found[way], found["alone"], strict=True)
        ]
        print(f"{way:9} CPU per call / alone: {interval(ratios, digits=3)}")


if __name__ == "__main__":
    main()
