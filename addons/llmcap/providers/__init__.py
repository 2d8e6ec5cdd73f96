"""
The table of providers, and the way from a request's host, method and path to its endpoint.

A file per vendor whose API is its own, a row of `compatible` for each that speaks OpenAI's. Hosts
that a config adds come before all of these.
"""

from llmcap.providers import (
    anthropic,
    azure,
    bedrock,
    codex,
    cohere,
    compatible,
    deepseek,
    github,
    google,
    groq,
    huggingface,
    local,
    mistral,
    openai,
    openrouter,
    perplexity,
    rankers,
    replicate,
    together,
    venice,
    vercel,
    vertex,
    voices,
    warehouses,
    watsonx,
    writer,
    xai,
)
from llmcap.providers.shape import Endpoint, Provider
from llmcap.providers.table import Table

PROVIDERS: tuple[Provider, ...] = (
    openai.PROVIDER,
    anthropic.PROVIDER,
    google.PROVIDER,
    azure.OPENAI,
    azure.FOUNDRY_PROVIDER,
    bedrock.PROVIDER,
    bedrock.AGENTS,
    bedrock.ANTHROPIC,
    vertex.PROVIDER,
    vertex.ANTHROPIC,
    codex.PROVIDER,
    github.COPILOT,
    github.MODELS,
    mistral.PROVIDER,
    cohere.PROVIDER,
    xai.PROVIDER,
    deepseek.PROVIDER,
    groq.PROVIDER,
    perplexity.PROVIDER,
    together.PROVIDER,
    openrouter.PROVIDER,
    vercel.PROVIDER,
    huggingface.PROVIDER,
    venice.PROVIDER,
    writer.PROVIDER,
    warehouses.DATABRICKS,
    warehouses.SNOWFLAKE,
    watsonx.PROVIDER,
    rankers.VOYAGE,
    rankers.JINA,
    voices.DEEPGRAM,
    voices.ELEVENLABS,
    replicate.PROVIDER,
    *compatible.VENDORS,
)

_TABLE = Table(PROVIDERS)


def provider_of(host: str) -> Provider | None:
    """Whose host it is, if it is a provider's. This machine's own servers are nobody's."""
    return _TABLE.find(host)


def match(host: str, method: str, path: str) -> tuple[Provider, Endpoint | None] | None:
    """
    The provider and the endpoint of a request.

    None for hosts that are no provider's; the endpoint is None where the provider's file does not
    know the method and path. A server on this machine is a provider's only where its path is one
    that a model works for.
    """
    provider = provider_of(host)
    if provider is not None:
        return provider, provider.match(method.upper(), path)
    if host.lower() in local.HOSTS:
        found = local.match(method.upper(), path)
        return (local.PROVIDER, found) if found else None
    return None
