"""When a request is certainly later than something that its client was told."""

from datetime import UTC, datetime, timedelta

import pytest

from llmcap.words.arrival import TOGETHER, UNTOLD, Arrival

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("later", "after"),
    [(timedelta(0), False), (TOGETHER, False), (TOGETHER * 2, True), (-TOGETHER, False)],
)
def test_what_is_sent_together_is_not_one_after_the_other(later, after) -> None:
    """A fan-out reaches a busy proxy over some time, and nobody in it has heard an answer."""
    assert Arrival(since=NOW + later).is_after(NOW) is after


def test_what_tells_nothing_of_its_arrival_comes_one_after_the_other() -> None:
    """A session has one client, which reads as it writes."""
    assert UNTOLD.is_after(NOW)
