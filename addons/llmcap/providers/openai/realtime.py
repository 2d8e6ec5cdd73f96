"""
The Realtime API of OpenAI, which Azure (also as voice live) and xAI speak too.

A response is asked for (`response.create`), or made by the server when it finds that a speaker has
ended (`turn_detection`): that one is held ahead, as its sound comes in. `response.done` has its
usage, in which all of the conversation so far is read again. A transcript of the sound is billed
apart, at the price of the model that made it, in seconds or tokens; Azure's voice live tells no
usage for it, then the seconds are those of the speech that the server found.
xAI bills the seconds of sound and the messages instead of tokens (docs.x.ai, "Voice pricing").
https://platform.openai.com/docs/api-reference/realtime
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import ROUND_CEILING
from typing import override

from llmcap.providers.parts import hosted
from llmcap.providers.parts.content import measure
from llmcap.providers.parts.reader import (
    BaseReader,
    amount,
    count,
    document,
    documents,
    limit_in,
    text,
    utf8_bytes,
)
from llmcap.providers.parts.session import TRANSCRIPT, Heard, Moment, Turn
from llmcap.providers.parts.shape import Ask, Document, Endpoint, Request
from llmcap.providers.parts.voice import (
    G711_BYTES_PER_SECOND,
    PCM_BYTES_PER_SECOND,
    Conversation,
    Heap,
    seconds_in,
)  # fmt: skip
from llmcap.words.records import Count, Usage

# Tokens of a second of sound that is heard. It is ten at OpenAI, and thirteen leave room for what
# a voice detector puts before and after (platform.openai.com/docs/guides/realtime-costs).
TOKENS_PER_SECOND = 13

# One token of sound that is spoken stands for 50 ms: 400 bytes of G.711, and more of anything else,
# which is 533 characters of base64.
CHARS_PER_SPOKEN_TOKEN = 512

# xAI names no limit of a response; this much sound is held for it.
SPOKEN_SECONDS = 180

# Tools that a session of xAI's searches with, and the units of their fees.
_SEARCHES = {
    "web_search": "web_search", "x_search": "x_search",
    "file_search": "file_search", "collections_search": "file_search",
}  # fmt: skip

# Items whose length is remembered until their transcript is there.
ITEMS_MAX = 64

_TRANSCRIBED = "conversation.item.input_audio_transcription."
_XAI = "grok-"


class RealtimeReader(BaseReader):
    """One response."""

    @override
    def event(self, event: Document, name: str = "") -> None:
        """One frame of it."""
        kind = text(event.get("type"))
        if kind == "response.done":
            self._done(event)
        elif kind.endswith(("audio.delta", "output_audio.delta")):
            delta = text(event.get("delta"))
            self.visible_bytes += len(delta) // CHARS_PER_SPOKEN_TOKEN + 1
        elif kind.endswith(".delta"):
            self.see(event.get("delta"))
        elif kind == "response.created":
            self._head(document(event.get("response")))
        elif kind == "error":
            self.fail(event.get("error"))

    def _head(self, response: Document) -> None:
        self.model = text(response.get("model")) or self.model
        self.response_id = text(response.get("id")) or self.response_id

    def _done(self, event: Document) -> None:
        response = document(event.get("response"))
        self._head(response)
        if response.get("status") == "failed":
            self.fail(document(response.get("status_details")).get("error"))
        usage = document(response.get("usage")) or document(event.get("usage"))
        if not usage:
            return
        self.charge(realtime_usage(usage, self._searched(response)))
        self.complete = True

    def _searched(self, response: Document) -> Ask:
        """What was asked for, with the searches that the response shows where it shows any item."""
        if not isinstance(response.get("output"), list):
            return self.ask
        kinds = [text(item.get("type")) for item in documents(response["output"])]
        units = [_SEARCHES.get(kind.removesuffix("_call"), "") for kind in kinds]
        shown = {unit: units.count(unit) for unit in _SEARCHES.values() if unit in self.ask.fees}
        return replace(self.ask, fees={**self.ask.fees, **shown})


def realtime_usage(usage: Document, ask: Ask) -> Usage:
    """The usage of a response: by tokens, or by what the asked model is billed for instead."""
    if ask.fees:
        seconds = amount(usage.get("billable_audio_seconds")) or amount(
            usage.get("output_audio_seconds")
        )
        heard: Mapping[str, Count] = {
            **ask.fees,
            "audio_second": int((seconds or 0) and seconds.to_integral_value(ROUND_CEILING)),
        }
        return Usage(extras={unit: number for unit, number in heard.items() if number})
    read = document(usage.get("input_token_details"))
    written = document(usage.get("output_token_details"))
    cached = document(read.get("cached_tokens_details"))
    return Usage(
        input_tokens=count(usage.get("input_tokens")),
        output_tokens=count(usage.get("output_tokens")),
        cache_read=count(read.get("cached_tokens")),
        input_audio=count(read.get("audio_tokens")),
        input_image=count(read.get("image_tokens")),
        cache_read_audio=count(cached.get("audio_tokens")),
        cache_read_image=count(cached.get("image_tokens")),
        reasoning=count(written.get("reasoning_tokens")),
        output_audio=count(written.get("audio_tokens")),
    )


class TranscriptReader(BaseReader):
    """One transcript of what was heard."""

    @override
    def event(self, event: Document, name: str = "") -> None:
        """One frame of it; `usage` is of tokens, of a duration, or missing."""
        kind = text(event.get("type"))
        if kind.endswith(".delta"):
            self.see(event.get("delta"))
        elif kind.endswith(".failed"):
            self.fail(event.get("error"))
        elif kind.endswith(".completed"):
            self._completed(event)

    def _completed(self, event: Document) -> None:
        usage = document(event.get("usage"))
        seconds = amount(usage.get("seconds"))
        if seconds is not None:
            whole = int(seconds.to_integral_value(ROUND_CEILING))
            self.charge(Usage(extras={"audio_second": whole}))
        elif usage:
            self.charge(realtime_usage(usage, replace(self.ask, fees={})))
        else:
            return
        self.complete = True


def limit_response(body: Document, limit: int) -> Document | None:
    """The same `response.create` with this limit, under the name that it uses."""
    response = document(body.get("response"))
    old = "max_response_output_tokens"
    name = old if old in response else "max_output_tokens"
    return {**body, "response": {**response, name: limit}} if limit >= 1 else None


class RealtimeWire:
    """See `Wire`."""

    closes = False
    fields = "realtime"
    remembers = True

    def __init__(self, endpoint: Endpoint, upgrade: Request) -> None:
        self.endpoint = Endpoint(
            name="realtime",
            reader=RealtimeReader,
            limit=limit_response,
            dialect=endpoint.dialect,
        )
        self._automatic_endpoint = replace(self.endpoint, limit=None)
        self._transcript_endpoint = Endpoint(
            name="realtime transcription", reader=TranscriptReader, dialect=endpoint.dialect
        )
        query = upgrade.query
        self._model = query.get("model") or query.get("deployment") or ""
        self._speaks = query.get("intent") != "transcription"
        self._automatic = self._speaks  # a session begins with turn detection on
        self._transcriber = ""
        self._prompt_bytes = 0  # of what a transcriber is told, which it reads each time
        self._tools: tuple[str, ...] = ()  # the types of what the provider runs itself
        self._limit: int | None = None
        self._bytes_per_second = PCM_BYTES_PER_SECOND
        self._conversation = Conversation()
        self._heard_seconds = 0.0  # sound that no transcript was made of yet
        self._speech: dict[str, int] = {}  # when in the session an item began, in milliseconds
        self._lengths: dict[str, int] = {}  # how long it is, likewise

    # --- the client ---------------------------------------------------------------------------

    def said(self, frame: Request) -> tuple[Turn, ...]:
        """What the frame adds to the conversation, and what it may start."""
        body = frame.document()
        kind = text(body.get("type"))
        if kind in ("session.update", "transcription_session.update"):
            self._configure(document(body.get("session")))
            self._conversation.heap.text_bytes += len(frame.body)
        elif kind == "conversation.item.create":
            return self._item(frame, body)
        elif kind == "input_audio_buffer.append":
            return self._sound(len(text(body.get("audio"))))
        elif kind == "response.create":
            self._conversation.heap.text_bytes += len(frame.body)
            asked = document(body.get("response"))
            limit = _limit(asked)
            tools = _types(asked) if "tools" in asked else self._tools
            return (Turn(self.endpoint, self.ask(limit or self._limit, tools)),)
        return ()

    def _item(self, frame: Request, body: Document) -> tuple[Turn, ...]:
        content = measure(frame)
        parts = documents(document(body.get("item")).get("content"))
        sound = sum(len(text(part.get("audio"))) for part in parts)
        images = tuple(media for media in content.media if media.kind != "audio")
        self._conversation.heap.add(replace(content, media=images))
        if not sound:
            return ()
        return tuple(turn for turn in self._sound(sound) if turn.kind == TRANSCRIPT)

    def _sound(self, base64_chars: int) -> tuple[Turn, ...]:
        """Sound may be answered and transcribed without another word of the client."""
        seconds = seconds_in(base64_chars, bytes_per_second=self._bytes_per_second)
        self._conversation.heap.seconds += seconds
        self._heard_seconds += seconds
        turns = []
        if self._automatic:
            turns.append(Turn(self._automatic_endpoint, self.ask(self._limit), ahead=True))
        if self._transcriber:
            turns.append(self._transcript())
        return tuple(turns)

    def ask(self, limit: int | None, tools: tuple[str, ...] | None = None) -> Ask:
        """A response now: all that is in the session is read, and sound that may still come."""
        heap = self._conversation.unread()
        tools = self._tools if tools is None else tools
        searches = {_SEARCHES[kind]: hosted.USES_DEFAULT for kind in tools if kind in _SEARCHES}
        found = hosted.tools(searches)
        room = heap.room_seconds() if self._automatic or heap.seconds else 0
        fees: dict[str, Count] = {}
        if self._model.startswith(_XAI):
            fees = {
                "audio_second": SPOKEN_SECONDS + room,
                "text_message": heap.messages,
                **searches,
            }
        return Ask(
            model=self._model,
            stream=True,
            text_bytes=heap.text_bytes,
            media=tuple(heap.media),
            output_limit=limit,
            extra_input=self._conversation.known_tokens
            + room * TOKENS_PER_SECOND
            + found.result_tokens,
            sound=True,
            remote=hosted.results_of(tools),
            fees=fees,
        )

    def _transcript(self) -> Turn:
        heap = Heap(seconds=self._heard_seconds)
        room = heap.room_seconds()
        # Whisper is billed by the second, the models after it by the token.
        if "whisper" in self._transcriber or self._transcriber.startswith(_XAI):
            ask = Ask(model=self._transcriber, generates=False, hidden_work=False,
                      fees={"audio_second": room})  # fmt: skip
        else:
            ask = Ask(model=self._transcriber, sound=True, hidden_work=False,
                      text_bytes=self._prompt_bytes,
                      extra_input=room * TOKENS_PER_SECOND)  # fmt: skip
        return Turn(
            self._transcript_endpoint, replace(ask, stream=True), kind=TRANSCRIPT, ahead=True
        )

    def _configure(self, session: Document) -> None:
        """The session's settings, as the client asks for them or the provider tells them."""
        heard = document(document(session.get("audio")).get("input"))
        if "turn_detection" in session or "turn_detection" in heard:
            detection = document(session.get("turn_detection") or heard.get("turn_detection"))
            self._automatic = self._speaks and bool(
                detection.get("type") and detection.get("create_response") is not False
            )
        for place, name in ((session, "input_audio_transcription"), (heard, "transcription")):
            if name in place:
                told = document(place[name])
                self._transcriber = text(told.get("model"))
                self._prompt_bytes = utf8_bytes(told.get("prompt"))
        if "tools" in session:
            self._tools = _types(session)
        self._limit = _limit(session) or self._limit
        form = heard.get("format") or session.get("input_audio_format") or ""
        form = text(form) or text(document(form).get("type"))
        if form:
            narrow = "g711" in form or form.endswith(("pcmu", "pcma"))
            self._bytes_per_second = G711_BYTES_PER_SECOND if narrow else PCM_BYTES_PER_SECOND

    # --- the provider -------------------------------------------------------------------------

    def heard(self, frame: Document) -> Heard | None:
        """Frames of a response name it, those of a transcript name the item that was heard."""
        kind = text(frame.get("type"))
        if kind.startswith("session."):
            session = document(frame.get("session"))
            self._model = text(session.get("model")) or self._model
            self._configure(session)
            return None
        if kind.startswith("input_audio_buffer."):
            return self._buffer(kind, frame)
        if kind.startswith(_TRANSCRIBED):
            return self._transcribed(kind, frame)
        if kind == "error":
            # It is about a frame of the client; a response that goes on is not ended by it.
            return Heard(Moment.REJECTED, status=400)
        return self._response(kind, frame) if kind.startswith("response.") else None

    def _buffer(self, kind: str, frame: Document) -> Heard | None:
        item = text(frame.get("item_id"))
        if kind.endswith("speech_started"):
            self._speech = {item: count(frame.get("audio_start_ms"))}
        elif kind.endswith("speech_stopped") and item in self._speech:
            length = count(frame.get("audio_end_ms")) - self._speech.pop(item)
            self._lengths = {**dict(list(self._lengths.items())[-ITEMS_MAX:]), item: length}
        elif kind.endswith("committed"):
            self._heard_seconds = 0
            return Heard(Moment.DUE, kind=TRANSCRIPT, id=item)
        return None

    def _transcribed(self, kind: str, frame: Document) -> Heard:
        item = text(frame.get("item_id"))
        length = self._lengths.get(item, 0)
        if not kind.endswith((".completed", ".failed")):
            return Heard(Moment.GOES_ON, kind=TRANSCRIPT, id=item)
        shown = None
        if kind.endswith(".completed") and not frame.get("usage") and length > 0:
            shown = {**frame, "usage": {"type": "duration", "seconds": -(-length // 1000)}}
        return Heard(Moment.ENDED, kind=TRANSCRIPT, id=item, frame=shown)

    def _response(self, kind: str, frame: Document) -> Heard:
        response_id = text(document(frame.get("response")).get("id"))
        response_id = response_id or text(frame.get("response_id"))
        if kind == "response.created":
            self._conversation.going_on = True
            return Heard(Moment.BEGAN, id=response_id)
        if kind == "response.done":
            return Heard(Moment.ENDED, id=response_id)
        return Heard(Moment.GOES_ON, id=response_id)

    def unasked(self, heard: Heard) -> Turn | None:
        """A response that the server made by itself although none was held for it."""
        if heard.kind == TRANSCRIPT:
            return self._transcript() if self._transcriber else None
        if heard.moment is not Moment.BEGAN:
            return None
        return Turn(self._automatic_endpoint, self.ask(self._limit))

    def learned(self, tokens: int | None) -> None:
        """The next response reads what this one read and wrote, and what came meanwhile."""
        self._conversation.over(tokens)

    def error(self, document: Document, status: int, lane: str) -> bytes:  # noqa: ARG002  likewise
        """An error event; a session outlives it."""
        frame = {"type": "error", "event_id": "event_llmcap", "error": document}
        return json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode()

    def stop(self, turn_id: str) -> bytes | None:
        """Ends the response at once; what it has cost is told in its `response.done`."""
        frame = {"type": "response.cancel"}
        if turn_id:
            frame["response_id"] = turn_id
        return json.dumps(frame).encode()


def _types(settings: Document) -> tuple[str, ...]:
    """The types of the tools that it offers."""
    return tuple(text(tool.get("type")) for tool in documents(settings.get("tools")))


def _limit(settings: Document) -> int | None:
    """An output limit by its old or its new name; "inf" is none."""
    old = limit_in(settings.get("max_response_output_tokens"))
    return limit_in(settings.get("max_output_tokens")) or old or None
