"""A long JSON text is read as the standard library reads it, with one value in memory at a time."""

import io
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcap.audit import piecewise
from llmcap.audit.har import entries, logged
from llmcap.audit.piecewise import JsonError, Piecewise
from llmcap.audit.recordings import read
from llmcap.words.errors import FormatError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda each: st.lists(each, max_size=4) | st.dictionaries(st.text(), each, max_size=4),
    max_leaves=12,
)


def whole(text: Piecewise):
    """The object or array that it is, walked through."""
    if text.peek() == "{":
        found = {name: text.value() for name in text.members()}
    else:
        found = list(text.elements())
    text.end()
    return found


@given(st.lists(JSON) | st.dictionaries(st.text(), JSON), st.integers(1, 9), st.booleans())
def test_it_is_read_as_by_the_standard_library(document, size, indented):
    """Whatever the size of a piece, and the space around it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(piecewise, "PIECE_BYTES", size)
        text = json.dumps(document, ensure_ascii=False, indent=2 if indented else None)
        file = io.BytesIO(text.encode("utf-8", "surrogatepass") + b" \n")
        assert whole(Piecewise(file)) == json.loads(text)


TEXT = b'{"a": [1, {"b": "\xc3\xa9"}], "c": 12, "d": null}'


@pytest.mark.parametrize("cut", range(len(TEXT)))
def test_what_breaks_off_is_no_json(cut):
    """At every place, be it in the middle of a character."""
    with pytest.raises(JsonError):
        whole(Piecewise(io.BytesIO(TEXT[:cut])))


@pytest.mark.parametrize(
    "text",
    [b"{1: 2}", b'{"a" 2}', b'{"a": 2,}', b"[1 2]", b"[1,]", b"[] []", b'{"a": \xff}', b"[nul]"],
)
def test_what_is_wrong_is_no_json(text):
    """And says so, in our words."""
    with pytest.raises(JsonError):
        whole(Piecewise(io.BytesIO(text)))


def log(count: int) -> bytes:
    """A HAR of so many exchanges of some 20 kB."""
    content = {"mimeType": "text/plain", "text": "x" * 20_000}
    entry = {
        "request": {"method": "GET", "url": "https://example.com/", "headers": []},
        "response": {"status": 200, "headers": [], "content": content},
    }
    return json.dumps({"log": {"pages": [], "entries": [entry] * count, "x": 1}}).encode()


def test_memory_does_not_grow_with_a_file(tmp_path):
    """A file of 20 MB takes as much as one of 5."""
    peaks = []
    for count in (250, 1_000):
        path = tmp_path / f"{count}.har"
        path.write_bytes(log(count))
        tracemalloc.start()
        assert sum(1 for _ in read(path)) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
    assert peaks[1] < len(log(1_000)) / 2


def test_what_stood_before_the_end_of_a_part_is_read(tmp_path):
    """The exchanges that are there, and then that there is no more."""
    path = tmp_path / "part.har"
    path.write_bytes(log(3)[:-30_000])
    found = read(path)
    assert next(found).request.host == "example.com"
    with pytest.raises(FormatError, match="only a part of one"):
        list(found)


def test_the_entries_of_a_log_may_stand_anywhere_in_it():
    """Before the other members, or behind them."""
    for text in (b'{"entries": [7], "version": 1}', b'{"version": [1], "entries": [7]}'):
        assert list(logged(Piecewise(io.BytesIO(text)))) == [7]
    assert list(logged(Piecewise(io.BytesIO(b'{"entries": null}')))) == []
    with pytest.raises(FormatError, match="entry 1 is no exchange"):
        list(entries([7], lambda _: None))
