"""
Which vendors stop, and bill no more than they have made, when the client of an answer goes.

A fact per vendor with its source. Where nobody says it, a vendor is taken to go on to the end of
the answer, and an answer whose end was not seen costs all that was held for it.
"""

from collections.abc import Mapping
from types import MappingProxyType

# "To cancel a synchronous response, terminate the connection": of any answer, streamed or not.
_OPENAI = "https://developers.openai.com/api/docs/guides/background, Limits"
_AZURE = "https://learn.microsoft.com/azure/foundry/openai/how-to/responses, Limitations"
STOP: Mapping[str, str] = MappingProxyType({"openai": _OPENAI, "azure-openai": _AZURE})

# OpenRouter keeps a list of vendors whose streams stop, and are billed no further, when it closes
# its connection; on its second list are those that go on: Bedrock, Google, Groq, Mistral, ... Of
# answers that are not streamed it says that all go on.
_OPENROUTER = "https://openrouter.ai/docs/api-reference/streaming, Stream Cancellation"
STOP_STREAMS: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(
        (
            "anthropic", "anyscale", "avian", "azure-ai", "chutes", "cohere", "deepinfra",
            "deepseek", "fireworks", "friendliai", "hyperbolic", "together", "xai",
        ),
        _OPENROUTER,
    )
)  # fmt: skip

# Novita is on that list, but says of itself that it goes on: novita.ai/docs/guides/llm-billing.


# Those that go on, and bill the whole answer: on its second list, and whatever is not streamed.
GO_ON: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("aws-bedrock", "google", "google-vertex", "groq", "mistral"), _OPENROUTER)
)


def goes_on(provider: str, *, stream: bool) -> bool:
    """Whether this vendor is known to finish, and to bill, such an answer when its client goes."""
    return provider in GO_ON or (not stream and provider in STOP_STREAMS)


def stops(provider: str, *, stream: bool) -> bool:
    """Whether this vendor is known to stop such an answer when its client goes."""
    return provider in STOP or (stream and provider in STOP_STREAMS)
