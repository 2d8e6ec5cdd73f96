"""
The Gemini API: generativelanguage.googleapis.com.

The verb is the end of the path (`models/{model}:generateContent`), so it is found by its name,
under any of the API's versions and for tuned models too. The same host speaks OpenAI's chat
completions under `/openai/`; there, reasoning is hidden in the total only.
https://ai.google.dev/api
"""

from dataclasses import replace
from functools import partial

from llmcap.providers.google import batches as google_batches  # fmt: skip
from llmcap.providers.google import caches as google_caches  # fmt: skip
from llmcap.providers.google import decisions as google_decisions  # fmt: skip
from llmcap.providers.google import files as google_files  # fmt: skip
from llmcap.providers.google import predict as google_predict  # fmt: skip
from llmcap.providers.google.embeddings import EmbedReader, read_embed
from llmcap.providers.google.generate import GenerateReader, limit_generate, read_generate
from llmcap.providers.google.interactions import (
    InteractionReader,
    limit_interaction,
    read_interaction,
    read_stored,
)  # fmt: skip
from llmcap.providers.openai.chat import HiddenReasoningReader, ask_usage, read_chat
from llmcap.providers.openai.embeddings import EmbeddingsReader, read_embeddings
from llmcap.providers.openai.images import ImagesReader, read_image
from llmcap.providers.parts.limits import EITHER, either
from llmcap.providers.parts.orders import order_batch, read_nothing
from llmcap.providers.parts.routes import Routes, routes_to
from llmcap.providers.parts.shape import Billing, Endpoint, Provider
from llmcap.providers.parts.spelling import normal

GENERATE = Endpoint(
    name="generateContent",
    fields="generateContent",
    read=read_generate,
    reader=GenerateReader,
    limit=limit_generate,
    dialect="google",
)
EMBED = Endpoint(
    name="embedContent",
    fields="embedContent",
    read=read_embed,
    reader=EmbedReader,
    dialect="google",
)
INTERACTION = Endpoint(
    name="interactions",
    fields="interactions",
    read=read_interaction,
    reader=InteractionReader,
    limit=limit_interaction,
    dialect="google_interactions",
)
STORED_INTERACTION = Endpoint(
    name="stored interaction",
    billing=Billing.DEFERRED,
    read=read_stored,
    reader=InteractionReader,
    dialect="google_interactions",
)
CHAT = Endpoint(
    name="chat completions",
    fields="chat",
    # https://ai.google.dev/gemini-api/docs/openai has both names.
    read=partial(read_chat, limits=either),
    reader=HiddenReasoningReader,
    limit=EITHER.lower,
    ask_usage=ask_usage,
    dialect="google",
)
EMBEDDINGS = Endpoint(
    name="embeddings",
    fields="embeddings",
    read=read_embeddings,
    reader=EmbeddingsReader,
    dialect="google",
)
# https://ai.google.dev/gemini-api/docs/openai#generate-images
IMAGES = Endpoint(
    name="images", fields="images", read=read_image, reader=ImagesReader, dialect="google"
)
BATCH = Endpoint(
    name="batchGenerateContent",
    fields="generateBatch",
    read=google_batches.read_batch,
    reader=google_batches.BatchReader,
    order=order_batch,
    dialect="google",
)
EMBED_BATCH = replace(BATCH, name="asyncBatchEmbedContent", read=google_batches.read_embed_batch)
STORED_BATCH = Endpoint(
    name="stored batch",
    billing=Billing.DEFERRED,
    read=read_nothing,
    reader=google_batches.BatchReader,
    charges_strangers=False,
    dialect="google",
)
BATCH_OUTPUT = Endpoint(
    name="batch output",
    billing=Billing.DEFERRED,
    read=google_batches.read_output,
    reader=google_batches.OutputReader,
    charges_strangers=False,
    dialect="google",
)
FILES = Endpoint(
    name="files",
    billing=Billing.UPLOAD,
    reader=google_files.UploadedReader,
    upload=google_files.read_piece,
    line=google_files.read_line,
    dialect="google",
)
PREDICT = Endpoint(
    name="predict",
    fields="predict",
    read=google_predict.read_predict,
    reader=google_predict.PredictReader,
    dialect="google",
)
FILM = Endpoint(
    name="predictLongRunning",
    fields="predictLongRunning",
    read=google_predict.read_film,
    reader=google_predict.FilmReader,
    dialect="google",
)
STORED_FILM = replace(STORED_BATCH, name="stored film", reader=google_predict.FilmReader)
CACHE = Endpoint(
    name="cachedContents",
    fields="cachedContents",
    named_later=True,
    read=google_caches.read_cache,
    reader=google_caches.CacheReader,
    dialect="google",
)
FREE = Endpoint(name="free", billing=Billing.FREE, dialect="google")
OUT_OF_SIGHT = Endpoint(name="later work", billing=Billing.UNMETERABLE, dialect="google")
DECISION = Endpoint(
    name="decisions",
    fields="decisions",
    read=google_decisions.read_decision,
    reader=google_decisions.DecisionReader,
    dialect="google",
)
_free = partial(routes_to, FREE)


def _out_of_sight(name: str, advice: str) -> Endpoint:
    return replace(OUT_OF_SIGHT, name=name, advice=advice)


