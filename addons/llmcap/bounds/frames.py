"""
How long a stream of frames plays: MPEG audio (MP3), ADTS (AAC), AMR, FLAC.

Each frame tells its own length, so the frames are added up one by one: what a header in front of
them says (Xing, the sample count of FLAC) is not asked. None says that the bytes are not understood
well enough to be sure that no frame was missed.
"""

from collections.abc import Callable
from fractions import Fraction

# How much between the frames may be something else: tags of a player, a few lost bytes.
STRAY_BYTES_MAX = 64 * 1024

_MPEG_RATES = ((11_025, 12_000, 8_000), (), (22_050, 24_000, 16_000), (44_100, 48_000, 32_000))
_V1_KBPS = (
    (),
    (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),  # layer III
    (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
)
_V2_KBPS = (
    (),
    (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
)
AAC_RATES = (
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
)  # fmt: skip
AAC_FRAME = 1_024

# Bytes of a frame of 20 ms by its type: 3GPP TS 26.101 and 26.201, in the format of RFC 4867.
_AMR = (13, 14, 16, 18, 20, 21, 27, 32, 6, 7, 6, 6, 1, 1, 1, 1)
_AMR_WB = (18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 1, 1, 1, 1, 1, 1)

# A frame's bytes, samples and rate, as its first bytes tell; None where they are no frame.
_Head = Callable[[bytes, int], tuple[int, int, int] | None]


def mpeg_seconds(data: bytes, start: int = 0) -> Fraction | None:
    """MPEG-1, 2 and 2.5, all layers. http://mpgedit.org/mpgedit/mpeg_format/mpeghdr.htm."""
    return _walked(data, _behind_tag(data, start), _mpeg_head)


def adts_seconds(data: bytes, start: int = 0) -> Fraction | None:
    """AAC in ADTS: ISO/IEC 13818-7, 6.2; the rate is that of the core, where there is more."""
    return _walked(data, _behind_tag(data, start), _adts_head)


def _walked(data: bytes, start: int, head_of: _Head) -> Fraction | None:
    samples: dict[int, int] = {}  # by their rate
    stray, position, end = 0, start, len(data)
    while position + 4 <= end:
        found = head_of(data, position)
        if found is None:
            if data.startswith(b"ID3", position):
                behind = max(_behind_tag(data, position), position + 1)
            elif data.startswith(b"APETAGEX", position) or data.startswith(b"TAG", position):
                break  # what players write behind the last frame
            else:
                behind = data.find(b"\xff", position + 1)
                behind = end if behind < 0 else behind
            stray += behind - position
            position = behind
        else:
            size, count, rate = found
            samples[rate] = samples.get(rate, 0) + count
            position += size
    if not samples or stray > max(STRAY_BYTES_MAX, (end - start) // 64):
        return None
    return sum((Fraction(count, rate) for rate, count in samples.items()), Fraction())


def _behind_tag(data: bytes, start: int) -> int:
    """Behind an ID3v2 tag, if there is one and it does not hide all that follows: id3.org."""
    if not data.startswith(b"ID3", start) or len(data) < start + 10:
        return start
    size = 0
    for byte in data[start + 6 : start + 10]:
        size = size << 7 | byte & 0x7F
    behind = start + 10 + size
    return behind if behind + 4 <= len(data) else start + 1


def _mpeg_head(data: bytes, position: int) -> tuple[int, int, int] | None:
    if data[position] != 0xFF or data[position + 1] & 0xE0 != 0xE0:
        return None
    second, third = data[position + 1], data[position + 2]
    version, layer = second >> 3 & 3, second >> 1 & 3
    kbps, rate_index = third >> 4, third >> 2 & 3
    if version == 1 or layer == 0 or rate_index == 3 or kbps in (0, 15):
        return None  # reserved; a free bit rate is one that no vendor's limits speak of
    rate = _MPEG_RATES[version][rate_index]
    bits = (_V1_KBPS if version == 3 else _V2_KBPS)[layer][kbps - 1] * 1000
    padding = third >> 1 & 1
    if layer == 3:
        return (12 * bits // rate + padding) * 4, 384, rate
    samples = 576 if layer == 1 and version != 3 else 1_152
    return samples // 8 * bits // rate + padding, samples, rate


def _adts_head(data: bytes, position: int) -> tuple[int, int, int] | None:
    if data[position] != 0xFF or data[position + 1] & 0xF6 != 0xF0 or position + 7 > len(data):
        return None
    rate_index = data[position + 2] >> 2 & 15
    size = int.from_bytes(data[position + 3 : position + 6]) >> 5 & 0x1FFF
    if rate_index >= len(AAC_RATES) or size < 7:
        return None
    blocks = (data[position + 6] & 3) + 1
    return size, blocks * AAC_FRAME, AAC_RATES[rate_index]


def amr_seconds(data: bytes) -> Fraction | None:
    """AMR of one channel, narrow or wide: RFC 4867, 5."""
    for magic, sizes in ((b"#!AMR\n", _AMR), (b"#!AMR-WB\n", _AMR_WB)):
        if data.startswith(magic):
            position, frames = len(magic), 0
            while position < len(data):
                position += sizes[data[position] >> 3 & 15]
                frames += 1
            return Fraction(frames, 50)
    return None


# --- FLAC: https://www.rfc-editor.org/rfc/rfc9639, 9.1 ----------------------------------------

_FLAC_RATES = (
    0, 88_200, 176_400, 192_000, 8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000
)  # fmt: skip


def flac_seconds(data: bytes, start: int = 0) -> Fraction | None:
    """All that look like frames of FLAC, with the checksum of their head right."""
    start = _behind_tag(data, start)
    if not data.startswith(b"fLaC", start):
        return None
    rate = int.from_bytes(data[start + 18 : start + 21]) >> 4
    samples: dict[int, int] = {}
    for sync in (b"\xff\xf8", b"\xff\xf9"):
        position = data.find(sync, start + 42)
        while position >= 0:
            if found := flac_head(data, position, rate):
                samples[found[1]] = samples.get(found[1], 0) + found[0]
            position = data.find(sync, position + 1)
    if not samples or 0 in samples:
        return None
    return sum((Fraction(count, each) for each, count in samples.items()), Fraction())


def flac_head(data: bytes, position: int, rate: int) -> tuple[int, int] | None:
    """Samples and their rate of the frame that begins here; None where none does."""
    head = data[position : position + 16]
    if len(head) < 6 or head[0] != 0xFF or head[1] & 0xFE != 0xF8 or head[3] & 1:
        return None
    size_code, rate_code = head[2] >> 4, head[2] & 15
    if size_code == 0 or rate_code == 15:
        return None
    first = head[4]
    at = 5
    if first & 0x80:  # the number of the frame, as UTF-8 would have it
        at += max(f"{first:08b}".index("0") - 1, 0) if first != 0xFF else 7
    size_bytes = {6: 1, 7: 2}.get(size_code, 0)
    rate_bytes = {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    told, asked = head[at : at + size_bytes], head[at + size_bytes : at + size_bytes + rate_bytes]
    at += size_bytes + rate_bytes
    if at >= len(head) or _crc8(head[:at]) != head[at]:
        return None
    if size_bytes:
        samples = int.from_bytes(told) + 1
    else:
        samples = 192 if size_code == 1 else 144 << size_code if size_code < 6 else 1 << size_code
    if rate_bytes:
        rate = int.from_bytes(asked) * {12: 1_000, 13: 1, 14: 10}[rate_code]
    elif rate_code:
        rate = _FLAC_RATES[rate_code]
    return samples, rate


def _crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07 if crc & 0x80 else crc << 1) & 0xFF
    return crc
