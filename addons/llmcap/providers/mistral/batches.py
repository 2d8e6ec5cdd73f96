"""
Mistral's batches: a job over files of calls, or over calls that stand in its request.

A line has no path: the job names one endpoint for all of them, and mostly one model. So what a line
is for is told by what is in its body. No job tells its usage; the answers do.
https://docs.mistral.ai/api/endpoint/batch
"""

from dataclasses import replace
from typing import override

from llmcap.providers.openai.batches import Answer, BatchReader, OutputReader
from llmcap.providers.openai.chat import attributes_of
from llmcap.providers.openai.files import TUNING, call_ask, read_example
from llmcap.providers.parts.bodies import parsed
from llmcap.providers.parts.orders import request_of
from llmcap.providers.parts.reader import document, documents, text
from llmcap.providers.parts.shape import Ask, Document, Match, Piece, Provider, Request
from llmcap.words.errors import FormatError
from llmcap.words.records import Reading

# The endpoints of a batch, by what only the bodies of their calls have.
_ENDPOINTS = {
    "messages": "/v1/chat/completions",
    "prompt": "/v1/fim/completions",
    "document": "/v1/ocr",
    "inputs": "/v1/conversations",
    "input": "/v1/embeddings",
}


def read_line(request: Request, piece: Piece, line: bytes, provider: Provider) -> Ask:
    """What a line of an uploaded file asks for: the order names the endpoint, the body shows it."""
    told = parsed(line, "it")
    if piece.purpose == TUNING:
        return read_example(request, line, told)
    body = document(told.get("body"))
    path = next((path for key, path in _ENDPOINTS.items() if key in body), "")
    endpoint = provider.match("POST", path)
    if endpoint is None:
        raise FormatError("its body is of no kind that is known")
    return call_ask(endpoint, request_of(request, body, path=path), provider.name)


def read_job(request: Request, match: Match) -> Ask:
    """What a request to start a batch asks for: calls in files, or in the request itself."""
    body = request.document()
    model = text(body.get("model"))
    files = body.get("input_files")
    path = text(body.get("endpoint"))
    parts: list[Ask] = []
    for each in documents(body.get("requests")):
        call = request_of(request, document(each.get("body")), path=path)
        endpoint = match("POST", path)
        if endpoint is None:
            raise FormatError(f"it calls {path or 'nothing'}, which is not known")
        ask = call_ask(endpoint, call, "mistral")
        parts.append(replace(ask, model=ask.model or model))
    named = (
        tuple(each for each in files if isinstance(each, str)) if isinstance(files, list) else ()
    )
    if not (named or parts):
        raise FormatError("there are no calls in it")
    return Ask(
        model=model,
        files=named,
        parts=tuple(parts),
        generates=False,
        hidden_work=False,
        deferred=True,
        attributes=attributes_of(body),
    )


class JobReader(BatchReader):
    """A batch, whose answers may stand in it where its calls stood in the request."""

    def __init__(self, ask: Ask, *, answer: Answer) -> None:
        super().__init__(ask)
        self.answer = answer

    @override
    def told(self, document: Document) -> list[Reading]:
        """Each batch, under the name by which its answers tell the bill."""
        readings = super().told(document)
        outputs = documents(document.get("outputs"))
        if not (readings and readings[-1].over and outputs):
            return readings
        lines = OutputReader(
            Ask(model="", previous_id=readings[-1].response_id), answer=self.answer
        )
        for output in outputs:
            lines.event(output)
        told = lines.reading()
        return [*readings[:-1], replace(readings[-1], charges=told.charges, model=told.model,
                                        complete=told.complete, error=told.error)]  # fmt: skip
