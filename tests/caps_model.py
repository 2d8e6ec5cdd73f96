"""
What the guide says of budgets, computed from a config's plain document: lists, sums, wall clocks.

Nothing of the code that is tested is used here, so that a mistake would have to be made twice.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache, cached_property
from typing import Any
from zoneinfo import ZoneInfo

from made_up import CRONS, LENGTHS


@cache
def cron_turn(quarter: int, every: str, zone: str) -> int:
    """The last quarter of an hour, counted from 1970, at which this clock showed what cron says."""
    for number in range(quarter, quarter - 4 * 24 * 32, -1):
        wall = datetime.fromtimestamp(number * 900, ZoneInfo(zone))
        shown = (wall.minute, wall.hour, wall.day, wall.isoweekday())
        if all(want in (None, has) for want, has in zip(CRONS[every], shown, strict=True)):
            return number
    raise AssertionError("it comes at least once a month")


@cache
def window(every: str, zone: str, at: datetime) -> object:
    """What makes two moments lie in one window; not for rolling ones."""
    wall = at.astimezone(ZoneInfo(zone))
    epoch = int(at.timestamp())
    shift = datetime(2024, 1, 1, tzinfo=ZoneInfo(zone)).utcoffset() or timedelta(0)
    match every:
        case "once" | "run":
            return "ever"
        case "minute" | "hour":
            length = 60 if every == "minute" else 3_600
            return (epoch + int(shift.total_seconds())) // length
        case "day":
            return wall.date()
        case "week":
            return wall.isocalendar()[:2]
        case "month":
            return (wall.year, wall.month)
        case "year":
            return wall.year
    return cron_turn(epoch // 900, every, zone)


def looks_like(value: str, pattern: str) -> bool:
    """The globs that made-up configs have, without regard to case."""
    value, pattern = value.lower(), pattern.lower()
    if pattern == "?*":
        return bool(value)
    if pattern.endswith("*"):
        return value.startswith(pattern[:-1])
    return value == pattern


def as_list(value: Any) -> list[Any]:
    """What may stand alone."""
    return value if isinstance(value, list) else [value]


@dataclass
class Spending:
    """What one call is to one budget."""

    at: datetime  # when it was held
    held: int
    spent: int = 0
    ended: bool = False
    counts: bool = True  # as a call: it was not free

    @property
    def amount(self) -> int:
        """Spent or held."""
        return self.spent if self.ended else self.held


@dataclass
class Cap:
    """One budget of the config, and everything that was ever counted under it."""

    document: dict[str, Any]
    zone: str
    spendings: dict[str, list[Spending]] = field(default_factory=dict)  # by value
    refused: dict[str, list[datetime]] = field(default_factory=dict)
    warned: set[tuple[object, ...]] = field(default_factory=set)  # value, window, share, action
    stopped: set[tuple[object, ...]] = field(default_factory=set)  # value, window

    @cached_property
    def name(self) -> str:
        """As configured."""
        return str(self.document["name"])

    @cached_property
    def rolling(self) -> timedelta | None:
        """Its length, if it rolls."""
        return None if self.unit == "concurrent" else LENGTHS.get(self.document["every"])

    @cached_property
    def unit(self) -> str:
        """What it counts."""
        _, _, unit = str(self.document["cap"]).partition(" ")
        return {"": "usd", "calls": "request"}.get(unit, unit.removesuffix("s"))

    @cached_property
    def cap(self) -> int:
        """How much: nano-dollars, or a number."""
        number = str(self.document["cap"]).split(" ")[0].removeprefix("$")
        factor = 10**9 if self.unit == "usd" else 1
        if number.endswith("k"):
            number, factor = number[:-1], 1_000
        return int(Decimal(number) * factor)

    def covers(self, attributes: Mapping[str, str]) -> bool:
        """Whether a call falls under it."""

        def fits(wanted: Mapping[str, Any]) -> bool:
            return all(
                any(looks_like(attributes[name], glob) for glob in as_list(globs))
                for name, globs in wanted.items()
            )

        allowed = self.document.get("allow")
        return fits(self.document.get("match", {})) and not (
            allowed and any(fits(each) for each in as_list(allowed))
        )

    def value(self, attributes: Mapping[str, str]) -> str:
        """Which of its values a call counts under."""
        names = as_list(self.document.get("per", []))
        values = [attributes[name] for name in names]
        return values[0] if len(values) == 1 else json.dumps(values) if values else ""

    def turn(self, at: datetime) -> object:
        """The window of a moment, for what does not roll; calls in flight have one, for ever."""
        every = "once" if self.unit == "concurrent" else self.document["every"]
        return window(every, self.zone, at)

    def together(self, before: datetime, now: datetime) -> bool:
        """Whether what was held then counts now."""
        if self.rolling is None:
            return self.turn(before) == self.turn(now)
        # A sixtieth of the length counts until all of it is out.
        bucket = -(-int(self.rolling.total_seconds()) // 60)
        starts = [int(moment.timestamp()) // bucket * bucket for moment in (before, now)]
        return starts[1] - starts[0] < self.rolling.total_seconds() + bucket

    def counted(self, value: str, now: datetime) -> list[Spending]:
        """What counts now."""
        return [each for each in self.spendings.get(value, []) if self.together(each.at, now)]

    def spent(self, value: str, now: datetime) -> int:
        """All that ended."""
        return sum(each.spent for each in self.counted(value, now) if each.ended)

    def left(self, value: str, now: datetime) -> int:
        """What a call may still need."""
        return self.cap - sum(each.amount for each in self.counted(value, now))

    def needs(self, fixed: "Fixed", limit: int) -> int:
        """What a call with this output limit needs of it."""
        match self.unit:
            case "usd":
                return fixed.nanos + limit * fixed.output_nanos
            case "token":
                return fixed.tokens + limit
        return 1

    def actions(self, value: str, now: datetime) -> list[tuple[str, Any]]:
        """The thresholds that are reached, the lowest first: share and action."""
        spent = self.spent(value, now)
        return [
            (share, action)
            for share, actions in sorted(self.document.get("at", {}).items())
            for action in as_list(actions)
            if spent * 100 >= int(share.removesuffix("%")) * self.cap
        ]


@dataclass(frozen=True)
class Fixed:
    """What a call needs before its first output token, and for each of them."""

    nanos: int
    tokens: int
    output_nanos: int
