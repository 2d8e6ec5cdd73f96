"""
The way out of a confined command's network, served from the proxy's loop.

Whatever the command connects to arrives at a listener that was handed out of its network: the
address that it dialled says by what name. It goes to the proxy as a CONNECT to that name; ports of
the loopback outside that were let through are joined to; all else is closed at once.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, cast

from llmcap.confine.answers import answer
from llmcap.confine.egress import Egress
from llmcap.confine.entrance import Entered, preface
from llmcap.confine.inward import Inward
from llmcap.confine.names import Names, is_own, plain_name
from llmcap.words.told import Log

LOOPBACKS = ("127.0.0.1", "::1")
BACKLOG = 1024  # connections taken at a time
CHUNK_BYTES = 262_144
NAMES_DENIED_MAX = 100

# What Python's socket has no name for, from linux/in.h: tell what became of what was sent.
IP_RECVERR = 11

# Closed with this, a connection is reset, which no program takes for a polite end.
ABRUPTLY = struct.pack("ii", 1, 0)

logger = Log(__name__)

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Gate:
    """Of one command. It belongs to the proxy's loop, but for `attempts`."""

    def __init__(self, inward: Inward, egress: Egress, *, user: str = "") -> None:
        self.denied: Counter[str] = Counter()  # names that the rules do not allow
        self._inward = inward
        self._egress = egress
        self._user = user
        self._names = Names()
        self._all_given = False
        self._strays = 0
        self._late = 0  # answers of ours for which nobody waited any more
        self._servers: list[asyncio.Server] = []
        self._resolver: asyncio.BaseTransport | None = None
        self._closed = False
        self._last = 0  # what there were when it closed

    def attempts(self) -> int:
        """How many ways past the proxy were tried, and stopped, at least."""
        if self._closed:
            return self._last
        return max(self._strays + self._inward.attempts() - self._late, 0)

    async def open(self, serve: Serve, *, address: tuple[str, int]) -> None:
        """Serve from now on. `address` is where the proxy itself listens."""
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        for listener in self._inward.listeners:
            listener.setblocking(False)
            self._servers.append(
                await loop.create_server(
                    lambda: _Arrival(self, serve, address), sock=listener, backlog=BACKLOG
                )
            )
        self._inward.resolver.setblocking(False)
        self._inward.resolver.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        self._resolver, _ = await loop.create_datagram_endpoint(
            lambda: _Resolver(self), sock=self._inward.resolver
        )

    def close(self) -> None:
        """No more of it."""
        if self._closed:
            return
        self._last, self._closed = self.attempts(), True
        if self._resolver is not None:
            self._resolver.close()
        for server in self._servers:
            server.close()
        self._inward.close()

    # --- what its protocols ask -----------------------------------------------------------------

    def answered(self, query: bytes) -> bytes | None:
        """The answer to a query of the command's resolver."""
        return answer(query, address_of=self._address_of, name_of=self._names.name_of)

    def tell(self, reply: bytes, address: Any) -> None:
        """Send that; the socket says first, in its place, that an earlier one came too late."""
        for _ in range(BACKLOG):
            self.undelivered()
            try:
                self._inward.resolver.sendto(reply, address)
            except ConnectionRefusedError:
                continue
            except OSError:
                pass  # lost, as any datagram may be: it is asked for again
            return

    def undelivered(self) -> None:
        """
        Count the answers that came too late: the kernel takes each for a datagram to nobody.

        Each must be taken off the socket's queue of errors, or the loop is woken for ever.
        """
        with contextlib.suppress(BlockingIOError):
            while True:
                self._inward.resolver.recvmsg(0, 0, socket.MSG_ERRQUEUE)
                self._late += 1

    def _address_of(self, asked: str) -> str | None:
        name = plain_name(asked)
        if not name:
            return None
        if is_own(name):
            return LOOPBACKS[0]
        if not self._egress.allows(name):
            if name in self.denied or len(self.denied) < NAMES_DENIED_MAX:
                self.denied[name] += 1
            return None
        address = self._names.address_of(name)
        if address is None and not self._all_given:
            self._all_given = True
            logger.warning("LLMCap: the command asked for too many names: a new one has no address")
        return address

    def host_of(self, address: str) -> str | None:
        """What was meant by an address that was dialled; None for one that means nothing."""
        host = self._names.name_of(address)
        if host is None and ":" not in address and self._egress.allows_address(address):
            return address
        return host

    def reaches(self, address: str, port: int) -> bool:
        """Whether that leads to this machine's own loopback."""
        return port in self._egress.reach and (address == "::1" or address.startswith("127."))

    def greeting(self, host: str, port: int) -> bytes:
        """What the proxy is told first."""
        return preface(host, port, user=self._user)

    def stray(self) -> None:
        """Count what leads nowhere."""
        self._strays += 1


