"""
What a second worker costs: CPU per call, and the rate, of `llmcap up` with one process and two.

    python scripts/bench_workers.py [--rounds 10] [--calls 1000]

Both serve 32 clients on kept connections against a provider on loopback, in turns. CPU is that of
all processes of a proxy. The client runs on the same cores, so the rate says little where it has
none of its own; the ratio of CPU per call does not depend on that.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench_proxy import (
    EVERYWHERE,
    ROOT,
    TICKS,
    Figure,
    Load,
    Proxy,
    measure,
    provide,
    server_context,
)
from spread import interval

CLIENTS = 32


class Up(Proxy):
    """`llmcap up` with so many workers, and no page."""

    def __init__(self, workers: int, folder: Path, upstream: int) -> None:
        self._workers = workers
        super().__init__("up", folder, upstream)

    def _up(self, folder: Path, upstream: int) -> "subprocess.Popen[bytes]":
        home = folder / f"home-{self._workers}"
        home.mkdir()
        (home / "sitecustomize.py").write_text(EVERYWHERE.format(port=upstream))
        command = [
            sys.executable, "-m", "llmcap.cli", "up", "--foreground", "--no-page",
            "--port", str(self.port), "--workers", str(self._workers),
            "--cap", "1000000", "--ledger", str(home / "ledger.sqlite3"),
        ]  # fmt: skip
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "XDG_DATA_HOME": str(home / "data"),
            "PYTHONPATH": os.pathsep.join([str(home), str(ROOT / "addons")]),
            "SSL_CERT_FILE": str(folder / "upstream" / "bench-ca-cert.pem"),
        }
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environ)

    def cpu_seconds(self) -> float:
        """User and system time of all its processes so far."""
        return sum(_cpu_ticks(pid) for pid in self._pids()) / TICKS

    def memory_mb(self) -> float:
        """What they have resident, with what they share counted once."""
        texts = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self._pids()]
        lines = [line.split() for text in texts for line in text.splitlines()]
        return sum(int(words[1]) for words in lines if words[0] == "Pss:") * 1_024 / 1e6

    def _pids(self) -> list[int]:
        own = self.process.pid
        children = Path(f"/proc/{own}/task/{own}/children").read_text().split()
        return [own, *map(int, children)]


def _cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


async def bench(rounds: int, calls: int) -> None:
    """Print a line a round, and the ratios."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        context = server_context(folder)
        server = await asyncio.start_server(
            lambda reader, writer: provide(reader, writer, 1), "127.0.0.1", 0, ssl=context
        )
        upstream = server.sockets[0].getsockname()[1]
        proxies: dict[int, Up] = {}
        try:
            for workers in (1, 2):
                proxies[workers] = await asyncio.to_thread(Up, workers, folder, upstream)
                print(f"{workers}: {proxies[workers].memory_mb():.0f} MB at its start")
                await measure(proxies[workers], Load("warm-up", CLIENTS, 200))
            cpu, rate = [], []
            for turn in range(rounds):
                found: dict[int, Figure] = {}
                for workers in (1, 2) if turn % 2 else (2, 1):
                    found[workers] = await measure(
                        proxies[workers], Load("JSON, 32 kept", CLIENTS, calls)
                    )
                one, two = found[1], found[2]
                cpu.append(two.cpu_ms / one.cpu_ms)
                rate.append(two.calls_per_second / one.calls_per_second)
                print(
                    f"CPU per call {one.cpu_ms:.2f} and {two.cpu_ms:.2f} ms, "
                    f"{one.calls_per_second:.0f} and {two.calls_per_second:.0f} calls/s",
                    flush=True,
                )
            print(
                f"two workers to one: CPU per call {interval(cpu, digits=2)}, "
                f"rate {interval(rate, digits=2)}"
            )
            for workers, proxy in proxies.items():
                print(f"{workers}: {proxy.memory_mb():.0f} MB at the end")
        finally:
            for proxy in proxies.values():
                proxy.stop()
            server.close()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--calls", type=int, default=1_000, help="of each proxy in a round")
    options = parser.parse_args()
    asyncio.run(bench(options.rounds, options.calls))


if __name__ == "__main__":
    main()
