"""
How long a Matroska or WebM file plays: by the times of its blocks and by their frames.

Recorders that stream do not know the length when they begin: elements may be of unknown size, and
the length that a header claims may be missing, or anything. The longest counts of what the header
claims, what the blocks' times span, and what the frames of the sound hold. Sound in a codec whose
frames do not tell is not understood: None. https://www.rfc-editor.org/rfc/rfc9559
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from llmcap.bounds.mp4 import aac_frame
from llmcap.bounds.ogg import opus_seconds, vorbis_packet

_HOLDERS = frozenset((
    0x18538067,  # Segment
    0x1549A966,  # Info
    0x1654AE6B,  # Tracks
    0xAE,  # TrackEntry
    0xE1,  # Audio
    0x1F43B675,  # Cluster
    0xA0,  # BlockGroup
))  # fmt: skip
_ELEMENTS_MAX = 4_000_000
_OPUS_MAX = Fraction(120, 1_000)


@dataclass(slots=True)
class _Track:
    number: int = 0
    sounds: bool = False
    codec: str = ""
    private: bytes = b""
    rate: float = 0.0  # no money: samples of a second
    frames: Fraction = Fraction()  # seconds of all
    known: bool = True

    def add(self, block: bytes) -> None:
        """The frames of a block, behind its head."""
        at = 1
        while at < 8 and not block[0] >> (8 - at) & 1:
            at += 1
        lacing = block[at + 2] >> 1 & 3
        number = block[at + 3] + 1 if lacing else 1
        frame = self._frame(block[at + 3 :] if not lacing else b"")
        if frame is None:
            self.known = False
        else:
            self.frames += number * frame

    def _frame(self, packet: bytes) -> Fraction | None:
        if self.codec == "A_OPUS":
            return opus_seconds(packet) if packet else _OPUS_MAX
        if self.codec == "A_VORBIS":
            at = self.private.find(b"\x01vorbis")
            return vorbis_packet(self.private[at:]) if at >= 0 else None
        if self.codec.startswith("A_AAC"):
            return aac_frame(self.private)
        if self.codec in ("A_MPEG/L3", "A_MPEG/L2"):
            return Fraction(1_152) / Fraction(self.rate) if self.rate > 0 else None
        return None


def matroska_seconds(data: bytes) -> Fraction | None:
    """The longest of all that it says; None where a track is not understood."""
    whole = _Whole()
    try:
        for count, (kind, start, end) in enumerate(_elements(data)):
            if count > _ELEMENTS_MAX:
                return None
            whole.take(kind, data[start:end])
    except (struct.error, IndexError, ValueError, OverflowError):
        return None
    return whole.seconds()


class _Whole:
    def __init__(self) -> None:
        self.tracks: dict[int, _Track] = {}
        self._now = _Track()
        self._scale = 1_000_000  # nanoseconds of a tick
        self._claimed = Fraction()
        self._cluster = 0
        self._times: list[int] = []  # the first and the last
        self._ended = 0

    def take(self, kind: int, body: bytes) -> None:
        """One element; those that are not known say nothing of a length."""
        if kind in (0xA3, 0xA1):
            self._block(body)
        elif kind in (0x2AD7B1, 0x4489, 0xE7, 0x9B):
            self._time(kind, body)
        else:
            self._track(kind, body)

    def _time(self, kind: int, body: bytes) -> None:
        if kind == 0x2AD7B1:
            self._scale = _number(body)
        elif kind == 0x4489:
            self._claimed = Fraction(_real(body))
        elif kind == 0xE7:
            self._cluster = _number(body)
        elif self._times:  # how long the block is that was here last
            self._ended = max(self._ended, self._times[1] + _number(body))

    def _track(self, kind: int, body: bytes) -> None:
        if kind == 0xAE:
            self._now = _Track()
        elif kind == 0xD7:
            self._now.number = _number(body)
            self.tracks[self._now.number] = self._now
        elif kind == 0x83:
            self._now.sounds = _number(body) == 2
        elif kind == 0x86:
            self._now.codec = body.rstrip(b"\0").decode("ascii", "replace")
        elif kind == 0x63A2:
            self._now.private = body
        elif kind == 0xB5:
            self._now.rate = _real(body)

    def _block(self, block: bytes) -> None:
        at = 1
        while at < 8 and not block[0] >> (8 - at) & 1:
            at += 1
        number = int.from_bytes(block[:at]) & (1 << 7 * at) - 1
        time = self._cluster + int.from_bytes(block[at : at + 2], signed=True)
        first, last = self._times or (time, time)
        self._times = [min(first, time), max(last, time)]
        track = self.tracks.get(number)
        if track is not None and track.sounds:
            track.add(block)

    def seconds(self) -> Fraction | None:
        """The longest, or None."""
        if not self.tracks or any(not track.known for track in self.tracks.values()):
            return None
        first, last = self._times or (0, 0)
        ticks = max(self._claimed, Fraction(max(last, self._ended) - first))
        frames = max(track.frames for track in self.tracks.values())
        # The last block lasts as long as it likes: a frame of film, some of sound.
        spanned = ticks * self._scale / 1_000_000_000 + Fraction(1, 5)
        return max(spanned, frames) if self._times else None


def _elements(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Every element; one of unknown size ends where the file does, and what is in it goes on."""
    position = 0
    while position + 2 <= len(data):
        first = data[position]
        if not first:
            raise ValueError("lost between elements")
        width = 9 - first.bit_length()
        kind = int.from_bytes(data[position : position + width])
        position += width
        length = 9 - data[position].bit_length()
        size = int.from_bytes(data[position : position + length]) & (1 << 7 * length) - 1
        unknown = size == (1 << 7 * length) - 1
        position += length
        if kind in _HOLDERS:
            yield kind, position, position
            continue
        if unknown or length > 8:
            raise ValueError("an element of unknown size that holds no others")
        yield kind, position, min(position + size, len(data))
        position += size


def _number(body: bytes) -> int:
    return int.from_bytes(body)


def _real(body: bytes) -> float:
    value: float = struct.unpack(">f" if len(body) == 4 else ">d", body)[0] if body else 0.0
    return value
