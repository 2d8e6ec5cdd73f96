"""
gRPC's framing: each message behind a flag and its length, perhaps compressed by itself.

https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Length-Prefixed-Message".
"""

import zlib

from llmcap.words.errors import FormatError

PREFIX_BYTES = 5
MESSAGE_BYTES_MAX = 64 * 1024 * 1024

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


class GrpcDecoder:
    """Bytes to messages, decompressed."""

    def __init__(self, *, message_bytes_max: int = MESSAGE_BYTES_MAX) -> None:
        self._max = message_bytes_max
        self._buffer = bytearray()

    def decode(self, data: bytes) -> list[bytes]:
        """The messages that are whole now. Raises `FormatError` past a bound."""
        self._buffer += data
        messages: list[bytes] = []
        start = 0
        while len(self._buffer) - start >= PREFIX_BYTES:
            size = int.from_bytes(self._buffer[start + 1 : start + PREFIX_BYTES])
            if size > self._max:
                raise FormatError(f"a gRPC message of {size} bytes, more than {self._max}")
            end = start + PREFIX_BYTES + size
            if end > len(self._buffer):
                break
            message = bytes(self._buffer[start + PREFIX_BYTES : end])
            messages.append(self._plain(message) if self._buffer[start] & 1 else message)
            start = end
        del self._buffer[:start]
        return messages

    @property
    def rest(self) -> int:
        """Bytes of a message that is not whole."""
        return len(self._buffer)

    def _plain(self, message: bytes) -> bytes:
        decompressor = zlib.decompressobj(_GZIP_OR_ZLIB)
        try:
            plain = decompressor.decompress(message, self._max)
        except zlib.error as error:
            raise FormatError(f"a gRPC message is neither gzip nor deflate: {error}") from error
        if decompressor.unconsumed_tail:
            raise FormatError(f"a gRPC message decompresses to more than {self._max} bytes")
        return plain


def messages_in(body: bytes) -> list[bytes]:
    """All messages of a whole body. Raises `FormatError`."""
    decoder = GrpcDecoder()
    messages = decoder.decode(body)
    if decoder.rest:
        raise FormatError(f"a gRPC body ends within a message: {decoder.rest} bytes are left")
    return messages
