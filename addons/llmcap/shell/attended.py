"""
mitmproxy's HTTP stream, with the keeper behind every hook of it.

The keeper decides when all addons have seen the request, whatever they raised or rewrote, and in
whichever order they were loaded: what it sees is what is sent. Before the first byte leaves there
is one more look, at the connection that was made and at the request as it is then: nothing goes to
a provider but what was decided, to the letter. It reads an answer as the provider sent it, before
any addon streams or rewrites it.
"""

from collections.abc import Generator
from typing import Any

from mitmproxy.connection import Connection
from mitmproxy.http import HTTPFlow
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers import http
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestHeaders,
    ResponseData,
    ResponseHeaders,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._hooks import (
    HttpConnectHook,
    HttpErrorHook,
    HttpRequestHook,
    HttpResponseHeadersHook,
    HttpResponseHook,
)

from llmcap.shell.destinations import provider_host, provider_names
from llmcap.shell.keeper import Fields, keeper, waits
from llmcap.shell.parting.stream import PartingHttpStream

Steps = Generator[commands.Command, Any, None]

# Behind which the keeper decides, or is told.
_HOOKS = frozenset(
    (HttpConnectHook, HttpErrorHook, HttpRequestHook, HttpResponseHeadersHook, HttpResponseHook)
)


def _nothing() -> CommandGenerator[None]:
    """
    What is done about a frame without bytes, which HTTP/2 may send at any time.

    To whoever is shown the pieces of an answer, one without bytes is its end.
    """
    yield from ()


class AttendedHttpStream(PartingHttpStream):
    """One request and its answer."""

    _came: Fields = ()  # the headers of the request as it came
    _head: tuple[int, Fields] | None = None  # status and headers of the answer as it came
    _host: str | None = None  # whose request it is, where it is a provider's
    _decided: tuple[object, ...] | None = None  # what may be sent there

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if type(event) is ResponseData:
            if not event.data:
                return _nothing()
            if self.is_passed_on():
                # Nobody but us is asked about a piece, so the way of most is the short one.
                return self.passed_on(event)
        return self._attended(super()._handle_event(event))

    def _attended(self, steps: Steps) -> Steps:
        """Go through the steps of the stream; ask the keeper after each hook."""
        reply = None
        while True:
            try:
                command = steps.send(reply)
            except StopIteration:
                return
            kind = type(command)
            if kind not in _HOOKS:
                reply = yield command
                continue
            if kind is HttpResponseHook:
                work = keeper().whole(self.flow)
                if work is not None:
                    yield waits(work)
            reply = yield command
            if kind is HttpRequestHook:
                yield from self._decide()
            else:
                self._tell(kind)

    def _tell(self, kind: type[commands.Command]) -> None:
        """All addons have had their word about this."""
        if kind is HttpResponseHeadersHook:
            self._begin()
        elif kind is HttpResponseHook:
            keeper().over(self.flow)
        elif kind is HttpErrorHook:
            assert self.flow.error is not None
            keeper().ended(self.flow, self.flow.error.msg)
        else:
            keeper().greet(self.flow, self._came)

    # --- the request --------------------------------------------------------------------------

    def state_wait_for_request_headers(self, event: RequestHeaders) -> CommandGenerator[None]:
        """Keep the headers that the client sent."""
        self._came = event.request.headers.fields
        yield from super().state_wait_for_request_headers(event)

    def start_request_stream(self) -> CommandGenerator[None]:
        """Send no request to a provider before it is whole, whatever an addon wants."""
        if provider_host(self.flow) is None:
            yield from super().start_request_stream()
        else:
            self.flow.request.stream = False
            self.client_state = self.state_consume_request_body

    def _decide(self) -> CommandGenerator[None]:
        if self.client_state != self.state_done or self.flow.response or self.flow.error:
            return  # it is on its way already, to nobody who bills; or it was answered, or killed
        work = keeper().decide(self.flow, self._came)
        if work is not None:
            yield waits(work)
        if self.flow.response is None:
            self._host, self._decided = provider_host(self.flow), wording(self.flow)

    def last_look(self, server: Connection) -> CommandGenerator[bool]:
        """Whether what is about to leave is what was decided, and goes where that was for."""
        if self._is_as_decided(server):
            return True
        keeper().changed(self.flow)
        if self.client_state != self.state_done:  # its body is still coming, and goes nowhere
            said = "the request would have reached a provider before it was whole"
            refused = ResponseProtocolError(self.stream_id, said, ErrorCode.CONNECT_FAILED)
            yield from self.handle_protocol_error(refused)
        else:
            yield HttpResponseHeadersHook(self.flow)
            yield from self.send_response()
        return False

    def _is_as_decided(self, server: Connection) -> bool:
        led_to = provider_names(server)
        if self._host is None:
            return not led_to and provider_host(self.flow) is None
        return wording(self.flow) == self._decided and all(name == self._host for name in led_to)

    # --- the answer ---------------------------------------------------------------------------

    def state_wait_for_response_headers(self, event: ResponseHeaders) -> CommandGenerator[None]:
        """Keep the head as the provider sent it."""
        self._head = (event.response.status_code, event.response.headers.fields)
        yield from super().state_wait_for_response_headers(event)

    def state_linger(self, event: events.Event) -> CommandGenerator[None]:
        """Likewise where the client has gone."""
        if isinstance(event, ResponseHeaders):
            self._head = (event.response.status_code, event.response.headers.fields)
        yield from self._attended(super().state_linger(event))

    def state_close(self, event: events.Event) -> CommandGenerator[None]:
        """And when its provider was left too."""
        yield from self._attended(super().state_close(event))

    def _begin(self) -> None:
        response = self.flow.response
        assert response is not None
        if self._head is None:
            keeper().ended(self.flow, "another addon answered")
            return
        self.watch = keeper().begin(self.flow, *self._head)
        if self.watch is not None:
            response.stream = response.stream or True
            self.is_short = not self.context.options.store_streamed_bodies


def wording(flow: HTTPFlow) -> tuple[object, ...]:
    """All that will be sent, and where to; to compare two of them is to compare references."""
    data = flow.request.data
    return (
        data.host, data.port, data.scheme, data.method, data.authority, data.path,
        data.headers.fields, data.content, data.trailers,
    )  # fmt: skip


def install() -> None:
    """Make every stream from now on an attended one, in every mode of the proxy."""
    http.HttpStream = AttendedHttpStream  # type: ignore[misc]
