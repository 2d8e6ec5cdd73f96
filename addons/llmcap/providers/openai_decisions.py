"""
The wire format of decisions: questions about some input, answered with probabilities.

Only what is read is paid, at the model's price for input, whether it comes from a cache or not.
https://developers.openai.com/api/docs/guides/decisions
"""

from dataclasses import replace

from llmcap.providers.openai_embeddings import read_embeddings
from llmcap.providers.reader import BaseReader, count, documents, text
from llmcap.providers.shape import Ask, Document, Request
from llmcap.records import Usage


def read_decision(request: Request) -> Ask:
    """What a request for decisions asks for. It is not said that the input is read only once."""
    questions = documents(request.document().get("questions"))
    return replace(read_embeddings(request), prompts=1, loops=max(len(questions), 1))


class DecisionReader(BaseReader):
    """Answers to questions: `input_tokens` are all that is paid."""

    tells = "input tokens"

    def body(self, document: Document) -> None:
        """The whole answer."""
        self.model = text(document.get("model")) or self.model
        if document.get("error"):
            self.fail(document["error"])
        usage = document.get("usage")
        if isinstance(usage, dict) and usage:
            self.charge(Usage(input_tokens=count(usage.get("input_tokens"))))
            self.complete = True
