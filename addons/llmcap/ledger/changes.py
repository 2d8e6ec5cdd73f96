"""
What entries change in the sums of calls: the one rule by which calls become totals.

A call counts where it was held, with what it was about, from its ending on. A correction brings the
difference to what was known before, under the same facts. So the sum over any run of entries is
what these entries changed, and two runs that meet add up.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from operator import attrgetter

from llmcap.ledger.spans import Sums

SLOT_SECONDS = 900
SLOT_MICROS = SLOT_SECONDS * 1_000_000
SLOTS_A_DAY = 86_400 // SLOT_SECONDS
SLOTS_A_WEEK = 7 * SLOTS_A_DAY

# CROSS JOIN keeps the order of the tables: the planner knows nothing of how many rows there are.
# The entries that end a call or say more of its end, as a table `news (id)`, in three ways.
AFTER = """
    SELECT id FROM entries WHERE id > :after AND id <= :until
        AND kind IN ('settled', 'assumed', 'released', 'refused', 'charged', 'correction')
"""
# Of the calls that began between two entries, what was said of them up to a third.
OF_CALLS = """
    SELECT id FROM entries
        WHERE id BETWEEN :first AND :last AND kind IN ('refused', 'charged') AND id <= :until
    UNION ALL
    SELECT ending.id FROM entries AS began CROSS JOIN entries AS ending ON ending.ends = began.id
        WHERE began.id BETWEEN :first AND :last AND ending.id <= :until
    UNION ALL
    SELECT more.id FROM entries AS began
        CROSS JOIN entries AS more ON more.hold_id = began.id AND more.corrects IS NOT NULL
        WHERE began.id BETWEEN :first AND :last AND more.id <= :until
"""

_BUDGETS = """
    (SELECT group_concat(name, ', ') FROM (
        SELECT budgets.name FROM postings
        CROSS JOIN balances ON balances.id = postings.balance_id
        CROSS JOIN budgets ON budgets.id = balances.budget_id
        WHERE postings.entry_id = began.id GROUP BY budgets.id ORDER BY budgets.id))
"""

# `was` and `usage` are what was known of the call's usage before this entry, and with it.
_CHANGES = """
    WITH news (id) AS ({news}), told AS (
        SELECT began.id AS began_id, began.at / {slot} AS slot, began.provider, began.endpoint,
            began.model AS asked,
            coalesce(ending.served_model, began.served_model, began.model) AS model,
            began.attributes, entry.kind, {budgets} AS budgets,
            coalesce(ending.kind, began.kind) AS state,
            entry.cost_nanos AS cost,
            coalesce(ending.cost_nanos, began.cost_nanos) AS ended_at_cost,
            entry.kind = 'correction' AND EXISTS (
                SELECT 1 FROM entries AS before WHERE before.hold_id = began.id
                    AND before.corrects IS NOT NULL AND before.id < entry.id) AS again,
            CASE entry.kind WHEN 'correction' THEN entry.usage
                ELSE coalesce(ending.usage, began.usage) END AS usage,
            CASE entry.kind WHEN 'correction' THEN coalesce((
                SELECT usage FROM entries AS before WHERE before.hold_id = began.id
                    AND before.corrects IS NOT NULL AND before.id < entry.id
                    AND before.usage IS NOT NULL ORDER BY before.id DESC LIMIT 1
                ), ending.usage, began.usage) END AS was
        FROM news CROSS JOIN entries AS entry ON entry.id = news.id
        CROSS JOIN entries AS began ON began.id = coalesce(entry.hold_id, entry.id)
        LEFT JOIN entries AS ending ON ending.ends = began.id
        WHERE began.at >= :from AND began.at < :to
    )
    SELECT slot, provider, endpoint, asked, model, attributes, budgets,
        CASE state WHEN 'charged' THEN 'settled' ELSE state END AS how,
        min(began_id), max(began_id),
        sum(kind NOT IN ('refused', 'correction')), sum(kind = 'refused'), sum(kind = 'assumed'),
        {counts},
        sum(cost),
        sum(CASE WHEN kind = 'assumed' THEN cost
            WHEN kind = 'correction' AND state = 'assumed' AND NOT again THEN -ended_at_cost
            ELSE 0 END)
    FROM told GROUP BY slot, provider, endpoint, asked, model, attributes, budgets, how
