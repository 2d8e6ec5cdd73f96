"""What a recorded session was billed for: its frames read as live ones are, without a ledger."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from llmcap.providers.parts.session import RESPONSE, Moment, Turn, Wire
from llmcap.providers.parts.shape import Ask, Reader, Request
from llmcap.sockets.turns import Slot, Turns
from llmcap.words.errors import FormatError
from llmcap.words.records import Charge


@dataclass(frozen=True, slots=True)
class SessionReading:
    """
    All that a session was billed for, a charge each for its responses and transcripts.

    `silent` are the responses that ended, or broke off, without a usage.
    """

    charges: tuple[Charge, ...] = ()
    responses: int = 0
    silent: int = 0
    model: str = ""


class ReadTurn(Slot):
    """One turn and the reader of its frames."""

    def __init__(self, turn: Turn) -> None:
        super().__init__(turn)
        self._reader: Reader | None = None

    @property
    def reader(self) -> Reader:
        """Made when the first frame is there: until then the turn may still grow."""
        if self._reader is None:
            assert self.turn.endpoint.reader is not None, self.turn.endpoint.name
            self._reader = self.turn.endpoint.reader(self.turn.ask)
        return self._reader


def read_session(
    wire: Wire, upgrade: Request, frames: Iterable[tuple[bool, bytes]]
) -> SessionReading:
    """The whole session, each frame with whether the client sent it. Never raises for them."""
    turns: Turns[ReadTurn] = Turns()
    reading = SessionReading()
    for from_client, content in frames:
        if from_client:
            _said(wire, turns, upgrade.with_body(content))
        else:
            reading = _heard(wire, turns, content, reading)
    begun = sum(1 for turn in turns.take_all() if turn.begun and turn.turn.kind == RESPONSE)
    return replace(reading, silent=reading.silent + begun)


def _said(wire: Wire, turns: Turns[ReadTurn], frame: Request) -> None:
    try:
        started = wire.said(frame)
    except FormatError:
        return
    for turn in started:
        waiting = turns.ahead(turn.kind) if turn.ahead else None
        if waiting is not None:
            waiting.turn = turn
        else:
            turns.add(ReadTurn(turn))


def _heard(
    wire: Wire, turns: Turns[ReadTurn], content: bytes, reading: SessionReading
) -> SessionReading:
    try:
        frame = json.loads(content)
    except (ValueError, RecursionError):
        return reading
    heard = wire.heard(frame) if isinstance(frame, dict) else None
    if heard is None:
        return reading
    if heard.moment is Moment.DUE:
        turns.due(heard)
        return reading
    turn = turns.find(heard)
    if turn is None:
        unasked = wire.unasked(heard)
        if unasked is None:
            return reading
        turn = ReadTurn(unasked)
        turns.add(turn)
    turn.begun, turn.id = True, turn.id or heard.id
    turn.reader.event(heard.frame or frame)
    if heard.moment not in (Moment.ENDED, Moment.FAILED, Moment.REJECTED):
        return reading
    turns.remove(turn)
    return _with(wire, reading, turn, failed=heard.moment is not Moment.ENDED)


def _with(wire: Wire, reading: SessionReading, turn: ReadTurn, *, failed: bool) -> SessionReading:
    """The session's reading with what this turn has told."""
    told = turn.reader.reading()
    reading = replace(reading, charges=(*reading.charges, *told.charges))
    if turn.turn.kind != RESPONSE:
        return reading
    usages = [charge.usage for charge in told.charges]
    tokens = sum(usage.input_tokens + usage.output_tokens for usage in usages)
    wire.learned(tokens if usages else None)
    ask: Ask = turn.turn.ask
    return replace(
        reading,
        responses=reading.responses + bool(told.charges),
        silent=reading.silent + (not told.charges and not failed),
        model=told.model or ask.model,
    )
