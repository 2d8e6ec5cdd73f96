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
from ipaddress import ip_address

from mitmproxy import http
from mitmproxy.connection import Server
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from llmcap.shell.listeners import Listener, listeners

SAID = "This is the port of a proxy, LLMCap's, and no web page: a request to itself leads nowhere."

Address = tuple[str, int]

# Of RFC 9110, section 15.5.20: this server cannot answer for the target.
MISDIRECTED = 421


class OwnPorts:
    """The addon: looks at every request, and at every connection that is about to be opened."""

    def __init__(self) -> None:
        self._opened: set[tuple[Address, Address | None]] = set()  # as `_ends` has them

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
        client = data.client.peername[:2]
        ours = not self._opened.isdisjoint({(client, None), (client, data.client.sockname[:2])})
        if ours or await leads_here(host, port, protocol=protocol):
            data.server.error = SAID

    def server_connected(self, data: ServerConnectionHookData) -> None:
        """Remember its ends."""
        self._opened |= _ends(data.server)

    def server_disconnected(self, data: ServerConnectionHookData) -> None:
        """Another program may have that address next."""
        self._opened -= _ends(data.server)


def _ends(server: Server) -> set[tuple[Address, Address | None]]:
    """
    Our end of a connection, and the other one where that alone tells a client from us.

    Over the loopback a client may have the same address and port as we have at that moment, as it
    is connected to somebody else. Elsewhere we have an address that no client has, and what comes
    back may have been led here from any other.
    """
    if not server.sockname:
        return set()
    there = server.peername[:2] if server.peername else None
    at_home = there is not None and ip_address(there[0]).is_loopback
    return {(server.sockname[:2], there if at_home else None)}


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
