"""
The feed: every call, brought to the webhooks that ask for the event `call`.

The ledger is the queue. Of each webhook a place in it is kept beside the events; what was written
behind that place is brought in batches, and the place moves on when the receiver has taken one. So
nothing is lost whatever is killed, and a batch that was taken while its answer was lost comes
again, with the same ids. One process at a time brings: it has a lock, which ends with it.
"""

import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from llmcap.ledger import MEMORY, history, queries, rollups
from llmcap.ledger.liveness import Lock, is_gone
from llmcap.notices.events import Delivery, EventLog, events_path
from llmcap.notices.sinks import Sink, Undelivered, retry_after, sink_for, target_id
from llmcap.words.errors import LedgerError
from llmcap.words.money import usd_string
from llmcap.words.records import Entry
from llmcap.words.rules import AlertTarget, EventKind
from llmcap.words.told import Log

logger = Log(__name__)

BATCH_CALLS = 100
LOOK_SECONDS = 0.5
GRACE_SECONDS = 3


@dataclass(slots=True)
class _Place:
    """Where a webhook is, and when it may be asked again."""

    target: str
    id: str
    after: int
    until: int | None
    attempts: int = 0
    due_at: datetime | None = None


def wants_calls(targets: Sequence[AlertTarget]) -> list[AlertTarget]:
    """Those of the targets that ask for every call."""
    return [target for target in targets if EventKind.CALL in target.events]


