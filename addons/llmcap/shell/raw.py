"""
Bytes on a provider's connection that mitmproxy takes for something other than HTTP: closed.

mitmproxy relays, unread, what does not look like HTTP, what an option or an addon tells it to leave
alone, and what a connection becomes after it changed its protocol. The layers that do that are
these two, in every mode: they look where a connection leads before they begin, and at the first
words of a client, which may name a host where the connection was made to a bare address.
"""

import re
from collections.abc import Callable, Iterator

from mitmproxy.connection import ConnectionState
from mitmproxy.flow import Error
from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator, NextLayer
from mitmproxy.proxy.layers.quic import quic_parse_client_hello_from_datagrams
from mitmproxy.proxy.layers.tcp import TcpErrorHook, TCPLayer
from mitmproxy.proxy.layers.tls import parse_client_hello
from mitmproxy.proxy.layers.udp import UdpErrorHook, UDPLayer

from llmcap.providers import provider_of
from llmcap.shell.destinations import canonical
from llmcap.shell.keeper import keeper

Relay = TCPLayer | UDPLayer
Start = Callable[[Relay, events.Start], CommandGenerator[None]]

# Of a client's first words. Longer than any real ClientHello, or the head of a request with a name.
WORDS_BYTES_MAX = 16_384

SAID = "LLMCap closed a connection that it cannot meter"

_BEGINNING = re.compile(rb"[A-Za-z]{0,20}")
_REQUEST = re.compile(rb"[A-Za-z]{3,20} ")
_TARGET = re.compile(rb"[A-Za-z]{3,20} +(?:[a-z]+://)?([^/ \r\n]+)")
_HOST = re.compile(rb"\nhost:[ \t]*([^\r\n]*)", re.IGNORECASE)


def install() -> None:
    """Make every relay from now on look first, in every mode of the proxy."""
    for kind in (TCPLayer, UDPLayer):
        if kind._handle_event is kind.start:  # noqa: SLF001 - mitmproxy's own way to begin
            kind._handle_event = _looking(kind.start)  # noqa: SLF001


def _looking(start: Start) -> Start:
    def begin(layer: Relay, event: events.Start) -> CommandGenerator[None]:
        host = next(provider_names(layer.context), None)
        if host is not None:
            yield from close(layer, host)
            return
        yield from start(layer, event)
        if layer._handle_event == layer.relay_messages:  # noqa: SLF001 - it is connected
            layer._handle_event = FirstWords(layer).relay  # noqa: SLF001

    return begin


def put_off(data: NextLayer) -> None:
    """
    Let mitmproxy choose again when more is here, on a provider's connection.

    It takes a request of which fewer than three bytes have come, or no space, for no HTTP.
    """
    chosen = data.layer
    may_be_http = _BEGINNING.fullmatch(data.data_client())
    if isinstance(chosen, TCPLayer) and may_be_http and any(provider_names(data.context)):
        data.context.layers.remove(chosen)
        data.layer = None


def provider_names(context: Context) -> Iterator[str]:
    """The names of a connection that are a provider's: its address, and what TLS was told."""
    address = context.server.address
    for name in (address[0] if address else "", context.client.sni, context.server.sni):
        if name and provider_of(canonical(name)):
            yield canonical(name)


def close(layer: Relay, host: str) -> CommandGenerator[None]:
    """End both sides."""
    keeper().closed(host, "what is no HTTP")
    layer._handle_event = layer.done  # noqa: SLF001
    if layer.flow is not None:
        layer.flow.error = Error(SAID)
        hook = TcpErrorHook if isinstance(layer, TCPLayer) else UdpErrorHook
        yield hook(layer.flow)  # type: ignore[arg-type]
        layer.flow.live = False
    if layer.context.server.state is not ConnectionState.CLOSED:
        yield commands.CloseConnection(layer.context.server)
    yield commands.CloseConnection(layer.context.client)


class FirstWords:
    """
    What a client says first, until that has told a host or cannot tell one.

    It is passed on as it comes: before it is whole, nobody can act on it.
    """

    def __init__(self, layer: Relay) -> None:
        self._layer = layer
        self._pieces: list[bytes] = []

    def relay(self, event: events.Event) -> CommandGenerator[None]:
        """Relay an event, or close."""
        layer = self._layer
        if isinstance(event, events.DataReceived) and event.connection == layer.context.client:
            self._pieces.append(event.data)
            names = self._names()
            host = next((name for name in names or () if provider_of(name)), None)
            if host is not None:
                yield from close(layer, host)
                return
            if names is not None:
                layer._handle_event = layer.relay_messages  # noqa: SLF001
        yield from layer.relay_messages(event)

    def _names(self) -> list[str] | None:
        """The hosts that are named; None while that is not known."""
        said = b"".join(self._pieces)
        udp = isinstance(self._layer, UDPLayer)
        found = quic_names(self._pieces) if udp else tcp_names(said)
        return found if found is not None or len(said) < WORDS_BYTES_MAX else []


def tcp_names(said: bytes) -> list[str] | None:
    """The hosts that TLS or HTTP names in these bytes; None where more may come."""
    if len(said) < 3 or _BEGINNING.fullmatch(said):
        return None
    if starts_like_tls_record(said):
        try:
            hello = parse_client_hello(said)
        except ValueError:
            return []
        return None if hello is None else [canonical(hello.sni or "")]
    if not _REQUEST.match(said):
        return []
    named = [*_TARGET.findall(said[:WORDS_BYTES_MAX])[:1], *_HOST.findall(said)]
    names = [canonical(name.decode("utf-8", "surrogateescape")) for name in named]
    over = b"\r\n\r\n" in said or any(provider_of(name) for name in names)
    return names if over else None


def quic_names(datagrams: list[bytes]) -> list[str] | None:
    """The host that QUIC names in these datagrams; None where more may come."""
    try:
        hello = quic_parse_client_hello_from_datagrams(datagrams)
    except ValueError:
        return []
    return None if hello is None else [canonical(hello.sni or "")]
