"""
How a stream is stopped so that the provider stops too, how we know that a call left, and how its
answer is read on for a moment when the client has gone.

mitmproxy's stream loop looks at nothing between two chunks: killing a flow there is noticed only
when the provider has generated, and billed, the answer to its end. A subclass of its `HttpStream`
closes the provider's side right after the chunk of the cut (the connection on HTTP/1, the one
stream on HTTP/2) and then ends the client's response as a whole one. The name `HttpStream` is
looked up in its module whenever a stream is made, so replacing it once (`attended`) covers every
proxy mode.

The same subclass notes the flows whose request is on its way to the provider: a call that never got
there is free, and no other place tells the two apart for certain.

And when a client hangs up, what the provider has made by then, and bills, lies in the buffers
between it and us, its usage often among it. mitmproxy throws that away with the connection. A flow
that was given a `linger` is read on instead, for a bounded time or until its cost is known; then
the provider is stopped as ever.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from mitmproxy.connection import Connection
from mitmproxy.flow import Error
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers import http
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

# For how long to read on; asked when the client leaves, and again after each piece of the answer:
# no time when nothing more has to be known.
Linger = Callable[[], timedelta]


@dataclass(frozen=True, slots=True)
class Lingering:
    """A flow whose client has gone and whose answer is read on."""

    until: float  # on the monotonic clock
    over: asyncio.Event


_cut: set[str] = set()
_sent: set[str] = set()
_linger: dict[str, Linger] = {}
_lingering: dict[str, Lingering] = {}


def cut(flow_id: str) -> None:
    """Stop the flow's response after the chunk that is being handled now."""
    _cut.add(flow_id)


def was_sent(flow_id: str) -> bool:
    """Whether a byte of the request may have reached the provider."""
    return flow_id in _sent


def linger(flow_id: str, how_long: Linger) -> None:
    """Read the flow's answer on for so long when its client leaves."""
    _linger[flow_id] = how_long


async def lingered(flow_ids: Iterable[str]) -> None:
    """Wait until none of these flows lingers any more, or its time is over."""
    for flow_id in flow_ids:
        if found := _lingering.get(flow_id):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(found.until - time.monotonic()):
                    await found.over.wait()


def forget(flow_id: str) -> None:
    """Drop what is kept about a flow that has ended."""
    _cut.discard(flow_id)
    _sent.discard(flow_id)
    _linger.pop(flow_id, None)
    if lingering := _lingering.pop(flow_id, None):
        lingering.over.set()


class CuttableHttpStream(http.HttpStream):
    """mitmproxy's stream, plus the look between two chunks, and the look back at a lost client."""

    watch: Callable[[bytes], bytes] | None = None  # what the body goes through first

    def make_server_connection(self) -> CommandGenerator[bool]:
        """Connect, look once more, and note that the request goes out."""
        connected = yield from super().make_server_connection()
        if not connected or not (yield from self.last_look(self.context.server)):
            return False
        _sent.add(self.flow.id)
        return True

    def last_look(self, server: Connection) -> CommandGenerator[bool]:  # noqa: ARG002  see `attended`
        """Whether the request may leave; where it may not, it was answered."""
        yield from ()
        return True

    def state_stream_response_body(self, event: events.Event) -> CommandGenerator[None]:
        """Pass one event on, then stop where the chunk was the last."""
        yield from self._pass_on(event)
        still_streaming = self.server_state == self.state_stream_response_body
        if isinstance(event, ResponseData) and still_streaming and self.flow.id in _cut:
            _cut.discard(self.flow.id)
            stop = RequestProtocolError(
                self.stream_id, "the spend cap is reached", ErrorCode.CANCEL
            )
            yield http.SendHttp(stop, self.context.server)
            yield from self.send_response(already_streamed=True)
            # What came in the same read as the last chunk is still to be handled. mitmproxy takes
            # an event after the end for a mistake of its own, and drops the client's connection;
            # in this state it consumes them.
            if self.server_state == self.state_done:
                self.server_state = self.state_errored

    def _pass_on(self, event: events.Event) -> CommandGenerator[None]:
        """Meter what comes from the provider, before an addon's stream callable has it."""
        if self.watch is None or not isinstance(event, ResponseData | ResponseEndOfMessage):
            yield from super().state_stream_response_body(event)
            return
        # An empty piece would end the client's response on HTTP/1.
        if passed := self.watch(event.data if isinstance(event, ResponseData) else b""):
            piece = ResponseData(self.stream_id, passed)
            yield from super().state_stream_response_body(piece)
        if isinstance(event, ResponseEndOfMessage):
            yield from super().state_stream_response_body(event)

    # --- after the client has gone ------------------------------------------------------------

    def handle_protocol_error(
        self, event: RequestProtocolError | ResponseProtocolError
    ) -> CommandGenerator[None]:
        """Where the client has gone and its answer is wanted all the same, read on."""
        waits = self.client_state == self.state_done and self.server_state in (
            self.state_wait_for_response_headers,
            self.state_consume_response_body,
            self.state_stream_response_body,
        )
        wanted = _linger.get(self.flow.id) if waits and was_sent(self.flow.id) else None
        if wanted is None or not isinstance(event, RequestProtocolError) or not wanted():
            yield from super().handle_protocol_error(event)
            return
        seconds = wanted().total_seconds()
        self._left = event
        _lingering[self.flow.id] = Lingering(time.monotonic() + seconds, asyncio.Event())
        self._handle_event = self.state_linger
        yield commands.RequestWakeup(seconds)

    def state_linger(self, event: events.Event) -> CommandGenerator[None]:
        """Take in what comes, for the meter alone, until that is all, enough, or too late."""
        flow = self.flow
        lingering = _lingering.get(flow.id)
        overdue = lingering is None or time.monotonic() >= lingering.until
        if isinstance(event, ResponseHeaders):
            flow.response = event.response
            yield HttpResponseHeadersHook(flow)
        elif isinstance(event, ResponseData):
            self._take_in(event.data)
            wanted = _linger.get(flow.id)
            if overdue or wanted is None or not wanted():
                yield from self._end_linger()
        elif isinstance(event, ResponseEndOfMessage) and not overdue:
            self._take_in(b"")
            yield from self._end_linger(whole=True)
        elif not isinstance(event, ResponseTrailers):
            # The time is over, the provider's side broke, or the client's connection was closed.
            yield from self._end_linger()

    def _take_in(self, data: bytes) -> None:
        response = self.flow.response
        assert response is not None, "a body comes after its head"
        if self.watch is not None:
            self.watch(data)
        elif data:
            self.response_body_buf += data
        else:
            response.data.content = bytes(self.response_body_buf)

    def _end_linger(self, *, whole: bool = False) -> CommandGenerator[None]:
        self._handle_event = self.state_over
        flow = self.flow
        if whole:
            yield HttpResponseHook(flow)
        else:
            yield http.SendHttp(self._left, self.context.server)
            flow.error = Error(self._left.message)
            yield HttpErrorHook(flow)
        flow.live = False
        if lingering := _lingering.pop(flow.id, None):
            lingering.over.set()
        yield http.DropStream(self.stream_id)

    def state_over(self, _: events.Event) -> CommandGenerator[None]:
        """Nothing that still comes matters."""
        yield from ()
