"""
What a provider's connection has brought, and how much of that nobody has read yet.

A program that gets little of the machine falls behind a stream: what it has not read waits in the
kernel, in asyncio's buffer and in mitmproxy's queue of events, and is billed all the same. So a
connection that is watched hands on small pieces, and the next one when the last was handled; what
waits is then in the first two, which can be asked, and a provider that is too fast is slowed down.
"""

import asyncio
from asyncio import StreamReader
from typing import Any

from mitmproxy import http

from llmcap.shell.transports import socket_of, transport_of, unasked

# At most so much is handed on at once of a connection that is watched: a small part of a slice.
PIECE_BYTES = 4_096


class Arrivals:
    """Of one connection. Bytes are those of the wire, with TLS and all that is in it."""

    def __init__(self, reader: StreamReader, raw: Any) -> None:
        self.handled = 0  # bytes, since it is watched
        self._in_hand = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._reader = reader
        self._raw = raw
        self._read = reader.read
        reader.read = self._read_less  # type: ignore[method-assign]

    def waiting(self) -> int:
        """Bytes that are here, and were not handled."""
        return self._in_hand + unasked(self._reader, self._raw)

    def handles(self, *, still: bool) -> None:
        """Whether somebody `still` handles what was handed on last, and nothing more can come."""
        if still:
            self._idle.clear()
        else:
            self._idle.set()

    async def _read_less(self, n: int = -1) -> bytes:
        await self._idle.wait()
        self.handled, self._in_hand = self.handled + self._in_hand, 0
        data = await self._read(PIECE_BYTES if n < 0 else min(n, PIECE_BYTES))
        self._in_hand = len(data)
        return data


def arrivals_of(flow: http.HTTPFlow) -> Arrivals | None:
    """Of the connection that an answer comes on, which is watched from now on; None without one."""
    transport = transport_of(flow.client_conn, flow.server_conn)
    raw = socket_of(transport)
    if transport is None or raw is None or not isinstance(transport.reader, StreamReader):
        return None
    watching = getattr(transport.reader.read, "__self__", None)
    return watching if isinstance(watching, Arrivals) else Arrivals(transport.reader, raw)
