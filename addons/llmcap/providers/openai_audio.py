"""
The wire format of OpenAI's speech, transcriptions and translations.

Speech is billed by the characters of its text, or by tokens with the GPT models; the answer is
sound and tells neither. Transcriptions tell tokens or seconds, but not in the plain formats
(text, srt, vtt). How long a recording can be is bounded by its size.
https://platform.openai.com/docs/api-reference/audio, https://platform.openai.com/docs/pricing
"""

from collections.abc import Mapping
from decimal import ROUND_CEILING
from typing import override

from llmcap.errors import FormatError
from llmcap.providers.content import measure
from llmcap.providers.multipart import Field, fields_of
from llmcap.providers.openai_chat import attributes_of, chat_usage
from llmcap.providers.openai_responses import responses_usage
from llmcap.providers.reader import BaseReader, amount, count, document, text
from llmcap.providers.shape import Ask, Document, Media, Request
from llmcap.records import Count, Usage

# Speech of the GPT models: about 21 tokens for a second, as $0.015 a minute at $12 a million tell.
# Nobody speaks slower than three characters a second for long.
SPEECH_TOKENS_PER_SECOND = 21
SPEECH_CHARACTERS_PER_SECOND = 3
# The fewest bytes that one second of an answer has, by its content-type.
SPEECH_BYTES_PER_SECOND = {"audio/wav": 48_000, "audio/pcm": 48_000, "audio/mpeg": 4_000}
SPEECH_BYTES_PER_SECOND_ELSE = 2_000

# The fewest bytes that one second of a recording has: 4 kbit/s is the leanest speech codec in use,
# MP3 begins at 8.
RECORDING_BYTES_PER_SECOND = 500
MP3_BYTES_PER_SECOND = 1_000


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
    seconds = characters // SPEECH_CHARACTERS_PER_SECOND + 1
    return Ask(
        model=model,
        stream=streams,
        text_bytes=len(request.body),
        output_limit=seconds * SPEECH_TOKENS_PER_SECOND,
        sound=True,
        hidden_work=False,
        measures={"input_character": characters},
        attributes=attributes_of(body),
    )


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
            told = responses_usage(usage)
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
    recordings = [field for field in fields if field.filename]
    model = values.get("model", "")
    attributes = attributes_of(dict(values))
    streams = values.get("stream", "").lower() == "true"
    if model.startswith("whisper"):
        seconds = sum(seconds_bound(field) for field in recordings)
        fees: Mapping[str, Count] = {"audio_second": seconds}
        return Ask(
            model=model, generates=False, hidden_work=False, fees=fees, attributes=attributes
        )
    return Ask(
        model=model,
        stream=streams,
        text_bytes=sum(len(value.encode()) for value in values.values()),
        media=tuple(Media("audio", field.size) for field in recordings),
        sound=True,
        hidden_work=False,
        measures={"audio_second": sum(seconds_bound(field) for field in recordings)},
        attributes=attributes,
    )


def _read_inline(request: Request) -> Ask:
    """The same for those who take the recording inside JSON, as routers do."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise FormatError("the form with the recording cannot be read")
    content = measure(request)
    sizes = [media.bytes for media in content.media if media.bytes is not None]
    seconds = sum(size // RECORDING_BYTES_PER_SECOND + 1 for size in sizes)
    return Ask(
        model=text(request.document().get("model")),
        text_bytes=content.text_bytes,
        media=content.media,
        sound=True,
        hidden_work=False,
        # A recording that is fetched is as long as its owner likes.
        measures={"audio_second": seconds} if len(sizes) == len(content.media) else {},
    )


def read_recording(request: Request) -> Ask:
    """The same for vendors that bill every model by the second."""
    fields = fields_of(request)
    if not fields:
        raise FormatError("the form with the recording cannot be read")
    values = {field.name: field.text for field in fields if not field.filename}
    seconds = sum(seconds_bound(field) for field in fields if field.filename)
    return Ask(
        model=values.get("model", ""),
        stream=values.get("stream", "").lower() == "true",
        generates=False,
        hidden_work=False,
        fees={"audio_second": seconds},
        attributes=attributes_of(dict(values)),
    )


def seconds_bound(recording: Field) -> int:
    """The longest that a recording of this size can be."""
    per_second = RECORDING_BYTES_PER_SECOND
    head = recording.head
    if head[:4] == b"RIFF" and head[8:16] == b"WAVEfmt " and len(head) >= 32:
        # http://soundfile.sapp.org/doc/WaveFormat/: the byte rate of PCM is in the header.
        per_second = max(int.from_bytes(head[28:32], "little"), RECORDING_BYTES_PER_SECOND)
    elif head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2):
        per_second = MP3_BYTES_PER_SECOND
    return recording.size // per_second + 1


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

    def body(self, document: Document) -> None:
        """The whole transcript."""
        self.see(document.get("text"))
        self._usage(document)

    def _usage(self, told: Document) -> None:
        if told.get("error"):
            self.fail(told["error"])
        usage = document(told.get("usage"))
        by_the_second = "audio_second" in self.ask.fees
        if not by_the_second and (
            count(usage.get("input_tokens")) or count(usage.get("total_tokens"))
        ):
            details = document(
                usage.get("input_token_details") or usage.get("input_tokens_details")
            )
            self.charge(responses_usage({**usage, "input_tokens_details": details}))
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
