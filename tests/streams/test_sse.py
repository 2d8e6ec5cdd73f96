"""Promise: events are those of the specification, whatever the cut; an endless one is refused."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcap.streams.sse import ServerEvent, SSEDecoder
from llmcap.words.errors import FormatError

# The examples of https://html.spec.whatwg.org/multipage/server-sent-events.html (9.2.6), and what
# the providers' own streams have shown.
STREAMS = {
    "two lines of data": (b"data: YHOO\ndata: +2\ndata: 10\n\n", [("", b"YHOO\n+2\n10")]),
    "comments, ids, no data": (
        b": test stream\n\ndata: first\nid: 1\n\ndata:second\nid\n\ndata:  third\n\n",
        [("", b"first"), ("", b"second"), ("", b" third")],
    ),
    "empty data": (b"data\n\ndata\ndata\n\ndata:", [("", b""), ("", b"\n"), ("", b"")]),
    "one space is dropped": (b"data:test\n\ndata: test\n\n", [("", b"test"), ("", b"test")]),
    "a name": (b"event: add\ndata: 73857293\n\n", [("add", b"73857293")]),
    "a name without data": (b"event: ping\n\ndata: x\n\n", [("", b"x")]),
    "CRLF": (b"event: a\r\ndata: 1\r\n\r\ndata: 2\r\n\r\n", [("a", b"1"), ("", b"2")]),
    "CR": (b"event: a\rdata: 1\r\rdata: 2\r\r", [("a", b"1"), ("", b"2")]),
    "mixed ends": (
        b"data: 1\r\n\ndata: 2\n\r\ndata: 3\r\r\n",
        [("", b"1"), ("", b"2"), ("", b"3")],
    ),
    "a byte order mark": (b"\xef\xbb\xbfdata: 1\n\n", [("", b"1")]),
    "unknown fields": (b"retry: 5\nfoo: bar\ndata: 1\n\n", [("", b"1")]),
    "a keep-alive": (b": OPENROUTER PROCESSING\n\n: keep-alive\n\ndata: 1\n\n", [("", b"1")]),
    "no blank line at the end": (b"data: 1\n\ndata: 2\n", [("", b"1"), ("", b"2")]),
    "no end of line at the end": (b"data: 1\n\ndata: 2", [("", b"1"), ("", b"2")]),
    "separators of Unicode are text": (
        "data: a\u2028b\u0085c\x0bd\n\n".encode(),
        [("", "a\u2028b\u0085c\x0bd".encode())],
    ),
}


def events(*pieces: bytes) -> list[ServerEvent]:
    """The events in the pieces."""
    decoder = SSEDecoder()
    found = [event for piece in pieces for event in decoder.decode(piece)]
    return [*found, *decoder.flush()]


@pytest.mark.parametrize(("stream", "expected"), STREAMS.values(), ids=STREAMS)
def test_every_cut_gives_the_specified_events(stream: bytes, expected):
    """Whole, byte by byte and split at every point."""
    assert events(stream) == expected
    assert events(*(bytes([byte]) for byte in stream)) == expected
    for cut in range(len(stream) + 1):
        assert events(stream[:cut], stream[cut:]) == expected, cut


@pytest.mark.parametrize(("stream", "expected"), STREAMS.values(), ids=STREAMS)
def test_whole_events_at_once_are_the_same_as_by_their_lines(stream: bytes, expected):
    """Most come whole, and go a shorter way; a byte order mark stands only at the beginning."""
    if not stream.startswith(b"\xef"):
        assert events(b"data: 0\n\n", stream) == [("", b"0"), *expected]


@given(st.lists(st.sampled_from([b"data: ", b"event: ", b"x", b"\n", b"\n\n", b"\r", b":"])))
def test_what_looks_like_whole_events_is_read_as_any_bytes(parts: list[bytes]):
    """The short way is taken for what it reads exactly, and for nothing else."""
    stream = b"data: 0\n\n" + b"".join(parts)
    assert events(stream[:9], stream[9:]) == events(*(bytes([byte]) for byte in stream))


@pytest.mark.parametrize("end", [b"\n\n", b"\r\r", b"\r\n\r\n"])
def test_an_event_is_given_with_the_last_byte_of_its_blank_line(end: bytes):
    """Settlement must not wait for the event after the one with the usage."""
    assert SSEDecoder().decode(b"data: usage" + end) == [("", b"usage")]


@pytest.mark.parametrize("piece", [b"x" * 100, b"data: " + b"x" * 60 + b"\n"])
def test_an_endless_event_is_refused(piece: bytes):
    """Neither a line nor an event of many lines grows without bound."""
    decoder = SSEDecoder(event_bytes_max=1_000)
    with pytest.raises(FormatError, match="longer than 1000 bytes"):
        _ = [decoder.decode(piece) for _ in range(30)]


@given(st.binary(), st.lists(st.integers(0, 200), max_size=6))
def test_any_bytes_give_the_same_events_in_any_cut(data: bytes, cuts: list[int]):
    """Bytes that are no events at all are no exception."""
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    pieces = [data[start:end] for start, end in pairwise(edges)]
    assert events(*pieces) == events(data)
