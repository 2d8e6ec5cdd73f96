"""
The wire format of chat completions and legacy completions, as OpenAI defined it.

Twenty vendors speak it, so nothing here is about OpenAI's prices or hosts: their files take these
functions and change what differs. Usage: `prompt_tokens` holds the cached tokens and
`completion_tokens` the reasoning (PROVIDERS: "OpenAI chat"). In a stream it comes once, in a chunk
with empty `choices`, and only if asked for; others send it with every chunk, cumulative: the last
one counts.
https://platform.openai.com/docs/api-reference/chat/object
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from llmcap.pricing.terms import TIER
from llmcap.providers.parts import hosted
from llmcap.providers.parts.content import measure
from llmcap.providers.parts.limits import MAX_TOKENS, LimitsOf, max_tokens
from llmcap.providers.parts.reader import (
    DONE,
    NO_DOCUMENT,
    BaseReader,
    count,
    document,
    documents,
    text,
    times,
)
from llmcap.providers.parts.shape import SOUNDING, Ask, Document, Request
from llmcap.providers.parts.tags import tagged, user_of
from llmcap.providers.parts.tiers import tier
from llmcap.streams.backlog import Marks
from llmcap.words.records import Count, Usage

# --- request --------------------------------------------------------------------------------


def read_chat(request: Request, *, limits: LimitsOf = max_tokens) -> Ask:
    """What a chat completions request asks for, of a vendor that obeys these limits."""
    body = request.document()
    content = measure(request)
    limit = limits(body).of(body)
    stream = body.get("stream") is True
    tools = hosted.NONE
    if searches(text(body.get("model"))) or "web_search_options" in body:
        tools = hosted.tools({"web_search": 1})
    return Ask(
        model=text(body.get("model")),
        stream=stream,
        text_bytes=content.text_bytes,
        media=content.media,
        tools="tools" in body or "functions" in body,
        output_limit=limit,
        choices=max(times(body.get("n")), 1),
        # A prediction that is rejected is billed as output, beyond the limit.
        extra_output=_prediction_bytes(body),
        loops=tools.loops,
        extra_input=tools.result_tokens,
        sound="audio" in body or any(media.kind in SOUNDING for media in content.media),
        terms=tier(body.get("service_tier")),
        fees=tools.fees,
        usage_wanted=not stream
        or document(body.get("stream_options")).get("include_usage") is True,
        hidden_work=body.get("reasoning_effort") != "none",
        attributes=attributes_of(body),
    )


def read_completion(request: Request) -> Ask:
    """What a legacy completions request asks for: several prompts, `best_of` answers to each."""
    body = request.document()
    prompts = prompts_in(body.get("prompt"))
    answers = max(times(body.get("n")), times(body.get("best_of")), 1)
    stream = body.get("stream") is True
    # https://platform.openai.com/docs/api-reference/completions/create: 16 where none is set.
    limit = 16 if body.get("max_tokens") is None else MAX_TOKENS.of(body)
    return Ask(
        model=text(body.get("model")),
        stream=stream,
        text_bytes=len(request.body),
        output_limit=limit,
        choices=answers * prompts,
        prompts=prompts,
        tools=False,
        usage_wanted=not stream
        or document(body.get("stream_options")).get("include_usage") is True,
        hidden_work=answers > max(times(body.get("n")), 1),
        attributes=attributes_of(body),
    )


def prompts_in(value: object) -> int:
    """How many inputs: one is a string or a list of token numbers, several are a list of those."""
    if not isinstance(value, list) or all(isinstance(each, int) for each in value):
        return 1
    return max(len(value), 1)


def ask_usage(body: Document) -> Document:
    """The same request, asking for usage at the end of its stream."""
    options = {**document(body.get("stream_options")), "include_usage": True}
    return {**body, "stream_options": options}


def attributes_of(body: Document) -> Mapping[str, str]:
    """Who the request says it is for: `user` or `safety_identifier`, and its metadata's own."""
    found = tagged(document(body.get("metadata")))
    return found | user_of(body.get("safety_identifier") or body.get("user"))


