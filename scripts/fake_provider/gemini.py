"""Google's generateContent and streamGenerateContent."""

from fake_provider import tariff
from fake_provider.bill import Record
from fake_provider.count import count_input
from fake_provider.engine import Document, Event
from fake_provider.generate import Choice, Order

STRETCH = (11, 10)


def order_of(document: Document, model: str, *, stream: bool) -> Order:
    """What the request asks for."""
    config = document.get("generationConfig") or {}
    limit = config.get("maxOutputTokens")
    return Order(
        endpoint="generate",
        model=model,
        served=tariff.SERVED.get(model, model),
        input_tokens=input_tokens(document),
        limit=tariff.OUTPUT_MAX[model] if limit is None else int(limit),
        choices=config.get("candidateCount") or 1,
        stream=stream,
    )


def input_tokens(document: Document) -> int:
    """What the model reads."""
    return count_input(
        document.get("systemInstruction"),
        document.get("contents", []),
        document.get("tools"),
        document.get("content"),
        stretch=STRETCH,
    )


class Generate:
    """One answer of Gemini; every chunk of a stream has the usage so far."""

    def __init__(self, order: Order, record: Record, *, usage: bool, sse: bool) -> None:
        self.framing = "sse" if sse else "array"
        self._order = order
        self._record = record
        self._usage = usage

    def opening(self) -> list[Event]:
        """Nothing."""
        return []

    def token(self, choice: Choice, text: str) -> list[Event]:
        """A chunk with the next words."""
        return [Event(self._answer([_candidate(choice, text, finished=False)]))]

    def closing(self, choices: list[Choice]) -> list[Event]:
        """The finish reason of every candidate, and the final usage."""
        return [Event(self._answer([_candidate(choice, "", finished=True) for choice in choices]))]

    def failure(self) -> list[Event]:
        """An error object instead of a chunk."""
        return [Event(error_body(500))]

    def whole(self, choices: list[Choice], texts: list[str]) -> Document:
        """All candidates."""
        return self._answer(
            [
                _candidate(choice, text, finished=True)
                for choice, text in zip(choices, texts, strict=True)
            ]
        )

    def _answer(self, candidates: list[Document]) -> Document:
        document: Document = {
            "candidates": candidates,
            "modelVersion": self._order.served,
            "responseId": f"resp-{self._record.number}",
        }
        if self._usage:
            document["usageMetadata"] = self._usage_block()
        return document

    def _usage_block(self) -> Document:
        """Thoughts are counted beside the candidates, cached tokens inside the prompt."""
        record = self._record
        usage = {
            "promptTokenCount": record.input,
            "candidatesTokenCount": record.output - record.reasoning,
            "totalTokenCount": record.input + record.output,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": record.input}],
        }
        if record.reasoning:
            usage["thoughtsTokenCount"] = record.reasoning
        if record.cached:
            usage["cachedContentTokenCount"] = record.cached
        return usage


def error_body(status: int) -> Document:
    """Google's error shape."""
    names = {400: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL"}
    message = f"The fake provider was told to answer {status}."
    error = {"code": status, "message": message, "status": names.get(status, "UNAVAILABLE")}
    return {"error": error}


def _candidate(choice: Choice, text: str, *, finished: bool) -> Document:
    content: Document = {"role": "model", "parts": [{"text": text}]}
    candidate: Document = {"content": content, "index": choice.index}
    if finished:
        candidate["finishReason"] = "MAX_TOKENS" if choice.cut_off else "STOP"
    return candidate
