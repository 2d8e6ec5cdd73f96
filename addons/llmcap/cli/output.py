"""
How commands print: JSON for programs, aligned tables for people, colour only where it helps.

Everything that a command prints goes through here, so that no name in a ledger is a command to the
terminal of whoever reads it. Only what `styled` made may hold escape sequences.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import click

from llmcap.words.told import json_text, lines, one_line

_in_a_line = json.JSONEncoder(ensure_ascii=False).encode  # made once: that takes as long as a row

_LINES_AT_ONCE = 200  # rows of a program that reads stdout: those of some milliseconds

_SPOOLED_BYTES = 1 << 20  # of a table that is not printed yet; what is more is on disk


class Styled(str):
    """Text with the colours that we gave it, its own characters already made harmless."""

    __slots__ = ()


def echo(*parts: str) -> None:
    """A line, or a few, on stdout; of several parts some may be `Styled`."""
    _print("".join(part if isinstance(part, Styled) else lines(part) for part in parts))


def echo_json(document: Any) -> None:
    """One document, indented, on stdout."""
    _print(json_text(json.dumps(document, indent=2, ensure_ascii=False)))


def echo_json_line(document: Any) -> None:
    """One document on a line of its own, so that a reader can follow."""
    _print(json_line(document))


def echo_json_lines(found: Iterable[str]) -> None:
    """
    Texts that `json_line` made, many in one go: to print a line takes longer than to make it.

    Whoever looks at a terminal sees each as it comes. What came before an error is printed.
    """
    at_once = 1 if on_terminal() else _LINES_AT_ONCE
    held: list[str] = []
    try:
        for text in found:
            held.append(text)
            if len(held) >= at_once:
                _print("\n".join(held))
                held.clear()
    finally:
        if held:
            _print("\n".join(held))


def json_line(document: Any) -> str:
    """The text of such a line."""
    return json_text(_in_a_line(document))


def echo_table(
    headers: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: str = "",
    colours: Sequence[str | None] = (),
) -> None:
    """
    Aligned columns under bold headers; `right` has an `r` for each column that aligns right.

    The last column is not padded, so that notes may be long. `colours` are those of the rows. Of a
    million rows only some are in memory.
    """
    widths = [0] * len(headers)
    with tempfile.SpooledTemporaryFile(_SPOOLED_BYTES, "w+", encoding="utf-8") as table:
        for row in chain((headers,), rows):
            cells = [one_line(cell) for cell in row]
            widths = [max(width, len(cell)) for width, cell in zip(widths, cells, strict=True)]
            table.write(json.dumps(cells) + "\n")
        table.seek(0)
        _echo_aligned(map(json.loads, table), widths, right, colours)


def _echo_aligned(
    table: Iterable[Sequence[str]],
    widths: Sequence[int],
    right: str,
    colours: Sequence[str | None],
) -> None:
    for number, row in enumerate(table):
        cells = []
        for column, cell in enumerate(row):
            if right[column : column + 1] == "r":
                cells.append(cell.rjust(widths[column]))
            elif column < len(row) - 1:
                cells.append(cell.ljust(widths[column]))
            else:
                cells.append(cell)
        line = "  ".join(cells).rstrip()
        colour = [None, *colours][number] if colours else None
        style = {"bold": True} if number == 0 else {"fg": colour} if colour else {}
        echo(styled(line, **style))


def styled(text: str, **style: Any) -> Styled:
    """The text with colour, unless stdout is no terminal or NO_COLOR says no."""
    plain = one_line(text)
    if not style or os.environ.get("NO_COLOR") or not on_terminal():
        return Styled(plain)
    return Styled(click.style(plain, **style))


def on_terminal() -> bool:
    """Whether somebody looks at stdout, or a program reads it."""
    return sys.stdout.isatty()


def tell(text: str) -> None:
    """What is no data: to stderr."""
    _print(lines(text), err=True)


def _print(text: str, *, err: bool = False) -> None:
    click.echo(text, err=err)  # noqa: TID251 - the one place where it is right
