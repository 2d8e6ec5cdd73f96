"""One event is one event: over restarts, over processes, over a storm."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest

from llmcap.notices.alerts import Event
from llmcap.notices.events import (
    KEPT,
    LEASE,
    PER_KIND_AND_HOUR_MAX,
    QUEUED_PER_TARGET_MAX,
    EventLog,
    events_path,
)
from llmcap.words.errors import LedgerError
from llmcap.words.rules import EventKind

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A file that is not there yet."""
    return events_path(str(tmp_path / "ledger.sqlite3"))


def event(key: str = "k", *, at: datetime = NOON, quiet: timedelta | None = None, kind="warning"):
    """Something to tell; quiet for ever unless said."""
    until = None if quiet is None else at + quiet
    return Event(EventKind(kind), at, f"about {key}", key, until)


def test_the_log_lies_beside_its_ledger():
    """In a file of its own; a ledger in memory leaves none."""
    assert events_path("/x/ledger.sqlite3") == "/x/ledger.events.sqlite3"
    assert events_path(":memory:") == ":memory:"


def test_those_who_begin_a_log_at_once_all_have_it(tmp_path):
    """The courier opens it once: an error there ended all alerts of its proxy."""
    with ThreadPoolExecutor(4) as crew:
        for number in range(20):
            path, together = str(tmp_path / str(number)), Barrier(4)
            for opened in [crew.submit(opened_with, together, path) for _ in range(4)]:
                opened.result()


def opened_with(together: Barrier, path: str) -> None:
    """As soon as the others do."""
    together.wait()
    EventLog(path).close()


def test_an_event_is_one_over_restarts_and_processes(path):
    """Whoever opens the file next knows what was told."""
    first, second = EventLog(path), EventLog(path)
    assert first.add(event(), ["t"])
    assert not second.add(event(), ["t"])
    first.close()
    second.close()
    third = EventLog(path)
    assert not third.add(event(at=NOON + timedelta(days=400)), ["t"])
    assert third.queued() == 1
    assert [document["message"] for document in third.latest(9)] == ["about k"]


def test_an_event_that_is_quiet_for_a_while_comes_again(path):
    """After its time, and not before."""
    log = EventLog(path)
    hour = timedelta(hours=1)
    assert log.add(event(quiet=hour), [])
    assert not log.add(event(at=NOON + hour / 2, quiet=hour), [])
    assert log.add(event(at=NOON + hour, quiet=hour), [])


def test_a_flood_of_different_events_of_a_kind_is_bounded(path):
    """A client that invents model names does not fill a phone. Other kinds are still told."""
    log = EventLog(path)
    told = [log.add(event(str(number), kind="unknown_model"), []) for number in range(200)]
    assert sum(told) == PER_KIND_AND_HOUR_MAX
    assert log.add(event("other"), [])
    later = NOON + timedelta(hours=1)
    assert log.add(event("late", kind="unknown_model", at=later), [])


def test_a_delivery_is_claimed_by_one_and_made_once(path):
    """Two processes share the work; what one has in hand is not sent by the other."""
    one, other = EventLog(path), EventLog(path)
    one.add(event(), ["t", "u"])
    delivery = one.claim(["t"], NOON)
    assert delivery is not None
    assert (delivery.target, delivery.attempts) == ("t", 1)
    assert delivery.document["message"] == "about k"
    assert other.claim(["t"], NOON) is None
    one.delivered(delivery)
    assert one.claim(["t"], NOON + LEASE) is None
    assert other.claim(["t", "u"], NOON) is not None


def test_a_delivery_whose_sender_died_is_made_by_another(path):
    """The lease ends; the id stays, so that a receiver can tell a repetition."""
    log = EventLog(path)
    log.add(event(), ["t"])
    first = log.claim(["t"], NOON)
    again = log.claim(["t"], NOON + LEASE)
    assert first is not None
    assert again is not None
    assert (again.event_id, again.attempts) == (first.event_id, 2)


def test_a_failed_delivery_waits_for_its_time(path):
    """Not sooner, and not behind others that are due."""
    log = EventLog(path)
    log.add(event("a"), ["t"])
    log.add(event("b", at=NOON + timedelta(seconds=1)), ["t"])
    delivery = log.claim(["t"], NOON)
    assert delivery is not None
    log.later(delivery, NOON + timedelta(seconds=30))
    second = log.claim(["t"], NOON + timedelta(seconds=10))
    assert second is not None
    assert second.document["message"] == "about b"
    assert log.claim(["t"], NOON + timedelta(seconds=20)) is None
    assert log.claim(["t"], NOON + timedelta(seconds=30)) is not None


def test_the_queue_of_a_target_is_bounded_and_keeps_the_latest(path):
    """A receiver that is gone for a week costs a bounded file."""
    log = EventLog(path)
    for hour in range(QUEUED_PER_TARGET_MAX + 5):
        log.add(event(str(hour), at=NOON + timedelta(hours=hour)), ["t"])
    assert log.queued() == QUEUED_PER_TARGET_MAX
    first = log.claim(["t"], NOON + timedelta(days=99))
    assert first is not None
    assert first.document["message"] == "about 5"


def test_pruning_keeps_what_must_never_be_told_again(path):
    """A budget without a window has its warning once, however long ago."""
    log = EventLog(path)
    log.add(event("for ever"), ["t"])
    log.add(event("for an hour", quiet=timedelta(hours=1)), ["t"])
    log.prune(NOON + KEPT + timedelta(days=1))
    assert [document["message"] for document in log.latest(9)] == ["about for ever"]
    assert log.queued() == 1


def test_a_file_that_cannot_be_used_says_so(tmp_path):
    """As an error of the ledger's kind, with the path."""
    broken = tmp_path / "broken.events.sqlite3"
    broken.write_bytes(b"no database " * 100)
    with pytest.raises(LedgerError, match="broken"):
        EventLog(str(broken))
