"""
Whether one call may go, and what follows from that: the body to send, or the refusal.

The order: the ceiling if it fits, else wait for money that calls in flight hold, else fewer calls
of the vendor's own tools, else a clamped output limit, else a refusal. The decision and the hold
are one step in the ledger; this file gives it the admission's demand, and makes a call in flight of
its answer.
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace

from llmcap.providers.parts.shape import Document
from llmcap.replies import refusal_for
from llmcap.shared.gauges import CLAMPED, HOLD
from llmcap.shared.state import Shared
from llmcap.walk.admission import Admission
from llmcap.walk.answers import Refused, unbounded
from llmcap.walk.flight import CallInFlight
from llmcap.words.records import Admit, CapUnit, Deny, Hold, Wait


def try_cheap(admission: Admission) -> CallInFlight | None:
    """Admit on the cheap bound alone, unless others were here before; None: look closer."""
    shared = admission.shared
    # What would be done to a call that is watched, is said of its count.
    if admission.must_count or any(scope.budget.watched for scope in admission.scopes):
        return None
    if admission.scopes and (admission.sliced or shared.line.blocks(admission.keys)):
        return None
    cheap = admission.demand.unclamped()
    with shared.gauges.timing(HOLD):
        decision = shared.ledger.hold(
            admission.call, admission.scopes, cheap, paced=admission.usual
        )
    return _go(admission, decision, None) if isinstance(decision, Admit) else None


def decide(admission: Admission, *, patient: bool) -> CallInFlight | Refused | Wait:
    """Admit, clamped where needed; or say to wait; or refuse, in the ledger too."""
    if why := admission.unbounded:
        return unbounded(
            admission.shared, admission.endpoint, admission.request, admission.call, why
        )
    _turn_windows(admission)
    shared = admission.shared
    # Fewer uses of tools are asked for before a shorter answer is.
    whole = admission.tools_limitable and not admission.sliced
    decision = _held(admission, patient=patient, whole=whole)
    if isinstance(decision, Deny) and (lower := _with_fewer_tools(admission, decision)):
        return decide(lower, patient=patient)
    if isinstance(decision, Deny) and whole:
        decision = _held(admission, patient=patient, whole=False)
    if isinstance(decision, Admit) and decision.output_limit is not None:
        with _or_give_back(shared, decision.hold):
            limited = _limited(admission, decision.output_limit)
        if limited is not None:
            shared.gauges.count(CLAMPED)
            return _go(admission, decision, limited)
        # This request cannot carry so low a limit (thinking needs more): try without a clamp.
        shared.give_back(decision.hold, "the request cannot be clamped so low")
        admission.demand = admission.demand.unclamped()
        return decide(admission, patient=patient)
    if isinstance(decision, Admit):
        return _go(admission, decision, None)
    if isinstance(decision, Wait):
        return decision
    return _refuse(admission, decision)


def decide_now(admission: Admission) -> CallInFlight | Refused:
    """Decide without waiting: there is no time, or no place, to wait."""
    verdict = decide(admission, patient=False)
    assert not isinstance(verdict, Wait), "an impatient decision never waits"
    return verdict


# --- parts --------------------------------------------------------------------------------------


def _turn_windows(admission: Admission) -> None:
    """A call belongs to the window in which it is held, however long it waited for that."""
    now = admission.shared.clock()
    if any(scope.resets_at and scope.resets_at <= now for scope in admission.scopes):
        admission.call = replace(admission.call, at=now)
        admission.scopes = admission.shared.scopes_of(admission.call)


def _held(admission: Admission, *, patient: bool, whole: bool) -> Admit | Wait | Deny:
    """What the ledger says to the call; `whole`: with all the output that it asks for."""
    demand = admission.demand.unclamped() if whole else admission.demand
    with admission.shared.gauges.timing(HOLD):
        return admission.shared.ledger.hold(
            admission.call, admission.scopes, demand, patient=patient, paced=admission.usual
        )


def _with_fewer_tools(admission: Admission, deny: Deny) -> Admission | None:
    """
    The call with the most uses of its vendor's tools that the denying budget can carry, down to
    one; None where there is nothing to lower.

    Each time it is lower than before, so this ends, at the latest at one: then the answer is
    clamped as any is, or the call refused.
    """
    if not admission.tools_limitable or deny.balance.paused:
        return None
    balance = deny.balance
    left = deny.scope.budget.cap + balance.raised - balance.spent - balance.held

    def fits(lower: Admission) -> bool:
        tokens = deny.scope.budget.unit is CapUnit.TOKENS
        demand = lower.demand
        return (demand.ceiling_tokens() if tokens else demand.ceiling_nanos()) <= left

    least, most = 1, admission.ask.tool_calls - 1
    found = admission.with_tools(least)
    if found is None or not fits(found):
        return found
    while least < most:
        middle = (least + most + 1) // 2
        lower = admission.with_tools(middle)
        if lower is not None and fits(lower):
            least, found = middle, lower
        else:
            most = middle - 1
    return found


def _limited(admission: Admission, output_limit: int) -> Document | bytes | None:
    endpoint, request = admission.endpoint, admission.request
    if endpoint.limit_body is not None:
        return endpoint.limit_body(request.body, output_limit)
    assert endpoint.limit is not None, endpoint.name
    return endpoint.limit(request.document(), output_limit)


def _go(admission: Admission, admit: Admit, document: Document | bytes | None) -> CallInFlight:
    """The call in flight, with the body to send where it is not the client's own."""
    endpoint, request = admission.endpoint, admission.request
    with _or_give_back(admission.shared, admit.hold):
        strips_usage = False
        if isinstance(document, bytes):
            body: bytes | None = document
        else:
            told = admission.ask.usage_wanted or admission.signed
            if not (told or endpoint.ask_usage is None):
                document = endpoint.ask_usage(document or request.document())
                strips_usage = True
            changed = admission.asked_model or admission.fewer_tools
            body = request.body if changed else None
            if document is not None:
                body = json.dumps(document, separators=(",", ":")).encode()
        call = CallInFlight(admission, admit, body=body, strips_usage=strips_usage)
    admission.shared.refusals.admitted(request, admission.call, admit.hold)
    return call


@contextlib.contextmanager
def _or_give_back(shared: Shared, hold: Hold) -> Iterator[None]:
    """Nothing was sent yet: where the call cannot be made ready, its money comes back."""
    try:
        yield
    except Exception as error:
        shared.give_back(hold, f"never sent: {type(error).__name__}")
        raise


def _refuse(admission: Admission, deny: Deny) -> Refused:
    shared = admission.shared
    shared.refused(admission.call, deny)
    shared.guard.denied(deny)
    refusal = refusal_for(deny, now=shared.clock())
    reply = shared.reply(refusal, admission.endpoint.dialect, admission.request, admission.call)
    return Refused(refusal, reply)
