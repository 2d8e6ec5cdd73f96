"""
Content-encodings of HTTP, decoded as the bytes arrive: gzip, deflate, br, zstd, and chains of them.

A few bytes may decode to gigabytes. So `decode` is lazy: it yields pieces of at most about
`PIECE_BYTES`, and who iterates decides whether to go on. Memory stays bounded whatever arrives.
"""

import zlib
from collections.abc import Iterator
from typing import Protocol

import brotli
import zstandard

from llmcap.words.errors import FormatError

PIECE_BYTES = 64 * 1024

# zstandard cannot pause inside one call. Given few bytes at a time it cannot run away either: the
# shortest block has four bytes and makes 128 KiB at most, so this many make 16 MiB.
ZSTD_STEP_BYTES = 512

ENCODINGS_MAX = 4


class Decoder(Protocol):
    """One content-encoding."""

    def decode(self, data: bytes) -> Iterator[bytes]:
        """What these further bytes decode to. Raises `FormatError` for bytes that cannot be."""
        ...


def decoder_for(content_encoding: str) -> Decoder:
    """
    The decoder of a `content-encoding` header, which may name several in the order applied.

    Raises `FormatError` for an encoding that nobody here can read.
    """
    if not content_encoding:
        return Identity()
    names = [name.strip().lower() for name in content_encoding.split(",")]
    names = [name for name in names if name not in ("", "identity")]
    if len(names) > ENCODINGS_MAX:
        raise FormatError(f"content-encoding names {len(names)} codings, at most {ENCODINGS_MAX}")
    for name in names:
        if name not in _DECODERS:
            known = ", ".join(sorted(_DECODERS))
            raise FormatError(f"content-encoding {name!r} cannot be decoded; known are {known}")
    decoders: list[Decoder] = [_DECODERS[name]() for name in reversed(names)]
    if not decoders:
        return Identity()
    return decoders[0] if len(decoders) == 1 else Chain(decoders)


class Identity:
    """Bytes as they are."""

    def decode(self, data: bytes) -> Iterator[bytes]:
        """The same bytes."""
        if data:
            yield data


class Chain:
    """Several encodings, the one applied last first."""

    def __init__(self, decoders: list[Decoder]) -> None:
        self._decoders = decoders

    def decode(self, data: bytes) -> Iterator[bytes]:
        """The bytes through all of them, lazily, so that no stage runs ahead of the next."""
        return self._through(data, 0)

    def _through(self, data: bytes, stage: int) -> Iterator[bytes]:
        if stage == len(self._decoders):
            yield data
            return
        for piece in self._decoders[stage].decode(data):
            yield from self._through(piece, stage + 1)


class Gzip:
    """gzip (RFC 1952), of one or several members; what follows that is no member is ignored."""

    _MAGIC = b"\x1f\x8b"

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(wbits=31)
        self._between = b""
        self._ended = False

    def decode(self, data: bytes) -> Iterator[bytes]:
        """The inflated bytes."""
        while data and not self._ended:
            if self._inflater.eof:
                data = self._between + data
                if len(data) < len(self._MAGIC) and self._MAGIC.startswith(data):
                    self._between = data
                    return
                self._between = b""
                # Servers pad with zeros or append rubbish; gzip programs ignore both.
                if not data.startswith(self._MAGIC):
                    self._ended = True
                    return
                self._inflater = zlib.decompressobj(wbits=31)
            yield from _inflate(self._inflater, data)
            data = self._inflater.unused_data


class Deflate:
    """
    deflate, with or without the zlib header.

    RFC 9110 (8.4.1.2) asks for the header and notes that some servers leave it out.
    """

    def __init__(self) -> None:
        self._head = b""
        self._inflater: zlib._Decompress | None = None

    def decode(self, data: bytes) -> Iterator[bytes]:
        """The inflated bytes."""
        if self._inflater is None:
            data = self._head + data
            if len(data) < 2:
                self._head = data
                return
            has_header = data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0
            self._inflater = zlib.decompressobj(wbits=15 if has_header else -15)
        if not self._inflater.eof:
            yield from _inflate(self._inflater, data)


class Brotli:
    """br (RFC 7932)."""

    def __init__(self) -> None:
        self._decompressor = brotli.Decompressor()

    def decode(self, data: bytes) -> Iterator[bytes]:
        """The decompressed bytes."""
        if self._decompressor.is_finished():
            return
        try:
            piece = self._decompressor.process(data, output_buffer_limit=PIECE_BYTES)
            while piece or not self._accepts():
                if piece:
                    yield piece
                if self._decompressor.is_finished():
                    return
                # Output may wait inside even when all of the input is used up.
                piece = self._decompressor.process(b"", output_buffer_limit=PIECE_BYTES)
        except brotli.error as error:
            raise FormatError(f"the body is not valid br: {error}") from error

    def _accepts(self) -> bool:
        return bool(self._decompressor.is_finished() or self._decompressor.can_accept_more_data())


class Zstd:
    """zstd (RFC 8878), of one or several frames."""

    # RFC 9659 lets a server use windows of 8 MiB at most for the web.
    _WINDOW_BYTES_MAX = 8 * 1024 * 1024

    def __init__(self) -> None:
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=self._WINDOW_BYTES_MAX)
        self._frame = self._decompressor.decompressobj()
        self._ended = False

    def decode(self, data: bytes) -> Iterator[bytes]:
        """The decompressed bytes."""
        for start in range(0, len(data), ZSTD_STEP_BYTES):
            yield from self._step(data[start : start + ZSTD_STEP_BYTES])

    def _step(self, data: bytes) -> Iterator[bytes]:
        while data and not self._ended:
            if self._frame.eof:
                self._frame = self._decompressor.decompressobj()
            try:
                piece = self._frame.decompress(data)
            except zstandard.ZstdError as error:
                raise FormatError(f"the body is not valid zstd: {error}") from error
            data = self._frame.unused_data if self._frame.eof else b""
            if piece:
                yield piece


def _inflate(inflater: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    try:
        # After the end, `unconsumed_tail` keeps what followed it, for ever.
        while data and not inflater.eof:
            piece = inflater.decompress(data, PIECE_BYTES)
            data = inflater.unconsumed_tail
            if piece:
                yield piece
        while not inflater.eof:
            # Input is used up, yet output may still wait inside for lack of room.
            piece = inflater.decompress(b"", PIECE_BYTES)
            if not piece:
                return
            yield piece
    except zlib.error as error:
        raise FormatError(f"the body is not valid deflate data: {error}") from error


_DECODERS: dict[str, type[Gzip] | type[Deflate] | type[Brotli] | type[Zstd]] = {
    "gzip": Gzip,
    "x-gzip": Gzip,
    "deflate": Deflate,
    "br": Brotli,
    "zstd": Zstd,
}
