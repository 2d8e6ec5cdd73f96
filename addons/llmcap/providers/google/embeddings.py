"""
The wire format of Google's embeddings: one text, a batch, and the older predict.

Only the newer models tell usage; for the others the reading stays incomplete, and what was
estimated is billed.
https://ai.google.dev/api/embeddings
"""

from llmcap.providers.google.generate import SOUNDING, generate_usage, model_in
from llmcap.providers.parts.content import measure
from llmcap.providers.parts.reader import BaseReader, documents
from llmcap.providers.parts.shape import Ask, Document, Request


def read_embed(request: Request) -> Ask:
    """What a request for embeddings asks for."""
    content = measure(request)
    prompts = len(documents(request.document().get("requests")))
    return Ask(
        model=model_in(request.path),
        text_bytes=content.text_bytes,
        media=content.media,
        generates=False,
        prompts=max(prompts, 1),
        sound=any(media.kind in SOUNDING for media in content.media),
        hidden_work=False,
    )


class EmbedReader(BaseReader):
    """Embeddings, which may have a `usageMetadata`."""

    def body(self, document: Document) -> None:
        """The whole answer."""
        if document.get("error"):
            self.fail(document["error"])
        usage = document.get("usageMetadata")
        if isinstance(usage, dict) and usage.get("promptTokenCount"):
            self.charge(generate_usage(usage))
            self.complete = True
