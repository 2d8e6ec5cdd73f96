"""
A company's proxy on loopback, behind which every host is a server of ours.

What `llmcap run` finds in `HTTPS_PROXY` and chains to. It answers CONNECT to any host by a tunnel
to one address, so that real programs reach the fake provider under the providers' own names,
without a line of code for it in LLMCap.
"""

import asyncio
import base64
import contextlib
import threading
from collections.abc import Callable, Mapping
from typing import Self

HEAD_BYTES_MAX = 65_536
CHUNK_BYTES = 65_536


class CompanyProxy:
    """
    Use as a context manager. `targets` are the CONNECTs that it saw, as `host:port`.

    `routes` name the port on loopback for a host, or for `host:port`, `*` any other one; a host
    without a route is answered 403. With `credentials` (`user:password`) it answers 407 to who does
    not send them.
    """

    def __init__(self, routes: Mapping[str, int], *, credentials: str = "") -> None:
        self.targets: list[str] = []
        self.port = 0
        self._routes = routes
        self._authorization = base64.b64encode(credentials.encode()).decode()
        self._asks = bool(credentials)
        self._listening = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._over: Callable[[], object] = lambda: None
        self._open: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """For `HTTPS_PROXY`."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._listening.wait(300)
        return self

    def __exit__(self, *_: object) -> None:
        self._over()
        self._thread.join()

    async def _run(self) -> None:
        over = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._over = lambda: loop.call_soon_threadsafe(over.set)
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await over.wait()
        server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._tunnel(reader, writer)
        finally:
            self._open.discard(task)
            await _close(writer)

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, target, *_ = head.split(" ", 2)
        self.targets.append(target)
        host = target.rpartition(":")[0]
        port = self._routes.get(target, self._routes.get(host, self._routes.get("*")))
        if self._asks and f"Basic {self._authorization}" not in head:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
        elif method != "CONNECT" or port is None:
            writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
        else:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            try:
                await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
            finally:
                await _close(far_writer)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    # One side's end is passed on as an end; a reset ends both.
    await _close(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
