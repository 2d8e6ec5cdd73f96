"""
The binary framing of `application/vnd.amazon.eventstream`.

A message: total length and length of the headers (uint32 each), a CRC-32 of those eight bytes, the
headers, the payload, a CRC-32 of everything before it; all big-endian.
https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html#streaming-event-stream
"""

import struct
import zlib
from collections.abc import Mapping
from typing import NamedTuple

from llmcap.words.errors import FormatError

MESSAGE_BYTES_MAX = 32 * 1024 * 1024

_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_STRING = 7
_BYTES = 6
# How many bytes the value of a header has, by its type, where that is fixed: booleans, integers,
# a time, a UUID.
_FIXED = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}


class Message(NamedTuple):
    """One message: its headers that are text, and its payload."""

    headers: Mapping[str, str]
    payload: bytes

    @property
    def name(self) -> str:
        """What it is: the type of the event or of the exception."""
        headers = self.headers
        return headers.get(":exception-type") or headers.get(":event-type", "")


class EventStreamDecoder:
    """Bytes to messages, each proven by its two checksums."""

    def __init__(self, *, message_bytes_max: int = MESSAGE_BYTES_MAX) -> None:
        self._message_bytes_max = message_bytes_max
        self._buffer = bytearray()
        self._total = 0  # the length of the message in the buffer, once its prelude is proven

    def decode(self, data: bytes) -> list[Message]:
        """The messages that are whole now. Raises `FormatError` where one is broken."""
        self._buffer += data
        messages: list[Message] = []
        while True:
            if not self._total and len(self._buffer) >= _PRELUDE.size:
                self._total = self._prelude()
            if not self._total or len(self._buffer) < self._total:
                return messages
            messages.append(self._message(bytes(self._buffer[: self._total])))
            del self._buffer[: self._total]
            self._total = 0

    def flush(self) -> list[Message]:
        """Nothing: a message that is cut cannot be proven."""
        return []

    def _prelude(self) -> int:
        total, headers_bytes, crc = _PRELUDE.unpack_from(self._buffer)
        if zlib.crc32(self._buffer[:8]) != crc:
            raise FormatError("the prelude of an event stream message fails its checksum")
        least = _PRELUDE.size + headers_bytes + _CRC.size
        if not least <= total <= self._message_bytes_max:
            raise FormatError(
                f"an event stream message of {total} bytes with {headers_bytes} bytes of headers; "
                f"expected {least} to {self._message_bytes_max}"
            )
        return int(total)

    def _message(self, data: bytes) -> Message:
        (crc,) = _CRC.unpack_from(data, len(data) - _CRC.size)
        if zlib.crc32(data[: -_CRC.size]) != crc:
            raise FormatError("an event stream message fails its checksum")
        headers_end = _PRELUDE.size + _PRELUDE.unpack_from(data)[1]
        headers = _headers(data[_PRELUDE.size : headers_end])
        return Message(headers, data[headers_end : -_CRC.size])


def _headers(data: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    position = 0
    try:
        while position < len(data):
            name_end = position + 1 + data[position]
            name = data[position + 1 : name_end].decode("utf-8", "replace")
            kind = data[name_end]
            position = name_end + 1
            if kind in (_STRING, _BYTES):
                start = position + 2
                (size,) = struct.unpack_from(">H", data, position)
                position = start + size
                if kind == _STRING:
                    headers[name] = data[start:position].decode("utf-8", "replace")
            else:
                position += _FIXED[kind]
    except (IndexError, KeyError, struct.error) as error:
        raise FormatError(
            f"the headers of an event stream message are broken: {error!r}"
        ) from error
    return headers
