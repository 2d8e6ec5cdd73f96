"""
Voyage and Jina: embeddings and rankings, billed by the tokens that `usage.total_tokens` tells, and
at Voyage by pixels.

https://docs.voyageai.com/reference, https://api.jina.ai/docs
"""

from dataclasses import replace
from typing import override

from llmcap.providers.compatible import FREE, LATER, Route
from llmcap.providers.openai.embeddings import EmbeddingsReader, read_embeddings
from llmcap.providers.parts.content import measure, sold_by
from llmcap.providers.parts.reader import count, text
from llmcap.providers.parts.rerank import RerankReader, read_rerank
from llmcap.providers.parts.routes import Routes
from llmcap.providers.parts.shape import Ask, Document, Endpoint, Provider, Request
from llmcap.words.records import Count, Usage

# Pictures and films have a price by their pixels at Voyage, beside the tokens of the texts.
_PIXELS = {"image": "input_pixel", "video": "input_pixel"}


def read_inputs(request: Request) -> Ask:
    """What a request for embeddings of texts and images together asks for."""
    body = request.document()
    content = measure(request)
    inputs = body.get("inputs") or body.get("input")
    return Ask(
        model=text(body.get("model")),
        text_bytes=content.text_bytes,
        media=sold_by(_PIXELS, content.media),
        generates=False,
        prompts=max(len(inputs), 1) if isinstance(inputs, list) else 1,
        hidden_work=False,
    )


class PixelsReader(EmbeddingsReader):
    """Embeddings of texts and pictures: tokens of the texts, and pixels that have a price."""

    tells = "tokens of text and pixels"

    @override
    def usage_of(self, usage: Document) -> Usage:
        """The total counts pixels as tokens, for limits; the bill does not."""
        pixels = count(usage.get("image_pixels")) + count(usage.get("video_pixels"))
        told = {"image_pixels", "video_pixels", "text_tokens"} & usage.keys()
        if "input_pixel" not in self.ask.fees:
            return super().usage_of(usage)
        if not told:
            return replace(super().usage_of(usage), extras=self.uncounted)
        extras: dict[str, Count] = {"input_pixel": pixels} if pixels else {}
        return Usage(input_tokens=count(usage.get("text_tokens")), extras=extras)


def _routes(dialect: str) -> tuple[Route, ...]:
    embeddings = Endpoint(
        name="embeddings",
        fields="severalEmbeddings",
        read=read_embeddings,
        reader=EmbeddingsReader,
        dialect=dialect,
    )
    several = replace(embeddings, read=read_inputs, reader=PixelsReader)
    rerank = Endpoint(
        name="rerank", fields="rerank", read=read_rerank, reader=RerankReader, dialect=dialect
    )
    later, free = replace(LATER, dialect=dialect), replace(FREE, dialect=dialect)
    return (
        ("POST", "/v1/embeddings", embeddings),
        ("POST", "/v1/multimodalembeddings", several),
        ("POST", "/v1/contextualizedembeddings", several),
        ("POST", "/v1/rerank", rerank),
        ("POST", "/v1/classify", replace(several, name="classify", fields="classify")),
        ("POST", "/v1/batches", later),
        ("POST", "/v1/train", later),
        ("GET|POST|DELETE", "/v1/files/**", free),
    )


VOYAGE = Provider(
    name="voyage",
    hosts=("api.voyageai.com", "ai.mongodb.com"),
    match=Routes(_routes("voyage")),
    dialect="voyage",
)
JINA = Provider(name="jina", hosts=("api.jina.ai",), match=Routes(_routes("jina")), dialect="jina")
