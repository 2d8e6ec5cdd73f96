"""One exchange after the other through the walk, each at its own time, and nothing is sent."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from llmcap.audit.recordings import Recording
from llmcap.ledger import open_ledger
from llmcap.ledger.promise import MEMORY
from llmcap.pricing import PriceBook
from llmcap.providers.parts.shape import Request
from llmcap.rehearsal.sessions import walked
from llmcap.rehearsal.verdicts import Rehearsed, passed, refused, went, with_told
from llmcap.replies import Refusal
from llmcap.walk.admission import Admission
from llmcap.walk.answers import Pass, Refused
from llmcap.walk.attributes import Facts
from llmcap.walk.decision import decide_now, try_cheap
from llmcap.walk.deferred import Deferred
from llmcap.walk.firewall import Firewall
from llmcap.walk.flight import CallInFlight
from llmcap.walk.hosts import refused_host
from llmcap.walk.restrain import ask_breakers
from llmcap.walk.uploads import Upload
from llmcap.words.errors import LLMCapError
from llmcap.words.records import Policy

NOBODY = Facts()


class Stage:
    """
    A proxy of its own for exchanges that are told of, with the budgets of a policy.

    What an exchange leaves behind (what was spent, files that were uploaded, conversations) is
    there for the next one. Times may go backwards: each exchange counts in the windows of its own.
    """

    def __init__(self, prices: PriceBook, policy: Policy, *, now: datetime) -> None:
        self._now = now
        self._told: list[str] = []
        ledger = open_ledger(MEMORY, clock=self._clock)
        ledger.define(policy.budgets, run_id="")
        self._firewall = Firewall(
            ledger=ledger, prices=prices, policy=policy, clock=self._clock, notify=self._notify
        )

    def close(self) -> None:
        """The books are closed, and gone."""
        self._firewall.close()

    def recorded(self, recording: Recording, at: datetime) -> Rehearsed:
        """What a proxy would have done with it. Never raises for what it holds."""
        with self._at(at):
            found = self._considered(recording.request, recording)
        return with_told(found, self._told)

    def request(self, request: Request, at: datetime) -> Rehearsed:
        """The same of a request that has no answer: what it holds is given back at once."""
        with self._at(at):
            found = self._considered(request, None)
        return with_told(found, self._told)

    # --- parts --------------------------------------------------------------------------------

    def _considered(self, request: Request, answer: Recording | None) -> Rehearsed:
        shared = self._firewall.shared
        refusal = refused_host(shared, request.host)
        if refusal is not None:
            return refused(refusal)
        try:
            if request.headers.get("upgrade", "").lower() == "websocket":
                frames = answer.frames if answer else ()
                return walked(self._firewall, request, frames, self._admitted)
            considered = self._firewall.consider(request, NOBODY)
            if isinstance(considered, Admission):
                return self._called(considered, answer)
        except LLMCapError as error:
            return refused(Refusal(reason="ledger_error", message=str(error)))
        if isinstance(considered, Refused):
            return refused(considered.refusal)
        if isinstance(considered, Pass):
            return passed(considered.reason)
        if answer is not None:
            try:
                _watch(considered, answer)
            except Exception as error:  # noqa: BLE001 - live, the answer passes all the same
                self._notify("internal_error", f"the answer cannot be metered: {error}")
        return passed("read ahead" if isinstance(considered, Upload) else "told later")

    def _called(self, admission: Admission, answer: Recording | None) -> Rehearsed:
        call = self._admitted(admission)
        if isinstance(call, Refused):
            parts = admission.demand.parts if call.refusal.budget is not None else ()
            return refused(call.refusal, parts)
        found = went(admission, call)
        try:
            _answer(call, answer, streams=admission.ask.stream)
        except Exception as error:  # noqa: BLE001 - as live: it costs all that was held
            call.give_up(f"internal error while metering: {type(error).__name__}: {error}")
            self._notify("internal_error", f"the answer cannot be metered: {error}")
        if answer is None or call.settlement is None:
            return found
        return replace(found, settled_nanos=call.settlement.cost_nanos)

    def _admitted(self, admission: Admission) -> CallInFlight | Refused:
        """As `patience` does it, but for the waiting: nobody else is there."""
        refusal = ask_breakers(admission)
        if refusal is not None:
            return refusal
        call: CallInFlight | Refused | None = try_cheap(admission)
        if call is None:
            admission.count_tokens()
            call = decide_now(admission)
        if isinstance(call, Refused):
            admission.abandoned()
        return call

    def _clock(self) -> datetime:
        return self._now

    def _notify(self, kind: str, message: str) -> None:
        self._told.append(f"{kind}: {message}")

    @contextmanager
    def _at(self, at: datetime) -> Iterator[None]:
        self._now = at
        self._told = []
        yield


def _answer(call: CallInFlight, answer: Recording | None, *, streams: bool) -> None:
    """Let a call end as it was recorded; of one that was only asked about nothing is left."""
    if answer is None:
        call.broke("it was only asked about", sent=False)
    elif not answer.status:
        call.broke("no response was recorded", sent=True)
    else:
        call.responded(answer.status, answer.headers, streams=streams)
        call.feed(answer.body)
        call.finish()


def _watch(watched: Deferred, answer: Recording) -> None:
    """Let a request that costs nothing itself be answered: it may tell of other calls."""
    if isinstance(watched, Upload):
        watched.read()
    headers: Mapping[str, str] = answer.headers
    watched.responded(answer.status, headers)
    watched.feed(answer.body)
    watched.finish()
