"""What of a stream is kept unread, and found again by its marks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcap.streams.backlog import MARK_BYTES_MAX, Backlog, Marks

MARKS = Marks(b'"usage"', b"[DONE]")
STREAM = b'data: one\n\ndata: two\n\ndata: {"usage": 1}\n\ndata: [DONE]\n\n'


def test_pieces_come_back_in_their_order():
    """The oldest first, as many as are asked for."""
    backlog = Backlog(MARKS)
    for piece in (b"aa", b"bbb", b"c"):
        assert not backlog.add(piece)
    assert backlog.size == 6
    assert backlog.take(leave=4) == b"aa"
    assert backlog.take() == b"bbbc"
    assert backlog.size == 0


@pytest.mark.parametrize("cut", range(1, len(STREAM)))
def test_a_mark_is_found_in_every_cut(cut):
    """And the events before it are whole, whatever the pieces."""
    backlog = Backlog(MARKS)
    if not backlog.add(STREAM[:cut]):
        assert backlog.add(STREAM[cut:])
        assert backlog.take_marked() == (STREAM[:22], STREAM[22:])
    else:
        assert backlog.take_marked() == (STREAM[:22], STREAM[22:cut])


def test_a_pattern_decides_where_a_word_is_not_enough():
    """Some name in every event what only one of them has."""
    marks = Marks(b'"usage"', b"[DONE]", pattern=rb'"usage"\s*:\s*\{|\[DONE\]')
    for nothing in (b'{"usage": null}', b'{"use": {}}', b"DONE"):
        assert marks.search(nothing) is None, nothing
    for place, found in ((2, b'{ "usage" : {}}'), (6, b"data: [DONE]")):
        assert marks.search(found).start() == place


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r"])
def test_an_event_ends_with_any_blank_line(end):
    """Servers write all three."""
    backlog = Backlog(MARKS)
    backlog.add(b"data: one" + end + b"data: [DONE]")
    assert backlog.take_marked() == (b"data: one" + end, b"data: [DONE]")


def test_without_a_whole_event_before_it_all_is_marked():
    """There is nothing that could be left unread."""
    backlog = Backlog(MARKS)
    backlog.add(b'data: {"usage": 1}\n\n')
    assert backlog.take_marked() == (b"", b'data: {"usage": 1}\n\n')


@given(st.lists(st.binary(max_size=80), max_size=20))
def test_nothing_is_lost_and_little_is_kept(pieces):
    """What goes in comes out; what is kept for marks is bounded."""
    backlog = Backlog(MARKS)
    taken = b""
    for piece in pieces:
        backlog.add(piece)
        taken += backlog.take(leave=100)
        assert backlog.size <= 100
        assert len(backlog._tail) <= MARK_BYTES_MAX
    before, marked = backlog.take_marked()
    assert taken + before + marked == b"".join(pieces)