STORING = _out_of_sight(
    "embedding of files", "Embed the text over :embedContent, and search it here: that is metered."
)
TUNING = _out_of_sight("tuning", "There is no answer that tells what a training cost.")
TOKENS = _out_of_sight(
    "a token for sessions elsewhere", "Open the session with the key itself: that is metered."
)
AT_TIMES = _out_of_sight(
    "work that begins by itself", "Begin it here, over /interactions: that is metered."
)
ENVIRONMENT = _out_of_sight("machines in Google's cloud", "Run the tools here.")
UNPRICED = _out_of_sight("work without a price", "No public price says what it costs.")
KEEPING_LONGER = Endpoint(
    name="keeping a cache for longer",
    fields="cacheTime",
    read=google_caches.read_longer,
    reader=google_caches.LongerReader,
    dialect="google",
)

# What a model can be asked for, by the verb of the path.
VERBS = {
    "generateContent": GENERATE,
    "streamGenerateContent": GENERATE,
    "embedContent": EMBED,
    "batchEmbedContents": EMBED,
    "countTokens": FREE,
    "computeTokens": FREE,
    "batchGenerateContent": BATCH,
    "asyncBatchEmbedContent": EMBED_BATCH,
    "predict": PREDICT,
    "predictLongRunning": FILM,
}

_FOLDED = {verb.lower(): endpoint for verb, endpoint in VERBS.items()}

# The Live API is spoken over a WebSocket.
_LIVE = "/ws/"
SESSIONS = _out_of_sight("a session", "It is metered where it is a WebSocket of the Live API.")

_VERSIONS = ("/v1", "/v1beta", "/v1alpha", "/v1main")
# What is no verb of a model. Vertex AI has the same below a location.
PATHS = Routes(
    route
    for version in _VERSIONS
    for route in (
        ("POST", f"{version}/interactions", INTERACTION),
        ("GET", f"{version}/interactions/{{}}", STORED_INTERACTION),
        ("POST", f"{version}/interactions/{{}}/cancel", STORED_INTERACTION),
        ("POST", f"{version}/openai/chat/completions", CHAT),
        ("POST", f"{version}/openai/embeddings", EMBEDDINGS),
        ("POST", f"{version}/openai/images/generations", IMAGES),
        ("POST", f"/upload{version}/files", FILES),
        ("GET", f"/download{version}/files/{{}}", BATCH_OUTPUT),
        ("GET", f"{version}/files/{{}}:download", BATCH_OUTPUT),
        *_free("GET|DELETE", f"{version}/files/**"),
        *_free("POST", f"{version}/files", f"{version}/files:register"),
        *_free("POST|PUT", f"/upload{version}/files/**"),
        # A store of files is free; what is put into it is read by a model for embeddings.
        *_free("POST", f"{version}/fileSearchStores"),
        ("POST", f"{version}/fileSearchStores/{{}}:importFile", STORING),
        ("POST|PUT", f"/upload{version}/fileSearchStores/**", STORING),
        ("GET", f"{version}/batches", STORED_BATCH),
        ("GET", f"{version}/batches/{{}}", STORED_BATCH),
        *_free("POST", f"{version}/batches/{{}}:cancel", f"{version}/batches/{{}}:delete"),
        ("GET", f"{version}/models/{{}}/operations/{{}}", STORED_FILM),
        # A cache costs by the hour that it is kept, whatever is done with it.
        ("POST", f"{version}/cachedContents", CACHE),
        ("PATCH", f"{version}/cachedContents/{{}}", KEEPING_LONGER),
        ("POST", f"{version}/tunedModels", TUNING),
        ("POST", f"{version}/tuningJobs", TUNING),
        *_free("PATCH", f"{version}/tunedModels/{{}}", f"{version}/models/{{}}"),
        *_free("POST", f"{version}/tunedModels/{{}}:cancel", f"{version}/tuningJobs/{{}}:cancel"),
        ("POST", f"{version}/decisions", DECISION),
        ("POST", f"{version}/auth_tokens", TOKENS),
        # Agents begin their work as interactions, or by a clock.
        ("POST", f"{version}/triggers", AT_TIMES),
        ("POST", f"{version}/triggers/{{}}/executions", AT_TIMES),
        ("PATCH", f"{version}/triggers/{{}}", AT_TIMES),
        ("POST", f"{version}/environments", ENVIRONMENT),
        ("POST", f"{version}/voices", UNPRICED),
        *_free("POST|PUT", f"/upload{version}/environments/**"),
        *_free("POST", f"{version}/agents", f"{version}/credentials", f"{version}/webhooks"),
        *_free("POST", f"{version}/webhooks/{{}}:ping"),
        *_free("POST", f"{version}/webhooks/{{}}:rotateSigningSecret"),
        *_free("PATCH", f"{version}/credentials/{{}}", f"{version}/webhooks/{{}}"),
    )
)


def match(method: str, path: str) -> Endpoint | None:
    """The endpoint of a path: by its verb, else by the path itself."""
    path = normal(path)  # some clients encode the colon
    _, colon, verb = path.rpartition(":")
    if colon and method == "POST" and (found := _FOLDED.get(verb.lower())):
        return found
    if path.lower().startswith(_LIVE):
        return SESSIONS
    if method in ("GET", "HEAD", "OPTIONS", "DELETE"):
        return PATHS(method, path) or FREE
    return PATHS(method, path)


# The same for people.
ROUTES = (
    *(("POST", f"/{{version}}/models/{{}}:{verb}", endpoint) for verb, endpoint in VERBS.items()),
    *((method, path.replace("/v1beta/", "/{version}/"), endpoint)
      for method, path, endpoint in PATHS.table if path.startswith("/v1beta/")),
    ("GET", "/ws/**", SESSIONS),
)  # fmt: skip

PROVIDER = Provider(
    name="google",
    routes=ROUTES,
    hosts=("generativelanguage.googleapis.com", "generativelanguage.mtls.googleapis.com"),
    match=match,
    dialect="google",
)
