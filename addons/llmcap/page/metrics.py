"""
What Prometheus is told: sums of the ledger under labels that are bounded.

Never a key, a text of a client or a value of `per`: the labels are the names of budgets and
providers, and words of ours. Counters come from the rollups and from balances of all windows, so
they only grow, whichever process is asked.
"""

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from llmcap.ledger import history, queries, rollups
from llmcap.ledger.liveness import running
from llmcap.ledger.rolled import Span
from llmcap.notices.events import EventLog, events_path
from llmcap.words.errors import ConfigError
from llmcap.words.records import CapUnit

NANOS = 10**9

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
        yield from _around(self._ledger, self._now)


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
    for state, sums in sorted(rollups.totals(db, "state", always).items()):
        if state != "held":  # these are no end, and go down again
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
    for name, count in db.execute(_REFUSED_BY):
        refused.add_metric([name], count)
    yield refused


def _flight(db: sqlite3.Connection) -> Iterator[Any]:
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

    count, held = db.execute(_HELD).fetchone()
    yield GaugeMetricFamily("llmcap_calls_in_flight", "Calls that hold money.", value=count)
    yield GaugeMetricFamily("llmcap_held_usd", "What they hold.", value=held / NANOS)


def _around(ledger: Path, now: datetime) -> Iterator[Any]:
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

    yield GaugeMetricFamily("llmcap_proxies", "Proxies on this ledger.", value=running(ledger))
    path = events_path(str(ledger))
    queued, breakers = 0, dict[str, int]()
    if Path(path).exists():
        log = EventLog(path)
        try:
            queued = log.queued()
            for each in log.breakers():
                breakers[each.kind] = breakers.get(each.kind, 0) + (each.until > now)
        finally:
            log.close()
    yield GaugeMetricFamily("llmcap_alerts_queued", "Alerts still to be delivered.", value=queued)
    family = GaugeMetricFamily("llmcap_breakers_open", "Breakers that are open.", labels=["kind"])
    for kind, count in sorted(breakers.items()):
        family.add_metric([kind], count)
    yield family
