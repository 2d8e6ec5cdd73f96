"""Promise: lines are the same in every cut; an endless one is refused."""

import pytest

from llmcap.streams.ndjson import LineDecoder
from llmcap.words.errors import FormatError

STREAMS = {
    "LF": (b'{"a":1}\n{"b":2}\n', [b'{"a":1}', b'{"b":2}']),
    "CRLF": (b'{"a":1}\r\n{"b":2}\r\n', [b'{"a":1}\r', b'{"b":2}\r']),
    "blank lines": (b'\n{"a":1}\n\n \n{"b":2}\n', [b'{"a":1}', b'{"b":2}']),
    "no end at the end": (b'{"a":1}\n{"b":2}', [b'{"a":1}', b'{"b":2}']),
    "nothing": (b"", []),
}


def lines(*pieces: bytes) -> list[bytes]:
    """The lines in the pieces."""
    decoder = LineDecoder()
    found = [line for piece in pieces for line in decoder.decode(piece)]
    return [*found, *decoder.flush()]


@pytest.mark.parametrize(("stream", "expected"), STREAMS.values(), ids=STREAMS)
def test_every_cut_gives_the_same_lines(stream: bytes, expected):
    """Whole, byte by byte and split at every point."""
    assert lines(stream) == expected
    assert lines(*(bytes([byte]) for byte in stream)) == expected
    for cut in range(len(stream) + 1):
        assert lines(stream[:cut], stream[cut:]) == expected, cut


def test_an_endless_line_is_refused():
    """A line does not grow without bound."""
    decoder = LineDecoder(line_bytes_max=100)
    with pytest.raises(FormatError, match="longer than 100 bytes"):
        _ = [decoder.decode(b"0123456789") for _ in range(20)]
