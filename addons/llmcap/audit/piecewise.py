"""
A long JSON text, read a piece at a time: no more than one of its values is in memory.

Who reads walks through it: `members` of an object and `elements` of an array, and takes each value
whole or walks through that in turn. It is refused where the parser of the standard library would
refuse it; what stood before the mistake was read by then.
"""

import codecs
import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from llmcap.words.errors import FormatError

# How much is read at once; twice as much each time where a value is longer.
PIECE_BYTES = 1024 * 1024

_SPACE = " \t\r\n"
_AFTER = frozenset(",]}: \t\r\n")
_one = json.JSONDecoder().raw_decode


class JsonError(FormatError):
    """It is no JSON, or not all of it is there."""


class Piecewise:
    """One JSON text of a file, in UTF-8; nothing before the file's place is read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._passed = file.tell()  # where the text begins of which `_told` characters were counted
        self._told = 0
        # Halves of surrogate pairs are taken, as `json.load` takes them.
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogatepass")
        self._text = ""
        self._at = 0
        self._ended = False

    def tell(self) -> int:
        """Behind which byte of the file it is."""
        self._passed += _bytes(self._text[self._told : self._at])
        self._told = self._at
        return self._passed

    def peek(self) -> str:
        """The next character that is no space; "" at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _SPACE:
                    return self._text[self._at]
                self._at += 1
            if not self._read(PIECE_BYTES):
                return ""

    def value(self) -> Any:
        """The next value, whole. Raises `JsonError`."""
        self.peek()
        size = PIECE_BYTES
        while True:
            try:
                found, end = _one(self._text, self._at)
            except RecursionError as error:
                raise JsonError(f"it is too deep: {error}") from error
            except json.JSONDecodeError as error:
                if self._ended:
                    at = self.tell() + _bytes(self._text[self._at : error.pos])
                    why = f"{error.msg} at byte {at:,}"
                    raise JsonError(f"it breaks off, or is no JSON: {why}") from error
            else:
                # Without what follows a value, a number may go on in the next piece.
                if self._ended or self._text[end : end + 1] in _AFTER:
                    self._at = end
                    return found
            self._read(size)
            size *= 2

    def members(self, *, begun: bool = False) -> Iterator[str]:
        """
        The names of an object; the value of each has to be taken before the next name.

        Of one that is `begun` those are left that stand behind the value that was taken last.
        """
        for _ in self._inside("{", "}", begun=begun):
            name = self.value()
            if not isinstance(name, str):
                raise JsonError(f"{str(name)[:40]!r} stands where a name belongs")
            self._take(":")
            yield name

    def elements(self, *, begun: bool = False) -> Iterator[Any]:
        """The values of an array; of one that is `begun` those that stand behind another."""
        for _ in self._inside("[", "]", begun=begun):
            yield self.value()

    def end(self) -> None:
        """Nothing more may come. Raises `JsonError`."""
        if found := self.peek():
            raise JsonError(f"{found!r} stands behind its end")

    def _inside(self, opening: str, closing: str, *, begun: bool) -> Iterator[None]:
        if not begun:
            self._take(opening)
            begun = self.peek() != closing
            if begun:
                yield
        while begun and self.peek() == ",":
            self._at += 1
            yield
        self._take(closing)

    def _take(self, mark: str) -> None:
        found = self.peek()
        if found != mark:
            why = f"{found!r} stands where {mark!r} belongs"
            raise JsonError(why if found else "it ends too early")
        self._at += 1

    def _read(self, size: int) -> bool:
        """One more piece behind what is not taken yet; whether there was one."""
        if self._ended:
            return False
        data = self._file.read(size)
        self._ended = not data
        try:
            more = self._decoder.decode(data, final=self._ended)
        except ValueError as error:
            raise JsonError(f"it is not in UTF-8: {error}") from error
        self.tell()
        self._text = self._text[self._at :] + more
        self._at = self._told = 0
        return not self._ended


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
