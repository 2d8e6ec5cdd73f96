"""
Files as they are uploaded to OpenAI and to those that copied its API, and what their lines ask for.

A file for a batch has a call in each line, by its path; one for fine-tuning has an example. Others
are read by models as they are, or searched, and cost nothing to upload.
https://platform.openai.com/docs/api-reference/files, https://platform.openai.com/docs/guides/batch
"""

from dataclasses import replace

from llmcap.pricing.terms import BATCH
from llmcap.providers.parts.bodies import parsed
from llmcap.providers.parts.content import measure
from llmcap.providers.parts.declared import asked
from llmcap.providers.parts.multipart import parts_of
from llmcap.providers.parts.orders import batched
from llmcap.providers.parts.reader import BaseReader, document, text
from llmcap.providers.parts.shape import Ask, Billing, Document, Endpoint, Piece, Provider, Request
from llmcap.words.errors import FormatError

TUNING = "fine-tune"
# What the vendors call these purposes.
PURPOSES = {"batch": BATCH, "batch-api": BATCH, "fine-tune": TUNING, "fine-tuning": TUNING}

# Calls whose answers tell all that they cost as sums of input and output tokens.
_PLAIN = ("chat completions", "completions", "responses", "embeddings")
# A recording is a URL here, and as long as its owner likes.
_UNBOUNDED = ("transcriptions",)


def read_piece(request: Request) -> Piece | None:
    """The file of a form, where work will be ordered of it. Raises `FormatError`."""
    purpose, data = "", None
    for field, content in parts_of(request):
        if field.name == "purpose":
            purpose = PURPOSES.get(field.text.strip(), "")
        elif field.filename:
            data = content
    if not purpose:
        return None
    if data is None:
        raise FormatError("the form has no file")
    return Piece(purpose, data)


def read_line(request: Request, piece: Piece, line: bytes, provider: Provider) -> Ask:
    """What a line of an uploaded file asks for. Raises `FormatError`."""
    told = parsed(line, "it")
    return (
        read_example(request, line, told)
        if piece.purpose == TUNING
        else read_call(request, line, told, provider)
    )


def read_call(request: Request, line: bytes, told: Document, provider: Provider) -> Ask:
    """A call of a batch, at the terms of one."""
    url = text(told.get("url"))
    for path in _paths(request.path, url):
        endpoint = provider.match("POST", path)
        if endpoint is not None:
            call = _call(request, path, line, document(told.get("body")))
            return call_ask(endpoint, call, provider.name)
    raise FormatError(f"it calls {url or 'nothing'}, which is not known")


def _call(request: Request, path: str, line: bytes, body: Document) -> Request:
    headers = {"content-type": "application/json"}
    return Request(
        method="POST", host=request.host, path=path, headers=headers, body=line, document=body
    )


def call_ask(endpoint: Endpoint, call: Request, provider: str) -> Ask:
    """What a call of a batch asks for at this endpoint. Raises `FormatError`."""
    if endpoint.billing is Billing.FREE:
        model = text(call.document().get("model")) or "omni-moderation-latest"
        return Ask(model=model, generates=False)
    if endpoint.billing is not Billing.METERED or endpoint.name in _UNBOUNDED:
        raise FormatError(f"what {endpoint.name} cost in a batch is not known before it is over")
    ask = batched(asked(endpoint, call, provider=provider))
    return replace(ask, plain=endpoint.name in _PLAIN and not ask.unread)


def _paths(uploaded: str, url: str) -> list[str]:
    """Where the path of a line may be: as it is, or below the path that the upload is below."""
    base = uploaded.rstrip("/").removesuffix("/upload").removesuffix("/files")
    return [url, base + url, base + url.removeprefix("/v1")]


def read_example(request: Request, line: bytes, told: Document) -> Ask:
    """An example to train with: all of it is read, once per epoch."""
    content = measure(
        Request(method="POST", host=request.host, path=request.path, body=line, document=told)
    )
    return Ask(
        model="", text_bytes=content.text_bytes, media=content.media, generates=False, plain=False
    )


class UploadedReader(BaseReader):
    """The file as the provider named it."""

    def body(self, document: Document) -> None:
        """The file object."""
        self.response_id = text(document.get("id")) or None
