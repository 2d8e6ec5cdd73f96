"""
What Prometheus is told: sums of the ledger under labels that are bounded.

Never a key, a text of a client or a value of `per`: the labels are the names of budgets and
providers, and words of ours. Counters come from the rollups and from balances of all windows, so
they only grow, whichever process is asked.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from llmcap.ledger import history, queries, rollups
from llmcap.ledger.changes import SLOTS_A_DAY, Rollup
from llmcap.ledger.liveness import running, workers
from llmcap.ledger.rolled import Span
from llmcap.notices.events import EventLog, events_path
from llmcap.reconcile.kept import read_kept
from llmcap.shared import gauges
from llmcap.words.errors import ConfigError
from llmcap.words.records import CapUnit

NANOS = 10**9
# How a call ends. A counter is there from 0 on: Prometheus sees no increase in its first sample.
ENDS = ("assumed", "refused", "released", "settled")

_REFUSED_BY = """
    SELECT budgets.name, sum(balances.refused) FROM balances
    JOIN budgets ON budgets.id = balances.budget_id GROUP BY budgets.name
"""
_HELD = "SELECT count(*), coalesce(sum(held_nanos), 0) FROM open_holds"


def text(ledger: Path, now: datetime) -> bytes:
    """All of it, in Prometheus' format. Raises `ConfigError` where the extra is missing."""
    try:
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ConfigError(
            "metrics need prometheus-client, which is not installed\n"
            "hint: pip install 'llmcap-mitmproxy[metrics]'"
        ) from error
    registry = CollectorRegistry()
    registry.register(_Ledger(ledger, now))
    written: bytes = generate_latest(registry)
    return written


class _Ledger:
    """A collector: it reads one moment of the ledger each time it is asked."""

    def __init__(self, ledger: Path, now: datetime) -> None:
        self._ledger = ledger
        self._now = now

    def collect(self) -> Iterator[Any]:
        """Every family of metrics."""
        with history.reading(self._ledger) as db, rollups.one_moment(db):
            yield from _budgets(db, self._now)
            yield from _calls(db, self._now)
            yield from _flight(db)
            newest = rollups.newest(db)
        beside = _beside(events_path(str(self._ledger)), self._now)
        yield from _work(beside)
        yield from _told(beside, newest)
        yield from _bills(self._ledger)
        yield _gauge("llmcap_proxies", "Proxies on this ledger.", running(self._ledger))
        yield _gauge("llmcap_workers", "Their processes.", workers(self._ledger))


def _budgets(db: sqlite3.Connection, now: datetime) -> Iterator[Any]:
    """Of a budget `per` something, its values together; the cap is that of one value."""
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

    labels = ["budget", "unit"]
    families = {
        name: GaugeMetricFamily(f"llmcap_budget_{name}", said, labels=labels)
        for name, said in (
            ("spent", "Spent in the window that runs, in the unit of the cap."),
            ("held", "Held by calls in flight."),
            (
                "cap",
                "The cap and what was raised by hand; of one value where it is per something.",
            ),
            ("used_ratio", "Spent and held, as a share of the cap; of the value with the most."),
            ("paused", "1: it admits nothing until it is resumed."),
            ("values", "How many values count now."),
        )
    }
    for budget, run in history.definitions(db):
        rows = queries.balances(db, now, [budget], run_id=run)
        scale = NANOS if budget.unit is CapUnit.USD else 1
        caps = [budget.cap + balance.raised for _, balance in rows]
        used = [
            (balance.spent + balance.held) / cap if cap else 1
            for cap, (_, balance) in zip(caps, rows, strict=True)
        ]
        figures = {
            "spent": sum(balance.spent for _, balance in rows) / scale,
            "held": sum(balance.held for _, balance in rows) / scale,
            "cap": max(caps, default=budget.cap) / scale,
            "used_ratio": max(used, default=0),
            "paused": int(any(balance.paused for _, balance in rows)),
            "values": len(rows),
        }
        for name, figure in figures.items():
            families[name].add_metric([budget.name, str(budget.unit)], figure)
    yield from families.values()


def _calls(db: sqlite3.Connection, now: datetime) -> Iterator[Any]:
    from prometheus_client.core import CounterMetricFamily  # noqa: PLC0415

    if not rollups.has_rollups(db):
        return
    always = Span(0, rollups.slot_of(now) + 1)
    ended = CounterMetricFamily("llmcap_calls", "Calls by how they ended.", labels=["state"])
    known = rollups.totals(db, "state", always)
    for state in ENDS:
        sums = known.get(state, Rollup())
        ended.add_metric([state], sums.calls + sums.refused)
    yield ended
    cost = CounterMetricFamily("llmcap_cost_usd", "What calls cost.", labels=["provider"])
    bound = CounterMetricFamily(
        "llmcap_settled_calls_assumed_cost_usd", "Of that, what is a bound.", labels=["provider"]
    )
    tokens = CounterMetricFamily(
        "llmcap_tokens", "Tokens; cached ones are among those of the input.",
        labels=["provider", "kind"],
    )  # fmt: skip
    for provider, sums in sorted(rollups.totals(db, "provider", always).items()):
        cost.add_metric([provider], sums.cost_nanos / NANOS)
        bound.add_metric([provider], sums.assumed_nanos / NANOS)
        for kind in ("input", "cached", "output"):
            tokens.add_metric([provider, kind], getattr(sums, f"{kind}_tokens"))
    yield from (cost, bound, tokens)
    refused = CounterMetricFamily("llmcap_refused_calls", "By the budget that refused them.",
                                  labels=["budget"])  # fmt: skip
    never = {budget.name: 0 for budget, _ in history.definitions(db)}
    for name, count in sorted({**never, **dict(db.execute(_REFUSED_BY))}.items()):
        refused.add_metric([name], count)
    yield refused
    yield _gauge("llmcap_assumed_ratio", "Of what a day's calls cost, the share that is a bound.",
                 _assumed(db, now))  # fmt: skip


