"""
Ollama's own wire format, which local servers speak beside OpenAI's.

A stream is JSON lines, and it is the default; the last line has the counts.
https://docs.ollama.com/api
"""

from collections.abc import Callable

from llmcap.providers.parts.content import measure
from llmcap.providers.parts.reader import BaseReader, count, document, limit_in, text
from llmcap.providers.parts.shape import Ask, Document, Endpoint, Request
from llmcap.words.records import Usage

Read = Callable[[Request], Ask]


def read_generate(request: Request) -> Ask:
    """What a request to chat or to generate asks for."""
    body = request.document()
    content = measure(request)
    return Ask(
        model=text(body.get("model")),
        stream=body.get("stream") is not False,
        text_bytes=content.text_bytes,
        media=content.media,
        tools="tools" in body,
        output_limit=limit_in(document(body.get("options")).get("num_predict")),
    )


def limit_generate(body: Document, limit: int) -> Document | None:
    """The same request with this limit."""
    if limit < 1:
        return None
    return {**body, "options": {**document(body.get("options")), "num_predict": limit}}


def read_embed(request: Request) -> Ask:
    """What a request for embeddings asks for."""
    body = request.document()
    inputs = body.get("input")
    return Ask(
        model=text(body.get("model")),
        text_bytes=len(request.body),
        generates=False,
        prompts=max(len(inputs), 1) if isinstance(inputs, list) else 1,
        hidden_work=False,
    )


class GenerateReader(BaseReader):
    """An answer, whole or in lines."""

    def event(self, event: Document, name: str = "") -> None:  # noqa: ARG002  the shape has it
        """One line."""
        self.body(event)

    def body(self, document: Document) -> None:
        """A whole answer, or a piece of it."""
        self.model = text(document.get("model")) or self.model
        self.see(document.get("response"))
        self.see_json(document.get("message"))
        if document.get("error"):
            self.fail(document["error"])
        read, written = document.get("prompt_eval_count"), document.get("eval_count")
        if read is not None or written is not None:
            self.charge(Usage(input_tokens=count(read), output_tokens=count(written)))
            self.complete = True


def _as_it_is(read: Read) -> Read:
    return read


def routes(reads: Callable[[Read], Read] = _as_it_is) -> list[tuple[str, str, Endpoint]]:
    """The routes of a server that speaks it; `reads` changes every `Ask`."""
    chat = Endpoint(
        name="chat",
        fields="ollama",
        read=reads(read_generate),
        reader=GenerateReader,
        limit=limit_generate,
        dialect="ollama",
    )
    embed = Endpoint(
        name="embed",
        fields="ollamaEmbed",
        read=reads(read_embed),
        reader=GenerateReader,
        dialect="ollama",
    )
    return [
        ("POST", "/api/chat", chat),
        ("POST", "/api/generate", chat),
        ("POST", "/api/embed", embed),
        ("POST", "/api/embeddings", embed),
    ]
