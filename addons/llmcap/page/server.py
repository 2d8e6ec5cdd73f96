"""
The page's process: tornado, which mitmproxy brings, on loopback; and the follower of the ledger.

A small server of our own would have to know HTTP as well as tornado does, and would be looked after
by nobody. It is no part of a proxy's process, so that a slow question never delays a call.
"""

import argparse
import asyncio
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import tornado.httpserver

from llmcap.ledger.follower import Follower
from llmcap.ledger.seals.chain import SEGMENT_ENTRIES, Sealer
from llmcap.page.access import Access, secret_for
from llmcap.page.fleet import Fleet, in_a_line
from llmcap.page.handlers import Page, application
from llmcap.pricing import PriceBook
from llmcap.words.errors import ConfigError, LedgerBusy, LedgerError, LLMCapError

logger = logging.getLogger(__name__)

BODY_BYTES_MAX = 10_000
HEAD_BYTES_MAX = 16_384
FOLLOW_SECONDS = 0.5
BUSY_SECONDS = 0.05
AGAIN_SECONDS = 5
SEAL_SECONDS = 10  # or when a segment is full
STOP_SECONDS = 5


def follow(ledger: Path, stop: threading.Event) -> None:
    """
    Keep the rollups, never more than a second behind, and the seals, until it is stopped.

    Whatever goes wrong is told, and begun anew.
    """
    while not stop.is_set():
        try:
            with closing(Follower(ledger)) as follower, closing(Sealer(ledger)) as sealer:
                _keep(follower, sealer, stop)
        except LedgerBusy:
            stop.wait(BUSY_SECONDS)
        except Exception as error:
            if not isinstance(error, LedgerError):
                logger.exception("the page failed")
            print(f"the page cannot count: {in_a_line(error)}", file=sys.stderr)  # noqa: T201 - its log
            stop.wait(AGAIN_SECONDS)


def _keep(follower: Follower, sealer: Sealer, stop: threading.Event) -> None:
    sealed_at = time.monotonic()
    while not stop.is_set():
        try:
            more = follower.step()
            waited = time.monotonic() - sealed_at > SEAL_SECONDS
            if not more and sealer.step(datetime.now(UTC), least=1 if waited else SEGMENT_ENTRIES):
                more, sealed_at = True, time.monotonic()
            stop.wait(0.005 if more else FOLLOW_SECONDS)
        except LedgerBusy:
            stop.wait(BUSY_SECONDS)


def listen(port: int, *, or_another: bool = False) -> socket.socket:
    """On loopback only; 0 is any port that is free. Raises `ConfigError`."""
    try:
        return socket.create_server(("127.0.0.1", port), backlog=64)
    except OSError as error:
        if or_another:
            return listen(0)
        raise ConfigError(f"port {port} cannot be listened on: {error.strerror}") from error


async def serve(page: Page, listener: socket.socket, ended: asyncio.Event) -> None:
    """Until `ended`."""
    server = tornado.httpserver.HTTPServer(
        application(page), max_body_size=BODY_BYTES_MAX, max_header_size=HEAD_BYTES_MAX
    )
    listener.setblocking(False)
    server.add_socket(listener)
    stop = threading.Event()
    followers = [threading.Thread(target=follow, args=(page.ledger, stop), daemon=True)]
    if page.fleet is not None:
        followers.append(threading.Thread(target=page.fleet.follow, args=(stop,), daemon=True))
    for each in followers:
        each.start()
    await ended.wait()
    stop.set()
    server.stop()
    await server.close_all_connections()
    for each in followers:
        each.join(STOP_SECONDS)


def main(arguments: list[str]) -> int:
    """
    The process that `llmcap up` starts: it ends when its standard input does, as its parent has.
    With --fleet the first line there is the address of the treasury: it has a password, which
    other users of this machine would see among the arguments.

    It prints where it listens, as JSON, or in one sentence why it cannot.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--or-another", action="store_true")
    parser.add_argument("--fleet", action="store_true")
    options = parser.parse_args(arguments)
    try:
        listener = listen(options.port, or_another=options.or_another)
        port = listener.getsockname()[1]
        access = Access(secret_for(options.ledger), port)
        treasury = sys.stdin.readline().strip() if options.fleet else ""
        fleet = Fleet(treasury, options.ledger) if treasury else None
        page = Page(options.ledger, access, PriceBook(), fleet)
    except LLMCapError as error:
        print(json.dumps({"error": str(error)}), flush=True)  # noqa: T201 - its parent tells it
        return 2
    print(json.dumps({"port": port}), flush=True)  # noqa: T201 - what its parent waits for

    async def run() -> None:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)
        loop.run_in_executor(
            None, lambda: (sys.stdin.buffer.read(), loop.call_soon_threadsafe(ended.set))
        )
        await serve(page, listener, ended)

    asyncio.run(run())
    os._exit(0)  # the thread that still waits for its parent reads standard input, and holds it


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
