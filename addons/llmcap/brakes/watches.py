"""
The five measures of the breakers: each decides in its own way when it opens, and when it may close.

`Watch` is what they share: a circuit for each value, with its state. The texts in `why` are clauses
that are told to whoever is refused.
"""

from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from llmcap.words.counts import several
from llmcap.words.money import format_usd
from llmcap.words.records import Call
from llmcap.words.rules import (
    BreakerKind,
    BurnRule,
    ErrorRule,
    LatencyRule,
    ParallelRule,
    RepeatRule,
)

VALUES_MAX = 4_096

# The usual minute is the middle one of the last that had any spending, at least so many.
USUAL_MINUTES_MIN = 5
USUAL_MINUTES_MAX = 60


class State(StrEnum):
    """Whether calls go."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Trip:
    """Why a call is refused, or what has just changed. `value` is that of the breaker's `per`."""

    kind: BreakerKind
    value: str
    why: str  # a clause: "37 of the last 40 calls failed"
    until: datetime
    new: bool = False  # it opened with this


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended, as far as breakers care."""

    failed: bool  # 5xx, or no answer at all
    waited: timedelta | None  # for the first byte of the answer; None: there was none
    cost_nanos: int


@dataclass(slots=True)
class Circuit:
    """One breaker for one value: its state, and what it has measured."""

    state: State = State.CLOSED
    until: datetime | None = None
    why: str = ""
    probe: str | None = None  # the call that is let through while it is half open
    marks: deque[tuple[datetime, int]] = field(default_factory=deque)
    in_flight: set[str] = field(default_factory=set)

    def trip(self, why: str, until: datetime) -> None:
        """Open it."""
        self.state, self.why, self.until, self.probe = State.OPEN, why, until, None

    def close(self) -> None:
        """Let calls go again."""
        self.state, self.why, self.until, self.probe = State.CLOSED, "", None, None


def state_of(circuit: Circuit, now: datetime) -> State:
    """Open turns into half open by time alone."""
    if circuit.state is State.OPEN and circuit.until is not None and now >= circuit.until:
        return State.HALF_OPEN
    return circuit.state


# --- what all kinds share -----------------------------------------------------------------------


class Watch:
    """One kind of breaker, with a circuit for each value."""

    kind: BreakerKind

    def __init__(self, *, per: tuple[str, ...], open_seconds: float) -> None:
        self.circuits: OrderedDict[str, Circuit] = OrderedDict()
        self._per = per
        self._open = timedelta(seconds=open_seconds)

    def value_of(self, call: Call, fingerprint: str) -> str:  # noqa: ARG002 (repeats need it)
        """Which circuit a call belongs to."""
        return ", ".join(call.attributes.get(name, "") for name in self._per)

    def refuses(self, value: str, now: datetime) -> Trip | None:
        """The reason to refuse the call that now asks, or None; it may open with this."""
        circuit = self._circuit(value)
        new = False
        if circuit.state is State.CLOSED:
            why = self.measured_at_door(circuit, now)
            if why is None:
                return None
            circuit.trip(why, now + self._open)
            new = True
        elif state_of(circuit, now) is State.HALF_OPEN:
            if circuit.probe is None and self.may_probe(circuit, now):
                circuit.state = State.HALF_OPEN
                return None
        else:
            self.attempted(circuit, now)
        assert circuit.until is not None
        return Trip(self.kind, value, circuit.why, circuit.until, new=new)

    def went(self, value: str, call_id: str) -> None:
        """The call that asked is in flight."""
        circuit = self._circuit(value)
        circuit.in_flight.add(call_id)
        if circuit.state is State.HALF_OPEN:
            circuit.probe = call_id

    def ended(self, value: str, call_id: str, outcome: Outcome, now: datetime) -> Trip | None:
        """It has ended; the trip, where it opens with this."""
        circuit = self.circuits.get(value)
        if circuit is None:
            return None
        circuit.in_flight.discard(call_id)
        if circuit.probe == call_id:
            if self.is_bad(outcome):
                circuit.trip(circuit.why, now + self._open)
                return None
            circuit.close()
            self.start_again(circuit)
        why = self.learned(circuit, outcome, now)
        if why is None or circuit.state is not State.CLOSED:
            return None
        until = now + self._open
        circuit.trip(why, until)
        return Trip(self.kind, value, why, until, new=True)

    def forget(self, value: str, call_id: str) -> None:
        """It did not go after all."""
        circuit = self.circuits.get(value)
        if circuit is None:
            return
        circuit.in_flight.discard(call_id)
        if circuit.probe == call_id:
            circuit.probe = None

    def _circuit(self, value: str) -> Circuit:
        circuit = self.circuits.get(value)
        if circuit is None:
            circuit = self.circuits[value] = Circuit()
            if len(self.circuits) > VALUES_MAX:
                self._drop_oldest()
        self.circuits.move_to_end(value)
        return circuit

    def _drop_oldest(self) -> None:
        """The least recently used that is closed and has nothing in flight, else the oldest."""
        for value, circuit in self.circuits.items():
            if circuit.state is State.CLOSED and not circuit.in_flight:
                del self.circuits[value]
                return
        self.circuits.popitem(last=False)

    # What a kind does in its own way.

    def measured_at_door(self, circuit: Circuit, now: datetime) -> str | None:  # noqa: ARG002
        """Why the call that now asks is one too many, or None."""
        return None

    def attempted(self, circuit: Circuit, now: datetime) -> None:
        """A call asked while it was open."""

    def may_probe(self, circuit: Circuit, now: datetime) -> bool:  # noqa: ARG002
        """Whether what opened it is over, as far as one can tell without trying."""
        return True

    def start_again(self, circuit: Circuit) -> None:
        """It is closed again: what opened it is over and must not open it at once."""
        circuit.marks.clear()

    def is_bad(self, outcome: Outcome) -> bool:  # noqa: ARG002
        """Whether a probe that ended so keeps it open."""
        return False

    def learned(self, circuit: Circuit, outcome: Outcome, now: datetime) -> str | None:  # noqa: ARG002
        """Why it opens now that this is known, or None."""
        return None


# --- errors and latency -------------------------------------------------------------------------


class _ShareWatch(Watch, ABC):
    """Opens when too large a share of the last calls was bad."""

    def __init__(self, rule: ErrorRule | LatencyRule) -> None:
        super().__init__(per=rule.per, open_seconds=float(rule.open_seconds))
        self._calls = rule.calls
        self._percent = rule.percent
        self._within = timedelta(seconds=float(rule.within_seconds))

    def learned(self, circuit: Circuit, outcome: Outcome, now: datetime) -> str | None:
        marks = circuit.marks
        marks.append((now, int(self.is_bad(outcome))))
        # As many as the rule needs, so that what was long ago good does not hide what is now bad.
        while len(marks) > self._calls or marks[0][0] <= now - self._within:
            marks.popleft()
            if not marks:
                return None
        bad = sum(mark for _, mark in marks)
        if len(marks) < self._calls or bad * 100 < self._percent * len(marks):
            return None
        return f"{bad} of the last {several(len(marks), 'call')} {self.complaint()}"

    @abstractmethod
    def complaint(self) -> str:
        """What the bad ones did."""


class _ErrorWatch(_ShareWatch):
    kind = BreakerKind.ERRORS

    def complaint(self) -> str:
        return "failed"

    def is_bad(self, outcome: Outcome) -> bool:
        return outcome.failed


class _LatencyWatch(_ShareWatch):
    kind = BreakerKind.LATENCY

    def __init__(self, rule: LatencyRule) -> None:
        super().__init__(rule)
        self._above_seconds = rule.above_seconds
        self._above = timedelta(seconds=float(rule.above_seconds))

    def complaint(self) -> str:
        return f"waited more than {self._above_seconds.normalize():f} s for their answer"

    def is_bad(self, outcome: Outcome) -> bool:
        return outcome.waited is not None and outcome.waited > self._above


# --- burn ---------------------------------------------------------------------------------------


class _BurnWatch(Watch):
    """
    Marks are minutes: when each began, and what was spent in it. The last one is the current.

    A minute here is one of the clock. What the last full minute and the running one have spent is
    judged each for itself, so a burst is seen within a minute and no two minutes are added up.
    """

    kind = BreakerKind.BURN

    def __init__(self, rule: BurnRule) -> None:
        super().__init__(per=rule.per, open_seconds=float(rule.open_seconds))
        self._rule = rule

    def learned(self, circuit: Circuit, outcome: Outcome, now: datetime) -> str | None:
        minute = now.replace(second=0, microsecond=0)
        marks = circuit.marks
        if not marks or marks[-1][0] < minute:
            marks.append((minute, 0))
            if len(marks) > USUAL_MINUTES_MAX + 1:
                marks.popleft()
        began, spent = marks.pop()
        spent += outcome.cost_nanos
        marks.append((began, spent))
        above = self._rule.above_nanos
        if above is not None and spent > above:
            return f"{format_usd(spent)} went within a minute, above {format_usd(above)}"
        usual = self._usual(marks)
        if usual is None or spent <= max(usual * self._rule.times, self._rule.least_nanos):
            return None
        return f"{format_usd(spent)} went within a minute, where {format_usd(usual)} is usual"

    def start_again(self, circuit: Circuit) -> None:
        """The usual minute is still the usual one; only the running one begins anew."""
        if circuit.marks:
            began, _ = circuit.marks.pop()
            circuit.marks.append((began, 0))

    def _usual(self, marks: deque[tuple[datetime, int]]) -> int | None:
        """The middle of the minutes before this one in which something was spent."""
        minutes = sorted(spent for _, spent in list(marks)[:-1] if spent)
        return minutes[len(minutes) // 2] if len(minutes) >= USUAL_MINUTES_MIN else None


# --- repeats and fan-out ------------------------------------------------------------------------


class _RepeatWatch(Watch):
    kind = BreakerKind.REPEATS

    def __init__(self, rule: RepeatRule) -> None:
        super().__init__(per=rule.per, open_seconds=float(rule.open_seconds))
        self._calls = rule.calls
        self._within = timedelta(seconds=float(rule.within_seconds))

    def value_of(self, call: Call, fingerprint: str) -> str:
        value = super().value_of(call, fingerprint)
        return f"{value}, request {fingerprint}" if value else f"request {fingerprint}"

    def measured_at_door(self, circuit: Circuit, now: datetime) -> str | None:
        self.attempted(circuit, now)
        if len(circuit.marks) <= self._calls:
            return None
        return f"the same request came more than {several(self._calls, 'time')}"

    def attempted(self, circuit: Circuit, now: datetime) -> None:
        marks = circuit.marks
        marks.append((now, 1))
        while len(marks) > self._calls + 1 or marks[0][0] <= now - self._within:
            marks.popleft()
            if not marks:
                return

    def may_probe(self, circuit: Circuit, now: datetime) -> bool:
        # The attempt that now asks is one of them: a loop that never pauses is never let through.
        self.attempted(circuit, now)
        return len(circuit.marks) <= self._calls


class _ParallelWatch(Watch):
    kind = BreakerKind.PARALLEL

    def __init__(self, rule: ParallelRule) -> None:
        super().__init__(per=rule.per, open_seconds=float(rule.open_seconds))
        self._calls = rule.calls

    def measured_at_door(self, circuit: Circuit, now: datetime) -> str | None:  # noqa: ARG002
        if len(circuit.in_flight) < self._calls:
            return None
        return f"{several(len(circuit.in_flight), 'call is', 'calls are')} in flight at once"

    def may_probe(self, circuit: Circuit, now: datetime) -> bool:  # noqa: ARG002
        return len(circuit.in_flight) < self._calls


WATCHES: dict[BreakerKind, Callable[..., Watch]] = {
    BreakerKind.REPEATS: _RepeatWatch,
    BreakerKind.PARALLEL: _ParallelWatch,
    BreakerKind.BURN: _BurnWatch,
    BreakerKind.ERRORS: _ErrorWatch,
    BreakerKind.LATENCY: _LatencyWatch,
}
