"""
A raw client: HTTP/1.1 over TLS through the proxy, fast, and able to leave at any moment.

It verifies no certificate and reads no more of an answer than what became of the call.
"""

import asyncio
import contextlib
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from adversary.calls import Leave, Plan

CALL_SECONDS = 240  # ends what hangs, on the busiest machine
TAIL_BYTES = 16_384
POLL_SECONDS = 0.05


class Fate(StrEnum):
    """What became of a call, as its client saw it."""

    SERVED = "served"  # 200, to its own end
    CUT = "cut"  # 200, ended early by LLMCap, in order
    REFUSED = "refused"  # by a budget
    DECLINED = "declined"  # by LLMCap for another reason, which `detail` names
    FAILED = "failed"  # the provider's own error
    LEFT = "left"  # by this client, on purpose
    BROKEN = "broken"  # the connection or the body broke
    HUNG = "hung"  # no end in sight


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one call."""

    fate: Fate
    status: int = 0
    detail: str = ""


class Left(Exception):  # noqa: N818 - what this client does, no error
    """The client leaves."""


class Shared(Protocol):
    """Connections that carry many calls at once."""

    async def call(self, plan: Plan) -> Outcome:
        """Make one call. Raises `Left` and `OSError`."""
        ...


class Client:
    """
    One program: a kept connection to each provider, made anew when it is gone.

    `port` tells where the proxy listens now, as one that was killed comes back elsewhere. Calls
    over HTTP/2 go through `shared`, which other clients use too.
    """

    def __init__(self, port: Callable[[], int], shared: "Shared") -> None:
        self._port = port
        self._shared = shared
        self._connections: dict[str, Connection] = {}

    async def call(self, plan: Plan) -> Outcome:
        """Make one call, and say what became of it. Never raises."""
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await self._call(plan)
        except TimeoutError:
            self.close()
            return Outcome(Fate.HUNG)

    async def _call(self, plan: Plan) -> Outcome:
        try:
            if plan.http2:
                return await self._shared.call(plan)
            connection = self._connections.get(plan.host)
            if connection is None:
                connection = await Connection.open(self._port(), plan.host)
                self._connections[plan.host] = connection
            outcome, keep = await connection.call(plan)
            if plan.background and plan.fetches and outcome.fate is Fate.SERVED:
                await self._fetch(connection, plan, outcome)
            if not keep:
                self._drop(plan.host)
        except Left:  # of HTTP/2: that is one stream of many
            self._drop(plan.host, rudely=plan.leave is not None and plan.leave.rudely)
            return Outcome(Fate.LEFT)
        except (OSError, EOFError, ValueError) as error:
            self._drop(plan.host)
            return Outcome(Fate.BROKEN, detail=f"{type(error).__name__}: {error}"[:200])
        return outcome

    async def _fetch(self, connection: "Connection", plan: Plan, outcome: Outcome) -> None:
        """Ask for a background answer until it is there, and once more."""
        stored = replace(plan, stored=str(json.loads(outcome.detail)["id"]))
        while '"status": "completed"' not in outcome.detail:
            await asyncio.sleep(POLL_SECONDS)
            outcome, _ = await connection.call(stored)
        await connection.call(stored)

    def _drop(self, host: str, *, rudely: bool = False) -> None:
        connection = self._connections.pop(host, None)
        if connection is not None:
            connection.close(rudely=rudely)

    def close(self) -> None:
        """Close every connection."""
        for host in list(self._connections):
            self._drop(host)


class Connection:
    """A TLS connection to one provider, through the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int, host: str) -> "Connection":
        """Tunnel and shake hands."""
        return cls(*await open_tls(port, host))

    async def call(self, plan: Plan) -> tuple[Outcome, bool]:
        """The outcome, and whether the connection can be used again. Raises `Left`."""
        self._writer.write(plan.request())
        leave = plan.leave or Leave()
        if leave.once is not None and leave.after_pieces is None:
            await leave.once()
            raise Left
        if leave.after_seconds is None:
            return await self._answer(plan, leave)
        try:
            async with asyncio.timeout(leave.after_seconds):
                return await self._answer(plan, leave)
        except TimeoutError:
            raise Left from None

    async def _answer(self, plan: Plan, leave: Leave) -> tuple[Outcome, bool]:
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        answer = Answer(plan)
        async for piece in self._pieces(head):
            answer.add(piece)
            if leave.after_pieces is not None and answer.pieces >= leave.after_pieces:
                if leave.once is not None:
                    await leave.once()
                raise Left
        keep = b"\r\nconnection: close" not in head and _is_framed(head)
        return answer.outcome(int(head.split(b" ", 2)[1]), head), keep

    async def _pieces(self, head: bytes) -> AsyncIterator[bytes]:
        """The body as it comes. Raises where it ends before its end."""
        if b"\r\ntransfer-encoding: chunked" in head:
            while True:
                size = int((await self._reader.readuntil(b"\r\n"))[:-2], 16)
                data = await self._reader.readexactly(size + 2)
                if size == 0:
                    return
                yield data[:-2]
        elif (length := _length(head)) is not None:
            yield await self._reader.readexactly(length)
        else:
            while data := await self._reader.read(65_536):
                yield data

    def close(self, *, rudely: bool) -> None:
        """Close, in order or with a reset."""
        raw = self._writer.get_extra_info("socket")
        if rudely and raw is not None:
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


def _is_framed(head: bytes) -> bool:
    return b"\r\ntransfer-encoding: chunked" in head or _length(head) is not None


def _length(head: bytes) -> int | None:
    _, found, rest = head.partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r")[0]) if found else None


class Answer:
    """What one answer shows of how its call fared: its last bytes, and whether it ended well."""

    def __init__(self, plan: Plan) -> None:
        self.pieces = 0
        self._plan = plan
        self._tail = bytearray()
        self._ended = False

    def add(self, piece: bytes) -> None:
        """A piece of its body."""
        self.pieces += 1
        self._tail += piece
        self._ended = self._ended or any(words in self._tail for words in self._plan.last_words)
        del self._tail[:-TAIL_BYTES]

    def outcome(self, status: int, head: bytes) -> Outcome:
        """What became of the call; `head` has a line for each header, in lower case."""
        tail = bytes(self._tail).decode(errors="replace")
        if status == 200:
            if self._plan.background:
                return Outcome(Fate.SERVED, status, detail=tail)
            if self._plan.stream and "LLMCap" in tail:
                return Outcome(Fate.CUT, status)
            if self._plan.stream and not self._ended:
                return Outcome(Fate.BROKEN, status, detail=tail[-200:])
            return Outcome(Fate.SERVED, status)
        _, refused, rest = head.partition(b"\r\nx-llmcap-reason:")
        reason = rest.partition(b"\r")[0].strip().decode()
        if not refused:
            return Outcome(Fate.FAILED, status, detail=tail[:300])
        if reason == "cap_reached":
            return Outcome(Fate.REFUSED, status, detail=tail[:600])
        return Outcome(Fate.DECLINED, status, detail=f"{reason}: {tail[:300]}")


async def open_tls(
    port: int, host: str, *, protocol: str = ""
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A tunnel through the proxy, and TLS in it, without a look at the certificate."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"CONNECT {host}:443 HTTP/1.1\r\nhost: {host}:443\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise ConnectionError(f"no tunnel: {head[:60]!r}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if protocol:
        context.set_alpn_protocols([protocol])
    await writer.start_tls(context, server_hostname=host)
    return reader, writer
