"""
Cohere: api.cohere.com, in its versions 1 and 2.

What counts is `billed_units`: the `tokens` beside them hold a preamble that nobody is billed for.
Version 1 streams JSON lines, version 2 server-sent events; the last of them has the usage.
https://docs.cohere.com/reference, https://cohere.com/pricing
"""

from dataclasses import replace

from llmcap.providers.compatible import FREE, LATER, Api, openai_api
from llmcap.providers.openai.audio import read_recording
from llmcap.providers.openai.chat import attributes_of
from llmcap.providers.parts.content import measure, sold_by
from llmcap.providers.parts.offered import only_objects
from llmcap.providers.parts.reader import (
    BaseReader,
    count,
    document,
    limit_in,
    text,
    times,
)
from llmcap.providers.parts.rerank import searches_bound
from llmcap.providers.parts.routes import Routes, routes_to
from llmcap.providers.parts.shape import Ask, Document, Endpoint, Provider, Request
from llmcap.words.records import Count, Usage

# What a request means that names no model.
CHAT_DEFAULT = "command"
EMBED_DEFAULT = "embed-english-v2.0"

# `billed_units` that are no tokens, and the units of the price book.
_UNITS = {
    "search_units": "search_unit",
    "classifications": "classification",
    "images": "input_image_item",
    "pages": "page",
}


# --- requests -------------------------------------------------------------------------------


def read_chat(request: Request) -> Ask:
    """What a request to chat or to generate asks for, in either version."""
    body = request.document()
    content = measure(request)
    connectors = only_objects(body.get("connectors"), "connectors")
    searches = any("web-search" in text(each.get("id")) for each in connectors)
    return Ask(
        model=text(body.get("model")) or CHAT_DEFAULT,
        stream=body.get("stream") is True,
        text_bytes=content.text_bytes,
        media=content.media,
        output_limit=limit_in(body.get("max_tokens")),
        choices=max(times(body.get("num_generations")), 1),
        # Documents and connectors bring a prompt that explains them, as tools do.
        tools=any(name.startswith(("tool", "documents", "connectors")) for name in body),
        fees={"search_unit": 1} if searches else {},
        remote_input=bool(body.get("conversation_id")),
        remote=("what its connectors find",) if connectors else (),
        attributes=attributes_of(body),
    )


def read_summary(request: Request) -> Ask:
    """What a request for a summary asks for: it knows `length` in words, and no limit in tokens."""
    return replace(read_chat(request), output_limit=None)


