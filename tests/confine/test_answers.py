"""The answers that a confined command's resolver gets."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcap.confine.answers import HEADER, answer

A, AAAA, PTR, HTTPS, SVCB = 1, 28, 12, 65, 64
ADDRESSES = {"api.openai.com": "198.18.0.2"}
NAMES = {"198.18.0.2": "api.openai.com"}


def query(name: str, kind: int, *, number: int = 7, flags: int = 0x0100) -> bytes:
    """A query with one question, as resolvers send it."""
    labels = b"".join(bytes([len(each)]) + each.encode() for each in name.split(".") if each)
    return HEADER.pack(number, flags, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)


def answered(data: bytes) -> bytes | None:
    """What comes back."""
    return answer(data, address_of=ADDRESSES.get, name_of=NAMES.get)


def test_a_name_gets_its_address() -> None:
    """The question is repeated, the one record points to it."""
    asked = query("api.openai.com", A)
    reply = answered(asked)
    number, flags, questions, answers, *_ = HEADER.unpack_from(reply)
    assert (number, flags & 0x800F, questions, answers) == (7, 0x8000, 1, 1)
    assert reply[HEADER.size :].startswith(asked[HEADER.size :])
    assert reply.endswith(bytes([0, 4, 198, 18, 0, 2]))


@pytest.mark.parametrize("kind", [AAAA, HTTPS, SVCB], ids=["AAAA", "HTTPS", "SVCB"])
def test_other_records_are_empty(kind: int) -> None:
    """The name is there, and has none: nobody is invited to IPv6, QUIC or ECH."""
    _, flags, _, answers, *_ = HEADER.unpack_from(answered(query("api.openai.com", kind)))
    assert (flags & 15, answers) == (0, 0)


def test_a_name_that_may_not_be_reached_does_not_exist() -> None:
    """Which ends a program's attempts at once."""
    _, flags, _, answers, *_ = HEADER.unpack_from(answered(query("evil.example", A)))
    assert (flags & 15, answers) == (3, 0)


def test_an_address_leads_back_to_its_name() -> None:
    """For programs that log whom they talk to."""
    reply = answered(query("2.0.18.198.in-addr.arpa", PTR))
    assert reply.endswith(b"\x03api\x06openai\x03com\x00")
    _, flags, *_ = HEADER.unpack_from(answered(query("9.9.9.9.in-addr.arpa", PTR)))
    assert flags & 15 == 3


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(query("a", A, flags=0x8100), None, id="an-answer"),
        pytest.param(b"short", None, id="short"),
        pytest.param(query("a", A, flags=0x2800), 4, id="an-update"),
        pytest.param(HEADER.pack(1, 0, 2, 0, 0, 0) + b"\0" * 10, 1, id="two-questions"),
        pytest.param(query("a", A)[:-3], 1, id="cut"),
        pytest.param(HEADER.pack(1, 0, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1", 1, id="a-pointer"),
    ],
)
def test_what_is_no_question_gets_no_address(data: bytes, code: int | None) -> None:
    """Or no answer at all, where one could go on for ever."""
    reply = answered(data)
    assert (None if reply is None else HEADER.unpack_from(reply)[1] & 15) == code


@given(st.binary(max_size=80))
def test_no_bytes_make_it_fail(data: bytes) -> None:
    """Anybody inside may send it anything."""
    answered(data)
    answered(HEADER.pack(1, 0, 1, 0, 0, 0) + data)
