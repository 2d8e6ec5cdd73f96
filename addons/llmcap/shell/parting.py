"""
How we part from a provider whose client has gone, so that what it bills is seen, not guessed.

When a client hangs up, what the provider has made by then lies in the buffers between it and us,
its usage often among it. mitmproxy throws that away with the connection, and the provider stops
when it notices, which nobody sees. Here the answer is read on where that tells more than it costs
(`Leaver.linger`). Then we close our side first: on HTTP/1 the sending half of the connection (FIN),
on HTTP/2 the one stream (RST_STREAM), with a PING behind it. What still comes was made, and is
counted; that nothing more comes is told by the provider, which closes its side, or answers the
PING. One that goes on writing is left after a moment, with a reset.

Two names are looked up in mitmproxy's module when a connection is made, `Http1Client` and
`Http2Client`: replacing them once covers every mode of the proxy.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import h2.events
from hyperframe.frame import DataFrame
from mitmproxy import ctx
from mitmproxy.connection import Connection
from mitmproxy.flow import Error
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
    ResponseHeaders,
    ResponseProtocolError,
    ResponseTrailers,
)
from mitmproxy.proxy.layers.http._hooks import (
    HttpErrorHook,
    HttpResponseHeadersHook,
    HttpResponseHook,
)

from llmcap.shell.cut import CuttableHttpStream, reset_at_close, was_sent

# How long a provider has to notice that our side is closed. What has arrived by then is taken in,
# however late this program is: for so many turns of the loop nothing may have come, or so much
# longer at most.
PARTING_SECONDS = 0.25
QUIET_TURNS = 3
BUSY_SECONDS_MAX = 2.0

# What a client's connection is kept for, beyond what its flows have asked for.
GRACE_SECONDS = 5


class Leaver(Protocol):
    """A call whose client has gone."""

    def linger(self) -> timedelta:
        """How long to read on before we part; asked again after each piece of the answer."""
        ...

    def is_over(self) -> bool:
        """Whether nothing more has to be known."""
        ...

    def parted(self, *, stopped: bool, round_trip: timedelta) -> None:
        """We have left: whether the provider had stopped, and how far away it is."""
        ...


@dataclass
class Leaving:
    """A flow whose client has gone, until we have left the provider."""

    until: float  # on the monotonic clock: all is over then
    over: asyncio.Event
    wakeup: commands.RequestWakeup | None = None


_leavers: dict[str, Leaver] = {}
_leaving: dict[str, Leaving] = {}


def attend(flow_id: str, leaver: Leaver) -> None:
    """Whom to ask when the client of this flow goes."""
    _leavers[flow_id] = leaver


def forget(flow_id: str) -> None:
    """Drop what is kept about a flow that has ended."""
    _leavers.pop(flow_id, None)
    if leaving := _leaving.pop(flow_id, None):
        leaving.over.set()


def leave(flow_id: str, due: float) -> None:
    """A flow's provider is being left, by this time of the monotonic clock if nothing is late."""
    _leaving[flow_id] = Leaving(due + BUSY_SECONDS_MAX + GRACE_SECONDS, asyncio.Event())


def wakes(flow_id: str, wakeup: commands.RequestWakeup) -> None:
    """By what such a flow goes on."""
    if leaving := _leaving.get(flow_id):
        leaving.wakeup = wakeup


