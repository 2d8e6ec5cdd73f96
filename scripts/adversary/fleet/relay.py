"""
A network between a node and PostgreSQL, on loopback, that can be cut in either direction.

What is sent into a cut is kept and arrives when it ends, as TCP would send it again; or it is lost
with its connection. Whoever waits at the other end hears nothing meanwhile: no reset, no end.
"""

import asyncio
import contextlib
from enum import StrEnum

CHUNK = 65_536


class Way(StrEnum):
    """Which bytes do not arrive."""

    UP = "to the treasury"
    DOWN = "from the treasury"


class Relay:
    """One node's way to the server at `port`; its own port is known once it is started."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.port = 0
        self._open = {way: asyncio.Event() for way in Way}
        for event in self._open.values():
            event.set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen on loopback."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self, *ways: Way) -> None:
        """Let nothing through in these directions, until `mend`."""
        for way in ways:
            self._open[way].clear()

    def mend(self, *, lose: bool) -> None:
        """Let everything through again; `lose`: what was on its way is lost with its connection."""
        if lose:
            self._drop()
        for event in self._open.values():
            event.set()

    async def stop(self) -> None:
        """End it, and every connection."""
        if self._server is not None:
            self._server.close()
        self._drop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _drop(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        far: asyncio.StreamWriter | None = None
        try:
            # A connection into a cut is not made: the other end never sees it begin.
            await self._open[Way.UP].wait()
            far_reader, far = await asyncio.open_connection("127.0.0.1", self.target)
            self._writers.add(far)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, far, Way.UP))
                group.create_task(self._pump(far_reader, writer, Way.DOWN))
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            for each in filter(None, (writer, far)):
                self._writers.discard(each)
                each.transport.abort()
            self._tasks.discard(task)

    async def _pump(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, way: Way
    ) -> None:
        while data := await source.read(CHUNK):
            await self._open[way].wait()
            target.write(data)
            await target.drain()
        await self._open[way].wait()
        with contextlib.suppress(OSError):
            target.write_eof()
