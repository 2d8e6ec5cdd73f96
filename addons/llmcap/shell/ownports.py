"""
The proxy's own ports are no place to send a request to: it would come back as a new one, for ever.

Any page in a browser can ask for that: `GET /` on the port makes a proxy look where the `Host`
header points, which is the port. mitmproxy knows the listeners that it opened itself, by a few of
their names. Here every name is resolved, those of this machine's other addresses too; and a client
that turns out to be a connection of our own is served nothing, whatever led it here.
"""

import asyncio
import socket
from collections.abc import Awaitable

from mitmproxy import http
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from llmcap.shell.listeners import Listener, listeners

SAID = "This is the port of a proxy, LLMCap's, and no web page: a request to itself leads nowhere."

# Of RFC 9110, section 15.5.20: this server cannot answer for the target.
MISDIRECTED = 421


class OwnPorts:
    """The addon: looks at every request, and at every connection that is about to be opened."""

    def __init__(self) -> None:
        self._opened: set[tuple[str, int]] = set()  # our ends of the connections that we opened

    def requestheaders(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Answer a request to ourselves, also one that another proxy would bring back."""
        return self._answered(flow) if listeners_on(flow.request.port) else None

    def http_connect(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Likewise a tunnel."""
        return self._answered(flow) if listeners_on(flow.request.port) else None

    async def _answered(self, flow: http.HTTPFlow) -> None:
        if await leads_here(flow.request.host, flow.request.port, protocol="tcp"):
            flow.response = http.Response.make(MISDIRECTED, SAID, {"content-type": "text/plain"})

    async def server_connect(self, data: ServerConnectionHookData) -> None:
        """Open no connection to ourselves, and none for a client that we are ourselves."""
        assert data.server.address is not None
        host, port = data.server.address[:2]
        protocol = data.server.transport_protocol
        ours = data.client.peername[:2] in self._opened
        if ours or await leads_here(host, port, protocol=protocol):
            data.server.error = SAID

    def server_connected(self, data: ServerConnectionHookData) -> None:
        """Remember our end of it."""
        if data.server.sockname:
            self._opened.add(data.server.sockname[:2])

    def server_disconnected(self, data: ServerConnectionHookData) -> None:
        """Another program may have that address next."""
        if data.server.sockname:
            self._opened.discard(data.server.sockname[:2])


async def leads_here(host: str, port: int, *, protocol: str) -> bool:
    """Whether a connection would come back to a listener of this very proxy."""
    mine = listeners_on(port)
    if not mine:
        return False
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False  # it has no address, and cannot be connected to
    addresses = [str(address[0]) for *_, address in found]
    return any(each.takes(address, protocol=protocol) for each in mine for address in addresses)


def listeners_on(port: int) -> list[Listener]:
    """Those that take connections on a port."""
    return [each for each in listeners() if each.port == port]
