"""
Calls in flight without an exchange: their usage comes with a later request, or never.

A background answer that nobody fetches would be held for ever. After `PARKED_FOR`, or where more
than `PARKED_MAX` wait, the oldest is billed at what it held; whoever fetches it after that posts
the difference.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from llmcap.ledger import Ledger
from llmcap.words.records import Call
from llmcap.words.usage import Reading

# Batches are done within 24 hours (OpenAI, Anthropic, Google), or have expired.
PARKED_FOR = timedelta(hours=48)

# Each keeps its meter and its request: some tens of kilobytes.
PARKED_MAX = 2_000


class Waiting(Protocol):
    """A call whose usage will come with a later request: what those who wait for it do to it."""

    call: Call

    def give_up(self, reason: str) -> None:
        """Its usage will not be seen any more."""
        ...

    def settle_from(self, reading: Reading) -> None:
        """Its usage has come."""
        ...


class Parked:
    """By provider and response id, the oldest first."""

    def __init__(self, ledger: Ledger, *, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._calls: dict[tuple[str, str], Waiting] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, call: Waiting, response_id: str) -> None:
        """It waits for the usage of this response."""
        self._calls[call.call.provider, response_id] = call
        if len(self._calls) > PARKED_MAX:
            self._give_up_oldest("too many background answers were never fetched")

    def find(self, provider: str, response_id: str) -> Waiting | None:
        """The call that waits for this response, if it does so here."""
        key = self._key(provider, response_id)
        return self._calls[key] if key else None

    def take(self, provider: str, response_id: str) -> Waiting | None:
        """The same, and it is let go."""
        key = self._key(provider, response_id)
        return self._calls.pop(key) if key else None

    def _key(self, provider: str, response_id: str) -> tuple[str, str] | None:
        if (provider, response_id) in self._calls:
            return provider, response_id
        if not self._calls:
            return None
        # It may be known here under another id: the batch's, where this is its output's.
        claimed = self._ledger.claimed(provider, response_id)
        keys = (key for key, call in self._calls.items() if claimed and call.call.id == claimed.id)
        return next(keys, None)

    def expire(self) -> None:
        """Let go of those that nobody comes for."""
        due = self._clock() - PARKED_FOR
        while self._calls and next(iter(self._calls.values())).call.at < due:
            self._give_up_oldest("nobody fetched the background answer")

    def close(self) -> None:
        """The proxy ends, and there is no one to wait for them any more."""
        while self._calls:
            self._give_up_oldest("the proxy ended before the background answer was fetched")

    def _give_up_oldest(self, reason: str) -> None:
        self._calls.pop(next(iter(self._calls))).give_up(reason)
