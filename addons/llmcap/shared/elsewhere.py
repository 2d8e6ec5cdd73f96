"""
What breakers learn of calls of the other workers: each measures all calls of the proxy.

A call that went is told when it goes, and again when it has ended. Two that go at the same moment
do not know of each other: of N workers, N - 1 calls more may go before a breaker opens. Who opened
it tells of it; the others stop calls too, and say nothing.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from llmcap.brakes.breakers import Breakers, Outcome
from llmcap.shared.peers import Peers
from llmcap.words.records import Call

_MICROSECOND = timedelta(microseconds=1)


class Elsewhere:
    """Of one guard."""

    def __init__(
        self, peers: Peers, breakers: Callable[[], Breakers], *, clock: Callable[[], datetime]
    ) -> None:
        self._peers = peers
        self._breakers = breakers
        self._clock = clock
        # In flight, by worker: one that is replaced says no more of them.
        self._calls: dict[int, dict[str, tuple[Call, str]]] = {}
        peers.on("went", self._heard_went)
        peers.on("ended", self._heard_ended)
        peers.on("forgot", self._heard_forgotten)
        peers.on("joined", self._heard_joined)

    def catch_up(self) -> None:
        """Know what is known elsewhere."""
        self._peers.catch_up()

    def went(self, call: Call, fingerprint: str) -> None:
        """A call of ours."""
        if self._peers:
            what = (call.id, call.provider, call.endpoint, call.model, dict(call.attributes))
            self._peers.say("went", *what, fingerprint)

    def ended(self, call: Call, outcome: Outcome) -> None:
        """It has ended."""
        if self._peers:
            waited = None if outcome.waited is None else outcome.waited // _MICROSECOND
            self._peers.say("ended", call.id, int(outcome.failed), waited, outcome.cost_nanos)

    def forgotten(self, call: Call) -> None:
        """It never went."""
        self._peers.say("forgot", call.id)

    # --- what others say ----------------------------------------------------------------------

    def _heard_went(
        self,
        number: int,
        call_id: str,
        provider: str,
        endpoint: str,
        model: str,
        attributes: dict[str, str],
        fingerprint: str,
    ) -> None:
        call = Call(call_id, self._clock(), provider, endpoint, model, attributes)
        self._calls.setdefault(number, {})[call_id] = call, fingerprint
        # Whatever it says: over there the call went.
        self._breakers().ask(call, self._clock(), fingerprint=fingerprint)

    def _heard_ended(
        self,
        number: int,
        call_id: str,
        failed: int,  # 1 or 0
        waited: int | None,
        cost: int,
    ) -> None:
        known = self._calls.get(number, {}).pop(call_id, None)
        if known is not None:
            call, fingerprint = known
            outcome = Outcome(bool(failed), None if waited is None else waited * _MICROSECOND, cost)
            self._breakers().ended(call, outcome, self._clock(), fingerprint=fingerprint)

    def _heard_forgotten(self, number: int, call_id: str) -> None:
        known = self._calls.get(number, {}).pop(call_id, None)
        if known is not None:
            call, fingerprint = known
            self._breakers().forget(call, fingerprint=fingerprint)

    def _heard_joined(self, number: int) -> None:
        """A worker begins: of the one before it in its place, nothing is in flight any more."""
        for call, fingerprint in self._calls.pop(number, {}).values():
            self._breakers().forget(call, fingerprint=fingerprint)
