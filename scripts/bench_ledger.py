"""
What a hold and its ending cost: an empty ledger against one of a million rows, taken in turn.

    python scripts/bench_ledger.py [--rows 1000000] [--calls 2000] [--rounds 9]

A figure is the median of all calls, a ratio the median of the rounds' ratios, so that a machine
whose speed drifts does not decide the comparison. The counts of statements repeat exactly.
"""

import argparse
import itertools
import os
import platform
import sqlite3
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "addons"))

from llmcap.budgets.budget import scopes_for
from llmcap.ledger.rows import ADD_POSTING, ADD_ROW, Posting, Row, call_row, settled
from llmcap.ledger.sqlite import SqliteLedger
from llmcap.words.records import (
    Admit,
    Budget,
    Call,
    CapUnit,
    Demand,
    Ending,
    EntryKind,
    Settlement,
    Usage,
)  # fmt: skip

BUDGETS = {
    "one budget": [Budget("everything", 10**15, every="month")],
    "three budgets": [
        Budget("everything", 10**15, every="month"),
        Budget("each-project", 10**15, every="day", per=("project",)),
        Budget("requests", 10**9, CapUnit.REQUESTS, every="5h"),
    ],
}
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
ATTRIBUTES = {
    "client": "codex",
    "project": "website",
    "user": "ann",
    "key": "k-1f8b2c",
    "port": "0",
}
DEMAND = Demand(fixed_nanos=2_000_000, per_output_nanos=Decimal(10_000), output_limit=4_000)
USAGE = Usage(input_tokens=1_200, output_tokens=300, cache_read=900)


def one_call(ledger: SqliteLedger, budgets: list[Budget], at: datetime) -> tuple[float, float]:
    """One hold and its ending: the seconds of each."""
    call = Call(os.urandom(16).hex(), at, "openai", "responses", "gpt-5", ATTRIBUTES)
    known = settlement()
    scopes = scopes_for(budgets, call, run_id="")
    started = time.perf_counter()
    decision = ledger.hold(call, scopes, DEMAND)
    held = time.perf_counter()
    assert isinstance(decision, Admit), decision
    ledger.end(decision.hold, known)
    return held - started, time.perf_counter() - held


def seed(ledger: SqliteLedger, rows: int) -> None:
    """Settled calls, two rows each, past all that the schema checks."""
    one_call(ledger, BUDGETS["three budgets"], NOW)
    db: sqlite3.Connection = ledger._store.reading()  # noqa: SLF001 - the bench looks inside
    hold_ids = range(3, rows, 2)
    db.execute("BEGIN IMMEDIATE")
    db.executemany(ADD_ROW, itertools.chain.from_iterable(map(settled_call, hold_ids)))
    db.executemany(ADD_POSTING, (Posting(each, 1, held=42_000_000) for each in hold_ids))
    db.executemany(
        ADD_POSTING,
        (Posting(each + 1, 1, 5_000_000, -42_000_000, calls=1) for each in hold_ids),
    )
    db.execute(
        "INSERT INTO responses (provider, response_id, entry_id) "
        "SELECT 'openai', response_id, ends FROM entries WHERE ends > 2"
    )
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def settled_call(hold_id: int) -> tuple[Row, Row]:
    """A hold and its ending, made from a pattern: a million of them take a while."""
    return (
        HOLD._replace(call_id=os.urandom(16).hex()),
        ENDING._replace(hold_id=hold_id, ends=hold_id, response_id=f"resp_{os.urandom(16).hex()}"),
    )


def settlement() -> Settlement:
    """What a call came to, under a response id of its own."""
    response_id = f"resp_{os.urandom(16).hex()}"
    return Settlement(Ending.SETTLED, 5_000_000, USAGE, "gpt-5-2026-01-01", response_id)


def statements(ledger: SqliteLedger, budgets: list[Budget]) -> int:
    """How many statements a hold and its ending are."""
    seen: list[str] = []
    db: sqlite3.Connection = ledger._store.reading()  # noqa: SLF001
    db.set_trace_callback(seen.append)
    one_call(ledger, budgets, NOW)
    db.set_trace_callback(None)
    return len(list(itertools.groupby(seen)))  # a trigger's work comes as the same text again


def compare(ledgers: dict[str, SqliteLedger], label: str, *, calls: int, rounds: int) -> None:
    """Time both ledgers in turn, and print their medians and the ratio."""
    budgets = BUDGETS[label]
    times: dict[str, list[float]] = {name: [] for name in ledgers}
    holds: dict[str, list[float]] = {name: [] for name in ledgers}
    ratios = []
    for _ in range(rounds):
        medians = []
        for name, ledger in ledgers.items():
            pairs = [one_call(ledger, budgets, NOW) for _ in range(calls // rounds)]
            times[name] += [hold + end for hold, end in pairs]
            holds[name] += [hold for hold, _ in pairs]
            medians.append(statistics.median(hold + end for hold, end in pairs))
        ratios.append(medians[1] / medians[0])
    for name, ledger in ledgers.items():
        both, hold = (statistics.median(each[name]) * 1e6 for each in (times, holds))
        slow = statistics.quantiles(times[name], n=100)[98] * 1e6
        print(
            f"{label:14} {name:14} hold+end {both:5.0f} us (hold {hold:4.0f}), p99 {slow:6.0f} us, "
            f"{statements(ledger, budgets)} statements"
        )
    print(f"{label:14} ratio of the medians, large / empty: {statistics.median(ratios):.2f}")


HOLD = call_row(
    EntryKind.HOLD, Call("", NOW, "openai", "responses", "gpt-5", ATTRIBUTES), process_id=1
)._replace(held_nanos=42_000_000, held_tokens=5_000)
ENDING = settled(Row(HOLD.at, "settled", 1, held_nanos=42_000_000), settlement())


def main() -> None:
    """Seed, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="entries of the large ledger")
    parser.add_argument("--calls", type=int, default=9_000, help="calls for each figure")
    parser.add_argument("--rounds", type=int, default=9, help="how often the two take turns")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        ledgers = {
            "empty": SqliteLedger(Path(folder) / "empty.sqlite3"),
            f"{options.rows:,} rows": SqliteLedger(Path(folder) / "large.sqlite3"),
        }
        empty, large = ledgers.values()
        started = time.perf_counter()
        seed(large, options.rows)
        size = (Path(folder) / "large.sqlite3").stat().st_size / 2**20
        print(
            f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
            f"{os.cpu_count()} cores; {options.rows:,} rows are {size:.0f} MiB, "
            f"seeded in {time.perf_counter() - started:.0f} s"
        )
        for label in BUDGETS:
            compare(ledgers, label, calls=options.calls, rounds=options.rounds)
        started = time.perf_counter()
        problems = large.audit()
        print(
            f"audit of the large one: {problems or 'clean'}, {time.perf_counter() - started:.1f} s"
        )
        started = time.perf_counter()
        SqliteLedger(Path(folder) / "large.sqlite3").close()
        print(f"opening and closing it again: {(time.perf_counter() - started) * 1e3:.1f} ms")
        empty.close()
        large.close()
    if problems:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
