"""
Mistral's speech, by the character, and its transcripts, by the second that was heard.

https://docs.mistral.ai/api, https://mistral.ai/pricing
"""

from llmcap.providers.parts.reader import BaseReader, amount, count, text
from llmcap.providers.parts.shape import (
    Ask,
    Document,
    Request,
)
from llmcap.words.records import Count, Usage


def read_speech(request: Request) -> Ask:
    """What a request for speech asks for: so many characters."""
    body = request.document()
    return Ask(
        model=text(body.get("model")),
        stream=body.get("stream") is True,
        generates=False,
        hidden_work=False,
        fees={"input_character": len(text(body.get("input")))},
    )


class SpeechReader(BaseReader):
    """Speech, whose characters are billed: those of the request."""

    tells = "characters asked for"

    def event(self, event: Document, name: str = "") -> None:
        """One event of a stream; the last one says that it is."""
        self.complete = self.complete or (text(event.get("type")) or name).endswith("done")
        if self.complete:
            self.charge(Usage(extras=self.ask.fees))

    def body(self, document: Document) -> None:
        """The sound, inside JSON."""
        if document.get("error"):
            self.fail(document["error"])
        elif document.get("audio_data"):
            self.raw(0, {})

    def raw(self, size: int, headers: object) -> None:  # noqa: ARG002  the shape has it
        """The sound itself."""
        self.charge(Usage(extras=self.ask.fees))
        self.complete = True


class TranscriptReader(BaseReader):
    """A transcript, billed by the seconds of its recording."""

    tells = "seconds"

    def event(self, event: Document, name: str = "") -> None:  # noqa: ARG002  the shape has it
        """One event of a stream; the last one has the usage."""
        self.body(event)

    def body(self, document: Document) -> None:
        """The whole transcript."""
        self.model = text(document.get("model")) or self.model
        self.see(document.get("text"))
        if document.get("error"):
            self.fail(document["error"])
        usage = document.get("usage")
        if not isinstance(usage, dict):
            return
        seconds = amount(usage.get("prompt_audio_seconds"))
        if seconds is not None:
            extras: dict[str, Count] = {"audio_second": seconds}
            self.charge(
                Usage(
                    input_tokens=count(usage.get("prompt_tokens")),
                    output_tokens=count(usage.get("completion_tokens")),
                    extras=extras,
                )
            )
            self.complete = True
