"""
OpenAI's own API: api.openai.com and its regional hosts.

The wire formats are in files of their own, as others speak them too; here is which path has which.
https://platform.openai.com/docs/api-reference
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from llmcap.pricing.terms import REGION, STANDARD, settled
from llmcap.providers.openai.assistants import assistants_api
from llmcap.providers.openai.audio import (
    SpeechReader,
    TranscriptionReader,
    read_speech,
    read_transcription,
)  # fmt: skip
from llmcap.providers.openai.batches import (
    BatchReader,
    OutputReader,
    answers,
    read_batch,
    read_output,
)  # fmt: skip
from llmcap.providers.openai.chat import (
    ChatReader,
    ask_usage,
    read_chat,
    read_completion,
)  # fmt: skip
from llmcap.providers.openai.containers import SideReader, read_container, read_search
from llmcap.providers.openai.decisions import DecisionReader, read_decision
from llmcap.providers.openai.embeddings import EmbeddingsReader, read_embeddings
from llmcap.providers.openai.files import UploadedReader, read_line, read_piece
from llmcap.providers.openai.images import ImagesReader, read_image
from llmcap.providers.openai.prompts import chat_prompt, responses_prompt
from llmcap.providers.openai.responses import (
    ResponsesReader,
    limit_responses,
    read_responses,
    read_stored,
    using_tools,
)  # fmt: skip
from llmcap.providers.openai.runs import read_run
from llmcap.providers.openai.tuning import JobReader, order_training, read_job
from llmcap.providers.openai.videos import (
    ExtensionReader,
    VideoReader,
    read_extension,
    read_remade,
    read_video,
)  # fmt: skip
from llmcap.providers.parts.limits import BOTH, MAX_TOKENS, both
from llmcap.providers.parts.orders import order_batch, read_nothing
from llmcap.providers.parts.routes import Routes, routes_to
from llmcap.providers.parts.shape import Ask, Billing, Endpoint, Provider, Request

Read = Callable[[Request], Ask]

HOST = "api.openai.com"


def _regional(read: Read) -> Read:
    """
    The same for the regional hosts, which cost more with the newer models.

    The price book knows one uplift for the United States and one for Europe; what it is elsewhere
    is not published, so Europe's is taken. https://platform.openai.com/docs/guides/your-data
    """

    def read_in_region(request: Request) -> Ask:
        ask = read(request)
        region, _, domain = request.host.lower().partition(".")
        if domain != HOST:
            return ask
        where = f"{REGION}-us" if region == "us" else f"{REGION}-eu"
        return replace(ask, terms=(*ask.terms, where))

    return read_in_region


def _one_tier(read: Read) -> Read:
    """
    The same for what is served under one tier only: all but responses and chats.

    https://developers.openai.com/api/docs/guides/priority-processing, "Configuring"
    """

    def read_one_tier(request: Request) -> Ask:
        ask = read(request)
        return replace(ask, terms=settled(ask.terms, (STANDARD,)))

    return read_one_tier


def _other(read: Read) -> Read:
    """What is neither a response nor a chat: in a region, under one tier."""
    return _one_tier(_regional(read))


CHAT = Endpoint(
    name="chat completions",
    fields="chat",
    read=_regional(partial(read_chat, limits=both)),
    reader=ChatReader,
    limit=BOTH.lower,
    prompt=chat_prompt,
    ask_usage=ask_usage,
)
COMPLETIONS = Endpoint(
    name="completions",
    fields="completions",
    read=_regional(read_completion),
    reader=ChatReader,
    limit=MAX_TOKENS.lower,
    ask_usage=ask_usage,
)
RESPONSES = Endpoint(
    name="responses",
    fields="responses",
    read=_regional(read_responses),
    reader=ResponsesReader,
    limit=limit_responses,
    limit_tools=using_tools,
    using_tools=using_tools,
    prompt=responses_prompt,
    dialect="openai_responses",
)
COMPACT = Endpoint(
    name="compact",
    fields="compact",
    read=_regional(read_responses),
    reader=ResponsesReader,
    dialect="openai_responses",
)
STORED = Endpoint(
    name="stored response", billing=Billing.DEFERRED, read=read_stored, reader=ResponsesReader
)
EMBEDDINGS = Endpoint(
    name="embeddings", fields="embeddings", read=_other(read_embeddings), reader=EmbeddingsReader
)
IMAGES = Endpoint(name="images", fields="images", read=_other(read_image), reader=ImagesReader)
SPEECH = Endpoint(name="speech", fields="speech", read=_other(read_speech), reader=SpeechReader)
TRANSCRIPTION = Endpoint(
    name="transcriptions",
    fields="transcriptions",
    read=_other(read_transcription),
    reader=TranscriptionReader,
)
VIDEO = Endpoint(name="videos", fields="videos", read=_other(read_video), reader=VideoReader)
VIDEO_REMADE = replace(VIDEO, name="videos made of another", read=_other(read_remade))
VIDEO_EXTENDED = replace(
    VIDEO, name="longer videos", read=_other(read_extension), reader=ExtensionReader
)
FILES = Endpoint(
    name="files", billing=Billing.UPLOAD, reader=UploadedReader, upload=read_piece, line=read_line
)
BATCH = Endpoint(
    name="batches",
    fields="batches",
    read=_regional(read_batch),
    reader=BatchReader,
    order=order_batch,
)
STORED_BATCH = Endpoint(
    name="stored batch",
    billing=Billing.DEFERRED,
    read=_regional(read_nothing),
    reader=BatchReader,
    charges_strangers=False,
)
BATCH_OUTPUT = Endpoint(
    name="batch output",
    billing=Billing.DEFERRED,
    read=_regional(read_output),
    reader=partial(OutputReader, answer=answers()),
    charges_strangers=False,
)
TUNING = Endpoint(
    name="fine-tuning",
    fields="tuning",
    read=_one_tier(read_job),
    reader=JobReader,
    order=order_training,
)
STORED_TUNING = replace(
    STORED_BATCH, name="stored fine-tuning", read=read_nothing, reader=JobReader
)
CONTAINER = Endpoint(
    name="containers", fields="containers", read=_one_tier(read_container), reader=SideReader
)
STORE_SEARCH = Endpoint(
    name="vector store search", fields="storeSearch", read=_one_tier(read_search), reader=SideReader
)
DECISIONS = Endpoint(
    name="decisions",
    fields="decisions",
    read=_other(read_decision),
    reader=DecisionReader,
)
FREE = Endpoint(name="free", billing=Billing.FREE)
OUT_OF_SIGHT = Endpoint(name="later work", billing=Billing.UNMETERABLE)


def out_of_sight(name: str, advice: str) -> Endpoint:
    """Work that nobody can meter on its way, and what to do in its place."""
    return replace(OUT_OF_SIGHT, name=name, advice=advice)


CALLS = out_of_sight(
    "a call over WebRTC", "Open the session as a WebSocket, GET /v1/realtime: that is metered."
)
RESUMED = out_of_sight(
    "resuming a training", "Order a new job: what this one may still cost is not known."
)
GRADED = out_of_sight(
    "grading", "Call the grader's model yourself: that is metered."
)  # fmt: skip
EVALUATED = out_of_sight(
    "evaluation runs", "Send the samples as calls or as a batch: those are metered."
)
AGENT = out_of_sight(
    "agents in OpenAI's cloud", "Run the agent here, over /v1/responses: that is metered."
)
CHATKIT = out_of_sight(
    "a chat in OpenAI's cloud", "Run the workflow here, over /v1/responses: that is metered."
)
UNPRICED = out_of_sight("work without a price", "No public price says what it costs.")


_free = partial(routes_to, FREE)

ROUTES = Routes(
    (
        ("POST", "/v1/chat/completions", CHAT),
        ("POST", "/v1/responses", RESPONSES),
        ("POST", "/v1/embeddings", EMBEDDINGS),
        ("POST", "/v1/completions", COMPLETIONS),
        ("POST", "/v1/responses/compact", COMPACT),
        ("POST", "/v1/responses/input_tokens", FREE),
        ("GET", "/v1/responses", STORED),  # over a WebSocket it is a call like the POST
        ("GET", "/v1/responses/{}", STORED),
        ("POST", "/v1/responses/{}/cancel", STORED),
        ("POST", "/v1/images/generations", IMAGES),
        ("POST", "/v1/images/edits", IMAGES),
        ("POST", "/v1/images/variations", IMAGES),
        ("POST", "/v1/audio/speech", SPEECH),
        ("POST", "/v1/audio/transcriptions", TRANSCRIPTION),
        ("POST", "/v1/audio/translations", TRANSCRIPTION),
        ("POST", "/v1/videos", VIDEO),
        ("POST", "/v1/videos/{}/remix", VIDEO_REMADE),
        ("POST", "/v1/videos/edits", VIDEO_REMADE),
        ("POST", "/v1/videos/extensions", VIDEO_EXTENDED),
        ("POST", "/v1/videos/{}", VIDEO),
        ("POST", "/v1/moderations", FREE),
        ("POST", "/v1/decisions", DECISIONS),
        # Assistants.
        *assistants_api("/v1", read=_other(read_run)),
        # What is paid later, by the hour, or over another connection.
        ("GET", "/v1/realtime", OUT_OF_SIGHT),
        ("POST", "/v1/realtime/**", CALLS),
        ("*", "/v1/live/**", CALLS),
        ("POST", "/v1/chatkit/sessions", CHATKIT),
        *_free("POST", "/v1/chatkit/sessions/{}/cancel"),
        *_free("GET|DELETE", "/v1/chatkit/**", "/v1/videos/**"),
        # Batches, and the files that they work on.
        ("POST", "/v1/files", FILES),
        ("GET", "/v1/files/{}/content", BATCH_OUTPUT),
        ("POST", "/v1/batches", BATCH),
        ("GET", "/v1/batches", STORED_BATCH),
        ("GET", "/v1/batches/{}", STORED_BATCH),
        ("POST", "/v1/batches/{}/cancel", STORED_BATCH),
        ("POST", "/v1/fine_tuning/jobs", TUNING),
        ("GET", "/v1/fine_tuning/jobs", STORED_TUNING),
        ("GET", "/v1/fine_tuning/jobs/{}", STORED_TUNING),
        ("POST", "/v1/fine_tuning/jobs/{}/cancel", STORED_TUNING),
        ("POST", "/v1/fine_tuning/jobs/{}/pause", STORED_TUNING),
        ("POST", "/v1/fine_tuning/jobs/{}/resume", RESUMED),
        ("POST", "/v1/fine_tuning/alpha/graders/run", GRADED),
        ("POST", "/v1/evals/{}/runs", EVALUATED),
        ("POST", "/v1/agents/**", AGENT),
        ("GET|DELETE", "/v1/agents/**", FREE),
        ("POST", "/v1/containers", CONTAINER),
        ("POST", "/v1/vector_stores/{}/search", STORE_SEARCH),
        ("POST", "/v1/audio/voices", UNPRICED),
        ("POST", "/v1/content_provenance_checks", UNPRICED),
        # The older form of paths, with the model in them.
        ("POST", "/v1/engines/{}/embeddings", EMBEDDINGS),
        ("POST", "/v1/engines/{}/completions", COMPLETIONS),
        # Lists, uploads, settings, what was stored.
        *_free("GET", "/v1/models/**", "/v1/responses/{}/input_items", "/v1/webhook_event_types"),
        *_free("GET", "/v1/batches/**", "/v1/fine_tuning/**", "/v1/dashboard/**", "/v1/safety/**"),
        *_free("DELETE", "/v1/models/{}", "/v1/responses/{}", "/v1/fine_tuning/**"),
        *_free("GET|DELETE", "/v1/chat/completions/**", "/v1/files/**", "/v1/containers/**"),
        *_free("GET|DELETE", "/v1/vector_stores/**", "/v1/evals/**", "/v1/conversations/**"),
        *_free("POST", "/v1/chat/completions/{}", "/v1/containers/{}/files"),
        *_free("POST", "/v1/evals", "/v1/evals/{}", "/v1/evals/{}/runs/{}/cancel"),
        *_free("POST", "/v1/fine_tuning/alpha/graders/validate"),
        *_free("POST", "/v1/fine_tuning/checkpoints/{}/permissions"),
        *_free("POST", "/v1/conversations", "/v1/conversations/{}", "/v1/conversations/{}/items"),
        *_free("POST", "/v1/uploads", "/v1/uploads/{}/{}", "/v1/audio/voice_consents/**"),
        # A store is paid by the gigabyte and day that it is kept, and so by no call.
        *_free(
            "POST", "/v1/vector_stores", "/v1/vector_stores/{}", "/v1/vector_stores/{}/files/**"
        ),
        *_free(
            "POST",
            "/v1/vector_stores/{}/file_batches",
            "/v1/vector_stores/{}/file_batches/{}/cancel",
        ),
        # Where openai-agents sends what its runs did: its `tracing/processors.py`.
        *_free("POST", "/v1/traces/ingest"),
        # Settings of the organisation, and what of the user's own is kept for tools.
        *_free("GET|POST|DELETE", "/v1/organization/**", "/v1/projects/**"),
        *_free("GET|POST|DELETE", "/v1/webhook_endpoints/**", "/v1/skills/**", "/v1/vaults/**"),
        *_free("GET|DELETE", "/v1/audio/voices/**", "/v1/audio/voice_consents/**"),
    )
)

PROVIDER = Provider(name="openai", hosts=(HOST, f"*.{HOST}"), match=ROUTES)
