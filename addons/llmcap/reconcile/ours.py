"""What the ledger says of a provider, by day and model: what was told, and what was assumed."""

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from llmcap.ledger.history import PastCall
from llmcap.ledger.spans import calls_within, totals_within
from llmcap.reconcile.line import Sums
from llmcap.words.usage import Count

Key = tuple[str, str]  # day, model


@dataclass(slots=True)
class Counted:
    """One day of one model: what was told, what was assumed, and the calls of the latter."""

    settled: Sums = field(default_factory=Sums)
    assumed: Sums = field(default_factory=Sums)
    assumed_calls: list[PastCall] = field(default_factory=list)


@dataclass(slots=True)
class Ours:
    """The ledger's side: by key, and the days that it has anything of at all."""

    by_key: dict[Key, Counted] = field(default_factory=dict)
    first_day: str = ""
    last_day: str = ""


def ours(
    db: sqlite3.Connection, providers: Iterable[str], since: datetime, until: datetime
) -> Ours:
    """The calls of these providers in [since, until); with none named, of all."""
    wanted = frozenset(providers)
    found = Ours()
    for call in calls_within(db, since=since, until=until):
        day = call.at.date().isoformat()
        found.first_day = min(found.first_day or day, day)
        found.last_day = max(found.last_day, day)
        if (wanted and call.provider not in wanted) or call.state not in ("settled", "assumed"):
            continue
        if call.attributes.get("imported"):
            continue  # it did not pass the proxy: whether it did is the question
        counted = found.by_key.setdefault((day, call.served_model or call.model), Counted())
        sums = counted.assumed if call.state == "assumed" else counted.settled
        sums.add(Sums(tokens=tokens_of(call.usage), nanos=call.cost_nanos, requests=1))
        if call.state == "assumed":
            counted.assumed_calls.append(call)
    # Of pruned calls there are totals, without the kinds of what was written to caches.
    for total in totals_within(db, since=since, until=until):
        day, facts = total.day.isoformat(), total.facts
        found.first_day = min(found.first_day or day, day)
        if (wanted and facts["provider"] not in wanted) or facts["state"] == "refused":
            continue
        counted = found.by_key.setdefault((day, facts["model"]), Counted())
        sums = counted.assumed if facts["state"] == "assumed" else counted.settled
        read, cached = total.sums.input_tokens, total.sums.cached_tokens
        tokens = [max(read - cached, 0), cached, 0, total.sums.output_tokens]
        sums.add(Sums(tokens=tokens, nanos=total.sums.cost_nanos, requests=total.sums.calls))
    return found


def tokens_of(usage: Mapping[str, Count]) -> list[int]:
    """The counts of a call in the order of `KINDS`: input is what no other kind has."""
    read = int(usage.get("cache_read", 0))
    written = int(usage.get("cache_write_5m", 0)) + int(usage.get("cache_write_1h", 0))
    whole = int(usage.get("input_tokens", 0))
    return [max(whole - read - written, 0), read, written, int(usage.get("output_tokens", 0))]


def day_after(day: str) -> datetime:
    """The midnight (UTC) that ends a day."""
    return datetime.fromisoformat(f"{day}T00:00:00+00:00") + timedelta(days=1)
