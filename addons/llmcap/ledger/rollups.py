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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from fnmatch import fnmatchcase
from itertools import groupby

from llmcap.ledger.changes import (
    SLOT_MICROS,
    SLOT_SECONDS,
    SLOTS_A_DAY,
    Rollup,
)
from llmcap.ledger.follower import FACTS, cursor, values_of
from llmcap.ledger.rolled import (
    ALL,
    EVER,
    SUMMED,
    WANTED,
    Span,
    by_time,
    by_value,
    loose,
    uncounted,
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
    attributes: Mapping[str, str] | None = None,
    model: str | None = None,
) -> dict[Key, Rollup]:
    """
    The sums of each group, the dearest first, as `spans.sums` gives them of single calls.

    `attributes` must be equal, `model` is a glob without regard to case, of the asked or the served
    one. Times of day are those of `zone`.
    """
    question = _Question(tuple(by), zone, attributes or {}, model)
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
    attributes: Mapping[str, str]
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
            rows = self._of_facts(db, span)
        else:
            rows = self._of_values(db, names[0] if names else "", span)
        for key, sums in rows:
            found.setdefault(key, Rollup()).merge(sums)
        return {key: sums for key, sums in found.items() if sums.calls or sums.refused}

    def _of_values(
        self, db: sqlite3.Connection, name: str, span: Span
    ) -> Iterator[tuple[Key, Rollup]]:
        """One attribute: its values, and as "" what is left of everything."""
        for value, slot, sums in self._rows(db, name, span, ALL):
            yield self._key({name: value}, slot), sums
            if name:
                rest = Rollup()
                rest.merge(sums, -1)
                yield self._key({}, slot), rest
        if name:
            for _, slot, sums in self._rows(db, "", span, ALL):
                yield self._key({}, slot), sums

    def _of_facts(self, db: sqlite3.Connection, span: Span) -> Iterator[tuple[Key, Rollup]]:
        """Several attributes, or a filter: the facts that are wanted."""
        known = {str(id_): json.loads(facts) for id_, facts in _facts(db, self.attributes)}
        known = {id_: facts for id_, facts in known.items() if self._fits(facts)}
        db.execute("CREATE TEMP TABLE IF NOT EXISTS wanted (value TEXT PRIMARY KEY) WITHOUT ROWID")
        db.execute("DELETE FROM temp.wanted")
        db.executemany("INSERT INTO temp.wanted VALUES (?)", ((id_,) for id_ in known))
        for value, slot, sums in self._rows(db, FACTS, span, WANTED):
            yield self._key(known[value], slot), sums

    def _rows(
        self, db: sqlite3.Connection, name: str, span: Span, these: str
    ) -> Iterator[tuple[str, int, Rollup]]:
        """Values with a slot of the time that is asked for, and their sums."""
        if not any(each in TIMES for each in self.by):
            rows = by_value(db, name, span, these)
            return ((value, span.first, sums) for value, sums in rows)
        first_of = _first_slots(span, [each for each in self.by if each in TIMES], self.zone)
        db.create_function("named_slot", 1, first_of, deterministic=True)
        return by_time(db, name, span, these)

    def _fits(self, facts: Mapping[str, str]) -> bool:
        if any(facts.get(name, "") != value for name, value in self.attributes.items()):
            return False
        if self.model is None:
            return True
        names = (facts["model"].lower(), facts.get("asked", facts["model"]).lower())
        return any(fnmatchcase(name, self.model.lower()) for name in names)

    def _key(self, facts: Mapping[str, str], slot: int) -> Key:
        return tuple(
            [
                _moment(slot, self.zone).strftime(TIMES[name])
                if name in TIMES
                else facts.get(name, "")
                for name in self.by
            ]
        )


def _facts(db: sqlite3.Connection, attributes: Mapping[str, str]) -> Iterable[tuple[int, str]]:
    """Those that have one of these values, which are few; all where none is asked for."""
    for name, value in attributes.items():
        if value:
            return db.execute(
                "SELECT id, facts FROM rollup_facts_with AS found "
                "CROSS JOIN rollup_facts ON id = facts_id WHERE name = ? AND value = ?",
                (name, value),
            )
    return db.execute("SELECT id, facts FROM rollup_facts")


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


def _moment(slot: int, zone: tzinfo) -> datetime:
    return from_seconds(slot * SLOT_SECONDS).astimezone(zone)


def _first_slots(span: Span, timed: Sequence[str], zone: tzinfo) -> Callable[[int], int]:
    """Which slot stands for all that have the same names: zones begin at any quarter."""
    found: dict[int, int] = {}
    began, name = span.first, None
    for slot in range(span.first, span.last):
        at = _moment(slot, zone)
        now = tuple([at.strftime(TIMES[each]) for each in timed])
        if now != name:
            began, name = slot, now
        found[slot] = began
    return found.__getitem__


# --- one attribute ----------------------------------------------------------------------------


def totals(db: sqlite3.Connection, name: str, span: Span) -> dict[str, Rollup]:
    """
    What each value of an attribute came to; the name "" is everything, under the value "".

    `sold` is a provider with a model, as `openai/gpt-5`.
    """
    found: dict[str, Rollup] = {}
    with one_moment(db):
        for value, sums in by_value(db, name, span):
            found.setdefault(value, Rollup()).merge(sums)
        for value, _, sums in _tail(db, name, span):
            found.setdefault(value, Rollup()).merge(sums)
    return {value: sums for value, sums in found.items() if sums.calls or sums.refused}


_SERIES = f"""
    SELECT wanted.value, :number + (rolled.slot - :first) / :size, {SUMMED}
    FROM json_each(:values) AS wanted CROSS JOIN rollup_slots AS rolled
        ON rolled.name = :name AND rolled.value = wanted.value
        AND rolled.slot >= :first AND rolled.slot < :last
    GROUP BY 1, 2
"""  # noqa: S608


def series(
    db: sqlite3.Connection, name: str, values: Sequence[str], steps: Sequence[Span]
) -> dict[str, list[Rollup]]:
    """What each of these values of an attribute came to in each of these steps, which follow."""
    found = {value: [Rollup() for _ in steps] for value in values}
    if not steps:
        return found
    asked = {"name": name, "values": json.dumps(list(values))}
    with one_moment(db):
        number = 0
        # Days are of one length, but for those on which clocks are changed.
        for size, run in groupby(steps, key=lambda step: step.last - step.first):
            same = list(run)
            bounds = {"first": same[0].first, "last": same[-1].last, "size": size}
            rows = db.execute(_SERIES, {**asked, **bounds, "number": number})
            for value, its_number, *figures in rows.fetchall():
                found[value][its_number].merge(Rollup(*figures))
            number += len(same)
        for value, slot, sums in _tail(db, name, Span(steps[0].first, steps[-1].last)):
            if value in found:
                number = bisect_right(steps, slot, key=lambda step: step.first) - 1
                found[value][number].merge(sums)
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
