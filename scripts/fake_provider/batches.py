"""
Batches and the files they work on, of OpenAI and Google: uploaded, ordered, looked at, downloaded.

A batch answers its calls one after the other as soon as it is ordered, at half price; with
`token_seconds` that takes a while, and it can be cancelled on its way.
"""

import asyncio
import json
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from fake_provider import embeddings, gemini, openai_chat, tariff
from fake_provider.bill import Record
from fake_provider.engine import Document, send_json
from fake_provider.exchange import Exchange
from fake_provider.generate import Order, plan, tokens
from fake_provider.scenario import Scenario

OPENAI_PATH = re.compile(r"/v1/batches(?:/(batch_\d+)(/cancel)?)?")
FILE_PATH = re.compile(r"/v1/files(?:/(file-\d+)(/content)?)?")
GOOGLE_BATCH = re.compile(r"/v1(?:beta)?/(batches/\d+)(:cancel)?")
GOOGLE_UPLOAD = re.compile(r"/upload/v1(?:beta)?/files")
GOOGLE_DOWNLOAD = re.compile(r"/(?:download/)?v1(?:beta)?/(files/[\w-]+):download")

Book = Callable[[Order, Exchange, Scenario], Record]
# One call of a batch: the line of its answer, once it is made.
Answer = Callable[[Document], Awaitable[Document]]


@dataclass(slots=True)
class Batch:
    """One order: the calls in it, and their answers so far."""

    name: str
    calls: list[Document]
    output: str = ""  # the file of its answers; empty where they stand in the batch
    answers: list[Document] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    status: str = "in_progress"
    work: asyncio.Task[None] | None = None

    async def run(self, answer: Answer) -> None:
        """Answer the calls in turn, until it is cancelled."""
        try:
            for call in self.calls:
                self.answers.append(await answer(call))
            self.status = "completed"
        except asyncio.CancelledError:
            self.status = "cancelled"


