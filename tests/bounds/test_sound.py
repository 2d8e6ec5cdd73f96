"""
Promise: no recording plays longer than it is taken to, whatever its headers say.

The files are made by `tests/data/media/make.sh`; their lengths are those that were asked for there.
"""

import io
import struct
import wave
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcap.bounds.sound import length_at_once, length_of

FOLDER = Path(__file__).resolve().parents[1] / "data" / "media"
SECONDS = {
    **dict.fromkeys(
        (
            "aac.mka", "alac.m4a", "constant.mp3", "flac.ogg", "live.webm", "pieces.mp4",
            "tone.aac", "tone.flac", "tone.m4a", "tone.ogg", "tone.opus", "tone.webm",
            "untold.mp3", "variable.mp3", "vorbis.webm",
        ),
        "3.3",
    ),
    "film.mp4": "3", "film.webm": "3", "muted.flac": "120", "muted.opus": "60",
}  # fmt: skip
# An encoder's delay, a padded last frame, and the last block of a file that may be a picture.
SLACK = Fraction(3, 10)


def data(name: str) -> bytes:
    """The bytes of a file."""
    return (FOLDER / name).read_bytes()


def seconds(recording: bytes, said: str = "") -> Fraction | None:
    """How long it is taken to be."""
    length = length_of(recording, said)
    return None if length is None else Fraction(length.seconds)


