"""
The courier: a thread that takes events from the proxy, notes them on disk and brings them around.

`tell` only puts an event into a bounded queue in memory, so it takes microseconds whatever the disk
and the receivers do. What a crash loses from that queue comes again by itself: a threshold that is
not noted as told is still reached when the proxy looks the next time.
"""

import contextlib
import queue
import secrets
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from llmcap.notices.alerts import Event
from llmcap.notices.events import (
    PER_KIND_AND_HOUR_MAX,
    Closing,
    Delivery,
    EventLog,
    OpenBreaker,
    WaitingCall,
)
from llmcap.notices.sinks import Sink, Undelivered, retry_after, sink_for, target_id
from llmcap.words.errors import LedgerError
from llmcap.words.rules import AlertTarget, EventKind
from llmcap.words.told import Log

logger = Log(__name__)

QUEUE_MAX = 1_000
KEYS_MAX = 4_096
HOUR = timedelta(hours=1)

# Events about a budget, which all who share it see.
OF_BUDGETS = (EventKind.WARNING, EventKind.EXCEEDED)

# The first retry comes soon, the later ones rarely; after a day an alert is history.
GIVE_UP = timedelta(hours=24)

# How long the end of the proxy waits for what is still queued; the rest goes with the next start.
GRACE_SECONDS = 2
IDLE_SECONDS = 1
PRUNE_SECONDS = 3_600


def utc_now() -> datetime:
    """The clock on the wall."""
    return datetime.now(UTC)


