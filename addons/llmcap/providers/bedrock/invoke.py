"""
The wire formats of Bedrock's InvokeModel: each vendor's own, and Bedrock's counts around them.

Anthropic's, Amazon's, Meta's, Mistral's, Cohere's, AI21's and OpenAI's models differ in the names
of the limit and of the usage, and some tell none: then the headers of the answer do. In a stream
each event holds one of the vendor's in base64, and the last one has Bedrock's counts.
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, override

from llmcap.pricing.terms import LATENCY, TIER, settled
from llmcap.providers.anthropic.messages import MessagesReader, ask_of, limit_messages
from llmcap.providers.bedrock.guardrails import billed_units, guarded, told_units
from llmcap.providers.bedrock.usage import (
    CHOICES,
    LATENCY_HEADER,
    METRICS,
    TIER_HEADER,
    asked_terms,
    headers_usage,
    largest,
    metrics_usage,
    model_in,
    token_usage,
    told_terms,
)  # fmt: skip
from llmcap.providers.compatible import compatible_usage
from llmcap.providers.parts.billed import PricedAsAsked
from llmcap.providers.parts.content import measure, sold_by
from llmcap.providers.parts.limits import highest
from llmcap.providers.parts.reader import count, document, documents, limit_in, text, times
from llmcap.providers.parts.rerank import searches_bound
from llmcap.providers.parts.shape import Ask, Document, Request
from llmcap.words.records import Charge, Count, Usage

# Where the vendors of the models have the limit, by what is in the names of these: an object of the
# body ("" for the body itself) and the fields of it that they obey. What a vendor does not know is
# no limit, and of a model of somebody else's nobody knows.
# https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html
_CHATS = ("max_tokens", "max_completion_tokens")
_OBEYED: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("amazon.nova", "inferenceConfig", ("maxTokens", "max_new_tokens")),
    ("amazon.titan", "textGenerationConfig", ("maxTokenCount",)),
    ("meta.llama", "", ("max_gen_len",)),
    ("anthropic.", "", ("max_tokens_to_sample",)),
    ("ai21.j2", "", ("maxTokens",)),
    ("ai21.jamba", "", ("max_tokens",)),
    ("cohere.", "", ("max_tokens",)),
    ("mistral.", "", ("max_tokens",)),
    ("openai.", "", _CHATS),
    ("deepseek.", "", ("max_tokens",)),
    ("qwen.", "", ("max_tokens",)),
    ("writer.", "", ("max_tokens",)),
)

_CHOICES = CHOICES
_DRAWS = ("image", "canvas", "stability.", "stable-", "luma.")
# What a model that embeds is billed by, beside the tokens of a text:
# https://aws.amazon.com/bedrock/pricing
_EMBEDDED = {
    "image": "input_image_item", "audio": "audio_second", "video": "input_video_second",
}  # fmt: skip
_DEFAULT_SEEN = ("outputText", "generation", "completion", "text")


# --- request --------------------------------------------------------------------------------


def read_invoke(request: Request) -> Ask:
    """What a request to invoke a model asks for, its guardrail with it."""
    body = request.document()
    return guarded(_read_invoke(request, body), request, body)


def _read_invoke(request: Request, body: Document) -> Ask:
    model = model_in(request.path)
    stream = request.path.lower().endswith("-stream")
    content = measure(request)
    terms = asked_terms(request, body)
    if "anthropic_version" in body:
        told = {**body, "model": model, "stream": stream}
        ask = ask_of(told, text_bytes=content.text_bytes, media=content.media)
        return replace(ask, terms=settled(ask.terms, terms))
    if "rerank" in model:
        fees = {"search_unit": searches_bound(body)}
        return Ask(model=model, generates=False, hidden_work=False, fees=fees, terms=terms)
    if "embed" not in model and any(word in model for word in _DRAWS):
        images = max(_choices(document(body.get("imageGenerationConfig"))), _choices(body))
        number = times(document(body.get("imageGenerationConfig")).get("numberOfImages"))
        fees = {"image": max(images, number)}
        return Ask(model=model, generates=False, hidden_work=False, fees=fees)
    texts = body.get("texts")
    embeds = "embed" in model
    prompts = len(texts) if isinstance(texts, list) and texts else 1
    return Ask(
        model=model,
        stream=stream,
        text_bytes=content.text_bytes,
        media=sold_by(_EMBEDDED, content.media) if embeds else content.media,
        generates=not embeds,
        prompts=prompts,
        # Some models that embed are billed by the text.
        measures={"request": prompts} if embeds and not content.media else {},
        output_limit=_limit(body, model),
        choices=_choices(body),
        # `tools` of most vendors, `toolConfig` of Amazon's.
        tools=any("tool" in name.lower() for name in body),
        terms=terms,
    )


def limit_invoke(body: Document, limit: int, *, model: str) -> Document | None:
    """The same request with this limit, where it is known what the model's vendor obeys."""
    if "anthropic_version" in body:
        return limit_messages(body, limit)
    config, names = _obeyed(model)
    if limit < 1 or not names:
        return None
    holder = document(body.get(config)) if config else body
    present = [name for name in names if holder.get(name) is not None] or names[:1]
    limited = {**holder, **dict.fromkeys(present, limit)}
    return {**body, config: limited} if config else limited


