"""Promise: messages are proven by checksums, the same in every cut; broken ones are refused."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcap.streams.eventstream import EventStreamDecoder, Message
from llmcap.words.errors import FormatError


def message(headers: bytes, payload: bytes) -> bytes:
    """A message with correct lengths and checksums."""
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    data = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return data + struct.pack(">I", zlib.crc32(data))


def text_header(name: str, value: str) -> bytes:
    """A header whose value is a string."""
    return (
        bytes([len(name)])
        + name.encode()
        + b"\x07"
        + struct.pack(">H", len(value))
        + value.encode()
    )


EVENT = message(
    text_header(":event-type", "chunk") + text_header(":message-type", "event"), b'{"a":1}'
)
EXCEPTION = message(text_header(":exception-type", "throttlingException"), b'{"message":"slow"}')
# One header of each type that is no text: true, byte, short, integer, long, bytes, time, UUID.
ODD = message(
    b"\x01a\x00" + b"\x01b\x02\x01" + b"\x01c\x03\x00\x01" + b"\x01d\x04" + bytes(4)
    + b"\x01e\x05" + bytes(8) + b"\x01f\x06\x00\x02hi" + b"\x01g\x08" + bytes(8)
    + b"\x01h\x09" + bytes(16) + text_header(":event-type", "metadata"),
    b"{}",
)  # fmt: skip
STREAM = EVENT + ODD + EXCEPTION


def messages(*pieces: bytes) -> list[Message]:
    """The messages in the pieces."""
    decoder = EventStreamDecoder()
    found = [each for piece in pieces for each in decoder.decode(piece)]
    return [*found, *decoder.flush()]


def test_every_cut_gives_the_same_messages():
    """Whole, byte by byte and split at every point."""
    expected = [
        ("chunk", b'{"a":1}'),
        ("metadata", b"{}"),
        ("throttlingException", b'{"message":"slow"}'),
    ]
    for pieces in ([STREAM], [bytes([byte]) for byte in STREAM]):
        assert [(each.name, each.payload) for each in messages(*pieces)] == expected
    for cut in range(len(STREAM) + 1):
        found = messages(STREAM[:cut], STREAM[cut:])
        assert [(each.name, each.payload) for each in found] == expected, cut


@pytest.mark.parametrize("position", range(len(EVENT)))
def test_one_flipped_bit_is_noticed(position: int):
    """Every byte of a message is covered by a checksum."""
    broken = bytearray(EVENT)
    broken[position] ^= 0x10
    with pytest.raises(FormatError):
        messages(bytes(broken) + EVENT * 3)


BROKEN = {
    "longer than the bound": message(b"", b"x" * 200),
    "headers longer than the message": struct.pack(">II", 20, 90)
    + struct.pack(">I", zlib.crc32(struct.pack(">II", 20, 90))),
    "a header of no known type": message(b"\x01a\x63", b""),
    "a header that is cut": message(b"\x09a", b""),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_a_message_that_cannot_be_is_refused(data: bytes):
    """Correct checksums do not make nonsense right."""
    with pytest.raises(FormatError):
        EventStreamDecoder(message_bytes_max=100).decode(data)


@given(st.binary())
def test_any_bytes_are_taken_or_refused(data: bytes):
    """No other exception comes out, whatever goes in."""
    decoder = EventStreamDecoder()
    try:
        for byte in data:
            decoder.decode(bytes([byte]))
    except FormatError:
        pass
