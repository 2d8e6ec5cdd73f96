"""
The socket that a provider's answer comes on, below all that mitmproxy puts on it.

mitmproxy has no way to it from a flow; its own connection handler keeps one for each connection.
"""

import contextlib
import socket
import struct
from typing import Any

from mitmproxy import ctx
from mitmproxy.connection import Connection, Server
from mitmproxy.proxy.server import ConnectionIO


def transport_of(client: Connection, server: Server) -> ConnectionIO | None:
    """Whatever carries it; None where that is closed, or nobody can tell which it is."""
    manager = ctx.master.addons.get("proxyserver")
    handler = manager.connections.get(client.id) if manager is not None else None
    if handler is None:
        return None
    transports: dict[Connection, ConnectionIO] = handler.transports
    if server in transports:
        return transports[server]
    # Behind an upstream proxy the connection that is opened is one to that proxy.
    via = server.via[1] if server.via else None
    found = [
        transport
        for connection, transport in transports.items()
        if isinstance(connection, Server) and via and connection.address == via
    ]
    return found[0] if len(found) == 1 else None


def socket_of(transport: ConnectionIO | None) -> Any:
    """The socket of it; None where there is none."""
    if transport is None or transport.writer is None:
        return None
    return transport.writer.get_extra_info("socket", None)


def reset_at_close(client: Connection, server: Server) -> None:
    """Let the connection end with a reset: who writes to it learns that at once."""
    raw = None if server.alpn == b"h2" else socket_of(transport_of(client, server))
    if raw is not None:
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
