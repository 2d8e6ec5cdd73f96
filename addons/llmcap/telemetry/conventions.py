"""
One call in the words of OpenTelemetry's GenAI conventions.

https://github.com/open-telemetry/semantic-conventions-genai (docs/gen-ai), names as the package
opentelemetry-semantic-conventions 0.66b2 lists them. What costs are called there is a proposal
(pull request 443 of that repository), so those attributes are told only where the config asks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from llmcap.words.money import usd_string
from llmcap.words.records import Call, Ending, Settlement

Attribute = str | int | float

TOKEN_USAGE = "gen_ai.client.token.usage"  # noqa: S105 - no password
DURATION = "gen_ai.client.operation.duration"
# The buckets that the conventions name for each.
TOKEN_BUCKETS = tuple(4**power for power in range(14))
SECOND_BUCKETS = tuple(0.01 * 2**power for power in range(14))

# Ours -> theirs, where they differ; a name that the conventions do not have is used as it is.
PROVIDERS: Mapping[str, str] = {
    "anthropic-google": "gcp.vertex_ai",
    "aws-bedrock": "aws.bedrock",
    "azure-ai": "azure.ai.inference",
    "azure-openai": "azure.ai.openai",
    "google": "gcp.gemini",
    "google-vertex": "gcp.vertex_ai",
    "mistral": "mistral_ai",
    "openai-codex": "openai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
# What the name of an endpoint begins with or has in it -> the operation, the first that fits.
_OPERATIONS = (
    ("embed", "embeddings"),
    ("generatecontent", "generate_content"),
    ("chat", "chat"),
    ("message", "chat"),
    ("response", "chat"),
    ("converse", "chat"),
    ("conversation", "chat"),
    ("complet", "text_completion"),
)


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a call. Without a settlement it was refused, for a `reason`."""

    call: Call
    ended_at: datetime
    settlement: Settlement | None = None
    reason: str = ""

    @property
    def error(self) -> str:
        """Why it is no success, as a word of few; empty for one that is."""
        if self.settlement is None:
            return self.reason
        return "not_served" if self.settlement.ending is Ending.RELEASED else ""


def operation_of(endpoint: str) -> str:
    """The operation's name in the conventions; a custom one where they have none."""
    name = endpoint.lower().replace(" ", "_")
    return next((operation for mark, operation in _OPERATIONS if mark in name), name)


def common(done: Done) -> dict[str, Attribute]:
    """What spans and both metrics have: few values each, all known before or in a price book."""
    call = done.call
    found: dict[str, Attribute] = {
        "gen_ai.operation.name": operation_of(call.endpoint),
        "gen_ai.provider.name": PROVIDERS.get(call.provider, call.provider),
        "server.address": call.attributes.get("host", ""),
        "error.type": done.error,
    }
    if done.settlement is not None:
        # The model of a call that was refused can be any text.
        found["gen_ai.request.model"] = call.model
        found["gen_ai.response.model"] = done.settlement.model or ""
    return {name: value for name, value in found.items() if value != ""}


def of_span(done: Done, *, cost: bool) -> tuple[str, dict[str, Attribute]]:
    """The name of a call's span, and its attributes."""
    found = common(done) | {"gen_ai.request.model": done.call.model, "server.port": 443}
    found["gen_ai.conversation.id"] = done.call.attributes.get("session", "")
    end = done.settlement
    if end is not None and not done.error:
        usage = end.usage
        found |= {
            "gen_ai.response.id": end.response_id or "",
            "gen_ai.usage.input_tokens": usage.input_tokens,
            "gen_ai.usage.output_tokens": usage.output_tokens,
            "gen_ai.usage.cache_read.input_tokens": usage.cache_read,
            "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_5m + usage.cache_write_1h,
            "gen_ai.usage.reasoning.output_tokens": usage.reasoning,
            "llmcap.assumed": int(end.ending is Ending.ASSUMED),
        }
        if cost:
            # OTLP has no decimal. The ledger has the amount, and nothing is counted by this one.
            found |= {
                "gen_ai.usage.cost.amount": float(usd_string(end.cost_nanos)),
                "gen_ai.usage.cost.currency": "USD",
                "gen_ai.usage.cost.source": "local",
            }
    name = f"{found['gen_ai.operation.name']} {done.call.model}".strip()
    return name, {name: value for name, value in found.items() if value not in ("", 0)}


def tokens_of(done: Done) -> dict[str, int]:
    """The tokens of each type; none of a call that was not served."""
    if done.settlement is None or done.error:
        return {}
    usage = done.settlement.usage
    found = {"input": usage.input_tokens, "output": usage.output_tokens}
    return {kind: count for kind, count in found.items() if count}
