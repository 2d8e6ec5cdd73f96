"""
Files as they are uploaded to the Gemini API, as far as a batch may be ordered of them.

The official packages open an upload, then send the bytes to the address that they are given, in
pieces of eight megabytes; the last one is answered with the file. Nothing says what a file is for,
so whatever begins like JSON is read as the lines of a batch.
https://ai.google.dev/gemini-api/docs/files, https://ai.google.dev/gemini-api/docs/batch-api
"""

from llmcap.pricing.terms import BATCH
from llmcap.providers.google.embeddings import read_embed
from llmcap.providers.google.generate import read_generate
from llmcap.providers.parts.bodies import parsed
from llmcap.providers.parts.declared import unread_in_document, with_unread
from llmcap.providers.parts.orders import batched
from llmcap.providers.parts.reader import BaseReader, document, text
from llmcap.providers.parts.shape import Ask, Document, Piece, Provider, Request

_COMMAND = "x-goog-upload-command"
_OFFSET = "x-goog-upload-offset"


def read_piece(request: Request) -> Piece | None:
    """A piece of a file that may be the calls of a batch."""
    commands = [each.strip() for each in request.headers.get(_COMMAND, "").split(",")]
    if "upload" not in commands:
        return None
    offset = request.headers.get(_OFFSET, "0")
    if offset == "0" and request.body.lstrip()[:1] != b"{":
        return None
    return Piece(
        BATCH,
        request.body,
        upload=request.query.get("upload_id", ""),
        offset=int(offset) if offset.isascii() and offset.isdigit() else -1,
        last="finalize" in commands,
    )


def read_line(request: Request, piece: Piece, line: bytes, provider: Provider) -> Ask:  # noqa: ARG001
    """What a line asks for: a call for text, or one for an embedding; the order names the model."""
    body = document(parsed(line, "it").get("request"))
    verb = "embedContent" if "content" in body else "generateContent"
    call = Request(
        method="POST", host=request.host, path=f"/v1beta/models/:{verb}", body=line, document=body
    )
    ask = batched(read_embed(call) if "content" in body else read_generate(call))
    fields = "embedContent" if "content" in body else "generateContent"
    return with_unread(ask, unread_in_document(body, provider=provider.name, fields=fields))


class UploadedReader(BaseReader):
    """The file as Google named it: in the answer to its last piece."""

    def body(self, document: Document) -> None:
        """The whole answer."""
        self.response_id = text(_dict(document.get("file")).get("name")) or None


_dict = document
