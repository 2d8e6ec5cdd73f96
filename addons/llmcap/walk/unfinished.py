"""
What an answer is taken to have cost that never told its usage: never less than it can have been.

Input as far as it was reported, else at its estimate; output as far as it was seen, and what the
provider made before it noticed that nobody listens. Work that does not show is never assumed to be
free: where there may be some, it is all that the model can have written in that time.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from llmcap.metering.bill import bill_of, counts_nothing, total
from llmcap.metering.meter import Meter
from llmcap.metering.visible import UNSEEN_TOKENS, Visible
from llmcap.pricing.terms import base_of, settled
from llmcap.providers.parts.leaving import goes_on, stops
from llmcap.providers.parts.refused import TIMED_OUT, Billed
from llmcap.providers.parts.refused import refused as refused_as
from llmcap.walk.admission import Admission
from llmcap.words.money import ceil_nanos
from llmcap.words.records import Ending, Hold, Reading, Settlement, Usage

# A prompt of this size is counted in a few milliseconds.
COUNT_BYTES_MAX = 512 * 1024


# How long an answer is read on when its client has gone. Where it hides work, or is not streamed,
# all that is held is at stake: the moments that it may take to its end, and its usage, are cheap
# beside that. Where its vendor goes on to the end and bills that, that end is waited for.
LINGER_FOR_USAGE = timedelta(seconds=3)
LINGER_TO_THE_END = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Assumed:
    """What a call is taken to have cost: for now, where a later answer may tell what it read."""

    settlement: Settlement
    # The same where its prompt was known to be so many tokens; None where that changes nothing.
    by_prompt: Callable[[int], Settlement] | None = None


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is known of such an answer but for its prompt; `reading` is what it has told itself."""

    reading: Reading
    told_nanos: int  # what that costs by itself, whatever of it can be all or true
    told: Usage
    output: int  # tokens, all that it can have written
    begun: int | None  # calls of its vendor's own tools
    certain: int | None  # those that it has certainly written; None: there was no answer
    unseen: int  # those of `output` that nobody has seen
    note: str


def read_on(admission: Admission) -> timedelta:
    """How long to read on before the provider is left too: not, where the answer shows it all."""
    if goes_on(admission.provider.name, stream=admission.ask.stream):
        return LINGER_TO_THE_END
    shown = admission.ask.stream and admission.shows_all
    return timedelta(0) if shown else LINGER_FOR_USAGE


def at_hold(
    admission: Admission, hold: Hold, note: str, reading: Reading | None = None
) -> Settlement:
    """All that was held, in money and in tokens, as a cap may count either; more if so was told."""
    told = total(reading.charges) if reading else Usage()
    fixed = min(admission.demand.fixed_tokens, hold.held_tokens - told.output_tokens)
    read = max(told.input_tokens, fixed)
    written = max(told.output_tokens, hold.held_tokens - read)
    return Settlement(
        Ending.ASSUMED,
        max(hold.held_nanos, _told_nanos(admission, hold, reading) if reading else 0),
        usage=replace(told, input_tokens=read, output_tokens=written),
        model=reading.model if reading else None,
        response_id=reading.response_id if reading else None,
        note=note,
    )


def refused(
    admission: Admission, hold: Hold, meter: Meter, visible: Visible, *, limit: int, whole: bool
) -> Settlement:
    """
    What an error answer without usage cost: nothing, but where its vendor bills such.

    Where somebody on the way stopped waiting, it costs what a call without an answer does.
    """
    note = f"the provider answered {meter.status}"
    row = refused_as(admission.provider.name, meter.status, meter.error_body(whole=whole))
    if row is None and meter.status in TIMED_OUT:
        note = f"{note}: what was done until then is not told"
        left = assumed(admission, hold, None, visible, limit=limit, whole=False, note=note)
        return left.settlement
    if row is None:
        return Settlement(Ending.RELEASED, 0, note=note)
    note = f"{note} and may bill {row.bills}: {row.source}"
    if row.bills is Billed.ALL:
        return at_hold(admission, hold, note)
    _count_input(admission)
    demand = admission.served_under(())
    usage = Usage(input_tokens=demand.fixed_tokens)
    return Settlement(
        Ending.ASSUMED, min(demand.fixed_nanos, hold.held_nanos), usage=usage, note=note
    )


def assumed(
    admission: Admission,
    hold: Hold,
    meter: Meter | None,
    visible: Visible,
    *,
    limit: int,
    whole: bool,
    note: str,
) -> Assumed:
    """
    What was seen, and unless the answer is `whole`, what was on its way.

    Without a `meter` there was no answer yet. `limit` is what the provider was told for all of the
    choices, lowered by a clamp or not.
    """
    ask, reading = admission.ask, meter.reading if meter else Reading()
    # What has passed the limit that its provider was told is bounded by nothing that was held.
    passed = meter is not None and visible.certain(meter, limit=limit) > limit
    if not (whole or passed or stops(admission.provider.name, stream=ask.stream)):
        note = f"{note}; nobody says that this provider stops then"
        return Assumed(at_hold(admission, hold, note, reading))
    if whole and ask.measures and meter is not None and meter.opaque_bytes(whole=True):
        note = f"{note}; its bytes do not tell what it has cost"
        return Assumed(at_hold(admission, hold, note, reading))
    if whole:
        # What would have been told is known: it is what is usual.
        untold = tuple(kind for kind in reading.untold if kind not in reading.usual)
        usual = tuple(base_of(kind) for kind in sorted(reading.usual))
        terms = settled(settled(usual, ask.terms), reading.terms)
        reading = replace(reading, untold=untold, terms=terms)
    told_nanos, told = _told_nanos(admission, hold, reading), total(reading.charges)
    # A bill that is told on the way leaves out what is still to come.
    reading = replace(reading, billed_usd=None)
    if counts_nothing(reading) or not total(reading.charges).input_tokens:
        reading = replace(reading, charges=())
    output = _output_tokens(admission, meter, visible, limit, whole=whole) if ask.generates else 0
    written = meter if ask.generates else None
    seen = _Seen(
        reading, told_nanos, told, output,
        begun=_begun(admission, meter, visible, whole=whole),
        certain=visible.certain(written, limit=limit) if written else None,
        unseen=max(output - visible.tokens(written), 0) if written else output,
        note=note,
    )  # fmt: skip
    priced = partial(_priced, admission, hold, seen)
    is_known = reading.charges and not seen.begun
    return Assumed(priced(None), None if is_known else priced)