"""
_COUNT = """
    sum(CASE WHEN kind = 'correction' AND usage IS NULL THEN 0
        ELSE coalesce(CAST(json_extract(usage, '$.{name}') AS INTEGER), 0)
        - coalesce(CAST(json_extract(was, '$.{name}') AS INTEGER), 0) END)
"""
_COUNTS = ", ".join(
    _COUNT.format(name=name) for name in ("input_tokens", "cache_read", "output_tokens")
)

_IN_FLIGHT = f"""
    SELECT began.at / {SLOT_MICROS}, began.provider, began.endpoint, began.model, began.model,
        began.attributes, {_BUDGETS}, 'held', began.id, began.id, 1, 0, 0, 0, 0, 0, 0, 0
    FROM open_holds CROSS JOIN entries AS began ON began.id = open_holds.hold_id
    WHERE began.at >= :from AND began.at < :to
"""  # noqa: S608 (all of it is ours)

# Beyond what a ledger's times can be: no bound.
ALWAYS = {"from": -(2**62), "to": 2**62}


@dataclass(slots=True)
class Rollup(Sums):
    """The sums of calls, and how much of their cost is a bound and not measured."""

    assumed_nanos: int = 0

    def merge(self, other: Sums, sign: int = 1) -> None:
        """The other's calls too, or not."""
        for name in SUMS:
            setattr(self, name, getattr(self, name) + sign * getattr(other, name))

    def figures(self) -> list[int]:
        """In the order of `SUMS`."""
        return list(_FIGURES(self))

    def plain(self) -> Sums:
        """Without what only the page tells."""
        return Sums(*self.figures()[:-1])


SUMS = tuple(field.name for field in fields(Rollup))
_FIGURES: Callable[[Rollup], tuple[int, ...]] = attrgetter(*SUMS)


def together(parts: Iterable[Rollup]) -> Rollup:
    """The calls of all of them."""
    return Rollup(*map(sum, zip(*map(_FIGURES, parts), strict=True)))


@dataclass(frozen=True, slots=True)
class Change:
    """What entries changed in the calls of a quarter of an hour that were about the same."""

    slot: int
    facts: str  # a JSON object, its names in order: equal facts are equal texts
    began: tuple[int, int]  # the first and the last entry with which these calls began
    sums: Rollup


def changes(
    db: sqlite3.Connection, news: str, values: Mapping[str, int], *, within: Mapping[str, int]
) -> list[Change]:
    """
    What these entries changed, of the calls that were held in this time.

    `news` is `AFTER` or `OF_CALLS`, `values` are its bounds; `within` is `ALWAYS`, or microseconds.
    """
    sql = _CHANGES.format(news=news, slot=SLOT_MICROS, budgets=_BUDGETS, counts=_COUNTS)
    return _found(db.execute(sql, {**values, **within}))


def in_flight(db: sqlite3.Connection, *, within: Mapping[str, int]) -> list[Change]:
    """The calls that are held now: they count as calls, and have cost nothing yet."""
    return _found(db.execute(_IN_FLIGHT, within))


def _found(rows: Iterable[tuple[int | str, ...]]) -> list[Change]:
    return [
        Change(slot, facts_of(*about), (first, last), Rollup(*sums))  # type: ignore[arg-type]
        for slot, *about, first, last, calls, refused, assumed, read, cached, written, cost, bound
        in rows
        for sums in [(calls, refused, assumed, read, cached, written, cost, bound)]
    ]  # fmt: skip


@lru_cache(maxsize=10_000)
def facts_of(
    provider: str,
    endpoint: str,
    asked: str,
    model: str,
    attributes: str,
    budgets: str | None,
    state: str,
) -> str:
    """What a call was about, as one text; `asked` is there where another model served."""
    known = json.loads(attributes)
    known |= {"provider": provider, "endpoint": endpoint, "model": model, "state": state}
    known["budget"] = budgets or ""
    if asked != model:
        known["asked"] = asked
    return json.dumps(known, sort_keys=True, separators=(",", ":"))
