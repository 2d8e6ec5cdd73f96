"""
Anthropic's own API: api.anthropic.com.

The host serves Claude Code's telemetry and settings beside the API (`/api/...`), which are free and
must pass even when a cap is reached, else the program fails to start. Batches cost half and tell
their usage line by line in the results, fetched later.
https://docs.claude.com/en/api/overview
"""

from functools import partial

from llmcap.providers.anthropic.batches import (
    BatchReader,
    BatchResultsReader,
    read_batch,
    read_batch_results,
)
from llmcap.providers.anthropic.messages import (
    MessagesReader,
    limit_messages,
    limit_tools,
    read_complete,
    read_messages,
    using_tools,
)  # fmt: skip
from llmcap.providers.openai.chat import ChatReader, ask_usage, read_chat
from llmcap.providers.parts.limits import EITHER, either
from llmcap.providers.parts.routes import Routes, routes_to
from llmcap.providers.parts.shape import Billing, Endpoint, Provider

MESSAGES = Endpoint(
    name="messages",
    fields="messages",
    read=read_messages,
    reader=MessagesReader,
    limit=limit_messages,
    limit_tools=limit_tools,
    using_tools=using_tools,
    dialect="anthropic",
)
COMPLETE = Endpoint(
    name="complete",
    fields="complete",
    read=read_complete,
    reader=MessagesReader,
    dialect="anthropic",
)
# In OpenAI's format: both limits are obeyed, one answer is given, and what else it does not know is
# skipped. https://platform.claude.com/docs/en/api/openai-sdk
CHAT = Endpoint(
    name="chat completions",
    fields="chat",
    read=partial(read_chat, limits=either),
    reader=ChatReader,
    limit=EITHER.lower,
    ask_usage=ask_usage,
)
BATCH = Endpoint(
    name="message batches",
    fields="messageBatches",
    read=read_batch,
    reader=BatchReader,
    dialect="anthropic",
)
BATCH_RESULTS = Endpoint(
    name="message batch results",
    billing=Billing.DEFERRED,
    read=read_batch_results,
    reader=BatchResultsReader,
    dialect="anthropic",
)
FREE = Endpoint(name="free", billing=Billing.FREE, dialect="anthropic")
OUT_OF_SIGHT = Endpoint(
    name="agents",
    billing=Billing.UNMETERABLE,
    advice="Run the agent here, over /v1/messages: that is metered.",
    dialect="anthropic",
)
_free, _agents = partial(routes_to, FREE), partial(routes_to, OUT_OF_SIGHT)

PROVIDER = Provider(
    name="anthropic",
    hosts=("api.anthropic.com", "*.api.anthropic.com"),
    match=Routes(
        (
            ("POST", "/v1/messages", MESSAGES),
            ("POST", "/v1/complete", COMPLETE),
            ("POST", "/v1/chat/completions", CHAT),
            ("POST", "/v1/messages/count_tokens", FREE),
            ("POST", "/v1/messages/batches", BATCH),
            ("GET", "/v1/messages/batches/{}/results", BATCH_RESULTS),
            ("POST", "/v1/messages/batches/{}/cancel", FREE),
            *_free("GET|DELETE", "/v1/messages/batches/**", "/v1/files/**", "/v1/models/**"),
            *_free("GET|POST|DELETE", "/v1/skills/**", "/v1/organizations/**", "/v1/oauth/**"),
            ("POST", "/v1/files", FREE),
            # Agents run in Anthropic's cloud and go on after the answer.
            *_agents("POST", "/v1/sessions", "/v1/sessions/{}/events"),
            *_agents("POST", "/v1/dreams", "/v1/environments/{}/work/**"),
            # A deployment begins sessions by a clock.
            *_agents("POST", "/v1/deployments", "/v1/deployments/{}"),
            *_agents("POST", "/v1/deployments/{}/run", "/v1/deployments/{}/unpause"),
            *_free("POST", "/v1/deployments/{}/archive", "/v1/deployments/{}/pause"),
            *_free("POST", "/v1/dreams/{}/archive", "/v1/dreams/{}/cancel"),
            *_free("POST", "/v1/sessions/{}", "/v1/sessions/{}/archive"),
            *_free("POST", "/v1/sessions/{}/resources/**", "/v1/sessions/{}/threads/{}/archive"),
            *_free("POST", "/v1/environments", "/v1/environments/{}"),
            *_free("POST", "/v1/environments/{}/archive"),
            *_free("GET|DELETE", "/v1/sessions/**", "/v1/dreams/**", "/v1/environments/**"),
            *_free("GET", "/v1/deployments/**", "/v1/deployment_runs/**"),
            # What agents are made of, and who they are for.
            *_free("GET|POST|DELETE", "/v1/agents/**", "/v1/memory_stores/**", "/v1/vaults/**"),
            *_free("GET|POST|DELETE", "/v1/tunnels/**", "/v1/user_profiles/**"),
            # Telemetry, settings, login, the registry of MCP servers.
            *_free("GET|POST|PUT|PATCH|DELETE", "/api/**", "/mcp-registry/**"),
        )
    ),
    dialect="anthropic",
)
