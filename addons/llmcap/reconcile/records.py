"""
Exports whose rows are records, not lines of text: JSON of a database, and Parquet.

Their columns may have columns in them (`sku.description`), and a database leaves out of a row what
it has nothing for. So a row is asked for the columns of its shape, whatever else is in it.

- BigQuery writes JSON Lines, or an array (`bq query --format=json`), of Google's own export and of
  its FOCUS view (docs.cloud.google.com/billing/docs/how-to/export-data-bigquery).
- Parquet is what AWS Data Exports write if nobody asks otherwise (docs.aws.amazon.com/cur/latest/
  userguide), and what Azure's exports can be (learn.microsoft.com/azure/cost-management-billing/
  costs/tutorial-improved-exports). `pyarrow` reads it: an extra, imported when such a file comes.
"""

import importlib
import importlib.util
import io
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from itertools import chain, islice
from tempfile import TemporaryFile
from typing import Any, BinaryIO, NamedTuple

from llmcap.reconcile.clouds import Shape, shape_of, unknown
from llmcap.words.errors import ReconcileError

LOOKED_AT = 100  # records, which together have every column that says whose they are

_PARQUET = b"PAR1"
_BATCH_ROWS = 16_384

Path = tuple[str, ...]  # the names of a column and of those that it is in, from outside
Row = Sequence[str]


class Table(NamedTuple):
    """Rows of a shape that is known, under the names of their columns."""

    shape: Shape
    header: Sequence[str]
    rows: Iterator[Row]


def of_documents(found: Iterator[Any]) -> tuple[Table | None, Iterator[Any]]:
    """A table of these documents; None: they are none that is known. They are given back too."""
    looked = list(islice(found, LOOKED_AT))
    found = chain(looked, found)
    paths = {".".join(path): path for each in looked for path in _paths(each)}
    shape = shape_of(list(paths))
    if shape is None:
        return None, found
    wanted = _wanted(shape, paths)
    return Table(shape, list(wanted), _of_documents(found, shape, wanted)), found


@contextmanager
def of_parquet(file: BinaryIO) -> Iterator[Table]:
    """A table of a Parquet file. Raises `ReconcileError`, while its rows are read too."""
    if importlib.util.find_spec("pyarrow") is None:
        raise ReconcileError(
            "it is Parquet, for which the package pyarrow is needed, and that is not installed\n"
            "hint: pip install 'llmcap-mitmproxy[parquet]', or have it exported as CSV"
        )
    arrow: Any = importlib.import_module("pyarrow")
    parquet: Any = importlib.import_module("pyarrow.parquet")
    with TemporaryFile() as whole:
        try:
            opened = parquet.ParquetFile(_with_its_end(file, whole))
            paths = {".".join(path): path for path in _fields(opened.schema_arrow, arrow)}
            shape = shape_of(list(paths))
            if shape is None:
                raise unknown(list(paths))
            wanted = {name: path for name, path in _wanted(shape, paths).items() if name in paths}
            yield Table(shape, list(wanted), _of_batches(opened, shape, wanted))
        except (arrow.ArrowException, OSError, EOFError, KeyError) as error:
            told = str(error).partition("\n")[0]
            raise ReconcileError(f"it is no Parquet, or only a part of one: {told}") from None


def is_parquet(file: BinaryIO) -> bool:
    """Whether a file is one; it is at its beginning again."""
    begun = file.read(len(_PARQUET))
    file.seek(0)
    return begun == _PARQUET


# --- columns --------------------------------------------------------------------------------


def _wanted(shape: Shape, there: Mapping[str, Path]) -> dict[str, Path]:
    """
    The columns that a shape asks for, by their names; what has none of some kind may get one later.
    """
    spelled = {name.lower(): name for name in there}
    wanted: dict[str, Path] = {}
    for names in shape.columns:
        found = [spelled[name.lower()] for name in names if name.lower() in spelled]
        for name in found or names:
            wanted[name] = there.get(name) or tuple(name.split("."))
    return wanted


def _paths(document: object, before: Path = ()) -> Iterator[Path]:
    """All that is in a document, but for what is in its lists."""
    if not isinstance(document, Mapping):
        return
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield from _paths(value, (*before, name))
        else:
            yield (*before, name)


def _fields(fields: Iterable[Any], arrow: Any, before: Path = ()) -> Iterator[Path]:
    for field in fields:
        if arrow.types.is_struct(field.type):
            yield from _fields(field.type, arrow, (*before, field.name))
        else:
            yield (*before, field.name)


# --- rows -----------------------------------------------------------------------------------


def _of_documents(found: Iterable[Any], shape: Shape, wanted: Mapping[str, Path]) -> Iterator[Row]:
    paths = list(wanted.values())
    credited = _credited(shape, list(wanted))
    for number, each in enumerate(found, 1):
        if not isinstance(each, Mapping):
            raise ReconcileError(f"row {number} is no record with columns")
        row = [_text(_at(each, path)) for path in paths]
        if credited is not None and (given := each.get(shape.credits)):
            row[credited] = _less_credits(row[credited], given, number)
        yield row


def _of_batches(opened: Any, shape: Shape, wanted: Mapping[str, Path]) -> Iterator[Row]:
    compute: Any = importlib.import_module("pyarrow.compute")
    columns = [".".join(path) for path in wanted.values()]
    names = opened.schema_arrow.names
    credited = _credited(shape, list(wanted)) if shape.credits in names else None
    if credited is not None:
        columns.append(shape.credits)
    number = 0
    for batch in opened.iter_batches(batch_size=_BATCH_ROWS, columns=columns):
        texts = []
        for first, *inner in wanted.values():
            column = batch.column(first)
            column = compute.struct_field(column, inner) if inner else column
            texts.append(compute.fill_null(compute.cast(column, "string"), "").to_pylist())
        if credited is not None:
            given = batch.column(shape.credits).to_pylist()
            texts[credited] = [
                _less_credits(cost, each or (), number + place)
                for place, (cost, each) in enumerate(zip(texts[credited], given, strict=True), 1)
            ]
        number += batch.num_rows
        yield from zip(*texts, strict=True)


def _credited(shape: Shape, header: Sequence[str]) -> int | None:
    """Which column is the cost, from which the credits of a row are taken; None: none has any."""
    if not shape.credits:
        return None
    lower = [name.lower() for name in header]
    return next(lower.index(name.lower()) for name in shape.cost if name.lower() in lower)


def _less_credits(cost: str, given: Iterable[Mapping[str, Any]], number: int) -> str:
    """A cost with what was credited, which is below zero: nothing is paid for what is free."""
    try:
        amounts = (Decimal(_text(each.get("amount")) or 0) for each in given)
        return str(sum(amounts, Decimal(cost or 0)))
    except (ArithmeticError, AttributeError, TypeError):
        raise ReconcileError(f"row {number} has an amount that is no number") from None


def _at(document: Mapping[str, Any], path: Path) -> object:
    value: Any = document
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _with_its_end(file: BinaryIO, whole: BinaryIO) -> BinaryIO:
    """The same where one can go to its end, at which a Parquet file says what is in it."""
    if isinstance(file, io.BufferedReader):
        return file
    shutil.copyfileobj(file, whole)  # it was packed once more
    whole.seek(0)
    return whole