class Batches:
    """Everything that is asked of files and batches; False for what is something else."""

    def __init__(self, book: Book, scenario_of: Callable[[Exchange], Scenario], seed: int) -> None:
        self._book = book
        self._scenario_of = scenario_of
        self._seed = seed
        self._files: dict[str, bytes] = {}
        self._uploads: dict[str, bytes] = {}
        self._batches: dict[str, Batch] = {}
        self._count = 0

    async def handle(self, exchange: Exchange, path: str) -> bool:
        """Answer a request that is about these."""
        method = exchange.request.method
        if match := FILE_PATH.fullmatch(path):
            await self._file(exchange, match[1], content=bool(match[2]))
        elif match := OPENAI_PATH.fullmatch(path):
            await self._openai(exchange, match[1], cancel=bool(match[2]))
        elif GOOGLE_UPLOAD.fullmatch(path) and method == "POST":
            await self._google_upload(exchange)
        elif match := GOOGLE_DOWNLOAD.fullmatch(path):
            await _send_lines(exchange, self._files[match[1]])
        elif match := GOOGLE_BATCH.fullmatch(path):
            await self._look(exchange, match[1], _operation, cancel=bool(match[2]))
        else:
            return False
        return True

    async def order_of_google(self, exchange: Exchange, model: str, *, embeds: bool) -> None:
        """`:batchGenerateContent` and `:asyncBatchEmbedContent`."""
        document = json.loads(exchange.request.body)
        batch = document["batch"]
        source = batch.get("inputConfig") or batch["input_config"]
        name = source.get("fileName") or source.get("file_name")
        calls = _lines(self._files[name]) if name else source["requests"]["requests"]
        number = self._next()
        made = Batch(f"batches/{number}", calls, output=f"files/out-{number}" if name else "")
        answer = self._embedded if embeds else self._generated
        self._start(made, lambda call: answer(exchange, made, call, model))
        await self._look(exchange, made.name, _operation)

    # --- OpenAI -------------------------------------------------------------------------------

    async def _file(self, exchange: Exchange, name: str | None, *, content: bool) -> None:
        if name is None:
            name = f"file-{self._next()}"
            self._files[name] = _file_in(exchange.request.body)
        if content:
            await _send_lines(exchange, self._files[name])
            return
        told = {"id": name, "object": "file", "purpose": "batch", "bytes": len(self._files[name]),
                "filename": "calls.jsonl", "created_at": 1, "status": "processed"}  # fmt: skip
        await send_json(exchange, told, self._scenario_of(exchange))

    async def _openai(self, exchange: Exchange, name: str | None, *, cancel: bool) -> None:
        if name is None:
            order = json.loads(exchange.request.body)
            calls = _lines(self._files[order["input_file_id"]])
            made = Batch(f"batch_{self._next()}", calls, output=f"file-{self._next()}")
            self._start(made, lambda call: self._openai_call(exchange, made, call))
            name = made.name
        await self._look(exchange, name, _object, cancel=cancel)

    async def _openai_call(self, exchange: Exchange, batch: Batch, call: Document) -> Document:
        body = call["body"]
        model = tariff.known(body["model"])
        assert model is not None, body["model"]
        scenario = self._scenario_of(exchange)
        if call["url"] == "/v1/embeddings":
            order = Order("batch", model, model, embeddings.openai_tokens(body), 0)
            record = self._begin(batch, order, exchange, scenario)
            answered = embeddings.openai_answer(body, record, model)
        else:
            order = openai_chat.order_of(body, model)
            record = self._begin(batch, order, exchange, scenario)
            choices = plan(order, scenario, rng := self._rng(record))
            texts = [""] * len(choices)
            async for choice, text in tokens(choices, record, scenario, rng=rng, gone=_never):
                texts[choice.index] += text
            chat = openai_chat.Chat(order, record, body, usage=scenario.usage)
            answered = chat.whole(choices, texts)
        record.ended = "whole"
        response = {"status_code": 200, "request_id": "req_fake", "body": answered}
        return {"id": f"batch_req_{record.number}", "custom_id": call["custom_id"],
                "response": response, "error": None}  # fmt: skip

    # --- Google -------------------------------------------------------------------------------

    async def _google_upload(self, exchange: Exchange) -> None:
        request = exchange.request
        commands = request.headers.get("x-goog-upload-command", "")
        if commands == "start":
            upload = str(self._next())
            self._uploads[upload] = b""
            where = f"https://{request.headers['host']}{request.path}?upload_id={upload}"
            headers = {"x-goog-upload-url": where, "x-goog-upload-status": "active"}
            await _send(exchange, b"{}", headers)
            return
        upload = request.query["upload_id"]
        self._uploads[upload] += request.body
        if "finalize" not in commands:
            await _send(exchange, b"", {"x-goog-upload-status": "active"})
            return
        name = f"files/{upload}"
        self._files[name] = self._uploads.pop(upload)
        told = {"file": {"name": name, "uri": f"https://x/{name}", "mimeType": "jsonl"}}
        await _send(exchange, json.dumps(told).encode(), {"x-goog-upload-status": "final"})

    async def _embedded(
        self, exchange: Exchange, batch: Batch, call: Document, model: str
    ) -> Document:
        order = Order("batch", model, model, gemini.input_tokens(call["request"]), 0)
        record = self._begin(batch, order, exchange, self._scenario_of(exchange))
        record.ended = "whole"
        embedding = {"values": embeddings.VECTOR}
        return _keyed(call, {"embedding": embedding, "tokenCount": str(record.input)})

    async def _generated(
        self, exchange: Exchange, batch: Batch, call: Document, model: str
    ) -> Document:
        scenario = self._scenario_of(exchange)
        order = gemini.order_of(call["request"], model, stream=False)
        record = self._begin(batch, order, exchange, scenario)
        choices = plan(order, scenario, rng := self._rng(record))
        texts = [""] * len(choices)
        async for choice, text in tokens(choices, record, scenario, rng=rng, gone=_never):
            texts[choice.index] += text
        record.ended = "whole"
        dialect = gemini.Generate(order, record, usage=scenario.usage, sse=False)
        return _keyed(call, dialect.whole(choices, texts))

    # --- what both share ----------------------------------------------------------------------

    def _start(self, batch: Batch, answer: Answer) -> None:
        self._batches[batch.name] = batch
        batch.work = asyncio.create_task(batch.run(answer))

    async def _look(
        self,
        exchange: Exchange,
        name: str,
        told: Callable[[Batch, Scenario], Document],
        *,
        cancel: bool = False,
    ) -> None:
        batch = self._batches[name]
        if cancel and batch.work is not None and not batch.work.done():
            batch.work.cancel()
            await batch.work
            for record in batch.records:
                if not record.ended:  # what was not finished is free
                    record.fresh = record.cached = record.written = record.output = 0
                    record.ended = "cancelled"
        if batch.output and batch.status != "in_progress":
            self._files[batch.output] = b"".join(
                json.dumps(answer).encode() + b"\n" for answer in batch.answers
            )
        scenario = self._scenario_of(exchange)
        await send_json(exchange, told(batch, scenario), scenario)

    def _begin(self, batch: Batch, order: Order, exchange: Exchange, scenario: Scenario) -> Record:
        record = self._book(order, exchange, scenario)
        record.halved = True
        batch.records.append(record)
        return record

    def _rng(self, record: Record) -> random.Random:
        return random.Random(f"{self._seed}/{record.number}")

    def _next(self) -> int:
        self._count += 1
        return self._count


