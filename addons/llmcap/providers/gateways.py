"""
Gateways that pass a request on to a vendor that the path or the host names, for that vendor's bill.

Cloudflare's AI Gateway has the vendor in its path and the vendor's own API behind it; the one API
for all of them (`compat`) names a vendor in each model, and has prices in no list. Workers AI are
Cloudflare's own models. Helicone's older hosts stand for one vendor each.
https://developers.cloudflare.com/ai-gateway/providers/
https://docs.helicone.ai/getting-started/integration-method/openai-proxy
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from llmcap.providers import cohere, deepseek, groq, openrouter, perplexity
from llmcap.providers.anthropic import provider as anthropic
from llmcap.providers.compatible import FREE, LATER, compatible, openai_api
from llmcap.providers.google import provider as google
from llmcap.providers.mistral import provider as mistral
from llmcap.providers.openai import provider as openai
from llmcap.providers.parts.routes import Routes, found_by, routes_to
from llmcap.providers.parts.shape import Endpoint, Provider
from llmcap.providers.vendors import VENDORS
from llmcap.providers.xai import provider as xai

_CLOUDFLARE = re.compile(r"/v1/[^/]+/[^/]+/([^/]+)(/.*)", re.IGNORECASE)
_CEREBRAS = next(vendor for vendor in VENDORS if vendor.name == "cerebras")

WORKERS = compatible(
    "cloudflare",
    "api.cloudflare.com",
    bases=("/client/v4/accounts/{}/ai/v1",),
    more=(
        (
            "POST",
            "/client/v4/accounts/{}/ai/run/**",
            replace(
                LATER,
                name="run",
                advice="The same models are metered under /ai/v1/chat/completions.",
            ),
        ),
        # Products of Cloudflare's in which these models work: searches, pages, documents.
        *routes_to(
            LATER,
            "POST",
            "/client/v4/accounts/{}/ai/tomarkdown",
            "/client/v4/accounts/{}/ai-search/**",
            "/client/v4/accounts/{}/autorag/**",
            "/client/v4/accounts/{}/browser-rendering/json",
        ),
    ),
    # All else on this host is Cloudflare itself.
    api_only=False,
)

# Whose API stands behind a name in the path, and below which of its own paths.
_VENDORS: Mapping[str, tuple[Provider, tuple[str, ...]]] = {
    "openai": (openai.PROVIDER, ("/v1", "")),
    "anthropic": (anthropic.PROVIDER, ("", "/v1")),
    "google-ai-studio": (google.PROVIDER, ("",)),
    "groq": (groq.PROVIDER, ("/openai/v1", "")),
    "mistral": (mistral.PROVIDER, ("", "/v1")),
    "cohere": (cohere.PROVIDER, ("", "/v1")),
    "deepseek": (deepseek.PROVIDER, ("", "/v1")),
    "perplexity-ai": (perplexity.PROVIDER, ("",)),
    "grok": (xai.PROVIDER, ("", "/v1")),
    "cerebras": (_CEREBRAS, ("/v1", "")),
    "openrouter": (openrouter.PROVIDER, ("/api", "/api/v1", "")),
    "workers-ai": (WORKERS, ("/client/v4/accounts/x/ai", "/client/v4/accounts/x/ai/run")),
}
_OTHERS = replace(
    LATER,
    name="another vendor behind a gateway",
    advice="Call the vendor itself, or name this host under `providers` with what it is like.",
)


def _inside(method: str, path: str) -> tuple[Provider, Endpoint | None] | None:
    """The vendor's own endpoint that a path of the gateway leads to."""
    found = _CLOUDFLARE.fullmatch(path)
    if found is None or (known := _VENDORS.get(found[1].lower())) is None:
        return None
    provider, bases = known
    for base in bases:
        if (endpoint := found_by(provider.match, method, base + found[2])) is not None:
            return provider, endpoint
    return provider, None


CLOUDFLARE = Provider(
    name="cloudflare-gateway",
    hosts=("gateway.ai.cloudflare.com",),
    match=Routes(
        (
            *openai_api("/v1/{}/{}/compat"),
            ("POST", "/v1/{}/{}/**", _OTHERS),  # several at once, and vendors that are not known
            ("GET", "/v1/{}/{}/**", FREE),
        )
    ),
    inside=_inside,
)

GATEWAYS = (
    WORKERS,
    CLOUDFLARE,
    replace(
        openai.PROVIDER,
        name="helicone-openai",
        hosts=("oai.helicone.ai", "oai.hconeai.com"),
        prices="openai",
    ),
    replace(
        anthropic.PROVIDER,
        name="helicone-anthropic",
        hosts=("anthropic.helicone.ai", "anthropic.hconeai.com"),
        prices="anthropic",
    ),
)
