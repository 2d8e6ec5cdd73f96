"""
Connections to a provider of which our half can be closed, while the other is still read.

Two names are looked up in mitmproxy's module when a connection is made, `Http1Client` and
`Http2Client`: replacing them once covers every mode of the proxy.
"""

from dataclasses import dataclass
from typing import Any

import h2.events
from hyperframe.frame import DataFrame
from mitmproxy.connection import Connection
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator, Layer
from mitmproxy.proxy.layers import http
from mitmproxy.proxy.layers.http import _http1, _http2
from mitmproxy.proxy.layers.http._base import HttpEvent, ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
)


@dataclass
class Parting(HttpEvent):
    """Close our side."""


@dataclass
class Parted(HttpEvent):
    """The provider has heard that: nothing more comes of this stream."""


class CloseOurHalf(commands.CloseConnection):
    """
    On its way out of a tunnel that a client has asked for by CONNECT.

    mitmproxy takes the half-closing of a connection in there for a closing of both halves.
    """


def is_tunnelled(layer: Layer) -> bool:
    """Whether a layer is in such a tunnel."""
    layers = layer.context.layers
    above = layers[: layers.index(layer)]
    return sum(isinstance(each, http.HttpLayer) for each in above) > 1


def half_closed(connection: Connection) -> commands.Command:
    """The command that sends our FIN, and reads on."""
    return commands.CloseTcpConnection(connection, half_close=True)


class PartingHttp1Client(_http1.Http1Client):
    """A connection of which our half can be closed."""

    def send(self, event: HttpEvent) -> CommandGenerator[None]:
        """Likewise; its provider answers by closing the other half."""
        if isinstance(event, Parting):
            yield CloseOurHalf(self.conn) if is_tunnelled(self) else half_closed(self.conn)
        else:
            yield from super().send(event)


class PartingHttp2Client(_http2.Http2Client):
    """A connection that still tells what comes of a stream that we have reset."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._parting: set[int] = set()
        self._late: list[DataFrame] = []
        receivers: dict[Any, Any] = self.h2_conn._frame_dispatch_table  # noqa: SLF001 - no hook
        self._receive = receivers[DataFrame]
        receivers[DataFrame] = self._received

    def _received(self, frame: DataFrame) -> Any:
        """h2 drops what comes of a closed stream; it still counts for the windows."""
        if frame.stream_id in self._parting:
            self._late.append(frame)
        return self._receive(frame)

    def _handle_event2(self, event: events.Event) -> CommandGenerator[None]:
        if not isinstance(event, Parting):
            yield from super()._handle_event2(event)
            yield from self._tell_late()
            return
        stream_id = event.stream_id
        if self.is_closed(stream_id):
            yield ReceiveHttp(Parted(stream_id))
            return
        self._parting.add(stream_id)
        reset = RequestProtocolError(stream_id, "the client has gone", ErrorCode.CANCEL)
        yield from super()._handle_event2(reset)
        self.h2_conn.ping(stream_id.to_bytes(8, "big"))
        yield commands.SendData(self.conn, self.h2_conn.data_to_send())

    def handle_h2_event(self, event: h2.events.Event) -> CommandGenerator[bool]:
        """Note that the other side has read as far as the reset."""
        if isinstance(event, h2.events.PingAckReceived):
            stream_id = int.from_bytes(event.ping_data, "big")
            if stream_id in self._parting:
                yield from self._tell_late()
                self._parting.discard(stream_id)
                yield ReceiveHttp(Parted(stream_id))
        return (yield from super().handle_h2_event(event))

    def _tell_late(self) -> CommandGenerator[None]:
        late, self._late = self._late, []
        for frame in late:
            if frame.data:
                yield ReceiveHttp(ResponseData(frame.stream_id, frame.data))
            if "END_STREAM" in frame.flags:
                yield ReceiveHttp(ResponseEndOfMessage(frame.stream_id))


def install() -> None:
    """Let every connection to a server from now on be one that we can part from."""
    http.Http1Client = PartingHttp1Client  # type: ignore[attr-defined]
    http.Http2Client = PartingHttp2Client  # type: ignore[attr-defined]
