"""The stream between a client that has gone, or was told the end, and the provider."""

import time
from datetime import timedelta

from mitmproxy.flow import Error
from mitmproxy.proxy import events
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
from mitmproxy.proxy.server import ConnectionIO

from llmcap.shell.cut import CuttableHttpStream, was_sent
from llmcap.shell.parting.halves import CloseOurHalf, Parted, Parting, half_closed, is_tunnelled
from llmcap.shell.parting.leavers import (
    BUSY_SECONDS_MAX,
    PARTING_SECONDS,
    QUIET_TURNS,
    finished,
    leave,
    leaver_of,
    waking,
)
from llmcap.shell.transports import (
    reset_at_close,
    round_trip,
    socket_of,
    transport_of,
    waiting,
)


class PartingHttpStream(CuttableHttpStream):
    """mitmproxy's stream, plus the look at what its provider made for nobody."""

    _parts = _stopped = _lost = _is_cut = False
    _quiet = 0
    _unread = 0  # bytes that were not taken in
    _away = timedelta(0)  # to its provider and back
    _ended = 0.0  # when nothing more was read; its provider goes on until it is closed
    _due = 0.0  # on the monotonic clock: when the phase ends that it is in

    def handle_protocol_error(
        self, event: RequestProtocolError | ResponseProtocolError
    ) -> CommandGenerator[None]:
        """Where the client has gone and its answer is wanted all the same, read on."""
        if isinstance(event, ResponseProtocolError) and (known := leaver_of(self.flow.id)):
            # What had come of it is there still, and mitmproxy asks for none of it any more.
            left = waiting(self._transport) or 0
            known.parted(stopped=False, round_trip=self._round_trip(), unread=left)
        waits = self.client_state == self.state_done and self.server_state in (
            self.state_wait_for_response_headers,
            self.state_consume_response_body,
            self.state_stream_response_body,
        )
        leaver = leaver_of(self.flow.id) if waits and was_sent(self.flow.id) else None
        if leaver is None or not isinstance(event, RequestProtocolError) or leaver.is_over():
            yield from super().handle_protocol_error(event)
            return
        seconds = leaver.linger().total_seconds()
        self._left = event
        self._handle_event = self.state_linger
        self._due = time.monotonic() + seconds
        leave(self.flow.id, self._due + PARTING_SECONDS)
        if seconds > 0:
            yield waking(self.flow.id, self._due)
        else:
            yield from self._part(PARTING_SECONDS)

    def stopped(self) -> CommandGenerator[None]:
        """
        Leave the provider at once, then end the response in order for its client, who asks on.

        What was on its way is counted as that of a client who has gone. A vendor that goes on, and
        bills that, is listened to as long as it writes; on HTTP/2 it cannot be, after the reset.
        """
        assert self.flow.response
        leaver, http1 = leaver_of(self.flow.id), self.context.server.alpn != b"h2"
        listens = leaver.listens().total_seconds() if leaver is not None and http1 else 0
        self._is_cut = True
        self._left = RequestProtocolError(
            self.stream_id, "the spend cap is reached", ErrorCode.CANCEL
        )
        self._handle_event = self.state_linger
        yield from self._part(max(listens, PARTING_SECONDS))
        leave(self.flow.id, self._due)
        if trailers := self.flow.response.trailers:
            yield http.SendHttp(ResponseTrailers(self.stream_id, trailers), self.context.client)
        yield http.SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)

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
            leaver = leaver_of(flow.id)
            if leaver is None or leaver.is_over():
                yield from self._end_linger()
        elif isinstance(event, ResponseEndOfMessage):
            if flow.response is None or (self._parts and self._ends_with_connection()):
                yield from self._end_linger(stopped=True)
            else:
                self._take_in(b"", last=True)
                yield from self._end_linger(whole=True)
        elif isinstance(event, events.Wakeup):
            yield from self._woken()
        elif isinstance(event, Parted):
            yield from self._end_linger(stopped=True)
        elif isinstance(event, ResponseProtocolError):
            # Having heard that we left it closed its side, or else something broke.
            self._lost = not self._parts
            yield from self._end_linger(stopped=self._parts)
        elif not isinstance(event, ResponseTrailers | RequestProtocolError):
            yield from self._end_linger()

    def _woken(self) -> CommandGenerator[None]:
        late = time.monotonic() - self._due
        if late < 0:
            yield waking(self.flow.id, self._due)
        elif not self._parts:
            yield from self._part(PARTING_SECONDS)
        elif late > BUSY_SECONDS_MAX or self._has_caught_up():
            yield from self._end_linger()
        else:
            self._quiet += 1
            yield waking(self.flow.id, self._due)

    def _has_caught_up(self) -> bool:
        """
        Whether all that has come was taken in. One that goes on to write is never quiet for long.

        Where nobody can tell what waits, nothing may have come for some turns of the loop.
        """
        left = waiting(self._transport)
        return self._quiet >= QUIET_TURNS if left is None else not left

    def _part(self, seconds: float) -> CommandGenerator[None]:
        self._parts = True
        self._away = self._round_trip()  # its socket may be closed later
        self._due = time.monotonic() + seconds
        yield waking(self.flow.id, self._due)
        yield http.SendHttp(Parting(self.stream_id), self.context.server)

    def _take_in(self, data: bytes, *, last: bool = False) -> None:
        response = self.flow.response
        if not (data or last):
            return  # a frame without bytes is not the end, which is what no bytes say to `watch`
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
        if not self._parts:
            self._away = self._round_trip()
        self._unread = waiting(self._transport) or 0
        if not stopped:
            reset_at_close(self.flow.client_conn, self.context.server)
        self._ended = time.monotonic()
        self._handle_event = self.state_close
        yield http.SendHttp(self._left, self.context.server)
        self._quiet, self._due = 0, self._ended
        yield waking(self.flow.id, self._due)

    def state_close(self, event: events.Event) -> CommandGenerator[None]:
        """
        Let the connection be closed before the call is settled: nothing that still comes matters.

        It takes the loop some turns, and to settle may be to count a long text.
        """
        if not isinstance(event, events.Wakeup):
            return
        self._quiet += 1
        if self._quiet < QUIET_TURNS:
            yield waking(self.flow.id, self._due)
            return
        self._handle_event = self.state_over
        if leaver := leaver_of(self.flow.id):
            away = self._away
            if not self._has_closed:
                # Where we are so late to close, it may be as late to notice.
                away += 2 * timedelta(seconds=time.monotonic() - self._ended)
            leaver.parted(
                stopped=self._stopped, round_trip=away, unread=self._unread, lost=self._lost
            )
        if self._is_cut:
            yield HttpResponseHook(self.flow)
        else:
            self.flow.error = Error(self._left.message)
            yield HttpErrorHook(self.flow)
        yield from self._drop()

    def _drop(self) -> CommandGenerator[None]:
        self.flow.live = False
        finished(self.flow.id)
        yield http.DropStream(self.stream_id)

    def _ends_with_connection(self) -> bool:
        """Whether nothing but the end of the connection tells the end of the body."""
        response = self.flow.response
        framed = response is None or not {"content-length", "transfer-encoding"}.isdisjoint(
            name.lower() for name in response.headers
        )
        return not framed and self.context.server.alpn != b"h2"

    @property
    def _has_closed(self) -> bool:
        """Whether its provider closed its own side, behind all that it wrote; a PING says less."""
        return self._stopped and self.context.server.alpn != b"h2"

    @property
    def _transport(self) -> ConnectionIO | None:
        return transport_of(self.flow.client_conn, self.context.server)

    def _round_trip(self) -> timedelta:
        """There and back, as the kernel knows it, else as long as it took to connect."""
        if (measured := round_trip(socket_of(self._transport))) is not None:
            return measured
        server = self.context.server
        if server.timestamp_tcp_setup is None or server.timestamp_start is None:
            return timedelta(0)
        return timedelta(seconds=max(server.timestamp_tcp_setup - server.timestamp_start, 0))

    def state_over(self, _: events.Event) -> CommandGenerator[None]:
        """Nothing that still comes matters."""
        yield from ()
