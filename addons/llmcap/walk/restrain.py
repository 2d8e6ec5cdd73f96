"""
What thresholds and breakers make of one call at the door, before any budget is asked.

In this order: a budget's `refuse` below its cap stops it, a `downgrade` sends it to a cheaper
model, a breaker stops it, a `throttle` lets it wait. None of this can let a call go that the ledger
would refuse: what is left of the call is admitted like any other.
"""

from collections.abc import Iterable
from dataclasses import replace

from llmcap.bounds.estimate import sold
from llmcap.brakes.reroute import with_limit, with_model
from llmcap.brakes.thresholds import Reached
from llmcap.providers.parts.declared import asked
from llmcap.replies import CAP_REACHED, Refusal
from llmcap.replies.refusal import iso
from llmcap.shared.state import over_by
from llmcap.walk.admission import Admission
from llmcap.walk.answers import Refused
from llmcap.walk.ordering import with_named
from llmcap.words.errors import FormatError, NoBound
from llmcap.words.money import in_unit
from llmcap.words.records import Deny

BREAKER_OPEN = "breaker_open"


def restrained(admission: Admission) -> Refused | Admission:
    """The call as its budgets' thresholds want it: the same, another one, or none."""
    guard = admission.shared.guard
    found = guard.restraint(admission.enforced)
    if found.stop is not None:
        return _stopped(admission, found.stop)
    delay = found.delay_seconds
    if lower := _cheaper(admission, found.models):
        # It may fall under other budgets now, with thresholds of their own.
        admission, found = lower, guard.restraint(lower.enforced)
        if found.stop is not None:
            return _stopped(admission, found.stop)
    admission.delay_seconds = max(delay, found.delay_seconds)
    return admission


def ask_breakers(admission: Admission) -> Refused | None:
    """
    A refusal where a breaker is open; None: the call counts as in flight from now on.

    Then either `CallInFlight` reports its end, or `admission.abandoned` must be called.
    """
    shared = admission.shared
    trip = shared.guard.ask(admission.call, admission.fingerprint)
    if trip is None:
        return None
    name = f"{trip.kind} ({trip.value})" if trip.value else str(trip.kind)
    text = (
        f"LLMCap stopped this call: the breaker for {name} is open, because {trip.why}. One call "
        f"may try at {trip.until:%H:%M:%S} UTC; retrying before that does not help. If this is "
        "meant, `llmcap breaker` closes it, and `breakers` in the LLMCap config sets its bounds."
    )
    shared.refused(admission.call, None, note=f"breaker {name}: {trip.why}")
    return _refused(admission, Refusal(reason=BREAKER_OPEN, message=text, resets_at=trip.until))


# --- a threshold that refuses -----------------------------------------------------------------


def _stopped(admission: Admission, reached: Reached) -> Refused:
    shared = admission.shared
    scope, balance, threshold = reached.scope, reached.balance, reached.threshold
    budget = scope.budget
    deny = Deny(scope, balance, 0)
    shared.refused(admission.call, deny, note=f"refused by {budget.name} from {threshold.label} on")
    shared.guard.denied(deny)
    cap = budget.cap + balance.raised
    value = f" for {scope.value!r}" if scope.value else ""
    when = f"resets at {iso(scope.resets_at)}" if scope.resets_at else "never resets"
    text = (
        f"LLMCap stopped this call: budget {budget.name!r}{value} refuses from {threshold.label} "
        f"of its cap on, and has spent {in_unit(balance.spent, budget.unit)} of "
        f"{in_unit(cap, budget.unit)}. It {when}; retrying before that does not help. To go on "
        "now, raise it with `llmcap budget raise`, or change `at` in the LLMCap config."
    )
    return _refused(
        admission,
        Refusal(
            reason=CAP_REACHED,
            message=text,
            budget=budget.name,
            spent=balance.spent,
            cap=cap,
            unit=budget.unit,
            value=scope.value,
            resets_at=scope.resets_at,
        ),
    )


def _refused(admission: Admission, refusal: Refusal) -> Refused:
    shared = admission.shared
    reply = shared.reply(refusal, admission.endpoint.dialect, admission.request, admission.call)
    return Refused(refusal, reply)


# --- a threshold that downgrades --------------------------------------------------------------


def _cheaper(admission: Admission, models: Iterable[str]) -> Admission | None:
    """The call to the first of these models that its provider sells, if that is cheaper at most."""
    if admission.signed or admission.ask.lots or admission.ask.files:
        return None
    for model in models:
        if model == admission.ask.model:
            return None
        lower = _rewritten(admission, model)
        if lower is not None:
            cheaper = lower.demand.ceiling_nanos() < admission.demand.ceiling_nanos()
            return lower if cheaper else None
    return None


def _rewritten(admission: Admission, model: str) -> Admission | None:
    """The same call to another model, or None where that cannot be said in its request."""
    shared, endpoint, call = admission.shared, admission.endpoint, admission.call
    until = over_by(admission.ask, call.at)
    price = shared.prices.find(admission.provider.price_key, model, call.at, until=until)
    request = with_model(admission.request, admission.ask.model, model)
    if price is None or request is None or endpoint.read is None:
        return None
    limit = admission.ask.output_limit
    try:
        if limit is not None and price.max_output is not None and limit > price.max_output:
            request = with_limit(endpoint, request, price.max_output)
            if request is None:
                return None
        allowed = shared.policy.allow_fields
        name = admission.provider.name
        read = asked(endpoint, request, provider=name, allowed=allowed)
        ask = sold(with_named(shared, admission.provider, read), price)
    except FormatError:
        return None
    if ask is None or ask.model != model:
        return None
    others = [
        shared.price_of(admission.provider, name, call.at, until=until) for name in ask.other_models
    ]
    if None in others:
        return None
    told = {"model": model, "asked_model": admission.ask.model}
    try:
        lower = Admission(
            shared,
            provider=admission.provider,
            endpoint=endpoint,
            request=request,
            ask=ask,
            call=replace(call, model=model, attributes={**call.attributes, **told}),
            prices=[price, *(each for each in others if each is not None)],
            scopes=(),
        )
    except NoBound:
        return None
    lower.scopes = shared.scopes_of(lower.call)
    lower.asked_model = admission.ask.model
    return lower
