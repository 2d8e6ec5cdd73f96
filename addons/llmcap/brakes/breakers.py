"""
Breakers: brakes for what no cap sees in time. They refuse for a while, then let one call try.

A breaker is *closed* (all go), *open* (none goes until a moment) or *half open* (one goes; how it
ends decides). There is one for each value of its `per`, and for repeats one for each request.

- **errors, latency**: too large a share of the last calls failed, or was slow.
- **burn**: more money in a minute than a fixed amount, or than a multiple of the usual minute.
- **repeats**: the same request, known by a keyed hash, more often than any retry. The attempts that
  are refused count too, so a loop stays stopped until it pauses.
- **parallel**: more calls in flight than any fan-out that was meant.

Pure: the caller gives the time and the hash. Memory is bounded: the values least recently used are
forgotten beyond `VALUES_MAX`, and no value keeps more than its rule needs. Nothing here is a
promise about money, so it is kept by each process for itself.
"""

from datetime import datetime

from llmcap.brakes.watches import WATCHES, Outcome, State, Trip, Watch, state_of
from llmcap.words.records import Call
from llmcap.words.rules import BreakerKind, BreakerRules

__all__ = ["Breakers", "Outcome", "State", "Trip"]


class Breakers:
    """All breakers of one proxy. `ask` before a call goes, `ended` when it has."""

    def __init__(self, rules: BreakerRules) -> None:
        self._watches: dict[BreakerKind, Watch] = {}
        for kind, make in WATCHES.items():
            rule = getattr(rules, kind)
            if rule is not None:
                self._watches[kind] = make(rule)

    def __bool__(self) -> bool:
        return bool(self._watches)

    @property
    def wants_hash(self) -> bool:
        """Whether `ask` needs the request's hash."""
        return BreakerKind.REPEATS in self._watches

    def ask(self, call: Call, now: datetime, *, fingerprint: str = "") -> Trip | None:
        """
        Whether the call may go; the reason if not.

        Every breaker that lets it go remembers it as in flight, unless another one refuses.
        """
        watches = list(self._watches.values())
        values = [watch.value_of(call, fingerprint) for watch in watches]
        for watch, value in zip(watches, values, strict=True):
            if trip := watch.refuses(value, now):
                return trip
        for watch, value in zip(watches, values, strict=True):
            watch.went(value, call.id)
        return None

    def ended(
        self, call: Call, outcome: Outcome, now: datetime, *, fingerprint: str = ""
    ) -> list[Trip]:
        """Learn from a call that went; the breakers that open because of it."""
        trips = [
            watch.ended(watch.value_of(call, fingerprint), call.id, outcome, now)
            for watch in self._watches.values()
        ]
        return [trip for trip in trips if trip is not None]

    def forget(self, call: Call, *, fingerprint: str = "") -> None:
        """The call never went, for a reason that no breaker is about."""
        for watch in self._watches.values():
            watch.forget(watch.value_of(call, fingerprint), call.id)

    def states(self, now: datetime) -> list[tuple[Trip, State]]:
        """Every breaker that is not closed."""
        found: list[tuple[Trip, State]] = []
        for kind, watch in self._watches.items():
            for value, circuit in watch.circuits.items():
                if (state := state_of(circuit, now)) is not State.CLOSED:
                    assert circuit.until is not None
                    found.append((Trip(kind, value, circuit.why, circuit.until), state))
        return found

    def close(self, kind: BreakerKind | None = None, value: str | None = None) -> int:
        """Close by hand: those of a kind and value, or all; how many were not closed."""
        closed = 0
        for each, watch in self._watches.items():
            if kind not in (None, each):
                continue
            for name, circuit in watch.circuits.items():
                if value in (None, name) and circuit.state is not State.CLOSED:
                    circuit.close()
                    watch.start_again(circuit)
                    closed += 1
        return closed
