"""What was spent: totals and steps of a span of time, by one attribute, from the rollups."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from llmcap.config.readers import is_attribute
from llmcap.ledger import rollups
from llmcap.ledger.changes import SLOT_SECONDS, Rollup
from llmcap.ledger.names.table import key_names
from llmcap.ledger.rolled import Span
from llmcap.ledger.spans import TIMES
from llmcap.pricing import PriceBook
from llmcap.words.errors import ConfigError
from llmcap.words.money import ceil_nanos, usd_string

STACKED = 6
SHOWN = 10
# Steps of the chart, the finest first: the first that gives few enough of them is taken.
STEP_SLOTS = (1, 4, 24)
DAYS_FROM = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class Asked:
    """A span of time, an attribute, and of whose calls."""

    since: datetime
    until: datetime
    by: str
    zone: ZoneInfo
    where: Mapping[str, str]

    @property
    def span(self) -> Span:
        """In whole quarters of an hour, the last one included."""
        return Span(rollups.slot_of(self.since), rollups.slot_of(self.until) + 1)


def asked(arguments: Mapping[str, str], now: datetime, *, project: str) -> Asked:
    """What the address says. Raises `ConfigError` with what is wrong."""
    by = arguments.get("by", "model")
    if not named(by):
        raise ConfigError(f"by={by!r}: there is no attribute of this name")
    try:
        zone = ZoneInfo(arguments.get("zone") or "UTC")
        since = _time(arguments.get("since")) or now - timedelta(days=7)
        until = min(_time(arguments.get("until")) or now, now)
    except (ZoneInfoNotFoundError, ValueError, OSError, OverflowError) as error:
        raise ConfigError(f"no time or time zone: {error}") from error
    if until < since or until - since > timedelta(days=800):
        raise ConfigError("the span of time ends before it begins, or is longer than 800 days")
    where = {name: value for name, value in arguments.items() if value and named(name)}
    return Asked(since, until, by, zone, where | ({"project": project} if project else {}))


def named(name: str) -> bool:
    """Whether calls can be grouped by it."""
    return is_attribute(name) or name in ("budget", "state")


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def document(db: sqlite3.Connection, question: Asked, book: PriceBook) -> dict[str, Any]:
    """The view of spending: the sum, its steps stacked, the dearest values beside those before."""
    if not rollups.has_rollups(db):
        return {"counting": True, "steps": [], "series": [], "top": [], "total": figures(Rollup())}
    span = question.span
    with rollups.one_moment(db):
        found, before = (totals(db, question, each) for each in (span, _before(span)))
        everything = _sum(found.values())
        best = sorted(found, key=lambda value: (-found[value].cost_nanos, value))
        steps = steps_of(span, question.zone, finest=4 if question.where else 1)
        stacked = _stacked(db, question, best[:STACKED], steps)
        saved = saved_nanos(db, question, span, book)
    return {
        "by": question.by,
        "since": _moment(span.first),
        "until": _moment(span.last),
        "steps": [step.first * SLOT_SECONDS for step in steps],
        "series": [
            {"value": value, "cost_usd": [usd_string(nanos) for nanos in costs]}
            for value, costs in stacked
        ],
        "top": [
            {"value": value, **figures(found[value]),
             "before_usd": usd_string(before.get(value, Rollup()).cost_nanos)}
            for value in best[:SHOWN]
        ],
        "key_names": named_keys(db, best[:SHOWN]) if question.by == "key" else {},
        "metadata": rollups.names_like(db, "metadata."),
        "others": max(len(best) - SHOWN, 0),
        "total": {**figures(everything), "before_usd": usd_string(_sum(before.values()).cost_nanos),
                  "saved_usd": usd_string(saved)},
    }  # fmt: skip


def named_keys(db: sqlite3.Connection, keys: Iterable[str]) -> dict[str, str]:
    """The names of those of these keys that have one, and of no others."""
    names = key_names(db)
    return {key: names[key] for key in keys if key in names}


def figures(sums: Rollup) -> dict[str, Any]:
    """Amounts as decimal strings; what is not assumed was measured."""
    tokens = sums.input_tokens + sums.output_tokens
    return {
        "calls": sums.calls,
        "refused": sums.refused,
        "input_tokens": sums.input_tokens,
        "cached_tokens": sums.cached_tokens,
        "output_tokens": sums.output_tokens,
        "cost_usd": usd_string(sums.cost_nanos),
        "assumed_usd": usd_string(sums.assumed_nanos),
        "per_call_usd": usd_string(sums.cost_nanos // sums.calls) if sums.calls else None,
        "per_1k_tokens_usd": usd_string(sums.cost_nanos * 1_000 // tokens) if tokens else None,
    }


# --- from the rollups -------------------------------------------------------------------------


def totals(db: sqlite3.Connection, question: Asked, span: Span) -> dict[str, Rollup]:
    """Each value's sum; calls that have none of this attribute are those of ""."""
    if question.where:
        found = rollups.sums(
            db, (question.by,), zone=UTC, since=_at(span.first), until=_at(span.last),
            attributes=question.where,
        )  # fmt: skip
        return {value: sums for (value,), sums in found.items()}
    known = rollups.totals(db, question.by, span)
    rest = rollups.totals(db, "", span).get("", Rollup())
    for sums in known.values():
        rest.merge(sums, -1)
    return known | ({"": rest} if rest.calls or rest.refused else {})


