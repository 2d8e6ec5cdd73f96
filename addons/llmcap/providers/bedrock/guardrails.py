"""
Guardrails of Bedrock, inside a call to a model or by themselves: policy units beside its tokens.

Each policy bills the text that it looks at, of the prompt and of the answer, in units of 1,000
characters. How many they were is only told where the request asks for a trace; else it is what was
held for the prompt and what was seen of the answer, at every policy that a guardrail may have.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_GuardrailUsage.html,
https://aws.amazon.com/bedrock/pricing ("Guardrails")
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from llmcap.providers.parts.content import measure
from llmcap.providers.parts.reader import BaseReader, count, document, documents
from llmcap.providers.parts.shape import Ask, Document, Request
from llmcap.words.errors import FormatError
from llmcap.words.records import Count, Usage

UNIT_CHARACTERS = 1_000
# The longest token of any vocabulary that is published: 128 spaces, in OpenAI's o200k_base. A table
# or a drawing is mostly made of long ones.
TOKEN_CHARACTERS = 128
# https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-automated-reasoning-checks.html
REASONING_POLICIES_MAX = 2

# What is told of each policy, and the unit that it is billed by. Words and patterns are free.
UNITS = {
    "contentPolicyUnits": "guardrail_content",
    "topicPolicyUnits": "guardrail_topic",
    "sensitiveInformationPolicyUnits": "guardrail_sensitive",
    "contextualGroundingPolicyUnits": "guardrail_grounding",
    "automatedReasoningPolicyUnits": "guardrail_reasoning",
    "contentPolicyImageUnits": "guardrail_image",
}
_TEXT_UNITS = tuple(unit for unit in UNITS.values() if unit != "guardrail_image")
_TIMES = {"guardrail_reasoning": REASONING_POLICIES_MAX}

# Looked at only where a text of the request is marked as the source that the answer shall keep to:
# https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-contextual-grounding-check.html
_GROUNDING = "guardrail_grounding"
# Not where the answer is streamed, and so says the page named above.
_REASONING = "guardrail_reasoning"

_HEADER = "x-amzn-bedrock-guardrailidentifier"
_DEPTH_MAX = 20


def guarded(ask: Ask, request: Request, body: Document) -> Ask:
    """The same call with what its guardrail may be billed, where it names one."""
    config = document(body.get("guardrailConfig"))
    if not (config.get("guardrailIdentifier") or request.headers.get(_HEADER)):
        return ask
    pieces = sum(1 for _ in _texts(body, 0)) + (ask.choices if ask.generates else 0)
    pictures = sum(1 for media in ask.media if media.kind != "audio")
    fees = _fees(ask.text_bytes // UNIT_CHARACTERS + pieces, pictures)
    spared = {_GROUNDING} if "grounding" not in json.dumps(body).lower() else set()
    if ask.stream:
        spared.add(_REASONING)
    fees = {unit: number for unit, number in fees.items() if unit not in spared}
    each = Decimal(TOKEN_CHARACTERS) / UNIT_CHARACTERS
    written = {unit: each * _TIMES.get(unit, 1) for unit in _TEXT_UNITS if unit in fees}
    return replace(ask, fees={**ask.fees, **fees}, written_fees=written)


def _fees(units: int, pictures: int) -> dict[str, Count]:
    fees: dict[str, Count] = {unit: units * _TIMES.get(unit, 1) for unit in _TEXT_UNITS}
    return {**fees, "guardrail_image": pictures} if pictures else fees


def _texts(value: Any, depth: int) -> Iterator[str]:
    """Texts of a conversation: each may begin a unit of its own."""
    if depth > _DEPTH_MAX:
        return
    if isinstance(value, dict):
        for key, each in value.items():
            if isinstance(each, str):
                if key in ("text", "prompt", "inputText", "content", "message"):
                    yield each
            else:
                yield from _texts(each, depth + 1)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each, depth + 1)


# --- what was told --------------------------------------------------------------------------


def told_units(answer: Document) -> dict[str, Count] | None:
    """The units of all assessments of a trace, or None where there is no trace."""
    trace = document(document(answer.get("trace")).get("guardrail"))
    trace = trace or document(document(answer.get("amazon-bedrock-trace")).get("guardrail"))
    found = [*_usages(trace, 0)]
    if not found:
        return None
    units: dict[str, Count] = {}
    for usage in found:
        for unit, number in usage_units(usage).items():
            units[unit] = units.get(unit, 0) + number
    return units


def usage_units(usage: Document) -> dict[str, Count]:
    """What one `GuardrailUsage` is billed as."""
    units: dict[str, Count] = {
        unit: number for name, unit in UNITS.items() if (number := count(usage.get(name)))
    }
    if "guardrail_reasoning" in units:
        units["guardrail_reasoning"] *= max(count(usage.get("automatedReasoningPolicies")), 1)
    return units


def _usages(value: Any, depth: int) -> Iterator[Document]:
    if depth > _DEPTH_MAX:
        return
    if isinstance(value, dict):
        usage = document(document(value.get("invocationMetrics")).get("usage"))
        if usage:
            yield usage
        for key, each in value.items():
            if key != "invocationMetrics":
                yield from _usages(each, depth + 1)
    elif isinstance(value, list):
        for each in value:
            yield from _usages(each, depth + 1)


def billed_units(
    ask: Ask, told: Mapping[str, Count] | None, *, seen_characters: int
) -> Mapping[str, Count]:
    """What was told, else what was held, with the answer as long as it was seen to be."""
    if told is not None:
        return told
    held = {unit: ask.fees[unit] for unit in UNITS.values() if unit in ask.fees}
    seen = seen_characters // UNIT_CHARACTERS
    return {
        unit: number + seen * _TIMES.get(unit, 1) if unit in ask.written_fees else number
        for unit, number in held.items()
    }


# --- a guardrail by itself ------------------------------------------------------------------

# The price book's entry for it: nothing but the fees.
GUARDRAIL = "guardrail"


def read_apply(request: Request) -> Ask:
    """What a request to apply a guardrail to some content asks for."""
    body = request.document()
    if not isinstance(body.get("content"), list):
        raise FormatError("there is no content that a guardrail could look at")
    content = measure(request)
    pieces = len(documents(body["content"]))
    units = content.text_bytes // UNIT_CHARACTERS + pieces
    pictures = sum(1 for media in content.media if media.kind != "audio")
    return Ask(
        model=GUARDRAIL,
        generates=False,
        hidden_work=False,
        fees=_fees(units, pictures),
        tools=False,
    )


class ApplyReader(BaseReader):
    """The answer of a guardrail that was applied by itself."""

    tells = "policy units"

    def body(self, document: Document) -> None:
        """A whole answer."""
        usage = document.get("usage")
        if isinstance(usage, dict) and usage:
            self.charge(Usage(extras=usage_units(usage)))
            self.complete = True
