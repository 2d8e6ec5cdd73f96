"""Alerts are brought once, in the background, and never in a call's way."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from llmcap.notices import courier as module
from llmcap.notices.alerts import Event
from llmcap.notices.courier import QUEUE_MAX, Courier
from llmcap.notices.events import PER_KIND_AND_HOUR_MAX, Delivery, EventLog
from llmcap.notices.sinks import Undelivered, target_id
from llmcap.words.rules import AlertTarget, EventKind

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
EVERYTHING = AlertTarget("http://127.0.0.1:9/all")
STOPS = AlertTarget("http://127.0.0.1:9/stops", events=(EventKind.EXCEEDED,))


class Sink:
    """Notes what it gets; fails as often as told, or stands still."""

    def __init__(self, *, failures: int = 0) -> None:
        self.failures = failures
        self.got: list[Delivery] = []
        self.gate = threading.Event()
        self.gate.set()
        self.name = "the test"

    def deliver(self, delivery: Delivery, now: datetime) -> None:  # noqa: ARG002 (a sink's shape)
        """As told."""
        self.gate.wait(300)
        if self.failures:
            self.failures -= 1
            raise Undelivered("not today")
        self.got.append(delivery)

    @property
    def messages(self) -> list[str]:
        """What it got, in order."""
        return [delivery.document["message"] for delivery in self.got]


@pytest.fixture
def sinks(monkeypatch) -> dict[str, Sink]:
    """The sinks by their target's id, made when a courier asks for them."""
    found: dict[str, Sink] = {}
    monkeypatch.setattr(
        module, "sink_for", lambda target: found.setdefault(target_id(target), Sink())
    )
    return found


def event(key: str, kind: EventKind = EventKind.WARNING, *, at: datetime = NOON) -> Event:
    """Something to tell, quiet for an hour."""
    return Event(kind, at, key, key, at + timedelta(hours=1))


def until(condition: Callable[[], bool]) -> None:
    """Wait for the courier's thread, not longer than it can take."""
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_events_reach_those_who_asked_for_them(tmp_path, sinks):
    """Each once, in order, and each only of the kinds it is for."""
    courier = Courier(str(tmp_path / "e"), [EVERYTHING, STOPS])
    courier.start()
    for each in (event("a"), event("b", EventKind.EXCEEDED), event("a"), event("b")):
        courier.tell(each)
    until(lambda: len(sinks[target_id(EVERYTHING)].got) >= 2)
    courier.close()
    assert sinks[target_id(EVERYTHING)].messages == ["a", "b"]
    assert sinks[target_id(STOPS)].messages == ["b"]


def test_what_others_have_told_is_noted_and_brought_to_nobody(tmp_path, sinks):
    """Of budgets, that is: a failure is each machine's own."""
    courier = Courier(str(tmp_path / "e"), [EVERYTHING])
    courier.is_first = lambda event: event.key != "a"
    for each in (event("a"), event("b"), event("a failure", EventKind.LEDGER_ERROR)):
        courier.tell(each)
    until(lambda: len(sinks[target_id(EVERYTHING)].got) >= 2)
    courier.close()
    assert sinks[target_id(EVERYTHING)].messages == ["b", "a failure"]
    log = EventLog(str(tmp_path / "e"))
    assert len(log.latest(9)) == 3
    log.close()


def test_a_restart_tells_nothing_twice(tmp_path, sinks):
    """The log remembers, not the process."""
    for _ in range(3):
        courier = Courier(str(tmp_path / "e"), [EVERYTHING])
        courier.start()
        courier.tell(event("a"))
        courier.close()
    assert sinks[target_id(EVERYTHING)].messages == ["a"]


def test_what_was_not_brought_goes_with_the_next_start(tmp_path, sinks, monkeypatch):
    """A receiver that is down does not hold up the end of the proxy."""
    clock = [NOON]
    courier = Courier(str(tmp_path / "e"), [EVERYTHING], clock=lambda: clock[0])
    sink = sinks[target_id(EVERYTHING)]
    sink.failures = 1
    courier.start()
    courier.tell(event("a"))
    began = time.monotonic()
    courier.close()
    assert time.monotonic() - began < 3
    assert sink.got == []
    clock[0] += timedelta(minutes=1)
    courier = Courier(str(tmp_path / "e"), [EVERYTHING], clock=lambda: clock[0])
    courier.start()
    until(lambda: sink.messages == ["a"])
    courier.close()
    assert sink.got[0].attempts == 2


