"""
Mistral: api.mistral.ai and its regional hosts.

Streams tell their usage unasked. Sound that is read is billed by the second, not by its tokens,
which are in the total only. Documents are billed by the page, more where they are annotated too.
Conversations run connectors (searches, code) that have fees, and read what these give back.
https://docs.mistral.ai/api, https://mistral.ai/pricing
"""

from dataclasses import replace
from functools import partial

from llmcap.providers.compatible import FREE, LATER, Api, CompatibleReader, Read, openai_api
from llmcap.providers.mistral import batches as mistral_batches
from llmcap.providers.mistral import platform as mistral_platform
from llmcap.providers.openai.audio import read_recording
from llmcap.providers.openai.batches import OutputReader, answers, read_output
from llmcap.providers.openai.chat import (
    attributes_of,
    read_chat,
)  # fmt: skip
from llmcap.providers.openai.embeddings import EmbeddingsReader, read_embeddings
from llmcap.providers.openai.files import UploadedReader, read_piece
from llmcap.providers.parts import hosted
from llmcap.providers.parts.content import measure
from llmcap.providers.parts.limits import MAX_TOKENS
from llmcap.providers.parts.orders import order_batch, read_nothing
from llmcap.providers.parts.reader import BaseReader, amount, count, document, documents, text
from llmcap.providers.parts.routes import Routes, routes_to
from llmcap.providers.parts.shape import (
    Ask,
    Billing,
    Document,
    Endpoint,
    Media,
    Provider,
    Request,
)
from llmcap.words.records import Count, Usage

# Tools that Mistral runs for a fee, which an agent may have.
CONNECTORS = ("web_search", "web_search_premium", "code_interpreter", "image_generation")

_ANNOTATIONS = ("document_annotation_format", "bbox_annotation_format")


# --- requests -------------------------------------------------------------------------------


def with_sound(read: Read) -> Read:
    """The same with sound as seconds: that is what it is billed by, and not by its tokens."""

    def read_with_sound(request: Request) -> Ask:
        ask = read(request)
        if not any(each.kind == "audio" for each in ask.media):
            return ask
        heard = tuple(
            replace(each, unit="audio_second", beside=True) if each.kind == "audio" else each
            for each in ask.media
        )
        return replace(ask, media=heard, sound=True)

    return read_with_sound


def read_conversation(request: Request) -> Ask:
    """What a turn of a conversation asks for; the agent's model is known to Mistral only."""
    body = request.document()
    content = measure(request)
    kinds = {text(tool.get("type")) for tool in documents(body.get("tools"))} - {"function"}
    fees: dict[str, Count] = {kind: hosted.USES_DEFAULT for kind in kinds if kind}
    tools = hosted.tools({next(iter(fees)): hosted.USES_DEFAULT}) if fees else hosted.NONE
    continues = request.path.rstrip("/").rpartition("/")[2]
    previous = "" if continues == "conversations" else request.path.strip("/").split("/")[2]
    limit = MAX_TOKENS.of(document(body.get("completion_args")))
    return Ask(
        model=text(body.get("model")),
        stream=body.get("stream") is True,
        text_bytes=content.text_bytes,
        media=content.media,
        output_limit=limit,
        loops=tools.loops,
        extra_input=tools.result_tokens,
        remote_input=bool(previous),
        remote=("the agent that it names",) if body.get("agent_id") else (),
        previous_id=previous or None,
        fees=fees,
        made=text(body.get("agent_id")) or previous,
        made_fees=dict.fromkeys(CONNECTORS, hosted.USES_DEFAULT),
        attributes=attributes_of(body),
    )


def read_agent(request: Request) -> Ask:
    """What a call of an agent asks for: its model is known to Mistral, and to who saw it made."""
    ask = read_chat(request)
    return replace(ask, model="", made=text(request.document().get("agent_id")))


def limit_conversation(body: Document, limit: int) -> Document | None:
    """The same request with this limit."""
    if limit < 1:
        return None
    return {
        **body,
        "completion_args": {**document(body.get("completion_args")), "max_tokens": limit},
    }


def read_ocr(request: Request) -> Ask:
    """What a request to recognise a document asks for: so many pages at most."""
    body = request.document()
    unit = page_unit(body)
    pages = body.get("pages")
    most = len(pages) if isinstance(pages, list) else 0
    # A document that is named in another way than is known here is one that Mistral fetches.
    documents = measure(request).media or (Media("file"),)
    return Ask(
        model=text(body.get("model")),
        media=tuple(replace(each, unit=unit, most=most) for each in documents),
        generates=False,
        hidden_work=False,
    )


