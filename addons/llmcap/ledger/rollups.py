"""
Sums of calls for reports and pages, from the rollups: what a question costs is what its time costs.

A span of time is cut into whole weeks, days (of UTC) and quarters of an hour, and what is left at
its two ends, which is read from the entries themselves. What the follower has not counted yet is
added each time, and so is what is in flight: the sums are those of all calls, exactly. Only of
calls that were pruned no more is known than the quarter of an hour.
"""

import json
import sqlite3
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import groupby
from typing import Any

from llmcap.ledger.changes import SLOT_MICROS, SLOT_SECONDS, SLOTS_A_DAY, Rollup
from llmcap.ledger.follower import FACTS, cursor, values_of
from llmcap.ledger.rolled import (
    ALL,
    EVER,
    Span,
    These,
    by_time,
    by_value,
    choose,
    costs_by_step,
    costs_by_value,
    loose,
    uncounted,
    want,
)
from llmcap.ledger.rows import from_seconds, micros
from llmcap.ledger.spans import TIMES

Key = tuple[str, ...]


def has_rollups(db: sqlite3.Connection) -> bool:
    """Whether somebody has begun to count this ledger; an older one has no place for it."""
    return cursor(db) is not None


@contextmanager
def one_moment(db: sqlite3.Connection) -> Iterator[None]:
    """All readings within are of the same state of the ledger."""
    if db.in_transaction:
        yield
        return
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.execute("ROLLBACK")


# --- any question -----------------------------------------------------------------------------


def sums(
    db: sqlite3.Connection,
    by: Sequence[str],
    *,
    zone: tzinfo,
    since: datetime | None = None,
    until: datetime | None = None,
    attributes: Mapping[str, str | tuple[str, ...]] | None = None,
    model: str | None = None,
) -> dict[Key, Rollup]:
    """
    The sums of each group, the dearest first, as `spans.sums` gives them of single calls.

    `attributes` must be equal, or one of several; `model` is a glob without regard to case, of the
    asked or the served one. Times of day are those of `zone`.
    """
    wanted = {
        name: (values,) if isinstance(values, str) else values
        for name, values in (attributes or {}).items()
    }
    question = _Question(tuple(by), zone, wanted, model)
    with one_moment(db):
        found = question.answer(db, since, until)
    if by and by[0] in TIMES:
        return dict(sorted(found.items()))
    return dict(sorted(found.items(), key=lambda item: (-item[1].cost_nanos, item[0])))


@dataclass(frozen=True, slots=True)
class _Question:
    """Which calls are asked for, and how they are grouped."""

    by: tuple[str, ...]
    zone: tzinfo
    attributes: Mapping[str, tuple[str, ...]]  # the values of each that fit
    model: str | None

    def answer(
        self, db: sqlite3.Connection, since: datetime | None, until: datetime | None
    ) -> dict[Key, Rollup]:
        found: dict[Key, Rollup] = {}
        for change, sign in loose(db, since, until):
            known = json.loads(change.facts)
            if self._fits(known):
                key = self._key(known, change.slot)
                found.setdefault(key, Rollup()).merge(change.sums, sign)
        span = _whole(db, since, until)
        names = [name for name in self.by if name not in TIMES]
        if len(names) > 1 or self.attributes or self.model is not None:
            rows = self._of_facts(db, names, span)
        else:
            rows = self._of_values(db, names[0] if names else "", span)
        for key, sums in rows:
            found.setdefault(key, Rollup()).merge(sums)
        return {key: sums for key, sums in found.items() if any(sums.figures())}

    def _of_values(
        self, db: sqlite3.Connection, name: str, span: Span
    ) -> Iterator[tuple[Key, Rollup]]:
        """One attribute: its values, and as "" what is left of everything."""
        rest: dict[int, Rollup] = {}
        for value, slot, sums in self._rows(db, name, span, ALL):
            yield self._key({name: value}, slot), sums
            if name:
                rest.setdefault(slot, Rollup()).merge(sums, -1)
        if name:
            for _, slot, sums in self._rows(db, "", span, ALL):
                rest.setdefault(slot, Rollup()).merge(sums)
            yield from ((self._key({}, slot), sums) for slot, sums in rest.items())

    def _of_facts(
        self, db: sqlite3.Connection, names: Sequence[str], span: Span
    ) -> Iterator[tuple[Key, Rollup]]:
        """Several attributes, or a filter: the facts that are wanted, those alike summed as one."""
        fits_model = self._fits_model if self.model is not None else None
        chosen = choose(db, names, self.attributes, fits_model, within=span)
        facts_of = [dict(zip(names, values, strict=True)) for values in chosen]
        these = want(db, list(chosen.values()))
        for key, slot, sums in self._rows(db, FACTS, span, these):
            yield self._key(facts_of[key], slot), sums

    def _rows(
        self, db: sqlite3.Connection, name: str, span: Span, these: These
    ) -> Iterator[tuple[Any, int, Rollup]]:
        """Values, or keys, with a slot of the time that is asked for, and their sums."""
        timed = [each for each in self.by if each in TIMES]
        if not timed:
            return ((key, span.first, sums) for key, sums in by_value(db, name, span, these))
        steps = _steps(span, timed, self.zone)
        rows = by_time(db, name, steps, these)
        return ((key, steps[number].first, sums) for key, number, sums in rows)

    def _fits(self, facts: Mapping[str, str]) -> bool:
        if any(facts.get(name, "") not in fit for name, fit in self.attributes.items()):
            return False
        return self._fits_model(facts["model"], facts.get("asked"))

    def _fits_model(self, model: str, asked: str | None) -> bool:
        if self.model is None:
            return True
        wanted = self.model.lower()
        return any(fnmatchcase(name.lower(), wanted) for name in (model, asked or model))

    def _key(self, facts: Mapping[str, str], slot: int) -> Key:
        return tuple(
            [
                called(slot, self.zone, name) if name in TIMES else facts.get(name, "")
                for name in self.by
            ]
        )


