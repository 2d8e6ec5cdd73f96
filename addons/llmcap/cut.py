"""
How a stream is stopped so that the provider stops too, and how we know that a call left.

mitmproxy's stream loop looks at nothing between two chunks: killing a flow there is noticed only
when the provider has generated, and billed, the answer to its end. A subclass of its `HttpStream`
closes the provider's side right after the chunk of the cut (the connection on HTTP/1, the one
stream on HTTP/2) and then ends the client's response as a whole one. The name `HttpStream` is
looked up in its module whenever a stream is made, so replacing it once covers every proxy mode.

The same subclass notes the flows whose request is on its way to the provider: a call that never got
there is free, and no other place tells the two apart for certain.
"""

from mitmproxy.proxy import events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers import http
from mitmproxy.proxy.layers.http._events import ErrorCode, RequestProtocolError, ResponseData

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
    """mitmproxy's stream, plus the look between two chunks."""

    def make_server_connection(self) -> CommandGenerator[bool]:
        """Connect, and note that the request goes out."""
        connected = yield from super().make_server_connection()
        if connected:
            _sent.add(self.flow.id)
        return connected

    def state_stream_response_body(self, event: events.Event) -> CommandGenerator[None]:
        """Pass one event on, then stop where the chunk was the last."""
        yield from super().state_stream_response_body(event)
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


def install() -> None:
    """Make every stream from now on a cuttable one."""
    http.HttpStream = CuttableHttpStream  # type: ignore[misc]
