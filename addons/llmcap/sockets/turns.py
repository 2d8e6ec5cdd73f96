"""The turns of one session that are open: held, begun or not, and which one a frame is about."""

from collections.abc import Mapping
from types import MappingProxyType

from llmcap.bounds.estimate import demand
from llmcap.metering.visible import FindArrivals
from llmcap.providers.parts.session import RESPONSE, TRANSCRIPT, Heard, Moment, Turn
from llmcap.providers.parts.shape import Ask
from llmcap.walk.admission import Admission
from llmcap.walk.flight import CallInFlight
from llmcap.walk.ordering import with_named
from llmcap.words.records import Ending

# A turn's frames are metered as the lines of a streamed response.
HEAD: Mapping[str, str] = MappingProxyType({"content-type": "application/x-ndjson"})


class Slot:
    """One turn, and how far it is."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.begun = False
        self.due = False  # held ahead, and certain to begin
        self.id = ""

    def is_about(self, heard: Heard) -> bool:
        """Whether a frame is about this turn, which has begun: by its id, else by its lane."""
        if heard.kind != self.turn.kind:
            return False
        return heard.id == self.id if heard.id and self.id else heard.lane == self.turn.lane

    @property
    def sent(self) -> bool:
        """Whether the provider may be working on it."""
        return self.begun or self.due or not self.turn.ahead


class OpenTurn(Slot):
    """One turn and its call in flight."""

    def __init__(
        self, turn: Turn, admission: Admission, call: CallInFlight, arrivals: FindArrivals | None
    ) -> None:
        super().__init__(turn)
        self.call = call
        self._admission = admission
        self._ask = turn.ask
        self._arrivals = arrivals

    @property
    def context_tokens(self) -> int | None:
        """What it has read and written, where that was told."""
        end = self.call.settlement
        if end is None or end.ending is not Ending.SETTLED:
            return None
        return end.usage.input_tokens + end.usage.output_tokens

    def begin(self, turn_id: str, *, status: int) -> None:
        """The provider has begun; again and again is once."""
        if not self.begun:
            self.begun = True
            self.id = turn_id or self.id
            self.call.responded(status, HEAD, streams=False, arrivals=self._arrivals)

    def feed(self, content: bytes) -> None:
        """One frame of it, on one line: in JSON a line break can only stand between tokens."""
        self.call.feed(content.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n")

    def covers(self, ask: Ask) -> bool:
        """Whether the hold is enough for the turn as it is now, or could be made so."""
        if ask == self._ask:
            return True
        admission = self._admission
        shared, provider = admission.shared, admission.provider
        now = with_named(shared, provider, ask)
        if now.other_models != admission.ask.other_models:
            return False
        needed = demand(now, admission.prices, shared.policy, family=provider.name)
        if not self.call.covers(needed.ceiling_nanos()):
            return False
        self._ask = ask
        return True


class Turns[S: Slot]:
    """All that are open, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._open: list[S] = []

    def add(self, turn: S) -> None:
        """One more."""
        self._open.append(turn)

    def remove(self, turn: S) -> None:
        """It is over."""
        self._open.remove(turn)

    def take_all(self) -> list[S]:
        """All are over."""
        taken, self._open = self._open, []
        return taken

    def ahead(self, kind: str) -> S | None:
        """The one that was held ahead and has not begun."""
        for each in self._open:
            if each.turn.kind == kind and each.turn.ahead and not (each.begun or each.due):
                return each
        return None

    def due(self, heard: Heard) -> None:
        """The sound so far is one item now: what was held ahead for it will begin for certain."""
        for kind, turn_id in ((RESPONSE, ""), (TRANSCRIPT, heard.id)):
            turn = self.ahead(kind)
            if turn is not None:
                turn.due, turn.id = True, turn_id

    def find(self, heard: Heard) -> S | None:
        """
        Which one a frame is about: by its id, else what goes on in its lane, else what waits there.

        A beginning is that of the first that was asked for, else of the one held ahead.
        """
        of_lane = [
            each
            for each in self._open
            if each.turn.kind == heard.kind and (each.turn.lane == heard.lane or each.turn.ahead)
        ]
        if heard.id:
            for each in of_lane:
                if each.id == heard.id:
                    return each
        asked = [each for each in of_lane if each.sent and not (each.begun or each.id)]
        if heard.moment is Moment.REJECTED:
            return asked[0] if asked else None
        begun = [each for each in of_lane if each.begun and not (heard.id and each.id)]
        if begun and heard.moment is not Moment.BEGAN:
            return begun[0]
        if asked or heard.moment is Moment.FAILED:
            return asked[0] if asked else None
        return next((each for each in of_lane if not (each.begun or each.id)), None)
