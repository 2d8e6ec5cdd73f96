"""
mitmproxy's WebSocket, with the keeper behind the hook of every frame; and how we close one.

The keeper decides about a frame when all addons have had it, also about one that another addon has
put in. mitmproxy has no command to close a WebSocket, and a killed flow goes on: so after each
frame of ours we look whether it was the last one. Where the provider is at work and that costs
money, our side is closed to it at once, the client gets its last frames, and what is on its way is
shown to the keeper, until the provider has closed its side too, or a moment has passed. Nothing is
read of a provider while a frame of its is handled: mitmproxy would put it in a queue, behind which
our own last words would wait. The name `WebsocketLayer` is looked up in its module whenever a
connection is upgraded, so replacing it once covers every proxy mode.
"""

import contextlib
import time
from collections.abc import Generator
from typing import Any

import wsproto.events
from mitmproxy import ctx, http
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers import websocket
from mitmproxy.websocket import WebSocketMessage
from wsproto.connection import ConnectionState
from wsproto.frame_protocol import Opcode

from llmcap.shell.arrivals import arrivals_of
from llmcap.shell.keeper import keeper, waits
from llmcap.shell.parting import leavers

Steps = Generator[commands.Command, Any, None]

_closing: dict[str, tuple[int, str]] = {}
_leaving: dict[str, tuple[int, str, tuple[bytes, ...]]] = {}


def close(flow_id: str, code: int, reason: str) -> None:
    """Close the flow's connections after the next frame that is injected to its client."""
    _closing[flow_id] = (code, reason)


def leave(flow_id: str, code: int, reason: str, *, last: tuple[bytes, ...]) -> None:
    """Close them after the provider's frame that is decided about; the client gets `last` first."""
    _leaving[flow_id] = (code, reason, last)


class OwnMessage(WebSocketMessage):
    """A frame that we put in: it was decided about."""


def put_in(flow: http.HTTPFlow, content: bytes, *, to_client: bool, is_text: bool) -> None:
    """Put a frame into the flow's WebSocket."""
    kind = Opcode.TEXT if is_text else Opcode.BINARY
    message = OwnMessage(kind, not to_client, content)
    server = ctx.master.addons.get("proxyserver")
    with contextlib.suppress(ValueError):  # the connection is gone
        server.inject_event(websocket.WebSocketMessageInjected(flow, message))


def forget(flow_id: str) -> None:
    """Drop what is kept about a flow that has ended."""
    _closing.pop(flow_id, None)
    _leaving.pop(flow_id, None)


