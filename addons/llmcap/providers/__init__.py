"""
The table of providers, and the way from a request's host, method and path to its endpoint.

A file per vendor whose API is its own, a row of `vendors` for each that speaks OpenAI's. Hosts that
a config adds come before all of these. A request comes in, and out goes whose it is and how it is
read and metered. A provider never knows a budget, a ledger or a price.
"""

from collections.abc import Iterable
from dataclasses import replace

from llmcap.providers import (
    azure,
    cohere,
    deepseek,
    fireworks,
    gateways,
    github,
    groq,
    huggingface,
    local,
    moonshot,
    openrouter,
    perplexity,
    rankers,
    replicate,
    sellers,
    together,
    vendors,
    venice,
    vercel,
    voices,
    warehouses,
    watsonx,
    writer,
)
from llmcap.providers.anthropic.provider import PROVIDER as ANTHROPIC
from llmcap.providers.bedrock import control as bedrock_control
from llmcap.providers.bedrock.provider import ANTHROPIC as BEDROCK_ANTHROPIC
from llmcap.providers.bedrock.provider import PROVIDER as BEDROCK
from llmcap.providers.dashscope.provider import PROVIDER as DASHSCOPE
from llmcap.providers.google import vertex
from llmcap.providers.google.provider import PROVIDER as GOOGLE
from llmcap.providers.mistral.provider import PROVIDER as MISTRAL
from llmcap.providers.openai import codex
from llmcap.providers.openai.provider import PROVIDER as OPENAI
from llmcap.providers.parts.routes import found_by
from llmcap.providers.parts.shape import Endpoint, Provider
from llmcap.providers.parts.spelling import normal
from llmcap.providers.parts.table import Table
from llmcap.providers.xai.provider import PROVIDER as XAI
from llmcap.words.errors import ConfigError
from llmcap.words.meant import meant
from llmcap.words.rules import OwnHost

PROVIDERS: tuple[Provider, ...] = (
    OPENAI,
    ANTHROPIC,
    GOOGLE,
    azure.OPENAI,
    azure.FOUNDRY_PROVIDER,
    BEDROCK,
    *bedrock_control.AROUND,
    BEDROCK_ANTHROPIC,
    vertex.PROVIDER,
    vertex.ANTHROPIC,
    codex.PROVIDER,
    github.COPILOT,
    github.MODELS,
    MISTRAL,
    moonshot.PROVIDER,
    cohere.PROVIDER,
    DASHSCOPE,
    XAI,
    deepseek.PROVIDER,
    fireworks.PROVIDER,
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
    *gateways.GATEWAYS,
    *vendors.VENDORS,
    *sellers.PROVIDERS,
)

_BY_NAME = {provider.name: provider for provider in (*PROVIDERS, local.PROVIDER)}
_TABLE = Table(PROVIDERS)


def with_hosts(own: Iterable[OwnHost]) -> None:
    """
    From now on the hosts of a config are providers' too, and no others that were added before.

    They come before what the table knows, so a gateway may stand under any name. Raises
    `ConfigError` for one that is like nobody in the table.
    """
    _TABLE.add(provider_like(host) for host in own)


def provider_like(own: OwnHost) -> Provider:
    """The provider that a host of the config is. Raises `ConfigError` for an unknown `like`."""
    model = provider_named(own.like)
    return replace(model, name=own.name, hosts=(own.host,), prices=own.prices, api_only=True)


def provider_named(name: str) -> Provider:
    """A provider of the table by its name. Raises `ConfigError` where there is none."""
    if name not in _BY_NAME:
        raise ConfigError(f"there is no provider {name!r}\nhint: {provider_hint(name)}")
    return _BY_NAME[name]


def provider_hint(name: str) -> str:
    """What may have been meant by a name that is none of the table's."""
    return f"{meant(name, provider_names())}`llmcap providers` lists them"


def provider_names() -> tuple[str, ...]:
    """Every name that a host of the config can be `like`, sorted."""
    return tuple(sorted(_BY_NAME))


def hosts() -> tuple[str, ...]:
    """Every host and pattern that is a provider's, those of the config with them."""
    return tuple(host for provider in _TABLE.providers for host in provider.hosts)


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
        if provider.inside and (within := provider.inside(method.upper(), normal(path))):
            return within
        return provider, found_by(provider.match, method.upper(), path)
    if host.lower() in local.HOSTS:
        found = local.match(method.upper(), path)
        return (local.PROVIDER, found) if found else None
    return None
