"""
Deepgram and ElevenLabs: speech by the character that is spoken, transcripts by the second heard.

https://developers.deepgram.com/reference, https://elevenlabs.io/docs/api-reference
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import override

from llmcap.providers.compatible import FREE, LATER
from llmcap.providers.compatible_tools import switched_on
from llmcap.providers.openai.audio import read_recording
from llmcap.providers.parts.multipart import fields_of
from llmcap.providers.parts.reader import BaseReader, amount, count, document, text
from llmcap.providers.parts.routes import Routes, routes_to
from llmcap.providers.parts.shape import Ask, Document, Endpoint, Media, Provider, Request, Sent
from llmcap.words.records import Count, Usage

# What the query says of sound without a header, and what a medium says whose channels are billed
# each. https://developers.deepgram.com/docs/multichannel
_RAW = ("encoding", "sample_rate", "channels")
EVERY_CHANNEL = "every channel"

# Who speaks has a fee, and so has a language that may change within the recording, with the newest
# models: https://deepgram.com/pricing
_WHO_SPEAKS = ("diarize", "diarize_model", "diarize_version")
_SEVERAL_LANGUAGES = {
    "nova-3": "nova-3-multilingual",
    "nova-3-general": "nova-3-multilingual",
    "nova-3-medical": "nova-3-medical-multilingual",
}

# What ElevenLabs takes where a request names no model.
SPEECH_DEFAULT = "eleven_multilingual_v2"


# --- requests -------------------------------------------------------------------------------


def read_speak(request: Request) -> Ask:
    """What a request for speech asks for at Deepgram: the query names the model."""
    spoken = text(request.document().get("text"))
    return _speech(request.query.get("model", ""), spoken)


def read_listen(request: Request) -> Ask:
    """What a request for a transcript asks for at Deepgram: the body is sound, or names a URL."""
    media = Media("audio", unit="audio_second")
    content_type = request.headers.get("content-type", "")
    if not content_type.startswith("application/json"):
        raw = "&".join(f"{name}={request.query[name]}" for name in _RAW if name in request.query)
        sent = Sent(memoryview(request.body))
        said = f"?{raw}" if "encoding=" in raw else content_type
        media = replace(media, bytes=len(request.body), sent=sent, said=said)
    if request.query.get("multichannel", "").lower() == "true":
        media = replace(media, detail=EVERY_CHANNEL)
    heard = [media]
    if any(switched_on(request.query.get(name)) for name in _WHO_SPEAKS):
        heard.append(replace(media, unit="diarized_second"))
    model = request.query.get("model", "")
    if model in _SEVERAL_LANGUAGES and request.query.get("language", "").lower() == "multi":
        model = _SEVERAL_LANGUAGES[model]
    return Ask(model=model, media=tuple(heard), generates=False, hidden_work=False)


def read_voice(request: Request) -> Ask:
    """What a request for speech asks for at ElevenLabs."""
    body = request.document()
    return _speech(text(body.get("model_id")) or SPEECH_DEFAULT, text(body.get("text")))


def read_form(request: Request) -> Ask:
    """What a form with a recording asks for at ElevenLabs: its model has another key."""
    values = {field.name: field.text for field in fields_of(request)}
    ask = read_recording(request)
    # `file_format` may say that the file is samples without a header.
    said = values.get("file_format", "")
    every = EVERY_CHANNEL if values.get("use_multi_channel", "").lower() == "true" else ""
    media = tuple(replace(each, detail=every, said=said or each.said) for each in ask.media)
    return replace(ask, model=values.get("model_id", "") or ask.model, media=media)


def _speech(model: str, spoken: str) -> Ask:
    fees: dict[str, Count] = {"input_character": len(spoken)}
    return Ask(model=model, generates=False, hidden_work=False, fees=fees)


# --- responses ------------------------------------------------------------------------------


class SpokenReader(BaseReader):
    """Speech: the characters of the request, or what the head says that they count as."""

    tells = "characters"

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask)
        self._characters: Decimal | None = None

    @override
    def head(self, headers: Mapping[str, str]) -> None:
        """ElevenLabs tells what it counted."""
        self._characters = amount(headers.get("character-cost"))

    @override
    def event(self, event: Document, name: str = "") -> None:
        """A piece of sound in JSON, with its timing."""
        self.body(event)

    def body(self, document: Document) -> None:
        """Sound in JSON, or an error."""
        if document.get("error") or document.get("err_code") or document.get("detail"):
            self.fail(document.get("error") or document.get("err_code") or "error")
        else:
            self.raw(0, {})

    @override
    def raw(self, size: int, headers: Mapping[str, str]) -> None:
        """The sound itself."""
        told = self._characters
        self.charge(Usage(extras=self.ask.fees if told is None else {"input_character": told}))
        self.complete = True


class HeardReader(BaseReader):
    """A transcript, which tells the length of what it heard."""

    tells = "seconds"

    def body(self, document: Document) -> None:
        """The whole transcript."""
        seconds = heard_seconds(document)
        if seconds is not None:
            told = self.ask.fees.keys() & {"diarized_second"}
            extras: dict[str, Count] = {"audio_second": seconds, **dict.fromkeys(told, seconds)}
            self.charge(Usage(extras=extras))
            self.complete = True


def heard_seconds(answer: Document) -> Decimal | None:
    """Seconds of sound; every channel is billed (Deepgram)."""
    metadata = document(answer.get("metadata"))
    duration = amount(metadata.get("duration"))
    if duration is not None:
        return duration * max(count(metadata.get("channels")), 1)
    return amount(answer.get("audio_duration_secs"))


# --- the APIs -------------------------------------------------------------------------------
OVER_SOCKETS = replace(
    LATER, advice="POST /v1/listen and POST /v1/speak have a length, and are metered."
)
DEEPGRAM = Provider(
    name="deepgram",
    hosts=("api.deepgram.com", "agent.deepgram.com"),
    match=Routes(
        (
            (
                "POST",
                "/v1/speak",
                Endpoint(name="speak", fields="speak", read=read_speak, reader=SpokenReader),
            ),
            (
                "POST",
                "/v1/listen",
                Endpoint(name="listen", fields="listen", read=read_listen, reader=HeardReader),
            ),
            *routes_to(
                OVER_SOCKETS, "GET", "/v1/speak", "/v1/listen", "/v2/listen", "/v1/agent/**"
            ),
            ("POST", "/v1/read", OVER_SOCKETS),
            ("GET|POST|PUT|PATCH|DELETE", "/v1/projects/**", FREE),
            ("POST", "/v1/auth/grant", FREE),
        )
    ),
)
_VOICE = Endpoint(
    name="text-to-speech", fields="textToSpeech", read=read_voice, reader=SpokenReader
)
ELEVENLABS = Provider(
    name="elevenlabs",
    hosts=(
        "api.elevenlabs.io",
        "*.api.elevenlabs.io",
        "api.us.elevenlabs.io",
        "*.residency.elevenlabs.io",
    ),
    match=Routes(
        (
            ("POST", "/v1/text-to-speech/{}", _VOICE),
            ("POST", "/v1/text-to-speech/{}/stream", _VOICE),
            ("POST", "/v1/text-to-speech/{}/with-timestamps", _VOICE),
            ("POST", "/v1/text-to-speech/{}/stream/with-timestamps", _VOICE),
            (
                "POST",
                "/v1/speech-to-text",
                Endpoint(
                    name="speech-to-text", fields="speechToText", read=read_form, reader=HeardReader
                ),
            ),
            *routes_to(FREE, "GET|DELETE", "/v1/user/**", "/v1/history/**", "/v1/voices/**"),
            *routes_to(
                FREE, "POST", "/v1/history/download", "/v1/voices/{}/edit", "/v1/voices/add"
            ),
            *routes_to(FREE, "POST", "/v1/voices/{}/settings/edit"),
        )
    ),
)
