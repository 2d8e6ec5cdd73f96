"""
The tables of the rollups, read: weeks, days and slots of a span, and what has to be added to them.

What these tables hold is in `schema`, who fills them is the `follower`.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

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

SUMMED = ", ".join(f"sum({name})" for name in SUMS)
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

ALL = ""
WANTED = "AND value IN (SELECT value FROM temp.wanted)"

_OF_UNITS = """
    SELECT value, {sums} FROM {table}
    WHERE name = :name AND {unit} >= :first AND {unit} < :last {these} GROUP BY value
"""
# Slots are kept by value: those of a span are found under the values of its days.
_OF_SLOTS = f"""
    SELECT found.value, {{slot}}, {SUMMED}
    FROM (SELECT DISTINCT value FROM {{table}}
        WHERE name = :name
            AND {{unit}} BETWEEN :first / {{size}} AND (:last - 1) / {{size}} {{these}}
    ) AS found CROSS JOIN rollup_slots AS rolled
        ON rolled.name = :name AND rolled.value = found.value
        AND rolled.slot >= :first AND rolled.slot < :last
    GROUP BY 1, 2
"""  # noqa: S608 (all of it is ours)
_DAYS = {"table": "rollup_days", "unit": "day", "size": SLOTS_A_DAY}
_WEEKS = {"table": "rollup_weeks", "unit": "week", "size": SLOTS_A_WEEK}


def by_value(
    db: sqlite3.Connection, name: str, span: Span, these: str = ALL
) -> Iterator[tuple[str, Rollup]]:
    """The values of an attribute in a span of time, each as often as it has parts."""
    (first_week, last_week), rest = span.around(SLOTS_A_WEEK)
    found = list(_units(db, name, (first_week, last_week), these, _WEEKS))
    for around in rest:
        days, edges = around.around(SLOTS_A_DAY)
        found += _units(db, name, days, these, _DAYS)
        for edge in edges:
            values = {"name": name, "first": edge.first, "last": edge.last}
            sql = _OF_SLOTS.format(slot="0", these=these, **_DAYS)
            found += [(row[0], Rollup(*row[2:])) for row in db.execute(sql, values)]
    return iter(found)


def _units(
    db: sqlite3.Connection,
    name: str,
    units: tuple[int, int],
    these: str,
    table: Mapping[str, object],
) -> Iterator[tuple[str, Rollup]]:
    if units[0] < units[1]:
        sql = _OF_UNITS.format(sums=SUMMED, these=these, **table)
        rows = db.execute(sql, {"name": name, "first": units[0], "last": units[1]})
        yield from ((row[0], Rollup(*row[1:])) for row in rows)


def by_time(
    db: sqlite3.Connection, name: str, span: Span, these: str
) -> Iterator[tuple[str, int, Rollup]]:
    """The values of an attribute, by what `named_slot` says of each slot."""
    unit = _WEEKS if span.last - span.first > SLOTS_A_WEEK else _DAYS
    sql = _OF_SLOTS.format(slot="named_slot(rolled.slot)", these=these, **unit)
    rows = db.execute(sql, {"name": name, "first": span.first, "last": span.last})
    return ((row[0], row[1], Rollup(*row[2:])) for row in rows.fetchall())


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
