"""
The server: HTTP/1.1 with keep-alive, on asyncio's streams; HTTP/2 where TLS agreed on it.

While an answer is written, the stream's reader goes on in the background, so a hang-up is seen at
its end of file or its exception, without a task of its own; a scenario may have it overlooked.
"""

import asyncio
import contextlib
import functools
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from fake_provider.exchange import Exchange, Request
from fake_provider.halfopen import HalfOpen, HalfOpenWriter
from fake_provider.scenario import Stops

Handler = Callable[[Exchange], Awaitable[None]]
Writer = asyncio.StreamWriter | HalfOpenWriter

HEAD_BYTES_MAX = 65_536
BODY_BYTES_MAX = 256 * 1024 * 1024
CLOSE_SECONDS = 5


class HangUp(Exception):  # noqa: N818 - what a client does, no error of ours
    """The client left."""


class Http1Exchange:
    """One request on an HTTP/1.1 connection."""

    def __init__(self, request: Request, reader: asyncio.StreamReader, writer: Writer) -> None:
        self.request = request
        self.stops = Stops.LEFT
        self.keep_alive = request.headers.get("connection", "").lower() != "close"
        self.chunked = False
        self._reader = reader
        self._writer = writer

    @property
    def gone(self) -> bool:
        """Whether the client is seen to have left, by a provider that looks."""
        return self.stops is Stops.LEFT and self.closed

    @property
    def closed(self) -> bool:
        """Whether the connection is closed, or closing."""
        return (
            self._reader.at_eof()
            or self._reader.exception() is not None
            or self._writer.is_closing()
        )

    async def start(self, status: int, headers: Mapping[str, str], *, close: bool = False) -> None:
        """Send the head; without a length the body comes in chunks, or until the close."""
        lines = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase if status != 529 else 'Overloaded'}"
        ]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if close:
            self.keep_alive = False
            lines.append("connection: close")
        elif "content-length" not in headers:
            self.chunked = True
            lines.append("transfer-encoding: chunked")
        await self._write("\r\n".join([*lines, "", ""]).encode("latin-1"))

    async def send(self, data: bytes) -> None:
        """Send a part of the body."""
        if data:
            await self._write(b"%x\r\n%s\r\n" % (len(data), data) if self.chunked else data)

    async def end(self) -> None:
        """End the body."""
        if self.chunked:
            await self._write(b"0\r\n\r\n")

    async def reset(self) -> None:
        """Close the connection with a TCP reset, whatever is unsent."""
        self.keep_alive = False
        await self._writer.drain()
        raw = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def _write(self, data: bytes) -> None:
        if self.gone:
            raise HangUp
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            if self.stops is not Stops.NEVER:
                raise HangUp from error


async def serve_http1(reader: asyncio.StreamReader, writer: Writer, handler: Handler) -> None:
    """Answer the requests of one connection, one after the other."""
    keep_alive = True
    while keep_alive:
        request = await read_request(reader, writer)
        if request is None:
            return
        exchange = Http1Exchange(request, reader, writer)
        await handler(exchange)
        keep_alive = exchange.keep_alive and not exchange.closed


async def read_request(reader: asyncio.StreamReader, writer: Writer) -> Request | None:
    """The next request, or None at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, OSError):
        return None
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    try:
        body = await read_body(reader, headers)
    except (asyncio.IncompleteReadError, OSError):
        return None
    return Request(method, target, headers, body, "1.1")


async def read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    """The body, by its length or in chunks."""
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return await reader.readexactly(min(int(headers.get("content-length", 0)), BODY_BYTES_MAX))
    body = bytearray()
    while len(body) <= BODY_BYTES_MAX:
        size = int((await reader.readline()).partition(b";")[0], 16)
        body += (await reader.readexactly(size + 2))[:-2]
        if size == 0:
            break
    return bytes(body)


class Server:
    """Listens on loopback; `handler` answers, `serve_http2` serves the HTTP/2 connections."""

    def __init__(
        self,
        handler: Handler,
        serve_http2: Callable[[asyncio.StreamReader, Writer, Handler], Awaitable[None]],
    ) -> None:
        self._handler = handler
        self._serve_http2 = serve_http2
        self._servers: list[asyncio.Server] = []
        self._connections: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}

    async def listen(self, port: int, context: ssl.SSLContext | None = None) -> int:
        """Open a port, 0 for any free one, and return it."""
        connected = self._plain if context is None else functools.partial(self._secure, context)
        server = await asyncio.start_server(
            connected, "127.0.0.1", port, limit=HEAD_BYTES_MAX, backlog=1024
        )
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        for server in self._servers:
            server.close()
        for writer in list(self._connections):
            writer.transport.abort()
        tasks = [task for task in self._connections.values() if task is not None]
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), CLOSE_SECONDS)

    async def _plain(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections[writer] = asyncio.current_task()
        try:
            await self._serve(reader, writer)
        finally:
            self._connections.pop(writer, None)

    async def _secure(
        self,
        context: ssl.SSLContext,
        raw_reader: asyncio.StreamReader,
        raw_writer: asyncio.StreamWriter,
    ) -> None:
        self._connections[raw_writer] = asyncio.current_task()
        connection = HalfOpen(raw_reader, raw_writer, context, limit=HEAD_BYTES_MAX)
        try:
            await connection.shake_hands()
            pump = asyncio.create_task(connection.pump())
            try:
                await self._serve(connection.reader, connection.writer)
            finally:
                pump.cancel()
        except OSError:
            raw_writer.close()
        finally:
            self._connections.pop(raw_writer, None)

    async def _serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        tls = writer.get_extra_info("ssl_object")
        serve = serve_http1
        if tls is not None and tls.selected_alpn_protocol() == "h2":
            serve = self._serve_http2  # type: ignore[assignment]
        try:
            with contextlib.suppress(HangUp, ConnectionError):
                await serve(reader, writer, self._handler)
        finally:
            writer.close()
