"""
One ledger and several processes: how long a hold and its ending take, and what they wait for.

    python scripts/bench_writers.py [--seconds 4] [--rounds 3] [--before CHECKOUT]

Each process is an event loop that makes one call after the other as fast as it can, then at half of
the rate that this came to. `own` is the time of a call without what its process waited for a core
(Linux tells that in /proc/self/schedstat): with more processes than cores, the rest is the wait for
the ledger. `stall` is the longest that a step kept its event loop, likewise without that. With
another checkout of this project the two take turns, and the ratio of their medians is printed.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CHECKOUT = Path(os.environ.get("BENCH_CHECKOUT", ROOT))
sys.path[:0] = [str(CHECKOUT / "addons"), str(ROOT / "scripts")]

PROCESSES = (1, 2, 4, 8)
WAIT_FOR_OTHERS_SECONDS = 3


def main() -> None:
    """Measure each number of processes in turn, before and now, and print the medians."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=4, help="of one measurement")
    parser.add_argument("--rounds", type=int, default=3, help="how often they take turns")
    parser.add_argument("--before", type=Path, help="another checkout, to compare with")
    options = parser.parse_args()
    builds = {"before": options.before, "now": ROOT} if options.before else {"now": ROOT}
    for count in PROCESSES:
        own: dict[tuple[str, str], list[float]] = {}
        for _ in range(options.rounds):
            for name, checkout in builds.items():
                rate = 0.0
                for speed in ("full", "half"):
                    found = together(checkout, count, options.seconds, rate / count / 2)
                    rate = found["rate"]
                    own.setdefault((speed, name), []).append(found["own"])
                    print(f"{count} processes, {speed} speed, {name:6}: {line(found)}", flush=True)
        for speed in ("full", "half") if options.before else ():
            medians = [statistics.median(own[speed, name]) for name in builds]
            print(f"{count} processes, {speed} speed: own p99 is {medians[0] / medians[1]:.1f} "
                  "times lower than before")  # fmt: skip


def together(checkout: Path, count: int, seconds: float, pace: float) -> dict[str, float]:
    """What so many processes came to, that call at this pace each; 0: as fast as they can."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "ledger.sqlite3-wal"
        start = time.time() + WAIT_FOR_OTHERS_SECONDS
        command = [sys.executable, __file__, folder, str(start), str(seconds), str(pace)]
        environ = {**os.environ, "BENCH_CHECKOUT": str(checkout)}
        processes = [subprocess.Popen(command, env=environ) for _ in range(count)]
        largest = 0
        while any(each.poll() is None for each in processes):
            largest = max(largest, log.stat().st_size if log.exists() else 0)
            time.sleep(0.05)
        found = [json.loads(each.read_bytes()) for each in Path(folder).glob("told-*")]
        assert len(found) == count, "a process failed"
    rates = [each["calls"] / each["seconds"] for each in found]
    return {
        "rate": sum(rates),
        "share": min(rates) * count / sum(rates),
        "p99": quantile([time for each in found for time in each["walls"]]),
        "own": quantile([time for each in found for time in each["owns"]]),
        "stall": max(each["stall"] for each in found),
        "refused": sum(each["refused"] for each in found),
        "log": largest / 2**20,
    }


def quantile(times: list[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(times, n=100)[98]


def line(found: dict[str, float]) -> str:
    """One measurement."""
    return (
        f"{found['rate']:5.0f} calls/s, p99 {found['p99'] * 1e3:5.1f} ms, own p99 "
        f"{found['own'] * 1e3:5.1f} ms, stall {found['stall'] * 1e3:5.1f} ms, "
        f"{found['refused']:.0f} gave up, least share {found['share']:.2f}, "
        f"log {found['log']:.0f} MB"
    )


# --- one process ------------------------------------------------------------------------------


class Waited:
    """Seconds that this process waited for a core, so far."""

    def __init__(self) -> None:
        try:
            self._file: int | None = os.open("/proc/self/schedstat", os.O_RDONLY)
        except OSError:
            self._file = None

    def __call__(self) -> float:
        """0 for ever, where nobody tells."""
        if self._file is None:
            return 0.0
        return int(os.pread(self._file, 99, 0).split()[1]) / 1e9


async def calls(folder: str, start: float, seconds: float, pace: float) -> dict[str, Any]:
    """Hold and end until the time is over, as the walk does."""
    from bench_ledger import ATTRIBUTES, BUDGETS, DEMAND, NOW, settlement  # noqa: PLC0415
    from llmcap.budgets.budget import scopes_for  # noqa: PLC0415
    from llmcap.ledger.sqlite import SqliteLedger  # noqa: PLC0415
    from llmcap.words.errors import LedgerBusy  # noqa: PLC0415
    from llmcap.words.records import Call  # noqa: PLC0415

    ledger = SqliteLedger(Path(folder) / "ledger.sqlite3")
    waited, patiently = Waited(), as_the_walk_does()
    stall, refused = 0.0, 0
    walls, owns = [], []

    def timed(step: Callable[[], Any]) -> Callable[[], Any]:
        def measured() -> Any:
            nonlocal stall
            before, started = waited(), time.perf_counter()
            try:
                return step()
            finally:
                took = time.perf_counter() - started
                stall = max(stall, took - (waited() - before))

        return measured

    await asyncio.sleep(max(0.0, start - time.time()))
    began = due = time.perf_counter()
    while (now := time.perf_counter()) < began + seconds:
        due = max(due + 1 / pace, now) if pace else now
        await asyncio.sleep(due - now)
        call = Call(os.urandom(16).hex(), NOW, "openai", "responses", "gpt-5", ATTRIBUTES)
        scopes, known = scopes_for(BUDGETS["one budget"], call, run_id=""), settlement()
        before, started = waited(), time.perf_counter()
        try:
            held = await patiently(timed(partial(ledger.hold, call, scopes, DEMAND)))
            await patiently(timed(partial(ledger.end, held.hold, known)))
        except LedgerBusy:
            refused += 1
        took = time.perf_counter() - started
        walls.append(took)
        owns.append(took - (waited() - before))
    spent = time.perf_counter() - began
    ledger.close()
    return {
        "calls": len(walls), "seconds": spent, "walls": walls, "owns": owns, "stall": stall,
        "refused": refused,
    }  # fmt: skip


def as_the_walk_does() -> Callable[[Callable[[], Any]], Any]:
    """How the checkout's walk waits for the write lock."""
    from llmcap.walk import patience  # noqa: PLC0415

    try:
        from llmcap.shared.late import Late  # noqa: PLC0415
    except ImportError:  # a checkout from before there was one
        return patience.patiently  # type: ignore[return-value]
    late = Late()
    return lambda step: patience.patiently(step, late)


if __name__ == "__main__":
    if len(sys.argv) == 5 and Path(sys.argv[1]).is_dir():
        told = asyncio.run(calls(sys.argv[1], *map(float, sys.argv[2:])))
        (Path(sys.argv[1]) / f"told-{os.getpid()}").write_text(json.dumps(told))
    else:
        main()
