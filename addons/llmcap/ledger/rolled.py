"""
The tables of the rollups, read: weeks, days and slots of a span, and what has to be added to them.

What these tables hold is in `schema`, who fills them is the `follower`.
"""

import json
import sqlite3
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from llmcap.ledger.changes import (
    AFTER,
    OF_CALLS,
    SLOT_MICROS,
    SLOTS_A_DAY,
    SLOTS_A_WEEK,
    SUMS,
    Change,
    Rollup,
    changes,
    in_flight,
)  # fmt: skip
from llmcap.ledger.follower import FACTS, cursor
from llmcap.ledger.rows import micros

COST = ("cost_nanos",)
FOREVER = 2**62


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open span of time, in slots from 1970."""

    first: int
    last: int  # behind the last one

    def around(self, size: int) -> "tuple[tuple[int, int], tuple[Span, ...]]":
        """The whole days, or weeks, of so many slots that are in it, and what is around them."""
        begin, end = -(-self.first // size), self.last // size
        if begin >= end:
            return (begin, begin), (self,) if self.first < self.last else ()
        parts = (Span(self.first, begin * size), Span(end * size, self.last))
        return (begin, end), tuple([part for part in parts if part.first < part.last])


EVER = Span(-FOREVER // SLOT_MICROS, FOREVER // SLOT_MICROS)


# --- the tables -------------------------------------------------------------------------------


class These(NamedTuple):
    """Whose rows are read: by what they are told apart, and where they are looked for."""

    key: str
    units: str  # whole days or weeks
    slots: str


_SLOTS = """
    CROSS JOIN rollup_slots AS rolled ON rolled.name = :name AND rolled.value = {value}
        AND rolled.slot >= {first} AND rolled.slot < {last}