def searches(model: str) -> bool:
    """Whether the model searches the web in each call, asked or not (`gpt-4o-search-preview`)."""
    return "-search-preview" in model or "-search-api" in model


def _prediction_bytes(body: Document) -> int:
    content = document(body.get("prediction")).get("content")
    if isinstance(content, str):
        return len(content.encode("utf-8", "surrogatepass"))
    parts = documents(content)
    return sum(len(text(part.get("text")).encode("utf-8", "surrogatepass")) for part in parts)


# --- response -------------------------------------------------------------------------------


# What a chat completion tells under the first name, a response tells under the second. Who sells
# both may mix them up, and nobody tells two different things so.
_READ = ("prompt_tokens", "input_tokens")
_WRITTEN = ("completion_tokens", "output_tokens")
_READ_DETAILS = ("prompt_tokens_details", "input_tokens_details")
_WRITTEN_DETAILS = ("completion_tokens_details", "output_tokens_details")


def chat_usage(usage: Document, extras: Mapping[str, Count] = {}) -> Usage:
    """Usage of a chat completion, or of a response. Parts are subsets of their totals."""
    read, written = _details(usage, _READ_DETAILS), _details(usage, _WRITTEN_DETAILS)
    short_lived, long_lived = cache_writes(read)
    # Of models that draw: what is cached of a picture has a rate of its own.
    cached = document(read.get("cached_tokens_details"))
    return Usage(
        input_tokens=_most(usage, _READ),
        output_tokens=_most(usage, _WRITTEN),
        cache_read=count(read.get("cached_tokens")),
        cache_write_5m=short_lived,
        cache_write_1h=long_lived,
        input_audio=count(read.get("audio_tokens")),
        input_image=count(read.get("image_tokens")),
        cache_read_audio=count(cached.get("audio_tokens")),
        cache_read_image=count(cached.get("image_tokens")),
        reasoning=count(written.get("reasoning_tokens")),
        output_audio=count(written.get("audio_tokens")),
        output_image=count(written.get("image_tokens")),
        extras=extras,
    )


def with_hidden(known: Usage, usage: Document) -> Usage:
    """
    The same with what only the total tells, as output: the dearest that it can be.

    Gemini and Grok show thoughts nowhere else (PROVIDERS: "reasoning outside of the output").
    """
    hidden = count(usage.get("total_tokens")) - known.input_tokens - known.output_tokens
    if hidden <= 0:
        return known
    return replace(known, output_tokens=known.output_tokens + hidden)


def _most(usage: Document, names: Iterable[str]) -> int:
    return max(map(count, map(usage.get, names)))


def _details(usage: Document, names: Iterable[str]) -> Document:
    for name in names:
        if details := document(usage.get(name)):
            return details
    return NO_DOCUMENT


# How vendors tell what was written to a cache, within the details of the prompt: OpenAI and
# OpenRouter, Alibaba, LiteLLM's proxy.
_CACHED = ("cache_write_tokens", "cache_creation_input_tokens", "cache_creation_tokens")
_CACHED_SPLIT = ("cache_creation", "cache_creation_token_details")


def cache_writes(read: Document) -> tuple[int, int]:
    """Tokens written to a cache for minutes, and for an hour, as details of a prompt tell them."""
    split = _details(read, _CACHED_SPLIT)
    long_lived = count(split.get("ephemeral_1h_input_tokens"))
    short_lived = count(split.get("ephemeral_5m_input_tokens"))
    told = _most(read, _CACHED)
    return max(told, long_lived + short_lived) - long_lived, long_lived


# Where a delta or a message has what was written.
_TEXTS = frozenset((
    "content", "text", "reasoning_content", "reasoning", "reasoning_text", "thinking", "refusal",
))  # fmt: skip