def wav(*, rate: int = 8_000, channels: int = 1, width: int = 2, frames: int = 24_000) -> bytes:
    """Silence."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setparams((channels, width, rate, 0, "NONE", ""))
        sound.writeframes(bytes(channels * width * frames))
    return buffer.getvalue()


# --- as they are ----------------------------------------------------------------------------


def test_every_file_is_tried():
    """Whatever the script makes."""
    assert {path.name for path in FOLDER.iterdir()} - {"make.sh"} == SECONDS.keys()


@pytest.mark.parametrize("name", SECONDS)
def test_a_recording_is_as_long_as_it_plays(name: str):
    """At least, and hardly longer: 23 bytes of muted FLAC are a second."""
    true = Fraction(SECONDS[name])
    assert true <= seconds(data(name)) <= true + SLACK


@given(
    rate=st.integers(1, 400_000), channels=st.integers(1, 8), width=st.integers(1, 4),
    frames=st.integers(0, 5_000),
)  # fmt: skip
def test_a_wav_is_its_samples(rate: int, channels: int, width: int, frames: int):
    """And the few bytes of its header."""
    sound = wav(rate=rate, channels=channels, width=width, frames=frames)
    true = Fraction(frames, rate)
    assert true <= seconds(sound) <= true + Fraction(44, rate) + Fraction(1, 1_000)
    assert length_of(sound).channels == channels


RAW = {
    "audio/L16;rate=16000": (32_000, 1),
    "audio/pcm; rate=24000; channels=2": (96_000, 1),
    "?encoding=linear16&sample_rate=8000": (32_000, 2),
    "g711_ulaw": (8_000, 1),
    "pcm_s16le_16": (32_000, 1),
}


@pytest.mark.parametrize(("said", "expected"), RAW.items(), ids=RAW)
def test_samples_without_a_header_are_what_the_request_says(said: str, expected: tuple[int, int]):
    """Their rate, their width and their channels."""
    size, true = expected
    assert seconds(bytes(size), said) == true


@given(
    st.sampled_from((8_000, 44_100)), st.sampled_from((1, 2)), st.integers(1, 50_000),
    st.integers(44, 4_096),
)  # fmt: skip
def test_the_head_of_bare_samples_tells_their_length(
    rate: int, channels: int, frames: int, head: int
):
    """The same as all of them: nothing but the size is needed."""
    recording = wav(rate=rate, channels=channels, frames=frames)
    assert length_at_once(recording[:head], "", len(recording)) == length_of(recording)


@pytest.mark.parametrize("name", sorted(SECONDS))
def test_a_head_never_tells_less_than_the_whole(name: str):
    """Of formats whose frames have to be added up, it tells nothing."""
    recording = data(name)
    head = length_at_once(recording[:4_096], "", len(recording))
    whole = length_of(recording)
    assert head is None or (whole is not None and head.seconds >= whole.seconds)


@pytest.mark.parametrize("said", ["audio/pcm", "pcm16", "?encoding=opus&sample_rate=8000", ""])
def test_samples_of_a_rate_that_nobody_tells_have_no_length(said: str):
    """Nor have those that are compressed."""
    assert seconds(bytes(9_000), said) is None


def test_amr_is_twenty_milliseconds_a_frame():
    """Whatever the frame holds."""
    assert seconds(b"#!AMR\n" + (b"\x3c" + bytes(31)) * 100 + b"\x7c" * 50) == 3
    assert seconds(b"#!AMR-WB\n" + (b"\x04" + bytes(17)) * 50) == 1


# --- lies -----------------------------------------------------------------------------------


def edited(name: str, at: int, lie: bytes) -> bytes:
    """A file with other bytes in one place."""
    recording = bytearray(data(name))
    recording[at : at + len(lie)] = lie
    return bytes(recording)


def inside(name: str, mark: bytes, offset: int, lie: bytes) -> bytes:
    """A file with other bytes behind each of these marks."""
    recording = bytearray(data(name))
    at = recording.find(mark)
    assert at >= 0, mark
    while at >= 0:
        recording[at + offset : at + offset + len(lie)] = lie
        at = recording.find(mark, at + 1)
    return bytes(recording)


def resized(size: int) -> bytes:
    """Three seconds of WAV whose chunk says another size."""
    sound = bytearray(wav())
    sound[40:44] = struct.pack("<I", size)
    return bytes(sound)


ONE = struct.pack(">I", 1)
LIES = {
    "WAV, streamed": (resized(0xFFFFFFFF), "3"),
    "WAV, of nothing": (resized(0), "3"),
    "WAV, of a tenth": (resized(4_800), "3"),
    "WAV behind WAV": (wav() + wav(), "6"),
    "Xing, one frame": (inside("variable.mp3", b"Xing", 8, ONE), "3.3"),
    "MP3 behind MP3": (data("untold.mp3") * 3, "9.9"),
    "MP3 behind a tag": (b"ID3\x04\0\0\0\0\x02\0" + bytes(256) + data("untold.mp3"), "3.3"),
    "MP3 inside of what a tag says": (b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + data("untold.mp3"), "3.3"),
    "FLAC, no samples": (edited("muted.flac", 21, bytes(5)), "120"),
    "FLAC, one sample": (edited("muted.flac", 21, bytes([0xF0, 0, 0, 0, 1])), "120"),
    "Ogg, granules of nothing": (inside("tone.ogg", b"OggS", 6, bytes(8)), "3.3"),
    "Opus, granules of nothing": (inside("muted.opus", b"OggS", 6, bytes(8)), "60"),
    "Ogg behind Ogg": (data("tone.ogg") + data("muted.opus"), "63.3"),
    "MP4, no ticks": (inside("tone.m4a", b"stts", 16, ONE), "3.3"),
    "MP4, claims of nothing": (
        inside("tone.m4a", b"mdhd", 20, ONE).replace(b"elst", b"free"), "3.3"
    ),
    "MP4 in pieces, one tick each": (inside("pieces.mp4", b"trex", 16, ONE), "3.3"),
    "WebM, a tenth": (inside("tone.webm", b"\x44\x89\x88", 3, struct.pack(">d", 330.0)), "3.3"),
    "WebM, all blocks at once": (inside("tone.webm", b"\xe7\x81", 2, b"\0"), "3.3"),
}  # fmt: skip


@pytest.mark.parametrize(("recording", "true"), LIES.values(), ids=LIES)
def test_a_header_that_says_less_is_not_believed(recording: bytes, true: str):
    """The frames are there: whoever decodes them hears them, and bills them."""
    assert seconds(recording) >= Fraction(true)


def test_a_header_that_says_more_counts_where_the_frames_do_not_tell_less():
    """A film goes on until its clock ends, whatever is on the screen."""
    longer = inside("film.webm", b"\x44\x89\x88", 3, struct.pack(">d", 3_600_000.0))
    assert seconds(longer) >= 3_600


UNKNOWN = {
    "nothing": b"",
    "words": b"this is no sound" * 50,
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(900),
    "MP3 of a free bit rate": b"\xff\xfb\x00\x00" + bytes(9_000),
    "frames that are mostly something else": data("untold.mp3")[:400] + bytes(200_000),
    "an MP4 without a track": data("tone.m4a")[:32] + bytes(5_000),
    "Opus in an MP4": data("tone.m4a").replace(b"mp4a", b"Opus"),
    "WebM with a codec of its own": data("tone.webm").replace(b"A_OPUS", b"A_MINE"),
    "Ogg with a codec of its own": data("tone.opus").replace(b"OpusHead", b"MineHead"),
    "WAV with a format of its own": wav()[:20] + b"\x99\x99" + wav()[22:],
    "WAV of no channel": wav()[:22] + bytes(2) + wav()[24:],
}


@pytest.mark.parametrize("recording", UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_not_understood_has_no_length(recording: bytes):
    """Then it is as long as its vendor takes, and never short."""
    assert seconds(recording) is None


# --- rubbish --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SECONDS)
def test_a_recording_may_be_cut_anywhere(name: str):
    """It plays what is left of it, or is not understood."""
    whole = data(name)[:30_000]
    most = Fraction(SECONDS[name]) * 2 + 1
    for size in [*range(300), *range(300, len(whole), 97)]:
        length = seconds(whole[:size])
        assert length is None or 0 <= length <= most


@given(
    name=st.sampled_from(sorted(SECONDS)),
    changes=st.lists(st.tuples(st.integers(0, 4_000), st.integers(0, 255)), max_size=12),
)
def test_any_bytes_are_taken(name: str, changes: list[tuple[int, int]]):
    """A length or none, and nothing raised."""
    recording = bytearray(data(name)[:4_096])
    for at, byte in changes:
        if at < len(recording):
            recording[at] = byte
    length = seconds(bytes(recording))
    assert length is None or length >= 0
