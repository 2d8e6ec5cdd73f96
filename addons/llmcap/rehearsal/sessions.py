"""A recorded WebSocket session through the walk: each of its turns is held like a call."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal

from llmcap.providers.parts.shape import Request
from llmcap.rehearsal.verdicts import Rehearsed, Verdict, passed, refused, went
from llmcap.replies import Refusal
from llmcap.sockets import Pending, opened
from llmcap.sockets import Verdict as Step
from llmcap.walk.admission import Admission
from llmcap.walk.answers import Refused
from llmcap.walk.attributes import Facts
from llmcap.walk.firewall import Firewall
from llmcap.walk.flight import CallInFlight
from llmcap.words.records import Ending, Part

Admit = Callable[[Admission], CallInFlight | Refused]


@dataclass
class _Turns:
    """The calls of one session and what was held for each."""

    admit: Admit
    calls: list[tuple[CallInFlight, Rehearsed]] = field(default_factory=list)
    more_nanos: int = 0  # held for turns that grew before they began

    def done(self, step: Pending | Step) -> Step:
        """Decide about all that a frame starts."""
        while isinstance(step, Pending):
            call = self.admit(step.admission)
            if isinstance(call, CallInFlight):
                self.calls.append((call, went(step.admission, call)))
            step = step.decided(call)
        return step

    @contextmanager
    def growing(self) -> Iterator[None]:
        """What the client sends may make a turn dearer that is held already."""
        before = [call.held.hold.held_nanos for call, _ in self.calls]
        yield
        after = [call.held.hold.held_nanos for call, _ in self.calls]
        self.more_nanos += sum(after[: len(before)]) - sum(before)

    def summed(self, refusal: Refusal | None) -> Rehearsed:
        """All turns that began, together; or the first thing that was refused."""
        begun = [
            found for call, found in self.calls
            if call.settlement is None or call.settlement.ending is not Ending.RELEASED
        ]  # fmt: skip
        held = sum(found.held_nanos or 0 for found in begun) + self.more_nanos
        parts = tuple(part for found in begun for part in found.parts)
        if self.more_nanos:
            grown = "what was sent before a turn began"
            parts = (*parts, Part("more input", 0, Decimal(self.more_nanos), grown))
        if refusal is not None:
            return refused(refusal, parts)
        if not begun:
            return passed("no turn of it began")
        clamped = [found for found in begun if found.verdict is Verdict.CLAMPED]
        first = (clamped or begun)[0]
        return Rehearsed(first.verdict, first.reason, first.message, held, parts)


def walked(
    firewall: Firewall, upgrade: Request, frames: Iterable[tuple[bool, bytes]], admit: Admit
) -> Rehearsed:
    """The whole session, up to the first refusal."""
    session = opened(firewall, upgrade, Facts())
    if session is None:
        return passed("websocket")
    if isinstance(session, Refused):
        return refused(session.refusal)
    turns = _Turns(admit)
    for from_client, content in frames:
        if from_client:
            with turns.growing():
                step = turns.done(session.from_client(content))
        else:
            step = turns.done(session.from_provider(content))
        if session.refusal is not None or step.close:
            break
    found = turns.summed(session.refusal)
    session.broke("the recording ends here")
    ends = [call.settlement for call, _ in turns.calls]
    settled = sum(end.cost_nanos for end in ends if end is not None)
    return replace(found, settled_nanos=settled) if turns.calls else found
