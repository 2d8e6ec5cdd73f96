"""
Protocol buffers without their schema: the fields of one message, by number.

https://protobuf.dev/programming-guides/encoding/. What a field means is the reader's affair; what
is nested is bytes here, and taken apart when someone asks for it. Everything is O(bytes).
"""

from collections.abc import Iterator

from llmcap.words.errors import FormatError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
VARINT_BYTES_MAX = 10


class Message:
    """The fields of one message. A field may repeat; of a single value, the last one counts."""

    def __init__(self, data: bytes) -> None:
        """Raises `FormatError` for bytes that are no message."""
        self._fields: dict[int, list[int | bytes]] = {}
        for number, value in _fields(data):
            self._fields.setdefault(number, []).append(value)

    def count(self, number: int) -> int:
        """An unsigned number, or 0. A negative one, ten bytes on the wire, is 0 too."""
        value = self._last(number)
        return value if isinstance(value, int) and value < 1 << 63 else 0

    def text(self, number: int) -> str:
        """A string, or ""."""
        value = self._last(number)
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""

    def has(self, number: int) -> bool:
        """Whether the field is there at all, even if it is empty."""
        return number in self._fields

    @property
    def numbers(self) -> frozenset[int]:
        """The fields that it has."""
        return frozenset(self._fields)

    def message(self, number: int) -> "Message":
        """A nested message, or an empty one. Raises `FormatError`, as all that take apart do."""
        value = self._last(number)
        return Message(value if isinstance(value, bytes) else b"")

    def messages(self, number: int) -> list["Message"]:
        """All messages of a repeated field."""
        found = self._fields.get(number, [])
        return [Message(value) for value in found if isinstance(value, bytes)]

    def blobs(self, number: int) -> list[bytes]:
        """All strings or bytes of a repeated field."""
        return [value for value in self._fields.get(number, []) if isinstance(value, bytes)]

    def counts(self, number: int) -> list[int]:
        """All numbers of a repeated field, packed or not."""
        numbers: list[int] = []
        for value in self._fields.get(number, []):
            if isinstance(value, int):
                numbers.append(value)
                continue
            position = 0
            while position < len(value):
                one, position = _varint(value, position)
                numbers.append(one)
        return numbers

    def _last(self, number: int) -> int | bytes | None:
        found = self._fields.get(number)
        return found[-1] if found else None


def varint(value: int) -> bytes:
    """A number as it stands on the wire."""
    assert value >= 0, value
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, kind = tag >> 3, tag & 7
        if kind == VARINT:
            value, position = _varint(data, position)
            yield number, value
            continue
        if kind == BYTES:
            size, position = _varint(data, position)
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
        else:
            raise FormatError(
                f"a field of wire type {kind} at byte {position}: no protobuf message"
            )
        if position + size > len(data):
            raise FormatError(f"a field of {size} bytes at byte {position} of {len(data)}")
        yield number, data[position : position + size]
        position += size


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for length in range(VARINT_BYTES_MAX):
        if position + length >= len(data):
            raise FormatError(f"a number is cut off at byte {position + length}")
        byte = data[position + length]
        value |= (byte & 0x7F) << (7 * length)
        if byte < 0x80:
            return value, position + length + 1
    raise FormatError(f"a number of more than {VARINT_BYTES_MAX} bytes at byte {position}")
