"""The same bills in the other forms in which clouds hand them out: Parquet, JSON, packed."""

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from .bills import DAYS, EXPORTS, Billed, changed, ledger, month
from .test_reconcile import run

arrow: Any = import_module("pyarrow")  # it says nothing of its types
parquet: Any = import_module("pyarrow.parquet")

Record = dict[str, Any]


def records(name: str, calls: Sequence[Billed]) -> list[Record]:
    """The rows of a cloud's export: of a CSV each value is text."""
    made = str(EXPORTS[name][1](calls)).removeprefix("\ufeff")
    if made.startswith("{"):
        return [json.loads(line) for line in made.splitlines()]
    return [*csv.DictReader(io.StringIO(made))]


def moments(rows: list[Record], *columns: str) -> list[Record]:
    """The same with times that are times, as columns of Parquet have them."""
    for row in rows:
        for column in columns:
            row[column] = datetime.fromisoformat(row[column])
    return rows


def numbers(rows: list[Record], *columns: str) -> list[Record]:
    """The same with numbers, of which an empty one is null."""
    for row in rows:
        for column in columns:
            row[column] = float(row[column]) if row[column] else None
    return rows


def packed_rows(rows: list[Record], **options: Any) -> bytes:
    """Rows as Parquet."""
    file = io.BytesIO()
    parquet.write_table(arrow.Table.from_pylist(rows), file, **options)
    return file.getvalue()


def cur(calls: Sequence[Billed]) -> bytes:
    """AWS Data Exports' CUR 2.0: times without a zone are UTC; a column of maps; many groups."""
    rows = numbers(records("cur", calls), "line_item_usage_amount", "line_item_unblended_cost")
    for row in moments(rows, "line_item_usage_start_date"):
        row["line_item_usage_start_date"] = row["line_item_usage_start_date"].replace(tzinfo=None)
        row["product"] = {"region": "us-east-1"}
    return packed_rows(rows, compression="snappy", row_group_size=3)


def focus(calls: Sequence[Billed]) -> bytes:
    """FOCUS as AWS writes it: decimals, tags as a map, words from a dictionary."""
    rows = moments(records("focus", calls), "ChargePeriodStart", "ChargePeriodEnd")
    for row in rows:
        row["BilledCost"] = Decimal(row["BilledCost"]).quantize(Decimal("1e-18"))
        row["ConsumedQuantity"] = Decimal(row["ConsumedQuantity"])
        row["Tags"] = None
    table = arrow.Table.from_pylist(rows)
    at = table.schema.get_field_index("SkuMeter")
    table = table.set_column(at, "SkuMeter", table["SkuMeter"].dictionary_encode())
    file = io.BytesIO()
    parquet.write_table(table, file, compression="zstd")
    return file.getvalue()


def azure(calls: Sequence[Billed]) -> bytes:
    """Azure's exports, packed by gzip inside and once more outside."""
    rows = numbers(records("azure", calls), "quantity", "costInBillingCurrency")
    for row in rows:
        day = datetime.strptime(row["date"], "%m/%d/%Y").replace(tzinfo=UTC)
        row["date"] = day.date()
    return gzip.compress(packed_rows(rows, compression="gzip"))


def google(calls: Sequence[Billed]) -> bytes:
    """BigQuery's own Parquet: columns in columns, credits in a list, of which most are empty."""
    rows = records("google", calls)
    for row in rows:
        row["usage_start_time"] = datetime.fromisoformat(f"{row['usage_start_time'][:10]}T00:00Z")
        row["credits"] = []
    rows[0]["credits"] = [{"name": "trial", "amount": -1.0}]
    rows[0]["cost"] += 1.0
    return packed_rows(rows)


def google_array(calls: Sequence[Billed]) -> bytes:
    """`bq query --format=json`: an array, each number as text, no key for what is null."""
    rows = records("google", calls)
    for row in rows:
        row["cost"], row["usage"]["amount"] = str(row["cost"]), str(row["usage"]["amount"])
        del row["credits"]
    return json.dumps(rows, indent=2).encode()


def focus_lines(calls: Sequence[Billed]) -> bytes:
    """Google's FOCUS view as JSON Lines: no key for what is null, and a tax in the first."""
    rows = [
        {name: value for name, value in row.items() if value} for row in records("focus", calls)
    ]
    start = rows[0]["ChargePeriodStart"]
    tax = {"ChargeCategory": "Tax", "BilledCost": 0, "ChargePeriodStart": start}
    return "\n".join(map(json.dumps, [tax, *rows])).encode()


def elsewhere(calls: Sequence[Billed]) -> bytes:
    """A report whose times somebody has turned into those of a zone: still the same moments."""
    rows = records("cur", calls)
    for number, row in enumerate(rows):
        moment = datetime.fromisoformat(row["line_item_usage_start_date"])
        there = (moment - timedelta(hours=5)).strftime("%Y-%m-%d %H:%M:%S.000")
        zone = ("America/New_York", "-05:00", "-0500")[number % 3]
        row["line_item_usage_start_date"] = f"{there} {zone}".replace(" -", "-")
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