def limit_chat(body: Document, limit: int) -> Document | None:
    """The same request with this limit; the budget for thinking has to fit in."""
    if limit < 1:
        return None
    limited = {**body, "max_tokens": limit}
    thinking = document(body.get("thinking"))
    budget = thinking.get("token_budget")
    if isinstance(budget, int) and budget >= limit:
        limited["thinking"] = {**thinking, "token_budget": limit // 2}
    return limited


def read_embed(request: Request) -> Ask:
    """What a request for embeddings asks for: of texts, or of images at a price each."""
    body = request.document()
    content = measure(request)
    texts = body.get("texts") or body.get("inputs")
    return Ask(
        model=text(body.get("model")) or EMBED_DEFAULT,
        text_bytes=content.text_bytes,
        media=sold_by({"image": "input_image_item"}, content.media),
        generates=False,
        prompts=max(len(texts), 1) if isinstance(texts, list) else 1,
        hidden_work=False,
    )


def read_rerank(request: Request) -> Ask:
    """What a request to rank documents asks for: so many searches."""
    body = request.document()
    return Ask(
        model=text(body.get("model")),
        generates=False,
        hidden_work=False,
        fees={"search_unit": searches_bound(body)},
    )


# --- responses ------------------------------------------------------------------------------


class BilledUnitsReader(BaseReader):
    """Any answer of Cohere's, whole or streamed: all tell their bill the same way."""

    tells = "billed units"

    def event(self, event: Document, name: str = "") -> None:
        """One event; `stream-end` (version 1) and `message-end` (version 2) have the bill."""
        kind = text(event.get("event_type") or event.get("type")) or name
        if kind == "stream-end":
            self.body(document(event.get("response")))
        elif kind == "message-end":
            delta = document(event.get("delta"))
            if delta.get("error"):
                self.fail(delta["error"])
            self._bill(document(delta.get("usage")))
        elif kind == "message-start":
            self.response_id = text(event.get("id")) or self.response_id
        elif not kind:
            self.body(event)
        else:
            self.see(event.get("text"))
            message = document(document(event.get("delta")).get("message"))
            self.see_json([message.get("content"), message.get("tool_calls")])
            self.called += kind == "tool-call-start"

    def body(self, document: Document) -> None:
        """A whole answer."""
        self.model = text(document.get("model")) or self.model
        self.response_id = text(document.get("id")) or self.response_id
        self.see(document.get("text"))
        self._bill(_usage(document))

    def _bill(self, usage: Document) -> None:
        units = usage.get("billed_units")
        if isinstance(units, dict) and units:
            tokens = document(usage.get("tokens"))
            self.charge(billed_usage(units, tokens))
            self.complete = True


def _usage(answer: Document) -> Document:
    return document(answer.get("usage")) or document(answer.get("meta"))


def billed_usage(units: Document, tokens: Document) -> Usage:
    """What `billed_units` mean. The tokens beside them tell only how much was reasoning."""
    extras: dict[str, Count] = {
        unit: number for name, unit in _UNITS.items() if (number := count(units.get(name)))
    }
    images = count(units.get("image_tokens"))
    output = count(units.get("output_tokens"))
    return Usage(
        input_tokens=count(units.get("input_tokens")) + images,
        output_tokens=output,
        input_image=images,
        reasoning=min(count(tokens.get("reasoning_tokens")), output),
        extras=extras,
    )


# --- the API --------------------------------------------------------------------------------

CHAT = Endpoint(
    name="chat",
    fields="cohereChat",
    read=read_chat,
    reader=BilledUnitsReader,
    limit=limit_chat,
    dialect="cohere",
)
SUMMARIZE = replace(CHAT, name="summarize", fields="summaries", read=read_summary, limit=None)
EMBED = Endpoint(
    name="embed", fields="embed", read=read_embed, reader=BilledUnitsReader, dialect="cohere"
)
RERANK = Endpoint(
    name="rerank", fields="rerank", read=read_rerank, reader=BilledUnitsReader, dialect="cohere"
)
TRANSCRIPTION = Endpoint(
    name="transcriptions",
    fields="transcriptions",
    read=read_recording,
    reader=BilledUnitsReader,
    dialect="cohere",
)
COHERE_LATER = replace(
    LATER,
    advice="No answer tells what it cost. Send the texts to /v2/chat or /v2/embed.",
    dialect="cohere",
)
COHERE_FREE = replace(FREE, dialect="cohere")

PROVIDER = Provider(
    name="cohere",
    # `production.api.cohere.ai` is what older programs call, and there are others of that kind.
    hosts=("api.cohere.com", "api.cohere.ai", "*.api.cohere.com", "*.api.cohere.ai"),
    match=Routes(
        (
            ("POST", "/v1/chat", CHAT),
            ("POST", "/v2/chat", CHAT),
            ("POST", "/v1/generate", replace(CHAT, name="generate", fields="generations")),
            ("POST", "/v1/summarize", SUMMARIZE),
            ("POST", "/v1/embed", EMBED),
            ("POST", "/v2/embed", EMBED),
            ("POST", "/v1/rerank", RERANK),
            ("POST", "/v2/rerank", RERANK),
            *routes_to(COHERE_LATER, "POST", "/v1/classify", "/v2/parse", "/v1/embed-jobs"),
            ("POST", "/v2/batches", COHERE_LATER),
            *routes_to(COHERE_LATER, "POST|PATCH", "/v1/finetuning/finetuned-models/**"),
            ("POST", "/v2/audio/transcriptions", TRANSCRIPTION),
            *routes_to(COHERE_FREE, "POST", "/v1/tokenize", "/v1/detokenize", "/v1/check-api-key"),
            *routes_to(COHERE_FREE, "POST", "/v1/embed-jobs/{}/cancel", "/v2/batches/{}:cancel"),
            *routes_to(COHERE_FREE, "GET|DELETE", "/v1/finetuning/**", "/v1/embed-jobs/**"),
            *routes_to(COHERE_FREE, "GET", "/v1/models/**", "/v2/batches/**"),
            ("GET|POST|DELETE", "/v1/datasets/**", COHERE_FREE),
            ("GET|POST|PATCH|DELETE", "/v1/connectors/**", COHERE_FREE),
            *openai_api("/compatibility/v1", api=Api(dialect="cohere", asks_usage=True)),
        )
    ),
    dialect="cohere",
)
