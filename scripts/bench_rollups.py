"""
What a question about the past costs by the rollups, and what a reading of every call takes.

    python scripts/bench_rollups.py [--rows 10000 1000000] [--rounds 40] [--keep FOLDER]

Rows are entries, two a call, over ninety days: forty projects, a thousand customers, eight models.
`--rows 10000000` takes half an hour and some three gigabytes of the folder for temporary files;
with `--keep` the ledgers stay in a folder, and the next time only questions are asked. Shown are
the median and the 95th percentile of the rounds, each about another value or another length of the
span, and those of the CPU alone, which a machine that is busy otherwise leaves as it is.
"""

import argparse
import itertools
import os
import platform
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "addons"))

from llmcap.budgets.budget import scopes_for
from llmcap.ledger import history, rollups, spans
from llmcap.ledger.follower import Follower, catch_up
from llmcap.ledger.rolled import Span
from llmcap.ledger.rows import ADD_POSTING, ADD_ROW, Posting, Row, call_row, micros, settled
from llmcap.ledger.sqlite import SqliteLedger
from llmcap.page import spend
from llmcap.pricing import PriceBook
from llmcap.words.records import Budget, Call, Ending, EntryKind, Settlement, Usage

DAYS = 90
NOW = datetime(2026, 6, 15, 12, 7, tzinfo=UTC)
MODELS = [
    ("openai", "gpt-5"), ("openai", "gpt-5-mini"), ("openai", "o4-mini"),
    ("anthropic", "claude-opus-4-5"), ("anthropic", "claude-sonnet-4-5"),
    ("anthropic", "claude-haiku-4-5"), ("google", "gemini-2.5-pro"), ("google", "gemini-2.5-flash"),
]  # fmt: skip
BERLIN = ZoneInfo("Europe/Berlin")
CHUNK = 20_000


