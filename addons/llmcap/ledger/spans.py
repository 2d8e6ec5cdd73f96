"""
All calls of a span of time, and their sums by whatever is asked for.

Calls are read in pages, so a report over years needs the memory of its groups and no more.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from llmcap.ledger import history
from llmcap.ledger.history import PastCall

PAGE = 1_000

# What a report can group by, besides the attributes of a call.
TIMES = {"hour": "%Y-%m-%d %H:00", "day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}


@dataclass(slots=True)
class Sums:
    """What the calls of one group used and cost."""

    calls: int = 0
    refused: int = 0
    assumed: int = 0  # calls whose cost is a bound
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    cost_nanos: int = 0

    def add(self, call: PastCall) -> None:
        """One more call; one that is still in flight has cost nothing yet."""
        if call.state == "refused":
            self.refused += 1
            return
        self.calls += 1
        self.assumed += call.state == "assumed"
        self.input_tokens += int(call.usage.get("input_tokens", 0))
        self.cached_tokens += int(call.usage.get("cache_read", 0))
        self.output_tokens += int(call.usage.get("output_tokens", 0))
        self.cost_nanos += call.cost_nanos


def calls_within(
    db: sqlite3.Connection,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    attributes: Mapping[str, str] | None = None,
    model: str | None = None,
) -> Iterator[PastCall]:
    """Every call in [since, until), the newest first."""
    before: int | None = None
    while True:
        page = history.calls(
            db, limit=PAGE, before_id=before, since=since, attributes=attributes, model=model
        )
        for call in page:
            if until is None or call.at < until:
                yield call
        if len(page) < PAGE:
            return
        before = page[-1].entry_id


def sums(
    calls: Iterator[PastCall], by: Sequence[str], *, zone: tzinfo
) -> dict[tuple[str, ...], Sums]:
    """The sums of each group, the dearest first; times of day are those of `zone`."""
    found: dict[tuple[str, ...], Sums] = {}
    for call in calls:
        key = tuple([value_of(call, name, zone) for name in by])
        found.setdefault(key, Sums()).add(call)
    if by and by[0] in TIMES:
        return dict(sorted(found.items()))
    return dict(sorted(found.items(), key=lambda item: (-item[1].cost_nanos, item[0])))


def value_of(call: PastCall, name: str, zone: tzinfo) -> str:
    """What a call is grouped under."""
    if name in TIMES:
        return call.at.astimezone(zone).strftime(TIMES[name])
    own = {
        "provider": call.provider,
        "endpoint": call.endpoint,
        "model": call.served_model or call.model,
        "state": call.state,
        "budget": ", ".join(call.budgets),
    }
    return own[name] if name in own else call.attributes.get(name, "")