"""
ALL = These(
    "rolled.value",
    "{table} AS rolled WHERE rolled.name = :name AND {unit} >= {first} AND {unit} < {last}",
    # Slots are kept by value: those of a span are found under the values of its days or weeks.
    "(SELECT DISTINCT value FROM {table} WHERE name = :name "  # noqa: S608 (all of it is ours)
    "AND {unit} BETWEEN {first} / {size} AND ({last} - 1) / {size}) AS found"
    + _SLOTS.replace("{value}", "found.value"),
)
# Those in the table `temp.wanted`, which has a `key` for each `value`; and few of them, of which
# each is found by itself.
WANTED = These(
    "wanted.key",
    "{table} AS rolled CROSS JOIN temp.wanted ON wanted.value = rolled.value "
    "WHERE rolled.name = :name AND {unit} >= {first} AND {unit} < {last}",
    "temp.wanted" + _SLOTS.replace("{value}", "wanted.value"),
)
FEW = WANTED._replace(
    units="(WITH RECURSIVE each (unit) AS (SELECT {first} UNION ALL "
    "SELECT unit + 1 FROM each WHERE unit + 1 < {last}) SELECT unit FROM each) AS units "
    "CROSS JOIN temp.wanted CROSS JOIN {table} AS rolled "
    "ON rolled.name = :name AND {unit} = units.unit AND rolled.value = wanted.value"
)
_DAYS = {"table": "rollup_days", "unit": "day", "size": SLOTS_A_DAY}
_WEEKS = {"table": "rollup_weeks", "unit": "week", "size": SLOTS_A_WEEK}


def by_value(
    db: sqlite3.Connection,
    name: str,
    span: Span,
    these: These = ALL,
    sums: Sequence[str] = SUMS,
) -> Iterator[tuple[Any, Rollup]]:
    """The values of an attribute in a span of time, or the keys of those that are wanted."""
    for key, *figures in _summed(db, name, span, these, sums):
        yield key, _rollup(sums, figures)


def costs_by_value(db: sqlite3.Connection, name: str, span: Span) -> dict[str, int]:
    """What the values of an attribute cost in a span of time, in nano-dollars."""
    return dict(_summed(db, name, span, ALL, COST))


def _rollup(sums: Sequence[str], figures: Sequence[int]) -> Rollup:
    return Rollup(*figures) if sums is SUMS else Rollup(**dict(zip(sums, figures, strict=True)))


def _summed(
    db: sqlite3.Connection, name: str, span: Span, these: These, sums: Sequence[str]
) -> Iterable[tuple[Any, ...]]:
    """Weeks, the days beside them, and what is left at both ends: one reading."""
    parts = list(_parts(span, these))
    if not parts:
        return ()
    columns = ", ".join(sums)
    read = " UNION ALL ".join(
        f"SELECT {these.key} AS key, {columns} FROM {part}"  # noqa: S608
        for part in parts
    )
    sql = f"SELECT key, {_summing(sums)} FROM ({read}) GROUP BY key"  # noqa: S608
    return db.execute(sql, {"name": name})


def _summing(sums: Sequence[str]) -> str:
    return ", ".join(f"sum({each})" for each in sums)


def _parts(span: Span, these: These) -> Iterator[str]:
    (first_week, last_week), beside = span.around(SLOTS_A_WEEK)
    if first_week < last_week:
        yield these.units.format(first=first_week, last=last_week, **_WEEKS)
    for around in beside:
        (first_day, last_day), edges = around.around(SLOTS_A_DAY)
        if first_day < last_day:
            yield these.units.format(first=first_day, last=last_day, **_DAYS)
        for edge in edges:
            yield these.slots.format(first=edge.first, last=edge.last, **_DAYS)


def by_time(
    db: sqlite3.Connection,
    name: str,
    steps: Sequence[Span],
    these: These = ALL,
    sums: Sequence[str] = SUMS,
) -> Iterator[tuple[Any, int, Rollup]]:
    """The same in each of these steps, which follow each other, with the number of the step."""
    number = 0
    # Days are of one length, but for those on which clocks are changed.
    for size, run in groupby(steps, key=lambda step: step.last - step.first):
        same = list(run)
        first, last = same[0].first, same[-1].last
        unit = _WEEKS if last - first > SLOTS_A_WEEK else _DAYS
        rows = db.execute(
            f"SELECT {these.key}, {number} + (rolled.slot - {first}) / {size}, {_summing(sums)} "  # noqa: S608
            f"FROM {these.slots.format(first=first, last=last, **unit)} GROUP BY 1, 2",
            {"name": name},
        )
        for key, its_number, *figures in rows:
            yield key, its_number, _rollup(sums, figures)
        number += len(same)


# --- which facts are asked for --------------------------------------------------------------------

# Of so many times more facts than are wanted, the wanted ones are looked up one by one.
FEW_OF = 20

Values = tuple[str, ...]
Chosen = Mapping[Values, Sequence[str]]  # the facts by what they have of some attributes


def choose(
    db: sqlite3.Connection,
    names: Sequence[str],
    attributes: Mapping[str, Sequence[str]],
    fits_model: Callable[[str, str | None], bool] | None = None,
    *,
    within: Span | None = None,
) -> Chosen:
    """
    The facts with one of these values of each attribute, by their values of `names`.

    "" is the value of what a call has not. With `within`, only those that matter to calls of a
    span of time; others of them may be there.
    """
    given: dict[str, str | int] = {
        f"name{number}": _path(name) for number, name in enumerate(names)
    }
    told = "".join(f", coalesce(facts ->> :name{number}, '')" for number in range(len(names)))
    fits = ["TRUE"]
    if fits_model is not None:
        db.create_function("fits_model", 2, fits_model)
        fits.append("fits_model(facts ->> 'model', facts ->> 'asked')")
    rarest, source = _fewest(db, attributes, within)
    for number, (name, values) in enumerate(attributes.items()):
        given |= {f"its{number}": name, f"path{number}": _path(name)}
        given[f"values{number}"] = json.dumps(list(values))
        fits.append((_FOUND if name == rarest else _TOLD).format(number))
    if within is not None:
        given["first"], given["last"] = _days_of(within)
    chosen: dict[Values, list[str]] = {}
    sql = f"SELECT CAST(id AS TEXT){told} FROM {source} WHERE {' AND '.join(fits)}"  # noqa: S608
    for number, *its in db.execute(sql, given):
        chosen.setdefault(tuple(its), []).append(number)
    return chosen


def want(db: sqlite3.Connection, groups: Sequence[Iterable[str]]) -> These:
    """Read the facts of each group under its number, for the name `FACTS`."""
    db.execute("DROP TABLE IF EXISTS temp.wanted")
    db.execute("CREATE TEMP TABLE wanted (value TEXT PRIMARY KEY, key INTEGER) WITHOUT ROWID")
    rows = ((value, key) for key, values in enumerate(groups) for value in values)
    count = db.executemany("INSERT INTO temp.wanted VALUES (?, ?)", rows).rowcount
    (everything,) = db.execute("SELECT coalesce(max(id), 0) FROM rollup_facts").fetchone()
    return FEW if count * FEW_OF < everything else WANTED


_WITH = "rollup_facts_with AS found CROSS JOIN rollup_facts ON id = found.facts_id"
_WITHIN = """
    (SELECT DISTINCT value FROM rollup_days WHERE name = '#' AND day BETWEEN :first AND :last)
    AS found CROSS JOIN rollup_facts ON id = CAST(found.value AS INTEGER)