class CallFeed:
    """Brings the calls of one ledger, from a thread of its own, while there is a target."""

    def __init__(
        self, ledger: str, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._ledger = ledger
        self._lock = Path(f"{ledger}-feed")
        self._clock = clock
        self._sinks: dict[str, Sink] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def direct(self, targets: Sequence[AlertTarget]) -> None:
        """Serve these from now on. Raises `ConfigError`; then nothing has changed."""
        sinks = {target_id(each): sink_for(each) for each in wants_calls(targets)}
        if sinks and self._ledger == MEMORY:
            logger.warning("LLMCap: calls are brought to no webhook: the ledger is in memory only")
            return
        # Their places are taken here: a call that ends in a moment is one of theirs.
        if sinks:
            with _logged(), history.reading(self._ledger) as ledger, self._opened() as db:
                for target in sinks:
                    _place(db, target, ledger)
        self._sinks = sinks
        if not sinks and self._thread is None:
            self._tell_of_none()
        if not sinks or self._thread is not None:
            return
        self._thread = threading.Thread(target=self._run, name="llmcap-feed", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Bring what can be brought in a moment; the rest goes with the next start."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(GRACE_SECONDS)

    # --- the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        stopping = False
        while not stopping:
            stopping = self._stop.wait(LOOK_SECONDS)  # who ends before its first look brings too
            try:
                lock = Lock(self._lock)
            except OSError:
                continue  # another process brings them
            try:
                with _logged(), history.reading(self._ledger) as ledger, self._opened() as db:
                    self._serve(db, ledger)
            finally:
                lock.release(remove=False)
            stopping = self._stop.is_set()

    def _tell_of_none(self) -> None:
        """The config has no webhook of calls any more; unless another process's has."""
        path = events_path(self._ledger)
        if self._ledger == MEMORY or not Path(path).exists():
            return
        with _logged(), self._opened() as db:
            if _fed(db) and is_gone(self._lock):
                _feeding(db, ())

    def _opened(self) -> closing[sqlite3.Connection]:
        return closing(_opened(events_path(self._ledger)))

    def _serve(self, db: sqlite3.Connection, ledger: sqlite3.Connection) -> None:
        """While this process is the one that brings; at its end once more."""
        places: dict[str, _Place] = {}
        stopping = False
        while not stopping:
            self._bring_all(db, ledger, places)
            stopping = self._stop.wait(LOOK_SECONDS)
        for place in places.values():
            place.due_at = None  # there is no later
        self._bring_all(db, ledger, places)

    def _bring_all(
        self, db: sqlite3.Connection, ledger: sqlite3.Connection, places: dict[str, _Place]
    ) -> None:
        """All that is there, a batch of each webhook in turn, as far as they take it."""
        sinks = self._sinks
        for target in sinks.keys() - places.keys():
            places[target] = _place(db, target, ledger)
        if sinks.keys() != _fed(db):
            _feeding(db, sinks)
        waiting = list(sinks)
        while waiting:
            waiting = [
                target
                for target in waiting
                if self._bring(db, ledger, places[target], sinks[target])
            ]

    def _bring(
        self, db: sqlite3.Connection, ledger: sqlite3.Connection, place: _Place, sink: Sink
    ) -> bool:
        """One batch; whether there may be another one to be taken now."""
        now = self._clock()
        if place.due_at is not None and place.due_at > now:
            return False
        entries = queries.ended_after(ledger, place.after, until=place.until, limit=BATCH_CALLS)
        if not entries:
            return False
        _begin(db, place, entries[-1].id)
        batch = _batch(place, entries)
        try:
            sink.deliver(batch, now)
        except Undelivered as error:
            return self._later(place, sink, str(error))
        except Exception as error:
            logger.exception("LLMCap: %s failed", sink.name)
            return self._later(place, sink, type(error).__name__)
        place.attempts, place.due_at = 0, None
        _taken(db, place)
        return True

    def _later(self, place: _Place, sink: Sink, why: str) -> bool:
        """The batch comes again, and the other webhooks do not wait for it."""
        if place.attempts == 0:
            logger.warning("LLMCap: calls wait, %s does not take them: %s", sink.name, why)
        place.attempts += 1
        place.due_at = self._clock() + retry_after(place.attempts)
        return False


@contextmanager
def _logged() -> Iterator[None]:
    """What cannot be read or kept now is tried again later."""
    try:
        yield
    except (LedgerError, sqlite3.Error, OSError) as error:
        logger.warning("LLMCap: calls cannot be brought: %s", error)
    except Exception:
        logger.exception("LLMCap: calls cannot be brought")


# --- places -----------------------------------------------------------------------------------


def _opened(path: str) -> sqlite3.Connection:
    EventLog(path).close()  # it makes the tables
    return sqlite3.connect(path, timeout=5, isolation_level=None)


def _place(db: sqlite3.Connection, target: str, ledger: sqlite3.Connection) -> _Place:
    """Where a webhook was; a new one begins with the calls that end from now on."""
    db.execute(
        "INSERT OR IGNORE INTO feeds (target, id, after) VALUES (?, ?, ?)",
        (target, secrets.token_hex(8), rollups.newest(ledger)),
    )
    found = db.execute("SELECT id, after, until FROM feeds WHERE target = ?", (target,)).fetchone()
    return _Place(target, *found)


def _begin(db: sqlite3.Connection, place: _Place, until: int) -> None:
    if place.until is None:
        place.until = until
        db.execute("UPDATE feeds SET until = ? WHERE target = ?", (until, place.target))


def _taken(db: sqlite3.Connection, place: _Place) -> None:
    assert place.until is not None, "taken before it was begun"
    place.after, place.until = place.until, None
    db.execute(
        "UPDATE feeds SET after = ?, until = NULL WHERE target = ?", (place.after, place.target)
    )


def _fed(db: sqlite3.Connection) -> set[str]:
    """The webhooks that whoever brings has told of."""
    return {target for (target,) in db.execute("SELECT target FROM feeding")}


def _feeding(db: sqlite3.Connection, targets: Iterable[str]) -> None:
    """These are the webhooks that are brought to, for those who measure how far they are behind."""
    with db:
        db.execute("BEGIN")
        db.execute("DELETE FROM feeding")
        db.executemany("INSERT INTO feeding (target) VALUES (?)", ((each,) for each in targets))


# --- what is brought --------------------------------------------------------------------------


def _batch(place: _Place, entries: Sequence[Entry]) -> Delivery:
    """Of the same entries the same id, whoever brings them."""
    name = f"{place.id}-{place.after + 1}-{entries[-1].id}"
    calls = [document(entry) for entry in entries]
    told = {"id": name, "event": str(EventKind.CALL), "calls": calls}
    return Delivery(name, place.target, entries[0].at, place.attempts + 1, told)


def document(entry: Entry) -> dict[str, Any]:
    """
    What an entry says of a call's end. Amounts are decimal strings in USD.

    `cost_usd` is what this entry adds to the cost of its call: a correction may take away.
    """
    return {
        "id": f"{entry.call_id}-{entry.id}",
        "call": entry.call_id,
        "at": entry.at.isoformat(),
        "state": str(entry.kind),
        "provider": entry.provider,
        "endpoint": entry.endpoint,
        "model": entry.served_model or entry.model,
        "model_asked": entry.model,
        "usage": {
            name: str(count) if isinstance(count, Decimal) else count
            for name, count in entry.usage.items()
        },
        "cost_usd": usd_string(entry.cost_nanos),
        "attributes": dict(entry.attributes),
        "response_id": entry.response_id,
        "note": entry.note,
    }
