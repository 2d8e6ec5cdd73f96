"""
OpenAI's Responses API over a WebSocket, as Codex speaks it.

Each `response.create` is what a POST would be, and the frames that answer it are the events of the
POST's stream. Lanes (`stream_id`) run side by side, a lane's responses one after the other.
`generate: false` only loads the prompt; whether that is billed is not published, so its input is.
There is no frame that ends a response: a cut closes the connection, after the error frame at which
Codex stops.
https://developers.openai.com/api/reference/resources/responses/websocket-events
"""

import json
from dataclasses import replace

from llmcap.providers.openai.responses import (
    ENDINGS,
    ResponsesReader,
    limit_responses,
    read_responses,
)
from llmcap.providers.parts.reader import count, document, text
from llmcap.providers.parts.session import Heard, Moment, Turn
from llmcap.providers.parts.shape import Ask, Document, Endpoint, Request
from llmcap.words.errors import FormatError

# A lane's name is the client's; longer ones are taken for the same.
LANE_LENGTH_MAX = 256


class ResponsesWire:
    """See `Wire`."""

    closes = False
    fields = "sessionEvents"
    remembers = False

    def __init__(self, endpoint: Endpoint, upgrade: Request) -> None:
        self._read = endpoint.read or read_responses
        self.endpoint = replace(
            endpoint,
            name="responses" if endpoint.read is None else endpoint.name,
            read=self._ask,
            reader=endpoint.reader or ResponsesReader,
            limit=endpoint.limit or limit_responses,
            dialect="openai_responses",
        )
        self._model = upgrade.query.get("model", "")
        self._last = Ask(model=self._model)

    def said(self, frame: Request) -> tuple[Turn, ...]:
        """A `response.create` is a call. Nothing else that a client says starts one."""
        body = frame.document()
        if body.get("type") != "response.create":
            return ()
        if body.get("background") is True:
            raise FormatError("a background response has no place in a WebSocket")
        ask = self._ask(frame)
        self._model, self._last = ask.model, ask
        return (Turn(self.endpoint, ask, lane=_lane(body)),)

    def heard(self, frame: Document) -> Heard | None:
        """Events are the lane's; only the first and the last ones name the response."""
        kind = text(frame.get("type"))
        lane = _lane(frame)
        response_id = text(document(frame.get("response")).get("id"))
        if kind == "error":
            status = count(frame.get("status")) or 400
            return Heard(Moment.FAILED, lane=lane, status=max(status, 400))
        if kind in ENDINGS:
            return Heard(Moment.ENDED, lane=lane, id=response_id)
        if kind == "response.created":
            return Heard(Moment.BEGAN, lane=lane, id=response_id)
        if kind.startswith("response."):
            return Heard(Moment.GOES_ON, lane=lane, id=response_id)
        return None

    def unasked(self, heard: Heard) -> Turn | None:
        """It reads what the last one could read, and we do not know how much that has become."""
        if heard.moment is not Moment.BEGAN:
            return None
        ask = replace(self._last, remote_input=True, previous_id=None, output_limit=None)
        return Turn(self.endpoint, ask, lane=heard.lane)

    def learned(self, tokens: int | None) -> None:
        """What a response continues, it names: that is the lineage's to know."""

    def error(self, document: Document, status: int, lane: str) -> bytes:
        """Codex stops at it, where a closed connection makes it try five times more."""
        frame: Document = {"type": "error", "status": status, "error": document}
        if lane:
            frame["stream_id"] = lane
        return json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode()

    def stop(self, turn_id: str) -> bytes | None:  # noqa: ARG002  the shape has it
        """There is none."""
        return None

    def _ask(self, frame: Request) -> Ask:
        ask = replace(self._read(frame), stream=True)
        if not ask.model:
            ask = replace(ask, model=self._model)
        if frame.document().get("generate") is False:
            return replace(ask, output_limit=0, extra_output=0, hidden_work=False)
        return ask


def _lane(frame: Document) -> str:
    return text(frame.get("stream_id"))[:LANE_LENGTH_MAX]