def _limit(body: Document, model: str) -> int | None:
    config, names = _obeyed(model)
    holder = document(body.get(config)) if config else body
    told = [value for name in names if (value := holder.get(name)) is not None]
    return highest(limit_in(value) for value in told)


def _obeyed(model: str) -> tuple[str, tuple[str, ...]]:
    """Where the vendor of a model has its limit, and its names; none where nobody knows."""
    found = ((config, names) for maker, config, names in _OBEYED if maker in model.lower())
    return next(found, ("", ()))


def _choices(body: Document) -> int:
    return max(1, *(times(body.get(name)) for name in _CHOICES))


# --- response -------------------------------------------------------------------------------


class AnthropicReader(PricedAsAsked, MessagesReader):
    """Anthropic's own part of an answer."""


class InvokeReader(PricedAsAsked):
    """A model's answer, whole or streamed."""

    tells = "usage, head and metrics: the largest"
    tells_terms = frozenset((TIER, LATENCY))

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask)
        self._counted: Usage | None = None  # by Bedrock, in the head
        self._measured: Usage | None = None  # by Bedrock, at the end
        self._told: Usage | None = None  # by the model's vendor
        self._guardrail: Mapping[str, Count] | None = None  # what it told of its policies
        self._anthropic = AnthropicReader(ask)

    @override
    def head(self, headers: Mapping[str, str]) -> None:
        """Bedrock's counts, and the tier."""
        self._counted = headers_usage(headers)
        self.terms = told_terms(headers.get(TIER_HEADER), headers.get(LATENCY_HEADER))

    @override
    def event(self, event: Document, name: str = "") -> None:
        """One event of a stream: the vendor's in base64, or the exception that ends it."""
        if name.endswith("Exception"):
            self.fail(name)
            return
        inner = _unwrapped(event.get("bytes"))
        kind = text(inner.get("type"))
        if kind:
            self._anthropic.event(inner, kind)
        self._look(inner)
        self._measured = metrics_usage(inner) or self._measured
        if METRICS in inner or self._anthropic.complete:
            self._charge()
            self.complete = True

    def body(self, document: Document) -> None:
        """A whole answer."""
        if document.get("type") in ("message", "completion") or "completion" in document:
            self._anthropic.body(document)
        self._look(document)
        self._charge()
        self.complete = bool(self.charges)

    @override
    def raw(self, size: int, headers: Mapping[str, str]) -> None:
        """An answer that is no JSON: the head has counted it."""
        self._charge()
        self.complete = bool(self.charges)

    @override
    def take_text(self) -> str:
        """Anthropic's part of it is seen by a reader of its own."""
        return self._anthropic.take_text() + super().take_text()

    def _look(self, answer: Document) -> None:
        self.model = self._anthropic.model or text(answer.get("model")) or self.model
        self.response_id = self._anthropic.response_id or self.response_id
        if answer.get("error"):
            self.fail(answer["error"])
        self._guardrail = told_units(answer) or self._guardrail
        self._told = native_usage(answer) or self._told
        if images := answer.get("images"):
            self._told = Usage(extras={"image": len(images)}) if isinstance(images, list) else None
        seen = self._anthropic
        self.visible_bytes, self.visible_events = (
            max(self.visible_bytes, seen.visible_bytes),
            max(self.visible_events, seen.visible_events),
        )
        self.called = seen.called
        if not seen.visible_bytes:
            self._see(answer)

    def _see(self, answer: Document) -> None:
        for key in _DEFAULT_SEEN:
            self.see(answer.get(key))
        self.see_json(document(answer.get("contentBlockDelta")).get("delta"))
        for each in (*documents(answer.get("outputs")), *documents(answer.get("generations"))):
            self.see(each.get("text"))
        for choice in documents(answer.get("choices")):
            self.see_json([choice.get("delta"), choice.get("message")])

    def _charge(self) -> None:
        """
        The larger count of each kind, at the main model; helpers as the vendor tells them.

        What no answer counts (searches of a ranking, pictures that are embedded or drawn) is what
        was held.
        """
        vendors = self._anthropic.charges
        told = [each for each in (self._told, self._counted, self._measured) if each is not None]
        told = [*(charge.usage for charge in vendors[:1]), *told]
        units = {} if vendors else self.uncounted
        if told or (units and not self.ask.text_bytes):
            usage = largest(told)
            seen = self.visible_bytes
            guardrail = billed_units(self.ask, self._guardrail, seen_characters=seen)
            usage = replace(usage, extras={**units, **guardrail, **usage.extras})
            main = vendors[0] if vendors else Charge(self.served_model, usage)
            self.charge_all((replace(main, model=self.served_model, usage=usage), *vendors[1:]))


