"""
Mistral: api.mistral.ai and its regional hosts.

Streams tell their usage unasked. Sound that is read is billed by the second, not by its tokens,
which are in the total only. Documents are billed by the page, more where they are annotated too.
Conversations run connectors (searches, code) that have fees, and read what these give back.
https://docs.mistral.ai/api, https://mistral.ai/pricing
"""

from dataclasses import replace
from functools import partial

from llmcap.providers.compatible import FREE, LATER, Api, openai_api
from llmcap.providers.mistral import batches as mistral_batches
from llmcap.providers.mistral import platform as mistral_platform
from llmcap.providers.mistral.audio import SpeechReader, TranscriptReader, read_speech
from llmcap.providers.mistral.chat import MistralReader, with_sound
from llmcap.providers.mistral.conversations import (
    ConversationReader,
    limit_conversation,
    read_agent,
    read_conversation,
)
from llmcap.providers.mistral.ocr import OcrReader, read_ocr
from llmcap.providers.openai.audio import read_recording
from llmcap.providers.openai.batches import OutputReader, answers, read_output
from llmcap.providers.openai.chat import read_chat
from llmcap.providers.openai.embeddings import EmbeddingsReader, read_embeddings
from llmcap.providers.openai.files import UploadedReader, read_piece
from llmcap.providers.parts.limits import MAX_TOKENS
from llmcap.providers.parts.orders import order_batch, read_nothing
from llmcap.providers.parts.routes import Routes, routes_to
from llmcap.providers.parts.shape import Ask, Billing, Endpoint, Provider, Request

API = Api(chat=MistralReader, reads=with_sound, asks_usage=False, dialect="mistral")
COMPLETION = Endpoint(
    name="completions",
    fields="fim",
    read=read_chat,
    reader=MistralReader,
    limit=MAX_TOKENS.lower,
    dialect="mistral",
)
AGENT_COMPLETION = replace(
    COMPLETION, name="agent completions", fields="agentCompletions", read=read_agent
)
CONVERSATION = Endpoint(
    name="conversations",
    fields="conversations",
    named_later=True,
    read=read_conversation,
    reader=ConversationReader,
    limit=limit_conversation,
    dialect="mistral",
)
OCR = Endpoint(name="ocr", fields="ocr", read=read_ocr, reader=OcrReader, dialect="mistral")
SPEECH = Endpoint(
    name="speech", fields="speech", read=read_speech, reader=SpeechReader, dialect="mistral"
)
TRANSCRIPTION = Endpoint(
    name="transcriptions",
    fields="transcriptions",
    read=with_sound(read_recording),
    reader=TranscriptReader,
    dialect="mistral",
)
MODERATION = replace(FREE, name="moderations", dialect="mistral")
JUDGEMENT = Endpoint(
    name="classifications",
    fields="classifications",
    read=read_embeddings,
    reader=EmbeddingsReader,
    dialect="mistral",
)


def _read_batch(request: Request) -> Ask:
    """The calls in it are those of this API."""
    return mistral_batches.read_job(request, PROVIDER.match)


ANSWERS = answers(MistralReader, more={"usage_info": OcrReader})
FILES = Endpoint(
    name="files",
    billing=Billing.UPLOAD,
    reader=UploadedReader,
    upload=read_piece,
    line=mistral_batches.read_line,
    dialect="mistral",
)
BATCH = Endpoint(
    name="batch jobs",
    fields="batchJobs",
    read=_read_batch,
    reader=partial(mistral_batches.JobReader, answer=ANSWERS),
    order=order_batch,
    dialect="mistral",
)
STORED_BATCH = Endpoint(
    name="stored batch job",
    billing=Billing.DEFERRED,
    read=read_nothing,
    reader=BATCH.reader,
    charges_strangers=False,
    dialect="mistral",
)
BATCH_OUTPUT = replace(
    STORED_BATCH,
    name="batch output",
    read=read_output,
    reader=partial(OutputReader, answer=ANSWERS),
)
TUNING_JOBS = replace(
    LATER,
    name="fine-tuning jobs",
    advice="There is no public price by the token for them.",
    dialect="mistral",
)

PROVIDER = Provider(
    name="mistral",
    hosts=("api.mistral.ai", "*.api.mistral.ai", "api.eu.mistral.ai", "api.us.mistral.ai",
           "codestral.mistral.ai"),
    match=Routes(
        (
            ("POST", "/v1/fim/completions", COMPLETION),
            ("POST", "/v1/agents/completions", AGENT_COMPLETION),
            ("POST", "/v1/conversations", CONVERSATION),
            ("POST", "/v1/conversations/{}", CONVERSATION),
            ("POST", "/v1/conversations/{}/restart", CONVERSATION),
            ("POST", "/v1/ocr", OCR),
            ("POST", "/v1/audio/speech", SPEECH),
            ("POST", "/v1/audio/transcriptions", TRANSCRIPTION),
            # Free: docs.mistral.ai/models/model-cards/mistral-moderation-26-03, litellm 1.106.2
            *routes_to(MODERATION, "POST", "/v1/moderations", "/v1/chat/moderations"),
            ("POST", "/v1/classifications", JUDGEMENT),
            ("POST", "/v1/chat/classifications", JUDGEMENT),
            ("POST", "/v1/files", FILES),
            ("GET", "/v1/files/{}/content", BATCH_OUTPUT),
            ("POST", "/v1/batch/jobs", BATCH),
            ("GET", "/v1/batch/jobs", STORED_BATCH),
            ("GET", "/v1/batch/jobs/{}", STORED_BATCH),
            ("POST", "/v1/batch/jobs/{}/cancel", STORED_BATCH),
            ("POST", "/v1/fine_tuning/jobs", TUNING_JOBS),
            ("POST", "/v1/fine_tuning/jobs/{}/start", TUNING_JOBS),
            *mistral_platform.ROUTES,
            *openai_api("/v1", api=API),
        )
    ),
    dialect="mistral",
)  # fmt: skip
