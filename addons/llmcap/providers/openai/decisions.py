"""
The wire format of decisions: questions about some input, answered with probabilities.

Only what is read is paid, at the model's price for input, whether it comes from a cache or not.
https://developers.openai.com/api/docs/guides/decisions
"""

from dataclasses import replace

from llmcap.providers.openai.embeddings import EmbeddingsReader, read_embeddings
from llmcap.providers.parts.reader import count, documents
from llmcap.providers.parts.shape import Ask, Document, Request
from llmcap.words.records import Usage


def read_decision(request: Request) -> Ask:
    """What a request for decisions asks for. It is not said that the input is read only once."""
    questions = documents(request.document().get("questions"))
    return replace(read_embeddings(request), prompts=1, loops=max(len(questions), 1))


class DecisionReader(EmbeddingsReader):
    """Answers to questions: `input_tokens` are all that is paid."""

    tells = "input tokens"

    def usage_of(self, usage: Document) -> Usage:
        """What a usage object means."""
        return Usage(input_tokens=count(usage.get("input_tokens")))
