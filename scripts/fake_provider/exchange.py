"""One request and the ways to answer it, whatever the protocol; and the bodies' encodings."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

import brotli
import zstandard

from fake_provider.scenario import Stops


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request; header names are lower-case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    protocol: str

    @property
    def path(self) -> str:
        """Without the query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The first value of each parameter."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}


class Exchange(Protocol):
    """What a handler needs of a connection, or of one stream of it."""

    request: Request
    stops: Stops

    @property
    def gone(self) -> bool:
        """Whether the client is seen to have left: a closed connection or a reset stream."""
        ...

    async def start(self, status: int, headers: Mapping[str, str], *, close: bool = False) -> None:
        """Send the head; `close` leaves it to the end of the connection to end the body."""
        ...

    async def send(self, data: bytes) -> None:
        """Send a part of the body, waiting while the client does not read."""
        ...

    async def end(self) -> None:
        """End the body in order."""
        ...

    async def reset(self) -> None:
        """Break off: RST on the connection, or on the one stream of it."""
        ...


class Encoder(Protocol):
    """An incremental content-encoding that lets every part out at once."""

    def encode(self, data: bytes) -> bytes:
        """The encoded bytes of this part, flushed."""
        ...

    def end(self) -> bytes:
        """What closes the encoded body."""
        ...


class Identity:
    """No encoding."""

    def encode(self, data: bytes) -> bytes:
        """The same bytes."""
        return data

    def end(self) -> bytes:
        """Nothing."""
        return b""


class Deflate:
    """gzip or deflate."""

    def __init__(self, wbits: int) -> None:
        self._zlib = zlib.compressobj(wbits=wbits)

    def encode(self, data: bytes) -> bytes:
        """Compressed, flushed at a byte's border."""
        return self._zlib.compress(data) + self._zlib.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        """The last block and the checksum."""
        return self._zlib.flush()


class Brotli:
    """Brotli."""

    def __init__(self) -> None:
        self._brotli = brotli.Compressor(quality=4)

    def encode(self, data: bytes) -> bytes:
        """Compressed and flushed."""
        return bytes(self._brotli.process(data) + self._brotli.flush())

    def end(self) -> bytes:
        """The last block."""
        return bytes(self._brotli.finish())


class Zstandard:
    """Zstandard."""

    def __init__(self) -> None:
        self._zstd = zstandard.ZstdCompressor().compressobj()

    def encode(self, data: bytes) -> bytes:
        """Compressed, with its block closed."""
        return self._zstd.compress(data) + self._zstd.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)

    def end(self) -> bytes:
        """The end of the frame."""
        return self._zstd.flush()


ENCODERS: Mapping[str, Callable[[], Encoder]] = MappingProxyType(
    {
        "identity": Identity,
        "gzip": lambda: Deflate(31),
        "deflate": lambda: Deflate(15),
        "br": Brotli,
        "zstd": Zstandard,
    }
)