def _assumed(db: sqlite3.Connection, now: datetime) -> float:
    last = rollups.slot_of(now) + 1
    day = rollups.totals(db, "", Span(last - SLOTS_A_DAY, last)).get("", Rollup())
    return day.assumed_nanos / day.cost_nanos if day.cost_nanos else 0


def _flight(db: sqlite3.Connection) -> Iterator[Any]:
    count, held = db.execute(_HELD).fetchone()
    yield _gauge("llmcap_calls_in_flight", "Calls that hold money.", count)
    yield _gauge("llmcap_held_usd", "What they hold.", held / NANOS)


@dataclass(frozen=True, slots=True)
class _Beside:
    """What stands in the file of events, which is there once something was told."""

    counted: Mapping[str, Mapping[int, int]] = MappingProxyType({})
    waiting: int = 0
    queued: int = 0
    fed: int | None = None  # the entry behind which the slowest webhook of calls is
    breakers: Mapping[str, int] = MappingProxyType({})  # that are open, by kind


def _beside(path: str, now: datetime) -> _Beside:
    if not Path(path).exists():
        return _Beside()
    with closing(EventLog(path)) as log:
        breakers = Counter(each.kind for each in log.breakers() if each.until > now)
        return _Beside(
            log.gauges(), len(log.waiting(now)), log.queued(), log.feeds_after(), breakers
        )


def _work(beside: _Beside) -> Iterator[Any]:
    """What all proxies have counted of their own work, and who waits in them now."""
    from prometheus_client.core import CounterMetricFamily  # noqa: PLC0415

    counted = beside.counted
    for name, said in (
        (gauges.CLAMPED, "Calls whose output limit was lowered to what was left."),
        (gauges.CUT, "Streams that were ended, as nothing was left for more."),
    ):
        count = counted.get(name, {}).get(gauges.COUNT, 0)
        yield CounterMetricFamily(f"llmcap_{name}_calls", said, value=count)
    yield _histogram("llmcap_wait_seconds", "How long calls waited for money that others held.",
                     {(): counted.get(gauges.WAIT, {})})  # fmt: skip
    yield _histogram("llmcap_overhead_seconds", "How long calls stood at the door beside that.",
                     {(): counted.get(gauges.OVERHEAD, {})})  # fmt: skip
    steps = {("hold",): gauges.HOLD, ("end",): gauges.END}
    found: dict[tuple[str, ...], Mapping[int, int]]
    found = {step: counted.get(name, {}) for step, name in steps.items()}
    yield _histogram(
        "llmcap_ledger_seconds", "How long a step of the ledger took.", found, ["step"]
    )
    yield _gauge("llmcap_calls_waiting", "Calls that wait for money now.", beside.waiting)


def _histogram(
    name: str, said: str, found: Mapping[tuple[str, ...], Mapping[int, int]],
    labels: Sequence[str] = (),
) -> Any:  # fmt: skip
    from prometheus_client.core import HistogramMetricFamily  # noqa: PLC0415

    family = HistogramMetricFamily(name, said, labels=labels)
    for values, buckets in found.items():
        total, rows = 0, []
        for number, bound in enumerate((*gauges.BOUNDS_MICROS, None)):
            total += buckets.get(number, 0)
            rows.append(("+Inf" if bound is None else str(bound / 1_000_000), total))
        family.add_metric(values, rows, buckets.get(gauges.SUM, 0) / 1_000_000)
    return family


def _gauge(name: str, said: str, value: float) -> Any:
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

    return GaugeMetricFamily(name, said, value=value)


def _told(beside: _Beside, newest: int) -> Iterator[Any]:
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

    yield _gauge("llmcap_alerts_queued", "Alerts still to be delivered.", beside.queued)
    behind = newest - beside.fed if beside.fed is not None else 0
    yield _gauge(
        "llmcap_feed_entries_behind", "Entries that a webhook of calls still lacks.", behind
    )
    family = GaugeMetricFamily("llmcap_breakers_open", "Breakers that are open.", labels=["kind"])
    for kind, count in sorted(beside.breakers.items()):
        family.add_metric([kind], count)
    yield family


def _bills(ledger: Path) -> Iterator[Any]:
    """What came of the bills that were laid beside the ledger."""
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

    captured = GaugeMetricFamily(
        "llmcap_captured_ratio",
        "Of the tokens that a provider billed (xAI: dollars), those that passed here.",
        labels=["provider"],
    )
    compared = GaugeMetricFamily(
        "llmcap_compared_timestamp_seconds", "When its bill was last compared.", labels=["provider"]
    )
    for provider, kept in read_kept(ledger).items():
        if kept.rate is not None:
            captured.add_metric([provider], kept.rate)
        compared.add_metric([provider], datetime.fromisoformat(kept.at).timestamp())
    yield from (captured, compared)
