"""
What gateways and observers export of the calls that they saw: one row each, CSV or JSON.

- LiteLLM's spend logs (`LiteLLM_SpendLogs` in its schema.prisma): `request_id`, `startTime`,
  `model`, `custom_llm_provider`, `prompt_tokens`, `completion_tokens`, `metadata`.
- Langfuse's observations (langfuse.com/docs/api-and-data-platform/features/export-from-ui): `type`
  GENERATION, `startTime`, `model`, `usageDetails` by kind, `totalCost`.
- Helicone's requests (docs.helicone.ai, `request_response_rmt`): `request_id`, `response_id`,
  `request_created_at`, `model`, `provider`, `prompt_tokens`, `prompt_cache_read_tokens`, ...
"""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from llmcap.imports.found import Document, Found, Notes, count, moment, part
from llmcap.reconcile.reading import csv_rows, documents, first_char, opened
from llmcap.words.usage import Usage

LITELLM, LANGFUSE, HELICONE = "litellm", "langfuse", "helicone"

# Their names of providers that are not ours.
_PROVIDERS = {
    "azure": "azure-openai", "bedrock": "aws-bedrock", "bedrock_converse": "aws-bedrock",
    "aws": "aws-bedrock", "vertex_ai": "google-vertex", "gemini": "google",
    "vertex": "google-vertex",
    "together_ai": "together", "fireworks_ai": "fireworks", "text-completion-openai": "openai",
    "googlevertex": "google-vertex", "x": "xai", "amazon-bedrock": "aws-bedrock",
    "google-vertex-anthropic": "google-vertex", "togetherai": "together",
    "fireworks-ai": "fireworks",
}  # fmt: skip
_MAKERS = (("claude", "anthropic"), ("gpt-", "openai"), ("o1", "openai"), ("o3", "openai"),
           ("o4", "openai"), ("gemini", "google"), ("grok", "xai"), ("mistral", "mistral"),
           ("deepseek", "deepseek"), ("command", "cohere"))  # fmt: skip


def exported(path: Path, notes: Notes) -> Iterator[Found]:
    """The calls of an export, whose ever it is. Raises `ReconcileError` for a file that is none."""
    for row in _rows(path):
        reader = next((read for needed, read in _READERS if needed <= row.keys()), None)
        if reader is None:
            notes.add("rows of a form that is not known")
            continue
        found = reader(row)
        if found is None:
            notes.add("rows without tokens or time")
        else:
            yield found


def first_row(path: Path) -> Mapping[str, Any] | None:
    """The first row of a file, or None where it has none. Raises `ReconcileError`."""
    return next(_rows(path), None)


def is_export(row: Mapping[str, Any]) -> bool:
    """Whether a row is of one of these."""
    return any(needed <= row.keys() for needed, _ in _READERS)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with opened(path) as file:
        if first_char(file) in ("{", "["):
            for document in documents(file):
                inner = document.get("data") if isinstance(document, dict) else None
                for each in inner if isinstance(inner, list) else [document]:
                    if isinstance(each, dict):
                        yield each
            return
        header, rows = csv_rows(file)
        for row in rows:
            if row:
                yield dict(zip(header, row, strict=False))


def _litellm(row: Document) -> Found | None:
    at, key = moment(row.get("startTime")), str(row.get("request_id") or "")
    kept = _document(row.get("metadata"))
    usage_object = part(kept, "usage_object")
    details = part(usage_object, "prompt_tokens_details")
    read = count(usage_object.get("cache_read_input_tokens")) or count(details.get("cached_tokens"))
    usage = Usage(
        input_tokens=count(row.get("prompt_tokens")),
        output_tokens=count(row.get("completion_tokens")),
        cache_read=read,
        cache_write_5m=count(usage_object.get("cache_creation_input_tokens")),
    )
    if at is None or not key or usage == Usage() or str(row.get("cache_hit")) == "True":
        return None
    provider, model = whose(str(row.get("custom_llm_provider") or ""), str(row.get("model") or ""))
    return Found(LITELLM, provider, model, at, usage, key, told=True)


def _langfuse(row: Document) -> Found | None:
    at, key = moment(row.get("startTime")), str(row.get("id") or "")
    told = _document(row.get("usageDetails"))
    usage = Usage()
    if told:
        read = _first(told, "cache_read_input_tokens", "input_cached_tokens", "input_cache_read")
        written = _first(told, "cache_creation_input_tokens", "input_cache_creation")
        # Its integrations keep what was cached apart from `input`.
        usage = Usage(
            input_tokens=count(told.get("input")) + read + written,
            output_tokens=count(told.get("output"))
            + _first(told, "output_reasoning_tokens", "output_reasoning"),
            cache_read=read,
            cache_write_5m=written,
        )
    else:
        names = ("inputUsage", "promptTokens"), ("outputUsage", "completionTokens")
        usage = Usage(input_tokens=_first(row, *names[0]), output_tokens=_first(row, *names[1]))
    if at is None or not key or usage == Usage():
        return None
    provider, model = whose("", str(row.get("providedModelName") or row.get("model") or ""))
    return Found(LANGFUSE, provider, model, at, usage, f"{LANGFUSE}:{key}")


def _helicone(row: Document) -> Found | None:
    at = moment(row.get("request_created_at"))
    key = str(row.get("request_id") or "")
    read, written = (
        count(row.get("prompt_cache_read_tokens")), count(row.get("prompt_cache_write_tokens"))
    )  # fmt: skip
    usage = Usage(
        input_tokens=count(row.get("prompt_tokens")),
        output_tokens=count(row.get("completion_tokens")),
        cache_read=read,
        cache_write_5m=written,
    )
    if at is None or not key or usage == Usage():
        return None
    told = str(row.get("provider") or "").lower()
    provider, model = whose(told, str(row.get("response_model") or row.get("model") or ""))
    body = _document(row.get("response_body"))
    answered = body.get("id")
    if isinstance(answered, str) and answered:
        return Found(HELICONE, provider, model, at, usage, answered, told=True)
    return Found(HELICONE, provider, model, at, usage, f"{HELICONE}:{key}")


_READERS = (
    (frozenset(("request_id", "startTime", "prompt_tokens", "completion_tokens")), _litellm),
    (frozenset(("request_id", "request_created_at", "prompt_tokens")), _helicone),
    (frozenset(("id", "startTime", "traceId", "model")), _langfuse),
    (frozenset(("id", "startTime", "usageDetails")), _langfuse),
)


def whose(told: str, model: str) -> tuple[str, str]:
    """The provider and the id of a model, which may have its provider in front."""
    provider = _PROVIDERS.get(told.lower(), told.lower())
    head, slash, rest = model.partition("/")
    if not provider and slash:
        return _PROVIDERS.get(head, head), rest
    if slash and _PROVIDERS.get(head, head) == provider:
        model = rest
    if not provider:
        provider = next((each for name, each in _MAKERS if model.startswith(name)), "")
    return provider, model


def _document(value: object) -> Document:
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, Mapping) else {}


def _first(row: Document, *names: str) -> int:
    return next((found for name in names if (found := count(row.get(name)))), 0)


# A conversation may stand in one field of a row.
csv.field_size_limit(1 << 27)