def native_usage(answer: Document) -> Usage | None:
    """What the vendors of the models say, Anthropic excepted."""
    usage = document(answer.get("usage") or document(answer.get("metadata")).get("usage"))
    if "inputTokens" in usage or "outputTokens" in usage:  # Amazon Nova
        return token_usage(usage)
    if "prompt_tokens" in usage or "completion_tokens" in usage:  # OpenAI, AI21 Jamba, Qwen
        return compatible_usage(usage)
    units = document(document(answer.get("meta")).get("billed_units"))
    if units:  # Cohere
        return Usage(count(units.get("input_tokens")), count(units.get("output_tokens")))
    if "prompt_token_count" in answer or "generation_token_count" in answer:  # Meta
        return Usage(
            count(answer.get("prompt_token_count")), count(answer.get("generation_token_count"))
        )
    if "inputTextTokenCount" in answer:  # Amazon Titan
        results = sum(count(each.get("tokenCount")) for each in documents(answer.get("results")))
        output = count(answer.get("totalOutputTextTokenCount")) or results
        return Usage(count(answer.get("inputTextTokenCount")), output)
    if isinstance(prompt := answer.get("prompt"), dict) and "completions" in answer:  # AI21 J2
        written = [document(each.get("data")) for each in documents(answer["completions"])]
        return Usage(_length(prompt.get("tokens")), sum(_length(d.get("tokens")) for d in written))
    return None


def _length(tokens: Any) -> int:
    return len(tokens) if isinstance(tokens, list) else 0


def _unwrapped(encoded: object) -> Document:
    try:
        inner = json.loads(base64.b64decode(text(encoded)))
    except (ValueError, binascii.Error, RecursionError):
        return {}
    return inner if isinstance(inner, dict) else {}
