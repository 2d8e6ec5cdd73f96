"""
Groq: api.groq.com.

A stream tells its usage unasked, under `x_groq`. Compound models call other models and search the
web in between: `usage_breakdown` has what each of them used, which is the bill.
https://console.groq.com/docs/api-reference, https://console.groq.com/docs/compound
"""

from dataclasses import replace

from llmcap.providers.compatible import Api, InsideChatReader, Read, compatible, compatible_usage
from llmcap.providers.openai.audio import TranscriptionReader
from llmcap.providers.parts import hosted
from llmcap.providers.parts.limits import either
from llmcap.providers.parts.reader import document, documents, text
from llmcap.providers.parts.shape import Ask, Document, Request
from llmcap.words.records import Charge, Usage

# A recording is billed as ten seconds at least: https://console.groq.com/docs/speech-to-text
RECORDING_SECONDS_MIN = 10


def with_compound(read: Read) -> Read:
    """The same with what a compound model may do on its own, and the least of a recording."""

    def read_compound(request: Request) -> Ask:
        ask = read(request)
        if any(each.unit for each in ask.media):
            heard = tuple(replace(each, least=RECORDING_SECONDS_MIN) for each in ask.media)
            return replace(ask, media=heard)
        if not ask.generates or not _is_compound(ask.model):
            return ask
        mini = ask.model.rpartition("/")[2].startswith("compound-mini")
        uses = hosted.USES["groq/compound-mini" if mini else "groq"]
        tools = hosted.tools({"web_search": uses.most})
        return replace(ask, fees=tools.fees, loops=tools.loops, extra_input=tools.result_tokens)

    return read_compound


def _is_compound(model: str) -> bool:
    return "compound" in model.rpartition("/")[2]


class GroqReader(InsideChatReader):
    """Chat completions, with a charge for each model that a compound one called."""

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask)
        self._breakdown: list[Document] = []
        self._searches = 0

    def event(self, event: Document, name: str = "") -> None:
        """One chunk; the last one has the breakdown."""
        self._look(event)
        super().event(event, name)
        self._apportion()

    def body(self, document: Document) -> None:
        """A whole completion."""
        self._look(document)
        super().body(document)
        self._apportion()

    def _look(self, told: Document) -> None:
        for holder in (told, document(told.get("x_groq"))):
            found = documents(document(holder.get("usage_breakdown")).get("models"))
            self._breakdown = found or self._breakdown
        for choice in documents(told.get("choices")):
            message = document(choice.get("message") or choice.get("delta"))
            self._searches += sum(
                "search" in text(tool.get("type"))
                for tool in documents(message.get("executed_tools"))
            )
        self.told = {"web_search": self._searches} if self._searches or self.ask.fees else {}

    def _apportion(self) -> None:
        """Put what each model used in place of the sum."""
        if not (self.charges and self._breakdown):
            return
        whole = self.charges[0].usage
        parts = [
            Charge(text(each.get("model")), compatible_usage(document(each.get("usage"))))
            for each in self._breakdown
        ]
        if sum(part.usage.output_tokens for part in parts) < whole.output_tokens:
            return  # the parts do not make up the whole: bill that
        if self._searches:
            usage = replace(parts[0].usage, extras={"web_search": self._searches})
            parts[0] = replace(parts[0], usage=usage)
        self.charge_all(tuple(parts))


class GroqTranscriptionReader(TranscriptionReader):
    """A transcript, billed as one of ten seconds at least."""

    def charge(self, usage: Usage, terms: tuple[str, ...] = ()) -> None:
        """All of the call is this usage."""
        if (seconds := usage.extras.get("audio_second")) is not None:
            usage = replace(usage, extras={"audio_second": max(seconds, RECORDING_SECONDS_MIN)})
        super().charge(usage, terms)


PROVIDER = compatible(
    "groq",
    "api.groq.com",
    bases=("/openai/v1",),
    api=Api(
        chat=GroqReader,
        transcription=GroqTranscriptionReader,
        limits=either,  # groq 1.7, `types/chat/completion_create_params.py`
        reads=with_compound,
        asks_usage=False,
    ),
)
