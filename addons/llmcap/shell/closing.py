"""
How a WebSocket is closed by us, after the last frame that was injected into it.

mitmproxy has no command for that, and a killed flow goes on. A subclass of its layer looks after
each injected frame whether it was the last one; the name `WebsocketLayer` is looked up in its
module whenever a connection is upgraded, so replacing it once covers every proxy mode.
"""

import time

import wsproto.events
from mitmproxy import http
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers import websocket
from wsproto.connection import ConnectionState

_closing: dict[str, tuple[int, str]] = {}


def close(flow_id: str, code: int, reason: str) -> None:
    """Close the flow's connections after the next frame that is injected to its client."""
    _closing[flow_id] = (code, reason)


def forget(flow_id: str) -> None:
    """Drop what is kept about a flow that has ended."""
    _closing.pop(flow_id, None)


class ClosableWebsocketLayer(websocket.WebsocketLayer):
    """mitmproxy's layer, plus the look after an injected frame."""

    def __init__(self, context: Context, flow: http.HTTPFlow) -> None:
        super().__init__(context, flow)
        self._put_off: list[websocket.WebSocketMessageInjected] = []

    def relay_messages(self, event: events.Event) -> CommandGenerator[None]:
        """Pass one event on, and then what was to be injected and had to wait for it."""
        if isinstance(event, websocket.WebSocketMessageInjected) and self._in_message(event):
            # mitmproxy would join the injected frame to the half that is here.
            self._put_off.append(event)
            return
        yield from super().relay_messages(event)
        yield from self._look_after(event)
        while self._put_off and self._open and not self._in_message(self._put_off[0]):
            injected = self._put_off.pop(0)
            yield from super().relay_messages(injected)
            yield from self._look_after(injected)

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
            yield from self._close(*_closing.pop(self.flow.id))

    def _close(self, code: int, reason: str) -> CommandGenerator[None]:
        assert self.flow.websocket is not None
        self.flow.websocket.timestamp_end = time.time()
        self.flow.websocket.closed_by_client = False
        self.flow.websocket.close_code = code
        self.flow.websocket.close_reason = reason
        for ws in (self.server_ws, self.client_ws):
            if ws.state in {ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING}:
                yield ws.send2(wsproto.events.CloseConnection(code, reason))
            yield commands.CloseConnection(ws.conn)
        yield websocket.WebsocketEndHook(self.flow)
        self.flow.live = False
        self._handle_event = self.done


def install() -> None:
    """Make every WebSocket from now on a closable one."""
    websocket.WebsocketLayer = ClosableWebsocketLayer  # type: ignore[misc]
