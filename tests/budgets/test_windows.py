"""
The windows of budgets: where they turn, through every change of the clock.

The promise that hypothesis attacks: windows tile time. Each moment is in exactly one, which ends
where the next begins.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcap.budgets.windows import EPOCH, parse_window
from llmcap.words.errors import ConfigError

ZONES = [
    "UTC",
    "America/New_York",
    "America/Havana",  # puts the clock back at one in the morning: midnight comes twice
    "America/Sao_Paulo",  # once put it forward at midnight: some days began at one
    "Asia/Kathmandu",  # is 5:45 ahead
    "Australia/Lord_Howe",  # changes by half an hour
    "Europe/Berlin",
    "Pacific/Apia",  # has no 30 December 2011
]
WINDOWS = [
    "once",
    "run",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "year",
    "5h",
    "30m",
    "7d",
    "59s",
    "0 9 * * mon",
    "*/20 * * * *",
    "30 2 * * *",
    "0 0 1,15 * *",
    "0 0 13 * fri",
    "0 0 29 2 *",
]
# When clocks changed in those zones, by the hour, so that hypothesis meets the changes.
CHANGES = [
    "1999-10-03T03:00",  # Sao Paulo forward
    "2000-02-27T02:00",  # Sao Paulo back
    "2011-12-30T10:00",  # Apia skips a day
    "2026-03-08T07:00",  # New York forward
    "2026-03-08T05:00",  # Havana forward
    "2026-03-29T01:00",  # Berlin forward
    "2026-04-04T15:00",  # Lord Howe back
    "2026-10-03T15:30",  # Lord Howe forward
    "2026-10-25T01:00",  # Berlin back
    "2026-11-01T05:00",  # Havana back
    "2026-11-01T06:00",  # New York back
]
MOMENTS = st.datetimes(
    min_value=datetime(1990, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2060, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
) | st.builds(
    lambda change, minutes, microseconds: (
        at(change) + timedelta(minutes=minutes, microseconds=microseconds)
    ),
    st.sampled_from(CHANGES),
    st.integers(-2_000, 2_000),
    st.sampled_from([-1, 0, 1]),
)


def at(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@given(st.sampled_from(WINDOWS), st.sampled_from(ZONES), MOMENTS)
def test_windows_tile_time(every, zone, moment):
    """A moment is in one window, and the window ends where the next one starts."""
    window = parse_window(every, zone)
    start = window.start(moment)
    assert start <= moment
    assert window.start(start) == start
    resets_at = window.resets_at(moment)
    if resets_at is None:
        assert start == EPOCH
    elif not window.reach:
        assert moment < resets_at
        assert window.start(resets_at) == resets_at
        assert window.start(resets_at - timedelta(microseconds=1)) == start


@pytest.mark.parametrize(
    ("every", "zone", "moment", "start", "resets_at"),
    [
        pytest.param(
            "day", "UTC", "2026-06-15T12:34", "2026-06-15T00:00", "2026-06-16T00:00", id="day"
        ),
        pytest.param(
            "week", "UTC", "2026-06-14T23:59", "2026-06-08T00:00", "2026-06-15T00:00",
            id="weeks begin on Monday",
        ),
        pytest.param(
            "month", "UTC", "2028-02-29T23:59", "2028-02-01T00:00", "2028-03-01T00:00",
            id="month with a leap day",
        ),
        pytest.param(
            "month", "UTC", "2026-12-31T23:59", "2026-12-01T00:00", "2027-01-01T00:00",
            id="month over the year's end",
        ),
        pytest.param(
            "year", "Europe/Berlin", "2026-12-31T23:30", "2026-12-31T23:00", "2027-12-31T23:00",
            id="year in a zone",
        ),
        pytest.param(
            "day", "Europe/Berlin", "2026-03-29T12:00", "2026-03-28T23:00", "2026-03-29T22:00",
            id="a day of 23 hours",
        ),
        pytest.param(
            "day", "Europe/Berlin", "2026-10-25T12:00", "2026-10-24T22:00", "2026-10-25T23:00",
            id="a day of 25 hours",
        ),
        pytest.param(
            "day", "America/Havana", "2026-11-01T05:30", "2026-11-01T04:00", "2026-11-02T05:00",
            id="a midnight that comes twice begins the day once",
        ),
        pytest.param(
            "day", "Pacific/Apia", "2011-12-30T11:00", "2011-12-30T10:00", "2011-12-31T10:00",
            id="a day that is left out",
        ),
        pytest.param(
            "hour", "America/New_York", "2026-11-01T06:30", "2026-11-01T06:00", "2026-11-01T07:00",
            id="an hour that comes twice is two windows",
        ),
        pytest.param(
            "hour", "Asia/Kathmandu", "2026-06-15T12:20", "2026-06-15T12:15", "2026-06-15T13:15",
            id="hours of a zone that is 5:45 ahead",
        ),
        pytest.param(
            "minute", "UTC", "2026-06-15T12:34:56", "2026-06-15T12:34", "2026-06-15T12:35",
            id="minute",
        ),
        pytest.param(
            "0 9 * * mon", "Europe/Berlin", "2026-03-30T07:00", "2026-03-30T07:00",
            "2026-04-06T07:00", id="cron at its moment",
        ),
        pytest.param(
            "0 9 * * mon", "Europe/Berlin", "2026-03-30T06:59:59", "2026-03-23T08:00",
            "2026-03-30T07:00", id="cron just before, over a change of the clock",
        ),
        pytest.param(
            "30 2 * * *", "Europe/Berlin", "2026-03-29T12:00", "2026-03-29T01:30",
            "2026-03-30T00:30", id="cron at a time that is left out turns after the gap",
        ),
        pytest.param(
            "0 0 13 * fri", "UTC", "2026-06-14T00:00", "2026-06-13T00:00", "2026-06-19T00:00",
            id="cron with both kinds of day takes either",
        ),
        pytest.param(
            "0 0 29 2 *", "UTC", "2026-06-14T00:00", "2024-02-29T00:00", "2028-02-29T00:00",
            id="cron on a leap day",
        ),
        pytest.param(
            "0-30/15 8-9 1 jan,7 *", "UTC", "2026-07-01T08:20", "2026-07-01T08:15",
            "2026-07-01T08:30", id="cron with ranges, steps, lists and names",
        ),
        pytest.param(
            "0 0 * * 7", "UTC", "2026-06-14T00:00", "2026-06-14T00:00", "2026-06-21T00:00",
            id="cron's seventh day is Sunday",
        ),
    ],
)  # fmt: skip
def test_window_is_where_the_wall_says(every, zone, moment, start, resets_at):
    """Calendar windows follow the clock on the wall of their zone."""
    window = parse_window(every, zone)
    assert window.start(at(moment)) == at(start)
    assert window.resets_at(at(moment)) == at(resets_at)


def test_moments_may_be_in_any_zone():
    """The same moment has the same window, whatever zone it is told in."""
    window = parse_window("day", "America/New_York")
    moment = at("2026-06-15T02:00")
    assert window.start(moment.astimezone(ZoneInfo("Asia/Tokyo"))) == window.start(moment)


@given(
    st.sampled_from([("1s", 1), ("45s", 45), ("30m", 1_800), ("5h", 18_000), ("7d", 604_800)]),
    MOMENTS,
    st.fractions(-1, 1),
)
def test_rolling_window_counts_all_within_its_length(rolling, moment, share):
    """Two moments less than the length apart count together; those well further apart do not."""
    every, seconds = rolling
    window = parse_window(every)
    near = moment + timedelta(microseconds=int(share * (seconds * 1_000_000 - 1)))
    assert abs(window.start(near) - window.start(moment)) < window.reach
    far = moment + timedelta(seconds=seconds + 2 * -(-seconds // 60))
    assert window.start(far) - window.start(moment) >= window.reach


@given(st.sampled_from(["30m", "5h", "7d"]), MOMENTS)
def test_rolling_window_resets_when_all_of_it_is_out(every, moment):
    """At `resets_at` nothing that counts now counts any more, and a moment before something may."""
    window = parse_window(every)
    resets_at = window.resets_at(moment)
    start = window.start(moment)
    assert window.start(resets_at) - start >= window.reach
    assert window.start(resets_at - timedelta(seconds=1)) - start < window.reach


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        pytest.param("fortnight", "expected once, run, minute", id="unknown word"),
        pytest.param("", "expected once, run, minute", id="empty"),
        pytest.param("0s", "expected 1s to 366d", id="no length"),
        pytest.param("400d", "expected 1s to 366d", id="too long"),
        pytest.param("-5h", "expected once, run, minute", id="negative"),
        pytest.param("60 * * * *", "minute '60' is not within 0 to 59", id="minute too large"),
        pytest.param("0 9 * * xyz", "day of the week 'xyz'", id="unknown day"),
        pytest.param("0 9 0 * *", "day of the month '0' is not within 1 to 31", id="no day 0"),
        pytest.param("5-1 * * * *", "range '5-1' runs backwards", id="backwards"),
        pytest.param("*/0 * * * *", "step '0'", id="no step"),
        pytest.param("*/ * * * *", "step ''", id="empty step"),
        pytest.param("1, * * * *", "minute ''", id="empty item"),
        pytest.param("0 0 31 2 *", "no date ever matches", id="no such date"),
    ],
)
def test_error_names_the_window_and_what_was_expected(every, expected):
    """A window that cannot be read is refused with its text and the way to write it."""
    with pytest.raises(ConfigError) as caught:
        parse_window(every)
    assert repr(every) in str(caught.value)
    assert expected in str(caught.value)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../UTC", "Europe/Berlin\0"])
def test_error_names_the_time_zone(zone):
    """A time zone that is not known is refused, whatever its text."""
    with pytest.raises(ConfigError, match="is not a time zone"):
        parse_window("day", zone)


def test_rarest_cron_date_is_found():
    """A 29 February on a given day of the week may be forty years away."""
    window = parse_window("0 0 29 2 */6")  # the star keeps "either" away: Sundays and Saturdays
    assert window.start(at("2040-01-01T00:00")) == at("2032-02-29T00:00")
    assert window.resets_at(at("2033-01-01T00:00")) == at("2048-02-29T00:00")
