"""Cohere's chat, and Bedrock's converse and invoke with Amazon's own models."""

import base64
import json
import re

from fake_provider.bill import Record
from fake_provider.count import count_input
from fake_provider.engine import Document, Event
from fake_provider.generate import Choice, Order

PROFILES_PATH = "/inference-profiles"
_ACCOUNT = "arn:aws:bedrock:us-east-1:123456789012:"
BEDROCK_PATH = re.compile(
    r"/model/([^/]+)/(converse|converse-stream|invoke|invoke-with-response-stream)"
)


# --- Cohere ---------------------------------------------------------------------------------


def cohere_order(document: Document, model: str, *, most: int) -> Order:
    """What the request asks for."""
    return Order(
        endpoint="cohere",
        model=model,
        served=model,
        input_tokens=count_input(document.get("messages", [])),
        limit=document.get("max_tokens") or most,
        stream=bool(document.get("stream")),
    )


class CohereChat:
    """One answer of /v2/chat: the bill is in `billed_units`, what the model saw in `tokens`."""

    framing = "sse"

    def __init__(self, record: Record) -> None:
        self._record = record

    def opening(self) -> list[Event]:
        """The message, and its one block."""
        message = {"message": {"role": "assistant", "content": [], "tool_calls": []}}
        block = {"message": {"content": {"type": "text", "text": ""}}}
        return [
            _named("message-start", id=self._id, delta=message),
            _named("content-start", index=0, delta=block),
        ]

    def token(self, choice: Choice, text: str) -> list[Event]:
        """Some words."""
        delta = {"message": {"content": {"text": text}}}
        return [_named("content-delta", index=choice.index, delta=delta)]

    def closing(self, choices: list[Choice]) -> list[Event]:
        """The usage comes with the end."""
        delta = {"finish_reason": _cohere_finish(choices[0]), "usage": self._used()}
        return [_named("content-end", index=0), _named("message-end", id=self._id, delta=delta)]

    def failure(self) -> list[Event]:
        """It ends, for an error."""
        delta = {"finish_reason": "ERROR", "error": "The fake provider was told to fail."}
        return [_named("message-end", id=self._id, delta=delta)]

    def whole(self, choices: list[Choice], texts: list[str]) -> Document:
        """All of it."""
        content = [{"type": "text", "text": texts[0]}]
        return {
            "id": self._id,
            "finish_reason": _cohere_finish(choices[0]),
            "message": {"role": "assistant", "content": content},
            "usage": self._used(),
        }

    @property
    def _id(self) -> str:
        return f"cohere-{self._record.number}"

    def _used(self) -> Document:
        record = self._record
        return {
            "billed_units": {"input_tokens": record.input, "output_tokens": record.output},
            "tokens": {"input_tokens": record.input + 60, "output_tokens": record.output + 2},
        }


def _named(kind: str, **fields: object) -> Event:
    return Event({"type": kind, **fields}, kind)


def _cohere_finish(choice: Choice) -> str:
    return "MAX_TOKENS" if choice.cut_off else "COMPLETE"


# --- Bedrock --------------------------------------------------------------------------------


class Profiles:
    """Application inference profiles: each stands for the model that it was made of."""

    def __init__(self) -> None:
        self._models: dict[str, str] = {}

    def made(self, asked: Document) -> Document:
        """A new one; what it is made of is not told again."""
        arn = f"{_ACCOUNT}application-inference-profile/{len(self._models):012x}"
        self._models[arn] = asked["modelSource"]["copyFrom"].rpartition("/")[2]
        return {"inferenceProfileArn": arn, "status": "ACTIVE"}

    def model(self, named: str) -> str:
        """The model that a call works with."""
        return self._models.get(named, named)


def bedrock_order(document: Document, model: str, operation: str, *, most: int) -> Order:
    """What the request asks for; both formats have the same names for it."""
    config = document.get("inferenceConfig") or {}
    return Order(
        endpoint=operation,
        model=model,
        served=model,
        input_tokens=count_input(document.get("system", []), document.get("messages", [])),
        limit=config.get("maxTokens") or config.get("max_new_tokens") or most,
        stream=operation.endswith("-stream"),
    )


class Bedrock:
    """One answer of converse, or of invoke with a Nova model: these are alike."""

    framing = "eventstream"

    def __init__(self, record: Record) -> None:
        self._record = record

    def opening(self) -> list[Event]:
        """The role."""
        return [Event({"role": "assistant"}, "messageStart")]

    def token(self, choice: Choice, text: str) -> list[Event]:
        """Some words."""
        delta = {"contentBlockIndex": choice.index, "delta": {"text": text}}
        return [Event(delta, "contentBlockDelta")]

    def closing(self, choices: list[Choice]) -> list[Event]:
        """The usage is in an event after the end."""
        return [
            Event({"contentBlockIndex": 0}, "contentBlockStop"),
            Event({"stopReason": _bedrock_stop(choices[0])}, "messageStop"),
            Event({"usage": self._used(), "metrics": {"latencyMs": 1}}, "metadata"),
        ]

    def failure(self) -> list[Event]:
        """An exception is a message of its own type."""
        return [Event({"message": "The fake provider was told to fail."}, "!modelStreamError")]

    def whole(self, choices: list[Choice], texts: list[str]) -> Document:
        """All of it."""
        return {
            "output": {"message": {"role": "assistant", "content": [{"text": texts[0]}]}},
            "stopReason": _bedrock_stop(choices[0]),
            "usage": self._used(),
            "metrics": {"latencyMs": 1},
        }

    def _used(self) -> Document:
        record = self._record
        return {
            "inputTokens": record.input,
            "outputTokens": record.output,
            "totalTokens": record.input + record.output,
        }


class BedrockChunks(Bedrock):
    """The same for a stream of invoke: each event of the model is packed into one of AWS's."""

    def opening(self) -> list[Event]:
        """The role."""
        return _packed(super().opening())

    def token(self, choice: Choice, text: str) -> list[Event]:
        """Some words."""
        return _packed(super().token(choice, text))

    def closing(self, choices: list[Choice]) -> list[Event]:
        """The usage, and beside it, in the last, what AWS itself counted."""
        used = self._used()
        counted = {
            "inputTokenCount": used["inputTokens"], "outputTokenCount": used["outputTokens"],
        }  # fmt: skip
        (*others, last) = super().closing(choices)
        told = {last.name: last.data, "amazon-bedrock-invocationMetrics": counted}
        return [*_packed(others), _chunk(told)]


def _packed(events: list[Event]) -> list[Event]:
    return [_chunk({event.name: event.data}) for event in events]


def _chunk(told: Document) -> Event:
    return Event({"bytes": base64.b64encode(json.dumps(told).encode()).decode()}, "chunk")


def _bedrock_stop(choice: Choice) -> str:
    return "max_tokens" if choice.cut_off else "end_turn"
