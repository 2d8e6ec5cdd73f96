"""
What a page that somebody watches costs the proxy beside it: CPU per call, rounds in turn.

    python scripts/bench_page.py [--rounds 10] [--calls 400]

A real `llmcap up` with its page serves the same calls while nobody reads the page's stream and
while one client does; which comes first changes with each round. Shown are the CPU of the proxy's
process per call in both, by the kernel's nanoseconds, and the median of the rounds' ratios.
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "addons"))

from bench_proxy import (
    START_SECONDS_MAX,
    Client,
    Load,
    Proxy,
    body_of,
    drive,
    provide,
    server_context,
)
from llmcap.page.access import Role, secret_for, token_for

CLIENTS = 8


def cpu_nanos(process: int) -> int:
    """On a core so far, all threads; those that have ended are not in it, and a proxy's do not."""
    tasks = Path(f"/proc/{process}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)


@contextlib.asynccontextmanager
async def watched(port: int, ledger: Path) -> AsyncIterator[None]:
    """Somebody reads the page's stream meanwhile."""
    token = token_for(Role("viewer"), secret_for(ledger), now=time.time())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"GET /api/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
        "\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 200 " not in head.partition(b"\r\n")[0]:
        raise RuntimeError(f"the stream was not served: {head!r}")
    events = 0

    async def read() -> None:
        nonlocal events
        while line := await reader.readline():
            events += line.startswith(b"data: ")

    reading = asyncio.create_task(read())
    try:
        yield
    finally:
        reading.cancel()
        writer.close()
    if not events:
        raise RuntimeError("the stream told nothing")


async def per_call(proxy: Proxy, load: Load) -> float:
    """Microseconds of the proxy's CPU for each call of a load."""
    clients = [Client(proxy.port, body_of(load)) for _ in range(load.clients)]
    await asyncio.gather(*(client.open() for client in clients))
    before = cpu_nanos(proxy.process.pid)
    await drive(clients, load, [])
    spent = cpu_nanos(proxy.process.pid) - before
    for client in clients:
        client.close()
    return spent / load.calls / 1e3


def page_of(folder: Path) -> int:
    """The port of the page, once the proxy has said where it stands."""
    state = folder / "data" / "llmcap" / "proxy" / "state.json"
    deadline = time.monotonic() + START_SECONDS_MAX
    while not state.exists():
        if time.monotonic() > deadline:
            raise RuntimeError("the proxy did not say where its page is")
        time.sleep(0.1)
    port: int = json.loads(state.read_text())["page"]
    return port


async def bench(rounds: int, calls: int) -> None:
    """Print a line a round, and the median."""
    load = Load("JSON", CLIENTS, calls)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        server = await asyncio.start_server(
            lambda reader, writer: provide(reader, writer, 1), "127.0.0.1", 0,
            ssl=server_context(folder),
        )  # fmt: skip
        proxy = await asyncio.to_thread(Proxy, "up", folder, server.sockets[0].getsockname()[1])
        try:
            page = await asyncio.to_thread(page_of, folder)
            await per_call(proxy, Load("warm-up", CLIENTS, calls))
            ratios = []
            for number in range(rounds):
                figures = {}
                for seen in (number % 2 == 0, number % 2 == 1):
                    looking = watched(page, folder / "up.sqlite3")
                    async with looking if seen else contextlib.nullcontext():
                        figures[seen] = await per_call(proxy, load)
                ratios.append(figures[True] / figures[False])
                print(
                    f"unwatched {figures[False]:7.0f} us a call, watched {figures[True]:7.0f} us, "
                    f"ratio {ratios[-1]:.3f}",
                    flush=True,
                )
            print(f"median of {rounds} ratios: {statistics.median(ratios):.3f}")
        finally:
            proxy.stop()
            server.close()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--calls", type=int, default=400)
    options = parser.parse_args()
    asyncio.run(bench(options.rounds, options.calls))


if __name__ == "__main__":
    main()
