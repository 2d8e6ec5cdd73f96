"""
What the calls of a proxy that is gone are taken to have cost, when nobody was left to meter them.

All that was held, unless the hold says that the call is paid by what its model writes, and that its
vendor stops when the client goes. Then no more can have been written than the model writes in the
time from the hold to the end of the proxy, at the pace that its answers have shown; and where the
proxy had looked at the answer, no more than it had seen, and what the pace makes of the time since.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING

from llmcap.ledger.pulse import LastWord, Seen
from llmcap.ledger.rows import from_micros, micros, text
from llmcap.metering.pace import UNKNOWN, Model, Pace
from llmcap.words.records import Demand, Ending, Settlement, Usage

# Processes that have not ended in order, as far as anybody wrote down.
OTHERS = """
    SELECT id FROM processes WHERE ended_at IS NULL AND id <> :me
    UNION SELECT process_id FROM open_holds WHERE process_id <> :me
"""

# What an open hold says of the call's price: see `_PULSE` in `schema`.
COLUMNS = "hold_id, held_nanos, held_tokens, began, sure_nanos, sure_tokens, token_nanos, choices"
OPEN = f"INSERT INTO open_holds (process_id, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
EXTEND = """
    UPDATE open_holds SET held_nanos = held_nanos + ?, held_tokens = held_tokens + ?
    WHERE hold_id = ? RETURNING held_nanos, held_tokens
"""

_PACES = "SELECT provider, model, streams, highest, wholes, highest_whole, longest FROM paces"
_MODEL = "SELECT provider, model FROM entries WHERE id = ?"
_KEEP = """
    INSERT INTO paces (provider, model, streams, highest, wholes, highest_whole, longest)
    VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (provider, model) DO UPDATE SET
        streams = max(streams, excluded.streams), highest = max(highest, excluded.highest),
        wholes = max(wholes, excluded.wholes),
        highest_whole = max(highest_whole, excluded.highest_whole),
        longest = max(longest, excluded.longest)
"""
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Lost:
    """The hold of a process that is gone, as it was open."""

    hold_id: int
    held_nanos: int
    held_tokens: int
    began: int | None
    sure_nanos: int | None
    sure_tokens: int | None
    token_nanos: int | None
    choices: int | None

    def assumed(self, pace: Pace, word: LastWord | None, note: str) -> Settlement:
        """What it is taken to have cost."""
        whole = Settlement(Ending.ASSUMED, self.held_nanos, note=note)
        if word is None or self.token_nanos is None:
            return whole
        assert self.began is not None, self
        assert self.sure_nanos is not None, self
        held = Seen(self.began, self.sure_nanos, self.sure_tokens or 0, self.token_nanos)
        seen = word.seen.get(self.hold_id, held)
        each = pace.most(word.ended - from_micros(seen.at))
        if each is None:
            return whole
        written = each * (self.choices or 1)
        cost = seen.sure_nanos + written * seen.token_nanos
        if cost >= self.held_nanos:
            return whole
        usage = Usage(input_tokens=seen.sure_tokens, output_tokens=written)
        bounded = f"{note}; at most what its model writes until then"
        return Settlement(Ending.ASSUMED, cost, usage=usage, note=bounded)


def columns_of(demand: Demand | None, now: datetime) -> tuple[int | None, ...]:
    """What an open hold says for the case that its proxy is killed, from `began` on."""
    if demand is None:
        return (micros(now), None, None, None, None)
    choices = demand.per_output_tokens
    token_nanos = int((demand.per_output_nanos / choices).to_integral_value(ROUND_CEILING))
    return (micros(now), demand.fixed_nanos, demand.fixed_tokens, token_nanos, choices)


def pace_of(db: sqlite3.Connection, hold_id: int) -> Pace:
    """What is known of the model that a hold is for."""
    provider, model = db.execute(_MODEL, (hold_id,)).fetchone()
    found = db.execute(_PACES + " WHERE provider = ? AND model = ?", (provider, model)).fetchone()
    return UNKNOWN if found is None else _pace(found)


def paces(db: sqlite3.Connection) -> Iterator[tuple[Model, Pace]]:
    """What is known of each model."""
    for row in db.execute(_PACES):
        yield (row[0], row[1]), _pace(row)


def keep(db: sqlite3.Connection, fresh: Mapping[Model, Pace]) -> None:
    """Add what was learned to what is known."""
    rows = [
        (text(provider), text(model), pace.streams, pace.highest, pace.wholes, pace.highest_whole,
         pace.longest // _MICROSECOND)
        for (provider, model), pace in fresh.items()
    ]  # fmt: skip
    db.executemany(_KEEP, rows)


def _pace(row: tuple[str, str, int, int, int, int, int]) -> Pace:
    _, _, streams, highest, wholes, highest_whole, longest = row
    return Pace(streams, highest, wholes, highest_whole, longest * _MICROSECOND)
