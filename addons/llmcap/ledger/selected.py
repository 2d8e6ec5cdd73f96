"""
Calls with certain values of attributes, of which several things are asked: who they are, once.

What a filter costs is mostly to find the facts that fit it, and each question after that reads the
sums of those alone. All spans of time that are asked for lie within one that is given first.
"""

import json
import sqlite3
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence

from llmcap.ledger.changes import SLOT_MICROS, SUMS, Rollup
from llmcap.ledger.follower import FACTS, cursor
from llmcap.ledger.rolled import (
    COST,
    Span,
    These,
    Values,
    by_time,
    by_value,
    choose,
    uncounted,
    want,
)  # fmt: skip


class Selection:
    """Those of a span that have one value of each of these attributes, told apart by `names`."""

    def __init__(
        self,
        db: sqlite3.Connection,
        names: Sequence[str],
        attributes: Mapping[str, str],
        within: Span,
    ) -> None:
        self._db, self._names, self._attributes = db, names, attributes
        fits = {name: (value,) for name, value in attributes.items()}
        self._chosen = choose(db, names, fits, within=within)
        self._tail = list(self._uncounted(within))

    def totals(self, span: Span) -> dict[Values, Rollup]:
        """The sums of each combination of values of `names`."""
        these = want(self._db, list(self._chosen.values()))
        keys = list(self._chosen)
        found = {keys[key]: sums for key, sums in by_value(self._db, FACTS, span, these, SUMS)}
        for values, slot, sums in self._tail:
            if span.first <= slot < span.last:
                found.setdefault(values, Rollup()).merge(sums)
        return {values: sums for values, sums in found.items() if any(sums.figures())}

    def costs(
        self, steps: Sequence[Span], best: Sequence[str], *, others: bool
    ) -> dict[str | None, list[int]]:
        """
        Nano-dollars in each of these steps, which follow each other, of these values of the first
        name; and under None what `others` cost together, where that is asked for.
        """
        found: dict[str | None, list[int]] = {value: [0] * len(steps) for value in best}
        if others:
            found[None] = [0] * len(steps)
        numbers = {value: number for number, value in enumerate(found)}
        facts: list[list[str]] = [[] for _ in found]
        for values, its in self._chosen.items():
            number = numbers.get(values[0], numbers.get(None))
            if number is not None:
                facts[number] += its
        these, rows = want(self._db, facts), list(found.values())
        for number, step, cost_nanos in self._by_step(steps, these):
            rows[number][step] += cost_nanos
        for values, slot, sums in self._tail:
            number = numbers.get(values[0], numbers.get(None))
            if number is not None and steps[0].first <= slot < steps[-1].last:
                step = bisect_right(steps, slot, key=lambda each: each.first) - 1
                rows[number][step] += sums.cost_nanos
        return found

    def _by_step(self, steps: Sequence[Span], these: These) -> Iterator[tuple[int, int, int]]:
        """Groups with numbers of steps, and nano-dollars; one step may be long, and has weeks."""
        if len(steps) == 1:
            for number, sums in by_value(self._db, FACTS, steps[0], these, COST):
                yield number, 0, sums.cost_nanos
            return
        for number, step, sums in by_time(self._db, FACTS, steps, these, COST):
            yield number, step, sums.cost_nanos

    def _uncounted(self, span: Span) -> Iterator[tuple[Values, int, Rollup]]:
        """What the follower has still before it, and what is in flight, with its slot."""
        counted = cursor(self._db)
        assert counted is not None, "asked of a ledger without rollups"
        from_, to = span.first * SLOT_MICROS, span.last * SLOT_MICROS
        for change in uncounted(self._db, counted, from_, to):
            known = json.loads(change.facts)
            if all(known.get(name, "") == value for name, value in self._attributes.items()):
                values = tuple([known.get(name, "") for name in self._names])
                yield values, change.slot, change.sums
