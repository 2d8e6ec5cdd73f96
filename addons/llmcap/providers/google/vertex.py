"""
Google Vertex AI: the models of Google and of others, at aiplatform.googleapis.com and its regions.

The publisher and the verb are in the path. Google's models speak Gemini's format, Anthropic's their
own inside `rawPredict`, and all others OpenAI's there or under `/endpoints/openapi`. The price of
the newer models is higher in a region than at the global endpoint.
https://cloud.google.com/vertex-ai/generative-ai/docs
"""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import override

from llmcap.pricing.terms import REGION, base_of, settled
from llmcap.providers.anthropic import provider as anthropic
from llmcap.providers.anthropic.messages import MessagesReader, ask_of, limit_messages
from llmcap.providers.compatible import CompatibleReader
from llmcap.providers.google import provider as google
from llmcap.providers.google.caches import read_cache
from llmcap.providers.google.generate import GenerateReader, model_in, read_generate
from llmcap.providers.openai.chat import (
    HiddenReasoningReader,
    ask_usage,
    read_chat,
)
from llmcap.providers.parts.content import measure
from llmcap.providers.parts.limits import EITHER, MAX_TOKENS, either
from llmcap.providers.parts.reader import document
from llmcap.providers.parts.routes import Routes
from llmcap.providers.parts.shape import Ask, Billing, Document, Endpoint, Provider, Request
from llmcap.providers.parts.spelling import normal
from llmcap.providers.parts.tiers import tier
from llmcap.words.records import Usage

Read = Callable[[Request], Ask]

# How a call asks for a tier. The other header, `...-request-type`, says whether capacity that was
# paid before may be used: it makes no call dearer.
_SHARED_HEADER = "x-vertex-ai-llm-shared-request-type"

_WORKSPACE = "/v1/projects/{}/locations/{}/workspaces/{}/invoke/v1"

# A version is whatever stands in its place: each has twins (`v1beta1`, `v1alpha1`).
_VERSION = r"/v\w+"
_LOCATION = rf"{_VERSION}/projects/[^/]+/locations/([^/]+)"
_REGION = re.compile(r"/locations/([^/]+)/", re.IGNORECASE)
_PUBLISHED = re.compile(
    rf"{_VERSION}/(?:projects/[^/]+/(?:locations/[^/]+/)?)?publishers/([^/]+)/models/(.+):(\w+)",
    re.IGNORECASE,
)
_BELOW = re.compile(rf"(?P<upload>/upload)?{_LOCATION}(?P<rest>/.+)", re.IGNORECASE)
_ENDPOINT = re.compile(rf"{_LOCATION}/endpoints/(?P<name>.+)", re.IGNORECASE)
_CACHES = re.compile(rf"{_LOCATION}/cachedContents(/[^/]+)?", re.IGNORECASE)
_DESCRIBED = re.compile(rf"{_LOCATION}/models/[^/:]+", re.IGNORECASE)
_STOPPED = re.compile(
    r".*/(?:batchPredictionJobs|tuningJobs|operations)/[^/]+:cancel", re.IGNORECASE
)
# Google Cloud's own clients speak gRPC: the services that let a model work, whatever the method.
_GRPC = re.compile(
    r"/google\.cloud\.aiplatform\.v\w+\."
    r"(?:Prediction|Job|GenAiTuning|GenAiCache|ReasoningEngineExecution|Evaluation)Service/\w+"
)
_TASKS = re.compile(
    r".*/(?:batchPredictionJobs|tuningJobs|cachedContents|evaluateInstances|ragCorpora"
    r"|reasoningEngines|evaluationRuns|onlineEvaluators|sandboxEnvironments|memoryBanks)\b.*"
    r"|.*:(?:evaluateInstances|evaluateDataset|generateSyntheticData|generateUserScenarios"
    r"|retrieveContexts|asyncRetrieveContexts|askContexts|augmentPrompt|corroborateContent"
    r"|generateInstanceRubrics|generateLossClusters|execute|query|streamQuery|run)",
    re.IGNORECASE,
)


