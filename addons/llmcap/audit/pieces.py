"""
A recording in pieces that can be read apart from each other: some lines, some flows, some entries.

Lines and flows are counted and measured while a file is divided, so their pieces are exact. Where
an entry of a HAR ends, is known only to who reads it. So a piece of those begins at what looks like
the end of an entry; whether it is one, shows where the piece before has ended.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from io import SEEK_END
from pathlib import Path
from typing import Any, BinaryIO

from llmcap.audit import har
from llmcap.audit.flows import hop
from llmcap.audit.parts import Recording
from llmcap.audit.piecewise import Piecewise
from llmcap.audit.recordings import Form, form_of, opened, read, read_part

PIECE_BYTES = 2 * 2**20

_BETWEEN = re.compile(rb'\}\s*,\s*(?=\{\s*")')  # two entries of a HAR, or two objects of anything
_TRIES_MAX = 10_000
_one = json.JSONDecoder().raw_decode


@dataclass(frozen=True, slots=True)
class Piece:
    """
    Bytes of a file. `first` is the number of its first line.

    Entries are those behind one that ends at `begin`, until one ends at `end` or later; where
    `is_first`, `begin` is the bracket before all of them, and else it may be a guess.
    """

    path: Path
    form: Form
    begin: int
    end: int
    first: int = 1
    is_first: bool = False
    is_last: bool = False


def pieces_of(path: Path) -> Iterator[Piece]:
    """The pieces of a file, in its order. Raises `ConfigError` where it cannot be opened."""
    with opened(path) as file:
        size = file.seek(0, SEEK_END)
        file.seek(0)
        form, begin = form_of(file) if size >= 2 * PIECE_BYTES else (Form.WHOLE, 0)
        file.seek(begin)
        cut = {Form.LINES: _lines, Form.FLOWS: _flows, Form.ENTRIES: _entries}.get(form, _whole)
        number = 1
        before: Piece | None = None
        for end, count in cut(file, begin, size):
            if before is not None:
                yield before
            before = Piece(path, form, begin, end, number, is_first=before is None)
            begin, number = end, number + count
        if before is not None:
            yield replace(before, is_last=True)


def shared_bytes(path: Path, most: int) -> int:
    """How much of a file several can read: all, or `most` of what only one can read as a whole."""
    size = path.stat().st_size
    if size <= most:
        return size
    with opened(path) as file:
        form, _ = form_of(file)
    return most if form is Form.WHOLE else size


Cuts = Iterator[tuple[int, int]]  # where a piece ends, and how many lines are in it


def _whole(_: BinaryIO, __: int, size: int) -> Cuts:
    yield size, 1


def _lines(file: BinaryIO, begin: int, _: int) -> Cuts:
    while data := file.read(PIECE_BYTES):
        rest = file.readline()
        begin += len(data) + len(rest)
        yield begin, data.count(b"\n") + rest.count(b"\n")


def _flows(file: BinaryIO, begin: int, size: int) -> Cuts:
    while hop(file):
        if file.tell() - begin >= PIECE_BYTES:
            begin = min(file.tell(), size)
            yield begin, 1
    if begin < size:
        yield size, 1


def _entries(_: BinaryIO, begin: int, size: int) -> Cuts:
    while begin < size:
        begin = min(begin + PIECE_BYTES, size)
        yield begin, 1


# --- reading --------------------------------------------------------------------------------


class Reader:
    """
    What reads a piece. Of entries it tells, when all are read, behind which bytes they were.

    `ended` is None where no entry begins in the piece.
    """

    def __init__(self, piece: Piece) -> None:
        self._piece = piece
        self.begun = piece.begin
        self.ended: int | None = None

    def recordings(self, *, sure: bool = False) -> Iterator[Recording]:
        """The exchanges. Raises as `recordings.read`; entries without a name have none yet."""
        piece = self._piece
        if piece.form is Form.WHOLE:
            return read(piece.path)
        if piece.form is Form.ENTRIES:
            return self._of_entries(sure=sure or piece.is_first)
        return read_part(piece.path, piece.form, piece.begin, piece.end, piece.first)

    def _of_entries(self, *, sure: bool) -> Iterator[Recording]:
        piece = self._piece
        with opened(piece.path) as file:
            begun = piece.begin if sure else _guessed(file, piece)
            if begun is None:
                return
            self.begun = begun
            file.seek(begun)
            found = self._inside(Piecewise(file))
            yield from har.entries(found, har.files_beside(piece.path), first=0)

    def _inside(self, text: Piecewise) -> Iterator[Mapping[str, Any]]:
        """Entries up to the end of the piece; the bracket behind the last is left."""
        begun = not self._piece.is_first
        while text.peek() == ("," if begun else "["):
            entry = next(text.elements(begun=begun), None)
            if entry is None:
                return  # an empty list
            begun = True
            self.ended = text.tell()
            yield entry
            if self.ended >= self._piece.end:
                return


def _guessed(file: BinaryIO, piece: Piece) -> int | None:
    """Behind which byte of a piece an entry seems to end, with another behind it."""
    file.seek(piece.begin)
    # Each byte is a character so: in JSON, those of other letters are in texts only.
    data = file.read(piece.end - piece.begin + PIECE_BYTES)
    text = data.decode("latin-1")
    for number, found in enumerate(_BETWEEN.finditer(data)):
        if piece.begin + found.start() >= piece.end or number > _TRIES_MAX:
            break
        try:
            entry, _ = _one(text, found.end())
        except (ValueError, RecursionError):
            continue
        if isinstance(entry.get("request"), Mapping):
            return piece.begin + found.start() + 1
    return None
