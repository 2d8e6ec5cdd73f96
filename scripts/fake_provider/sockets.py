"""
A provider of WebSockets: TLS, deflate and a bill. Responses with lanes, as Codex uses them, and the
talks of Realtime and of Gemini's Live API.

    with SocketProvider(folder) as provider:
        ...
        assert provider.bill.written == 12

It answers each `response.create` with `words` deltas, `word_seconds` apart, and bills what it has
written when it notices that the client is gone. It runs in a thread of its own.
"""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.extensions import PerMessageDeflate

from fake_provider.process import ProviderHandle
from fake_provider.talks import Talk, talk_of
from fake_provider.tls import server_context, write_certificates

MODEL = "gpt-4o-mini"
READ_NANOS = 150  # for one token of it
WRITTEN_NANOS = 600
START_SECONDS = 300


@dataclass(slots=True)
class SocketBill:
    """What it did, and what that costs."""

    upgrades: int = 0
    creates: int = 0
    completed: int = 0
    read: int = 0
    written: int = 0
    frames: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)  # by which each was opened, wherever it stood
    talks: list[Talk] = field(default_factory=list)  # sessions with books of their own

    @property
    def nanos(self) -> int:
        """The bill."""
        talked = sum(talk.nanos for talk in self.talks)
        return self.read * READ_NANOS + self.written * WRITTEN_NANOS + talked


class SocketProvider:
    """See above; `port` and `ca` are there once the block begins."""

    def __init__(self, folder: Path, *, words: int = 20, word_seconds: float = 0.0) -> None:
        self.words = words
        self.word_seconds = word_seconds
        self.bill = SocketBill()
        self._ca, self._certificate = write_certificates(folder)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.port = 0

    @property
    def handle(self) -> ProviderHandle:
        """What a proxy has to know of it."""
        return ProviderHandle(self.port, 0, self._ca)

    @property
    def ca(self) -> Path:
        """Who signed its certificate."""
        return self._ca

    def reset(self) -> None:
        """Begin a new bill."""
        self.bill = SocketBill()

    def nanos(self) -> int:
        """The bill."""
        return self.bill.nanos

    def streamed(self) -> frozenset[bool]:
        """Of a talk nobody can tell."""
        return frozenset()

    def __enter__(self) -> Self:
        """Listen."""
        self._thread.start()
        if not self._ready.wait(START_SECONDS):
            raise TimeoutError("the WebSocket provider does not listen")
        return self

    def __exit__(self, *_: object) -> None:
        """End all connections."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_SECONDS)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        context = server_context(self._certificate, http2=False)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self, reader, writer)
        with contextlib.suppress(ConnectionError):
            await connection.run()
        writer.close()


class Connection:
    """One client's WebSocket."""

    def __init__(
        self, provider: SocketProvider, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._provider = provider
        self._reader = reader
        self._writer = writer
        self._ws = WSConnection(ConnectionType.SERVER)
        self._context: dict[str, int] = {}  # tokens by response id
        self._answers: set[asyncio.Task[None]] = set()
        self._talk: Talk | None = None

    async def run(self) -> None:
        """Until either side closes it."""
        text = ""
        async for event in self._events():
            if isinstance(event, Request):
                await self._open(event)
            elif isinstance(event, TextMessage):
                text += event.data
                if event.message_finished:
                    await self._take(json.loads(text))
                    text = ""
            elif isinstance(event, BytesMessage):
                await self._take(json.loads(event.data))
            elif isinstance(event, Ping):
                await self._send(event.response())
            elif isinstance(event, CloseConnection):
                if self._ws.state is ConnectionState.REMOTE_CLOSING:
                    await self._send(event.response())
                break
        for answer in self._answers:
            answer.cancel()

    async def _events(self) -> AsyncIterator[Event]:
        while data := await self._reader.read(65_536):
            self._ws.receive_data(data)
            for event in self._ws.events():
                yield event

    async def _open(self, request: Request) -> None:
        self._talk = talk_of(request.target)
        if self._talk is None and not request.target.startswith("/v1/responses"):
            await self._send(RejectConnection(status_code=404))
            return
        self._provider.bill.upgrades += 1
        told = [value.decode() for name, value in request.extra_headers if name == b"authorization"]
        self._provider.bill.keys.append(" ".join([*told, *request.subprotocols]))
        await self._send(AcceptConnection(extensions=[PerMessageDeflate()]))
        if self._talk is not None:
            self._provider.bill.talks.append(self._talk)
            for said in self._talk.greeting():
                await self._say(said)

    async def _take(self, frame: dict[str, Any]) -> None:
        bill = self._provider.bill
        bill.frames.append(frame)
        if self._talk is not None:
            for said in self._talk.answers(frame, self._provider.words):
                await self._say(said)
        elif frame.get("type") == "response.create":
            bill.creates += 1
            answer = asyncio.create_task(self._answer(frame, f"resp_{bill.creates}"))
            self._answers.add(answer)
            answer.add_done_callback(self._answers.discard)

    async def _answer(self, frame: dict[str, Any], response_id: str) -> None:
        provider, bill = self._provider, self._provider.bill
        read = len(json.dumps(frame)) // 4 + self._context.get(
            str(frame.get("previous_response_id")), 0
        )
        bill.read += read
        limit = frame.get("max_output_tokens") or provider.words
        words = 0 if frame.get("generate") is False else min(provider.words, limit)
        lane = {"stream_id": frame["stream_id"]} if "stream_id" in frame else {}
        response: dict[str, Any] = {"id": response_id, "model": MODEL, "status": "in_progress"}
        await self._say({"type": "response.created", "response": response, **lane})
        for _ in range(words):
            bill.written += 1
            await self._say({"type": "response.output_text.delta", "delta": "word ", **lane})
            if provider.word_seconds:
                await asyncio.sleep(provider.word_seconds)
        usage = {"input_tokens": read, "output_tokens": words, "total_tokens": read + words}
        self._context[response_id] = read + words
        bill.completed += 1
        response = {**response, "status": "completed", "usage": usage}
        await self._say({"type": "response.completed", "response": response, **lane})

    async def _say(self, frame: dict[str, Any]) -> None:
        await self._send(TextMessage(json.dumps(frame)))

    async def _send(self, event: Event) -> None:
        self._writer.write(self._ws.send(event))
        await self._writer.drain()
