"""HTTP/2 on the h2 library: one task per stream, flow control, resets in both directions."""

import asyncio
from collections.abc import Mapping

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from fake_provider.exchange import Request
from fake_provider.http1 import Handler, HangUp, Writer
from fake_provider.scenario import Stops

READ_BYTES = 65_536
WINDOW_BYTES = 1_000_000


class Http2Exchange:
    """One stream of an HTTP/2 connection."""

    def __init__(self, request: Request, stream_id: int, connection: "Http2Connection") -> None:
        self.request = request
        self.stops = Stops.LEFT
        self.was_reset = False
        self._id = stream_id
        self._connection = connection

    @property
    def gone(self) -> bool:
        """Whether the client is seen to have left, by a provider that looks."""
        return self.stops is Stops.LEFT and self.closed

    @property
    def closed(self) -> bool:
        """Whether the stream was reset, or the connection is closed."""
        return self.was_reset or self._connection.closed

    async def start(self, status: int, headers: Mapping[str, str], *, close: bool = False) -> None:
        """Send the head. A stream always has an end of its own, so `close` changes nothing."""
        del close
        if self._is_lost():
            return
        fields = [(":status", str(status)), *headers.items()]
        self._connection.h2.send_headers(self._id, fields)
        await self._connection.flush()

    async def send(self, data: bytes) -> None:
        """Send a part of the body, as fast as the windows allow."""
        while data and not self._is_lost():
            room = min(
                self._connection.h2.local_flow_control_window(self._id),
                self._connection.h2.max_outbound_frame_size,
            )
            if room <= 0:
                await self._connection.flush()
                await self._connection.wait_for_change()
                continue
            self._connection.h2.send_data(self._id, data[:room])
            data = data[room:]
            await self._connection.flush()

    async def end(self, trailers: Mapping[str, str] | None = None) -> None:
        """End the stream."""
        if self._is_lost():
            return
        if trailers:
            self._connection.h2.send_headers(self._id, trailers.items(), end_stream=True)
        else:
            self._connection.h2.end_stream(self._id)
        await self._connection.flush()

    async def reset(self) -> None:
        """Reset this stream; the others live on."""
        if self._is_lost():
            return
        self._connection.h2.reset_stream(self._id, h2.errors.ErrorCodes.INTERNAL_ERROR)
        self.was_reset = True
        await self._connection.flush()

    def _is_lost(self) -> bool:
        """Whether what is written comes to nobody. Raises `HangUp` where that ends the answer."""
        if self.closed and self.stops is not Stops.NEVER:
            raise HangUp
        return self.closed


class Http2Connection:
    """One connection: reads frames, starts a task per request, wakes those that wait for room."""

    def __init__(self, reader: asyncio.StreamReader, writer: Writer, handler: Handler) -> None:
        self.closed = False
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self.h2 = h2.connection.H2Connection(config)
        self._reader = reader
        self._writer = writer
        self._handler = handler
        self._changed = asyncio.Event()
        self._heads: dict[int, dict[str, str]] = {}
        self._bodies: dict[int, bytearray] = {}
        self._exchanges: dict[int, Http2Exchange] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until the client closes the connection, or breaks the protocol."""
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(WINDOW_BYTES)
        await self.flush()
        try:
            while data := await self._reader.read(READ_BYTES):
                for event in self.h2.receive_data(data):
                    self._take(event)
                await self.flush()
        except (OSError, h2.exceptions.ProtocolError, HangUp):
            pass
        finally:
            self.closed = True
            self._wake()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def flush(self) -> None:
        """Write what h2 has to say."""
        data = self.h2.data_to_send()
        if not data:
            return
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise HangUp from error

    async def wait_for_change(self) -> None:
        """Wait until frames have come in: a window may have opened, a stream may have ended."""
        if not self.closed:
            await self._changed.wait()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _take(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived():
                self._heads[event.stream_id] = {
                    _text(name): _text(value) for name, value in event.headers
                }
                self._bodies[event.stream_id] = bytearray()
            case h2.events.DataReceived():
                self._bodies[event.stream_id] += event.data
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded():
                self._start(event.stream_id)
            case h2.events.StreamReset():
                exchange = self._exchanges.get(event.stream_id)
                if exchange is not None:
                    exchange.was_reset = True
            case h2.events.ConnectionTerminated():
                self.closed = True
        self._wake()

    def _start(self, stream_id: int) -> None:
        head = self._heads.pop(stream_id)
        request = Request(
            method=head[":method"],
            target=head[":path"],
            headers={name: value for name, value in head.items() if not name.startswith(":")},
            body=bytes(self._bodies.pop(stream_id)),
            protocol="2",
        )
        exchange = Http2Exchange(request, stream_id, self)
        self._exchanges[stream_id] = exchange
        task = asyncio.create_task(self._answer(exchange, stream_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, exchange: Http2Exchange, stream_id: int) -> None:
        try:
            await self._handler(exchange)
        except (HangUp, h2.exceptions.ProtocolError):
            exchange.was_reset = True
        finally:
            self._exchanges.pop(stream_id, None)


async def serve_http2(reader: asyncio.StreamReader, writer: Writer, handler: Handler) -> None:
    """Serve one HTTP/2 connection."""
    await Http2Connection(reader, writer, handler).run()


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")
