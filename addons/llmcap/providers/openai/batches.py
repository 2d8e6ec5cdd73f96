"""
Batches as OpenAI defined them and others copied: a file of calls, done within a day, at a discount.

A batch is held from what its file was seen to hold, and its bill is told twice: as sums in the
batch object once it has ended (not by all vendors), and line by line in its output file. The sums
are enough where each call is billed by its tokens alone; else only the lines are, and until they
are fetched the batch costs what was held for it.
https://platform.openai.com/docs/api-reference/batch, https://console.groq.com/docs/batch,
https://docs.together.ai/reference/batch-create, https://docs.mistral.ai/api/endpoint/batch
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import override

from llmcap.pricing.terms import BATCH, SUMMED, regional, settled
from llmcap.providers.openai.chat import ChatReader, attributes_of, chat_usage
from llmcap.providers.openai.embeddings import EmbeddingsReader
from llmcap.providers.openai.images import ImagesReader
from llmcap.providers.openai.responses import ResponsesReader
from llmcap.providers.openai.videos import VideoReader
from llmcap.providers.parts.orders import NOTHING_DONE, OrderReader
from llmcap.providers.parts.reader import BaseReader, count, document, documents, text
from llmcap.providers.parts.shape import Ask, Document, Request
from llmcap.words.errors import FormatError
from llmcap.words.records import Charge, Reading

ENDED = frozenset((
    "completed", "failed", "expired", "cancelled",  # OpenAI; Together writes them in capitals
    "success", "timeout_exceeded",  # Mistral
))  # fmt: skip

# What the id of a batch is followed by where only its lines tell the bill.
BY_LINES = "/lines"

# How the answer of one line is read.
Answer = Callable[[Document], BaseReader]


# --- requests -------------------------------------------------------------------------------


def read_batch(request: Request) -> Ask:
    """What a request to start a batch asks for: work on its file."""
    body = request.document()
    file_id = text(body.get("input_file_id"))
    if not file_id:
        raise FormatError("it names no input_file_id")
    return Ask(
        model=text(body.get("model_id")),
        files=(file_id,),
        generates=False,
        hidden_work=False,
        deferred=True,
        attributes=attributes_of(body),
    )


def read_output(request: Request) -> Ask:
    """Whose output is fetched: the file's id is only in the path."""
    segments = request.path.strip("/").split("/")
    return Ask(model="", stream=True, previous_id=segments[-2], generates=False)


# --- responses ------------------------------------------------------------------------------


class BatchReader(OrderReader):
    """A batch as it was made, or as it is; or a list of them."""

    tells = "sums of its usage"

    @override
    def told(self, document: Document) -> list[Reading]:
        """Each batch under both of the names that its bill may be known by."""
        if isinstance(document.get("data"), list):
            jobs = documents(document["data"])
        else:
            jobs = [job] if isinstance(job := document.get("job"), dict) else [document]
        terms = regional(self.ask.terms)
        readings = [each for job in jobs for each in batch_readings(job, terms)]
        if self.ask.deferred and readings:
            by_totals, by_lines = readings
            lots = self.ask.lots
            return [by_totals if len(lots) == 1 and lots[0].plain else by_lines]
        return readings


def batch_readings(job: Document, terms: tuple[str, ...] = ()) -> list[Reading]:
    """
    What a batch object tells: for those whose sums tell the bill, and for those whose lines do.

    One that ended without a finished call costs nothing, and then both know it.
    """
    name = text(job.get("id"))
    if not name:
        return []
    status = text(job.get("status")).lower()
    ended = status in ENDED
    output = text(job.get("output_file_id")) or text(job.get("output_file"))
    model = text(job.get("model")) or text(job.get("model_id"))
    counts = document(job.get("request_counts"))
    done = count(counts.get("completed")) or count(job.get("succeeded_requests"))
    usage = chat_usage(document(job.get("usage")))
    used = bool(usage.input_tokens or usage.output_tokens)
    free = ended and not (output or done or used)
    by_lines = Reading(
        complete=free,
        model=model or None,
        response_id=name + BY_LINES,
        error=NOTHING_DONE if free else None,
        over=ended,
        also=(output,) if output else (),
    )
    charges = (Charge(model, usage, (BATCH, SUMMED, *terms)),) if ended and used else ()
    by_totals = replace(by_lines, response_id=name, charges=charges, complete=free or bool(charges))
    return [by_totals, by_lines]


class OutputReader(BaseReader):
    """The output of a batch, an answer in each line: all of them together are its bill."""

    tells = "usage of every line"

    def __init__(self, ask: Ask, *, answer: Answer) -> None:
        super().__init__(ask)
        self.response_id = ask.previous_id
        self._answer = answer
        self._lines: list[Charge] = []
        self._seen = False
        self._untold = False

    @override
    def event(self, event: Document, name: str = "") -> None:
        """One line. Calls that failed are free."""
        if "custom_id" not in event and "response" not in event:
            return
        self._seen = True
        response = document(event.get("response"))
        answered = document(response.get("body"))
        if not answered or count(response.get("status_code")) >= 400:
            return
        reader = self._answer(answered)
        reader.body(answered)
        told = reader.reading()
        self.model = told.model or self.model
        self._untold = self._untold or not (told.complete or told.error)
        self._lines += [
            replace(charge, terms=settled(charge.terms, (BATCH, *self._terms)))
            for charge in told.charges
        ]

    @property
    def _terms(self) -> tuple[str, ...]:
        return regional(self.ask.terms)

    def body(self, document: Document) -> None:
        """The only line, or an error."""
        self.event(document)

    @override
    def reading(self) -> Reading:
        """There is no telling whether a line is the last one: each may be."""
        if len(self.charges) != len(self._lines):
            self.charges = tuple(self._lines)
        self.complete = self._seen and not self._untold
        if self.complete and not self._lines:
            self.error = NOTHING_DONE
        return super().reading()


def answers(
    chat: Callable[[Ask], BaseReader] = ChatReader,
    responses: Callable[[Ask], BaseReader] = ResponsesReader,
    embeddings: Callable[[Ask], BaseReader] = EmbeddingsReader,
    more: Mapping[str, Callable[[Ask], BaseReader]] = MappingProxyType({}),
) -> Answer:
    """
    How a vendor's answers are read, by what they look like.

    `more` are readers of its own, by a key that only what they read has.
    """

    def answer(told: Document) -> BaseReader:
        ask = Ask(model=text(told.get("model")))
        for key, reader in more.items():
            if key in told:
                return reader(ask)
        if told.get("object") == "response":
            return responses(ask)
        if told.get("object") == "video":
            return VideoReader(ask)
        items = documents(told.get("data"))
        if any("embedding" in item for item in items):
            return embeddings(ask)
        if items:
            return ImagesReader(ask)
        return chat(ask)

    return answer
