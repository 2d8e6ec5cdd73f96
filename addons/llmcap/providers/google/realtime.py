"""
Gemini Live, at the Gemini API and at Vertex AI: one WebSocket, one model, turn after turn.

The first frame (`setup`) names the model. A turn begins when the client has completed its part, or
when the server finds that a speaker has ended, which it does unless that is switched off: such a
turn is held ahead. Each turn is billed for all of the session that it reads, and its usage is of
that turn alone: recorded sessions of three turns told 373, 413 and 452 tokens read and about 23
written each (pydantic-ai, pull request 7269), where a running sum would have grown by all of them.
Within one turn the last usage counts. Thoughts stand beside the total there, not in it, and so
they are not billed here either.
https://ai.google.dev/api/live
"""

import json
from typing import Any, override

from llmcap.providers.google.generate import GenerateReader, hosted_in, kinds_in
from llmcap.providers.parts import hosted
from llmcap.providers.parts.content import measure
from llmcap.providers.parts.reader import count, document, documents, text
from llmcap.providers.parts.session import Heard, Moment, Turn
from llmcap.providers.parts.shape import Ask, Document, Endpoint, Request
from llmcap.providers.parts.voice import PCM_BYTES_PER_SECOND, Conversation, seconds_in

# Gemini counts up to 32 tokens for a second of sound and 258 for an image of a film, one a second.
TOKENS_PER_SECOND = 32
IMAGE_TOKENS = 300

# What a session begins with, unseen: 1,131 tokens were recorded for a prompt of forty characters.
PREAMBLE_TOKENS = 4_096


class LiveReader(GenerateReader):
    """One turn."""

    @override
    def event(self, event: Document, name: str = "") -> None:
        """One frame, as the chunk of a stream that it is like."""
        said = document(event.get("serverContent"))
        candidate: Document = {"content": said.get("modelTurn")}
        if "groundingMetadata" in said:
            candidate["groundingMetadata"] = said["groundingMetadata"]
        if said.get("turnComplete"):
            candidate["finishReason"] = "STOP"
        chunk: Document = {"candidates": [candidate]}
        if event.get("usageMetadata"):
            chunk["usageMetadata"] = event["usageMetadata"]
        for call in documents(document(event.get("toolCall")).get("functionCalls")):
            self.see_json(call.get("args"))
        self.body(chunk)


class LiveWire:
    """See `Wire`."""

    fields = "live"
    remembers = True
    closes = True

    def __init__(self, endpoint: Endpoint, upgrade: Request) -> None:  # noqa: ARG002  the shape has it
        self.endpoint = Endpoint(name="live", reader=LiveReader, dialect="google")
        self._model = ""
        self._limit: int | None = None
        self._detects = True
        self._tools = hosted.NONE
        self._remote: tuple[str, ...] = ()  # what the session's tools read that nobody has seen
        self._conversation = Conversation()

    def said(self, frame: Request) -> tuple[Turn, ...]:
        """The setup, what the client says, what its tools found, and sound or film as it comes."""
        body = frame.document()
        setup = document(body.get("setup"))
        if setup:
            self._configure(setup)
            self._conversation.heap.text_bytes += len(frame.body)
            return ()
        # Google's own package spells it so: findings/google_genai_live_spelling.sh
        content = document(_either(body, "clientContent", "client_content"))
        if content:
            self._conversation.heap.add(measure(frame))
            complete = _either(content, "turnComplete", "turn_complete")
            return (Turn(self.endpoint, self._ask()),) if complete else ()
        stream = document(_either(body, "realtimeInput", "realtime_input"))
        if stream:
            return self._streamed(stream)
        if _either(body, "toolResponse", "tool_response"):
            self._conversation.heap.add(measure(frame))
            return () if self._conversation.going_on else (Turn(self.endpoint, self._ask()),)
        return ()

    def _configure(self, setup: Document) -> None:
        self._model = text(setup.get("model")).rpartition("/")[2]
        config = document(_either(setup, "generationConfig", "generation_config"))
        self._limit = count(_either(config, "maxOutputTokens", "max_output_tokens")) or None
        realtime = document(_either(setup, "realtimeInputConfig", "realtime_input_config"))
        detection = document(
            _either(realtime, "automaticActivityDetection", "automatic_activity_detection")
        )
        self._detects = detection.get("disabled") is not True
        self._tools = hosted_in(setup, self._model)
        self._remote = hosted.results_of(kinds_in(setup))

    def _streamed(self, stream: Document) -> tuple[Turn, ...]:
        chunks = [document(stream.get(name)) for name in ("audio", "video")]
        chunks += documents(_either(stream, "mediaChunks", "media_chunks"))
        for chunk in chunks:
            data = text(chunk.get("data"))
            if text(_either(chunk, "mimeType", "mime_type")).startswith("image"):
                self._conversation.heap.seconds += IMAGE_TOKENS / TOKENS_PER_SECOND
            elif data:
                self._conversation.heap.seconds += seconds_in(
                    len(data), bytes_per_second=PCM_BYTES_PER_SECOND
                )
        self._conversation.heap.text_bytes += len(text(stream.get("text")).encode())
        ended = _either(stream, "activityEnd", "activity_end") is not None
        return (Turn(self.endpoint, self._ask(), ahead=True),) if self._detects or ended else ()

    def _ask(self) -> Ask:
        heap = self._conversation.unread()
        room = heap.room_seconds()
        return Ask(
            model=self._model,
            stream=True,
            text_bytes=heap.text_bytes,
            media=tuple(heap.media),
            output_limit=self._limit,
            extra_input=self._conversation.known_tokens
            + PREAMBLE_TOKENS
            + self._tools.result_tokens
            + room * TOKENS_PER_SECOND,
            sound=True,
            remote=self._remote,
            fees=self._tools.fees,
        )

    def heard(self, frame: Document) -> Heard | None:
        """Everything that the model makes belongs to the one turn that goes on."""
        content = document(frame.get("serverContent"))
        if "error" in frame:
            return Heard(Moment.FAILED, status=count(document(frame["error"]).get("code")) or 400)
        if content.get("turnComplete"):
            return Heard(Moment.ENDED)
        works = content.keys() - {"inputTranscription", "interrupted", "waitingForInput"}
        if works or frame.get("toolCall") or frame.get("usageMetadata"):
            self._conversation.going_on = True
            return Heard(Moment.GOES_ON)
        return None

    def unasked(self, heard: Heard) -> Turn | None:
        """The model speaks although nothing that was said let us expect it."""
        return Turn(self.endpoint, self._ask()) if heard.moment is Moment.GOES_ON else None

    def learned(self, tokens: int | None) -> None:
        """All of the session is read again by the next turn."""
        self._conversation.over(tokens)

    def error(self, document: Document, status: int, lane: str) -> bytes:  # noqa: ARG002  likewise
        """
        A `google.rpc.Status`, bare and within `error`: google-genai reads the bare one.

        The API itself has no such frame, it closes the connection with the text as its reason.
        """
        names = {400: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED"}
        name = names.get(status, "FAILED_PRECONDITION")
        error = {"code": status, "message": document.get("message"), "status": name}
        return json.dumps({**error, "error": error}, ensure_ascii=False).encode()

    def stop(self, turn_id: str) -> bytes | None:  # noqa: ARG002  likewise
        """There is none."""
        return None


def _either(body: Document, camel: str, snake: str) -> Any:
    """A field by either of its spellings: the SDK for Python sends both."""
    return body.get(camel, body.get(snake))