class Courier:
    """Makes events known. `log` is opened by the thread, which alone uses it."""

    def __init__(
        self,
        path: str,
        targets: Sequence[AlertTarget] = (),
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._path = path
        self._clock = clock
        self._targets = {target_id(target): target for target in targets}
        self._sinks = {name: sink_for(target) for name, target in self._targets.items()}
        self._queue: queue.Queue[Event | None] = queue.Queue(QUEUE_MAX)  # None: wake up
        self._told: OrderedDict[str, datetime | None] = OrderedDict()
        self._counts: dict[EventKind, tuple[datetime, int]] = {}
        # Whether it is news to all who are told of the same things, such as a fleet's nodes.
        self.is_first: Callable[[Event], bool] = lambda _: True
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="llmcap-courier", daemon=True)
        self._started = False
        self._process = secrets.token_hex(8)
        self._shown: list[OpenBreaker] = []
        self._to_show = False
        self._asked: list[Closing] = []
        self._waiting: list[WaitingCall] = []
        self._waiting_to_show = False
        self._counted: deque[Mapping[tuple[str, int], int]] = deque(maxlen=KEYS_MAX)
        self._asked_until: int | None = None

    def start(self) -> None:
        """Begin, also with what an earlier proxy left. The first event begins by itself."""
        if not self._started:
            self._started = True
            self._thread.start()

    def tell(self, event: Event) -> bool:
        """
        Make an event known; False: it is one that this process has told before. Never waits.

        A storm ends here: what was told is remembered.
        """
        quiet_until = self._told.get(event.key, event.at)
        if quiet_until is None or quiet_until > event.at or self._too_many(event):
            return False
        self.start()
        self._told[event.key] = event.quiet_until
        self._told.move_to_end(event.key)
        if len(self._told) > KEYS_MAX:
            self._told.popitem(last=False)
        try:
            self._queue.put_nowait(event)
        except queue.Full:
            # It may be told later: the queue is emptied in a moment.
            del self._told[event.key]
            return False
        return True

    def _too_many(self, event: Event) -> bool:
        """Whether the log on disk would not take it either: it is full of this kind for an hour."""
        since, count = self._counts.get(event.kind, (event.at, 0))
        if event.at - since >= HOUR:
            since, count = event.at, 0
        self._counts[event.kind] = since, count + 1
        return count >= PER_KIND_AND_HOUR_MAX

    def direct(self, targets: Sequence[AlertTarget]) -> None:
        """Serve these targets from now on. Raises `ConfigError`; then nothing has changed."""
        named = {target_id(target): target for target in targets}
        sinks = {name: sink_for(target) for name, target in named.items()}
        self._targets, self._sinks = named, sinks
        if named:
            self.start()

    def show(self, breakers: Sequence[OpenBreaker]) -> None:
        """These breakers of this process are not closed: for `llmcap breaker`. Never waits."""
        if list(breakers) != self._shown:
            self._shown = list(breakers)
            self._to_show = True
            self.start()

    def show_waiting(self, calls: Sequence[WaitingCall]) -> None:
        """These calls of this process wait for money. Never waits itself."""
        if calls or self._waiting:
            if list(calls) != self._waiting:
                with contextlib.suppress(queue.Full):
                    self._queue.put_nowait(None)  # now, and not when it looks by itself
            self._waiting = list(calls)
            self._waiting_to_show = True
            self.start()

    def add_gauges(self, counted: Mapping[tuple[str, int], int]) -> None:
        """What was counted, to be added up on disk. Never waits."""
        if counted:
            self._counted.append(counted)
            self.start()

    def to_close(self) -> list[Closing]:
        """What `llmcap breaker close` has asked for since this was last called."""
        found, self._asked = self._asked, []
        return found

    def close(self) -> None:
        """Bring what can be brought in a moment, and end."""
        self._stop.set()
        if not self._started:
            return
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(None)
        self._thread.join(GRACE_SECONDS + IDLE_SECONDS)

    # --- the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            log = EventLog(self._path)
        except LedgerError as error:
            logger.warning("LLMCap: no alerts will be sent: %s", error)
            return
        try:
            self._serve(log)
        finally:
            log.close()

    def _serve(self, log: EventLog) -> None:
        pruned = float("-inf")
        while not self._stop.is_set():
            try:
                self._note(log, wait_seconds=IDLE_SECONDS)
                self._bring_all(log)
                self._exchange(log)
                if time.monotonic() - pruned > PRUNE_SECONDS:
                    log.prune(self._clock())
                    pruned = time.monotonic()
            except LedgerError as error:
                logger.warning("LLMCap: %s", error)
                self._stop.wait(IDLE_SECONDS)
            except Exception:  # what comes next is brought all the same
                logger.exception("LLMCap: alerts could not be brought")
                self._stop.wait(IDLE_SECONDS)
        try:
            log.show_breakers(self._process, [])
            log.show_waiting(self._process, [], self._clock())
            self._add_up(log)
            self._note(log, wait_seconds=0)
            self._bring_all(log, until=time.monotonic() + GRACE_SECONDS)
        except LedgerError as error:
            logger.warning("LLMCap: %s", error)

    def _exchange(self, log: EventLog) -> None:
        """Tell of breakers where they have changed, and hear what is to be closed."""
        if self._to_show:
            self._to_show = False
            log.show_breakers(self._process, self._shown)
        if self._waiting_to_show:
            self._waiting_to_show = False
            log.show_waiting(self._process, self._waiting, self._clock())
        self._add_up(log)
        self._asked_until, asked = log.closings(self._asked_until)
        self._asked = self._asked + asked

    def _add_up(self, log: EventLog) -> None:
        added: Counter[tuple[str, int]] = Counter()
        while self._counted:
            added.update(self._counted.popleft())
        if added:
            log.add_gauges(added)

    def _note(self, log: EventLog, *, wait_seconds: float) -> None:
        """Move what is in the queue to disk; wait for the first of it, not longer than this."""
        try:
            event = self._queue.get(timeout=wait_seconds or None, block=wait_seconds > 0)
            while event is not None:
                self._add(log, event)
                event = self._queue.get_nowait()
        except queue.Empty:
            return

    def _add(self, log: EventLog, event: Event) -> None:
        wanted = [name for name, target in self._targets.items() if event.kind in target.events]
        if wanted and event.kind in OF_BUDGETS and not self.is_first(event):
            wanted = []
        try:
            log.add(event, wanted)
        except LedgerError:
            # Nobody was told: when it happens again, it is not a repetition.
            self._told.pop(event.key, None)
            raise

    def _bring_all(self, log: EventLog, *, until: float | None = None) -> None:
        """Everything that is due; what came in the meantime is noted between two deliveries."""
        while self._sinks and (until is None or time.monotonic() < until):
            delivery = log.claim(list(self._sinks), self._clock())
            if delivery is None:
                return
            self._bring(log, delivery)
            self._note(log, wait_seconds=0)
            if until is None and self._stop.is_set():
                return

    def _bring(self, log: EventLog, delivery: Delivery) -> None:
        sink = self._sinks.get(delivery.target)
        if sink is None:
            return
        try:
            sink.deliver(delivery, self._clock())
        except Undelivered as error:
            self._failed(log, delivery, sink, str(error))
        except Exception as error:
            logger.exception("LLMCap: %s failed", sink.name)
            self._failed(log, delivery, sink, type(error).__name__)
        else:
            log.delivered(delivery)

    def _failed(self, log: EventLog, delivery: Delivery, sink: Sink, why: str) -> None:
        now = self._clock()
        if now - delivery.queued_at >= GIVE_UP:
            logger.error("LLMCap: an alert was given up, %s: %s", sink.name, why)
            log.delivered(delivery)
            return
        if delivery.attempts == 1:
            logger.warning("LLMCap: an alert waits, %s does not take it: %s", sink.name, why)
        log.later(delivery, now + retry_after(delivery.attempts))
