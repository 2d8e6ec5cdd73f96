"""
How long an MP4 (M4A, MOV) plays: by its sample tables, its fragments, its edits and its frames.

Players go by the times of the samples, transcribers decode them all; so the longest of both counts,
and of what the headers claim. Sound in a codec whose frames have no length of their own that can be
told from outside is not understood: None. ISO/IEC 14496-12.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from llmcap.bounds.frames import AAC_FRAME, AAC_RATES

_HOLDERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"moof", b"traf", b"mvex")
_BOXES_MAX = 1_000_000
_MP3_FRAME = 1_152


@dataclass(slots=True)
class _Track:
    number: int = 0
    scale: int = 0  # ticks of a second
    claimed: int = 0
    ticks: int = 0
    samples: int = 0
    default_ticks: int = 0  # of a sample in a fragment
    edits: int = 0  # in ticks of the whole
    sounds: bool = False
    frame: Fraction | None = None  # seconds of one, where its codec tells

    def seconds(self, scale: int) -> Fraction | None:
        """The longest that it can be."""
        if not self.scale or (self.sounds and self.frame is None):
            return None
        told = Fraction(max(self.claimed, self.ticks), self.scale)
        edited = Fraction(self.edits, scale) if scale else Fraction()
        return max(told, edited, self.samples * (self.frame or Fraction()))


def mp4_seconds(data: bytes) -> Fraction | None:
    """The longest of its tracks, or None where one of them is not understood."""
    whole = _Whole()
    try:
        for count, (kind, start, end) in enumerate(_boxes(data, 0, len(data))):
            if count > _BOXES_MAX:
                return None
            whole.take(kind, data[start : min(end, start + 64 * 1024 * 1024)])
    except (struct.error, IndexError, ZeroDivisionError):
        return None
    lengths = [track.seconds(whole.scale) for track in whole.tracks]
    known = [length for length in lengths if length is not None]
    if len(known) < len(lengths) or not known:
        return None
    claimed = Fraction(whole.claimed, whole.scale) if whole.scale else Fraction()
    return max(*known, claimed) or None


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Every box, those that hold others before what they hold."""
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, start + 8)
            head = 16
        behind = end if size == 0 else min(start + size, end)
        if behind < start + head:
            return
        yield kind, start + head, behind
        if kind in _HOLDERS:
            yield from _boxes(data, start + head, behind)
        start = behind


