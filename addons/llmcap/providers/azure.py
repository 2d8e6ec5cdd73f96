"""
Azure OpenAI and Azure AI Foundry: the resource names the host, a deployment the model.

A deployment's name is its owner's choice, so before the call only a price in the config (under
that name) or a deployment named like its model can be known; after it, the served model is what is
billed. Requests are OpenAI's, in several generations of paths.
https://learn.microsoft.com/azure/ai-services/openai/reference
"""

from collections.abc import Callable
from dataclasses import replace

from llmcap.providers.anthropic.messages import MessagesReader
from llmcap.providers.compatible import (
    FREE,
    LATER,
    Api,
    Read,
    Route,
    anthropic_api,
    openai_api,
)
from llmcap.providers.openai.assistants import assistants_api
from llmcap.providers.openai.responses import using_tools
from llmcap.providers.parts import hosted
from llmcap.providers.parts.limits import both, by_model
from llmcap.providers.parts.made import agents_of_a_project, making
from llmcap.providers.parts.reader import document, text
from llmcap.providers.parts.routes import Routes, routes_to
from llmcap.providers.parts.shape import Ask, Endpoint, Provider, Request

_DEPLOYMENTS = "deployments"

# Tools of an agent that have a fee.
_AGENT_TOOLS = ("web_search", "web_search_preview", "file_search", "code_interpreter")


def deployed(read: Read) -> Read:
    """The same for paths that name a deployment: that is the model, whatever the body says."""

    def read_deployed(request: Request) -> Ask:
        segments = request.path.strip("/").split("/")
        folded = [segment.lower() for segment in segments]  # Azure takes paths in either case
        if _DEPLOYMENTS in folded[:-1]:
            return replace(read(request), model=segments[folded.index(_DEPLOYMENTS) + 1])
        ask = read(request)
        return ask if ask.model else _of_agent(ask, request)

    return read_deployed


def _of_agent(ask: Ask, request: Request) -> Ask:
    """The same where an agent of the project is named in place of a model."""
    body = request.document()
    named = document(body.get("agent_reference")) or document(body.get("agent"))
    if name := text(named.get("name")):
        tools = dict.fromkeys(_AGENT_TOOLS, hosted.USES_DEFAULT)
        return replace(ask, made=name, made_fees=tools)
    return ask


API = Api(reads=deployed, limits=both, fewer_tools=using_tools, dialect="azure")
FOUNDRY = Api(limits=by_model, fewer_tools=using_tools, dialect="azure")

# A project of Foundry has OpenAI's API below its own path.
_PROJECT = "/api/projects/{}/openai"
_OPENAI = (
    "/openai", "/openai/v1", "/openai/deployments/{}", "/openai/deployments/{}/extensions",
    _PROJECT, f"{_PROJECT}/v1", f"{_PROJECT}/deployments/{{}}",
)  # fmt: skip

AZURE_LATER = replace(
    LATER,
    name="Azure's other services",
    advice="No answer of theirs tells what it cost. Models under /openai and /models are metered.",
    dialect="azure",
)
AZURE_FREE = replace(FREE, dialect="azure")
AGENTS = making("agents", agents_of_a_project, dialect="azure")

# The same hosts sell documents, agents and speech, by units that no answer tells.
_SERVICES = (
    "openai", "models", "providers", "anthropic", "api/projects", "agents", "cognitiveservices",
    "computervision", "contentsafety", "contentunderstanding", "customvision", "face", "language",
    "documentintelligence", "formrecognizer", "imageanalysis", "knowledgebases", "luis", "mai",
    "qnamaker", "speechtotext", "stt", "text", "texttospeech", "translator", "tts", "vision",
    "voice-live",
)  # fmt: skip

ROUTES: tuple[Route, ...] = (
    *openai_api(*_OPENAI, api=API),
    *openai_api("/models", "", "/v1", api=FOUNDRY),
    *anthropic_api("/anthropic/v1", reader=MessagesReader),
    *assistants_api("/openai", "/openai/v1", "/api/projects/{}", dialect="azure"),
    ("GET|POST", "/api/projects/{}/agents", AGENTS),
    ("GET|POST", "/api/projects/{}/agents/{}", AGENTS),
    ("GET|POST", "/api/projects/{}/agents/{}/versions", AGENTS),
    ("GET", "/api/projects/{}/agents/{}/versions/{}", AGENTS),
    *routes_to(AZURE_FREE, "POST", f"{_PROJECT}/conversations", f"{_PROJECT}/conversations/{{}}"),
    *routes_to(AZURE_FREE, "POST", f"{_PROJECT}/v1/conversations"),
    *routes_to(AZURE_FREE, "POST", f"{_PROJECT}/v1/conversations/{{}}"),
    *routes_to(AZURE_FREE, "POST", f"{_PROJECT}/v1/conversations/{{}}/items"),
    *routes_to(AZURE_FREE, "POST", "/openai/v1/conversations", "/openai/v1/conversations/{}"),
    *routes_to(AZURE_FREE, "POST", "/openai/v1/conversations/{}/items"),
    *(
        route
        for base in ("/openai/vector_stores", "/openai/v1/vector_stores")
        for route in (
            *routes_to(AZURE_FREE, "POST", base, f"{base}/{{}}", f"{base}/{{}}/files/**"),
            *routes_to(AZURE_FREE, "POST", f"{base}/{{}}/file_batches/**"),
        )
    ),
    *routes_to(AZURE_FREE, "GET|DELETE", "/api/projects/**"),
    # What is stored or listed, and what is asked for without running a model.
    ("GET", "/openai/realtime", AZURE_LATER),
    ("GET|DELETE", "/openai/**", AZURE_FREE),
    *(("POST|PUT|PATCH", f"/{name}/**", AZURE_LATER) for name in _SERVICES),
)

MATCH: Callable[[str, str], Endpoint | None] = Routes(ROUTES)

OPENAI = Provider(
    name="azure-openai",
    hosts=(
        "*.openai.azure.com",
        "*.cognitiveservices.azure.com",
        "*.api.cognitive.microsoft.com",
    ),
    match=MATCH,
    dialect="azure",
)
FOUNDRY_PROVIDER = Provider(
    name="azure-ai",
    hosts=("*.services.ai.azure.com", "*.models.ai.azure.com", "models.inference.ai.azure.com"),
    match=MATCH,
    dialect="azure",
)
