"""
GitHub: Copilot's models, and GitHub Models.

Copilot bills AI credits by the token, at a list of its own; completions while typing are part of
every plan. GitHub Models bill at the prices of Azure, whose names they have behind the publisher's.
https://docs.github.com/en/copilot/reference/copilot-billing/models-and-pricing
"""

from dataclasses import replace

from llmcap.providers.compatible import (
    FREE,
    LATER,
    Api,
    Read,
    Route,
    anthropic_api,
    compatible,
    openai_api,
)
from llmcap.providers.parts.limits import by_model
from llmcap.providers.parts.routes import Routes
from llmcap.providers.parts.shape import Ask, Provider, Request

_DIALECT = "github_copilot"
COPILOT_FREE = replace(FREE, dialect=_DIALECT)

# Refusals in Copilot's shape; a stream of responses ends as OpenAI's does.
_ROUTES: tuple[Route, ...] = (
    *openai_api("", "/v1", api=Api(limits=by_model, dialect=_DIALECT)),
    *anthropic_api("/v1"),
    ("POST", "/agents/**", replace(LATER, dialect=_DIALECT)),
    ("GET|POST|DELETE", "/mcp/**", COPILOT_FREE),
    ("POST", "/telemetry/**", COPILOT_FREE),
    ("POST", "/models/session/**", COPILOT_FREE),
    ("POST", "/v1/engines/**", COPILOT_FREE),
    ("POST", "/chunks", COPILOT_FREE),
)

COPILOT = Provider(
    name="github-copilot",
    hosts=("api.githubcopilot.com", "*.githubcopilot.com"),
    match=Routes(_ROUTES),
    api_only=False,
    dialect=_DIALECT,
)


def unpublished(read: Read) -> Read:
    """The same without the publisher in front of the model."""

    def read_unpublished(request: Request) -> Ask:
        ask = read(request)
        return replace(ask, model=ask.model.rpartition("/")[2])

    return read_unpublished


MODELS = compatible(
    "github-models",
    "models.github.ai",
    bases=("/inference", "/orgs/{}/inference"),
    api=Api(reads=unpublished, limits=by_model),
    prices="azure-ai",
)
