"""
The wire format of OpenAI's speech, transcriptions and translations.

Speech is billed by the characters of its text, or by tokens with the GPT models; the answer is
sound and tells neither. Transcriptions tell tokens or seconds, but not in the plain formats
(text, srt, vtt), and some vendors' default: then what was found in the recording is billed.
https://platform.openai.com/docs/api-reference/audio, https://platform.openai.com/docs/pricing
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal
from math import ceil
from typing import override

from llmcap.providers.openai.chat import attributes_of, chat_usage
from llmcap.providers.parts.content import measure
from llmcap.providers.parts.multipart import Field, fields_of
from llmcap.providers.parts.reader import BaseReader, amount, count, document, text
from llmcap.providers.parts.shape import Ask, Document, Media, Request
from llmcap.words.errors import FormatError
from llmcap.words.records import Count, Usage

# Speech of the GPT models: about 21 tokens for a second, as $0.015 a minute at $12 a million tell.
# Nobody speaks slower than three letters a second for long. A digit, a sign or a character of other
# writings may be a word each: 777 are three, and "%" is "percent".
SPEECH_TOKENS_PER_SECOND = 21
SPEECH_LETTERS_PER_SECOND = 3
# The slowest that a request can have it said, as `speed` and, in words of its own, `instructions`:
# https://platform.openai.com/docs/api-reference/audio/createSpeech
SPEECH_SLOWEST = Decimal("0.25")
# The fewest bytes that one second of an answer has, by its content-type.
SPEECH_BYTES_PER_SECOND = {"audio/wav": 48_000, "audio/pcm": 48_000, "audio/mpeg": 4_000}
SPEECH_BYTES_PER_SECOND_ELSE = 2_000

# Fields of a form that name a recording which the vendor fetches or has: `url` (Groq), `file_url`
# and `file_id` (Mistral), `cloud_storage_url` and `source_url` (ElevenLabs), a `file` without a
# file name; and those that are text whatever they look like.
_RECORDING_FIELDS = re.compile(
    r"(?:^|_)(?:file|audio|video|media|recording|source|upload|url|uri)(?:_?(?:id|url|uri|path|key))?"
    r"(?:\[\])?$",
    re.IGNORECASE,
)
_OTHER_FIELDS = re.compile(r"(?:prompt|model|language|response_format|user)$|webhook|callback")
_ADDRESS = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*://|data:|file-)", re.IGNORECASE)


# --- speech ---------------------------------------------------------------------------------


def read_speech(request: Request) -> Ask:
    """What a request for speech asks for."""
    body = request.document()
    characters = len(text(body.get("input")))
    model = text(body.get("model"))
    streams = body.get("stream_format") == "sse"
    if model.startswith("tts-"):
        fees: Mapping[str, Count] = {"input_character": characters}
        return Ask(model=model, stream=streams, generates=False, hidden_work=False, fees=fees)
    seconds = _seconds_at_most(body)
    return Ask(
        model=model,
        stream=streams,
        text_bytes=len(request.body),
        output_limit=seconds * SPEECH_TOKENS_PER_SECOND,
        sound=True,
        tools=False,
        hidden_work=False,
        measures={"input_character": characters},
        attributes=attributes_of(body),
    )


def _seconds_at_most(body: Document) -> int:
    """How long it takes to say the text, as slowly as the request may have it."""
    said = text(body.get("input"))
    letters = sum(each.isascii() and each.isalpha() for each in said)
    others = sum(not each.isspace() for each in said) - letters
    speed = amount(body.get("speed")) or Decimal(1)
    slow = SPEECH_SLOWEST if body.get("instructions") else min(speed, Decimal(1))
    return ceil((letters // SPEECH_LETTERS_PER_SECOND + others + 1) / max(slow, SPEECH_SLOWEST))


class SpeechReader(BaseReader):
    """Sound, which tells nothing: the characters of the request are billed."""

    tells = "characters asked for, or length"

    def raw(self, size: int, headers: Mapping[str, str]) -> None:
        """The sound itself."""
        if self.ask.fees:
            self.charge(Usage(extras=self.ask.fees))
            self.complete = True
            return
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        per_second = SPEECH_BYTES_PER_SECOND.get(media_type, SPEECH_BYTES_PER_SECOND_ELSE)
        tokens = (size // per_second + 1) * SPEECH_TOKENS_PER_SECOND
        self.visible_bytes = min(tokens, self.ask.output_limit or tokens)

    @override
    def event(self, event: Document, name: str = "") -> None:
        """One event of a stream; the last one has the usage."""
        usage = event.get("usage")
        if isinstance(usage, dict) and usage:
            self._tokens(usage)
        elif event.get("error"):
            self.fail(event["error"])

    def body(self, document: Document) -> None:
        """JSON is only sent instead of sound, and then it is an error."""
        if document.get("error"):
            self.fail(document["error"])

    def _tokens(self, usage: Document) -> None:
        if self.ask.fees:
            self.charge(Usage(extras=self.ask.fees))
        else:
            told = chat_usage(usage)
            self.charge(
                Usage(
                    input_tokens=told.input_tokens,
                    output_tokens=told.output_tokens,
                    output_audio=told.output_tokens,
                )
            )
        self.complete = True


# --- transcriptions -------------------------------------------------------------------------


def read_transcription(request: Request) -> Ask:
    """What a form with a recording asks for."""
    fields = fields_of(request)
    if not fields:
        return _read_inline(request)
    values = {field.name: field.text for field in fields if not field.filename}
    model = values.get("model", "")
    by_the_second = model.startswith("whisper")
    return Ask(
        model=model,
        stream=values.get("stream", "").lower() == "true",
        text_bytes=0 if by_the_second else sum(len(value.encode()) for value in values.values()),
        media=recordings_in(fields),
        generates=not by_the_second,
        sound=True,
        tools=False,
        hidden_work=False,
        attributes=attributes_of(dict(values)),
    )


def _read_inline(request: Request) -> Ask:
    """The same for those who take the recording inside JSON, as routers do."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise FormatError("the form with the recording cannot be read")
    content = measure(request)
    heard = [media for media in content.media if media.kind in ("audio", "video")]
    return Ask(
        model=text(request.document().get("model")),
        text_bytes=content.text_bytes,
        media=tuple(replace(each, unit="audio_second") for each in heard or [Media("audio")]),
        sound=True,
        tools=False,
        hidden_work=False,
    )


