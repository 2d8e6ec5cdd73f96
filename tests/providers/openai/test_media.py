"""Promise: images, sound, video, runs are bounded by what is asked, billed by what is told."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from llmcap.bounds.media import in_units
from llmcap.pricing import PriceBook
from llmcap.providers import match
from llmcap.providers.openai.audio import (
    SpeechReader,
    TranscriptionReader,
    read_speech,
    read_transcription,
)
from llmcap.providers.openai.images import ImagesReader, read_image
from llmcap.providers.openai.runs import RunReader, read_run
from llmcap.providers.openai.videos import VideoReader, read_video
from llmcap.providers.parts.shape import Ask, Media, Request
from llmcap.words.errors import FormatError
from llmcap.words.records import Usage

BOOK = PriceBook()
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def request(**fields: object) -> Request:
    """A request with these fields as JSON."""
    return Request(method="POST", host="h", path="/p", body=json.dumps(fields).encode())


def form(files: tuple[bytes, ...] = (), **fields: str) -> Request:
    """A request with these fields as a form."""
    parts = [
        f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    parts += [
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n' + data + b"\r\n"
        for data in files
    ]
    headers = {"content-type": "multipart/form-data; boundary=B"}
    body = b"".join(parts) + b"--B--\r\n"
    return Request(method="POST", host="h", path="/p", headers=headers, body=body)


# --- images ---------------------------------------------------------------------------------

DALLE = {
    "nothing said": ({}, "dall-e-2", {"image_1024x1024": 1}),
    "small": ({"size": "256x256", "n": 3}, "dall-e-2", {"image_256x256": 3}),
    "DALL-E 3": ({"model": "dall-e-3"}, "dall-e-3", {"image_1024x1024": 1}),
    "tall and fine": (
        {"model": "dall-e-3", "size": "1024x1792", "quality": "hd"},
        "dall-e-3",
        {"image_1024x1792_hd": 1},
    ),
    "no such size": ({"model": "dall-e-3", "size": "9x9"}, "dall-e-3", {"image": 1}),
}


@pytest.mark.parametrize(("fields", "model", "fees"), DALLE.values(), ids=DALLE)
def test_an_image_of_dalle_has_a_fee(fields, model, fees):
    """By size and quality; from JSON and from a form."""
    texts = {name: str(value) for name, value in fields.items()}
    for asked in (request(**fields), form((b"PNG",), **texts)):
        ask = read_image(asked)
        assert (ask.model, ask.fees, ask.generates) == (model, fees, False)


def test_images_of_dalle_are_billed_as_many_as_came():
    """Not as many as were asked for."""
    reader = ImagesReader(read_image(request(model="dall-e-2", n=3)))
    reader.body({"data": [{"url": "a"}, {"url": "b"}]})
    reading = reader.reading()
    assert reading.complete
    assert reading.charges[0].usage == Usage(extras={"image_1024x1024": 2})


def test_an_image_of_gpt_is_bounded_by_its_published_tokens():
    """By quality and size, and for each one sent in between."""
    ask = read_image(
        request(model="gpt-image-1", quality="low", size="1024x1024", n=2, partial_images=3)
    )
    assert (ask.output_limit, ask.choices) == (272 + 300, 2)
    edited = read_image(form((bytes(9), bytes(8)), model="gpt-image-1", quality="auto", prompt="x"))
    assert edited.output_limit == 6240
    assert edited.media == (Media("image", 9), Media("image", 8))
    assert read_image(request(quality="high", prompt="x")).model == "gpt-image-1"


def test_an_image_of_gpt_tells_its_tokens():
    """Without details all that is written is image; in a stream they come last."""
    usage = {"input_tokens": 14, "output_tokens": 272, "input_tokens_details": {"image_tokens": 4}}
    whole, streamed = (
        ImagesReader(Ask(model="gpt-image-1", stream=flag)) for flag in (False, True)
    )
    whole.body({"data": [{}], "usage": usage})
    streamed.event({"type": "image_generation.partial_image"})
    assert not streamed.reading().complete
    streamed.event({"type": "image_generation.completed", "usage": usage})
    for reader in (whole, streamed):
        assert reader.reading().charges[0].usage == Usage(
            input_tokens=14, input_image=4, output_tokens=272, output_image=272
        )


def test_a_form_that_cannot_be_read_is_an_error():
    """It might be for a model that costs much more."""
    broken = form()
    broken.body = b"not a form"
    with pytest.raises(FormatError, match="the form cannot be read"):
        read_image(broken)


# --- sound ----------------------------------------------------------------------------------


def test_speech_is_billed_by_characters():
    """Sound tells nothing, so the request does."""
    ask = read_speech(request(model="tts-1", input="grüße", voice="alloy"))
    reader = SpeechReader(ask)
    reader.raw(9_000, {"content-type": "audio/mpeg"})
    assert ask.fees == {"input_character": 5}
    assert reader.reading().charges[0].usage == Usage(extras={"input_character": 5})


def test_speech_of_a_gpt_model_is_bounded_by_its_length():
    """Its tokens are told only in a stream of events."""
    ask = read_speech(request(model="gpt-4o-mini-tts", input="x" * 30, stream_format="sse"))
    assert (ask.output_limit, ask.stream, ask.sound) == (11 * 21, True, True)
    silent, told = SpeechReader(ask), SpeechReader(ask)
    silent.raw(40_000, {"content-type": "audio/mpeg"})
    told.event({"type": "speech.audio.done", "usage": {"input_tokens": 9, "output_tokens": 40}})
    assert not silent.reading().complete
    assert 0 < silent.reading().visible_bytes <= 11 * 21
    assert told.reading().charges[0].usage == Usage(
        input_tokens=9, output_tokens=40, output_audio=40
    )


WAV = (
    b"RIFF"
    + bytes(4)
    + b"WAVEfmt "
    + (16).to_bytes(4, "little")
    + bytes.fromhex("010001008 03e0000007d0000 02001000 64617461 ffffffff".replace(" ", ""))
)  # PCM of 16 bits, 16,000 a second, of a length that was not known when it was begun


def heard(model: str, **fields: str):
    """What a form with two seconds of sound asks for, once somebody has looked at it."""
    asked = read_transcription(form((WAV + bytes(64_000),), model=model, **fields))
    found = BOOK.find("openai", model, NOW)
    return in_units(asked, found, looked=True)


def test_whisper_is_billed_by_the_second():
    """As asked, at most; as told, in the end; as heard, where nobody tells."""
    ask = heard("whisper-1")
    assert ask.fees == {"audio_second": 3}
    for told in ({"usage": {"type": "duration", "seconds": 2}}, {"duration": 1.2}):
        reader = TranscriptionReader(ask)
        reader.body({"text": "hi", **told})
        assert reader.reading().charges[0].usage == Usage(extras={"audio_second": 2})
    whole, plain = TranscriptionReader(ask), TranscriptionReader(ask)
    whole.body({"text": "hi"})
    plain.raw(2, {"content-type": "text/plain"})
    for reader in (whole, plain):
        assert reader.reading().complete
        assert reader.reading().charges[0].usage == Usage(extras={"audio_second": 3})


def test_an_error_instead_of_a_transcript_is_not_billed_as_one():
    """It has no text."""
    reader = TranscriptionReader(heard("whisper-1"))
    reader.body({"error": {"code": "invalid_file"}})
    assert not reader.reading().charges


FETCHED = {
    "an address": ("url", "https://example.com/two-hours.mp3"),
    "an address under another name": ("recording_of_today", "https://example.com/a.mp3"),
    "a stored file": ("file_id", "0b8c-77"),
    "a file's address": ("file_url", "http://example.com/a"),
    "a bucket": ("cloud_storage_url", "gs://bucket/a.wav"),
    "text where a file belongs": ("file", "recordings/a.wav"),
    "nothing that is known": ("language", "en"),
}


@pytest.mark.parametrize(("name", "value"), FETCHED.values(), ids=FETCHED)
def test_a_recording_that_the_vendor_fetches_has_no_length(name: str, value: str):
    """However it is named: the form has no bytes of it."""
    asked = read_transcription(form(model="whisper-1", **{name: value}))
    assert asked.media == (Media("audio", unit="audio_second"),)
    with pytest.raises(FormatError, match="how long"):
        in_units(asked, BOOK.find("openai", "whisper-1", NOW))


def test_a_prompt_with_an_address_is_a_prompt():
    """It is read, not fetched."""
    asked = read_transcription(form((b"?" * 9,), model="m", prompt="https://example.com"))
    assert [each.bytes for each in asked.media] == [9]


def test_a_transcript_may_tell_tokens_or_nothing():
    """Tokens with the GPT models, nothing in the plain formats."""
    ask = heard("gpt-4o-transcribe", stream="true")
    assert (ask.stream, ask.fees, ask.sound) == (True, {}, True)
    assert [media.bytes for media in ask.media] == [64_000 + len(WAV)]
    told, untold = TranscriptionReader(ask), TranscriptionReader(ask)
    usage = {"input_tokens": 54, "output_tokens": 16, "input_token_details": {"audio_tokens": 50}}
    told.event({"type": "transcript.text.delta", "delta": "hello"})
    told.event({"type": "transcript.text.done", "usage": usage})
    untold.raw(100, {"content-type": "text/plain"})
    assert told.reading().charges[0].usage == Usage(
        input_tokens=54, output_tokens=16, input_audio=50
    )
    assert not untold.reading().complete


def test_a_recording_that_cannot_be_read_is_an_error():
    """Neither its model nor its length is known."""
    with pytest.raises(FormatError, match="form with the recording"):
        read_transcription(request(model="whisper-1"))


# --- video and runs -------------------------------------------------------------------------


def test_a_video_is_billed_by_the_second_it_was_asked_for():
    """As the job that was made says it."""
    ask = read_video(request(model="sora-2-pro", seconds="8", size="1024x1792"))
    assert ask.fees == {"video_second_1080p": Decimal(8)}
    reader = VideoReader(ask)
    reader.body({"id": "video_1", "seconds": "4", "size": "720x1280", "model": "sora-2-pro"})
    assert reader.reading().charges[0].usage == Usage(extras={"video_second_720p": Decimal(4)})


def test_a_video_that_is_made_of_another_may_be_as_long_and_as_dear_as_any():
    """Only the answer tells which that was; a longer one is billed by what was added."""
    said = {"id": "video_1", "seconds": "24", "size": "720x1280", "model": "sora-2"}
    for path, body, most, billed in (
        ("/v1/videos/video_1/remix", {"prompt": "a"}, 120, 24),
        ("/v1/videos/edits", {"prompt": "a", "video": {"id": "video_1"}}, 120, 24),
        ("/v1/videos/extensions", {"prompt": "a", "video": {"id": "v"}, "seconds": "8"}, 8, 8),
        ("/v1/videos/extensions", {"prompt": "a", "video": {"id": "v"}}, 20, 20),
    ):
        _, endpoint = match("api.openai.com", "POST", path)
        ask = endpoint.read(request(**body))
        assert (ask.model, ask.fees) == ("sora-2-pro", {"video_second_1080p": most}), path
        reader = endpoint.reader(ask)
        reader.body(said)
        charge = reader.reading().charges[0]
        assert (charge.model, charge.usage.extras) == ("sora-2", {"video_second_720p": billed})


def test_a_run_tells_its_usage_when_it_ends():
    """In its stream or later; while it waits for tools, it goes on."""
    ask = read_run(request(model="gpt-4o", max_completion_tokens=300))
    assert (ask.deferred, ask.remote_input, ask.output_limit) == (True, True, 300)
    reader = RunReader(ask)
    reader.body({"object": "thread.run", "id": "run_1", "status": "requires_action", "usage": None})
    waiting = reader.reading()
    usage = {"prompt_tokens": 9, "completion_tokens": 4}
    reader.body({"object": "thread.run", "id": "run_1", "status": "completed", "usage": usage})
    ended = reader.reading()
    assert (waiting.deferred, waiting.complete, waiting.response_id) == (True, False, "run_1")
    assert (ended.deferred, ended.complete) == (False, True)
    assert ended.charges[0].usage == Usage(input_tokens=9, output_tokens=4)
