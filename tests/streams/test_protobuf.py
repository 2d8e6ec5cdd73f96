"""Promise: fields are found by their number, and bytes that are no message are said to be none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcap.streams.protobuf import Message, varint
from llmcap.words.errors import FormatError


def field(number: int, value: int | bytes | str) -> bytes:
    """One field on the wire."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


# From the encoding guide: https://protobuf.dev/programming-guides/encoding/
def test_the_examples_of_the_specification():
    """A number, a string, a nested message, packed numbers."""
    assert Message(bytes.fromhex("089601")).count(1) == 150
    assert Message(bytes.fromhex("120774657374696e67")).text(2) == "testing"
    assert Message(bytes.fromhex("1a03089601")).message(3).count(1) == 150
    assert Message(bytes.fromhex("3206038e029ea705")).counts(6) == [3, 270, 86942]


def test_of_a_field_that_repeats_the_last_one_counts():
    """Unless all of them are asked for."""
    message = Message(field(1, 1) + field(1, 2) + field(2, "a") + field(2, "b"))
    assert (message.count(1), message.counts(1)) == (2, [1, 2])
    assert (message.text(2), message.blobs(2)) == ("b", [b"a", b"b"])


def test_what_is_not_there_is_empty():
    """As in the language: a field has a default."""
    message = Message(b"")
    assert (message.count(1), message.text(1), message.messages(1)) == (0, "", [])
    assert not message.has(1)
    assert message.message(1).count(1) == 0


def test_fixed_fields_are_stepped_over():
    """Temperatures and times are of no interest."""
    fixed = varint(14 << 3 | 5) + b"\0\0\x80?" + varint(15 << 3 | 1) + b"\0" * 8
    assert Message(fixed + field(2, "m")).text(2) == "m"


def test_a_negative_number_is_no_count():
    """It takes ten bytes."""
    assert Message(b"\x08" + b"\xff" * 9 + b"\x01").count(1) == 0


@pytest.mark.parametrize(
    "data",
    [b"\x08", b"\x12\x05ab", b"\x0b", b"\x08" + b"\xff" * 11, b"\x09\x01"],
    ids=["no value", "short string", "group", "endless number", "short fixed"],
)
def test_a_broken_message_is_said_to_be_one(data):
    """Never read as something else."""
    with pytest.raises(FormatError):
        Message(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_an_error(data):
    """Nothing else is raised."""
    try:
        message = Message(data)
        message.counts(1)
        message.messages(2)
    except FormatError:
        pass


@given(st.dictionaries(st.integers(1, 1000), st.integers(0, 2**63 - 1) | st.binary(), max_size=8))
def test_what_is_written_is_read(values):
    """Numbers and bytes, under any number."""
    message = Message(b"".join(field(number, value) for number, value in values.items()))
    for number, value in values.items():
        read = message.count(number) if isinstance(value, int) else message.blobs(number)[-1]
        assert read == value