class ChatReader(BaseReader):
    """Chat completions and legacy completions, whole or streamed."""

    telling = Marks(
        b'"usage"', b'"error"', b"[DONE]", pattern=rb'"usage"\s*:\s*\{|"error"|\[DONE\]'
    )
    tells_terms = frozenset((TIER,))

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask)

    def event(self, event: Document, name: str = "") -> None:
        """
        One chunk. The last usage wins; with it and the end of each choice, all is known.

        OpenAI tells it once, after the choices, in a chunk that has none. Others tell it in every
        chunk, so that one with usage and without choices says nothing of the end.
        """
        self._head(event)
        choices = event.get("choices")
        if isinstance(choices, list):
            for place, choice in enumerate(documents(choices)):
                delta = choice.get("delta")
                self._see(delta if isinstance(delta, dict) else choice)
                if choice.get("finish_reason"):
                    self.stopped.add(count(choice.get("index", place)))
        usage = self.usage_in(event)
        told_first = usage is not None and not self.charges
        if usage is not None:
            self._charge(usage)
        told_last = told_first and not choices and self.charges[0].usage.output_tokens > 0
        if self.charges and (self.all_stopped or name == DONE or told_last):
            self.complete = True

    def body(self, document: Document) -> None:
        """A whole completion."""
        self._head(document)
        for choice in documents(document.get("choices")):
            message = choice.get("message")
            self._see(message if isinstance(message, dict) else choice)
        usage = self.usage_in(document)
        if usage is not None:
            self._charge(usage)
            self.complete = True

    # --- what vendors change ------------------------------------------------------------------

    def usage_in(self, event: Document) -> Document | None:
        """The usage object of a chunk or a body, where it has one."""
        usage = event.get("usage")
        return usage if isinstance(usage, dict) and usage else None

    def usage_of(self, usage: Document) -> Usage:
        """What a usage object means."""
        return with_hidden(chat_usage(usage, self.extras()), usage)

    def extras(self) -> Mapping[str, Count]:
        """Units besides tokens."""
        return {"web_search": 1} if searches(self.served_model) else {}

    # --- parts --------------------------------------------------------------------------------

    def _charge(self, usage: Document) -> None:
        self.charge(self.usage_of(usage))

    def _head(self, event: Document) -> None:
        told = event.get
        self.model = text(told("model")) or self.model
        self.response_id = text(told("id")) or self.response_id
        if (served := told("service_tier")) is not None:
            self.terms = tier(served) or self.terms
        if error := told("error"):
            self.fail(error)

    def _see(self, delta: Document) -> None:
        for key, value in delta.items():
            if not value:
                continue
            if key in _TEXTS:
                self.see_parts(value)
            elif key == "tool_calls":
                for call in documents(value):
                    self._see_function(call.get("function"))
            elif key == "function_call":
                self._see_function(value)
            elif key == "audio":
                self.visible_bytes += _audio_bytes(value)

    def _see_function(self, function: Any) -> None:
        if isinstance(function, dict):
            self.see_call(function.get("name"))
            self.see(function.get("arguments"))


class HiddenReasoningReader(ChatReader):
    """Chat completions whose completion tokens leave the reasoning out: the total has it."""

    tells = "usage; output from its total"

    def usage_of(self, usage: Document) -> Usage:
        """Output is what the total leaves of the input."""
        told = chat_usage(usage, self.extras())
        known = with_hidden(told, usage)
        hidden = known.output_tokens - told.output_tokens
        if told.reasoning > told.output_tokens:
            hidden = max(hidden, told.reasoning)  # a total that leaves it out is not believed
        return replace(
            told,
            output_tokens=told.output_tokens + hidden,
            reasoning=max(told.reasoning, hidden),
        )


def _audio_bytes(audio: Any) -> int:
    """
    A bound, in visible bytes, of the tokens of generated sound.

    A token is 50 ms of sound or longer; the most compressed format in use (opus at 16 kbit/s) has
    100 bytes in that time, which are 133 characters of base64.
    """
    data = document(audio).get("data")
    return len(data) // 64 if isinstance(data, str) else 0
