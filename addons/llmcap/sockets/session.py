"""
One WebSocket session: told each frame before it is passed on, it says what becomes of it.

A frame that starts work waits until the work is admitted (`Pending`), exactly as a call is: same
budgets, same ledger, same holds. Frames of the provider are metered before the client gets them, so
the cost of a response is in the ledger before its last frame is. A session has no socket and no
clock: it can be tested at every frame.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from llmcap.metering.visible import FindArrivals
from llmcap.providers.parts.declared import ALL_READ, unread_in_document, with_unread
from llmcap.providers.parts.session import RESPONSE, Heard, Moment, Turn, Wire
from llmcap.providers.parts.shape import Document, Provider, Request
from llmcap.replies import Refusal, session_error
from llmcap.sockets.turns import HEAD, OpenTurn, Turns
from llmcap.walk.admission import Admission
from llmcap.walk.answers import Refused
from llmcap.walk.attributes import Facts
from llmcap.walk.deferred import Deferred, Watched
from llmcap.walk.flight import CallInFlight
from llmcap.words.errors import FormatError

if TYPE_CHECKING:
    from llmcap.walk.firewall import Firewall

# After a refusal of what a client sends many times a second (sound), so long nothing is asked
# again: what comes meanwhile is dropped in silence.
QUIET_SECONDS = 2

# https://www.rfc-editor.org/rfc/rfc6455#section-7.4: a frame against the policy of the endpoint,
# and a normal end, for clients that have been told the error. A reason has 123 bytes at most.
CLOSE_POLICY = 1008
CLOSE_NORMAL = 1000
REASON_BYTES_MAX = 123


_ENDS = (Moment.ENDED, Moment.FAILED, Moment.REJECTED)


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What becomes of a frame: `forward` takes its place, None drops it.

    The other frames are injected after it, to the client and to the provider. `close` is the code
    to close both connections with when they are sent, or 0, and `reason` the text beside it. Where
    it `reads_on`, what the provider still sends until it has closed its side is to be shown to us.
    """

    forward: bytes | None
    to_client: tuple[bytes, ...] = ()
    to_provider: tuple[bytes, ...] = ()
    close: int = 0
    reason: str = ""
    reads_on: bool = False


@dataclass(frozen=True, slots=True)
class Pending:
    """A frame that waits for an admission; `decided` says what then becomes of it."""

    admission: Admission
    decided: Callable[[CallInFlight | Refused], "Verdict | Pending"]


