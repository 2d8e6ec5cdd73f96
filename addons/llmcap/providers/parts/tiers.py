"""
The words by which requests ask for a tier, and by which answers tell the one that served.

Every vendor's words mean one of few things, so they stand in one table. A word that is not in it is
some tier that nobody knows here, and is priced as the dearest (`pricing.terms`).
"""

from llmcap.pricing.terms import BATCH, FLEX, PRIORITY, STANDARD, ULTRAFAST, UNKNOWN

# What says nothing: the account's own default. Groq's `auto` is the best that an account has, which
# costs what the default does (https://console.groq.com/docs/service-tiers).
_SAYS_NOTHING = ("", "auto", "unspecified")

_WORDS = {
    # OpenAI: `fast` is told as `priority` (developers.openai.com/api/docs/guides/fast-mode), and
    # scale is bundles of tokens that are paid before (https://openai.com/api-scale-tier).
    "default": STANDARD,
    "flex": FLEX,
    "priority": PRIORITY,
    "fast": PRIORITY,
    "ultrafast": ULTRAFAST,
    "scale": STANDARD,
    "batch": BATCH,
    # Anthropic: https://platform.claude.com/docs/en/api/service-tiers
    "standard": STANDARD,
    "standard_only": STANDARD,
    # Groq: performance is capacity that is paid before
    # (https://console.groq.com/docs/performance-tier).
    "on_demand": STANDARD,
    "performance": STANDARD,
    # Bedrock: reserved is capacity too, and what is above it goes to the standard tier
    # (https://docs.aws.amazon.com/bedrock/latest/userguide/service-tiers-inference.html).
    "reserved": STANDARD,
    # Vertex AI, `usageMetadata.trafficType`: provisioned throughput is paid before, and off-peak
    # traffic has no published price, so that of the day counts.
    "on_demand_offpeak": STANDARD,
    "on_demand_priority": PRIORITY,
    "on_demand_flex": FLEX,
    "provisioned_throughput": STANDARD,
}

# google.cloud.aiplatform.v1.GenerateContentResponse.UsageMetadata.TrafficType, where enums are told
# as numbers.
_TRAFFIC = {
    1: "on_demand", 2: "provisioned_throughput", 3: "on_demand_priority", 4: "on_demand_flex",
}  # fmt: skip


def is_placeholder(value: str) -> bool:
    """Whether a value is what a recorder put in place of one: `<LOCATION>`. It says nothing."""
    return value.startswith("<")


def tier(value: object) -> tuple[str, ...]:
    """The term that a value stands for; none where it says nothing."""
    if value is None:
        return ()
    if isinstance(value, int) and not isinstance(value, bool):
        value = _TRAFFIC.get(value, "" if value == 0 else str(value))
    if not isinstance(value, str):
        return (UNKNOWN,)
    if is_placeholder(value):
        return ()
    word = value.strip().lower().removeprefix("service_tier_").removeprefix("traffic_type_")
    if word in _SAYS_NOTHING:
        return ()
    return (_WORDS.get(word, UNKNOWN),)
