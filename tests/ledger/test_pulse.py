"""When a proxy was last alive: it beats while calls are in flight, and only then."""

import errno
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from llmcap.ledger.liveness import Lock
from llmcap.ledger.pulse import BEAT, DELAY_AT_FIRST, DELAYS_TIMES, NOTICE, Pulse, Seen, last_word

LONG_SECONDS = 300


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


def ended(lock, at):
    """When its proxy had ended for certain, as somebody reads it at that time."""
    return last_word(lock._path, now=at).ended


def changes(lock):
    """Whether it beats once more; how long that takes is up to the machine."""
    before, deadline = beats(lock), time.monotonic() + LONG_SECONDS
    while beats(lock) == before:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def rests(pulse):
    """Whether its thread waits for the next call; one beat after the last one it does."""
    deadline = time.monotonic() + LONG_SECONDS
    while pulse._due.is_set() and time.monotonic() < deadline:
        time.sleep(0.01)
    return not pulse._due.is_set()


def test_a_call_that_begins_while_the_thread_looks_up_is_not_overlooked():
    """Whatever comes between its two looks, it goes on for what is in flight."""
    pulse = Pulse(now)

    class Begins(set):
        """Of two looks the first finds nothing."""

        looks = 0

        def __bool__(self):
            self.looks += 1
            return self.looks > 1

    pulse._open = Begins()
    pulse._due.set()
    pulse.look_up()
    assert pulse._due.is_set()
    pulse._open = set()
    pulse.look_up()
    assert not pulse._due.is_set()


def test_it_beats_while_calls_are_in_flight_and_rests_then(lock):
    """The thread ends with the ledger."""
    pulse = Pulse(now)
    pulse.start(lock._path)
    assert last_word(lock._path, now=now()) is not None
    resting = beats(lock)
    pulse.opened(1)
    pulse.opened(2)
    assert changes(lock)
    assert changes(lock)
    pulse.ended(1)
    assert changes(lock)
    pulse.ended(2)
    pulse.ended(2)
    assert rests(pulse), "its thread waits without an end"
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
    assert ended(lock, at + timedelta(milliseconds=100)) == at + timedelta(milliseconds=100)
    late = BEAT + NOTICE + DELAYS_TIMES * DELAY_AT_FIRST
    assert ended(lock, at + timedelta(seconds=1)) == at + late
    pulse.stop()


def test_a_machine_that_lets_beats_wait_is_given_more_time(lock):
    """As long as the longest that one was late, twice: what was late once may be so again."""
    at = now()
    pulse = Pulse(lambda: at)
    pulse.start(lock._path)
    pulse.waited(BEAT + timedelta(milliseconds=700))
    pulse.beat()
    late = BEAT + NOTICE + DELAYS_TIMES * timedelta(milliseconds=700)
    assert ended(lock, at + timedelta(seconds=1, milliseconds=900)) == at + late
    for _ in range(200):
        pulse.waited(BEAT)
    pulse.beat()
    assert ended(lock, at + timedelta(seconds=1)) == at + BEAT + NOTICE
    pulse.stop()


def test_the_first_call_after_a_rest_is_no_older_than_a_beat(lock):
    """Else what it cost would be bounded by the end of the rest, which was before it began."""
    at = now()
    pulse = Pulse(lambda: at)
    pulse.start(lock._path)
    pulse._thread = threading.Thread()  # the one that beats gets no turn
    at += timedelta(seconds=1, milliseconds=500)
    pulse.opened(1)
    assert ended(lock, at) == at
    pulse._thread = None
    pulse.stop()


def test_what_was_seen_of_calls_in_flight_is_told_with_the_beat(lock):
    """Of each the last, however many there were before, and of none that has ended."""
    pulse = Pulse(now)
    pulse.start(lock._path)
    for hold_id in range(1, 40):
        pulse.opened(hold_id)
    pulse.rest()
    for at in (1, 2):
        for hold_id in range(1, 40):
            pulse.saw(hold_id, Seen(at, 10 * at, hold_id, 7))
        pulse.beat()
    for hold_id in range(1, 38):
        pulse.ended(hold_id)
        pulse.saw(hold_id, Seen(3, 0, 0, 0))
    pulse.saw(39, Seen(3, 2**70, 39, 7))
    pulse.beat()
    seen = last_word(lock._path, now=now()).seen
    assert seen[38] == Seen(2, 20, 38, 7)
    assert seen[39] == Seen(3, 2**63 - 1, 39, 7)
    whole = lock._path.read_bytes()
    lock._path.write_bytes(whole[:-3])
    torn = last_word(lock._path, now=now()).seen
    assert torn[39] == seen[39]
    lock._path.write_bytes(whole.replace((39).to_bytes(8, "little"), (40).to_bytes(8, "little")))
    assert 40 not in last_word(lock._path, now=now()).seen
    pulse.stop()


def test_a_beat_that_cannot_be_written_leaves_none_to_be_believed(lock, monkeypatch):
    """The one before it says nothing of now."""
    pulse = Pulse(now)
    pulse.start(lock._path)
    assert last_word(lock._path, now=now()) is not None

    def full(*_: object) -> None:
        raise OSError(errno.EIO, "the disk is gone")

    monkeypatch.setattr("llmcap.ledger.pulse._write", full)
    pulse.beat()
    assert last_word(lock._path, now=now()) is None
    monkeypatch.undo()
    pulse.beat()
    assert last_word(lock._path, now=now()) is not None
    pulse.stop()


def test_a_file_that_is_not_there_says_nothing(tmp_path):
    """Nor does one of an older LLMCap, which is empty."""
    assert last_word(tmp_path / "no such file", now=now()) is None
    (tmp_path / "empty").touch()
    assert last_word(tmp_path / "empty", now=now()) is None


def test_a_ledger_in_memory_has_no_pulse():
    """There is nobody to come after it."""
    pulse = Pulse(now)
    pulse.opened(1)
    pulse.ended(1)
    assert pulse._thread is None
    pulse.stop()
