"""
`python -m fake_provider`: prints one JSON line with its ports and its CA, serves until stopped.

It ends with its standard input too, so that it never outlives the program that started it.
"""

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from pathlib import Path

from fake_provider.app import FakeProvider


async def serve(folder: Path, *, seed: int, http2: bool, port: int) -> None:
    """Serve until SIGTERM, SIGINT, or the end of standard input."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if not sys.stdin.isatty():
        await loop.connect_read_pipe(lambda: _EndsWith(stop), sys.stdin)
    provider = FakeProvider(seed=seed, http2=http2)
    await provider.start(folder, port=port)
    where = {"port": provider.port, "plain_port": provider.plain_port, "ca": str(provider.ca)}
    print(json.dumps(where), flush=True)
    await stop.wait()
    await provider.stop()


class _EndsWith(asyncio.Protocol):
    """Sets an event when the pipe is closed."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop

    def connection_lost(self, exc: Exception | None) -> None:
        """The other end is gone."""
        del exc
        self._stop.set()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="fake_provider", description=__doc__)
    parser.add_argument(
        "--folder", type=Path, help="for its certificates; default: a temporary one"
    )
    parser.add_argument("--port", type=int, default=0, help="for TLS; default: any free one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-http2", dest="http2", action="store_false")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        asyncio.run(serve(folder, seed=options.seed, http2=options.http2, port=options.port))


if __name__ == "__main__":
    main()