"""
_VALUES = "(SELECT value FROM json_each(:values{0}))"
_FOUND = f"found.name = :its{{0}} AND found.value IN {_VALUES}"
_TOLD = f"coalesce(facts ->> :path{{0}}, '') IN {_VALUES}"
_COUNT = """
    SELECT count(*) FROM (
        SELECT 1 FROM rollup_facts_with
        WHERE name = ? AND value IN (SELECT value FROM json_each(?)) LIMIT ?)
"""
_COUNT_WITHIN = """
    SELECT count(*) FROM (
        SELECT 1 FROM rollup_days WHERE name = '#' AND day BETWEEN ? AND ? LIMIT ?)
"""


def _fewest(
    db: sqlite3.Connection, attributes: Mapping[str, Sequence[str]], within: Span | None
) -> tuple[str, str]:
    """Where the fewest facts are looked at: the attribute that they have, if it is by one."""
    found, source, fewest = "", "rollup_facts", FOREVER
    for name, values in attributes.items():
        if "" not in values:
            asked = (name, json.dumps(list(values)), fewest)
            (count,) = db.execute(_COUNT, asked).fetchone()
            if count < fewest:
                found, source, fewest = name, _WITH, count
    if within is not None and within.first < within.last:
        (count,) = db.execute(_COUNT_WITHIN, (*_days_of(within), fewest)).fetchone()
        if count < fewest:
            found, source = "", _WITHIN
    return found, source


def _days_of(span: Span) -> tuple[int, int]:
    """The first day that it has a part of, and the last one."""
    return span.first // SLOTS_A_DAY, (span.last - 1) // SLOTS_A_DAY


def _path(name: str) -> str:
    """An attribute in the facts; no name of one has a quote."""
    return f'$."{name}"'


# --- the costs of some values, step by step ------------------------------------------------------

_STEPS_OF_SLOTS = """
    SELECT wanted.value, steps.key, (
        SELECT sum(cost_nanos) FROM rollup_slots
        WHERE name = :name AND value = wanted.value
            AND slot >= json_extract(steps.value, '$[0]')
            AND slot < json_extract(steps.value, '$[1]'))
    FROM json_each(:values) AS wanted CROSS JOIN json_each(:steps) AS steps
"""
# Days are kept by time: each of a value is found by itself, whatever other values there are.
_COSTS_OF_DAYS = """
    SELECT wanted.value, days.key, cost_nanos
    FROM json_each(:values) AS wanted CROSS JOIN json_each(:days) AS days
    CROSS JOIN rollup_days AS rolled
        ON rolled.name = :name AND rolled.day = days.value AND rolled.value = wanted.value