class _Whole:
    """What the boxes say, in their order."""

    def __init__(self) -> None:
        self.scale = 0
        self.claimed = 0
        self.tracks: list[_Track] = []
        self._now = _Track()

    def take(self, kind: bytes, body: bytes) -> None:
        """One box; those that are not known say nothing of a length."""
        take = _TAKEN.get(kind)
        if take is not None:
            take(self, body)

    def _movie(self, body: bytes) -> None:
        self.scale, self.claimed = _scale_and_length(body)

    def _begin(self, body: bytes) -> None:  # noqa: ARG002 - the shape of them all
        self._now = _Track()
        self.tracks.append(self._now)

    def _header(self, body: bytes) -> None:
        (self._now.number,) = struct.unpack_from(">I", body, 20 if body[0] else 12)

    def _media(self, body: bytes) -> None:
        self._now.scale, self._now.claimed = _scale_and_length(body)

    def _handler(self, body: bytes) -> None:
        self._now.sounds = body[8:12] == b"soun"

    def _edits(self, body: bytes) -> None:
        (count,) = struct.unpack_from(">I", body, 4)
        size = 20 if body[0] else 12
        for number in range(min(count, (len(body) - 8) // size)):
            (length,) = struct.unpack_from(">Q" if body[0] else ">I", body, 8 + number * size)
            self._now.edits += length

    def _times(self, body: bytes) -> None:
        (count,) = struct.unpack_from(">I", body, 4)
        for number in range(min(count, (len(body) - 8) // 8)):
            samples, ticks = struct.unpack_from(">II", body, 8 + number * 8)
            self._now.ticks += samples * ticks
            self._now.samples += samples

    def _sizes(self, body: bytes) -> None:
        (samples,) = struct.unpack_from(">I", body, 8)
        self._now.samples = max(self._now.samples, samples)

    def _codec(self, body: bytes) -> None:
        kind = body[12:16]
        if kind == b"mp4a":
            self._now.frame = _mp4a_frame(body[16:])
        elif kind == b"alac" and (at := body.find(b"alac", 16)) >= 0:
            # https://github.com/macosforge/alac: samples of a frame, and the rate at the end.
            samples, rate = (struct.unpack_from(">I", body, at + 8 + each)[0] for each in (0, 20))
            self._now.frame = Fraction(samples, rate)

    def _extends(self, body: bytes) -> None:
        number, _, ticks = struct.unpack_from(">III", body, 4)
        self._track(number).default_ticks = ticks

    def _fragment(self, body: bytes) -> None:
        (flags,) = struct.unpack_from(">I", body, 0)
        (number,) = struct.unpack_from(">I", body, 4)
        self._now = self._track(number)
        if flags & 0x08:
            at = 8 + (8 if flags & 1 else 0) + (4 if flags & 2 else 0)
            (self._now.default_ticks,) = struct.unpack_from(">I", body, at)

    def _run(self, body: bytes) -> None:
        flags, count = struct.unpack_from(">II", body, 0)
        self._now.samples += count
        if not flags & 0x100:
            self._now.ticks += count * self._now.default_ticks
            return
        at = 8 + (4 if flags & 1 else 0) + (4 if flags & 4 else 0)
        size = 4 * (flags >> 8 & 15).bit_count()
        for number in range(count):
            self._now.ticks += struct.unpack_from(">I", body, at + number * size)[0]

    def _track(self, number: int) -> _Track:
        return next((track for track in self.tracks if track.number == number), self._now)


_TAKEN = {
    b"mvhd": _Whole._movie,  # noqa: SLF001 - one class, written as a table
    b"trak": _Whole._begin,  # noqa: SLF001
    b"tkhd": _Whole._header,  # noqa: SLF001
    b"mdhd": _Whole._media,  # noqa: SLF001
    b"hdlr": _Whole._handler,  # noqa: SLF001
    b"elst": _Whole._edits,  # noqa: SLF001
    b"stts": _Whole._times,  # noqa: SLF001
    b"stsz": _Whole._sizes,  # noqa: SLF001
    b"stz2": _Whole._sizes,  # noqa: SLF001
    b"stsd": _Whole._codec,  # noqa: SLF001
    b"trex": _Whole._extends,  # noqa: SLF001
    b"tfhd": _Whole._fragment,  # noqa: SLF001
    b"trun": _Whole._run,  # noqa: SLF001
}


def _scale_and_length(body: bytes) -> tuple[int, int]:
    scale, length = struct.unpack_from(">IQ" if body[0] else ">II", body, 20 if body[0] else 12)
    # All ones say that it is not known.
    return scale, 0 if length in (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF) else length


def _mp4a_frame(entry: bytes) -> Fraction | None:
    """Seconds of a frame of AAC or MP3: ISO/IEC 14496-1, 7.2.6, and 14496-3, 1.6.2.1."""
    at = entry.find(b"esds")
    if at < 0:
        return None
    rest = entry[at + 8 :]
    kind, rest = _descriptor(rest)
    if kind != 3:
        return None
    flags = rest[2]
    skip = 3 + (2 if flags & 0x80 else 0) + (1 + rest[3] if flags & 0x40 else 0)
    kind, rest = _descriptor(rest[skip + (2 if flags & 0x20 else 0) :])
    if kind != 4:
        return None
    if rest[0] in (0x69, 0x6B):
        return Fraction(_MP3_FRAME, 8_000 if rest[0] == 0x69 else 32_000)
    if rest[0] not in (0x40, 0x66, 0x67, 0x68):
        return None
    kind, rest = _descriptor(rest[13:])
    return aac_frame(rest) if kind == 5 else None


def aac_frame(config: bytes) -> Fraction | None:
    """Seconds of a frame, by AudioSpecificConfig: the rate is that of the core."""
    bits = int.from_bytes(config[:8].ljust(8, b"\0"))
    at = 64 - 5
    if bits >> at & 31 == 31:
        at -= 6
    index = bits >> (at - 4) & 15
    rate = bits >> (at - 28) & 0xFFFFFF if index == 15 else (*AAC_RATES, 0, 0)[index]
    return Fraction(AAC_FRAME, rate) if rate else None


def _descriptor(data: bytes) -> tuple[int, bytes]:
    """The tag of a descriptor and what follows its size."""
    at = 1
    while at < 5 and data[at] & 0x80:
        at += 1
    return data[0], data[at + 1 :]
