"""
What Mistral's host has beside models: agents, workflows, libraries, what is observed, settings.

Most of it is kept or listed, and free. What runs in Mistral's cloud calls models there, and no
answer tells what that cost. The paths are those of the official package.
https://docs.mistral.ai/api
"""

from dataclasses import replace
from functools import partial

from llmcap.providers.compatible import FREE, LATER, Route
from llmcap.providers.parts.made import agents, making
from llmcap.providers.parts.routes import routes_to

IN_THE_CLOUD = replace(
    LATER,
    name="work in Mistral's cloud",
    advice="Call the model over /v1/chat/completions or /v1/conversations: those are metered.",
    dialect="mistral",
)
AGENTS = making("agents", agents, dialect="mistral")
MISTRAL_FREE = replace(FREE, dialect="mistral")
_later, _free = partial(routes_to, IN_THE_CLOUD), partial(routes_to, MISTRAL_FREE)

ROUTES: tuple[Route, ...] = (
    # What runs in Mistral's cloud: sessions, workflows, judges, searches, connectors.
    *_later("POST", "/v1/audio/sessions", "/v1/client/sessions", "/v1/triggers"),
    *_later("POST|PUT", "/v1/audio/agents/**", "/v1/context/search-indexes/**"),
    *_later("POST|PUT|PATCH", "/v1/workflows/**", "/v1/rag/**"),
    *_later("POST", "/v1/connectors/{}/tools/{}/call"),
    *_later("POST", "/v1/observability/dataset-records/{}/live-judging"),
    *_later("POST", "/v1/observability/judges/{}/live-judging"),
    *_later("POST|PUT", "/v1/observability/pipelines/**"),
    *_later("POST", "/v1/audio/voices"),
    # A document of a library is recognised, and made ready for searches.
    *_later("POST", "/v1/libraries/{}/documents"),
    *_later("POST", "/v1/libraries/{}/documents/{}/reprocess"),
    # What Mistral Vibe tells of its own use (mistral-vibe 3.0.2, vibe/core/telemetry/send.py).
    *_free("POST", "/v1/datalake/events"),
    # Settings, lists, what is kept.
    *_free("POST", "/v1/responses/input_tokens", "/v1/fine_tuning/jobs/{}/cancel"),
    *_free("POST|PATCH|DELETE", "/v1/fine_tuning/models/**"),
    ("POST|GET", "/v1/agents", AGENTS),
    ("PATCH|GET", "/v1/agents/{}", AGENTS),
    ("PATCH", "/v1/agents/{}/version", AGENTS),
    *_free("PUT", "/v1/agents/{}/aliases"),
    *_free("POST|PUT|PATCH|DELETE", "/v1/libraries", "/v1/libraries/{}"),
    *_free("PUT|DELETE", "/v1/libraries/{}/share"),
    *_free("PUT|PATCH|DELETE", "/v1/libraries/{}/documents/{}"),
    *_free("POST|PUT|PATCH|DELETE", "/v1/connectors", "/v1/connectors/{}"),
    *_free("POST|PUT|PATCH|DELETE", "/v1/connectors/{}/{}", "/v1/connectors/{}/{}/{}"),
    *_free("DELETE", "/v1/connectors/{}/{}/credentials/{}", "/v1/observability/pipelines/{}"),
    *_free("DELETE", "/v1/audio/sessions/{}", "/v1/batch/jobs/{}"),
    *_free("POST|PUT|PATCH|DELETE", "/v1/observability/datasets/**"),
    *_free("POST|PUT|DELETE", "/v1/observability/dataset-records/**"),
    *_free("POST", "/v1/observability/{}/search", "/v1/observability/{}/aggregate"),
    *_free("POST", "/v1/observability/spans/evaluations/**"),
    *_free("POST", "/v1/observability/evaluation-runs_v2/**"),
    *_free("POST", "/v1/observability/evaluations_v2/{}/runs/search"),
    *_free("POST|PUT|DELETE", "/v1/observability/judges", "/v1/observability/judges/{}"),
    *_free("POST|PUT|PATCH|DELETE", "/v1/service-accounts/**"),
    *_free("POST|PATCH|DELETE", "/v2/prompts/**", "/v2/skills/**", "/v1/webhooks/**"),
    *_free("PATCH|DELETE", "/v1/audio/voices/**"),
    ("GET", "/v1/agents/{}/versions", AGENTS),
    ("GET", "/v1/agents/{}/versions/{}", AGENTS),
    *_free("GET|DELETE", "/v1/agents/**", "/v1/audio/agents/**", "/v1/triggers/**"),
    *_free("GET|DELETE", "/v1/workflows/**", "/v1/rag/**", "/v1/context/**"),
    *_free("GET|DELETE", "/v1/conversations/**"),
    *_free("GET", "/v1/libraries/**", "/v1/connectors/**", "/v1/observability/**"),
    *_free("GET", "/v1/batch/**", "/v1/fine_tuning/**", "/v1/audio/**", "/v1/workspaces/**"),
    *_free("GET", "/v2/prompts/**", "/v2/skills/**", "/v1/webhooks/**"),
    *_free("GET", "/v1/service-accounts/**", "/v1/client/**", "/v1/roles/**"),
    *_free("GET", "/v1/users/**", "/v1/whoami", "/v2/audio/voices"),
)
