"""
The wire format of Bedrock's Converse API: one shape for the models of all vendors.

A stream is an AWS event stream; its `metadata` event, the last one, has the usage.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import override

from llmcap.pricing.terms import LATENCY, TIER, settled
from llmcap.providers.anthropic.messages import short_window
from llmcap.providers.bedrock.guardrails import billed_units, guarded, told_units
from llmcap.providers.bedrock.usage import (
    CHOICES,
    LATENCY_HEADER,
    LIMITS,
    TIER_HEADER,
    asked_terms,
    headers_usage,
    largest,
    model_in,
    token_usage,
    told_terms,
)  # fmt: skip
from llmcap.providers.parts.billed import PricedAsAsked
from llmcap.providers.parts.content import measure
from llmcap.providers.parts.limits import highest
from llmcap.providers.parts.reader import document, documents, limit_in, text, times
from llmcap.providers.parts.shape import Ask, Document, Request
from llmcap.providers.parts.tags import tagged
from llmcap.words.records import Usage

# What the vendor of the model understands and Converse passes on.
_NATIVE = "additionalModelRequestFields"


def read_converse(request: Request) -> Ask:
    """What a request to converse asks for."""
    body = request.document()
    content = measure(request)
    model = model_in(request.path)
    betas = str(document(body.get(_NATIVE)).get("anthropic_beta"))
    ask = Ask(
        model=model,
        stream=request.path.lower().endswith("-stream"),
        text_bytes=content.text_bytes,
        media=content.media,
        output_limit=_limit(body),
        choices=max(_choices(body.get(_NATIVE)), 1),
        terms=(*asked_terms(request, body), *short_window(model, betas)),
        tools=_has_tools(body),
        # A prompt that is kept at Bedrock is not in the body.
        remote_input="promptVariables" in body or ":prompt/" in request.path,
        attributes=tagged(document(body.get("requestMetadata"))),
    )
    return guarded(ask, request, body)


def limit_converse(body: Document, limit: int) -> Document | None:
    """The same request with this limit, or None where its budget for thinking is above that."""
    thinking = document(document(body.get(_NATIVE)).get("thinking"))
    budget = thinking.get("budget_tokens")
    if limit < 1 or (isinstance(budget, int) and budget >= limit):
        return None
    config = {**document(body.get("inferenceConfig")), "maxTokens": limit}
    changed = {**body, "inferenceConfig": config}
    return {**changed, _NATIVE: _lowered(body[_NATIVE], limit)} if body.get(_NATIVE) else changed


def _limit(body: Document) -> int | None:
    """
    The limit of Converse, or that of the model's vendor where that is there too and is higher.

    Which of the two counts is not documented.
    """
    told = document(body.get("inferenceConfig")).get("maxTokens")
    limits = [limit_in(each) for each in (told, *_limits_below(body.get(_NATIVE)))]
    return None if told is None else highest(limits)


def _limits_below(fields: object) -> Iterator[object]:
    for name, value in document(fields).items():
        if name in LIMITS and value is not None:
            yield value
        yield from _limits_below(value)


def _lowered(fields: Document, limit: int) -> Document:
    return {
        name: limit
        if name in LIMITS
        else _lowered(value, limit)
        if isinstance(value, dict)
        else value
        for name, value in fields.items()
    }


def _has_tools(body: Document) -> bool:
    """Whether it describes tools, in the field of Converse or in those of the vendor."""
    return "toolConfig" in body or "tools" in json.dumps(body.get(_NATIVE))


def _choices(fields: object) -> int:
    """How many answers the model's vendor is asked for."""
    return max((times(document(fields).get(name)) for name in CHOICES), default=0)


class ConverseReader(PricedAsAsked):
    """A conversation's answer, whole or streamed."""

    tells = "usage and head: the larger; policy units of guardrails"
    tells_terms = frozenset((TIER, LATENCY))

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask)
        self._counted: Usage | None = None
        self._invoked = ""

    @property
    @override
    def served_model(self) -> str:
        """The model whose price applies: a router tells which it chose."""
        return self._invoked or super().served_model

    @override
    def head(self, headers: Mapping[str, str]) -> None:
        """Some answers have counts and terms in their head too."""
        self._counted = headers_usage(headers)
        self.terms = told_terms(headers.get(TIER_HEADER), headers.get(LATENCY_HEADER))

    @override
    def event(self, event: Document, name: str = "") -> None:
        """One event of a stream, or the exception that ends it."""
        if name.endswith("Exception"):
            self.fail(name)
        elif name == "metadata" or "usage" in event:
            self._metadata(event)
        else:
            self.see_json(event.get("delta"))
            self.see_json(event.get("start"))
            self.called += "toolUse" in document(event.get("start"))

    def body(self, document: Document) -> None:
        """A whole answer."""
        if "output" in document:
            self.see_json(_content(document))
        self._metadata(document)

    def _metadata(self, told: Document) -> None:
        usage = told.get("usage")
        routed = document(document(told.get("trace")).get("promptRouter"))
        self._invoked = text(routed.get("invokedModelId")) or self._invoked
        counted = [self._counted] if self._counted else []
        if isinstance(usage, dict) and usage:
            counted = [token_usage(usage), *counted]
        elif self.ask.stream or not counted:
            return  # the head of a stream cannot know its end
        terms = told_terms(
            document(told.get("serviceTier")).get("type"),
            document(told.get("performanceConfig")).get("latency"),
        )
        self.terms = settled(self.terms, terms)
        told_of = told_units(told)
        units = billed_units(self.ask, told_of, seen_characters=self.visible_bytes)
        self.charge(replace(largest(counted), extras=units))
        self.complete = True


def _content(answer: Document) -> list[object]:
    message = document(document(answer.get("output")).get("message"))
    return [*documents(message.get("content"))]
