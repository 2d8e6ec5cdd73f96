"""
The wire format of embeddings, as OpenAI defined it: input only.

https://platform.openai.com/docs/api-reference/embeddings
"""

from llmcap.providers.openai.chat import attributes_of, chat_usage, prompts_in
from llmcap.providers.parts.content import measure
from llmcap.providers.parts.reader import BaseReader, count, text
from llmcap.providers.parts.shape import Ask, Document, Request
from llmcap.words.records import Usage


def read_embeddings(request: Request) -> Ask:
    """What a request for embeddings asks for. The oldest paths name the model themselves."""
    body = request.document()
    content = measure(request)
    return Ask(
        model=text(body.get("model")) or _engine(request.path),
        text_bytes=content.text_bytes,
        media=content.media,
        generates=False,
        prompts=prompts_in(body.get("input")),
        hidden_work=False,
        attributes=attributes_of(body),
    )


class EmbeddingsReader(BaseReader):
    """Embeddings: `prompt_tokens`, and where that is missing, the total."""

    def body(self, document: Document) -> None:
        """The whole answer."""
        self.model = text(document.get("model")) or self.model
        if document.get("error"):
            self.fail(document["error"])
        usage = document.get("usage")
        if isinstance(usage, dict) and usage:
            self.charge(self.usage_of(usage))
            self.complete = True

    def usage_of(self, usage: Document) -> Usage:
        """What a usage object means: input, and nothing else."""
        if not count(usage.get("prompt_tokens")):
            usage = {**usage, "prompt_tokens": usage.get("total_tokens")}
        return chat_usage({**usage, "completion_tokens": 0})


def _engine(path: str) -> str:
    segments = path.strip("/").split("/")
    if "engines" in segments[:-1]:
        return segments[segments.index("engines") + 1]
    return ""
