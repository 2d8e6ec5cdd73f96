"""`llmcap export`: every call as a row, for a spreadsheet, a program or a data frame."""

import csv
import importlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import click

from llmcap.cli.fleetwide import books_option
from llmcap.cli.log import document
from llmcap.cli.options import moment, rules_from
from llmcap.cli.output import tell
from llmcap.config.readers import ATTRIBUTES
from llmcap.ledger import history, spans
from llmcap.ledger.follower import catch_up
from llmcap.ledger.history import PastCall
from llmcap.page import focus
from llmcap.page.listed import Prices
from llmcap.pricing import PriceBook
from llmcap.words.counts import several
from llmcap.words.errors import ConfigError
from llmcap.words.money import usd_string

_USAGE = ("input_tokens", "cache_read", "cache_write_5m", "cache_write_1h", "output_tokens")
_OWN = frozenset({"provider", "model", "endpoint"})
COLUMNS = (
    "id", "time", "state", "provider", "endpoint", "model", "model_asked", *_USAGE, "reasoning",
    "cost_usd", "held_usd", *(name for name in ATTRIBUTES if name not in _OWN), "note",
)  # fmt: skip

# A spreadsheet runs what begins so; names come from requests.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@click.command()
@click.option(
    "--format",
    "shape",
    type=click.Choice(["csv", "json", "parquet", "focus"]),
    default="csv",
    show_default=True,
    help="json has a document per line, with every unit and attribute; focus is for finance.",
)
@click.option("--since", help="A date, a time, or 24h for ago; else from the first call on.")
@click.option("--until", default="now", show_default=True, help="Likewise.")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="A file.")
@books_option
def export(
    shape: str, since: str | None, until: str, output: Path | None, ledger_path: Path
) -> None:
    """
    Write every call of a time, the newest first, to stdout or a file.

    Amounts are exact decimals in USD. Parquet needs the extra `llmcap-mitmproxy[parquet]`. The
    format `focus` is CSV by FOCUS 1.2 (FinOps): a row per day, model, project and so on; its list
    cost is the public price book's where the config has other prices. Where the config names a
    treasury, the calls are those of its whole fleet, or of one --node.
    """
    now = datetime.now(UTC)
    if shape == "focus":
        begin = moment(since, now=now) if since else None
        config_path = click.get_current_context().params["config_path"]
        prices = Prices(rules_from(config_path, None)[1], PriceBook())
        _write_focus(ledger_path, prices, begin, moment(until, now=now), output)
        return
    with history.reading(ledger_path) as db:
        calls = spans.calls_within(
            db,
            since=moment(since, now=now) if since else None,
            until=moment(until, now=now),
        )
        if shape == "parquet":
            count = _write_parquet(calls, output)
        else:
            with _opened(output) as file:
                count = (_write_csv if shape == "csv" else _write_json)(calls, file)
    tell(several(count, "call"))


def row(call: PastCall) -> dict[str, Any]:
    """One call as a flat row."""
    usage = {name: int(call.usage.get(name, 0)) for name in (*_USAGE, "reasoning")}
    return {
        "id": call.id,
        "time": call.at.isoformat(),
        "state": call.state,
        "provider": call.provider,
        "endpoint": call.endpoint,
        "model": call.served_model or call.model,
        "model_asked": call.attributes.get("asked_model") or call.model,
        **usage,
        "cost_usd": usd_string(call.cost_nanos),
        "held_usd": usd_string(call.held_nanos),
        **{name: call.attributes.get(name, "") for name in ATTRIBUTES if name not in _OWN},
        "note": call.note,
    }


def _write_csv(calls: Iterator[PastCall], file: TextIO) -> int:
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    count = 0
    for count, call in enumerate(calls, 1):  # noqa: B007 (the last number is the count)
        writer.writerow({name: _cell(value) for name, value in row(call).items()})
    return count


def _write_focus(
    ledger_path: Path,
    prices: Prices,
    since: datetime | None,
    until: datetime,
    output: Path | None,
) -> None:
    with history.reading(ledger_path):  # one that is not there is told
        catch_up(ledger_path)
    with history.reading(ledger_path) as db, _opened(output) as file:
        writer = csv.DictWriter(file, focus.COLUMNS, lineterminator="\n")
        writer.writeheader()
        count = 0
        found_rows = focus.rows(db, prices, since=since, until=until)
        for count, found in enumerate(found_rows, 1):  # noqa: B007 (likewise)
            writer.writerow({name: _cell(value) for name, value in found.items()})
    tell(several(count, "row"))


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _write_json(calls: Iterator[PastCall], file: TextIO) -> int:
    count = 0
    for count, call in enumerate(calls, 1):  # noqa: B007 (likewise)
        file.write(json.dumps(document(call), ensure_ascii=False) + "\n")
    return count


def _write_parquet(calls: Iterator[PastCall], output: Path | None) -> int:
    if output is None:
        raise ConfigError("parquet is no text: name a file with --output")
    if importlib.util.find_spec("pyarrow") is None:
        raise ConfigError(
            "parquet needs the package pyarrow, which is not installed\n"
            "hint: pip install 'llmcap-mitmproxy[parquet]', or --format csv"
        )
    arrow: Any = importlib.import_module("pyarrow")
    parquet: Any = importlib.import_module("pyarrow.parquet")
    rows = [row(call) for call in calls]
    counts = {*_USAGE, "reasoning"}
    schema = arrow.schema(
        [(name, arrow.int64() if name in counts else arrow.string()) for name in COLUMNS]
    )
    parquet.write_table(arrow.Table.from_pylist(rows, schema=schema), output)
    return len(rows)


@contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    try:
        file = output.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise ConfigError(f"{output}: cannot be written: {error.strerror}") from error
    with file:
        yield file
