"""Promise: elements of a streamed array are the same in every cut; an endless one is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcap.streams.jsonarray import ArrayDecoder
from llmcap.words.errors import FormatError

STREAMS = {
    "as Google sends it": (
        b'[{"a": 1}\n,\r\n{"b": {"c": [1, {}]}}\n]\n',
        [{"a": 1}, {"b": {"c": [1, {}]}}],
    ),
    "brackets in strings": (rb'[{"a":"}]{[\"}"},{"b":"\\"}]', [{"a": '}]{["}'}, {"b": "\\"}]),
    "escapes at the end": (rb'[{"a":"\\\""},{"b":"\u005d"}]', [{"a": '\\"'}, {"b": "]"}]),
    "nested arrays": (b"[[1,[2]],[3]]", [[1, [2]], [3]]),
    "scalars are skipped": (b'[1,"}",null,{"a":1},true]', [{"a": 1}]),
    "empty": (b"[]", []),
    "cut before the last end": (b'[{"a":1},{"b":', [{"a": 1}]),
}


def elements(*pieces: bytes) -> list[object]:
    """The elements in the pieces, parsed."""
    decoder = ArrayDecoder()
    found = [element for piece in pieces for element in decoder.decode(piece)]
    return [json.loads(element) for element in (*found, *decoder.flush())]


@pytest.mark.parametrize(("stream", "expected"), STREAMS.values(), ids=STREAMS)
def test_every_cut_gives_the_same_elements(stream: bytes, expected):
    """Whole, byte by byte and split at every point."""
    assert elements(stream) == expected
    assert elements(*(bytes([byte]) for byte in stream)) == expected
    for cut in range(len(stream) + 1):
        assert elements(stream[:cut], stream[cut:]) == expected, cut


def test_an_endless_element_is_refused():
    """An element does not grow without bound."""
    decoder = ArrayDecoder(element_bytes_max=100)
    decoder.decode(b'[{"a":"')
    with pytest.raises(FormatError, match="longer than 100 bytes"):
        _ = [decoder.decode(b"0123456789") for _ in range(20)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.text(), JSON, max_size=3), max_size=4), st.booleans(), st.data())
def test_any_array_of_objects_is_taken_apart(documents, ascii_only, data):
    """What a JSON writer put together comes out again, cut anywhere."""
    stream = json.dumps(documents, ensure_ascii=ascii_only).encode("utf-8", "replace")
    expected = json.loads(stream)
    cut = data.draw(st.integers(0, len(stream)))
    assert elements(stream[:cut], stream[cut:]) == expected


@given(st.binary())
def test_any_bytes_are_taken(data: bytes):
    """Rubbish gives rubbish or nothing, never an exception."""
    decoder = ArrayDecoder()
    for byte in data:
        decoder.decode(bytes([byte]))