def located(read: Read) -> Read:
    """
    The same with the terms of Vertex AI: the region of the path, and the tier that a head asks for.

    https://docs.cloud.google.com/vertex-ai/generative-ai/docs/priority-paygo, ".../flex-paygo"
    """

    def read_located(request: Request) -> Ask:
        ask = read(request)
        found = _REGION.search(request.path)
        region = (base_of(REGION),) if found is None or found[1] == "global" else ("geo-regional",)
        asked = tier(request.headers.get(_SHARED_HEADER))
        return replace(ask, terms=settled(ask.terms, (*asked, *region)))

    return read_located


def _traffic(usage: Document) -> tuple[str, ...]:
    """The tier that the usage of another publisher's format tells."""
    google_says = document(document(usage.get("extra_properties")).get("google"))
    return tier(google_says.get("traffic_type"))


# --- requests -------------------------------------------------------------------------------


def read_messages(request: Request) -> Ask:
    """What a request to one of Anthropic's models asks for: the body does not name it."""
    content = measure(request)
    body = {
        **request.document(),
        "model": model_in(request.path),
        "stream": request.path.lower().endswith("streamrawpredict"),
    }
    return ask_of(body, text_bytes=content.text_bytes, media=content.media)


def read_raw(request: Request) -> Ask:
    """What a request to another publisher's model asks for."""
    ask = read_chat(request)
    return replace(
        ask,
        model=ask.model or model_in(request.path),
        stream=ask.stream or request.path.lower().endswith("streamrawpredict"),
        usage_wanted=True,
    )


# --- responses ------------------------------------------------------------------------------


class VertexMessagesReader(MessagesReader):
    """Anthropic's answers, with the tier that Google tells in their usage."""

    @override
    def terms_told(self, usage: Document) -> tuple[str, ...]:
        """Anthropic's own words, and Google's."""
        return settled(super().terms_told(usage), _traffic(usage))


class VertexChatReader(HiddenReasoningReader):
    """Chat completions, with the tier that Google tells in their usage."""

    @override
    def usage_of(self, usage: Document) -> Usage:
        """What a usage object means."""
        self.terms = _traffic(usage) or self.terms
        return super().usage_of(usage)


class VertexRawReader(CompatibleReader):
    """The same for other publishers' models."""

    @override
    def usage_of(self, usage: Document) -> Usage:
        """What a usage object means."""
        self.terms = _traffic(usage) or self.terms
        return super().usage_of(usage)


# --- the API --------------------------------------------------------------------------------

GENERATE = replace(google.GENERATE, read=located(read_generate), reader=GenerateReader)
MESSAGES = Endpoint(
    name="messages",
    fields="messages",
    read=located(read_messages),
    reader=VertexMessagesReader,
    limit=limit_messages,
    dialect="anthropic",
)
RAW = Endpoint(
    name="rawPredict",
    fields="rawPredict",
    read=located(read_raw),
    reader=VertexRawReader,
    limit=MAX_TOKENS.lower,
    dialect="google",
)
CHAT = Endpoint(
    name="chat completions",
    fields="chat",
    read=located(partial(read_chat, limits=either)),
    reader=VertexChatReader,
    limit=EITHER.lower,
    ask_usage=ask_usage,
    dialect="google",
)
FREE = google.FREE
LATER = replace(
    google.OUT_OF_SIGHT,
    name="other work of Vertex AI",
    advice="Call the model over :generateContent or :rawPredict: those are metered.",
)
CACHE = replace(google.CACHE, read=located(read_cache))
TASKS = replace(
    LATER,
    name="jobs of Vertex AI",
    advice="Send the calls one by one, or as a batch of the Gemini API: those are metered.",
)

_LOCATED = {
    each.name: replace(each, read=located(each.read))
    for _, _, each in google.PATHS.table
    if each.billing is Billing.METERED and each.read is not None
}
_GOOGLES = {
    **google.VERBS,
    "generateContent": GENERATE,
    "streamGenerateContent": GENERATE,
    "fetchPredictOperation": google.STORED_FILM,
    # Batches are jobs here, and work on files in Google's storage.
    "batchGenerateContent": LATER,
    "asyncBatchEmbedContent": LATER,
}
_RAW = ("rawPredict", "streamRawPredict")
_FOLDED = {verb.lower(): endpoint for verb, endpoint in _GOOGLES.items()}
_FOLDED_RAW = tuple(verb.lower() for verb in _RAW)
_GENERATING = ("generatecontent", "streamgeneratecontent")
_PROJECT = "/v1/projects/{}/locations/{}"
_MODELS = f"{_PROJECT}/publishers"


