"""
Export files, row by row: CSV, JSON Lines, arrays and pages of JSON, in bounded memory.

What is read is known by what is in it, not by its name. A file of another tool, or half a file, is
an error in one sentence.
"""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

from llmcap.words.errors import ReconcileError

PAGE_CHARS_MAX = 64 << 20  # a document that is one object: pages of an API are smaller by far
ROW_CHARS_MAX = 1 << 20
_CHUNK = 1 << 16
_DECODER = json.JSONDecoder(parse_float=Decimal)

Row = dict[str, Any]


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """The file as text, unpacked where it is gzip, without the mark that some tools begin with."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            binary: Any = gzip.GzipFile(fileobj=raw) if packed else raw
            yield io.TextIOWrapper(binary, encoding="utf-8-sig", newline="")
    except FileNotFoundError:
        raise ReconcileError(f"{path}: there is no such file") from None
    except (OSError, EOFError) as error:
        raise ReconcileError(f"{path}: it cannot be read: {error}") from None
    except UnicodeDecodeError:
        raise ReconcileError(f"{path}: it is no text: CSV or JSON is expected") from None


def first_char(file: TextIO) -> str:
    """The first character that says something; the file is at its beginning again."""
    while (char := file.read(1)) and char.isspace():
        pass
    file.seek(0)
    return char


def csv_rows(file: TextIO) -> tuple[list[str], Iterator[list[str]]]:
    """The header, and the rows below it."""
    csv.field_size_limit(ROW_CHARS_MAX)
    reader = csv.reader(file)
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise ReconcileError(f"it is no CSV: {error}") from None
    return [name.strip() for name in header], reader


def documents(file: TextIO) -> Iterator[Any]:
    """
    Each document of the file: the elements of an array, the lines of JSON Lines, or the one object.
    """
    if first_char(file) == "[":
        yield from _elements(file)
        return
    head = file.readline(ROW_CHARS_MAX)
    try:
        first = _DECODER.decode(head)
    except ValueError:
        yield _whole(head + file.read(PAGE_CHARS_MAX + 1))
        return
    yield first
    for number, text in enumerate(iter(lambda: file.readline(ROW_CHARS_MAX), ""), 2):
        if text.strip():
            try:
                yield _DECODER.decode(text)
            except ValueError as error:
                raise ReconcileError(f"line {number} is no JSON: {error}") from None


def _whole(text: str) -> Any:
    if len(text) > PAGE_CHARS_MAX:
        raise ReconcileError(f"it is one document of more than {PAGE_CHARS_MAX >> 20} MB")
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise ReconcileError(f"it is no JSON: {error}") from None


def _elements(file: TextIO) -> Iterator[Any]:
    """The elements of one array, however long it is."""
    buffer = file.read(_CHUNK).lstrip().removeprefix("[")
    while True:
        buffer = buffer.lstrip(" \t\r\n,")
        if buffer.startswith("]"):
            return
        try:
            element, end = _DECODER.raw_decode(buffer)
        except ValueError:
            end = 0
        if not end or (end == len(buffer) and not buffer.endswith(("}", "]"))):
            more = file.read(_CHUNK)
            if not more or len(buffer) > ROW_CHARS_MAX * 16:
                raise ReconcileError("it is no JSON, or only a part of it")
            buffer += more
            continue
        yield element
        buffer = buffer[end:]
