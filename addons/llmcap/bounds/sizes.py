"""
How large a picture is, and how many pictures a file holds: from the headers of its format.

The formats that every vendor takes: PNG, JPEG, GIF, WebP. What decoders go by is read; of two sizes
the larger is taken. None says that the file does not tell, or that it has more bytes than a picture
of that size can need: it is then bounded as the largest that there is.
"""

import struct
from dataclasses import dataclass

# A pixel has eight bytes at most: four channels of sixteen bits. Beside them there are profiles,
# previews and notes of the camera.
PIXEL_BYTES_MAX = 8
BESIDE_BYTES_MAX = 256 * 1024

# Where the size of a picture stands: a JPEG has all that a camera knows in front of it.
HEAD_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Size:
    """Pixels of a picture; `frames` where it moves."""

    width: int
    height: int
    frames: int = 1


def size_of(head: bytes, total_bytes: int) -> Size | None:
    """The size of the picture that begins with `head` and has so many bytes in all."""
    try:
        size = _read(head)
    except (struct.error, IndexError):
        return None
    if size is None or not (size.width and size.height):
        return None
    if len(head) < total_bytes and (size.frames > 1 or head.startswith(b"GIF")):
        return None  # how many more there are is told behind the head
    room = size.width * size.height * size.frames * PIXEL_BYTES_MAX + BESIDE_BYTES_MAX
    return size if total_bytes <= room else None


def _read(head: bytes) -> Size | None:
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(head)
    if head.startswith(b"\xff\xd8"):
        return _jpeg(head)
    if head.startswith((b"GIF87a", b"GIF89a")):
        return _gif(head)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _webp(head)
    return None


def _png(head: bytes) -> Size | None:
    """https://www.w3.org/TR/png-3/#5Chunk-layout; an animation says so before its first picture."""
    if head[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", head, 16)
    frames, position = 1, 8
    while position + 8 <= len(head):
        size, kind = struct.unpack_from(">I4s", head, position)
        if kind == b"acTL":
            (frames,) = struct.unpack_from(">I", head, position + 8)
        if kind in (b"IDAT", b"IEND"):
            break
        position += size + 12
    return Size(width, height, max(frames, 1))


def _jpeg(head: bytes) -> Size | None:
    """https://www.w3.org/Graphics/JPEG/itu-t81.pdf, B.1.1: segments up to the start of the scan."""
    width = height = 0
    position = 2
    while True:
        while head[position] == 0xFF and head[position + 1] == 0xFF:
            position += 1
        marker = head[position + 1]
        if head[position] != 0xFF or marker in (0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF):
            return None  # lost, or made of several pictures of different sizes
        if marker == 0xDA:
            # A height of 0 is told behind the picture.
            return Size(width, height) if height else None
        (size,) = struct.unpack_from(">H", head, position + 2)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            rows, columns = struct.unpack_from(">HH", head, position + 5)
            width, height = max(width, columns), max(height, rows)
        position += size + 2


def _gif(head: bytes) -> Size | None:
    """https://www.w3.org/Graphics/GIF/spec-gif89a.txt: a picture may be larger than its screen."""
    width, height, flags = struct.unpack_from("<HHB", head, 6)
    position = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    frames = 0
    while position < len(head):
        block = head[position]
        if block == 0x3B:
            return Size(width, height, max(frames, 1))
        if block == 0x2C:
            left, top, columns, rows, flags = struct.unpack_from("<HHHHB", head, position + 1)
            width, height = max(width, left + columns), max(height, top + rows)
            frames += 1
            position += 11 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
        elif block == 0x21:
            position += 2
        else:
            return None
        while head[position]:
            position += head[position] + 1
        position += 1
    return Size(width, height, frames) if frames else None


def _webp(head: bytes) -> Size | None:
    """https://developers.google.com/speed/webp/docs/riff_container, "Extended File Format"."""
    width = height = frames = 0
    position = 12
    while position + 8 <= len(head):
        kind, size = struct.unpack_from("<4sI", head, position)
        at = position + 8
        if kind in (b"VP8X", b"ANMF"):
            skip = 4 if kind == b"VP8X" else 6
            columns, rows = (
                1 + int.from_bytes(head[at + skip + each : at + skip + each + 3], "little")
                for each in (0, 3)
            )
            frames += kind == b"ANMF"
        elif kind == b"VP8 ":
            columns, rows = (side & 0x3FFF for side in struct.unpack_from("<HH", head, at + 6))
        elif kind == b"VP8L":
            bits = int.from_bytes(head[at + 1 : at + 5], "little")
            columns, rows = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        else:
            columns = rows = 0
        width, height = max(width, columns), max(height, rows)
        position = at + size + size % 2
    return Size(width, height, max(frames, 1)) if width else None
