"""
Export files, row by row: CSV, JSON Lines, arrays and pages of JSON, in bounded memory.

What is read is known by what is in it, not by its name. A file of another tool, or half a file, is
an error in one sentence.
"""

import csv
import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from llmcap.words.counts import several
from llmcap.words.errors import ReconcileError

PAGE_CHARS_MAX = 64 << 20  # a document that is one object: pages of an API are smaller by far
ROW_CHARS_MAX = 1 << 20
_CHUNK = 1 << 16

# What files begin with that were packed by what is not read here.
_PACKERS = (
    (b"\x28\xb5\x2f\xfd", "zstd"), (b"BZh", "bzip2"), (b"\xfd7zXZ", "xz"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
)  # fmt: skip
_BEGUN_BYTES = 8
_LOCKED = 1  # a flag of what is in a zip
_DECODER = json.JSONDecoder(parse_float=Decimal)

Row = dict[str, Any]


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """The file as text, unpacked, without the mark that some tools begin with."""
    with unpacked(path) as file:
        yield as_text(file)


def as_text(file: BinaryIO) -> TextIO:
    """What is in a file, as text, without the mark that some tools begin with."""
    return io.TextIOWrapper(file, encoding="utf-8-sig", newline="")


@contextmanager
def unpacked(path: Path) -> Iterator[BinaryIO]:
    """What is in a file, by itself or packed by gzip or zip. Errors say whose they are."""
    try:
        with path.open("rb") as raw:
            begun = raw.read(_BEGUN_BYTES)
            raw.seek(0)
            if begun.startswith(b"\x1f\x8b"):
                yield gzip.GzipFile(fileobj=raw)  # type: ignore[misc]
            elif begun.startswith(b"PK\x03\x04"):
                with zipfile.ZipFile(raw) as archive, archive.open(_only(archive)) as file:
                    yield file  # type: ignore[misc]
            else:
                _refuse_packed(begun)
                yield raw
    except FileNotFoundError:
        raise ReconcileError(f"{path}: there is no such file") from None
    except UnicodeDecodeError:
        raise ReconcileError(f"{path}: it is no text in UTF-8: CSV or JSON is expected") from None
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError) as error:
        raise ReconcileError(f"{path}: it cannot be read: {error}") from None
    except csv.Error as error:
        raise ReconcileError(f"{path}: it is no CSV: {error}") from None
    except ReconcileError as error:
        told = str(error)
        raise ReconcileError(told if told.startswith(str(path)) else f"{path}: {told}") from None


def _refuse_packed(begun: bytes) -> None:
    """Raises `ReconcileError` for what is packed by something that is not read here."""
    for mark, name in _PACKERS:
        if begun.startswith(mark):
            raise ReconcileError(f"it is packed by {name}: unpack it first")


def _only(archive: zipfile.ZipFile) -> str:
    """The name of the one file in it."""
    members = [member for member in archive.infolist() if not member.is_dir()]
    names = [member.filename for member in members]
    if "[Content_Types].xml" in names:
        raise ReconcileError("it is a workbook: save it as CSV")
    if len(names) != 1:
        raise ReconcileError(f"{several(len(names), 'file')} in one .zip: name each by itself")
    if members[0].flag_bits & _LOCKED:
        raise ReconcileError("it has a password: unpack it first")
    return names[0]


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
    return [name.strip() for name in next(reader, [])], reader


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
    except (ValueError, RecursionError):
        yield _whole(head + file.read(PAGE_CHARS_MAX + 1))
        return
    yield first
    for number, text in enumerate(iter(lambda: file.readline(ROW_CHARS_MAX), ""), 2):
        if text.strip():
            try:
                yield _DECODER.decode(text)
            except (ValueError, RecursionError) as error:
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
        except (ValueError, RecursionError):
            end = 0
        if not end or (end == len(buffer) and not buffer.endswith(("}", "]"))):
            more = file.read(_CHUNK)
            if not more or len(buffer) > ROW_CHARS_MAX * 16:
                raise ReconcileError("it is no JSON, or only a part of it")
            buffer += more
            continue
        yield element
        buffer = buffer[end:]