"""


def costs_by_step(
    db: sqlite3.Connection, name: str, values: Sequence[str], steps: Sequence[Span]
) -> Iterator[tuple[str, int, int]]:
    """
    Values of an attribute, the numbers of steps, and nano-dollars to be added up there.

    The steps follow each other. Days of a time zone are no days of UTC: a step is the days between
    those midnights that are nearest to its ends, and what lies between these and its ends.
    """
    asked = {"name": name, "values": json.dumps(list(values))}
    if max(step.last - step.first for step in steps) < SLOTS_A_DAY // 2:
        yield from _of_slots(db, asked, steps)
        return
    ends = [steps[0].first, *(step.last for step in steps)]
    midnights = [(end + SLOTS_A_DAY // 2) // SLOTS_A_DAY for end in ends]
    days = range(midnights[0], midnights[-1])
    first_days = midnights[:-1]
    rows = db.execute(_COSTS_OF_DAYS, {**asked, "days": json.dumps(list(days))})
    for value, number, cost_nanos in rows.fetchall():
        yield value, bisect_right(first_days, days[number]) - 1, cost_nanos
    nights = [day * SLOTS_A_DAY for day in midnights]
    edges = [Span(*sorted(pair)) for pair in zip(ends, nights, strict=True)]
    for value, number, cost_nanos in _of_slots(db, asked, edges):
        before = cost_nanos if ends[number] > nights[number] else -cost_nanos
        if number > 0:
            yield value, number - 1, before
        if number < len(steps):
            yield value, number, -before


def _of_slots(
    db: sqlite3.Connection, asked: Mapping[str, str], spans: Sequence[Span]
) -> Iterator[tuple[str, int, int]]:
    steps = json.dumps([(span.first, span.last) for span in spans])
    for value, number, cost_nanos in db.execute(_STEPS_OF_SLOTS, {**asked, "steps": steps}):
        if cost_nanos is not None:
            yield value, number, cost_nanos


# --- what is in no whole slot, and what is not counted yet ---------------------------------------


def loose(
    db: sqlite3.Connection, since: datetime | None, until: datetime | None
) -> Iterator[tuple[Change, int]]:
    """What has to be added to the whole slots, or taken off again, with its sign."""
    counted = cursor(db)
    assert counted is not None, "asked of a ledger without rollups"
    from_ = micros(since) if since is not None else -FOREVER
    to = micros(until) if until is not None else FOREVER
    yield from ((change, 1) for change in uncounted(db, counted, from_, to))
    first, last = -(-from_ // SLOT_MICROS), to // SLOT_MICROS
    if since is not None and from_ % SLOT_MICROS:
        end = min(first * SLOT_MICROS, to)
        yield from ((each, 1) for each in _alive(db, first - 1, counted, from_, end))
    if until is not None and to % SLOT_MICROS and last >= first:
        # What was pruned is of the slot's beginning: it is all of it but what came later.
        for facts_id, sums in by_value(db, FACTS, Span(last, last + 1)):
            facts = db.execute("SELECT facts FROM rollup_facts WHERE id = ?", (int(facts_id),))
            yield Change(last, facts.fetchone()[0], (0, 0), sums), 1
        after = _alive(db, last, counted, to, (last + 1) * SLOT_MICROS)
        yield from ((each, -1) for each in after)


def uncounted(db: sqlite3.Connection, counted: int, from_: int, to: int) -> Iterator[Change]:
    """What the follower has still before it, and what is in flight."""
    within = {"from": from_, "to": to}
    yield from changes(db, AFTER, {"after": counted, "until": FOREVER}, within=within)
    yield from in_flight(db, within=within)


def _alive(
    db: sqlite3.Connection, slot: int, counted: int, from_: int, to: int
) -> Sequence[Change]:
    """Of the calls of a slot that are still there, those within; as far as they are counted."""
    bounds = db.execute(
        "SELECT first_id, last_id FROM rollup_began WHERE slot = ?", (slot,)
    ).fetchone()
    if bounds is None:
        return ()
    values = {"first": bounds[0], "last": bounds[1], "until": counted}
    return changes(db, OF_CALLS, values, within={"from": from_, "to": to})
