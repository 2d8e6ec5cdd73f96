"""Routes: which API a request speaks, what it orders, and the control endpoint."""

import asyncio
import json
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from fake_provider import (
    anthropic,
    embeddings,
    gemini,
    grok,
    openai_chat,
    openai_responses,
    sigv4,
    tariff,
    transcripts,
    vendors,
)
from fake_provider.batches import Batches
from fake_provider.bill import Bill, Record
from fake_provider.engine import Dialect, Document, answer, send_json
from fake_provider.exchange import Exchange, Request
from fake_provider.generate import Order, plan, tokens
from fake_provider.http1 import HangUp, Server
from fake_provider.http2 import Http2Exchange, serve_http2
from fake_provider.openai_responses import Response
from fake_provider.scenario import HEADER, Scenario, parse
from fake_provider.tls import server_context, write_certificates

CONTROL = "/__control__/"

# Where OpenAI, Mistral and Together, Groq and Azure, Groq through Hugging Face, OpenRouter, and
# DeepSeek chat.
CHATS = (
    "/v1/chat/completions",
    "/openai/v1/chat/completions",
    "/groq/openai/v1/chat/completions",
    "/api/v1/chat/completions",
    "/chat/completions",
    "/beta/chat/completions",
)

GEMINI_PATH = re.compile(r"/v1(?:alpha|beta)?/models/([^/:]+):(\w+)")
MODELS_PATH = re.compile(r"/v1(?:beta)?/models(?:/([^/:]+))?")
RESPONSE_PATH = re.compile(r"/v1/responses/(resp_\d+)(/cancel)?")

ErrorBody = Callable[[int], Document]


class Refused(Exception):  # noqa: N818 - an answer, no error of ours
    """The request is answered with an error, which costs nothing."""

    def __init__(self, status: int, body: Document) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


# Answered with an error that repeats the request's credentials.
WRONG_KEY = "/v1/models/wrong-key"

HEADS_MAX = 100


def head_of(request: Request) -> str:
    """Its target and its headers, in lines."""
    return "\n".join([request.target, *(f"{k}: {v}" for k, v in request.headers.items())])


