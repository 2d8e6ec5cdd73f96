"""Whose export a file is, known by what is in it, and its lines."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from llmcap.reconcile import clouds, records, vendors
from llmcap.reconcile.line import Line, day_of
from llmcap.reconcile.reading import as_text, csv_rows, documents, first_char, unpacked
from llmcap.words.errors import ReconcileError

# Of a CSV the columns that tell whose it is, and how a row becomes a line.
_CSV: Sequence[tuple[str, frozenset[str], Callable[[dict[str, str]], Line]]] = (
    ("openrouter", frozenset(("generation_id", "cost_total", "tokens_prompt")),
     vendors.openrouter_generation),
    ("openrouter", frozenset(("date", "model_permaslug", "prompt_tokens")),
     vendors.openrouter_activity),
    ("anthropic", frozenset(("usage_date_utc", "usage_output_tokens")),
     lambda row: vendors.anthropic_usage(row, day_of(row["usage_date_utc"]))),
    ("openai", frozenset(("start_time", "num_model_requests", "output_tokens")),
     lambda row: vendors.openai_usage(row, _start(row))),
    ("openai", frozenset(("start_time", "amount_value", "line_item")),
     lambda row: vendors.openai_cost(row, _start(row))),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Export:
    """A file that is open: the provider that it is of ("": any), what it is, and its lines."""

    provider: str
    what: str
    lines: Iterator[Line]


@contextmanager
def export(path: Path) -> Iterator[Export]:
    """An export file. Raises `ReconcileError`, while its lines are read too."""
    with unpacked(path) as file:
        if records.is_parquet(file):
            with records.of_parquet(file) as table:
                yield _of(table)
            return
        text = as_text(file)
        yield _json(text) if first_char(text) in ("{", "[") else _csv(text)


def _of(table: records.Table) -> Export:
    shape = table.shape
    return Export(shape.provider, shape.name, clouds.read_rows(shape, table.header, table.rows))


def _csv(file: TextIO) -> Export:
    header, rows = csv_rows(file)
    if not any(header):
        raise ReconcileError("it is empty")
    if shape := clouds.shape_of(header):
        return _of(records.Table(shape, header, rows))
    names = frozenset(header)
    for provider, needed, read in _CSV:
        if needed <= names:
            if twice := next((name for name in header if header.count(name) > 1), ""):
                raise ReconcileError(f"the column {twice} is there more than once")
            lines = vendors.lines_of(_records(header, rows), vendors.alone(read))
            return Export(provider, f"{provider}'s CSV", lines)
    if len(header) == 1 and (mark := next((each for each in ";\t|" if each in header[0]), "")):
        raise ReconcileError(
            f"its columns are separated by {mark!r}: export it with commas, and with points in "
            "amounts, as `1,234` can be read in two ways"
        )
    raise clouds.unknown(header)


def _records(header: Sequence[str], rows: Iterator[list[str]]) -> Iterator[dict[str, str]]:
    for number, row in enumerate(rows, 2):
        if not row:
            continue
        if len(row) < len(header):
            raise ReconcileError(f"line {number} ends too early: is it the whole file?")
        yield dict(zip(header, row, strict=False))


def _json(file: TextIO) -> Export:
    table, found = records.of_documents(documents(file))
    if table is not None:
        return _of(table)
    first = next(found, None)
    head = next(_items(first), None)
    items = chain(_items(first), chain.from_iterable(map(_items, found)))
    if isinstance(head, dict) and "results" in head:
        provider = vendors.provider_of(head)
        lines = vendors.lines_of(items, vendors.bucketed)
        return Export(provider, f"{provider}'s usage and costs", lines)
    if isinstance(head, dict) and "timeSeries" in head:
        return Export("xai", "xAI's usage", vendors.lines_of(items, vendors.xai_usage))
    if isinstance(head, dict) and "prompt_tokens" in head and "date" in head:
        lines = vendors.lines_of(items, vendors.alone(vendors.openrouter_activity))
        return Export("openrouter", "OpenRouter's activity", lines)
    raise ReconcileError(
        "it is no export that is known here\n"
        "hint: pages of OpenAI's or Anthropic's usage and cost reports, OpenRouter's activity, "
        "xAI's usage, Google's billing export as JSON"
    )


def _items(document: Any) -> Iterator[Any]:
    """The items of a page, or the item itself."""
    if isinstance(document, dict) and isinstance(document.get("data"), list):
        yield from document["data"]
    elif document is not None:
        yield document


def _start(row: dict[str, str]) -> str:
    value = row.get("start_time_iso") or row["start_time"]
    return day_of(Decimal(value) if value.replace(".", "", 1).isdecimal() else value)
