"""
Anthropic's batches of messages: half the price, told line by line in results that come later.

https://docs.claude.com/en/api/creating-message-batches
"""

from typing import override

from llmcap.providers.anthropic.bill import Refusals, message_charges
from llmcap.providers.anthropic.messages import (
    MessagesReader,
    ask_of,
)  # fmt: skip
from llmcap.providers.parts.content import measure
from llmcap.providers.parts.declared import unread_in_document, with_unread
from llmcap.providers.parts.orders import batched, request_of
from llmcap.providers.parts.reader import BaseReader, document, documents, text
from llmcap.providers.parts.shape import Ask, Document, Request
from llmcap.words.records import Charge, Reading


def read_batch(request: Request) -> Ask:
    """What a batch of messages asks for: all its calls together, each at its highest limit."""
    betas = request.headers.get("anthropic-beta", "")
    parts: list[Ask] = []
    for each in documents(request.document().get("requests")):
        call = request_of(request, document(each.get("params")))
        content = measure(call)
        ask = ask_of(
            call.document(), text_bytes=content.text_bytes, media=content.media, betas=betas
        )
        unread = unread_in_document(call.document(), provider="anthropic", fields="messages")
        parts.append(with_unread(batched(ask), unread))
    return Ask(model="", parts=tuple(parts), generates=False, hidden_work=False, deferred=True)


def read_batch_results(request: Request) -> Ask:
    """Whose results these are: the batch's id is only in the path."""
    segments = request.path.strip("/").split("/")
    return Ask(model="", previous_id=segments[-2] if len(segments) > 1 else None, generates=False)


class BatchReader(BaseReader):
    """A batch that was just made: only its id, by which the results find it."""

    def body(self, document: Document) -> None:
        """The batch object."""
        self.response_id = text(document.get("id")) or self.response_id


class BatchResultsReader(BaseReader):
    """The results of a batch, a line each: all of them together are its bill."""

    tells = "usage of every line"
    tells_terms = MessagesReader.tells_terms

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask)
        self.response_id = ask.previous_id
        self._lines: list[Charge] = []

    @override
    def event(self, event: Document, name: str = "") -> None:
        """One line. Calls that failed or expired are free and have no message."""
        message = document(document(event.get("result")).get("message"))
        usage = document(message.get("usage"))
        if "result" in event:
            # There is no telling whether a line is the last one but by how many were ordered: each
            # request has its line, whether it succeeded, failed, expired or was canceled.
            self.complete = True
            self.answers = (self.answers or 0) + 1
        if usage:
            usage = {"service_tier": "batch", **usage}
            refusals = Refusals()
            for block in documents(message.get("content")):
                refusals.block(block)
            refusals.stopped(message)
            self._lines += message_charges(usage, text(message.get("model")), refusals)

    def body(self, document: Document) -> None:
        """Results of a single call, or an error."""
        if document.get("error"):
            self.fail(document["error"])
        self.event(document)

    def reading(self) -> Reading:
        """What the lines so far add up to."""
        if len(self.charges) != len(self._lines):
            self.charge_all(tuple(self._lines))
        return super().reading()