async def parted(client_id: str, flow_ids: Iterable[str]) -> None:
    """Wait until each of these flows of a client, whose connection is closed, has been left."""
    found = [leaving for flow_id in flow_ids if (leaving := _leaving.get(flow_id))]
    # mitmproxy takes back all wake-ups with the client's connection.
    server = ctx.master.addons.get("proxyserver")
    handler = server.connections.get(client_id) if server is not None else None
    for leaving in found:
        if handler is not None and leaving.wakeup is not None and not leaving.over.is_set():
            await handler.server_event(events.Wakeup(leaving.wakeup))
    for leaving in found:
        while not leaving.over.is_set() and (left := leaving.until - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await leaving.over.wait()


# --- what is said on the provider's side --------------------------------------------------------


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


# --- the stream between the client that has gone and the provider -------------------------------


class PartingHttpStream(CuttableHttpStream):
    """mitmproxy's stream, plus the look back at a client that has gone."""

    _parts = _stopped = False
    _quiet = 0
    _ended = 0.0  # when nothing more was read; its provider goes on until it is closed
    _due = 0.0  # on the monotonic clock: when the phase ends that it is in

    def handle_protocol_error(
        self, event: RequestProtocolError | ResponseProtocolError
    ) -> CommandGenerator[None]:
        """Where the client has gone and its answer is wanted all the same, read on."""
        if isinstance(event, ResponseProtocolError) and (known := _leavers.get(self.flow.id)):
            known.parted(stopped=False, round_trip=self._round_trip())
        waits = self.client_state == self.state_done and self.server_state in (
            self.state_wait_for_response_headers,
            self.state_consume_response_body,
            self.state_stream_response_body,
        )
        leaver = _leavers.get(self.flow.id) if waits and was_sent(self.flow.id) else None
        if leaver is None or not isinstance(event, RequestProtocolError) or leaver.is_over():
            yield from super().handle_protocol_error(event)
            return
        seconds = leaver.linger().total_seconds()
        self._left = event
        self._handle_event = self.state_linger
        self._due = time.monotonic() + seconds
        leave(self.flow.id, self._due + PARTING_SECONDS)
        if seconds > 0:
            yield from self._wake_later()
        else:
            yield from self._part()

    def passthrough(self, event: events.Event) -> CommandGenerator[None]:
        """Let our half of a connection be closed from inside of the tunnel."""
        for command in super().passthrough(event):
            is_ours = isinstance(command, CloseOurHalf) and not is_tunnelled(self)
            yield half_closed(command.connection) if is_ours else command

    def state_linger(self, event: events.Event) -> CommandGenerator[None]:
        """Take in what comes, for the meter alone, until that is all, enough, or too late."""
        flow = self.flow
        if isinstance(event, ResponseHeaders):
            flow.response = event.response
            yield HttpResponseHeadersHook(flow)
        elif isinstance(event, ResponseData):
            self._quiet = 0
            self._take_in(event.data)
            leaver = _leavers.get(flow.id)
            if leaver is None or leaver.is_over():
                yield from self._end_linger()
        elif isinstance(event, ResponseEndOfMessage):
            if flow.response is None or (self._parts and self._ends_with_connection()):
                yield from self._end_linger(stopped=True)
            else:
                self._take_in(b"")
                yield from self._end_linger(whole=True)
        elif isinstance(event, events.Wakeup):
            yield from self._woken()
        elif isinstance(event, Parted):
            yield from self._end_linger(stopped=True)
        elif isinstance(event, ResponseProtocolError):
            # Having heard that we left it closed its side, or else something broke.
            yield from self._end_linger(stopped=self._parts)
        elif not isinstance(event, ResponseTrailers):
            yield from self._end_linger()

    def _woken(self) -> CommandGenerator[None]:
        late = time.monotonic() - self._due
        if late < 0:
            yield from self._wake_later()
        elif not self._parts:
            yield from self._part()
        elif self._quiet >= QUIET_TURNS or late > BUSY_SECONDS_MAX:
            yield from self._end_linger()
        else:
            self._quiet += 1
            yield from self._wake_later()

    def _part(self) -> CommandGenerator[None]:
        self._parts = True
        self._due = time.monotonic() + PARTING_SECONDS
        yield from self._wake_later()
        yield http.SendHttp(Parting(self.stream_id), self.context.server)

    def _wake_later(self) -> CommandGenerator[None]:
        wakeup = commands.RequestWakeup(max(self._due - time.monotonic(), 0))
        wakes(self.flow.id, wakeup)
        yield wakeup

    def _take_in(self, data: bytes) -> None:
        response = self.flow.response
        if response is None:
            return  # of a stream that was reset, h2 has dropped the head
        if self.watch is not None:
            self.watch(data)
        elif data:
            self.response_body_buf += data
        else:
            response.data.content = bytes(self.response_body_buf)

    def _end_linger(self, *, whole: bool = False, stopped: bool = False) -> CommandGenerator[None]:
        if whole:
            self._handle_event = self.state_over
            yield HttpResponseHook(self.flow)
            yield from self._drop()
            return
        self._stopped = stopped
        if not stopped:
            reset_at_close(self.flow.client_conn, self.context.server)
        self._ended = time.monotonic()
        self._handle_event = self.state_close
        yield http.SendHttp(self._left, self.context.server)
        self._quiet, self._due = 0, self._ended
        yield from self._wake_later()

    def state_close(self, event: events.Event) -> CommandGenerator[None]:
        """
        Let the connection be closed before the call is settled: nothing that still comes matters.

        It takes the loop some turns, and to settle may be to count a long text.
        """
        if not isinstance(event, events.Wakeup):
            return
        self._quiet += 1
        if self._quiet < QUIET_TURNS:
            yield from self._wake_later()
            return
        self._handle_event = self.state_over
        if leaver := _leavers.get(self.flow.id):
            closing = timedelta(seconds=time.monotonic() - self._ended)
            leaver.parted(stopped=self._stopped, round_trip=self._round_trip() + closing)
        self.flow.error = Error(self._left.message)
        yield HttpErrorHook(self.flow)
        yield from self._drop()

    def _drop(self) -> CommandGenerator[None]:
        self.flow.live = False
        if leaving := _leaving.pop(self.flow.id, None):
            leaving.over.set()
        yield http.DropStream(self.stream_id)

    def _ends_with_connection(self) -> bool:
        """Whether nothing but the end of the connection tells the end of the body."""
        response = self.flow.response
        framed = response is None or not {"content-length", "transfer-encoding"}.isdisjoint(
            name.lower() for name in response.headers
        )
        return not framed and self.context.server.alpn != b"h2"

    def _round_trip(self) -> timedelta:
        """How long the provider took to accept the connection: there and back, and some more."""
        server = self.context.server
        if server.timestamp_tcp_setup is None or server.timestamp_start is None:
            return timedelta(0)
        return timedelta(seconds=max(server.timestamp_tcp_setup - server.timestamp_start, 0))

    def state_over(self, _: events.Event) -> CommandGenerator[None]:
        """Nothing that still comes matters."""
        yield from ()


def install() -> None:
    """Let every connection to a server from now on be one that we can part from."""
    http.Http1Client = PartingHttp1Client  # type: ignore[attr-defined]
    http.Http2Client = PartingHttp2Client  # type: ignore[attr-defined]
