"""
How a stream is stopped so that the provider stops too, and how we know that a call left.

mitmproxy's stream loop looks at nothing between two chunks: killing a flow there is noticed only
when the provider has generated, and billed, the answer to its end. A subclass of its `HttpStream`
(`parting.stream`) closes the provider's side right after the chunk of the cut (the connection on
HTTP/1, the one stream on HTTP/2) and then ends the client's response as a whole one. The name
`HttpStream` is looked up in its module whenever a stream is made, so replacing it once (`attended`)
covers every proxy mode.

The subclass here shows each piece to whoever watches, and notes the flows whose request is on its
way to the provider: a call that never got there is free, and no other place tells the two apart for
certain.
"""

from collections.abc import Callable

from mitmproxy.connection import Connection
from mitmproxy.proxy import events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers import http
from mitmproxy.proxy.layers.http._events import (
    ResponseData,
    ResponseEndOfMessage,
)

from llmcap.shell.keeper import keeper, waits

_cut: set[str] = set()
_sent: set[str] = set()


def cut(flow_id: str) -> None:
    """Stop the flow's response after the chunk that is being handled now."""
    _cut.add(flow_id)


def was_sent(flow_id: str) -> bool:
    """Whether a byte of the request may have reached the provider."""
    return flow_id in _sent


def forget(flow_id: str) -> None:
    """Drop what is kept about a flow that has ended."""
    _cut.discard(flow_id)
    _sent.discard(flow_id)


class CuttableHttpStream(http.HttpStream):
    """mitmproxy's stream, plus a watch over what passes."""

    watch: Callable[[bytes], bytes] | None = None  # what the body goes through first
    is_short = False  # whether it goes from there to the client, and is kept nowhere

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

    def is_passed_on(self) -> bool:
        """Whether a piece of the answer goes through `watch`, and then to the client as it is."""
        return (
            self.is_short
            and self.server_state == self.state_stream_response_body
            and self.flow.response.stream is True  # type: ignore[union-attr]  # its head was sent
        )

    def passed_on(self, event: ResponseData) -> CommandGenerator[None]:
        """What mitmproxy does with such a piece, and the stop where it was the last."""
        assert self.watch is not None
        passed = self.watch(event.data)
        if (work := keeper().late()) is not None:
            yield waits(work)
        if passed:  # an empty piece would end the client's response on HTTP/1
            yield http.SendHttp(ResponseData(self.stream_id, passed), self.context.client)
        if self.flow.id in _cut:
            _cut.discard(self.flow.id)
            yield from self.stopped()

    def state_stream_response_body(self, event: events.Event) -> CommandGenerator[None]:
        """Meter what comes from the provider, before an addon's stream callable has it."""
        if self.watch is None or not isinstance(event, ResponseData | ResponseEndOfMessage):
            yield from super().state_stream_response_body(event)
            return
        passed = self.watch(event.data if isinstance(event, ResponseData) else b"")
        if (work := keeper().late()) is not None:
            yield waits(work)
        if passed:  # an empty piece would end the client's response on HTTP/1
            piece = ResponseData(self.stream_id, passed)
            yield from super().state_stream_response_body(piece)
        if isinstance(event, ResponseEndOfMessage):
            yield from super().state_stream_response_body(event)
        elif self.server_state == self.state_stream_response_body and self.flow.id in _cut:
            _cut.discard(self.flow.id)
            yield from self.stopped()

    def stopped(self) -> CommandGenerator[None]:
        """Stop behind the piece of the cut; how is told in `parting.stream`."""
        raise NotImplementedError
