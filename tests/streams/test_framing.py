"""Promise: the framing is told by content-type and first bytes, the same in every cut."""

import pytest

from llmcap.streams import framing
from llmcap.streams.framing import framing_of
from llmcap.words.errors import FormatError

SSE = b'data: {"a":1}\n\n'
CASES = {
    "server-sent events": ("text/event-stream; charset=utf-8", True, SSE, [("", b'{"a":1}')], None),
    "events without a type": ("", True, b"\n: hi\n\n" + SSE, [("", b'{"a":1}')], None),
    "events called JSON": (
        "application/json",
        True,
        b"event: x\n" + SSE,
        [("x", b'{"a":1}')],
        None,
    ),
    "an error in a stream": ("text/event-stream", True, b'\n{"error":{}}', [], b'{"error":{}}'),
    "a body": ("application/json", False, b'{"a":1}', [], b'{"a":1}'),
    "a short body": ("application/json", False, b"{}", [], b"{}"),
    "an array in a stream": ("application/json", True, b'[{"a":1}]', [("", b'{"a":1}')], None),
    "an array": ("application/json", False, b'[{"a":1}]', [], b'[{"a":1}]'),
    "lines": ("application/x-ndjson", True, b'{"a":1}\n{}', [("", b'{"a":1}'), ("", b"{}")], None),
    "events called lines": ("application/x-ndjson", True, SSE, [("", b'{"a":1}')], None),
    "events called bytes": ("application/octet-stream", True, SSE, [("", b'{"a":1}')], None),
    "lines called bytes": ("application/octet-stream", True, b'{"a":1}', [("", b'{"a":1}')], None),
    "text": ("text/plain", False, b"Hello there", [], b"Hello there"),
    "short text": ("text/plain", False, b"Hi", [], b"Hi"),
    "sound": ("audio/mpeg", True, b"data: not\n\n", [], b""),
    "nothing": ("application/json", False, b"", [], None),
}


@pytest.mark.parametrize(
    ("content_type", "streams", "data", "events", "body"), CASES.values(), ids=CASES
)
def test_every_cut_has_the_same_framing(content_type, streams, data, events, body):
    """Whole, byte by byte and split at every point."""
    cuts = [[data[:cut], data[cut:]] for cut in range(len(data) + 1)]
    for pieces in (*cuts, [bytes([byte]) for byte in data]):
        frames = framing_of(content_type, streams=streams)
        found = [event for piece in pieces if piece for event in frames.decode(piece)]
        found += frames.flush()
        assert [(name, text) for name, text in found] == events
        assert (frames.whole() or None) == (body or None)


def test_a_body_past_its_bound_is_refused(monkeypatch):
    """A body is not kept without end."""
    monkeypatch.setattr(framing, "BODY_BYTES_MAX", 100)
    frames = framing_of("application/json", streams=False)
    with pytest.raises(FormatError, match="longer than 100 bytes"):
        _ = [frames.decode(b'{"a":12345') for _ in range(20)]


def test_sound_is_counted_and_not_kept():
    """A gigabyte of sound needs no memory."""
    frames = framing_of("audio/mpeg", streams=False)
    for _ in range(1_000):
        frames.decode(b"\xff" * 1_000)
    assert frames.size == 1_000_000
    assert frames.whole() == b""
