"""
How long an Ogg file plays: Opus, Vorbis and FLAC, by their packets.

The position that a page tells (its granule) is not asked: each packet tells how much it holds, or
its codec the most that one can. Streams that follow each other are added up, as players play them.
https://www.rfc-editor.org/rfc/rfc3533
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from llmcap.bounds.frames import flac_head

_Packet = Callable[[bytes], Fraction]
_HEAD_BYTES = 64  # of a packet: all that its length depends on


def ogg_seconds(data: bytes) -> Fraction | None:
    """All streams together; None where the codec of one is not known."""
    streams: dict[int, _Stream] = {}
    seconds = Fraction()
    position = data.find(b"OggS")
    if position < 0:
        return None
    while position >= 0 and position + 27 <= len(data):
        flags, serial = data[position + 5], data[position + 14 : position + 18]
        lacing = data[position + 27 : position + 27 + data[position + 26]]
        stream = streams.setdefault(int.from_bytes(serial), _Stream())
        if flags & 2:  # begins anew
            seconds += stream.seconds
            streams[int.from_bytes(serial)] = stream = _Stream()
        at = position + 27 + len(lacing)
        for size in lacing:
            if not stream.take(data, at, size):
                return None
            at += size
        position = data.find(b"OggS", at)
    return seconds + sum((stream.seconds for stream in streams.values()), Fraction()) or None


@dataclass(slots=True)
class _Stream:
    """One logical stream: its first packet names the codec, the next ones are its headers."""

    seconds: Fraction = Fraction()
    length_of: _Packet | None = None
    headers: int = 0
    head: bytes = b""

    def take(self, data: bytes, at: int, size: int) -> bool:
        """A piece of a packet, which ends with the first that is not full. False: not known."""
        if len(self.head) < _HEAD_BYTES:
            self.head += data[at : at + min(size, _HEAD_BYTES - len(self.head))]
        if size == 255:
            return True
        packet, self.head = self.head, b""
        if self.length_of is None:
            found = _codec(packet)
            if found is None:
                return False
            self.length_of, self.headers = found
        elif self.headers:
            self.headers -= 1
        else:
            self.seconds += self.length_of(packet)
        return True


def _codec(first: bytes) -> tuple[_Packet, int] | None:
    """How long a packet is, and how many headers follow the first."""
    if first.startswith(b"OpusHead"):
        return opus_seconds, 1
    if first.startswith(b"\x01vorbis") and (most := vorbis_packet(first)):
        return lambda packet: most if packet else Fraction(), 2
    if first.startswith(b"\x7fFLAC"):
        rate = int.from_bytes(first[27:30]) >> 4
        return lambda packet: _flac(packet, rate), int.from_bytes(first[7:9])
    if first.startswith((b"fishead", b"\x80theora")):
        return lambda _packet: Fraction(), 0
    return None


def opus_seconds(packet: bytes) -> Fraction:
    """What one packet holds: https://www.rfc-editor.org/rfc/rfc6716, 3.1; 120 ms at most."""
    if not packet:
        return Fraction(120, 1_000)
    config, code = packet[0] >> 3, packet[0] & 3
    if config < 12:
        frame = Fraction((10, 20, 40, 60)[config & 3], 1_000)
    elif config < 16:
        frame = Fraction((10, 20)[config & 1], 1_000)
    else:
        frame = Fraction((5, 10, 20, 40)[config & 3], 2_000)
    frames = (1, 2, 2, packet[1] & 0x3F if len(packet) > 1 else 48)[code]
    return min(frame * (frames or 48), Fraction(120, 1_000))


def vorbis_packet(first: bytes) -> Fraction | None:
    """The most that one packet holds: half of its longer block. Vorbis I specification, 4.2.2."""
    rate = int.from_bytes(first[12:16], "little")
    exponent = first[28] >> 4 if len(first) > 28 else 0
    return Fraction(1 << exponent, 2 * rate) if rate and exponent else None


def _flac(packet: bytes, rate: int) -> Fraction:
    """A block, as its head says, or the longest that there is; an empty packet only ends."""
    if not packet:
        return Fraction()
    found = flac_head(packet, 0, rate)
    samples, told = found or (65_536, rate)
    return Fraction(samples, told or 1)
