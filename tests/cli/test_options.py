"""Times as people type them."""

from datetime import UTC, datetime, timedelta

import pytest

from llmcap.cli.options import moment
from llmcap.words.errors import ConfigError

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("90m", NOW - timedelta(minutes=90)),
        ("24h", NOW - timedelta(days=1)),
        ("7d", NOW - timedelta(days=7)),
        ("2w", NOW - timedelta(days=14)),
        ("2026-11-20T10:00:00+02:00", datetime(2026, 11, 20, 8, 0, tzinfo=UTC)),
    ],
)
def test_a_time_may_be_a_date_or_how_long_ago(text: str, expected: datetime) -> None:
    """Both are told from each other by their look."""
    assert moment(text, now=NOW) == expected


def test_a_date_without_a_zone_is_the_users_own() -> None:
    """Whoever types a date means their day."""
    assert moment("2026-11-20", now=NOW) == datetime(2026, 11, 20).astimezone()


@pytest.mark.parametrize("text", ["", "soon", "h", "-3h", "24", "2026-13-01"])
def test_anything_else_is_refused(text: str) -> None:
    """With the ways to write it."""
    with pytest.raises(ConfigError, match="is no time"):
        moment(text, now=NOW)
