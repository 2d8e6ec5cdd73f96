"""Promise: messages come out whole, however the bytes are cut, and plain where they were packed."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcap.streams.framing import framing_of
from llmcap.streams.grpc import GrpcDecoder, messages_in
from llmcap.words.errors import FormatError


def framed(*messages: bytes, packed=None) -> bytes:
    """Messages as gRPC puts them on the wire."""
    out = b""
    for message in messages:
        data = packed(message) if packed else message
        out += bytes([bool(packed)]) + len(data).to_bytes(4) + data
    return out


@given(st.lists(st.binary(max_size=50), max_size=5), st.integers(1, 20))
def test_any_cut_gives_the_same_messages(messages, size):
    """In pieces of any size."""
    wire = framed(*messages)
    decoder = GrpcDecoder()
    found = []
    for start in range(0, len(wire), size):
        found += decoder.decode(wire[start : start + size])
    assert found == messages
    assert decoder.rest == 0


@pytest.mark.parametrize("packed", [gzip.compress, zlib.compress])
def test_a_packed_message_comes_out_plain(packed):
    """Each message says for itself whether it is."""
    assert messages_in(framed(b"a" * 1000, packed=packed) + framed(b"b")) == [b"a" * 1000, b"b"]


@pytest.mark.parametrize(
    "wire",
    [b"\x00\x00", framed(b"abc")[:-1], b"\x01\x00\x00\x00\x03abc", b"\x00\xff\xff\xff\xff"],
    ids=["half a prefix", "half a message", "not packed at all", "endless"],
)
def test_a_broken_body_is_said_to_be_one(wire):
    """It could hide what it costs."""
    with pytest.raises(FormatError):
        messages_in(wire)


def test_a_message_that_unpacks_to_too_much_is_refused():
    """A few bytes must not fill the memory."""
    with pytest.raises(FormatError, match="more than 1000"):
        GrpcDecoder(message_bytes_max=1000).decode(framed(b"a" * 10_000, packed=gzip.compress))


def test_an_answer_is_framed_by_its_content_type():
    """Each message becomes an event of a kind that a reader of JSON can be given."""
    framing = framing_of("application/grpc+proto", streams=True)
    assert list(framing.decode(framed(b"\x08\x01", b""))) == [
        ("", b'{"protobuf":"CAE="}'),
        ("", b'{"protobuf":""}'),
    ]
    assert framing.whole() is None
