"""
Answers of a name server (RFC 1035): addresses, and nothing else.

Other records are empty on purpose: without AAAA everything comes by IPv4, and without HTTPS and
SVCB (RFC 9460) nobody is invited to QUIC, or to hide a name in TLS.
"""

import struct
from collections.abc import Callable
from ipaddress import IPv4Address

A, PTR, CLASS_IN = 1, 12, 1
NO_ERROR, FORMAT_ERROR, NO_SUCH_NAME, NOT_IMPLEMENTED = 0, 1, 3, 4

# Long enough to be asked once for most connections; an address never changes its meaning.
SECONDS = 300

HEADER = struct.Struct("!6H")
LABELS_MAX = 128
POINTER_TO_NAME = b"\xc0\x0c"  # of the one question, behind the header

RESPONSE, AUTHORITATIVE, RECURSION_DESIRED, RECURSION_AVAILABLE = 0x8000, 0x0400, 0x0100, 0x0080
OPCODE = 0x7800

ARPA = ".in-addr.arpa"


def answer(
    query: bytes,
    *,
    address_of: Callable[[str], str | None],
    name_of: Callable[[str], str | None],
) -> bytes | None:
    """
    The answer to a query, or None where it deserves none.

    `address_of` gives the IPv4 address of a name, or None where there is no such host; `name_of`
    the name of an address.
    """
    if len(query) < HEADER.size:
        return None
    number, flags, questions, *_ = HEADER.unpack_from(query)
    if flags & RESPONSE:
        return None
    if flags & OPCODE:
        return _head(number, flags, NOT_IMPLEMENTED, questions=0, answers=0)
    question = _question(query) if questions == 1 else None
    if question is None:
        return _head(number, flags, FORMAT_ERROR, questions=0, answers=0)
    name, kind, end = question
    asked = query[HEADER.size : end]
    data: bytes | None = None
    if name.endswith(ARPA):
        code = NO_SUCH_NAME
        host = name_of(".".join(reversed(name.removesuffix(ARPA).split("."))))
        if host is not None:
            code = NO_ERROR
            data = _packed(host) if kind == PTR else None
    else:
        address = address_of(name)
        code = NO_SUCH_NAME if address is None else NO_ERROR
        if address is not None and kind == A:
            data = IPv4Address(address).packed
    if data is None:
        return _head(number, flags, code, questions=1, answers=0) + asked
    record = struct.pack("!HHIH", kind, CLASS_IN, SECONDS, len(data)) + data
    return _head(number, flags, code, questions=1, answers=1) + asked + POINTER_TO_NAME + record


def _head(number: int, flags: int, code: int, *, questions: int, answers: int) -> bytes:
    kept = flags & (OPCODE | RECURSION_DESIRED)
    flags = RESPONSE | AUTHORITATIVE | RECURSION_AVAILABLE | kept | code
    return HEADER.pack(number, flags, questions, answers, 0, 0)


def _question(query: bytes) -> tuple[str, int, int] | None:
    """The name and type that are asked for, and where the question ends."""
    labels: list[str] = []
    at = HEADER.size
    while at < len(query) and len(labels) <= LABELS_MAX:
        length = query[at]
        if length == 0:
            if len(query) < at + 5:
                return None
            kind, _ = struct.unpack_from("!HH", query, at + 1)
            return ".".join(labels), kind, at + 5
        if length > 63:
            return None  # a question has nothing before it that it could point to
        labels.append(query[at + 1 : at + 1 + length].decode("latin-1"))
        at += 1 + length
    return None


def _packed(name: str) -> bytes:
    labels = (label.encode() for label in name.split("."))
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
