"""
One call in flight: its response metered as it passes, its hold ended exactly once.

The hold ends the moment the final usage is known, before the client gets the bytes that told it:
agents send the next turn at once, and must meet a ledger that knows this one. What never told its
usage is assumed, and hidden work is never assumed to be free.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial

from llmcap.brakes.breakers import Outcome
from llmcap.metering.bill import Bill, bill_of, cannot_be, counts_nothing, total
from llmcap.metering.meter import Meter
from llmcap.metering.visible import CUT_NOTICE_WITHIN, FindArrivals, Visible
from llmcap.providers.parts.leaving import goes_on
from llmcap.providers.parts.refused import GRPC_STATUSES
from llmcap.replies import Refusal, StreamEnding, cost_headers
from llmcap.replies.dialects import header_text
from llmcap.shared.gauges import CUT
from llmcap.streams.strip import UsageStripper
from llmcap.walk.admission import Admission
from llmcap.walk.allowance import Allowance
from llmcap.walk.booking import Booking
from llmcap.walk.lookout import Lookout
from llmcap.walk.unfinished import LINGER_TO_THE_END, assumed, at_hold, read_on, refused
from llmcap.words.records import Admit, Charge, Ending, Hold, Reading, Settlement

# "The request has been accepted for processing, but the processing has not been completed":
# https://www.rfc-editor.org/rfc/rfc9110#status.202
ACCEPTED = 202


class CallInFlight:
    """What the shell does to one admitted call, in this order: responded, feed, finish | broke."""

    def __init__(
        self, admission: Admission, admit: Admit, *, body: bytes | None, strips_usage: bool
    ) -> None:
        hold = admit.hold
        self.shared = admission.shared
        self.call = admission.call
        self.body = body
        self.path = admission.request.path if admission.asked_model else None
        self.clamped = admit.output_limit is not None or admission.fewer_tools
        self.cut = False
        self._admission = admission
        self._allowance = Allowance(
            self.shared.ledger,
            hold,
            admission.demand,
            limit=admit.output_limit or admission.demand.output_limit,
            choices=admission.ask.choices,
            sliced=admission.sliced,
            notify=self.shared.notify,
        )
        self._booking = Booking(admission, self._allowance)
        self._strips_usage = strips_usage
        self._stripper: UsageStripper | None = None
        self._meter: Meter | None = None
        self._ending: StreamEnding | None = None
        self._status = 0
        self._reported: tuple[Charge, ...] | None = ()
        self._settled_from: Reading | None = None
        self._looked_at = self._unread_max = 0  # for so many bytes read, how many may be unread
        self._in_flight = True
        shared, seller = self.shared, admission.provider.name
        self._visible = Visible(shared.counter, seller, self.call.model, clock=shared.clock)
        self._lookout = Lookout(admission, hold, self._visible)

    # --- the shell's calls --------------------------------------------------------------------

    @property
    def settlement(self) -> Settlement | None:
        """How it ended, as far as that is known."""
        return self._booking.settlement

    @property
    def held(self) -> Allowance:
        """What is held for it now, and the output limit that its provider was told."""
        return self._allowance

    @property
    def alters_stream(self) -> bool:
        """Whether bytes of the response may be taken out or added: its length is not known then."""
        return self._stripper is not None or self._admission.ask.stream

    def responded(
        self,
        status: int,
        headers: Mapping[str, str],
        *,
        streams: bool,
        arrivals: FindArrivals | None = None,
    ) -> None:
        """
        The response's head is here. Header names are lower-case.

        `arrivals` gives what has come of it that nobody has read, where somebody can tell that.
        """
        admission = self._admission
        if (told := headers.get("grpc-status", "0")) != "0":
            status = GRPC_STATUSES.get(told, 400)  # gRPC tells its errors beside HTTP's 200
        self._status = status
        self._visible.began(arrivals)
        self._meter = Meter(admission.endpoint, admission.ask, status=status, headers=headers)
        if streams and status < 300:
            # gRPC has its errors in the trailers, which the shell sets.
            grpc = headers.get("content-type", "").startswith("application/grpc")
            if headers.get("content-encoding", "identity") == "identity" and not grpc:
                self._ending = StreamEnding(
                    admission.endpoint.dialect,
                    user_agent=admission.request.headers.get("user-agent", ""),
                    content_type=headers.get("content-type", ""),
                )
            if self._strips_usage:
                self._stripper = UsageStripper()

    def feed(self, data: bytes) -> bytes:
        """A piece of the body as it came; gives what the client is to get of it, at once."""
        assert self._meter is not None
        self._meter.feed(data)
        if self.cut:
            return b""  # it was on its way, and is counted
        passed = self._stripper.feed(data) if self._stripper else data
        if self.settlement is None:
            self._lookout.look(self._meter)
        if self.settlement is None and self._is_look_due(self._meter):
            reading = self._meter.reading
            if self._told(reading):
                self._settle(reading)
            elif not self._fits(reading):
                return self._cut(passed, reading)
        if self._ending is not None and self.settlement is None:
            self._ending.feed(passed)
        return passed

    def finish(self) -> bytes:
        """The response came to its end; gives what of it was kept back."""
        assert self._meter is not None
        rest = self._stripper.flush() if self._stripper and not self.cut else b""
        if self.cut:
            self._count_late()
        else:
            reading = self._meter.finish()
            self._settle(reading, whole=not self._meter.cut_short)
        self._left(failed=self._status >= 500)
        return rest

    def broke(self, reason: str, *, sent: bool, ours: bool = False) -> None:
        """
        The exchange ended without a whole response: a hang-up, a reset, a timeout.

        Or this program ends, which is `ours`.
        """
        unanswered = sent and self._meter is None and not self._visible.is_left(reason)
        if self.settlement is not None:
            if self.cut:
                self._count_late()
            self._left(failed=False)
            return
        if not sent:
            self._booking.end(Settlement(Ending.RELEASED, 0, note=f"never sent: {reason}"))
        elif self._meter is None:
            self._booking.end(self._assumed(whole=False, note=f"no response: {reason}"))
        else:
            self._visible.broke(reason)
            if ours:
                self._visible.ended()
            self._settle(self._meter.finish(broke=True), note=reason)
        self._left(failed=unanswered or self._status >= 500)

    def linger(self) -> timedelta:
        """How long to read on when the client has gone, before its provider is left too."""
        self._visible.left(self._meter.reading.visible_bytes if self._meter else 0)
        return read_on(self._admission)

    def listens(self) -> timedelta:
        """How long to read on after a cut, as its vendor goes on to the end and bills that."""
        admission = self._admission
        is_billed = goes_on(admission.provider.name, stream=admission.ask.stream)
        return LINGER_TO_THE_END if is_billed else timedelta(0)

    def is_over(self) -> bool:
        """Whether nothing is learned any more from what its provider still sends."""
        if self.cut:
            return self._meter is not None and self._told(self._meter.reading)
        return self.settlement is not None

    def parted(
        self, *, stopped: bool, round_trip: timedelta, unread: int = 0, lost: bool = False
    ) -> None:
        """The provider's side is closed, or broke."""
        self._visible.parted(stopped=stopped, round_trip=round_trip)
        if lost:
            self._visible.lost()
        if unread and self._meter is not None:
            self._visible.missed(unread, of=self._meter)

    def give_up(self, reason: str) -> None:
        """A background call whose usage will not be seen any more."""
        if self.settlement is None:
            self._booking.end(at_hold(self._admission, self._hold, reason))
        self._left(failed=False)

    def settle_from(self, reading: Reading) -> None:
        """A background call whose usage came with a later request."""
        if self.settlement is None:
            self._settle(reading, whole=True)

    def covers(self, nanos: int) -> bool:
        """Whether so much is held for it, or can be held now: it turned out to be larger."""
        return self._allowance.pays(nanos) and not self._allowance.asks_again

    def cut_refusal(self) -> Refusal:
        """Why it was cut."""
        return self._admission.cut_refusal(self._hold)

    def headers(self) -> dict[str, str]:
        """The `x-llmcap-*` headers that are true now."""
        headers = cost_headers(
            self._hold,
            estimate_nanos=self._hold.held_nanos,
            cost_nanos=self.settlement.cost_nanos if self.settlement else None,
            balances=self._booking.balances(),
            clamped=self.clamped,
        )
        if asked := self._admission.asked_model:
            headers["x-llmcap-downgraded"] = header_text(f"{asked} to {self.call.model}")
        return headers | self.shared.guard.headers(self._hold.scopes)

    # --- settling -----------------------------------------------------------------------------

    def _settle(self, reading: Reading, *, whole: bool = False, note: str = "") -> None:
        if self.settlement is not None and reading is self._settled_from:
            return
        settlement = self._settlement(reading, whole=whole, note=note)
        if settlement is None:
            return
        self._settled_from = reading
        if self.settlement is None:
            self._booking.end(settlement)
        elif settlement != self.settlement and settlement.cost_nanos != self.settlement.cost_nanos:
            # Usage that was final and then changed: the difference is an entry of its own.
            self._booking.correct(settlement)

    def _count_late(self) -> None:
        """A cut answer with all that was on its way: its usage, else what was seen of it."""
        assert self._meter is not None
        assert self.settlement is not None, "a cut settles"
        reading, booked = self._meter.finish(broke=True), self.settlement
        if self._told(reading):
            found = self._priced(reading, Ending.SETTLED, booked.note)
        else:
            found = self._assumed(whole=False, note=booked.note)
        if found != booked:
            self._booking.correct(found)

    def _settlement(self, reading: Reading, *, whole: bool, note: str) -> Settlement | None:
        """How the call ended, or None where its usage will come with a later request."""
        assert self._meter is not None
        known = bool(reading.charges) or reading.billed_usd is not None
        if self._told(reading) or (known and self._status >= 300):
            return self._priced(reading, Ending.SETTLED, note)
        if self._status >= 300:
            return refused(
                self._admission,
                self._hold,
                self._meter,
                self._visible,
                limit=self._allowance.told_limit,
                whole=whole,
            )
        settled = self._settled_from
        if self.settlement is not None and (
            settled is None or reading.visible_bytes <= settled.visible_bytes
        ):
            return self.settlement
        if reading.deferred and whole and reading.response_id:
            self.shared.parked.add(self, reading.response_id)
            self.shared.late.do(partial(self.shared.ledger.park, self._hold, reading.response_id))
            self._admission.placed()
            return None
        if self._status < 200:
            note = f"a {self._status} is no answer, and the one that follows it is not seen"
            return at_hold(self._admission, self._hold, note)
        if self._status == ACCEPTED:
            note = "a 202 says that it is worked on later, and no answer tells what it costs"
            return at_hold(self._admission, self._hold, note, reading)
        if self._meter.failed:
            note = f"not understood: {self._meter.failed}"
            return at_hold(self._admission, self._hold, note, reading)
        found = self._assumed(whole=whole, note=note or "no usage in the response")
        if self.cut:
            # What was held for what is on its way is nobody else's until that was counted.
            return replace(found, cost_nanos=max(found.cost_nanos, self._hold.held_nanos))
        return found

    def _assumed(self, *, whole: bool, note: str) -> Settlement:
        found = assumed(
            self._admission,
            self._hold,
            self._meter,
            self._visible,
            limit=self._allowance.told_limit,
            whole=whole,
            note=note,
        )
        self._booking.by_prompt = found.by_prompt
        return found.settlement

    def _told(self, reading: Reading) -> bool:
        """Whether the final usage is there, and can be true: only a failure is for nothing."""
        if not reading.complete:
            return False
        served = bool(reading.visible_bytes or not reading.error)
        wrong = cannot_be if self._admission.ask.generates else counts_nothing
        return not (served and wrong(reading))

    def _priced(self, reading: Reading, ending: Ending, note: str) -> Settlement:
        bill = self._bill(reading)
        notes = list(bill.notes)
        for text in notes:
            told = f"{self.call.provider}/{self.call.model} was {text}"
            self.shared.notify("price_missing", told, subject=text)
        usage = total(reading.charges)
        if note:
            notes.insert(0, note)
        failed = self._status >= 300 or bool(reading.error)
        self._admission.learned(reading, usage, self._visible, failed=failed)
        return Settlement(
            ending if bill.known else Ending.ASSUMED, bill.nanos, usage=usage, model=reading.model,
            response_id=reading.response_id, note="; ".join(notes),
        )  # fmt: skip

    def _bill(self, reading: Reading) -> Bill:
        return bill_of(self._admission.price_of, self._admission.provider, reading, self._hold)

    def _left(self, *, failed: bool) -> None:
        """The exchange is over, whenever its cost became known: once."""
        if not self._in_flight:
            return
        self._in_flight = False
        self._booking.wait_for_prompt()
        cost = self.settlement.cost_nanos if self.settlement else 0
        first_byte_at = self._visible.first_byte_at
        waited = first_byte_at - self._visible.asked_at if first_byte_at else None
        self._admission.ended(Outcome(failed, waited, cost))

    # --- staying within the hold --------------------------------------------------------------

    @property
    def _hold(self) -> Hold:
        return self._allowance.hold

    def _is_look_due(self, meter: Meter) -> bool:
        """What was not read yet matters only where it could have passed what is held."""
        unread = meter.unread_bytes
        if not unread:
            return True
        if meter.read_bytes != self._looked_at:
            self._looked_at = meter.read_bytes
            self._unread_max = self._allowance.unread_max(
                meter.visible_bytes, event_bytes=meter.event_bytes
            )
        return unread > self._unread_max

    def _fits(self, reading: Reading) -> bool:
        """Whether what was reported and what was seen so far are covered by the hold."""
        if reading.charges is not self._reported:
            if not self._allowance.pays(self._bill(reading).nanos):
                return False
            self._reported = None if self._allowance.asks_again else reading.charges
        if reading.visible_bytes <= self._allowance.next_look:
            return True
        assert self._meter is not None, "a reading is of a meter"
        allowance, visible = self._allowance, self._visible
        if allowance.sliced:
            # It has to be ahead of all that may come, and is held by what was counted anyway.
            made = visible.tokens(self._meter)
        else:
            made = visible.certain(self._meter, limit=allowance.told_limit, runs=True)
        coming = visible.coming(made, reading.visible_bytes, within=CUT_NOTICE_WITHIN)
        return allowance.fits(reading.visible_bytes, made, coming=coming)

    def _cut(self, passed: bytes, reading: Reading) -> bytes:
        """End the stream here: the cost is in the ledger before the client reads the end."""
        self.cut = True
        self.shared.gauges.count(CUT)
        self._visible.left(reading.visible_bytes)
        self._settle(reading, note="cut: the budget cannot carry more of this answer")
        if self._ending is None:  # an encoded stream ends as if the connection had broken
            return passed
        return self._ending.cut(passed, self.cut_refusal())