class _Arrival(asyncio.StreamReaderProtocol):
    """A connection that the command has opened."""

    def __init__(self, gate: Gate, serve: Serve, address: tuple[str, int]) -> None:
        self._gate = gate
        self._serve = serve
        self._address = address
        self._port = 0
        self._reader = asyncio.StreamReader()
        super().__init__(self._reader, self._arrived)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See where it wanted to go; let the proxy read that before anything else."""
        address, port = transport.get_extra_info("sockname")[:2]
        if self._gate.reaches(address, port):
            self._port = port
        elif (host := self._gate.host_of(address)) is not None:
            self._reader.feed_data(self._gate.greeting(host, port))
        else:
            self._gate.stray()
            cut_off = transport.get_extra_info("socket")
            cut_off.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABRUPTLY)
            cast("asyncio.Transport", transport).abort()
            return
        super().connection_made(transport)

    async def _arrived(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._port:
            await _join(reader, writer, self._port)
            return
        entered: Any = Entered(writer, address=self._address)
        await self._serve(reader, entered)


class _Resolver(asyncio.DatagramProtocol):
    """The name server inside."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Answer at once: nobody else is asked."""
        reply = self._gate.answered(data)
        if reply is not None:
            self._gate.tell(reply, addr)

    def error_received(self, exc: Exception) -> None:  # noqa: ARG002 -- the queue has it
        """Whoever asked did not wait, as a resolver does that gets little of its machine."""
        self._gate.undelivered()


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """Join a connection to a port of the loopback outside."""
    far: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    for host in LOOPBACKS:
        with contextlib.suppress(OSError):
            far = await asyncio.open_connection(host, port)
            break
    try:
        if far is not None:
            await asyncio.gather(_copy(reader, far[1]), _copy(far[0], writer))
    finally:
        writer.close()
        if far is not None:
            far[1].close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


class Gates:
    """Those of one proxy. Other threads may add and remove, before it serves and while it does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: list[Gate] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open: Callable[[Gate], Awaitable[None]] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, gate: Gate) -> None:
        """Serve this one too."""
        with self._lock:
            self._all.append(gate)
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._begin, gate)

    def remove(self, gate: Gate) -> None:
        """Close it. To be called in the loop."""
        with self._lock:
            if gate in self._all:
                self._all.remove(gate)
        gate.close()

    def remove_soon(self, gate: Gate) -> None:
        """The same from another thread, also when the proxy is about to end."""
        with self._lock:
            loop = self._loop
        if loop is None:
            self.remove(gate)
            return
        with contextlib.suppress(RuntimeError):  # it is over: all are closed
            loop.call_soon_threadsafe(self.remove, gate)

    async def serve(self, serve: Serve, *, address: tuple[str, int]) -> None:
        """Serve those that are there, and those to come. To be called in the loop."""

        async def opened(gate: Gate) -> None:
            await gate.open(serve, address=address)

        with self._lock:
            self._loop, self._open = asyncio.get_running_loop(), opened
            waiting = list(self._all)
        for gate in waiting:
            await opened(gate)

    def close(self) -> None:
        """All of them: in the loop, or when there is none any more."""
        with self._lock:
            gates, self._all, self._loop = self._all, [], None
        for gate in gates:
            gate.close()

    def _begin(self, gate: Gate) -> None:
        assert self._open is not None
        task = asyncio.ensure_future(self._open(gate))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