def _stacked(
    db: sqlite3.Connection, question: Asked, best: Sequence[str], steps: Sequence[Span]
) -> list[tuple[str | None, list[int]]]:
    """The costs of the dearest values by step, and last those of all others, under None."""
    if question.where:
        return _stacked_of_some(db, question, best, steps)
    named = [value for value in best if value]
    found = rollups.series(db, question.by, named, steps)
    rest = [each.cost_nanos for each in rollups.series(db, "", [""], steps)[""]]
    stacked: list[tuple[str | None, list[int]]] = []
    for value in named:
        values = [each.cost_nanos for each in found[value]]
        rest = [whole - part for whole, part in zip(rest, values, strict=True)]
        stacked.append((value, values))
    return [*stacked, (None, rest)]


def _stacked_of_some(
    db: sqlite3.Connection, question: Asked, best: Sequence[str], steps: Sequence[Span]
) -> list[tuple[str | None, list[int]]]:
    """The same for calls that are filtered: by what their hour or day is called."""
    unit = "day" if _in_days(steps) else "hour"
    numbers = {
        _at(slot).astimezone(question.zone).strftime(TIMES[unit]): number
        for number, step in enumerate(steps)
        for slot in range(step.first, step.last)
    }
    costs: dict[str | None, list[int]] = {value: [0] * len(steps) for value in (*best, None)}
    found = rollups.sums(
        db, (unit, question.by), zone=question.zone, since=_at(steps[0].first),
        until=_at(steps[-1].last), attributes=question.where,
    )  # fmt: skip
    for (name, value), sums in found.items():
        costs[value if value in costs else None][numbers[name]] += sums.cost_nanos
    return list(costs.items())


def _in_days(steps: Sequence[Span]) -> bool:
    return any(step.last - step.first > STEP_SLOTS[-1] for step in steps)


def steps_of(span: Span, zone: ZoneInfo, *, finest: int = 1) -> list[Span]:
    """The steps of a chart: quarters, hours, six hours, or the days of the viewer's zone."""
    length = span.last - span.first
    for size in STEP_SLOTS:
        few = size >= finest and length // size <= 200
        if few and timedelta(seconds=length * SLOT_SECONDS) < DAYS_FROM:
            first = span.first - span.first % size
            return [Span(max(slot, span.first), min(slot + size, span.last))
                    for slot in range(first, span.last, size)]  # fmt: skip
    found, begin = [], span.first
    at = _at(span.first).astimezone(zone)
    while begin < span.last:
        at = (at + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        end = min(rollups.slot_of(at), span.last)
        found.append(Span(begin, end))
        begin = end
    return found


def saved_nanos(db: sqlite3.Connection, question: Asked, span: Span, book: PriceBook) -> int:
    """What reading from caches cost less than reading anew, at the prices of the span's end."""
    if question.where:
        wanted = rollups.sums(
            db, ("provider", "model"), zone=UTC, since=_at(span.first), until=_at(span.last),
            attributes=question.where,
        )  # fmt: skip
        sold = {f"{provider}/{model}": sums for (provider, model), sums in wanted.items()}
    else:
        sold = rollups.totals(db, "sold", span)
    saved = Decimal(0)
    for name, sums in sold.items():
        provider, _, model = name.partition("/")
        price = book.find(provider, model, _at(span.last)) if sums.cached_tokens else None
        if price is not None and "input" in price.rates and "cache_read" in price.rates:
            less = price.rates["input"] - price.rates["cache_read"]
            saved += sums.cached_tokens * less / 1_000_000
    return ceil_nanos(max(saved, Decimal(0)))


def _before(span: Span) -> Span:
    return Span(span.first * 2 - span.last, span.first)


def _sum(parts: Any) -> Rollup:
    found = Rollup()
    for each in parts:
        found.merge(each)
    return found


def _at(slot: int) -> datetime:
    return datetime.fromtimestamp(slot * SLOT_SECONDS, UTC)


def _moment(slot: int) -> str:
    return _at(slot).isoformat()