def page_unit(body: Document) -> str:
    """What a page is billed as."""
    return "annotated_page" if any(body.get(name) for name in _ANNOTATIONS) else "page"


def read_speech(request: Request) -> Ask:
    """What a request for speech asks for: so many characters."""
    body = request.document()
    return Ask(
        model=text(body.get("model")),
        stream=body.get("stream") is True,
        generates=False,
        hidden_work=False,
        fees={"input_character": len(text(body.get("input")))},
    )


# --- responses ------------------------------------------------------------------------------


class MistralReader(CompatibleReader):
    """Chat completions whose sound is billed by the second."""

    def usage_of(self, usage: Document) -> Usage:
        """Tokens of text, and seconds of sound."""
        known = super().usage_of(usage)
        seconds = amount(usage.get("prompt_audio_seconds"))
        if not seconds:
            return known
        return replace(known, input_audio=0, extras={"audio_second": seconds})


class ConversationReader(MistralReader):
    """A turn of a conversation, whole or streamed."""

    def event(self, event: Document, name: str = "") -> None:
        """One event; the last one has the usage."""
        self.see(event.get("content"))
        super().event(event, name)

    def body(self, document: Document) -> None:
        """A whole turn."""
        self.response_id = text(document.get("conversation_id")) or self.response_id
        for output in documents(document.get("outputs")):
            self.model = text(output.get("model")) or self.model
            self.see_json(output.get("content"))
        super().body(document)

    def usage_of(self, usage: Document) -> Usage:
        """Tokens, what connectors made the model read, and how often each was run."""
        known = super().usage_of(usage)
        runs = document(usage.get("connectors"))
        units: dict[str, Count] = {name: count(number) for name, number in runs.items()}
        return replace(
            known,
            input_tokens=known.input_tokens + count(usage.get("connector_tokens")),
            extras={**known.extras, **units},
        )


class OcrReader(BaseReader):
    """A recognised document: its pages."""

    tells = "pages"

    def body(self, document: Document) -> None:
        """The whole answer."""
        self.model = text(document.get("model")) or self.model
        if document.get("error"):
            self.fail(document["error"])
        usage = document.get("usage_info")
        if isinstance(usage, dict):
            unit = next((each.unit for each in self.ask.media), "page")
            self.charge(Usage(extras={unit: count(usage.get("pages_processed"))}))
            self.complete = True


class SpeechReader(BaseReader):
    """Speech, whose characters are billed: those of the request."""

    tells = "characters asked for"

    def event(self, event: Document, name: str = "") -> None:
        """One event of a stream; the last one says that it is."""
        self.complete = self.complete or (text(event.get("type")) or name).endswith("done")
        if self.complete:
            self.charge(Usage(extras=self.ask.fees))

    def body(self, document: Document) -> None:
        """The sound, inside JSON."""
        if document.get("error"):
            self.fail(document["error"])
        elif document.get("audio_data"):
            self.raw(0, {})

    def raw(self, size: int, headers: object) -> None:  # noqa: ARG002  the shape has it
        """The sound itself."""
        self.charge(Usage(extras=self.ask.fees))
        self.complete = True


class TranscriptReader(BaseReader):
    """A transcript, billed by the seconds of its recording."""

    tells = "seconds"

    def event(self, event: Document, name: str = "") -> None:  # noqa: ARG002  the shape has it
        """One event of a stream; the last one has the usage."""
        self.body(event)

    def body(self, document: Document) -> None:
        """The whole transcript."""
        self.model = text(document.get("model")) or self.model
        self.see(document.get("text"))
        if document.get("error"):
            self.fail(document["error"])
        usage = document.get("usage")
        if not isinstance(usage, dict):
            return
        seconds = amount(usage.get("prompt_audio_seconds"))
        if seconds is not None:
            extras: dict[str, Count] = {"audio_second": seconds}
            self.charge(
                Usage(
                    input_tokens=count(usage.get("prompt_tokens")),
                    output_tokens=count(usage.get("completion_tokens")),
                    extras=extras,
                )
            )
            self.complete = True


# --- the API --------------------------------------------------------------------------------

API = Api(chat=MistralReader, reads=with_sound, asks_usage=False, dialect="mistral")
COMPLETION = Endpoint(
    name="completions",
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
    named_later=True,
    read=read_conversation,
    reader=ConversationReader,
    limit=limit_conversation,
    dialect="mistral",
)
OCR = Endpoint(name="ocr", read=read_ocr, reader=OcrReader, dialect="mistral")
SPEECH = Endpoint(name="speech", read=read_speech, reader=SpeechReader, dialect="mistral")
TRANSCRIPTION = Endpoint(
    name="transcriptions", read=read_recording, reader=TranscriptReader, dialect="mistral"
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
