"""
What Bedrock itself counts, beside what the model's vendor says: in headers, and at the end.

The sources may contradict each other, by a third of the tokens in public recordings, and it is not
documented which of them is billed: so the larger count of each kind is. In all of them the input
leaves out what was read from or written to the cache.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from urllib.parse import unquote

from llmcap.pricing.terms import LATENCY, OPTIMIZED, base_of
from llmcap.providers.parts.reader import count, document, documents
from llmcap.providers.parts.shape import Document, Request
from llmcap.providers.parts.tiers import tier
from llmcap.words.records import Usage

METRICS = "amazon-bedrock-invocationMetrics"
_HEADER = "x-amzn-bedrock-"
TIER_HEADER = "x-amzn-bedrock-service-tier"
LATENCY_HEADER = "x-amzn-bedrock-performanceconfig-latency"


# The names that vendors have for the limit of an answer, and for how many there are to be.
LIMITS = frozenset((
    "max_tokens", "max_tokens_to_sample", "max_completion_tokens", "max_gen_len", "maxTokens",
    "maxTokenCount", "max_new_tokens", "max_output_tokens",
))  # fmt: skip
CHOICES = ("n", "num_generations", "numResults")


def model_in(path: str) -> str:
    """The model that a path names: everything between `/model/` and the operation."""
    name = path[len("/model/") :].rpartition("/")[0] if path.lower().startswith("/model/") else ""
    return unquote(name)


# What stands for a model in a path and does not say which: a profile of one's own, a router.
_STANDS = re.compile(r":(?:application-inference-profile|(?:default-)?prompt-router)/")


def stands_for(model: str) -> str:
    """The name of what stands in a model's place, where that is no model; else nothing."""
    return model if _STANDS.search(model) else ""


def asked_terms(request: Request, body: Document) -> tuple[str, ...]:
    """
    The tier and the latency that a request asks for: in its body or, where that is the model
    vendor's own, in its head.
    """
    asked = document(body.get("serviceTier")).get("type") or body.get("service_tier")
    latency = document(body.get("performanceConfig")).get("latency")
    headers = request.headers
    return told_terms(asked or headers.get(TIER_HEADER), latency or headers.get(LATENCY_HEADER))


def told_terms(tier_word: object, latency: object) -> tuple[str, ...]:
    """The terms of a tier and of a latency, as requests and answers have them."""
    if latency is None:
        return tier(tier_word)
    fast = base_of(LATENCY) if latency == "standard" else OPTIMIZED
    return (*tier(tier_word), fast)


def headers_usage(headers: Mapping[str, str]) -> Usage | None:
    """The counts in the head of an answer, where it has any."""
    found = {
        name: int(value)
        for name in ("input", "output", "cache-read-input", "cache-write-input")
        if (value := headers.get(f"{_HEADER}{name}-token-count", "")).isdecimal()
        and value.isascii()
        and len(value) < 13
    }
    if not found:
        return None
    return _usage(
        found.get("input", 0),
        found.get("output", 0),
        found.get("cache-read-input", 0),
        found.get("cache-write-input", 0),
    )


def metrics_usage(event: Document) -> Usage | None:
    """The counts at the end of a stream, where it has any."""
    metrics = event.get(METRICS)
    if not isinstance(metrics, dict):
        return None
    return _usage(
        count(metrics.get("inputTokenCount")),
        count(metrics.get("outputTokenCount")),
        count(metrics.get("cacheReadInputTokenCount")),
        count(metrics.get("cacheWriteInputTokenCount")),
    )


def token_usage(usage: Document) -> Usage:
    """A `TokenUsage`, as `converse` and Amazon's own models have it."""
    read = count(usage.get("cacheReadInputTokens")) or count(usage.get("cacheReadInputTokenCount"))
    written = count(usage.get("cacheWriteInputTokens")) or count(
        usage.get("cacheWriteInputTokenCount")
    )
    details = documents(usage.get("cacheDetails"))
    hours = sum(count(each.get("inputTokens")) for each in details if each.get("ttl") == "1h")
    told = _usage(count(usage.get("inputTokens")), count(usage.get("outputTokens")), read, written)
    # What only the total has is output, the dearest that it can be.
    output = max(told.output_tokens, count(usage.get("totalTokens")) - told.input_tokens)
    long_lived = min(hours, written)
    return replace(
        told,
        output_tokens=output,
        cache_write_5m=written - long_lived,
        cache_write_1h=long_lived,
    )


def largest(told: Iterable[Usage]) -> Usage:
    """The larger count of each kind; parts follow the first that tells them."""
    known = Usage()
    for each in told:
        known = replace(
            each,
            input_tokens=max(known.input_tokens, each.input_tokens),
            output_tokens=max(known.output_tokens, each.output_tokens),
            cache_read=max(known.cache_read, each.cache_read),
            cache_write_5m=max(known.cache_write_5m, each.cache_write_5m - known.cache_write_1h),
            cache_write_1h=max(known.cache_write_1h, each.cache_write_1h),
            reasoning=max(known.reasoning, each.reasoning),
            extras={**each.extras, **known.extras},
        )
    return known


def _usage(uncached: int, output: int, read: int, written: int) -> Usage:
    return Usage(
        input_tokens=uncached + read + written,
        output_tokens=output,
        cache_read=read,
        cache_write_5m=written,
    )
