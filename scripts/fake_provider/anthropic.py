"""Anthropic's messages."""

from typing import Any

from fake_provider import tariff
from fake_provider.bill import Record
from fake_provider.count import count_input
from fake_provider.engine import Document, Event
from fake_provider.generate import Choice, Order

STRETCH = (5, 4)


def order_of(document: Document, model: str) -> Order:
    """What the request asks for."""
    return Order(
        endpoint="messages",
        model=model,
        served=tariff.SERVED.get(model, model),
        input_tokens=input_tokens(document),
        limit=int(document["max_tokens"]),
        stream=bool(document.get("stream")),
    )


def input_tokens(document: Document) -> int:
    """What the model reads."""
    return count_input(
        document.get("system"),
        document.get("messages", []),
        document.get("tools"),
        stretch=STRETCH,
    )


class Messages:
    """One message."""

    framing = "sse"

    def __init__(self, order: Order, record: Record, *, usage: bool) -> None:
        self._record = record
        self._usage = usage
        self._head: Document = {
            "id": f"msg_{record.number}",
            "type": "message",
            "role": "assistant",
            "model": order.served,
        }

    def opening(self) -> list[Event]:
        """The message, with the usage of its input, and its one text block."""
        message = {**self._head, "content": [], "stop_reason": None, "stop_sequence": None}
        message["usage"] = {**self._input_usage(), "output_tokens": 1} if self._usage else {}
        block = {"type": "text", "text": ""}
        return [
            _event("message_start", message=message),
            _event("content_block_start", index=0, content_block=block),
            _event("ping"),
        ]

    def token(self, choice: Choice, text: str) -> list[Event]:
        """A delta."""
        del choice
        delta = {"type": "text_delta", "text": text}
        return [_event("content_block_delta", index=0, delta=delta)]

    def closing(self, choices: list[Choice]) -> list[Event]:
        """The block's end, the cumulative usage, the message's end."""
        usage = {"output_tokens": self._record.output} if self._usage else {}
        delta = {"stop_reason": _stop(choices[0]), "stop_sequence": None}
        return [
            _event("content_block_stop", index=0),
            _event("message_delta", delta=delta, usage=usage),
            _event("message_stop"),
        ]

    def failure(self) -> list[Event]:
        """An error event."""
        return [_event("error", **{**error_body(529), "type": "error"})]

    def whole(self, choices: list[Choice], texts: list[str]) -> Document:
        """A finished message."""
        usage = {**self._input_usage(), "output_tokens": self._record.output}
        return {
            **self._head,
            "content": [{"type": "text", "text": texts[0]}],
            "stop_reason": _stop(choices[0]),
            "stop_sequence": None,
            "usage": usage if self._usage else {},
        }

    def _input_usage(self) -> Document:
        """Cache reads and writes come on top of `input_tokens` here."""
        return {
            "input_tokens": self._record.fresh,
            "cache_creation_input_tokens": self._record.written,
            "cache_read_input_tokens": self._record.cached,
            "cache_creation": {
                "ephemeral_5m_input_tokens": self._record.written,
                "ephemeral_1h_input_tokens": 0,
            },
            "service_tier": "standard",
        }


def error_body(status: int) -> Document:
    """Anthropic's error shape."""
    kinds = {400: "invalid_request_error", 429: "rate_limit_error", 529: "overloaded_error"}
    message = f"The fake provider was told to answer {status}."
    error = {"type": kinds.get(status, "api_error"), "message": message}
    return {"type": "error", "error": error, "request_id": "req_fake"}


def _event(kind: str, **fields: Any) -> Event:
    return Event({"type": kind, **fields}, kind)


def _stop(choice: Choice) -> str:
    return "max_tokens" if choice.cut_off else "end_turn"
