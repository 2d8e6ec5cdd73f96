"""
The wire format of Anthropic's Messages API, which Bedrock, Vertex, Foundry and others carry too.

Three rules make up its usage:

- `input_tokens` leaves out what was read from and written to the cache; the sum is what was read.
- In a stream, `message_start` has the usage so far and `message_delta` revises it: its counts are
  cumulative, only the fields it has replace those known before, and input may grow a hundredfold
  (server tools).
- `iterations`, where it is there, is the whole bill (`anthropic_bill`).

https://docs.claude.com/en/api/messages, https://docs.claude.com/en/docs/build-with-claude/streaming
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from llmcap.pricing.terms import REGION, SPEED, SUMMED, TIER
from llmcap.providers.anthropic.bill import NOBODY, Refusals, message_charges, terms_in
from llmcap.providers.openai.chat import attributes_of
from llmcap.providers.parts import hosted
from llmcap.providers.parts.content import measure
from llmcap.providers.parts.offered import offered
from llmcap.providers.parts.reader import (
    BaseReader,
    count,
    document,
    documents,
    limit_in,
    models_in,
    text,
)
from llmcap.providers.parts.shape import Ask, Document, Request
from llmcap.streams.backlog import Marks

THINKING_BUDGET_MIN = 1_024  # the least that the API takes

# An advisor whose tool sets no limit, and a fallback that sets none.
ADVISOR_OUTPUT_DEFAULT = 16_384

# The price book's entry for the models of which one serves where the request lets Anthropic choose:
# https://platform.claude.com/docs/en/build-with-claude/refusals-and-fallback
FALLBACKS_DEFAULT = "fallbacks-default"

ADVICE_MAX = 100  # keeps a nonsensical `max_uses` from making a long list

# A tool that Anthropic defines comes with a description that the request does not show: 245 to 735
# tokens each are documented (docs.claude.com, "Tool use", pricing), and 1,800 were recorded.
DEFINED_TOOL_TOKENS = 4_000

_SEARCH = "web_search_"
# A page is as long as it is, a paper in PDF some 125,000 tokens, unless the tool sets a limit:
# https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-fetch-tool
_FETCH = "web_fetch_"
_FETCHED = "max_content_tokens"
# Tools of all of them whose uses a request may limit.
_LIMITED = (_SEARCH, _FETCH, "advisor_")

# Tools without a fee whose results make the model read once more.
_LOOPING = (_FETCH, "code_execution_", "tool_search_", "mcp_toolset", "advisor_")


# https://docs.claude.com/en/docs/build-with-claude/context-windows: Sonnet 4 and 4.5, in the
# spelling of any cloud.
_LONG_BETA = "context-1m"
_BETA_WINDOWS = re.compile(r"claude-sonnet-4(-5)?([-@]\d{8})?(-v\d.*)?$")


# https://platform.claude.com/docs/en/build-with-claude/thinking: models up to Claude 4 think only
# where they are asked to; later ones do by default, or always.
_ONLY_WHEN_ASKED = re.compile(r"claude-(?:v?[12]\b|instant|3|(?:opus|sonnet|haiku)-4\b)")


# --- request --------------------------------------------------------------------------------


def read_messages(request: Request) -> Ask:
    """What a request to `POST /v1/messages` asks for."""
    body = request.document()
    content = measure(request)
    betas = request.headers.get("anthropic-beta", "")
    return ask_of(body, text_bytes=content.text_bytes, media=content.media, betas=betas)


def ask_of(body: Document, *, text_bytes: int, media: tuple[Any, ...] = (), betas: str = "") -> Ask:
    """The same from the body alone, for envelopes and batches."""
    offers = offered(body)
    defined = _defined(offers)
    tools = _hosted(body, defined)
    helpers = _helpers(body, defined)
    limit = limit_in(body.get("max_tokens"), zero=True)
    asked_betas = f"{betas},{body.get('anthropic_beta')}"
    thread = document(body.get("thread"))
    previous = text(thread.get("previous_message_id")) or _container(body)
    return Ask(
        model=text(body.get("model")),
        stream=body.get("stream") is True,
        text_bytes=text_bytes,
        media=media,
        tools=bool(offers) or "mcp_servers" in body,
        output_limit=limit,
        extra_output=sum(output for _, output in helpers),
        tool_calls=tools.loops - 1,
        loops=tools.loops,
        extra_input=tools.result_tokens + DEFINED_TOOL_TOKENS * len(defined),
        remote_input=bool(previous),
        remote=_elsewhere(body, defined),
        previous_id=previous or None,
        terms=(*terms_in(body), *short_window(text(body.get("model")), asked_betas)),
        other_models=tuple(model for model, _ in helpers if model),
        fees=tools.fees,
        hidden_work=_may_think(body),
        attributes=attributes_of(body),
    )


def read_complete(request: Request) -> Ask:
    """What a request to `POST /v1/complete` asks for, the older API with its own limit."""
    body = request.document()
    content = measure(request)
    ask = ask_of(body, text_bytes=content.text_bytes, media=content.media)
    return replace(ask, output_limit=limit_in(body.get("max_tokens_to_sample")))


def limit_messages(body: Document, limit: int) -> Document | None:
    """
    The same request with this limit. A thinking budget has to stay below it, and is lowered too;
    None where that is not possible.
    """
    if limit < 1:
        return None
    limited = {**body, "max_tokens": limit}
    thinking = document(body.get("thinking"))
    budget = thinking.get("budget_tokens")
    if thinking.get("type") == "enabled" and isinstance(budget, int) and budget >= limit:
        if limit <= THINKING_BUDGET_MIN:
            return None
        # Half for thinking, half for the answer, as far as the least budget allows.
        limited["thinking"] = {**thinking, "budget_tokens": max(limit // 2, THINKING_BUDGET_MIN)}
    return limited


def _may_think(body: Document) -> bool:
    """Whether output may be billed that the answer shows in a summary, or not at all."""
    if (thinking := body.get("thinking")) is not None:
        return document(thinking).get("type") != "disabled"
    return _ONLY_WHEN_ASKED.search(text(body.get("model"))) is None


def short_window(model: str, betas: str) -> tuple[str, ...]:
    """
    A term for models that read more than 200,000 tokens only where a beta is asked for.

    Their price above that holds for one pass. Usage is the sum of all passes of a server-side loop,
    and may be far above it while none of them was.
    """
    return (SUMMED,) if _BETA_WINDOWS.search(model) and _LONG_BETA not in betas else ()


def _defined(offers: Iterable[Document]) -> list[Document]:
    """Those tools that Anthropic defines: they have a type, where a user's own have a schema."""
    return [tool for tool in offers if text(tool.get("type")) not in ("", "custom")]