def _object(batch: Batch, scenario: Scenario) -> Document:
    """OpenAI's batch: with the sums of all answers, as far as they are made."""
    done = [record for record in batch.records if record.ended == "whole"]
    told: Document = {
        "id": batch.name, "object": "batch", "endpoint": "/v1/chat/completions",
        "input_file_id": "file-0", "completion_window": "24h", "created_at": 1,
        "status": batch.status,
        "output_file_id": batch.output if batch.status != "in_progress" and done else None,
        "request_counts": {"total": len(batch.calls), "completed": len(done), "failed": 0},
    }  # fmt: skip
    if scenario.usage and scenario.sums:
        read, written = sum(each.input for each in done), sum(each.output for each in done)
        told["usage"] = {
            "input_tokens": read, "output_tokens": written, "total_tokens": read + written,
            "input_tokens_details": {"cached_tokens": sum(each.cached for each in done)},
            "output_tokens_details": {"reasoning_tokens": 0},
        }  # fmt: skip
        told["model"] = tariff.SERVED.get(done[0].model, done[0].model) if done else None
    return told


def _operation(batch: Batch, scenario: Scenario) -> Document:  # noqa: ARG001 - as OpenAI's
    """Google's operation: with the answers in it, or the name of their file."""
    states = {"in_progress": "RUNNING", "completed": "SUCCEEDED", "cancelled": "CANCELLED"}
    metadata: Document = {
        "name": batch.name,
        "model": f"models/{batch.records[0].model}" if batch.records else "",
        "state": f"BATCH_STATE_{states[batch.status]}",
        "batchStats": {"requestCount": str(len(batch.calls)),
                       "successfulRequestCount": str(len(batch.answers))},
    }  # fmt: skip
    if batch.status != "in_progress" and batch.output:
        metadata["output"] = {"responsesFile": batch.output}
    elif batch.status != "in_progress":
        embeds = any("embedding" in each["response"] for each in batch.answers)
        kind = "inlinedEmbedContentResponses" if embeds else "inlinedResponses"
        metadata["output"] = {kind: {"inlinedResponses": batch.answers}}
    return {"name": batch.name, "metadata": metadata, "done": batch.status != "in_progress"}


def _keyed(call: Document, response: Document) -> Document:
    """An answer with what its call is known by."""
    known: Document = {name: call[name] for name in ("key", "metadata") if name in call}
    return {**known, "response": response}


def _lines(data: bytes) -> list[Document]:
    return [json.loads(line) for line in data.splitlines() if line.strip()]


def _file_in(form: bytes) -> bytes:
    """The file of a form: its last part with a file name."""
    boundary = form.split(b"\r\n", 1)[0]
    for part in form.split(boundary):
        head, _, content = part.partition(b"\r\n\r\n")
        if b"filename=" in head:
            return content.removesuffix(b"\r\n")
    return b""


def _never() -> bool:
    return False


async def _send_lines(exchange: Exchange, data: bytes) -> None:
    await _send(exchange, data, {"content-type": "application/octet-stream"})


async def _send(exchange: Exchange, data: bytes, headers: dict[str, str]) -> None:
    head = {"content-type": "application/json", "content-length": str(len(data)), **headers}
    await exchange.start(200, head)
    if data:
        await exchange.send(data)
    await exchange.end()
