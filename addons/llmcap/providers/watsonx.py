"""
IBM watsonx: chat in OpenAI's shape, and text generation in one of its own.

https://cloud.ibm.com/apidocs/watsonx-ai
"""

from dataclasses import replace

from llmcap.providers.compatible import FREE, LATER, CompatibleReader
from llmcap.providers.openai.chat import read_chat
from llmcap.providers.parts.content import measure
from llmcap.providers.parts.limits import EITHER, either
from llmcap.providers.parts.reader import BaseReader, count, document, documents, limit_in, text
from llmcap.providers.parts.routes import Routes
from llmcap.providers.parts.shape import Ask, Document, Endpoint, Provider, Request
from llmcap.words.records import Usage

# Where a request sets no limit: https://cloud.ibm.com/apidocs/watsonx-ai#text-generation
NEW_TOKENS_DEFAULT = 200


def read_messages(request: Request) -> Ask:
    """What a request to chat asks for."""
    # https://cloud.ibm.com/apidocs/watsonx-ai#text-chat: both, 0 is the model's own
    ask = read_chat(request, limits=either)
    model = text(request.document().get("model_id"))
    return replace(ask, model=model, stream=request.path.lower().endswith("_stream"))


def read_generation(request: Request) -> Ask:
    """What a request to generate asks for."""
    told = document(request.document().get("parameters")).get("max_new_tokens")
    return _named(request, NEW_TOKENS_DEFAULT if told is None else limit_in(told))


def read_embeddings(request: Request) -> Ask:
    """What a request for embeddings asks for."""
    body = request.document()
    inputs = body.get("inputs")
    return Ask(
        model=text(body.get("model_id")),
        text_bytes=len(request.body),
        generates=False,
        prompts=max(len(inputs), 1) if isinstance(inputs, list) else 1,
        hidden_work=False,
    )


def _named(request: Request, limit: int | None) -> Ask:
    content = measure(request)
    return Ask(
        model=text(request.document().get("model_id")),
        stream=request.path.lower().endswith("_stream"),
        text_bytes=content.text_bytes,
        media=content.media,
        tools="tools" in request.document(),
        output_limit=limit,
    )


def limit_generation(body: Document, limit: int) -> Document | None:
    """The same request with this limit."""
    if limit < 1:
        return None
    return {**body, "parameters": {**document(body.get("parameters")), "max_new_tokens": limit}}


class GenerationReader(BaseReader):
    """Generated text: the input is told once, the output so far with each piece."""

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask)
        self._read = 0
        self._written = 0

    def body(self, document: Document) -> None:
        """A whole answer, or a piece of it."""
        self.model = text(document.get("model_id")) or self.model
        results = documents(document.get("results"))
        for result in results:
            self.see(result.get("generated_text"))
            self._read = max(self._read, count(result.get("input_token_count")))
            self._written = max(self._written, count(result.get("generated_token_count")))
            if result.get("stop_reason") not in (None, "not_finished"):
                self.complete = True
        if "results" in document and "input_token_count" in document:  # embeddings
            self._read = count(document["input_token_count"])
            self.complete = True
        if self._read or self._written:
            self.charge(Usage(input_tokens=self._read, output_tokens=self._written))


_CHAT = Endpoint(
    name="chat",
    fields="watsonxChat",
    read=read_messages,
    reader=CompatibleReader,
    limit=EITHER.lower,
)
_GENERATION = Endpoint(
    name="generation",
    fields="generation",
    read=read_generation,
    reader=GenerationReader,
    limit=limit_generation,
)
_EMBEDDINGS = Endpoint(
    name="embeddings", fields="watsonxEmbeddings", read=read_embeddings, reader=GenerationReader
)

PROVIDER = Provider(
    name="watsonx",
    hosts=("*.ml.cloud.ibm.com",),
    match=Routes(
        (
            ("POST", "/ml/v1/text/chat", _CHAT),
            ("POST", "/ml/v1/text/chat_stream", _CHAT),
            ("POST", "/ml/v1/text/generation", _GENERATION),
            ("POST", "/ml/v1/text/generation_stream", _GENERATION),
            ("POST", "/ml/v1/text/embeddings", _EMBEDDINGS),
            ("POST", "/ml/v1/text/tokenization", FREE),
            # A deployment hides its model; the others have no usage.
            ("POST", "/ml/v1/deployments/**", LATER),
            ("POST", "/ml/v1/**", LATER),
            ("GET|DELETE", "/ml/**", FREE),
        )
    ),
)
