"""
Anthropic's own API: api.anthropic.com.

The host serves Claude Code's telemetry and settings beside the API (`/api/...`), which are free and
must pass even when a cap is reached, else the program fails to start. Batches cost half and tell
their usage line by line in the results, fetched later.
https://docs.claude.com/en/api/overview
"""

from functools import partial
from typing import override

from llmcap.providers.anthropic.bill import Refusals, message_charges
from llmcap.providers.anthropic.messages import (
    MessagesReader,
    ask_of,
    limit_messages,
    read_complete,
    read_messages,
)  # fmt: skip
from llmcap.providers.openai.chat import ChatReader, ask_usage, read_chat
from llmcap.providers.parts.content import measure
from llmcap.providers.parts.limits import EITHER, either
from llmcap.providers.parts.orders import batched, request_of
from llmcap.providers.parts.reader import BaseReader, document, documents, text
from llmcap.providers.parts.routes import Routes, routes_to
from llmcap.providers.parts.shape import Ask, Billing, Document, Endpoint, Provider, Request
from llmcap.words.records import Charge, Reading


def read_batch(request: Request) -> Ask:
    """What a batch of messages asks for: all its calls together, each at its highest limit."""
    betas = request.headers.get("anthropic-beta", "")
    parts: list[Ask] = []
    for each in documents(request.document().get("requests")):
        call = request_of(request, document(each.get("params")))
        content = measure(call)
        ask = ask_of(
            call.document(), text_bytes=content.text_bytes, media=content.media, betas=betas
        )
        parts.append(batched(ask))
    return Ask(model="", parts=tuple(parts), generates=False, hidden_work=False, deferred=True)


def read_batch_results(request: Request) -> Ask:
    """Whose results these are: the batch's id is only in the path."""
    segments = request.path.strip("/").split("/")
    return Ask(model="", previous_id=segments[-2] if len(segments) > 1 else None, generates=False)


class BatchReader(BaseReader):
    """A batch that was just made: only its id, by which the results find it."""

    def body(self, document: Document) -> None:
        """The batch object."""
        self.response_id = text(document.get("id")) or self.response_id


class BatchResultsReader(BaseReader):
    """The results of a batch, a line each: all of them together are its bill."""

    tells = "usage of every line"
    tells_terms = MessagesReader.tells_terms

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask)
        self.response_id = ask.previous_id
        self._lines: list[Charge] = []

    @override
    def event(self, event: Document, name: str = "") -> None:
        """One line. Calls that failed or expired are free and have no message."""
        message = document(document(event.get("result")).get("message"))
        usage = document(message.get("usage"))
        if "result" in event:
            # There is no telling whether a line is the last one: each may be.
            self.complete = True
        if usage:
            usage = {"service_tier": "batch", **usage}
            refusals = Refusals()
            for block in documents(message.get("content")):
                refusals.block(block)
            refusals.stopped(message)
            self._lines += message_charges(usage, text(message.get("model")), refusals)

    def body(self, document: Document) -> None:
        """Results of a single call, or an error."""
        if document.get("error"):
            self.fail(document["error"])
        self.event(document)

    def reading(self) -> Reading:
        """What the lines so far add up to."""
        if len(self.charges) != len(self._lines):
            self.charge_all(tuple(self._lines))
        return super().reading()


MESSAGES = Endpoint(
    name="messages",
    fields="messages",
    read=read_messages,
    reader=MessagesReader,
    limit=limit_messages,
    dialect="anthropic",
)
COMPLETE = Endpoint(name="complete", read=read_complete, reader=MessagesReader, dialect="anthropic")
# In OpenAI's format: both limits are obeyed, one answer is given, and what else it does not know is
# skipped. https://platform.claude.com/docs/en/api/openai-sdk
CHAT = Endpoint(
    name="chat completions",
    fields="chat",
    read=partial(read_chat, limits=either),
    reader=ChatReader,
    limit=EITHER.lower,
    ask_usage=ask_usage,
)
BATCH = Endpoint(name="message batches", read=read_batch, reader=BatchReader, dialect="anthropic")
BATCH_RESULTS = Endpoint(
    name="message batch results",
    billing=Billing.DEFERRED,
    read=read_batch_results,
    reader=BatchResultsReader,
    dialect="anthropic",
)
FREE = Endpoint(name="free", billing=Billing.FREE, dialect="anthropic")
OUT_OF_SIGHT = Endpoint(
    name="agents",
    billing=Billing.UNMETERABLE,
    advice="Run the agent here, over /v1/messages: that is metered.",
    dialect="anthropic",
)
_free, _agents = partial(routes_to, FREE), partial(routes_to, OUT_OF_SIGHT)

PROVIDER = Provider(
    name="anthropic",
    hosts=("api.anthropic.com",),
    match=Routes(
        (
            ("POST", "/v1/messages", MESSAGES),
            ("POST", "/v1/complete", COMPLETE),
            ("POST", "/v1/chat/completions", CHAT),
            ("POST", "/v1/messages/count_tokens", FREE),
            ("POST", "/v1/messages/batches", BATCH),
            ("GET", "/v1/messages/batches/{}/results", BATCH_RESULTS),
            ("POST", "/v1/messages/batches/{}/cancel", FREE),
            *_free("GET|DELETE", "/v1/messages/batches/**", "/v1/files/**", "/v1/models/**"),
            *_free("GET|POST|DELETE", "/v1/skills/**", "/v1/organizations/**", "/v1/oauth/**"),
            ("POST", "/v1/files", FREE),
            # Agents run in Anthropic's cloud and go on after the answer.
            *_agents("POST", "/v1/sessions", "/v1/sessions/{}/events"),
            *_agents("POST", "/v1/dreams", "/v1/environments/{}/work/**"),
            # A deployment begins sessions by a clock.
            *_agents("POST", "/v1/deployments", "/v1/deployments/{}"),
            *_agents("POST", "/v1/deployments/{}/run", "/v1/deployments/{}/unpause"),
            *_free("POST", "/v1/deployments/{}/archive", "/v1/deployments/{}/pause"),
            *_free("POST", "/v1/dreams/{}/archive", "/v1/dreams/{}/cancel"),
            *_free("POST", "/v1/sessions/{}", "/v1/sessions/{}/archive"),
            *_free("POST", "/v1/sessions/{}/resources/**", "/v1/sessions/{}/threads/{}/archive"),
            *_free("POST", "/v1/environments", "/v1/environments/{}"),
            *_free("POST", "/v1/environments/{}/archive"),
            *_free("GET|DELETE", "/v1/sessions/**", "/v1/dreams/**", "/v1/environments/**"),
            *_free("GET", "/v1/deployments/**", "/v1/deployment_runs/**"),
            # What agents are made of, and who they are for.
            *_free("GET|POST|DELETE", "/v1/agents/**", "/v1/memory_stores/**", "/v1/vaults/**"),
            *_free("GET|POST|DELETE", "/v1/tunnels/**", "/v1/user_profiles/**"),
            # Telemetry, settings, login, the registry of MCP servers.
            *_free("GET|POST|PUT|PATCH|DELETE", "/api/**", "/mcp-registry/**"),
        )
    ),
    dialect="anthropic",
)
