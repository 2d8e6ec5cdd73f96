"""
Windows: the periods over which budgets count, as half-open spans of time.

A window is part of a balance's key, so its turn writes nothing: the next call just counts under
another start. Calendar windows turn when the clock on the wall does, in the budget's time zone; a
day on which the clock changes is 23 or 25 hours long.

**Rolling windows** are cut into sixty buckets, and a bucket counts until all of it is out of the
window. So no stretch of that length ever holds more than the cap, money comes back at most a
sixtieth of the window late, and an admission reads at most 61 balances, whatever the history.
Buckets in the future count likewise, which only a clock that jumped back can meet.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from llmcap.words.errors import ConfigError
from llmcap.words.meant import meant

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BUCKETS = 60
LENGTH_MAX = timedelta(days=366)

# The rarest date is a 29 February on a given day of the week: at most 40 years apart.
_CRON_DAYS_MAX = 41 * 366

_LENGTH = re.compile(r"(\d{1,9})\s*([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}

_NAMED = ("once", "run", "minute", "hour", "day", "week", "month", "year")
_EXPECTED = (
    f"expected {', '.join(_NAMED)}, a rolling length like 5h or 7d, "
    'or five cron fields like "0 9 * * mon"'
)


@dataclass(frozen=True, slots=True)
class Span:
    """One window: from `start` until just before `end`. None: it never ends."""

    start: datetime
    end: datetime | None

    def holds(self, at: datetime) -> bool:
        """Whether the moment lies in it."""
        return self.start <= at and (self.end is None or at < self.end)


class Window:
    """
    A way to cut time into spans; moments are aware datetimes.

    `reach` is not zero for rolling windows only: balances count together when their starts are less
    than this apart. `run` says that each run of the proxy has a window of its own.
    """

    __slots__ = ("_cut", "_latest", "_linger", "reach", "run")

    def __init__(
        self,
        cut: Callable[[datetime], Span],
        *,
        run: bool = False,
        reach: timedelta = timedelta(0),
        linger: timedelta = timedelta(0),
    ) -> None:
        self.run = run
        self.reach = reach
        self._cut = cut
        self._linger = linger
        self._latest: Span | None = None

    def start(self, at: datetime) -> datetime:
        """When the window of this moment began; for a rolling window, its newest bucket."""
        return self._span(at).start

    def resets_at(self, at: datetime) -> datetime | None:
        """When all that counts at this moment has stopped to count; None: never."""
        end = self._span(at).end
        return None if end is None else end + self._linger

    def _span(self, at: datetime) -> Span:
        assert at.tzinfo is not None, "a naive datetime does not name a moment"
        span = self._latest
        if span is None or not span.holds(at):
            span = self._latest = self._cut(at)
            assert span.holds(at), (span, at)
        return span


@lru_cache(maxsize=256)
def parse_window(every: str, timezone: str = "UTC") -> Window:
    """
    The window that a budget's `every` describes.

    Raises `ConfigError` for a window or a time zone that is not known.
    """
    zone = _zone(timezone)
    text = " ".join(every.lower().split())
    if text in ("once", "run"):
        return Window(lambda _: Span(EPOCH, None), run=text == "run")
    if text in ("minute", "hour"):
        return Window(_clock_cut(60 if text == "minute" else 3_600, zone))
    if text in _DATES:
        first, following = _DATES[text]
        return Window(_calendar_cut(first, following, zone))
    if match := _LENGTH.fullmatch(text):
        return _rolling(timedelta(seconds=int(match[1]) * _SECONDS[match[2]]), every)
    if text.count(" ") == 4:
        return Window(_Cron(text, every, zone).cut)
    raise ConfigError(f"{every!r} is not a window: {meant(every, _NAMED)}{_EXPECTED}")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(
            f"{name!r} is not a time zone: expected a name such as UTC or Europe/Berlin"
        ) from error


# --- minutes and hours, rolling lengths -------------------------------------------------------


def _clock_cut(seconds: int, zone: ZoneInfo) -> Callable[[datetime], Span]:
    """
    Spans of equal length, so an hour that the clock repeats has two windows.

    Some zones are half an hour off the hour; the offset is taken once, since it must not move.
    """
    offset = datetime(2024, 1, 1, tzinfo=zone).utcoffset() or timedelta(0)
    length = timedelta(seconds=seconds)
    anchor = EPOCH - offset

    def cut(at: datetime) -> Span:
        start = anchor + (at - anchor) // length * length
        return Span(start, start + length)

    return cut


def _rolling(length: timedelta, every: str) -> Window:
    if not timedelta(seconds=1) <= length <= LENGTH_MAX:
        raise ConfigError(f"{every!r} is not a rolling window: expected 1s to {LENGTH_MAX.days}d")
    bucket = timedelta(seconds=-(-int(length.total_seconds()) // BUCKETS))

    def cut(at: datetime) -> Span:
        start = EPOCH + (at - EPOCH) // bucket * bucket
        return Span(start, start + bucket)

    return Window(cut, reach=length + bucket, linger=length)


# --- days and longer --------------------------------------------------------------------------


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


# For each calendar window: its first day, from any of its days, and the next one's, from its first.
_DATES: dict[str, tuple[Callable[[date], date], Callable[[date], date]]] = {
    "day": (lambda day: day, lambda day: day + timedelta(days=1)),
    "week": (lambda day: day - timedelta(days=day.weekday()), lambda day: day + timedelta(days=7)),
    "month": (lambda day: day.replace(day=1), _next_month),
    "year": (
        lambda day: day.replace(month=1, day=1),
        lambda day: day.replace(year=day.year + 1, month=1, day=1),
    ),
}


def _calendar_cut(
    first: Callable[[date], date], following: Callable[[date], date], zone: ZoneInfo
) -> Callable[[datetime], Span]:
    def cut(at: datetime) -> Span:
        day = first(at.astimezone(zone).date())
        return Span(_moment(day, time(), zone), _moment(following(day), time(), zone))

    return cut


def _moment(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """
    The first moment at which the wall shows this.

    Where the wall never shows it, because the clock was put forward over it, `zoneinfo` answers
    with the offset from before (fold=0, PEP 495), which lies just behind the change.
    """
    return datetime.combine(day, clock, zone).astimezone(UTC)


# --- cron -------------------------------------------------------------------------------------

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
# name, least, most, names of the values from the least on
_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _DAYS),
)


class _Cron:
    """
    Windows that turn at the moments of a cron expression, as POSIX `crontab` reads it.

    Where both the day of the month and the day of the week are restricted, either is enough. A time
    that the clock shows twice turns the window the first time only.
    """

    def __init__(self, text: str, every: str, zone: ZoneInfo) -> None:
        fields = text.split(" ")
        sets = [
            _cron_field(field, *spec, every=every)
            for field, spec in zip(fields, _FIELDS, strict=True)
        ]
        minutes, hours, self._days, self._months, weekdays = sets
        self._weekdays = frozenset(day % 7 for day in weekdays)
        self._either = not fields[2].startswith("*") and not fields[4].startswith("*")
        self._times = [time(hour, minute) for hour in sorted(hours) for minute in sorted(minutes)]
        self._zone = zone
        if not any(self._matches(date(2000, 1, 1) + timedelta(n)) for n in range(_CRON_DAYS_MAX)):
            raise ConfigError(f"{every!r} is not a window: no date ever matches it")

    def cut(self, at: datetime) -> Span:
        today = at.astimezone(self._zone).date()
        return Span(
            max(self._near(today, -1, lambda moment: moment <= at)),
            min(self._near(today, 1, lambda moment: moment > at)),
        )

    def _near(
        self, today: date, step: int, wanted: Callable[[datetime], bool]
    ) -> Iterator[datetime]:
        """The wanted moments of the nearest day that has any, in one direction."""
        for distance in range(_CRON_DAYS_MAX):
            day = today + timedelta(days=step * distance)
            if self._matches(day):
                moments = [_moment(day, clock, self._zone) for clock in self._times]
                found = [moment for moment in moments if wanted(moment)]
                if found:
                    return iter(found)
        raise AssertionError("an expression that matches a date has a moment within forty years")

    def _matches(self, day: date) -> bool:
        if day.month not in self._months:
            return False
        by_month = day.day in self._days
        by_week = day.isoweekday() % 7 in self._weekdays
        return by_month or by_week if self._either else by_month and by_week


def _cron_field(
    field: str, what: str, least: int, most: int, names: tuple[str, ...], *, every: str
) -> frozenset[int]:
    """The values of one field: `*`, `3`, `mon`, `1-5`, `*/15`, `0-30/10`, and lists of those."""

    def number(word: str) -> int:
        if word in names:
            return least + names.index(word)
        value = int(word) if word.isdecimal() else -1
        if not least <= value <= most:
            raise ConfigError(
                f"{every!r} is not a window: its {what} {word!r} is not within {least} to {most}"
            )
        return value

    values: set[int] = set()
    for part in field.split(","):
        base, slash, step_text = part.partition("/")
        step = int(step_text) if step_text.isdecimal() else 0 if slash else 1
        if step < 1:
            raise ConfigError(
                f"{every!r} is not a window: its {what} has the step {step_text!r}, "
                "expected 1 or more"
            )
        low_text, dash, high_text = base.partition("-")
        if base == "*":
            low, high = least, most
        else:
            low = number(low_text)
            high = number(high_text) if dash else most if slash else low
        if low > high:
            raise ConfigError(
                f"{every!r} is not a window: its {what} range {base!r} runs backwards"
            )
        values.update(range(low, high + 1, step))
    return frozenset(values)
