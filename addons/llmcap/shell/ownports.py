"""
The proxy's own ports are no place to send a request to: it would come back as a new one, for ever.

Any page in a browser can ask for that: `GET /` on the port makes a proxy look where the `Host`
header points, which is the port. mitmproxy knows the listeners that it opened itself, by a few of
their names. Here every name is resolved, those of this machine's other addresses too; and a client
that turns out to be a connection of our own is served nothing, whatever led it here.
"""

import asyncio
import socket
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from mitmproxy import ctx, http
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from llmcap.shell.addresses import is_local, plain

SAID = "This is the port of a proxy, LLMCap's, and no web page: a request to itself leads nowhere."

# Of RFC 9110, section 15.5.20: this server cannot answer for the target.
MISDIRECTED = 421


@dataclass(frozen=True, slots=True)
class Listener:
    """Where a proxy takes connections, by an IP address and a port."""

    host: str
    port: int
    protocol: str  # tcp, udp or both

    def takes(self, host: str, *, protocol: str) -> bool:
        """Whether a connection to this port of that address, which is no name, would be its own."""
        if self.protocol not in (protocol, "both"):
            return False
        mine, asked = plain(self.host), plain(host)
        if asked.is_unspecified:  # to connect to it is to connect to this machine
            asked = ip_address("127.0.0.1" if asked.version == 4 else "::1")
        return is_local(str(asked)) if mine.is_unspecified else mine == asked


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


def listeners() -> Iterator[Listener]:
    """Those of mitmproxy's servers, and that of a master of our own."""
    server = ctx.master.addons.get("proxyserver")
    for instance in server.servers if server is not None else ():
        for host, port, *_ in instance.listen_addrs:
            yield Listener(host, port, instance.mode.transport_protocol)
    door = ctx.master.addons.get("door")
    if door is not None:
        host, port = door.address
        yield Listener(host, port, "tcp")
