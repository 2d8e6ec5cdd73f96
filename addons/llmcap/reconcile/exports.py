"""Whose export a file is, known by what is in it, and its lines."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from llmcap.reconcile import clouds, vendors
from llmcap.reconcile.line import Line, day_of
from llmcap.reconcile.reading import csv_rows, documents, first_char, opened
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
    with opened(path) as file:
        try:
            if first_char(file) in ("{", "["):
                yield _json(file)
            else:
                yield _csv(file)
        except ReconcileError as error:
            text = str(error)
            raise ReconcileError(
                text if text.startswith(str(path)) else f"{path}: {text}"
            ) from None
        except UnicodeDecodeError:
            raise ReconcileError(f"{path}: it is no text: CSV or JSON is expected") from None


def _csv(file: TextIO) -> Export:
    header, rows = csv_rows(file)
    if not any(header):
        raise ReconcileError("it is empty")
    if shape := clouds.shape_of(header):
        return Export(shape.provider, shape.name, clouds.read_rows(shape, header, rows))
    names = frozenset(header)
    for provider, needed, read in _CSV:
        if needed <= names:
            return Export(provider, f"{provider}'s CSV", _each(header, rows, read))
    if len(header) == 1 and (mark := next((each for each in ";\t|" if each in header[0]), "")):
        raise ReconcileError(
            f"its columns are separated by {mark!r}: export it with commas, and with points in "
            "amounts, as `1,234` can be read in two ways"
        )
    raise ReconcileError(
        f"it is no export that is known here: its columns are {', '.join(header[:8])}\n"
        "hint: usage and costs of OpenAI, Anthropic or OpenRouter, FOCUS, the AWS Cost and Usage "
        "Report, Google's billing export, Azure's cost details"
    )


def _each(
    header: Sequence[str], rows: Iterator[list[str]], read: Callable[[dict[str, str]], Line]
) -> Iterator[Line]:
    for number, row in enumerate(rows, 2):
        if not row:
            continue
        if len(row) < len(header):
            raise ReconcileError(f"line {number} ends too early: is it the whole file?")
        yield read(dict(zip(header, row, strict=False)))


def _json(file: TextIO) -> Export:
    found = documents(file)
    first = next(found, None)
    if isinstance(first, dict) and "usage_start_time" in first and "sku" in first:
        rows = (clouds.google_document(each) for each in chain([first], found))
        lines = clouds.read_rows(clouds.GOOGLE, clouds.GOOGLE_HEADER, rows)
        return Export(clouds.GOOGLE.provider, clouds.GOOGLE.name, lines)
    items = list(_items(first))
    head = items[0] if items else None
    if isinstance(head, dict) and "results" in head:
        pages = chain(items, *(map(_items, found)))
        provider = vendors.provider_of(head)
        lines = (line for bucket in pages for line in vendors.bucketed(bucket))
        return Export(provider, f"{provider}'s usage and costs", lines)
    if isinstance(head, dict) and "timeSeries" in head:
        pages = chain(items, *(map(_items, found)))
        series = (each for page in pages for each in page.get("timeSeries") or ())
        return Export("xai", "xAI's usage", (line for each in series
                                             for line in vendors.xai_series(each)))  # fmt: skip
    if isinstance(head, dict) and "prompt_tokens" in head and "date" in head:
        rows_ = chain(items, *(map(_items, found)))
        return Export("openrouter", "OpenRouter's activity",
                      map(vendors.openrouter_activity, rows_))  # fmt: skip
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
