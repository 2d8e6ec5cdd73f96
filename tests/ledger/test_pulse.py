"""When a proxy was last alive: it beats while calls are in flight, and only then."""

import errno
import time
from datetime import UTC, datetime, timedelta

import pytest

from llmcap.ledger.liveness import Lock
from llmcap.ledger.pulse import LATE, Pulse, ended_before

LONG_SECONDS = 20


def now():
    """The clock on the wall."""
    return datetime.now(UTC)


@pytest.fixture
def lock(tmp_path):
    """The lock file of a proxy."""
    held = Lock(tmp_path / "lock")
    yield held
    held.release(remove=True)


def beats(lock):
    """What its file says."""
    return lock._path.read_bytes()


def changes(lock):
    """Whether it beats once more; how long that takes is up to the machine."""
    before, deadline = beats(lock), time.monotonic() + LONG_SECONDS
    while beats(lock) == before:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_it_beats_while_calls_are_in_flight_and_rests_then(lock):
    """The thread ends with the ledger."""
    pulse = Pulse(now)
    pulse.start(lock._path)
    assert ended_before(lock._path, now=now()) is not None
    resting = beats(lock)
    pulse.opened(1)
    pulse.opened(2)
    assert changes(lock)
    assert changes(lock)
    pulse.ended(1)
    assert changes(lock)
    pulse.ended(2)
    pulse.ended(2)
    assert not pulse._due.is_set(), "its thread waits without an end"
    pulse.opened(3)
    assert changes(lock)
    thread = pulse._thread
    pulse.stop()
    assert not thread.is_alive()
    last = beats(lock)
    pulse.opened(4)
    assert beats(lock) == last != resting


def test_the_end_is_no_later_than_one_beat_more(lock):
    """And never after now."""
    at = now()
    pulse = Pulse(lambda: at)
    pulse.start(lock._path)
    assert ended_before(lock._path, now=at + timedelta(milliseconds=100)) == at + timedelta(
        milliseconds=100
    )
    assert ended_before(lock._path, now=at + timedelta(seconds=1)) == at + LATE
    pulse.stop()


def test_a_beat_that_cannot_be_written_leaves_none_to_be_believed(lock, monkeypatch):
    """The one before it says nothing of now."""
    pulse = Pulse(now)
    pulse.start(lock._path)
    assert ended_before(lock._path, now=now()) is not None

    def full(*_: object) -> None:
        raise OSError(errno.EIO, "the disk is gone")

    monkeypatch.setattr("llmcap.ledger.pulse._write", full)
    pulse.beat()
    assert ended_before(lock._path, now=now()) is None
    monkeypatch.undo()
    pulse.beat()
    assert ended_before(lock._path, now=now()) is not None
    pulse.stop()


def test_a_file_that_is_not_there_says_nothing(tmp_path):
    """Nor does one of an older LLMCap, which is empty."""
    assert ended_before(tmp_path / "no such file", now=now()) is None
    (tmp_path / "empty").touch()
    assert ended_before(tmp_path / "empty", now=now()) is None


def test_a_ledger_in_memory_has_no_pulse():
    """There is nobody to come after it."""
    pulse = Pulse(now)
    pulse.opened(1)
    pulse.ended(1)
    assert pulse._thread is None
    pulse.stop()