def _priced(admission: Admission, hold: Hold, seen: _Seen, prompt_tokens: int | None) -> Settlement:
    """What it costs by all that was seen of it, and by its prompt where somebody has told that."""
    ask, reading, output = admission.ask, seen.reading, seen.output
    if reading.charges:
        first, *others = reading.charges
        usage = replace(first.usage, output_tokens=output, reasoning=0, output_audio=0)
        filled = replace(reading, charges=(replace(first, usage=usage), *others))
        cost = bill_of(admission.price_of, admission.provider, filled, hold).nanos
        usage = total(filled.charges)
    if not reading.charges or seen.begun:
        # What was told before tools began leaves out what they add to be read.
        _count_input(admission)
        demand = admission.served_under(
            reading.terms, begun=seen.begun, prompt_tokens=prompt_tokens
        )
        per_token = demand.per_output_nanos / ask.choices
        most = demand.fixed_nanos + ceil_nanos(output * per_token / 1_000_000_000)
        if not reading.charges or most > cost:
            usage = Usage(input_tokens=demand.fixed_tokens, output_tokens=output)
            cost = most
    if output <= admission.demand.output_limit * ask.choices:
        # What may have come beside it is no dearer than the hold; what was seen may be.
        cost = min(cost, max(hold.held_nanos, _seen_nanos(admission, seen, cost=cost)))
    if seen.told_nanos > cost:
        cost, told = seen.told_nanos, seen.told
        usage = replace(told, output_tokens=max(told.output_tokens, output))
    return Settlement(
        Ending.ASSUMED,
        cost,
        usage=usage,
        model=reading.model,
        response_id=reading.response_id,
        note=seen.note,
    )


def _told_nanos(admission: Admission, hold: Hold, reading: Reading) -> int:
    """What was told costs so much: whatever of it cannot be all or true, no less is booked."""
    bill = bill_of(admission.price_of, admission.provider, reading, hold)
    return bill.nanos if bill.known else 0


def _seen_nanos(admission: Admission, seen: _Seen, *, cost: int) -> int:
    """
    What was seen costs so much at least, whatever is held; all of the output costs `cost`.

    Of a sliced answer, whose hold bounds nothing that still comes, all but the tokens that nobody
    has seen; of one that is held by its limit, the output that is certain.
    """
    if seen.certain is None:
        return 0
    per_token = admission.demand.per_output_nanos / admission.ask.choices / 1_000_000_000
    if not admission.sliced:
        return ceil_nanos(seen.certain * per_token)
    return cost - ceil_nanos(seen.unseen * per_token)


def _begun(
    admission: Admission, meter: Meter | None, visible: Visible, *, whole: bool
) -> int | None:
    """
    How many calls of the vendor's own tools were begun at most; None where nothing tells.

    Those that the stream has shown, and as many as can have begun since at the pace of these.
    """
    shown = meter.reading.begun if meter else None
    if shown is None or not admission.shows_tools:
        return None
    return shown if whole else shown + visible.further(shown)


def _output_tokens(
    admission: Admission, meter: Meter | None, visible: Visible, limit: int, *, whole: bool
) -> int:
    made = unseen = certain = 0
    paces, provider, model = admission.shared.paces, admission.provider.name, admission.ask.model
    if meter is not None:
        reading = meter.reading
        certain = visible.certain(meter, limit=limit)
        reported = sum(charge.usage.output_tokens for charge in reading.charges)
        seen = visible.tokens(meter)
        unseen = 0 if whole else visible.unseen(seen, reading)
        if not whole and (unread := visible.time_unread(seen)) is not None:
            most = paces.most(provider, model, unread) * admission.ask.choices
            unseen = max(unseen, UNSEEN_TOKENS + most)
        made = max(reported, seen, meter.opaque_bytes(whole=whole)) + unseen
    silent = meter is None or not (admission.ask.stream or whole)
    if silent or not admission.shows_all:
        most = paces.most(provider, model, visible.time_to_write)
        made = max(made, UNSEEN_TOKENS + most * admission.ask.choices)
    # A provider keeps to the limit that it was told, unless it certainly did not.
    asked = admission.demand.output_limit * admission.ask.choices
    beyond = asked if certain <= asked else certain + unseen
    most = limit if certain <= limit else beyond
    return min(made, most)


def _count_input(admission: Admission) -> None:
    """Where the cheap bound of the input was enough to be admitted, it is not to be billed."""
    if admission.text_tokens is None and admission.ask.text_bytes <= COUNT_BYTES_MAX:
        admission.count_tokens()
