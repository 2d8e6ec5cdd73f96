"""What was spent: totals and steps of a span of time, by one attribute, from the rollups."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from llmcap.config.readers import is_attribute
from llmcap.ledger import rollups
from llmcap.ledger.changes import SLOT_SECONDS, SLOTS_A_DAY, Rollup, together
from llmcap.ledger.names.table import key_names
from llmcap.ledger.rolled import Span
from llmcap.ledger.selected import Selection
from llmcap.pricing import PriceBook
from llmcap.words.errors import ConfigError
from llmcap.words.money import ceil_nanos, usd_string

STACKED = 6
SHOWN = 10
# Steps of the chart, the finest first: the first that gives few enough of them is taken.
STEP_SLOTS = (1, 4, 24)
DAYS_FROM = timedelta(days=8)
DAYS_MAX = 100


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
    wanted = {name: value for name, value in arguments.items() if name != "node"}
    where = {name: value for name, value in wanted.items() if value and named(name)}
    return Asked(since, until, by, zone, where | ({"project": project} if project else {}))


def named(name: str) -> bool:
    """Whether calls can be grouped by it."""
    return is_attribute(name) or name in ("budget", "state", "node")


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
        reading = _Some(db, question) if question.where else _All(db, question)
        found = reading.totals(span)
        best = sorted(found, key=lambda value: (-found[value].cost_nanos, value))
        before, all_before = reading.costs(_before(span), best[:SHOWN])
        steps = steps_of(span, question.zone, finest=reading.finest)
        stacked = reading.stacked(best[:STACKED], steps)
        saved = saved_nanos(reading.sold(span), book, _at(span.last))
        keys = named_keys(db, best[:SHOWN]) if question.by == "key" else {}
        metadata = _metadata(db, question.where.get("project"))
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
             "before_usd": usd_string(before.get(value, 0))}
            for value in best[:SHOWN]
        ],
        "key_names": keys,
        "metadata": metadata,
        "others": max(len(best) - SHOWN, 0),
        "total": {**figures(together(found.values())),
                  "before_usd": usd_string(all_before),
                  "saved_usd": usd_string(saved)},
    }  # fmt: skip


def _metadata(db: sqlite3.Connection, project: str | None) -> list[str]:
    """What calls were tagged with; of one project, what its calls were: others are not told of."""
    if project:
        return rollups.names_having(db, "metadata.", "project", project)
    return rollups.names_like(db, "metadata.")


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

# The costs of the dearest values by step, and last those of all others, under None.
Stacked = list[tuple[str | None, list[int]]]


class _All:
    """All calls, by one attribute: the sums of its values are there. Those of "" have none."""

    finest = STEP_SLOTS[0]

    def __init__(self, db: sqlite3.Connection, question: Asked) -> None:
        self._db, self._by = db, question.by

    def totals(self, span: Span) -> dict[str, Rollup]:
        known = rollups.totals(self._db, self._by, span)
        rest = rollups.totals(self._db, "", span).get("", Rollup())
        if known:
            rest.merge(together(known.values()), -1)
        return known | ({"": rest} if rest.calls or rest.refused else {})

    def costs(self, span: Span, _best: Sequence[str]) -> tuple[dict[str, int], int]:
        """Of the values, and of all calls."""
        known = rollups.costs(self._db, self._by, span)
        whole = rollups.costs(self._db, "", span).get("", 0)
        return known | {"": whole - sum(known.values())}, whole

    def stacked(self, best: Sequence[str], steps: Sequence[Span]) -> Stacked:
        named = [value for value in best if value]
        found = rollups.series(self._db, self._by, named, steps)
        return _with_rest(found.items(), rollups.series(self._db, "", [""], steps)[""])

    def sold(self, span: Span) -> dict[str, Rollup]:
        """By provider and model, as `openai/gpt-5`."""
        return rollups.totals(self._db, "sold", span)


class _Some:
    """
    Calls of which more is asked: sums of all that is known of a call, as far as it fits.

    What all of them cost is there by itself where one attribute is asked for; then only the dearest
    values are read beside the totals.
    """

    finest = STEP_SLOTS[1]

    def __init__(self, db: sqlite3.Connection, question: Asked) -> None:
        self._db, self._where = db, question.where
        span = question.span
        within = Span(_before(span).first, span.last)
        names = (question.by, "provider", "model")
        self._selection = Selection(db, names, question.where, within)
        self._found: dict[tuple[str, ...], Rollup] = {}

    def totals(self, span: Span) -> dict[str, Rollup]:
        self._found = self._selection.totals(span)
        return _by(self._found, lambda key: key[0])

    def sold(self, _span: Span) -> dict[str, Rollup]:
        return _by(self._found, lambda key: f"{key[1]}/{key[2]}")

    def costs(self, span: Span, best: Sequence[str]) -> tuple[dict[str, int], int]:
        """Of the dearest values, and of all that fits."""
        *found, (_, (others,)) = self.stacked(best, [span])
        known = {value: cost for value, (cost,) in found if value is not None}
        return known, sum(known.values()) + others

    def stacked(self, best: Sequence[str], steps: Sequence[Span]) -> Stacked:
        if len(self._where) > 1:
            return list(self._selection.costs(steps, best, others=True).items())
        ((name, value),) = self._where.items()
        whole = rollups.series(self._db, name, [value], steps)[value]
        found = self._selection.costs(steps, best, others=False)
        return _with_rest(found.items(), whole)


def _with_rest(found: Iterable[tuple[str | None, list[int]]], whole: Sequence[int]) -> Stacked:
    """The costs of some values, and under None what is left of all by step."""
    known = list(found)
    parts = [costs for _, costs in known]
    rest = [costs - sum(its) for costs, *its in zip(whole, *parts, strict=True)]
    return [*known, (None, rest)]


def _by(
    found: Mapping[tuple[str, ...], Rollup], name_of: Callable[[tuple[str, ...]], str]
) -> dict[str, Rollup]:
    parts: dict[str, list[Rollup]] = {}
    for key, sums in found.items():
        parts.setdefault(name_of(key), []).append(sums)
    return {name: together(each) for name, each in parts.items()}


def steps_of(span: Span, zone: ZoneInfo, *, finest: int = 1) -> list[Span]:
    """The steps of a chart: quarters, hours, six hours; days or weeks of the viewer's zone."""
    length = span.last - span.first
    for size in STEP_SLOTS:
        few = size >= finest and length // size <= 200
        if few and timedelta(seconds=length * SLOT_SECONDS) < DAYS_FROM:
            first = span.first - span.first % size
            return [Span(max(slot, span.first), min(slot + size, span.last))
                    for slot in range(first, span.last, size)]  # fmt: skip
    found, begin = [], span.first
    at = _at(span.first).astimezone(zone)
    days = 1 if length <= DAYS_MAX * SLOTS_A_DAY else 7
    while begin < span.last:
        at = (at + timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
        end = min(rollups.slot_of(at), span.last)
        found.append(Span(begin, end))
        begin = end
    return found


def saved_nanos(sold: Mapping[str, Rollup], book: PriceBook, at: datetime) -> int:
    """What reading from caches cost less than reading anew, at the prices of this moment."""
    saved = Decimal(0)
    for name, sums in sold.items():
        provider, _, model = name.partition("/")
        price = book.find(provider, model, at) if sums.cached_tokens else None
        if price is not None and "input" in price.rates and "cache_read" in price.rates:
            less = price.rates["input"] - price.rates["cache_read"]
            saved += sums.cached_tokens * less / 1_000_000
    return ceil_nanos(max(saved, Decimal(0)))


def _before(span: Span) -> Span:
    return Span(span.first * 2 - span.last, span.first)


def _at(slot: int) -> datetime:
    return datetime.fromtimestamp(slot * SLOT_SECONDS, UTC)


def _moment(slot: int) -> str:
    return _at(slot).isoformat()