class FakeProvider:
    """
    The provider: `await start(folder)`, use `port` (TLS) or `plain_port`, `await stop()`.

    `scenario` and `bill` may be read and set at any time from the same event loop; from another
    process the control endpoint does the same.
    """

    def __init__(self, *, seed: int = 0, http2: bool = True) -> None:
        self.scenario = Scenario()
        self.bill = Bill()
        self.port = 0
        self.plain_port = 0
        self.ca = Path()
        self._seed = seed
        self._http2 = http2
        self._number = 0
        self._server = Server(self.handle, serve_http2)
        self._contexts: dict[str, int] = {}  # response id -> tokens that continuing it brings
        self._profiles = vendors.Profiles()
        self._batches = Batches(self._record, self._scenario_of, seed)
        self._background: dict[str, tuple[Response, Record, asyncio.Task[None]]] = {}

    async def start(self, folder: Path, *, port: int = 0) -> None:
        """Make certificates in the folder and listen, with TLS and without."""
        self.ca, certificate = write_certificates(folder)
        context = server_context(certificate, http2=self._http2)
        self.port = await self._server.listen(port, context)
        self.plain_port = await self._server.listen(0)

    async def stop(self) -> None:
        """Close everything."""
        for _, _, task in self._background.values():
            task.cancel()
        await self._server.close()

    # --- requests -----------------------------------------------------------------------------

    async def handle(self, exchange: Exchange) -> None:
        """Answer one request."""
        path = exchange.request.path
        if path.startswith(CONTROL):
            await self._control(exchange, path.removeprefix(CONTROL))
            return
        self.bill.requests[path] = self.bill.requests.get(path, 0) + 1
        if len(self.bill.heads) < HEADS_MAX:
            self.bill.heads.append(head_of(exchange.request))
        if path == WRONG_KEY:
            await self._wrong_key(exchange)
            return
        try:
            await self._route(exchange, path)
        except Refused as refused:
            await send_json(exchange, refused.body, Scenario(), refused.status)

    async def _route(self, exchange: Exchange, path: str) -> None:
        method = exchange.request.method
        if method == "POST" and (endpoint := self._endpoints().get(path)):
            await endpoint(exchange)
        elif await self._batches.handle(exchange, path):
            pass
        elif method == "POST" and (match := GEMINI_PATH.fullmatch(path)):
            await self._gemini(exchange, match[1], match[2])
        elif method == "POST" and (match := vendors.BEDROCK_PATH.fullmatch(path)):
            await self._bedrock(exchange, self._profiles.model(unquote(match[1])), match[2])
        elif method == "POST" and path == vendors.PROFILES_PATH:
            await self._free(exchange, self._profiles.made(json.loads(exchange.request.body)))
        elif path in grok.GRPC_PATHS and isinstance(exchange, Http2Exchange):
            await self._grok(exchange, stream=grok.GRPC_PATHS[path])
        elif match := RESPONSE_PATH.fullmatch(path):
            await self._stored_response(exchange, match[1], cancel=bool(match[2]))
        elif method == "GET" and (match := MODELS_PATH.fullmatch(path)):
            await self._models(exchange, match[1])
        elif path.startswith(("/api/", "/mcp-registry/")):
            await self._free(exchange, {})
        else:
            raise Refused(404, openai_chat.error_body(404))

    async def _models(self, exchange: Exchange, name: str | None) -> None:
        """All of them, as OpenAI and Anthropic list them, or one, as Google tells of it too."""
        if name is not None:
            told = {"id": name, "name": f"models/{name}", "object": "model", "type": "model"}
            await self._free(exchange, told)
            return
        models = [{"id": name, "object": "model", "type": "model"} for name in tariff.TARIFF]
        await self._free(exchange, {"object": "list", "data": models, "has_more": False})

    async def _wrong_key(self, exchange: Exchange) -> None:
        """Repeat what was said, in the head and in the body, as some vendors do of a wrong key."""
        said = head_of(exchange.request)
        body = json.dumps({"error": {"message": f"Incorrect API key provided: {said}"}}).encode()
        told = {"content-type": "application/json", "x-said": said.replace("\n", " ")}
        await exchange.start(401, {**told, "content-length": str(len(body))})
        await exchange.send(body)
        await exchange.end()

    def _endpoints(self) -> dict[str, Callable[[Exchange], Awaitable[None]]]:
        return {
            **dict.fromkeys(CHATS, self._chat),
            "/v2/chat": self._cohere,
            "/v1/responses": self._responses,
            "/v1/embeddings": self._embeddings,
            "/v1/audio/speech": self._speech,
            **dict.fromkeys(transcripts.PATHS, self._transcript),
            "/v1/moderations": self._moderations,
            "/v1/messages": self._messages,
            "/v1/messages/count_tokens": self._count_tokens,
        }

    async def _chat(self, exchange: Exchange) -> None:
        scenario, document, model = self._open(exchange, openai_chat.error_body)
        order = openai_chat.order_of(document, model)
        record = self._record(order, exchange, scenario)
        host = exchange.request.headers.get("host", "")
        dialect = openai_chat.Chat(order, record, document, usage=scenario.usage, host=host)
        await self._answer(exchange, order, dialect, record, scenario)

    async def _messages(self, exchange: Exchange) -> None:
        scenario, document, model = self._open(exchange, anthropic.error_body)
        order = anthropic.order_of(document, model)
        record = self._record(order, exchange, scenario)
        dialect = anthropic.Messages(
            order,
            record,
            usage=scenario.usage,
            tools=document.get("tools"),
            searches=scenario.searches,
            search_every=scenario.search_every,
        )
        await self._answer(exchange, order, dialect, record, scenario)

    async def _responses(self, exchange: Exchange) -> None:
        scenario, document, model = self._open(exchange, openai_chat.error_body)
        context = self._contexts.get(document.get("previous_response_id") or "", 0)
        order = openai_responses.order_of(document, model, context=context)
        record = self._record(order, exchange, scenario)
        response = Response(
            order,
            record,
            document,
            usage=scenario.usage,
            searches=scenario.searches,
            search_every=scenario.search_every,
        )
        if not document.get("background"):
            await self._answer(exchange, order, response, record, scenario)
            self._contexts[response.id] = record.input + record.output
            return
        work = asyncio.create_task(self._in_background(order, response, record, scenario))
        self._background[response.id] = response, record, work
        await send_json(exchange, response.state("queued"), scenario)

    async def _gemini(self, exchange: Exchange, name: str, operation: str) -> None:
        scenario, document, model = self._open(exchange, gemini.error_body, model=name)
        if operation == "countTokens":
            count = gemini.input_tokens(document.get("generateContentRequest") or document)
            await self._free(exchange, {"totalTokens": count})
        elif operation in {"embedContent", "batchEmbedContents"}:
            requests = document.get("requests", [document])
            count = sum(gemini.input_tokens(request) for request in requests)
            record = self._record(Order("embed", model, model, count, 0), exchange, scenario)
            batch = operation == "batchEmbedContents"
            await send_json(
                exchange, embeddings.gemini_answer(document, record, batch=batch), scenario
            )
            record.ended = "whole"
        elif operation in {"batchGenerateContent", "asyncBatchEmbedContent"}:
            embeds = operation == "asyncBatchEmbedContent"
            await self._batches.order_of_google(exchange, model, embeds=embeds)
        elif operation in {"generateContent", "streamGenerateContent"}:
            stream = operation == "streamGenerateContent"
            order = gemini.order_of(document, model, stream=stream)
            record = self._record(order, exchange, scenario)
            sse = exchange.request.query.get("alt") == "sse"
            dialect = gemini.Generate(order, record, usage=scenario.usage, sse=sse)
            await self._answer(exchange, order, dialect, record, scenario)
        else:
            raise Refused(404, gemini.error_body(404))

    async def _cohere(self, exchange: Exchange) -> None:
        scenario, document, model = self._open(exchange, openai_chat.error_body)
        order = vendors.cohere_order(document, model, most=tariff.OUTPUT_MAX[model])
        record = self._record(order, exchange, scenario)
        await self._answer(exchange, order, vendors.CohereChat(record), record, scenario)

    async def _bedrock(self, exchange: Exchange, name: str, operation: str) -> None:
        scenario, document, model = self._open(exchange, openai_chat.error_body, model=name)
        if scenario.secrets and (wrong := sigv4.objection(exchange.request, scenario.secrets)):
            raise Refused(403, {"message": wrong})
        most = tariff.OUTPUT_MAX[model]
        order = vendors.bedrock_order(document, model, operation, most=most)
        if b"s3Location" in exchange.request.body:
            order = replace(order, input_tokens=order.input_tokens + scenario.fetched_tokens)
        record = self._record(order, exchange, scenario)
        packed = operation == "invoke-with-response-stream"
        dialect = vendors.BedrockChunks(record) if packed else vendors.Bedrock(record)
        await self._answer(exchange, order, dialect, record, scenario)

    async def _grok(self, exchange: Http2Exchange, *, stream: bool) -> None:
        """A message behind its length, or one for each token, and the status in the trailers."""
        scenario, body = self.scenario, exchange.request.body
        model = grok.model_of(body)
        order = grok.order_of(body, model, stream=stream, most=tariff.OUTPUT_MAX[model])
        record = self._record(order, exchange, scenario)
        rng = random.Random(f"{self._seed}/{record.number}")
        try:
            await self._answer_grok(exchange, order, record, stream=stream, rng=rng)
            record.ended = "whole"
        except HangUp:
            record.ended = "hung up"
            raise

    async def _answer_grok(
        self,
        exchange: Http2Exchange,
        order: Order,
        record: Record,
        *,
        stream: bool,
        rng: random.Random,
    ) -> None:
        choices = plan(order, self.scenario, rng)
        await exchange.start(200, grok.HEAD)
        text = ""
        async for choice, word in tokens(
            choices, record, self.scenario, rng=rng, gone=lambda: exchange.gone
        ):
            text += word
            if stream:
                await exchange.send(grok.piece(record, choice, word))
        if not stream:
            await exchange.send(grok.whole(record, choices[0], text))
        await exchange.end(grok.TRAILERS)

    async def _embeddings(self, exchange: Exchange) -> None:
        scenario, document, model = self._open(exchange, openai_chat.error_body)
        order = Order("embeddings", model, model, embeddings.openai_tokens(document), 0)
        record = self._record(order, exchange, scenario)
        await send_json(exchange, embeddings.openai_answer(document, record, model), scenario)
        record.ended = "whole"

    async def _speech(self, exchange: Exchange) -> None:
        """Sound, one byte for each character; it says nothing of what it costs."""
        scenario, document, model = self._open(exchange, openai_chat.error_body)
        record = self._record(Order("speech", model, model, 0, 0), exchange, scenario)
        record.spoken = len(document.get("input", ""))
        headers = {"content-type": "audio/mpeg", "content-length": str(record.spoken)}
        await exchange.start(200, headers)
        await exchange.send(b"\xff" * record.spoken)
        await exchange.end()
        record.ended = "whole"

    async def _transcript(self, exchange: Exchange) -> None:
        """What was said in a recording that is sent, or that is fetched."""
        scenario = self._scenario_of(exchange)
        recording = transcripts.read(exchange.request, scenario.fetched_seconds)
        if recording is None:
            raise Refused(404, openai_chat.error_body(404))
        order = Order("transcript", recording.model, recording.model, 0, 0)
        record = self._record(order, exchange, scenario)
        await transcripts.send(exchange, recording, record, scenario)

    async def _moderations(self, exchange: Exchange) -> None:
        scores = {"flagged": False, "categories": {}, "category_scores": {}}
        result = {"id": "modr-1", "model": "omni-moderation-latest", "results": [scores]}
        await self._free(exchange, result)

    async def _count_tokens(self, exchange: Exchange) -> None:
        _, document, _ = self._open(exchange, anthropic.error_body)
        await self._free(exchange, {"input_tokens": anthropic.input_tokens(document)})

    # --- what they share ----------------------------------------------------------------------

    def _scenario_of(self, exchange: Exchange) -> Scenario:
        text = exchange.request.headers.get(HEADER)
        if not text:
            return self.scenario
        try:
            return parse(text, self.scenario)
        except ValueError as error:
            raise Refused(400, {"error": f"{HEADER}: {error}"}) from error

    def _open(
        self, exchange: Exchange, error_body: ErrorBody, *, model: str = ""
    ) -> tuple[Scenario, Document, str]:
        """Scenario, body and the tariff's model of a request; or the error that it is owed."""
        scenario = self._scenario_of(exchange)
        if scenario.status != 200:
            raise Refused(scenario.status, error_body(scenario.status))
        try:
            document = json.loads(exchange.request.body)
        except ValueError:
            raise Refused(400, error_body(400)) from None
        known = tariff.known(model or document.get("model", ""))
        if known is None:
            raise Refused(404, error_body(404))
        return scenario, document, known

    def _record(self, order: Order, exchange: Exchange, scenario: Scenario) -> Record:
        """Begin to bill: from here on the input is owed."""
        self._number += 1
        cached = min(scenario.cached, order.input_tokens - 1)
        written = min(scenario.cache_write, order.input_tokens - 1 - cached)
        record = Record(
            number=self._number,
            endpoint=order.endpoint,
            model=order.model,
            fresh=order.input_tokens - cached - written,
            cached=cached,
            written=written,
            stream=order.stream,
            protocol=exchange.request.protocol,
        )
        self.bill.records.append(record)
        return record

    async def _answer(
        self,
        exchange: Exchange,
        order: Order,
        dialect: Dialect,
        record: Record,
        scenario: Scenario,
    ) -> None:
        rng = random.Random(f"{self._seed}/{record.number}")
        await answer(exchange, order, dialect, record, scenario=scenario, rng=rng)

    async def _free(self, exchange: Exchange, document: Document) -> None:
        await send_json(exchange, document, self._scenario_of(exchange))

    # --- background responses -----------------------------------------------------------------

    async def _in_background(
        self, order: Order, response: Response, record: Record, scenario: Scenario
    ) -> None:
        rng = random.Random(f"{self._seed}/{record.number}")
        choices = plan(order, scenario, rng)
        try:
            async for _, text in tokens(choices, record, scenario, rng=rng, gone=lambda: False):
                response.grow(text)
            record.ended = "whole"
            self._contexts[response.id] = record.input + record.output
        except asyncio.CancelledError:
            record.ended = "cancelled"

    async def _stored_response(self, exchange: Exchange, name: str, *, cancel: bool) -> None:
        if name not in self._background:
            raise Refused(404, openai_chat.error_body(404))
        response, record, work = self._background[name]
        if cancel and not work.done():
            work.cancel()
            await work
        status = {"whole": "completed", "cancelled": "cancelled"}.get(record.ended, "in_progress")
        await self._free(exchange, response.state(status))

    # --- control ------------------------------------------------------------------------------

    async def _control(self, exchange: Exchange, verb: str) -> None:
        """
        `bill` (GET) reads the books; `scenario` (POST) sets the default, unnamed fields as they
        come with the program; `open` (POST) opens the gate of the one in force; `reset` (POST)
        closes the books and begins new ones.
        """
        status, result = 200, dict[str, Any]()
        if verb == "bill":
            result = self.bill.document()
        elif verb == "reset":
            self.bill = Bill()
        elif verb == "open":
            self.scenario.gate.set()
        elif verb == "scenario":
            try:
                before, self.scenario = self.scenario, parse(exchange.request.body, Scenario())
                before.gate.set()
            except ValueError as error:
                status, result = 400, {"error": str(error)}
        else:
            status, result = 404, {"error": f"no such verb: {verb}"}
        await send_json(exchange, result, Scenario(), status)