def seed(path: Path, rows: int) -> None:
    """Settled calls as proxies write them, but quickly."""
    ledger = SqliteLedger(path)
    first = Call("first", NOW - timedelta(days=DAYS), "openai", "chat", "gpt-5", {})
    ledger._accounts.ids(scopes_for([Budget("all", 10**15)], first, run_id=""))  # noqa: SLF001
    db: sqlite3.Connection = ledger._store.reading()  # noqa: SLF001 - the bench looks inside
    chance = random.Random(1)
    calls = made_calls(chance, rows // 2)
    began = 1
    while chunk := list(itertools.islice(calls, CHUNK)):
        db.execute("BEGIN IMMEDIATE")
        pairs = [pair(call, began + 2 * number) for number, call in enumerate(chunk)]
        db.executemany(ADD_ROW, itertools.chain.from_iterable(pairs))
        db.executemany(
            ADD_POSTING, (Posting(began + 2 * number, 1, held=10) for number in range(len(chunk)))
        )
        db.executemany(
            ADD_POSTING,
            (Posting(began + 2 * number + 1, 1, 5, -10, calls=1) for number in range(len(chunk))),
        )
        db.execute("COMMIT")
        began += 2 * len(chunk)
    ledger.close()


def made_calls(chance: random.Random, count: int) -> Iterator[Call]:
    """Calls in the order of their times, some projects with far more than others."""
    step = timedelta(days=DAYS) / count
    for number in range(count):
        provider, model = MODELS[min(int(chance.expovariate(0.5)), len(MODELS) - 1)]
        project = min(int(chance.expovariate(0.15)), 39)
        attributes = {
            "model": model,
            "provider": provider,
            "project": f"project-{project}",
            "user": f"user-{project % 30}",
            "client": ("claude-cli", "codex", "python")[project % 3],
            "key": f"k{project % 10}",
        }
        if number % 4 == 0:
            attributes["customer"] = f"customer-{chance.randrange(1_000)}"
        at = NOW - timedelta(days=DAYS) + number * step
        yield Call(f"c{number}", at, provider, "chat", model, attributes)


def pair(call: Call, hold_id: int) -> tuple[Row, Row]:
    """A hold and its ending."""
    hold = call_row(EntryKind.HOLD, call, process_id=1)._replace(held_nanos=10)
    usage = Usage(input_tokens=1_000, output_tokens=200, cache_read=600)
    ended = Settlement(Ending.SETTLED, 5_000_000, usage, call.model)
    ending = Row(micros(call.at) + 5, "settled", 1, hold_id=hold_id, ends=hold_id, held_nanos=10)
    return hold, settled(ending, ended)


def timed(ask: Callable[[], object], rounds: int) -> str:
    """The median and the 95th percentile, in milliseconds, and how many a second."""
    times, busy = [], []
    for _ in range(rounds):
        started, used = time.perf_counter(), time.process_time()
        ask()
        times.append(time.perf_counter() - started)
        busy.append(time.process_time() - used)
    median, cpu = statistics.median(times), statistics.median(busy) * 1e3
    return (
        f"median {median * 1e3:8.1f} ms, p95 {slow(times):8.1f} ms "
        f"(CPU {cpu:7.1f} and {slow(busy):7.1f}), {1 / median:7.1f} a second"
    )


def slow(times: list[float]) -> float:
    """The 95th percentile, in milliseconds."""
    return sorted(times)[max(len(times) * 95 // 100 - 1, 0)] * 1e3


def ask_all(path: Path, rounds: int, *, before: bool) -> None:
    """Each question of the page and the report; and the report as it was before the rollups."""
    chance = random.Random(2)
    last = rollups.slot_of(NOW) + 1
    midnight = rollups.slot_of(datetime(2026, 6, 15, tzinfo=BERLIN))
    day_steps = [Span(midnight - 96 * n, midnight - 96 * n + 96) for n in range(DAYS - 1, -1, -1)]
    day_steps.append(Span(midnight + 96, last + 96))
    book = PriceBook()
    with history.reading(path) as db:
        names = ("", "provider", "model", "project", "customer", "user", "key", "client")

        def top() -> object:
            days = chance.choice([1, 7, 30, 90])
            return rollups.totals(db, chance.choice(names), Span(last - 96 * days, last))

        def stacked() -> object:
            name = chance.choice(names)
            span = Span(day_steps[0].first, last)
            found = rollups.totals(db, name, span)
            best = sorted(found, key=lambda value: -found[value].cost_nanos)[:8]
            return rollups.series(db, name, best, day_steps)

        def page(by: str, **wanted: str) -> object:
            days = chance.choice([1, 7, 30, 90])
            since = (NOW - timedelta(days=days)).isoformat()
            asked = {"by": by, "zone": BERLIN.key, "since": since, **wanted}
            return spend.document(db, spend.asked(asked, NOW, project=""), book)

        def filtered() -> object:
            return page("model", project=f"project-{chance.randrange(12)}")

        def half() -> object:
            return page("customer", model="gpt-5")

        def report() -> object:
            return rollups.sums(db, ("model",), zone=BERLIN, since=NOW - timedelta(days=30))

        def burn() -> object:
            return rollups.spent_since(db, NOW - timedelta(minutes=5))

        for label, ask in (
            ("totals of one attribute, 1 to 90 days", top),
            ("top eight by day, 90 days", stacked),
            ("the page's view of one attribute", lambda: page(chance.choice(names[1:]))),
            ("the page's view by customer (1,000)", lambda: page("customer")),
            ("the same of one project, by model", filtered),
            ("the same of 40 % of calls, by customer", half),
            ("llmcap report, 30 days", report),
            ("burn of five minutes", burn),
        ):
            print(f"  {label:40} {timed(ask, rounds)}")
        if before:
            started = time.perf_counter()
            since = NOW - timedelta(days=30)
            found = spans.sums(spans.calls_within(db, since=since), ("model",), zone=BERLIN)
            took = (time.perf_counter() - started) * 1e3
            print(f"  {'the same report before, of every call':40} {took:15.1f} ms")
            plain = {key: each.plain() for key, each in report().items()}  # type: ignore[attr-defined]
            assert plain == found, "the rollups say something else than the calls"


def main() -> None:
    """Seed, count, ask, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--keep", type=Path, help="a folder for ledgers that are used again")
    parser.add_argument("--quick", action="store_true", help="leave out the report of before")
    options = parser.parse_args()
    print(
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"{os.cpu_count()} cores"
    )
    for rows in options.rows:
        with tempfile.TemporaryDirectory() as folder:
            path = (options.keep or Path(folder)) / f"ledger-{rows}.sqlite3"
            if not path.exists():
                make(path, rows)
            print(f"{rows:,} rows, {path.stat().st_size / 2**20:,.0f} MiB")
            ask_all(path, options.rounds, before=not options.quick)
            step(path)


def make(path: Path, rows: int) -> None:
    """A ledger of so many rows, counted."""
    seed(path, rows)
    size = path.stat().st_size / 2**20
    started = time.perf_counter()
    catch_up(path)
    took = time.perf_counter() - started
    more = path.stat().st_size / 2**20 - size
    print(
        f"{rows:,} rows of {size:,.0f} MiB, counted in {took:.1f} s "
        f"({rows / took:,.0f} rows a second), {more:+,.0f} MiB"
    )


def step(path: Path) -> None:
    """How long calls may have to wait for the write lock while forty of them are counted."""
    ledger = SqliteLedger(path)
    follower = Follower(path)
    follower.step()
    for call in itertools.islice(made_calls(random.Random(3), 10**6), 40):
        ledger.refuse(call, None)
    print(f"  {'counting forty calls':40} {timed(follower.step, 1)}")
    follower.close()
    ledger.close()


if __name__ == "__main__":
    main()
