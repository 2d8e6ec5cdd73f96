"""
Voyage and Jina: embeddings and rankings, billed by the tokens that `usage.total_tokens` tells.

https://docs.voyageai.com/reference, https://api.jina.ai/docs
"""

from dataclasses import replace

from llmcap.providers.compatible import FREE, LATER, Route
from llmcap.providers.content import measure, sold_by
from llmcap.providers.openai_embeddings import EmbeddingsReader, read_embeddings
from llmcap.providers.openai_rerank import RerankReader, read_rerank
from llmcap.providers.reader import text
from llmcap.providers.routes import Routes
from llmcap.providers.shape import Ask, Endpoint, Provider, Request

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


def _routes(dialect: str) -> tuple[Route, ...]:
    embeddings = Endpoint(
        name="embeddings", read=read_embeddings, reader=EmbeddingsReader, dialect=dialect
    )
    several = replace(embeddings, read=read_inputs)
    rerank = Endpoint(name="rerank", read=read_rerank, reader=RerankReader, dialect=dialect)
    later, free = replace(LATER, dialect=dialect), replace(FREE, dialect=dialect)
    return (
        ("POST", "/v1/embeddings", embeddings),
        ("POST", "/v1/multimodalembeddings", several),
        ("POST", "/v1/contextualizedembeddings", several),
        ("POST", "/v1/rerank", rerank),
        ("POST", "/v1/classify", replace(several, name="classify")),
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