def _uses(tool: Document) -> int:
    return count(tool.get("max_uses")) or hosted.USES_DEFAULT


def _loops(tool: Document) -> bool:
    """Whether Anthropic itself works on its calls, and the model reads what they gave."""
    return text(tool.get("type")).startswith((_SEARCH, *_LOOPING))


def limit_tools(body: Document, most: int) -> Document | None:
    """The same request with so many uses at most of each tool that takes such a limit."""
    return _with_uses(body, most, of=_LIMITED)


def using_tools(body: Document, most: int) -> Document:
    """The request as which it is to be read where so many uses were begun in all."""
    if most:
        return _with_uses(body, most, of=(_SEARCH, *_LOOPING))
    own = {name: value for name, value in body.items() if name != "mcp_servers"}
    return own | {"tools": [tool for tool in documents(body.get("tools")) if not _loops(tool)]}


def _with_uses(body: Document, most: int, *, of: tuple[str, ...]) -> Document:
    tools = [
        {**tool, "max_uses": min(most, _uses(tool))}
        if text(tool.get("type")).startswith(of)
        else tool
        for tool in documents(body.get("tools"))
    ]
    return {**body, "tools": tools}


def _hosted(body: Document, defined: Iterable[Document]) -> hosted.Hosted:
    fees: dict[str, int] = {}
    unpriced = more = 0
    for tool in defined:
        kind, uses = text(tool.get("type")), _uses(tool)
        if kind.startswith(_SEARCH):
            fees["web_search"] = uses
        elif kind.startswith(_LOOPING):
            unpriced += uses
            if kind.startswith(_FETCH):
                more += uses * max(count(tool.get(_FETCHED)) - hosted.RESULT_TOKENS, 0)
    if body.get("mcp_servers"):
        unpriced = max(unpriced, hosted.USES_DEFAULT)
    return hosted.tools(fees, unpriced_uses=unpriced, more_tokens=more)


def _helpers(body: Document, defined: Iterable[Document]) -> list[tuple[str, int]]:
    """Other models that may work for this call, once for each time, and what each may write."""
    own = count(body.get("max_tokens"))
    helpers = []
    for tool in defined:
        if text(tool.get("type")).startswith("advisor_"):
            output = count(tool.get("max_tokens")) or ADVISOR_OUTPUT_DEFAULT
            helpers += [(text(tool.get("model")), output)] * min(_uses(tool), ADVICE_MAX)
    fallbacks = body.get("fallbacks")
    if isinstance(fallbacks, str):
        helpers.append((FALLBACKS_DEFAULT, own))
    elif fallbacks:
        for fallback in fallbacks if isinstance(fallbacks, list) else [fallbacks]:
            limit = count(document(fallback).get("max_tokens")) or own
            helpers += [(name, limit) for name in models_in(fallback)]
    # A compaction writes a summary before the answer, with a limit that is not published.
    if any("compact" in text(each.get("type")) for each in _edits(body)):
        helpers.append(("", own or ADVISOR_OUTPUT_DEFAULT))
    return helpers


