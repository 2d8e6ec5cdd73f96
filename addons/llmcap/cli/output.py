"""How commands print: JSON for programs, aligned tables for people, colour only where it helps."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click


def echo_json(document: Any) -> None:
    """One document, indented, on stdout."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def echo_json_line(document: Any) -> None:
    """One document on a line of its own, so that a reader can follow."""
    click.echo(json.dumps(document, ensure_ascii=False))


def echo_table(
    headers: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: str = "",
    colours: Sequence[str | None] = (),
) -> None:
    """
    Aligned columns under bold headers; `right` has an `r` for each column that aligns right.

    The last column is not padded, so that notes may be long. `colours` are those of the rows.
    """
    table = [list(headers), *(list(row) for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(headers))]
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
        click.echo(styled(line, **style))


def styled(text: str, **style: Any) -> str:
    """The text with colour, unless stdout is no terminal or NO_COLOR says no."""
    if not style or os.environ.get("NO_COLOR") or not on_terminal():
        return text
    return click.style(text, **style)


def on_terminal() -> bool:
    """Whether somebody looks at stdout, or a program reads it."""
    return sys.stdout.isatty()


def tell(text: str) -> None:
    """What is no data: to stderr."""
    click.echo(text, err=True)
