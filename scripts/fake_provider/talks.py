"""
What is said in the sessions of OpenAI's Realtime API and of Gemini's Live API, in text.

A session takes a client's frames and says what a provider answers to each. What is read again with
every turn, the whole conversation, is counted from the frames by their length.
https://platform.openai.com/docs/api-reference/realtime, https://ai.google.dev/api/live
"""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

Frame = dict[str, Any]
REALTIME_PATH = "/v1/realtime"
LIVE_PATH = re.compile(
    r"/+ws/google\.ai\.generativelanguage\.v\w+\.GenerativeService\.BidiGenerateContent"
)

# Nano-dollars for a token that is read and one that is written, as text.
NANOS = {"gpt-realtime-mini": (600, 2_400), "gemini-3.8-live": (750, 4_500)}
CHARACTERS_PER_TOKEN = 4


class Talk(ABC):
    """One session: a conversation that grows, and its bill in nano-dollars."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.nanos = 0
        self._heard = 0  # tokens of the conversation
        self._turns = 0

    def greeting(self) -> Iterator[Frame]:
        """What the provider says by itself."""
        yield from ()

    @abstractmethod
    def answers(self, frame: Frame, words: int) -> Iterator[Frame]:
        """What it says to a frame; an answer has so many words, each of them a token."""

    def hear(self, frame: Frame) -> None:
        """More of the conversation."""
        self._heard += len(json.dumps(frame)) // CHARACTERS_PER_TOKEN

    def turn(self, words: int) -> int:
        """Bill one answer, and tell what it read."""
        read_nanos, written_nanos = NANOS[self.model]
        read = self._heard
        self._turns += 1
        self.nanos += read * read_nanos + words * written_nanos
        self._heard += words
        return read


class Realtime(Talk):
    """OpenAI's."""

    def greeting(self) -> Iterator[Frame]:
        """What the session is."""
        yield self._session("session.created")

    def answers(self, frame: Frame, words: int) -> Iterator[Frame]:
        """A response where one is asked for, else what has become of an item or a setting."""
        kind = frame.get("type")
        if kind == "session.update":
            yield self._session("session.updated")
        elif kind == "conversation.item.create":
            self.hear(frame)
            item = {"id": f"item_{self._heard}", "object": "realtime.item", "status": "completed"}
            added = {"previous_item_id": None, "item": item | frame["item"]}
            yield {"type": "conversation.item.added", "event_id": "event_a", **added}
            yield {"type": "conversation.item.done", "event_id": "event_d", **added}
        elif kind == "response.create":
            yield from self._response(words)

    def _response(self, words: int) -> Iterator[Frame]:
        read = self.turn(words)
        response: Frame = {
            "id": f"resp_{self._turns}", "object": "realtime.response", "status": "in_progress",
            "output": [], "output_modalities": ["text"],
        }  # fmt: skip
        place = {
            "response_id": response["id"],
            "item_id": f"said_{self._turns}",
            "output_index": 0,
            "content_index": 0,
        }
        yield {"type": "response.created", "event_id": "event_r", "response": response}
        for _ in range(words):
            yield {
                "type": "response.output_text.delta", "event_id": "event_t", "delta": "word ",
                **place,
            }  # fmt: skip
        said = {"type": "output_text", "text": "word " * words}
        item = {
            "id": place["item_id"], "type": "message", "role": "assistant", "status": "completed",
            "content": [said],
        }  # fmt: skip
        usage = {
            "total_tokens": read + words, "input_tokens": read, "output_tokens": words,
            "input_token_details": {"text_tokens": read, "audio_tokens": 0, "cached_tokens": 0},
            "output_token_details": {"text_tokens": words, "audio_tokens": 0},
        }  # fmt: skip
        done = response | {"status": "completed", "output": [item], "usage": usage}
        yield {"type": "response.done", "event_id": "event_e", "response": done}

    def _session(self, kind: str) -> Frame:
        session = {
            "id": "sess_1", "object": "realtime.session", "type": "realtime", "model": self.model,
            "output_modalities": ["text"],
        }  # fmt: skip
        return {"type": kind, "event_id": "event_s", "session": session}


class Live(Talk):
    """Google's."""

    def answers(self, frame: Frame, words: int) -> Iterator[Frame]:
        """A turn where the client's is complete."""
        if setup := frame.get("setup"):
            self.model = setup["model"].removeprefix("models/")
            yield {"setupComplete": {}}
        # Google's package for Python spells the first in snake case, its other fields not.
        elif content := frame.get("client_content") or frame.get("clientContent"):
            self.hear(frame)
            if content.get("turnComplete"):
                yield from self._turn(words)

    def _turn(self, words: int) -> Iterator[Frame]:
        read = self.turn(words)
        for _ in range(words):
            yield {"serverContent": {"modelTurn": {"parts": [{"text": "word "}]}}}
        usage = {
            "promptTokenCount": read,
            "responseTokenCount": words,
            "totalTokenCount": read + words,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": read}],
            "responseTokensDetails": [{"modality": "TEXT", "tokenCount": words}],
        }
        yield {"serverContent": {"turnComplete": True}, "usageMetadata": usage}


def talk_of(target: str) -> Talk | None:
    """The session that a request opens by its path and query, if it is one of these."""
    path, _, query = target.partition("?")
    if LIVE_PATH.fullmatch(path):
        return Live("")
    if path == REALTIME_PATH:
        model = dict(pair.partition("=")[::2] for pair in query.split("&")).get("model", "")
        return Realtime(model)
    return None