def _edits(body: Document) -> list[Document]:
    return documents(document(body.get("context_management")).get("edits"))


def _elsewhere(body: Document, defined: Sequence[Document]) -> tuple[str, ...]:
    """What it reads that nobody here has seen: of servers, of the web, and the texts of skills."""
    found = []
    if body.get("mcp_servers"):
        found.append("what its MCP servers say")
    if any(text(t.get("type")).startswith(_FETCH) and not count(t.get(_FETCHED)) for t in defined):
        found.append("the pages that it fetches")
    if document(body.get("container")).get("skills"):
        found.append("the skills that it names")
    return (*found, *hosted.results_of(text(tool.get("type")) for tool in defined))


def _container(body: Document) -> str:
    container = body.get("container")
    return text(container) or text(document(container).get("id"))


# --- response -------------------------------------------------------------------------------


class MessagesReader(BaseReader):
    """A message, whole or streamed."""

    # How a block begins tells whether a refusal came before any output, and who wrote what.
    telling = Marks(b'"usage"', b'"content_block_start"', b'"message_stop"', b'"error"')
    tells_terms = frozenset((TIER, REGION, SPEED))
    # Whether a refusal before any output is free where the vendor says so: a reseller may differ.
    refuses_free = True

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask)
        self._usage: Document = {}
        self._stopped = False
        self._searches = 0  # that were begun
        self._uses: set[str] = set()  # of the vendor's own tools, by their ids
        self._refusals = Refusals()

    def event(self, event: Document, name: str = "") -> None:
        """One event of a stream."""
        kind = text(event.get("type")) or name
        if kind == "content_block_delta":
            self._delta(document(event.get("delta")))
        elif kind == "content_block_start":
            self._block(document(event.get("content_block")))
        elif kind == "message_start":
            self._head(document(event.get("message")))
        elif kind == "message_delta":
            delta = document(event.get("delta"))
            self._refusals.stopped(delta)
            self._merge(event.get("usage"))
            if delta.get("stop_reason"):
                self._stopped = True
            self.complete = self.complete or bool(self._stopped and event.get("usage"))
        elif kind == "message_stop":
            self.complete = self.complete or bool(self._stopped and self._usage)
        elif kind == "completion":  # legacy /v1/complete
            self.body(event)
        elif kind == "error":
            self.fail(event.get("error"))

    def body(self, document: Document) -> None:
        """A whole message, or a legacy completion, which has no usage."""
        if document.get("error"):
            self.fail(document["error"])
            return
        for block in documents(document.get("content")):
            self._block(block)
        self._refusals.stopped(document)
        self._head(document)
        self.see(document.get("completion"))
        self.complete = bool(self._usage)

    def _head(self, message: Document) -> None:
        self.begun = self.begun or 0
        self.model = text(message.get("model")) or self.model
        self.response_id = text(message.get("id")) or self.response_id
        self._merge(message.get("usage"))

    def _merge(self, usage: object) -> None:
        """Only the fields that are there replace those known before."""
        fresh = {name: value for name, value in document(usage).items() if value is not None}
        if fresh:
            self._usage = {**self._usage, **fresh}
            self.terms = self.terms_told(self._usage)
            refusals = self._refusals if self.refuses_free else NOBODY
            # Who leaves out how often its tools were used has shown each use.
            shown = {"server_tool_use": {"web_search_requests": self._searches}}
            self.charge_all(message_charges(shown | self._usage, self.served_model, refusals))

    def terms_told(self, usage: Document) -> tuple[str, ...]:
        """The terms that a usage tells."""
        return terms_in(usage)

    def _delta(self, delta: Document) -> None:
        for key in ("text", "partial_json", "thinking"):
            if isinstance(value := delta.get(key), str):
                self._refusals.wrote()
                self.see(value)

    def _used(self, use: object, *, searches: bool) -> None:
        """A tool of the vendor's own was begun."""
        self._uses.add(text(use))
        self.begun = (self.begun or 0) + 1
        self._searches += searches

    def _block(self, block: Document) -> None:
        self._refusals.block(block)
        kind = text(block.get("type"))
        if kind in ("server_tool_use", "mcp_tool_use"):
            self._used(block.get("id"), searches=block.get("name") == "web_search")
        if kind.endswith("_result"):
            # What a tool gave back is input. It may be all that is shown of its use.
            if (use := text(block.get("tool_use_id"))) not in self._uses:
                self._used(use, searches=kind == "web_search_tool_result")
            return
        for key in ("text", "thinking"):
            if isinstance(value := block.get(key), str):
                self.see(value)
        if "input" in block:
            self.see_call(block.get("name"))
            self.see_json(block["input"])
