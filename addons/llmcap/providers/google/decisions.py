"""
The wire format of Google's decisions: questions about one input, which is read once for all.

Only what is read is paid. https://ai.google.dev/gemini-api/docs/decisions
"""

from dataclasses import replace

from llmcap.providers.google.interactions import interaction_usage, read_interaction
from llmcap.providers.parts.reader import BaseReader
from llmcap.providers.parts.shape import Ask, Document, Request
from llmcap.words.records import Usage


def read_decision(request: Request) -> Ask:
    """What a request for decisions asks for; the model is named with its folder."""
    ask = read_interaction(request)
    return replace(ask, model=ask.model.removeprefix("models/"), generates=False, hidden_work=False)


class DecisionReader(BaseReader):
    """Answers to questions, which cost nothing."""

    tells = "input tokens"

    def body(self, document: Document) -> None:
        """The whole answer. A cache has no price of its own here."""
        if document.get("error"):
            self.fail(document["error"])
        usage = document.get("usage")
        if isinstance(usage, dict) and usage:
            read = interaction_usage(usage, self.served_model)
            self.charge(
                Usage(
                    input_tokens=read.input_tokens,
                    input_audio=read.input_audio,
                    input_image=read.input_image,
                    input_video=read.input_video,
                )
            )
            self.complete = True