def match(method: str, path: str) -> Endpoint | None:
    """The endpoint of a path: by publisher and verb, or by the API below an endpoint."""
    path = normal(path)
    if method in ("GET", "HEAD", "OPTIONS", "DELETE"):
        below = _below(method, path)
        return below or (LATER if path.lower().startswith("/ws/") else FREE)
    if found := _PUBLISHED.fullmatch(path):
        known = _published(*(each.lower() for each in found.groups()))
        return known if method == "POST" else LATER
    if found := _ENDPOINT.fullmatch(path):
        name = found["name"].lower()
        if name == "openapi/chat/completions":
            return CHAT
        # A tuned model answers as Gemini does; any other is paid by the hour that it runs.
        return GENERATE if name.rpartition(":")[2] in _GENERATING else LATER
    if _CACHES.fullmatch(path):
        return {"POST": CACHE, "PATCH": google.KEEPING_LONGER}.get(method, TASKS)
    if _STOPPED.fullmatch(path) or (method == "PATCH" and _DESCRIBED.fullmatch(path)):
        return FREE
    if _TASKS.fullmatch(path):
        return TASKS
    return _below(method, path) or (LATER if _GRPC.fullmatch(path) else None)


def _below(method: str, path: str) -> Endpoint | None:
    """
    What the Gemini API has too, below a location: interactions, agents, what begins by itself.

    google-genai 3.4.0, `_gaos/google_genai.py`, puts the location in the place of a version.
    """
    found = _BELOW.fullmatch(path)
    if found is None:
        return None
    known = google.PATHS(method, f"{found['upload'] or ''}/v1beta{found['rest']}")
    return _LOCATED.get(known.name, known) if known else None


def _published(publisher: str, model: str, verb: str) -> Endpoint:
    """The endpoint of a publisher's model."""
    if verb == "counttokens" or model.startswith("count-tokens"):
        return FREE
    if publisher == "google":
        return _FOLDED.get(verb, LATER)
    if verb in _FOLDED_RAW:
        return MESSAGES if publisher == "anthropic" else RAW
    return LATER


PROVIDER = Provider(
    name="google-vertex",
    hosts=(
        "aiplatform.googleapis.com",
        "*-aiplatform.googleapis.com",
        "aiplatform.*.rep.googleapis.com",
        "aiplatform.mtls.googleapis.com",
        "*-aiplatform.mtls.googleapis.com",
    ),
    match=match,
    routes=(
        *(
            ("POST", f"{_MODELS}/google/models/{{}}:{verb}", each)
            for verb, each in _GOOGLES.items()
        ),
        *(("POST", f"{_MODELS}/anthropic/models/{{}}:{verb}", MESSAGES) for verb in _RAW),
        *(("POST", f"{_MODELS}/{{}}/models/{{}}:{verb}", RAW) for verb in _RAW),
        ("POST", f"{_PROJECT}/endpoints/openapi/chat/completions", CHAT),
        ("POST", f"{_PROJECT}/endpoints/{{}}:generateContent", GENERATE),
        ("POST", f"{_PROJECT}/endpoints/{{}}:predict", LATER),
        *(
            (method, path.replace("/v1beta", _PROJECT, 1), _LOCATED.get(each.name, each))
            for method, path, each in google.PATHS.table
            if path.startswith(("/v1beta/interactions", "/v1beta/decisions"))
        ),
    ),
    # The same hosts train, store and search, for other money.
    api_only=False,
    dialect="google",
)


# Anthropic's own platform at Google: its API below a workspace, and its prices.
ANTHROPIC = Provider(
    name="anthropic-google",
    hosts=("claude.googleapis.com",),
    match=Routes(
        (
            ("POST", f"{_WORKSPACE}/messages", anthropic.MESSAGES),
            ("POST", f"{_WORKSPACE}/messages/count_tokens", anthropic.FREE),
            ("GET", "/**", anthropic.FREE),
        )
    ),
    dialect="anthropic",
    prices="anthropic",
)
