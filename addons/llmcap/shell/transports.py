"""
The socket that a provider's answer comes on, below all that mitmproxy puts on it.

mitmproxy has no way to it from a flow; its own connection handler keeps one for each connection.
"""

import array
import contextlib
import socket
import struct
import sys
from datetime import timedelta
from typing import Any

from mitmproxy import ctx
from mitmproxy.connection import Connection, Server
from mitmproxy.proxy.server import ConnectionIO

if sys.platform != "win32":
    import fcntl
    import termios

# Of `tcpi_min_rtt` in Linux's `struct tcp_info`: eight bytes of states, 24 numbers of four bytes,
# four of eight, and then the fourth of four.
_MIN_RTT_AT = 8 + 24 * 4 + 4 * 8 + 3 * 4
_UNMEASURED = 2**32 - 1


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


def unread(raw: Any) -> int:
    """Bytes in the kernel's queue of a socket; none where nobody can tell."""
    if sys.platform == "win32" or raw is None:
        return 0
    count = array.array("i", [0])
    with contextlib.suppress(OSError, ValueError):  # it is closed
        fcntl.ioctl(raw.fileno(), termios.FIONREAD, count)
    return count[0]


def waiting(transport: ConnectionIO | None) -> int | None:
    """Bytes that have come on it, and that mitmproxy has not asked for; None without one."""
    raw = socket_of(transport)
    if transport is None or raw is None:
        return None
    return unasked(transport.reader, raw)


def unasked(reader: Any, raw: Any) -> int:
    """Bytes that have come for a reader of asyncio's: what it has, and what its socket has."""
    buffered: bytearray = getattr(reader, "_buffer", bytearray())  # no public way
    return len(buffered) + unread(raw)


def round_trip(raw: Any) -> timedelta | None:
    """
    How far away the other side of a socket is, as its kernel has measured; None where not.

    The least of the last minutes: in a mean of them are the 40 milliseconds by which the other side
    puts off to say that it has got a request, where its answer takes longer than that.
    """
    if sys.platform != "linux" or raw is None:
        return None
    try:
        told = raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _MIN_RTT_AT + 4)
        (micros,) = struct.unpack_from("I", told, _MIN_RTT_AT)
    except (OSError, struct.error):
        return None
    return None if micros == _UNMEASURED else timedelta(microseconds=micros)


def reset_at_close(client: Connection, server: Server) -> None:
    """Let the connection end with a reset: who writes to it learns that at once."""
    raw = None if server.alpn == b"h2" else socket_of(transport_of(client, server))
    if raw is not None:
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