def _whole(db: sqlite3.Connection, since: datetime | None, until: datetime | None) -> Span:
    """The whole slots of a span of time, as far as there are any."""
    least, most = db.execute(
        "SELECT min(day), max(day) + 1 FROM rollup_days WHERE name = ''"
    ).fetchone()
    if least is None:
        return Span(0, 0)
    least, most = least * SLOTS_A_DAY, most * SLOTS_A_DAY
    first = max(-(-micros(since) // SLOT_MICROS), least) if since is not None else least
    last = min(micros(until) // SLOT_MICROS, most) if until is not None else most
    return Span(first, max(first, last))


@lru_cache(maxsize=50_000)
def called(slot: int, zone: tzinfo, name: str) -> str:
    """What the hour, day, month or year of a slot is called in a zone."""
    return from_seconds(slot * SLOT_SECONDS).astimezone(zone).strftime(TIMES[name])


def _steps(span: Span, timed: Sequence[str], zone: tzinfo) -> list[Span]:
    """Slots that have the same names, together: zones begin at any quarter."""

    def names(slot: int) -> tuple[str, ...]:
        return tuple([called(slot, zone, each) for each in timed])

    runs = (list(run) for _, run in groupby(range(span.first, span.last), key=names))
    return [Span(run[0], run[-1] + 1) for run in runs]


# --- one attribute ----------------------------------------------------------------------------


def totals(db: sqlite3.Connection, name: str, span: Span) -> dict[str, Rollup]:
    """
    What each value of an attribute came to; the name "" is everything, under the value "".

    `sold` is a provider with a model, as `openai/gpt-5`.
    """
    with one_moment(db):
        found: dict[str, Rollup] = dict(by_value(db, name, span))
        for value, _, sums in _tail(db, name, span):
            found.setdefault(value, Rollup()).merge(sums)
    return {value: sums for value, sums in found.items() if sums.calls or sums.refused}


def costs(db: sqlite3.Connection, name: str, span: Span) -> dict[str, int]:
    """What each value of an attribute cost, in nano-dollars."""
    with one_moment(db):
        found = costs_by_value(db, name, span)
        for value, _, sums in _tail(db, name, span):
            found[value] = found.get(value, 0) + sums.cost_nanos
    return found


def series(
    db: sqlite3.Connection, name: str, values: Sequence[str], steps: Sequence[Span]
) -> dict[str, list[int]]:
    """What each of these values of an attribute cost in each of these steps, in nano-dollars."""
    found = {value: [0] * len(steps) for value in values}
    if not steps:
        return found
    with one_moment(db):
        for value, number, cost_nanos in costs_by_step(db, name, values, steps):
            found[value][number] += cost_nanos
        for value, slot, sums in _tail(db, name, Span(steps[0].first, steps[-1].last)):
            if value in found:
                number = bisect_right(steps, slot, key=lambda step: step.first) - 1
                found[value][number] += sums.cost_nanos
    return found


def _tail(db: sqlite3.Connection, name: str, span: Span) -> Iterator[tuple[str, int, Rollup]]:
    """What is not counted yet, and what is in flight, of one attribute."""
    counted = cursor(db)
    assert counted is not None, "asked of a ledger without rollups"
    from_, to = span.first * SLOT_MICROS, span.last * SLOT_MICROS
    for change in uncounted(db, counted, from_, to):
        for its_name, value in values_of(change.facts):
            if its_name == name:
                yield value, change.slot, change.sums


def cost_of(db: sqlite3.Connection, name: str, value: str) -> int | None:
    """
    What all calls with this value have cost, in nano-dollars; it reads what this value has, and
    what is not counted yet. None where nobody keeps the rollups, so that this would be too much.
    """
    with one_moment(db):
        done = cursor(db)
        if done is None or newest(db) - done > UNCOUNTED_MAX:
            return None
        found: int = db.execute(_COST_OF, (name, value)).fetchone()[0]
        tail = _tail(db, name, EVER)
        return found + sum(sums.cost_nanos for its, _, sums in tail if its == value)


UNCOUNTED_MAX = 20_000
_COST_OF = "SELECT coalesce(sum(cost_nanos), 0) FROM rollup_slots WHERE name = ? AND value = ?"


# --- single calls -----------------------------------------------------------------------------


def began(
    db: sqlite3.Connection, having: Sequence[tuple[str, Sequence[str]]], span: Span
) -> list[tuple[int, int]]:
    """Between which entries calls began that may have one of these values of each attribute."""
    bounds = {"first": span.first, "last": span.last}
    rows = db.execute(_BEGAN, bounds).fetchall()
    for name, values in having:
        slots = {
            slot
            for value in values
            for (slot,) in db.execute(_SLOTS_WITH, {**bounds, "name": name, "value": value})
        }
        rows = [row for row in rows if row[0] in slots]
    return [(first, last) for _, first, last in rows]


def values_like(db: sqlite3.Connection, name: str, glob: str) -> list[str]:
    """The values of an attribute that fit a glob, without regard to case; for those with few."""
    rows = db.execute("SELECT DISTINCT value FROM rollup_weeks WHERE name = ?", (name,))
    return [value for (value,) in rows if fnmatchcase(value.lower(), glob.lower())]


def names_like(db: sqlite3.Connection, prefix: str) -> list[str]:
    """The attributes that calls have had whose names begin so, each found by one step."""
    return [
        name
        for (name,) in db.execute(_NAMES_LIKE, {"prefix": prefix, "end": f"{prefix}\U0010ffff"})
    ]


def names_having(db: sqlite3.Connection, prefix: str, name: str, value: str) -> list[str]:
    """The same of calls that have this value of an attribute."""
    return [found for (found,) in db.execute(_NAMES_HAVING, (name, value, f"{prefix}*"))]


_NAMES_HAVING = """
    SELECT DISTINCT each.key FROM rollup_facts_with AS found
    CROSS JOIN rollup_facts AS of ON of.id = found.facts_id CROSS JOIN json_each(of.facts) AS each
    WHERE found.name = ? AND found.value = ? AND each.key GLOB ? ORDER BY 1
"""
_NAMES_LIKE = """
    WITH RECURSIVE found (name) AS (
        SELECT min(name) FROM rollup_weeks WHERE name >= :prefix AND name < :end
        UNION ALL
        SELECT (SELECT min(name) FROM rollup_weeks WHERE name > found.name AND name < :end)
        FROM found WHERE found.name IS NOT NULL)
    SELECT name FROM found WHERE name IS NOT NULL
"""


def newest(db: sqlite3.Connection) -> int:
    """The last entry that there is."""
    found: int = db.execute("SELECT coalesce(max(id), 0) FROM entries").fetchone()[0]
    return found


def counted(db: sqlite3.Connection) -> int:
    """The last entry that is in the rollups."""
    return cursor(db) or 0


_BEGAN = """
    SELECT slot, first_id, last_id FROM rollup_began WHERE slot >= :first AND slot < :last
"""
_SLOTS_WITH = """
    SELECT slot FROM rollup_slots
    WHERE name = :name AND value = :value AND slot >= :first AND slot < :last
"""


# --- the burn ---------------------------------------------------------------------------------


def spent_since(db: sqlite3.Connection, since: datetime) -> int:
    """
    The nano-dollars of all entries that were written from this moment on.

    It reads backwards to the last ending before, whose time is that of its writing; the time of a
    hold is that of its call, which may have waited.
    """
    found: int = db.execute(_SPENT_SINCE, {"since": micros(since)}).fetchone()[0]
    return found


_SPENT_SINCE = """
    SELECT coalesce(sum(cost_nanos), 0) FROM entries
    WHERE at >= :since AND id > coalesce((
        SELECT id FROM entries
        WHERE kind IN ('settled', 'assumed', 'released', 'correction') AND at < :since
        ORDER BY id DESC LIMIT 1), 0)
"""


def slot_of(at: datetime) -> int:
    """The quarter of an hour that a moment is in."""
    return micros(at.astimezone(UTC)) // SLOT_MICROS