def test_a_failure_is_tried_again_later_and_at_last_given_up(tmp_path, sinks):
    """The waits grow; after a day nobody wants to hear it."""
    clock = [NOON]
    courier = Courier(str(tmp_path / "e"), [EVERYTHING], clock=lambda: clock[0])
    log = EventLog(str(tmp_path / "e"))
    sinks[target_id(EVERYTHING)].failures = 10**6
    log.add(event("a"), [target_id(EVERYTHING)])
    waits, last = [], NOON
    while log.queued():
        courier._bring_all(log)
        clock[0] += timedelta(seconds=1)
        delivery = log.claim([target_id(EVERYTHING)], clock[0])
        if delivery is None:
            continue
        waits.append((clock[0] - last).total_seconds())
        last = clock[0]
        courier._bring(log, delivery)
        clock[0] += timedelta(seconds=min(waits[-1], 600))
    assert waits[:2] < waits[2:4]
    assert timedelta(hours=24) <= clock[0] - NOON < timedelta(hours=25)
    assert sinks[target_id(EVERYTHING)].got == []


def test_telling_never_waits_for_a_receiver(tmp_path, sinks):
    """A receiver that hangs, and a flood behind it: microseconds each, and bounded memory."""
    courier = Courier(str(tmp_path / "e"), [EVERYTHING])
    sink = sinks[target_id(EVERYTHING)]
    sink.gate.clear()
    courier.start()
    courier.tell(event("first"))
    began = time.monotonic()
    for number in range(QUEUE_MAX * 5):
        courier.tell(event(str(number)))
    assert time.monotonic() - began < 1
    assert courier._queue.qsize() <= QUEUE_MAX
    sink.gate.set()
    courier.close()


def test_a_storm_of_one_event_does_not_reach_the_disk(tmp_path, sinks):
    """Known keys are dropped before they are queued; after their time they are told again."""
    courier = Courier(str(tmp_path / "e"), [])
    assert [courier.tell(event("a")) for _ in range(1000)] == [True] + [False] * 999
    assert courier.tell(event("a", at=NOON + timedelta(hours=2)))
    courier.close()
    assert len(EventLog(str(tmp_path / "e")).latest(9)) == 2


def test_targets_can_change_while_it_runs(tmp_path, sinks):
    """A config that was read again takes effect with the next event."""
    courier = Courier(str(tmp_path / "e"), [STOPS])
    courier.start()
    courier.tell(event("a"))
    courier.close()
    courier = Courier(str(tmp_path / "e"), [STOPS])
    courier.direct([EVERYTHING])
    courier.start()
    courier.tell(event("b"))
    until(lambda: sinks[target_id(EVERYTHING)].messages == ["b"])
    courier.close()


def test_a_log_that_cannot_be_opened_stops_nothing(tmp_path, sinks, caplog):
    """Alerts are a comfort; the calls go on."""
    (tmp_path / "e").write_bytes(b"no database " * 100)
    courier = Courier(str(tmp_path / "e"), [EVERYTHING])
    courier.start()
    courier.tell(event("a"))
    courier.close()
    assert "no alerts will be sent" in caplog.text


def test_what_nobody_foresaw_is_told_and_ends_nothing(tmp_path, sinks, monkeypatch, caplog):
    """A fault of ours in one round is no end of all alerts."""
    faults = [ValueError("odd")]
    closings = EventLog.closings

    def odd(log: EventLog, *given):
        if faults:
            raise faults.pop()
        return closings(log, *given)

    monkeypatch.setattr(EventLog, "closings", odd)
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.01)
    courier = Courier(str(tmp_path / "ledger.sqlite3"))
    courier.direct([EVERYTHING])
    courier.tell(event("first"))
    until(lambda: not faults)
    courier.tell(event("second"))
    until(lambda: sinks[target_id(EVERYTHING)].messages == ["first", "second"])
    courier.close()
    assert "alerts could not be brought" in caplog.text


def test_without_events_and_targets_nothing_is_started(tmp_path, sinks):
    """Most proxies tell nothing: no thread, no file."""
    courier = Courier(str(tmp_path / "e"), [])
    courier.direct([])
    courier.close()
    assert list(tmp_path.iterdir()) == []


def test_a_storm_of_one_kind_ends_in_memory(tmp_path, sinks):
    """As many as the log on disk takes in an hour are told; the rest costs nobody anything."""
    courier = Courier(str(tmp_path / "events"), [EVERYTHING])
    told = [courier.tell(event(f"value {number}")) for number in range(1_000)]
    assert told == [True] * PER_KIND_AND_HOUR_MAX + [False] * (1_000 - PER_KIND_AND_HOUR_MAX)
    assert courier.tell(event("another", EventKind.EXCEEDED)), "other kinds are told"
    assert courier.tell(event("later", at=NOON + timedelta(hours=1))), "and this one in an hour"
    courier.close()