def zipped(calls: Sequence[Billed]) -> bytes:
    """The older report of AWS, as it is delivered unless gzip is asked for."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("20261101-20261201/report-1.csv", str(EXPORTS["cur"][1](calls)))
    return file.getvalue()


FORMS: dict[str, tuple[str, Callable[[Sequence[Billed]], bytes]]] = {
    "CUR, Parquet": ("aws-bedrock", cur), "FOCUS, Parquet": ("aws-bedrock", focus),
    "Azure, Parquet": ("azure-openai", azure), "Google, Parquet": ("google", google),
    "Google, array": ("google", google_array), "FOCUS, JSON Lines": ("aws-bedrock", focus_lines),
    "CUR, zones": ("aws-bedrock", elsewhere), "CUR, zip": ("aws-bedrock", zipped),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_bill_is_the_same_in_each_form(tmp_path: Path, form: str) -> None:
    """The one call that did not pass is found with its key, and nothing else differs."""
    provider, made = FORMS[form]
    calls = changed(month(provider), 4, seen=False, bucket="key-away")
    file = tmp_path / "bill"
    file.write_bytes(made(calls))
    book = ledger(tmp_path / "ledger.sqlite3", calls)
    done = run(file, "--ledger", book, "--provider", provider, "--json")
    assert done.exit_code == 1, done.output
    told = json.loads(done.stdout)
    (each,) = told["differences"]
    assert (each["day"], each["cause"]) == (DAYS[0], "not seen")
    assert each["told"] == "it is all of key-away"
    tokens, usd = sum(calls[4].tokens), calls[4].usd
    assert told["tokens_theirs"] - told["tokens_ours"] == tokens
    assert abs(Decimal(told["usd_theirs"]) - Decimal(told["usd_ours"]) - usd) < Decimal("1e-6")


def other_columns(_: Sequence[Billed]) -> bytes:
    """Somebody else's table."""
    return packed_rows([{"name": "x", "age": 1}])


def half(calls: Sequence[Billed]) -> bytes:
    """A download that broke off: what Parquet says of itself stands at its end."""
    whole = cur(calls)
    return whole[: len(whole) // 2]


def torn(calls: Sequence[Billed]) -> bytes:
    """One whose pages are damaged, and whose end is not."""
    whole = bytearray(cur(calls))
    whole[4:400] = b"\0" * 396
    return bytes(whole)


def infinite(calls: Sequence[Billed]) -> bytes:
    """An amount that no bill has."""
    rows = numbers(records("cur", calls), "line_item_usage_amount", "line_item_unblended_cost")
    rows[-1]["line_item_unblended_cost"] = float("inf")
    return packed_rows(rows)


def of_none(_: Sequence[Billed]) -> bytes:
    """A file with a header and no row."""
    schema = arrow.schema([("BilledCost", arrow.float64()), ("ChargePeriodStart", arrow.string()),
                           ("SkuMeter", arrow.string())])  # fmt: skip
    file = io.BytesIO()
    parquet.write_table(schema.empty_table(), file)
    return file.getvalue()


def two_files(_: Sequence[Billed]) -> bytes:
    """A .zip of which nobody knows which file is meant."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.csv", "x")
        archive.writestr("b.csv", "x")
    return file.getvalue()


def no_record(calls: Sequence[Billed]) -> bytes:
    """Lines of which one is something else."""
    rows: list[Any] = records("google", calls)
    return "\n".join(map(json.dumps, [*rows, 7])).encode()


BROKEN = {
    other_columns: "no export that is known here: its columns are name, age",
    half: "only a part of one",
    torn: "only a part of one",
    infinite: "no number",
    of_none: "without a line about models",
    two_files: "2 files in one .zip",
    no_record: "is no record",
}


@pytest.mark.parametrize("made", BROKEN, ids=lambda made: made.__name__)
def test_a_form_that_is_broken_is_one_sentence(
    tmp_path: Path, made: Callable[[Sequence[Billed]], bytes]
) -> None:
    """It names the file, says what is wrong, and is no verdict."""
    calls = month("aws-bedrock" if made is not no_record else "google")
    file = tmp_path / "bill"
    file.write_bytes(made(calls))
    done = run(file, "--ledger", ledger(tmp_path / "ledger.sqlite3", calls))
    assert done.exit_code == 2, done.output
    assert BROKEN[made] in done.output
    assert done.output.startswith(f"llmcap: {file}: ")


def test_parquet_without_its_package_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is large, and most people need none of it."""
    calls = month("aws-bedrock")
    file = tmp_path / "bill.snappy.parquet"
    file.write_bytes(cur(calls))
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    done = run(file, "--ledger", ledger(tmp_path / "ledger.sqlite3", calls))
    assert done.exit_code == 2, done.output
    assert "pip install 'llmcap-mitmproxy[parquet]'" in done.output
