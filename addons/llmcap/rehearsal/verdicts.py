"""What the walk made of one exchange: the verdict, what was held, and of what that is composed."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

from llmcap.audit.recordings import Recording
from llmcap.replies import Refusal
from llmcap.walk.admission import Admission
from llmcap.walk.flight import CallInFlight
from llmcap.words.counts import several
from llmcap.words.money import EXACT, usd_string
from llmcap.words.records import Part

NANO = Decimal("1e-9")

# Who bounds the output of a call that was clamped.
BY_BUDGETS = "what the budgets have left"


class Verdict(StrEnum):
    """What becomes of a request."""

    ADMITTED = "admitted"
    CLAMPED = "clamped"  # admitted, with a lower output limit
    REFUSED = "refused"
    PASSED = "passed"  # holds nothing: free, none of ours, or the bill of an earlier call


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """
    One exchange, or one session with all of its turns.

    `reason` is a machine code, `message` says the same in words. `held_nanos` is None where nothing
    was held: what passes, and what is refused. `parts` make up what is held, before that was
    rounded up; of a call that a budget refused they are what it needed. `told` are the events that
    a proxy would have logged.
    """

    verdict: Verdict
    reason: str = ""
    message: str = ""
    held_nanos: int | None = None
    parts: tuple[Part, ...] = ()
    output_limit: int | None = None  # tokens of a choice that a clamp left
    settled_nanos: int | None = None  # what the ledger would have; None: nothing, or later
    told: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """As JSON; money is a decimal string."""
        return {
            "held_usd": _usd(self.held_nanos),
            "held": [part_document(part) for part in self.parts],
            "verdict": str(self.verdict),
            "reason": self.reason,
            "message": self.message,
            "output_limit": self.output_limit,
            "settled_usd": _usd(self.settled_nanos),
            "told": list(self.told),
        }


def _usd(nanos: int | None) -> str | None:
    return None if nanos is None else usd_string(nanos)


def part_document(part: Part) -> dict[str, Any]:
    """A part of a hold as JSON: how many of what, who says so, or why nobody does."""
    return {
        "what": part.what,
        "most": part.most if isinstance(part.most, int) else str(part.most),
        "usd": exact_usd(part.nanos),
        "by": part.by,
        "unbounded": part.unbounded,
    }


def exact_usd(nanos: Decimal) -> str:
    """A part's money, to the last digit: parts are rounded only together."""
    text = f"{EXACT.multiply(nanos, NANO):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def passed(reason: str) -> Rehearsed:
    """Nothing is held for it."""
    return Rehearsed(Verdict.PASSED, reason)


def refused(refusal: Refusal, parts: tuple[Part, ...] = ()) -> Rehearsed:
    """It is answered by the proxy itself."""
    return Rehearsed(Verdict.REFUSED, refusal.reason, refusal.message, parts=parts)


def went(admission: Admission, call: CallInFlight) -> Rehearsed:
    """It was admitted, as it was asked for or with less."""
    held, demand = call.held.hold.held_nanos, call.held.demand
    asked = admission.demand
    limit = call.held.told_limit // demand.per_output_tokens
    verdict, reason = Verdict.ADMITTED, ""
    said = []
    if call.clamped:
        verdict, reason = Verdict.CLAMPED, "output_limit"
        if limit < asked.output_limit:
            most = several(limit, "token")
            said.append(f"its output was limited to {most} of {asked.output_limit:,}")
        if demand.parts != asked.parts:
            reason = "output_limit" if said else "tool_calls"
            said.append("fewer calls of its vendor's tools are allowed")
    elif demand.free:
        reason = "free"
        said.append(demand.free)
    if admission.asked_model:
        said.append(f"asked for {admission.asked_model}")
    parts = demand.parts
    if held != demand.ceiling_nanos():
        parts = tuple(_within(parts, held - demand.fixed_nanos))
    lowered = limit if call.clamped and limit < asked.output_limit else None
    return Rehearsed(verdict, reason, "; ".join(said), held, parts, lowered)


def _within(parts: Iterable[Part], nanos: int) -> Iterable[Part]:
    """The parts of a hold that has less room for output than was asked for."""
    for part in parts:
        if part.what == "output" and part.nanos > nanos:
            most = int(part.most * Decimal(nanos) / part.nanos)
            yield part._replace(most=most, nanos=Decimal(nanos), by=BY_BUDGETS, unbounded="")
        else:
            yield part


def composed(parts: Iterable[Part]) -> str:
    """What a hold is made of, in one line: the parts that cost something or that nobody bounds."""
    return ", ".join(
        f"{part.what} {part.most:,} by {part.by}" + (f" ({part.unbounded})" * bool(part.unbounded))
        for part in parts
        if part.nanos or part.unbounded
    )


def above_hold(rehearsed: Rehearsed, cost_nanos: int | None, recording: Recording) -> Rehearsed:
    """The same, with a word on it where the call cost more than was held."""
    held = rehearsed.held_nanos
    if held is None or cost_nanos is None or cost_nanos <= held:
        return rehearsed
    told = f"above_hold: {recording.id} cost {usd_string(cost_nanos - held)} USD above its hold"
    if recording.lost_bytes:
        told += f": {recording.lost_bytes:,} bytes of its request were not recorded"
    return with_told(rehearsed, (told,))


def with_told(rehearsed: Rehearsed, told: Iterable[str]) -> Rehearsed:
    """The same with what a proxy would have logged meanwhile."""
    return replace(rehearsed, told=(*rehearsed.told, *told))