class Session:
    """The frames of one connection, in their order."""

    def __init__(
        self,
        firewall: "Firewall",
        *,
        provider: Provider,
        wire: Wire,
        upgrade: Request,
        facts: Facts,
    ) -> None:
        self.firewall = firewall
        self._provider = provider
        self._wire = wire
        self._upgrade = upgrade
        self._facts = facts
        self._turns: Turns[OpenTurn] = Turns()
        self._cut: list[OpenTurn] = []  # settled, and what was on its way still has to come
        self._stopped: dict[str, Deferred | None] = {}  # responses that were ended, by their id
        self._closed = False
        self._unread = ALL_READ  # of what the client has said so far
        self._quiet_until = firewall.clock()
        self.refusal: Refusal | None = None  # the last that the client was told
        self.arrivals: FindArrivals | None = None  # of the provider's side, where that can be told

    # --- frames -------------------------------------------------------------------------------

    def from_client(self, content: bytes) -> Verdict | Pending:
        """A frame that the client sent. Raises `LLMCapError` for what cannot be decided."""
        if self._closed:
            return Verdict(None)
        frame = self._request(content)
        try:
            turns = self._looked_at(frame, self._wire.said(frame))
        except FormatError as error:
            text = f"LLMCap cannot tell what this frame may cost, so it was not sent: {error}."
            return self._refused(Refusal(reason="unreadable_request", message=text), "")
        return self._admit(frame, turns)

    def from_provider(self, content: bytes) -> Verdict | Pending:
        """A frame that the provider sent."""
        document = _document(content)
        heard = self._wire.heard(document) if document is not None else None
        if self._closed:
            if heard is not None:
                self._count_late(heard, content)
            return Verdict(None)
        if heard is None:
            return Verdict(content)
        if heard.kind == RESPONSE and heard.id in self._stopped:
            return self._after_stop(heard, content)
        if heard.moment is Moment.DUE:
            self._turns.due(heard)
            return Verdict(content)
        turn = self._turns.find(heard)
        if turn is not None:
            return self._meter(turn, heard, content)
        unasked = self._wire.unasked(heard)
        if unasked is None:
            return Verdict(content)
        return self._admit_late(unasked, heard, content)

    def broke(self, reason: str) -> None:
        """The connection is over: what is open ends at what was seen of it, or at its hold."""
        self._closed = True
        for turn in self._turns.take_all():
            turn.call.broke(reason, sent=turn.sent)
        self._end_cut(self._cut, reason)

    def give_up(self, reason: str) -> None:
        """Metering failed: what is open costs all that it holds."""
        for turn in self._turns.take_all():
            turn.call.give_up(reason)

    def failed(self, message: str, *, reason: str = "internal_error") -> Verdict:
        """A frame of the client that cannot be accounted for: dropped, and said so."""
        return self._refused(Refusal(reason=reason, message=message), "")

    # --- admission ----------------------------------------------------------------------------

    def _admit(self, frame: Request, turns: tuple[Turn, ...]) -> Verdict | Pending:
        """Each of the turns in its order; the frame passes when all of them are admitted."""
        for number, turn in enumerate(turns):
            if turn.ahead and self._quiet_until > self.firewall.clock():
                return Verdict(None)
            waiting = self._turns.ahead(turn.kind) if turn.ahead else None
            if waiting is not None:
                if waiting.covers(turn.ask):
                    continue
                self._turns.remove(waiting)
                waiting.call.broke("held again with more room", sent=False)
            considered = self.firewall.consider_ask(
                self._provider, turn.endpoint, frame, turn.ask, self._facts
            )
            if isinstance(considered, Refused):
                return self._turned_down(considered, turn)
            if isinstance(considered, Admission):
                rest = turns[number + 1 :]
                return Pending(considered, partial(self._decided, considered, frame, turn, rest))
        return Verdict(frame.body)

    def _decided(
        self,
        admission: Admission,
        frame: Request,
        turn: Turn,
        rest: tuple[Turn, ...],
        verdict: CallInFlight | Refused,
    ) -> Verdict | Pending:
        if isinstance(verdict, Refused):
            return self._turned_down(verdict, turn)
        if self._closed:
            verdict.broke("the connection ended while its frame waited", sent=False)
            return Verdict(None)
        self._turns.add(OpenTurn(turn, admission, verdict, self.arrivals))
        if verdict.body is not None:
            frame = self._request(verdict.body)
        return self._admit(frame, rest)

    def _turned_down(self, refused: Refused, turn: Turn) -> Verdict:
        """
        Refused as the same call over HTTP is, whose status says whether its client asks again.

        Codex shows the sentence of a 429 here, and of a 400 there.
        """
        status = refused.reply.status
        if turn.ahead:
            self._quiet_until = self.firewall.clock() + timedelta(seconds=QUIET_SECONDS)
        return self._refused(refused.refusal, turn.lane, status=429 if status == 400 else status)

    def _refused(self, refusal: Refusal, lane: str, *, status: int = 429) -> Verdict:
        error = self._error(refusal, lane, status)
        if self._wire.closes:
            return self._close(refusal, error)
        return Verdict(None, to_client=(error,))

    def _close(self, refusal: Refusal, error: bytes) -> Verdict:
        """Refuse, and close, as such sessions do not go on after an error."""
        self._closed = True
        reason = refusal.message.encode()[:REASON_BYTES_MAX].decode("utf-8", "ignore")
        return Verdict(None, to_client=(error,), close=CLOSE_POLICY, reason=reason)

    def _admit_late(self, turn: Turn, heard: Heard, content: bytes) -> Verdict | Pending:
        """A turn that is running already: it goes on if it can be paid for, else it is ended."""
        frame = self._request(content)
        considered = self.firewall.consider_ask(
            self._provider, turn.endpoint, frame, turn.ask, self._facts
        )
        if isinstance(considered, Refused):
            return self._stop(considered.refusal, heard)
        if not isinstance(considered, Admission):
            return Verdict(content)
        return Pending(considered, partial(self._decided_late, considered, turn, heard, content))

    def _decided_late(
        self,
        admission: Admission,
        turn: Turn,
        heard: Heard,
        content: bytes,
        verdict: CallInFlight | Refused,
    ) -> Verdict | Pending:
        if isinstance(verdict, Refused):
            watched = Watched(
                self._provider, turn.endpoint, turn.ask, admission.call, admission.scopes
            )
            return self._stop(verdict.refusal, heard, Deferred(self.firewall.shared, watched))
        opened = OpenTurn(turn, admission, verdict, self.arrivals)
        self._turns.add(opened)
        return self._meter(opened, heard, content)

    # --- metering -----------------------------------------------------------------------------

    def _meter(self, turn: OpenTurn, heard: Heard, content: bytes) -> Verdict:
        """Settle before the frame is passed on; end the response where it may not go on."""
        shown = _shown(heard, content)
        if heard.moment is Moment.FAILED and turn.begun:
            turn.feed(shown)
            turn.call.broke("the provider reported an error", sent=True)
        else:
            turn.begin(heard.id, status=heard.status)
            turn.feed(shown)
            if turn.call.cut:
                self._turns.remove(turn)
                self._cut.append(turn)
                return self._stop(turn.call.cut_refusal(), heard)
        if heard.moment in _ENDS:
            turn.call.finish()
            self._turns.remove(turn)
            if heard.kind == RESPONSE:
                self._wire.learned(turn.context_tokens)
        return Verdict(content)

    def _stop(self, refusal: Refusal, heard: Heard, stored: Deferred | None = None) -> Verdict:
        """End a response: by its frame where there is one, else by closing the connection."""
        error = self._error(refusal, heard.lane)
        if self._wire.closes:
            return replace(self._close(refusal, error), reads_on=True)
        frame = self._wire.stop(heard.id) if heard.kind == RESPONSE else None
        if frame is None:
            self._closed = True
            return Verdict(None, to_client=(error,), close=CLOSE_NORMAL, reads_on=True)
        self._stopped[heard.id] = stored
        if stored is not None:
            stored.responded(200, HEAD)
        return Verdict(None, to_client=(error,), to_provider=(frame,))

    def _after_stop(self, heard: Heard, content: bytes) -> Verdict:
        """
        What still comes of an ended response: only its end is passed on.

        Where nothing was held for it, what its end says that it cost is charged.
        """
        self._count_late(heard, content)
        if heard.moment is not Moment.ENDED:
            return Verdict(None)
        stored = self._stopped.pop(heard.id)
        if stored is not None:
            stored.feed(content)
            stored.finish()
        return Verdict(content)

    def _count_late(self, heard: Heard, content: bytes) -> None:
        """A frame that was on its way when its response was cut, or the session closed."""
        turn = self._turns.find(heard) if self._closed else None
        if turn is not None:
            self._meter(turn, heard, content)
            return
        found = [turn for turn in self._cut if turn.is_about(heard)]
        for turn in found:
            turn.feed(_shown(heard, content))
        if heard.moment in _ENDS:
            self._end_cut(found, "cut")

    def _end_cut(self, turns: list[OpenTurn], reason: str) -> None:
        """Nothing more comes of these: what they have cost is corrected by what came."""
        for turn in list(turns):
            self._cut.remove(turn)
            turn.call.broke(reason, sent=True)

    # --- parts --------------------------------------------------------------------------------

    def _looked_at(self, frame: Request, turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
        """
        The same turns with what of the session's frames nobody has declared; each is told once.

        Raises `FormatError` for a frame of a kind that nobody knows.
        """
        shared = self.firewall.shared
        name, allowed = self._provider.name, shared.policy.allow_fields
        body = frame.document()
        unread = unread_in_document(body, provider=name, fields=self._wire.fields, allowed=allowed)
        if self._wire.remembers:
            unread = self._unread = self._unread.and_(unread)
        looked = []
        for turn in turns:
            if fields := turn.endpoint.fields:
                more = unread_in_document(body, provider=name, fields=fields, allowed=allowed)
                unread = unread.and_(more)
            looked.append(replace(turn, ask=with_unread(turn.ask, unread)))
        shared.tell_unread(name, unread.names)
        return tuple(looked)

    def _request(self, content: bytes) -> Request:
        upgrade = self._upgrade
        # Frames may be under way together, as the streams of HTTP/2.
        arrival = replace(upgrade.arrival, in_turn=False, since=self.firewall.clock())
        return upgrade.changed(body=content, arrival=arrival)

    def _error(self, refusal: Refusal, lane: str, status: int = 429) -> bytes:
        self.refusal = refusal
        document = session_error(refusal, status=status)
        return self._wire.error(document, 400 if refusal.about_request else status, lane)


def _shown(heard: Heard, content: bytes) -> bytes:
    """What a reader is shown of a frame."""
    return content if heard.frame is None else json.dumps(heard.frame).encode()


def _document(content: bytes) -> Document | None:
    """The frame as a JSON object; None for anything else."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