def read_recording(request: Request) -> Ask:
    """The same for vendors that bill by the second: what is written too, where that has a price."""
    fields = fields_of(request)
    if not fields:
        return _read_inline(request)
    values = {field.name: field.text for field in fields if not field.filename}
    return Ask(
        model=values.get("model", ""),
        stream=values.get("stream", "").lower() == "true",
        media=recordings_in(fields),
        tools=False,
        hidden_work=False,
        attributes=attributes_of(dict(values)),
    )


def recordings_in(fields: Sequence[Field]) -> tuple[Media, ...]:
    """
    The recordings of a form: those that are sent, and those that a field only names.

    A form without any names its recording in a way that is not known here: the vendor fetches it.
    """
    found = [
        Media("audio", field.size, unit="audio_second", sent=field.sent, said=field.said)
        for field in fields
        if field.filename
    ]
    named = sum(_names_recording(field) for field in fields if not field.filename)
    if not found:
        named = max(named, 1)
    return (*found, *(Media("audio", unit="audio_second") for _ in range(named)))


def _names_recording(field: Field) -> bool:
    """Whether a field says where a recording is: by its own name, or by what it looks like."""
    if not field.text.strip() or _OTHER_FIELDS.match(field.name):
        return False
    return bool(_RECORDING_FIELDS.search(field.name) or _ADDRESS.match(field.text))


class TranscriptionReader(BaseReader):
    """A transcript: tokens or seconds where they are told."""

    tells = "usage or seconds"

    @override
    def event(self, event: Document, name: str = "") -> None:
        """One event of a stream; the last one has the usage."""
        kind = text(event.get("type")) or name
        if kind.endswith(".delta"):
            self.see(event.get("delta"))
        else:
            self._usage(event)
            if kind.endswith(".done"):
                self._as_held()

    def body(self, document: Document) -> None:
        """The whole transcript."""
        self.see(document.get("text"))
        self._usage(document)
        if isinstance(document.get("text"), str):
            self._as_held()

    @override
    def raw(self, size: int, headers: Mapping[str, str]) -> None:
        """The whole transcript as plain text, or as subtitles."""
        self._as_held()

    def _usage(self, told: Document) -> None:
        if told.get("error"):
            self.fail(told["error"])
        usage = document(told.get("usage"))
        by_the_second = "audio_second" in self.ask.fees or not self.ask.generates
        if not by_the_second and (
            count(usage.get("input_tokens")) or count(usage.get("total_tokens"))
        ):
            details = document(
                usage.get("input_token_details") or usage.get("input_tokens_details")
            )
            self.charge(chat_usage({**usage, "input_tokens_details": details}))
            self.complete = True
            return
        seconds = amount(usage.get("seconds", told.get("duration")))
        if seconds is not None:
            whole = int(seconds.to_integral_value(ROUND_CEILING))
            self.charge(Usage(extras={"audio_second": whole}))
            self.complete = True
        elif not by_the_second and count(usage.get("prompt_tokens")):
            self.charge(chat_usage(usage))
            self.complete = True

    def _as_held(self) -> None:
        """The length that was found in the recording, or held for it, where nobody tells it."""
        if not self.complete and "audio_second" in self.ask.fees:
            self.charge(Usage(extras={"audio_second": self.ask.fees["audio_second"]}))
            self.complete = True