class ClosableWebsocketLayer(websocket.WebsocketLayer):
    """mitmproxy's layer, plus the look after an injected frame."""

    def __init__(self, context: Context, flow: http.HTTPFlow) -> None:
        super().__init__(context, flow)
        self._put_off: list[websocket.WebSocketMessageInjected] = []
        self._quiet = 0  # turns of the loop in which nothing came
        self._due = 0.0  # on the monotonic clock: when the provider should have closed its side
        self._arrivals = arrivals_of(flow)

    def handle_event(self, event: events.Event) -> CommandGenerator[None]:
        """Likewise; nothing is read meanwhile where that has to wait for something."""
        yield from super().handle_event(event)
        if self._arrivals is not None:
            self._arrivals.handles(still=self._paused is not None)

    def relay_messages(self, event: events.Event) -> CommandGenerator[None]:
        """Pass one event on, and then what was to be injected and had to wait for it."""
        if isinstance(event, websocket.WebSocketMessageInjected) and self._in_message(event):
            # mitmproxy would join the injected frame to the half that is here.
            self._put_off.append(event)
            return
        yield from self._attended(super().relay_messages(event), event)
        yield from self._look_after(event)
        while self._put_off and self._open and not self._in_message(self._put_off[0]):
            injected = self._put_off.pop(0)
            yield from self._attended(super().relay_messages(injected), injected)
            yield from self._look_after(injected)

    def _attended(self, steps: Steps, event: events.Event) -> Steps:
        """Go through the steps of the layer; ask the keeper after each hook."""
        decided = isinstance(event, websocket.WebSocketMessageInjected) and (
            # What another addon says in the provider's place is no work of the provider's.
            isinstance(event.message, OwnMessage) or not event.message.from_client
        )
        reply = None
        while True:
            try:
                command = steps.send(reply)
            except StopIteration:
                return
            is_frame = isinstance(command, websocket.WebsocketMessageHook) and not decided
            if is_frame and not self._last.from_client:
                yield from self._decide()  # what the provider said, before anybody rewrites it
                if self.flow.id in _leaving:
                    steps.close()
                    yield from self._leave(*_leaving.pop(self.flow.id))
                    return
            reply = yield command
            if is_frame and self._last.from_client:
                yield from self._decide()  # what it will be told, when everybody has
            elif isinstance(command, websocket.WebsocketEndHook):
                keeper().hung_up(self.flow)

    @property
    def _last(self) -> WebSocketMessage:
        assert self.flow.websocket is not None
        return self.flow.websocket.messages[-1]

    def _decide(self) -> CommandGenerator[None]:
        work = keeper().frame(self.flow)
        if work is not None:
            yield waits(work)

    @property
    def _open(self) -> bool:
        return bool(self._handle_event == self.relay_messages)

    def _in_message(self, event: websocket.WebSocketMessageInjected) -> bool:
        """Whether the side that the frame is to come from has said half of another one."""
        side = self.client_ws if event.message.from_client else self.server_ws
        begun: list[bytes] = side.frame_buf
        return begun != [b""]

    def _look_after(self, event: events.Event) -> CommandGenerator[None]:
        if not isinstance(event, websocket.WebSocketMessageInjected) or event.message.from_client:
            return
        if self.flow.id in _closing and self._open:
            self._closed_by_us(*_closing.pop(self.flow.id))
            yield from self._end()

    def _closed_by_us(self, code: int, reason: str) -> None:
        assert self.flow.websocket is not None
        self.flow.websocket.timestamp_end = time.time()
        self.flow.websocket.closed_by_client = False
        self.flow.websocket.close_code = code
        self.flow.websocket.close_reason = reason

    def _leave(self, code: int, reason: str, last: tuple[bytes, ...]) -> CommandGenerator[None]:
        assert self.flow.websocket is not None
        self._closed_by_us(code, reason)
        yield from self._say_closed(self.server_ws)
        for frame in last:
            self.flow.websocket.messages.append(OwnMessage(Opcode.TEXT, False, frame))
            yield self.client_ws.send2(wsproto.events.TextMessage(frame.decode()))
        yield from self._say_closed(self.client_ws)
        self._handle_event = self.read_on
        self._due = time.monotonic() + leavers.PARTING_SECONDS
        leavers.leave(self.flow.id, self._due)
        yield leavers.waking(self.flow.id, self._due)
        yield from self._heard()

    def read_on(self, event: events.Event) -> CommandGenerator[None]:
        """Show the keeper what was on its way; nothing of it, and of the client's, passes."""
        if isinstance(event, events.Wakeup):
            late = time.monotonic() - self._due
            over = late > leavers.BUSY_SECONDS_MAX
            if late >= 0:
                over |= self._quiet >= leavers.QUIET_TURNS
                self._quiet += 1
            if over:
                yield from self._end()
            else:
                yield leavers.waking(self.flow.id, self._due)
        elif isinstance(event, events.ConnectionEvent) and event.connection is self.server_ws.conn:
            self._quiet = 0
            data = event.data if isinstance(event, events.DataReceived) else None
            self.server_ws.receive_data(data)
            yield from self._heard()

    def _heard(self) -> CommandGenerator[None]:
        for said in self.server_ws.events():
            if isinstance(said, wsproto.events.CloseConnection):
                yield from self._end()
                return
            if isinstance(said, wsproto.events.Message):
                yield from self._count(said)

    def _count(self, said: wsproto.events.Message[Any]) -> CommandGenerator[None]:
        assert self.flow.websocket is not None
        is_text = isinstance(said.data, str)
        parts = self.server_ws.frame_buf
        parts.append(said.data.encode() if isinstance(said.data, str) else said.data)
        if said.message_finished:
            kind = Opcode.TEXT if is_text else Opcode.BINARY
            message = WebSocketMessage(kind, False, b"".join(parts))
            self.server_ws.frame_buf = [b""]
            self.flow.websocket.messages.append(message)
            yield from self._decide()

    def _say_closed(self, ws: websocket.WebsocketConnection) -> CommandGenerator[None]:
        told = self.flow.websocket
        assert told is not None
        if ws.state in {ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING}:
            yield ws.send2(wsproto.events.CloseConnection(told.close_code or 0, told.close_reason))

    def _end(self) -> CommandGenerator[None]:
        for ws in (self.server_ws, self.client_ws):
            yield from self._say_closed(ws)
            yield commands.CloseConnection(ws.conn)
        yield websocket.WebsocketEndHook(self.flow)
        keeper().hung_up(self.flow)
        self.flow.live = False
        leavers.forget(self.flow.id)
        self._handle_event = self.done


def install() -> None:
    """Make every WebSocket from now on a closable one."""
    websocket.WebsocketLayer = ClosableWebsocketLayer  # type: ignore[misc]
