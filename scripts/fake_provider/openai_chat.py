"""OpenAI's chat/completions."""

import time
from typing import Any

from fake_provider import tariff
from fake_provider.bill import Record
from fake_provider.count import count_input
from fake_provider.engine import Document, Event
from fake_provider.generate import Choice, Order

# Who tells the usage of a stream with its last choice, asked for or not.
TELL_UNASKED = ("api.mistral.ai", "api-inference.together.ai", "openrouter.ai")
GROQ = "api.groq.com"


def order_of(document: Document, model: str) -> Order:
    """What the request asks for."""
    limit = document.get("max_completion_tokens", document.get("max_tokens"))
    return Order(
        endpoint="chat",
        model=model,
        served=tariff.SERVED.get(model, model),
        input_tokens=count_input(document.get("messages", []), document.get("tools")),
        limit=tariff.OUTPUT_MAX[model] if limit is None else int(limit),
        choices=document.get("n") or 1,
        stream=bool(document.get("stream")),
    )


def usage_of(record: Record) -> Document:
    """The usage block; cached and hidden tokens are parts of the totals."""
    return {
        "prompt_tokens": record.input,
        "completion_tokens": record.output,
        "total_tokens": record.input + record.output,
        "prompt_tokens_details": {"cached_tokens": record.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": record.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


class Chat:
    """One answer of chat/completions."""

    framing = "sse"

    def __init__(
        self, order: Order, record: Record, document: Document, *, usage: bool, host: str = ""
    ) -> None:
        self._record = record
        self._host = host
        self._choices = order.choices
        self._usage = usage
        options = document.get("stream_options") or {}
        self._include_usage = usage and bool(options.get("include_usage"))
        self._head = {
            "id": f"chatcmpl-{record.number}",
            "created": int(time.time()),
            "model": order.served,
            "service_tier": "default",
            "system_fingerprint": "fp_fake",
        }

    def opening(self) -> list[Event]:
        """The role of each choice."""
        return [
            self._chunk([_delta(index, {"role": "assistant", "content": ""})])
            for index in range(self._choices)
        ]

    def token(self, choice: Choice, text: str) -> list[Event]:
        """A delta."""
        return [self._chunk([_delta(choice.index, {"content": text})])]

    def closing(self, choices: list[Choice]) -> list[Event]:
        """Finish reasons, the usage where it was asked for, and the sentinel."""
        events = [self._chunk([_delta(choice.index, {}, _finish(choice))]) for choice in choices]
        if self._include_usage:
            events.append(self._chunk([], usage_of(self._record)))
        elif self._usage and isinstance(last := events[-1].data, dict):
            if self._host in TELL_UNASKED:
                last["usage"] = usage_of(self._record)
            elif self._host == GROQ:
                last["x_groq"] = {"id": "req_fake", "usage": usage_of(self._record)}
        return [*events, Event("[DONE]")]

    def failure(self) -> list[Event]:
        """An error object instead of a chunk."""
        return [Event(error_body(500)), Event("[DONE]")]

    def whole(self, choices: list[Choice], texts: list[str]) -> Document:
        """A chat.completion."""
        document: Document = {
            **self._head,
            "object": "chat.completion",
            "choices": [
                {
                    "index": choice.index,
                    "message": {"role": "assistant", "content": text, "refusal": None},
                    "logprobs": None,
                    "finish_reason": _finish(choice),
                }
                for choice, text in zip(choices, texts, strict=True)
            ],
        }
        if self._usage:
            document["usage"] = usage_of(self._record)
        return document

    def _chunk(self, choices: list[Document], usage: Document | None = None) -> Event:
        document = {**self._head, "object": "chat.completion.chunk", "choices": choices}
        if self._include_usage:
            document["usage"] = usage
        return Event(document)


def error_body(status: int) -> Document:
    """OpenAI's error shape."""
    kind = {400: "invalid_request_error", 401: "authentication_error", 429: "tokens"}
    code: Any = {429: "rate_limit_exceeded"}.get(status)
    message = f"The fake provider was told to answer {status}."
    error = {"message": message, "type": kind.get(status, "server_error"), "param": None}
    return {"error": {**error, "code": code}}


def _delta(index: int, delta: Document, finish: str | None = None) -> Document:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}


def _finish(choice: Choice) -> str:
    return "length" if choice.cut_off else "stop"
