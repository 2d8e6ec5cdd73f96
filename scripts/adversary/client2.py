"""
The same raw client over HTTP/2: several calls at once on one connection, each of which may leave.

Leaving resets its own stream; its siblings must not notice. Several clients share a `Pool`.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from adversary.calls import Leave, Plan
from adversary.client import Answer, Left, Outcome, open_tls

READ_BYTES = 65_536


@dataclass
class Stream:
    """One call's frames, as they come: pieces of the body, then None for its end, or an error."""

    status: int = 0
    head: bytes = b""
    frames: asyncio.Queue[bytes | OSError | None] = field(default_factory=asyncio.Queue)


class Pool:
    """A connection to each provider, made anew when it is gone; for as many calls as there are."""

    def __init__(self, port: Callable[[], int]) -> None:
        self._port = port
        self._lock = asyncio.Lock()
        self._connections: dict[str, Http2Connection] = {}

    async def call(self, plan: Plan) -> Outcome:
        """Make one call. Raises `Left`, and `OSError` where the connection or the stream broke."""
        async with self._lock:
            connection = self._connections.get(plan.host)
            if connection is None or connection.closed:
                connection = await Http2Connection.open(self._port(), plan.host)
                self._connections[plan.host] = connection
        return await connection.call(plan)

    def close(self) -> None:
        """Close every connection."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()


class Http2Connection:
    """A TLS connection to one provider, through the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.closed = False
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
        self._h2 = h2.connection.H2Connection(config)
        self._h2.initiate_connection()
        self._reader = reader
        self._writer = writer
        self._streams: dict[int, Stream] = {}
        self._flush()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, port: int, host: str) -> "Http2Connection":
        """Tunnel and shake hands."""
        return cls(*await open_tls(port, host, protocol="h2"))

    async def call(self, plan: Plan) -> Outcome:
        """The outcome of one call."""
        stream_id = self._h2.get_next_available_stream_id()
        stream = self._streams[stream_id] = Stream()
        headers, body = plan.headers(), plan.body()
        fields = [(":method", "POST"), (":authority", plan.host), (":scheme", "https")]
        self._h2.send_headers(stream_id, [*fields, (":path", plan.path()), *headers.items()])
        self._h2.send_data(stream_id, body, end_stream=True)
        self._flush()
        leave = plan.leave or Leave()
        try:
            async with asyncio.timeout(leave.after_seconds):
                return await self._answer(plan, stream, leave)
        except (TimeoutError, Left):
            with contextlib.suppress(h2.exceptions.ProtocolError, OSError):
                self._h2.reset_stream(stream_id, h2.errors.ErrorCodes.CANCEL)
                self._flush()
            raise Left from None
        finally:
            del self._streams[stream_id]

    async def _answer(self, plan: Plan, stream: Stream, leave: Leave) -> Outcome:
        answer = Answer(plan)
        if leave.once is not None and leave.after_pieces is None:
            await leave.once()
            raise Left
        while True:
            frame = await stream.frames.get()
            if isinstance(frame, OSError):
                raise frame
            if frame is None:
                return answer.outcome(stream.status, stream.head)
            answer.add(frame)
            if leave.after_pieces is not None and answer.pieces >= leave.after_pieces:
                if leave.once is not None:
                    await leave.once()
                raise Left

    async def _read(self) -> None:
        try:
            while data := await self._reader.read(READ_BYTES):
                for event in self._h2.receive_data(data):
                    self._take(event)
                self._flush()
        except (OSError, h2.exceptions.ProtocolError):
            pass
        finally:
            self.close()

    def _take(self, event: h2.events.Event) -> None:
        stream = self._streams.get(getattr(event, "stream_id", None) or 0)
        match event:
            case h2.events.ResponseReceived() if stream:
                fields = [(str(name), str(value)) for name, value in event.headers]
                stream.status = int(dict(fields)[":status"])
                stream.head = "".join(f"\r\n{name}: {value}" for name, value in fields).encode()
            case h2.events.DataReceived():
                size = event.flow_controlled_length
                self._h2.acknowledge_received_data(size, event.stream_id)
                if stream:
                    stream.frames.put_nowait(event.data)
            case h2.events.StreamEnded() if stream:
                stream.frames.put_nowait(None)
            case h2.events.StreamReset() if stream:
                stream.frames.put_nowait(ConnectionResetError("the stream was reset"))
            case h2.events.ConnectionTerminated():
                self.closed = True

    def _flush(self) -> None:
        if data := self._h2.data_to_send():
            self._writer.write(data)

    def close(self) -> None:
        """Close, and break what still runs."""
        self.closed = True
        self._reading.cancel()
        self._writer.transport.abort()
        for stream in self._streams.values():
            stream.frames.put_nowait(ConnectionError("the connection is closed"))
