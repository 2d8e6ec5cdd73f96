"""
All calls of a span of time, and their sums by whatever is asked for.

Calls are read in pages, so a report over years needs the memory of its groups and no more. Of calls
that were pruned there are totals by day: they are summed with the others, by what they still know.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from fnmatch import fnmatchcase

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

    def merge(self, other: "Sums") -> None:
        """The other's calls too."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

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


@dataclass(frozen=True, slots=True)
class Total:
    """What is left of the pruned calls of one day that were about the same."""

    day: date  # of UTC
    facts: Mapping[str, str]  # provider, endpoint, model, state, and attributes
    sums: Sums


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


def totals_within(
    db: sqlite3.Connection,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    attributes: Mapping[str, str] | None = None,
    model: str | None = None,
) -> Iterator[Total]:
    """The totals of the days that begin in [since, until)."""
    rows = db.execute(
        "SELECT day, provider, endpoint, model, state, attributes, calls, input_tokens, "
        "cached_tokens, output_tokens, cost_nanos FROM totals"
    )
    for day, provider, endpoint, its_model, state, kept, *figures in rows:
        began = datetime.combine(date.fromisoformat(day), time(), UTC)
        facts = {
            **json.loads(kept), "provider": provider, "endpoint": endpoint, "model": its_model,
            "state": state,
        }  # fmt: skip
        in_time = (since is None or began >= since) and (until is None or began < until)
        named = model is None or fnmatchcase(its_model.lower(), model.lower())
        wanted = all(facts.get(name) == value for name, value in (attributes or {}).items())
        if in_time and named and wanted:
            yield Total(began.date(), facts, _total_sums(state, *figures))


def _total_sums(
    state: str, calls: int, read: int, cached: int, written: int, cost_nanos: int
) -> Sums:
    if state == "refused":
        return Sums(refused=calls)
    return Sums(calls, 0, calls if state == "assumed" else 0, read, cached, written, cost_nanos)


def sums(
    calls: Iterable[PastCall],
    by: Sequence[str],
    *,
    zone: tzinfo,
    totals: Iterable[Total] = (),
) -> dict[tuple[str, ...], Sums]:
    """The sums of each group, the dearest first; times of day are those of `zone`."""
    found: dict[tuple[str, ...], Sums] = {}
    for call in calls:
        key = tuple([value_of(call, name, zone) for name in by])
        found.setdefault(key, Sums()).add(call)
    for total in totals:
        key = tuple([_value_of_total(total, name) for name in by])
        found.setdefault(key, Sums()).merge(total.sums)
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


def _value_of_total(total: Total, name: str) -> str:
    if name in TIMES:
        # Of a pruned call only the day is known.
        return total.day.strftime(TIMES["day" if name == "hour" else name])
    return total.facts.get(name, "")
