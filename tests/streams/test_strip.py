"""Promise: only what LLMCap asked for is taken out, in every cut; every other byte stays."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcap.streams import strip
from llmcap.streams.strip import UsageStripper

USAGE = b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}\n\n'

WORD = rb'data: {"choices":[{"delta":{"content":",\"usage\":null"}}]}' + b"\n\n"

CASES = {
    "the extra chunk": (USAGE, b""),
    "usage: null at the end": (
        b'data: {"id":"c","choices":[{"delta":{"content":"hi"}}],"usage":null}\n\n',
        b'data: {"id":"c","choices":[{"delta":{"content":"hi"}}]}\n\n',
    ),
    "usage: null in the middle, spaced": (
        b'data: {"id": "c", "usage": null, "choices": [1]}\r\n\r\n',
        b'data: {"id": "c", "choices": [1]}\r\n\r\n',
    ),
    "usage: null at the start": (
        b'data: {"usage":null,"choices":[1]}\n\n',
        b'data: {"choices":[1]}\n\n',
    ),
    "another object's null stays": (
        b'data: {"x":{"a":1,"usage":null},"choices":[1],"usage":null}\n\n',
        b'data: {"x":{"a":1,"usage":null},"choices":[1]}\n\n',
    ),
    "Azure's first chunk stays": (
        b'data: {"choices":[],"prompt_filter_results":[{"prompt_index":0}],"usage":null}\n\n',
        b'data: {"choices":[],"prompt_filter_results":[{"prompt_index":0}]}\n\n',
    ),
    "usage with a choice stays": (
        b'data: {"choices":[{"delta":{}}],"usage":{"prompt_tokens":1}}\n\n',
        b'data: {"choices":[{"delta":{}}],"usage":{"prompt_tokens":1}}\n\n',
    ),
    "the word in a text stays": (
        WORD,
        WORD,
    ),
    "comments and done stay": (b": hi\n\ndata: [DONE]\n\n", b": hi\n\ndata: [DONE]\n\n"),
    "broken JSON stays": (b'data: {"usage":null,\n\n', b'data: {"usage":null,\n\n'),
    "an open end": (b'data: {"a":1,"usage":null}', b'data: {"a":1}'),
}


def stripped(*pieces: bytes) -> bytes:
    """What the client gets of the pieces."""
    stripper = UsageStripper()
    return b"".join(stripper.feed(piece) for piece in pieces) + stripper.flush()


@pytest.mark.parametrize(("stream", "expected"), CASES.values(), ids=CASES)
def test_every_cut_is_stripped_the_same(stream: bytes, expected: bytes):
    """Whole, byte by byte and split at every point, between other events."""
    before, after = b'data: {"choices":[{"delta":{}}]}\n\n', b"data: [DONE]\n\n"
    if stream.endswith(b"\n"):
        stream, expected = before + stream + after, before + expected + after
    assert stripped(stream) == expected
    assert stripped(*(bytes([byte]) for byte in stream)) == expected
    for cut in range(len(stream) + 1):
        assert stripped(stream[:cut], stream[cut:]) == expected, cut


def test_a_whole_event_is_passed_on_at_once():
    """Nothing waits for the next event."""
    stripper = UsageStripper()
    event = b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n'
    assert stripper.feed(event) == event


def test_an_endless_event_passes_unread(monkeypatch):
    """Memory is bounded, and what follows is stripped again."""
    monkeypatch.setattr(strip, "HELD_BYTES_MAX", 100)
    long_event = b'data: {"usage":null,"choices":"' + b"x" * 500 + b'"}\n\n'
    stream = long_event + USAGE + b"data: [DONE]\n\n"
    for size in (1, 7, 99, 1_000):
        pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
        assert stripped(*pieces) == long_event + b"data: [DONE]\n\n"


TEXTS = st.text(max_size=30)
CHUNKS = st.lists(st.dictionaries(TEXTS, TEXTS | st.none() | st.integers(), max_size=3), max_size=5)


@given(CHUNKS, st.booleans())
def test_a_stream_that_tells_no_usage_stays_as_it_was(chunks, ascii_only):
    """Every byte, for any stream."""
    for chunk in chunks:
        chunk.pop("usage", None)
    events = [
        json.dumps(chunk, ensure_ascii=ascii_only).encode("utf-8", "replace") for chunk in chunks
    ]
    stream = b"".join(b"data: " + event + b"\n\n" for event in events)
    assert stripped(stream) == stream
