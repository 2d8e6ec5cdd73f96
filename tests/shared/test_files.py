"""Promise: a file in pieces is summed up as one, or not readable; and memory has a bound."""

from ordering import jsonl, line

from llmcap.bounds.estimate import TokenCounter
from llmcap.providers import match, provider_of
from llmcap.providers.parts.orders import BATCH
from llmcap.providers.parts.shape import Piece, Request, Work
from llmcap.shared.files import OPEN_MAX, Uploads

OPENAI = provider_of("api.openai.com")
_, FILES = match("api.openai.com", "POST", "/v1/files")
REQUEST = Request(method="POST", host="api.openai.com", path="/v1/files")
WHOLE = jsonl(line(1), line(2), line(3))


def piece(begin: int, end: int, *, upload: str = "up-1") -> Piece:
    """That part of the file."""
    return Piece(BATCH, WHOLE[begin:end], upload, offset=begin, last=end == len(WHOLE))


def take(uploads: Uploads, each: Piece) -> Work | None:
    """Show a piece; the work of the file with its last one."""
    lines = uploads.of(each, OPENAI, FILES)
    return lines.take(REQUEST, each) if lines is not None else None


def test_a_file_is_the_same_wherever_it_is_cut() -> None:
    """Between two lines or in the middle of one."""
    whole = take(Uploads(TokenCounter()), Piece(BATCH, WHOLE))
    assert not whole.unreadable
    for cut in range(1, len(WHOLE), 7):
        uploads = Uploads(TokenCounter())
        assert take(uploads, piece(0, cut)) is None
        assert take(uploads, piece(cut, len(WHOLE))) == whole, cut


def test_a_piece_that_is_sent_once_more_counts_once() -> None:
    """Nobody had answered the first time."""
    uploads = Uploads(TokenCounter())
    take(uploads, piece(0, 100))
    take(uploads, piece(0, 100))
    assert take(uploads, piece(100, len(WHOLE))) == take(uploads, Piece(BATCH, WHOLE))


def test_a_file_with_a_hole_cannot_be_ordered() -> None:
    """What was not seen is not known to be small."""
    uploads = Uploads(TokenCounter())
    take(uploads, piece(0, 100))
    assert "order" in take(uploads, piece(150, len(WHOLE))).unreadable


def test_the_oldest_upload_is_forgotten_before_there_are_too_many() -> None:
    """A client that begins uploads and ends none fills no memory; its first has a hole then."""
    uploads = Uploads(TokenCounter())
    for number in range(OPEN_MAX + 1):
        take(uploads, piece(0, 100, upload=f"up-{number}"))
    assert take(uploads, piece(100, len(WHOLE), upload="up-0")) is None
    assert take(uploads, piece(100, len(WHOLE), upload=f"up-{OPEN_MAX}")) is not None
