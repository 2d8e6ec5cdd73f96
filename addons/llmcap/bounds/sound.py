"""
How long a recording is at most, sound or film: what its frames hold, whatever its headers say.

No format has a least number of bytes for a second: silence in FLAC has some twenty. So the frames
themselves are added up, format by format, and a well-kept reader of headers is asked too: where its
answer is the longer one, it counts. None says that the bytes are none of these formats, or do not
hang together: then only who sells the model can say how long a recording may be.
"""

import io
import struct
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction

from llmcap.bounds.frames import adts_seconds, amr_seconds, flac_seconds, mpeg_seconds
from llmcap.bounds.matroska import matroska_seconds
from llmcap.bounds.mp4 import mp4_seconds
from llmcap.bounds.ogg import ogg_seconds
from llmcap.bounds.raw import pcm_of

# Of those that are not parsed any further: a day and more of sound.
DATA_BYTES_MAX = 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Length:
    """Seconds, rounded up to the next thousandth, and channels where the format tells them."""

    seconds: Decimal
    channels: int | None = None


def length_of(data: bytes, said: str = "") -> Length | None:
    """The longest that these bytes can play; `said` is their format as the request names it."""
    if not data or len(data) > DATA_BYTES_MAX:
        return None
    if length := _measured(data, said, len(data)):
        return length
    if _is_wave(data):
        return None
    seconds = _framed(data)
    if not seconds:
        return None
    claimed = _claimed(data)
    return _length(max(seconds, claimed) if claimed else seconds, None)


def length_at_once(head: bytes, said: str, total_bytes: int) -> Length | None:
    """The same from its first bytes, where its size tells the rest; None says nothing of it."""
    return _measured(head, said, total_bytes) if total_bytes <= DATA_BYTES_MAX else None


def _measured(head: bytes, said: str, total_bytes: int) -> Length | None:
    if _is_wave(head):
        return _wave(head, total_bytes)
    raw = pcm_of(said)
    return _length(raw.seconds(total_bytes), raw.channels) if raw else None


def _is_wave(data: bytes) -> bool:
    return data[:4] in (b"RIFF", b"RF64", b"BW64") and data[8:12] == b"WAVE"


def _length(seconds: Fraction, channels: int | None) -> Length:
    thousandths = -(-seconds.numerator * 1_000 // seconds.denominator)
    return Length(Decimal(thousandths).scaleb(-3), channels)


def _framed(data: bytes) -> Fraction | None:
    """What the frames hold, by what the bytes begin with."""
    if data.startswith(b"fLaC"):
        return flac_seconds(data)
    if data.startswith(b"OggS"):
        return ogg_seconds(data)
    if data[4:8] in (b"ftyp", b"moov", b"mdat", b"styp", b"moof", b"free", b"wide", b"skip"):
        return mp4_seconds(data)
    if data.startswith(b"\x1a\x45\xdf\xa3"):
        return matroska_seconds(data)
    if data.startswith(b"#!AMR"):
        return amr_seconds(data)
    if data.startswith(b"ID3"):
        return flac_seconds(data) or mpeg_seconds(data) or adts_seconds(data)
    if data[0] == 0xFF and len(data) > 1:
        return adts_seconds(data) if data[1] & 0x06 == 0 else mpeg_seconds(data)
    return None


def _claimed(data: bytes) -> Fraction | None:
    """What a reader of headers makes of it, where it can read it: a second opinion."""
    # Only when a recording is looked at.
    from tinytag import TinyTag, TinyTagException  # noqa: PLC0415

    try:
        duration = TinyTag.get(file_obj=io.BytesIO(data), tags=False, image=False).duration
    except TinyTagException:
        return None
    return Fraction(duration) if duration and duration > 0 else None


# --- WAV: http://soundfile.sapp.org/doc/WaveFormat, and RFC 2361 for its formats --------------


def _wave(data: bytes, total_bytes: int) -> Length | None:
    """
    By all the bytes behind the format, whatever the size of the chunk with the sound says.

    Who writes a stream does not know that size, and leaves 0 or the largest there is.
    """
    position = 12
    while position + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, position)
        if kind == b"fmt ":
            return _wave_format(data, position + 8, position + 8 + size, total_bytes)
        position += 8 + size + size % 2
    return None


def _wave_format(data: bytes, start: int, end: int, total_bytes: int) -> Length | None:
    if end - start < 16 or end > len(data):
        return None
    tag, channels, rate, _, align, bits = struct.unpack_from("<HHIIHH", data, start)
    if tag == 0xFFFE and end - start >= 26:
        (tag,) = struct.unpack_from("<H", data, start + 24)
    if not (channels and rate):
        return None
    size = total_bytes - end
    if tag in (1, 3, 6, 7):  # PCM, float, A-law, mu-law
        frame = min(filter(None, (align, channels * -(-bits // 8))), default=0)
        return _length(Fraction(size, frame * rate), channels) if frame else None
    if tag == 17 and align > 4 * channels:  # IMA ADPCM: two samples of a channel in a byte
        samples = (align // channels - 4) * 2 + 1
        return _length(Fraction(-(-size // align) * samples, rate), channels)
    if tag in (0x50, 0x55) and len(data) == total_bytes:
        at = data.find(b"data", end)
        seconds = mpeg_seconds(data, at + 8) if at >= 0 else None
        return _length(seconds, channels) if seconds else None
    return None


def whole_seconds(seconds: Decimal) -> int:
    """Rounded up."""
    return int(seconds.to_integral_value(ROUND_CEILING))
