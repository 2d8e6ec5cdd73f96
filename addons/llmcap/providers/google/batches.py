"""
The Gemini API's batches: calls for text or embeddings at half price, in the request or in a file.

A batch is an operation. When it has ended, a look at it has the answers of calls that stood in the
request, each with its usage; those of a file are in a file again, which is downloaded.
https://ai.google.dev/gemini-api/docs/batch-api
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import override

from llmcap.pricing.terms import BATCH, settled
from llmcap.providers.google.embeddings import read_embed
from llmcap.providers.google.generate import GenerateReader, generate_ask, generate_usage, model_in
from llmcap.providers.parts.declared import unread_in_document, with_unread
from llmcap.providers.parts.orders import NOTHING_DONE, OrderReader, batched, request_of
from llmcap.providers.parts.reader import BaseReader, count, document, documents, text
from llmcap.providers.parts.shape import Ask, Document, Request
from llmcap.words.errors import FormatError
from llmcap.words.records import Charge, Reading, Usage

# google.ai.generativelanguage: BATCH_STATE_..., and JOB_STATE_... in older answers.
_ENDED = ("SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED", "PARTIALLY_SUCCEEDED")
_WHOLE = "_STATE_SUCCEEDED"


# --- requests -------------------------------------------------------------------------------


def read_batch(request: Request) -> Ask:
    """What a batch of calls for text asks for."""
    model = model_in(request.path)
    return _ordered(
        request,
        model,
        (
            _looked_at(call, generate_ask(call, call.document(), model=model, stream=False))
            for call in _calls(request)
        ),
    )


def read_embed_batch(request: Request) -> Ask:
    """What a batch of calls for embeddings asks for."""
    calls = _calls(request)
    asks = (_looked_at(call, read_embed(call), "embedContent") for call in calls)
    return _ordered(request, model_in(request.path), asks)


def _looked_at(call: Request, ask: Ask, fields: str = "generateContent") -> Ask:
    return with_unread(ask, unread_in_document(call.document(), provider="google", fields=fields))


def _ordered(request: Request, model: str, asks: Iterable[Ask]) -> Ask:
    source = _source(request)
    file_id = text(source.get("fileName")) or text(source.get("file_name"))
    parts = () if file_id else tuple(batched(ask) for ask in asks)
    if not (file_id or parts):
        raise FormatError("there are no calls in it")
    return Ask(
        model=model,
        files=(file_id,) if file_id else (),
        parts=parts,
        generates=False,
        hidden_work=False,
        deferred=True,
    )


def _source(request: Request) -> Document:
    batch = document(request.document().get("batch"))
    return document(batch.get("inputConfig") or batch.get("input_config"))


def _calls(request: Request) -> list[Request]:
    inline = document(_source(request).get("requests"))
    return [
        request_of(request, document(each.get("request")))
        for each in documents(inline.get("requests"))
    ]


def read_output(request: Request) -> Ask:
    """Whose output is downloaded: `files/NAME:download`."""
    name = request.path.rstrip("/").rpartition("/")[2].removesuffix(":download")
    return Ask(model="", stream=True, previous_id=f"files/{name}", generates=False)


# --- responses ------------------------------------------------------------------------------


class BatchReader(OrderReader):
    """A batch as it was made, or as it is; or a list of them."""

    tells = "usage of every answer"

    @override
    def told(self, document: Document) -> list[Reading]:
        """Each batch of them."""
        listed = document.get("operations") or document.get("batches")
        jobs = documents(listed) if isinstance(listed, list) else [document]
        return [each for job in jobs if (each := batch_reading(job)) is not None]


def batch_reading(job: Document) -> Reading | None:
    """What an operation tells of its batch; None for one that is none."""
    name = text(job.get("name"))
    told = {**document(job.get("metadata")), **document(job.get("response"))}
    if not name.startswith("batches/"):
        return None
    state = text(told.get("state"))
    ended = state.endswith(_ENDED)
    output = document(told.get("output")) or told
    stored = text(output.get("responsesFile"))
    inline = output.get("inlinedResponses") or output.get("inlinedEmbedContentResponses")
    answers = Answers(model_in(text(told.get("model"))))
    lines = documents(document(inline).get("inlinedResponses"))
    for each in lines:
        answers.add(each)
    done = count(_number(document(told.get("batchStats")).get("successfulRequestCount")))
    free = ended and not (stored or done or answers.charges)
    whole = ended and bool(answers.charges) and not (stored or answers.untold)
    return Reading(
        charges=answers.charges if ended else (),
        complete=free or whole,
        model=answers.model or None,
        response_id=name,
        error=NOTHING_DONE if free else None,
        over=ended,
        also=(stored,) if stored else (),
        # What was stopped, or expired, has answers to a part of its calls.
        answers=len(lines) if state.endswith(_WHOLE) else None,
    )


class Answers:
    """The answers of a batch's calls, added up."""

    def __init__(self, model: str = "") -> None:
        self.model = model
        self.charges: tuple[Charge, ...] = ()
        self.untold = False

    def add(self, line: Document) -> None:
        """One answer, or the error in its place, which is free."""
        response = document(line.get("response"))
        if not response:
            return
        embedded = count(_number(response.get("tokenCount")))
        if embedded or "embedding" in response:
            usage = document(response.get("usageMetadata"))
            read = generate_usage(usage) if usage else Usage(embedded)
            self._charge(Charge(self.model, read, (BATCH,)) if read.input_tokens else None)
            return
        reader = GenerateReader(Ask(model=self.model))
        reader.body(response)
        told = reader.reading()
        self.model = told.model or self.model
        for charge in told.charges or (None,):
            self._charge(charge)

    def _charge(self, charge: Charge | None) -> None:
        if charge is None:
            self.untold = True
        else:
            terms = settled(charge.terms, (BATCH,))
            self.charges = (*self.charges, replace(charge, terms=terms))


class OutputReader(BaseReader):
    """The answers to the calls of a file, one in each line."""

    tells = "usage of every line"

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask)
        self.response_id = ask.previous_id
        self._answers = Answers()
        self._seen = False

    @override
    def event(self, event: Document, name: str = "") -> None:
        """One line."""
        if "response" in event or "error" in event:
            self._seen = self._seen or "key" in event or "response" in event
            self.answers = (self.answers or 0) + 1
            self._answers.add(event)

    def body(self, document: Document) -> None:
        """The only line, or an error."""
        self.event(document)

    @override
    def reading(self) -> Reading:
        """No line says that it is the last one: how many were ordered does."""
        answers = self._answers
        self.charges = answers.charges
        self.model = answers.model or None
        self.complete = self._seen and not answers.untold
        if self.complete and not answers.charges:
            self.error = NOTHING_DONE
        return super().reading()


def _number(value: object) -> object:
    """Counts are 64 bits wide and stand in strings."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
