"""Exports in the shapes that vendors document, with faults: each is found, and nothing else."""

import csv
import gzip
import io
import json
import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from strange import each_strange

from llmcap.cli import main
from llmcap.cli.reconcile import Read
from llmcap.reconcile.exports import export
from llmcap.words.errors import ReconcileError

from .bills import DAYS, EXPORTS, Billed, changed, ledger, month, openai, xai

FORMATS = list(EXPORTS)


def written(path: Path, name: str, calls: Sequence[Billed]) -> Path:
    """An export of the provider's side."""
    made = EXPORTS[name][1](calls)
    file = path / f"{name}.txt"
    file.write_text(made if isinstance(made, str) else json.dumps(made))
    return file


def run(*arguments: object) -> Result:
    """`llmcap reconcile`."""
    return CliRunner().invoke(main, ["reconcile", *map(str, arguments)])


def judged(tmp_path: Path, name: str, calls: Sequence[Billed], *more: object) -> dict[str, Any]:
    """The verdict over an export of these calls and a ledger of those that passed."""
    file = written(tmp_path, name, calls)
    book = ledger(tmp_path / "ledger.sqlite3", calls)
    provider = EXPORTS[name][0]
    done = run(file, "--ledger", book, "--provider", provider, "--json", *more)
    assert done.exit_code in (0, 1), done.output
    told: dict[str, Any] = json.loads(done.output)
    assert told["agrees"] == (done.exit_code == 0)
    return told


def causes(told: dict[str, Any]) -> list[tuple[str, str]]:
    """What differs and why."""
    return [(each["day"], each["cause"]) for each in told["differences"]]


def calls_of(name: str) -> list[Billed]:
    """A few days of calls of the provider whose export it is."""
    return month(EXPORTS[name][0])


@pytest.mark.parametrize("name", FORMATS)
def test_an_export_that_agrees_says_so(tmp_path: Path, name: str) -> None:
    """Every token and every dollar, in each of the forms."""
    told = judged(tmp_path, name, calls_of(name))
    assert told["differences"] == []
    assert told["tokens_captured"] == told["tokens_theirs"] == told["tokens_ours"] > 0
    assert told["verdict"] == "Agrees: captured 100.00 %, dollars +0.00 %"


@pytest.mark.parametrize("name", FORMATS)
def test_a_program_that_escapes_is_found_with_its_bucket(tmp_path: Path, name: str) -> None:
    """All calls of a key on a day did not pass: the key is named, and no other day."""
    calls = calls_of(name)
    told = judged(tmp_path, name, changed(calls, 4, seen=False, bucket="key-away"))
    (each,) = told["differences"]
    assert (each["day"], each["cause"]) == (DAYS[0], "not seen")
    assert each["told"] == "it is all of key-away"
    assert told["tokens_captured"] < told["tokens_theirs"]


@pytest.mark.parametrize("name", FORMATS)
def test_a_wrong_price_is_found_with_its_factor(tmp_path: Path, name: str) -> None:
    """The same tokens for other dollars: a term that we do not know, or a price of ours."""
    calls = calls_of(name)
    model, day = calls[-1].model, DAYS[2]
    told = judged(
        tmp_path, name,
        [Billed(c.provider, c.model, c.day, c.tokens, c.bucket, factor=Decimal("1.1"))
         if (c.day, c.model) == (day, model) else c for c in calls],
    )  # fmt: skip
    (each,) = told["differences"]
    assert (each["day"], each["cause"]) == (day, "priced")
    assert "our price times 1.1000" in each["told"]


@pytest.mark.parametrize("name", FORMATS)
def test_an_assumed_call_is_found_and_corrected(tmp_path: Path, name: str) -> None:
    """The provider knows what was used; after the correction both agree to the nano."""
    calls = changed(calls_of(name), 7, assumed=True)
    told = judged(tmp_path, name, calls, "--correct")
    assert causes(told) == [(DAYS[1], "assumed")]
    assert told["corrected"] == 1
    again = run(tmp_path / f"{name}.txt", "--ledger", tmp_path / "ledger.sqlite3",
                "--provider", EXPORTS[name][0], "--json")  # fmt: skip
    after = json.loads(again.output)
    assert [each for each in after["differences"] if each["usd"] not in (None, "0.000000000")] == []
    assert abs(Decimal(after["usd_ours"]) - Decimal(after["usd_theirs"])) < Decimal("0.000001")


@pytest.mark.parametrize("name", FORMATS)
def test_a_day_that_is_missing_in_the_export_is_told(tmp_path: Path, name: str) -> None:
    """As calls that were not billed, and nothing of the other days."""
    calls = calls_of(name)
    file = written(tmp_path, name, [call for call in calls if call.day != DAYS[1]])
    book = ledger(tmp_path / "ledger.sqlite3", calls)
    done = run(file, "--ledger", book, "--provider", EXPORTS[name][0], "--json")
    told = json.loads(done.output)
    assert set(causes(told)) == {(DAYS[1], "not billed")}
    assert "nothing of that day" in told["differences"][0]["told"]


def test_mixed_causes_are_told_as_ambiguous(tmp_path: Path) -> None:
    """An escaped call and an assumed one of one model on one day: nobody can tell them apart."""
    calls = changed(month("openai"), 0, assumed=True)
    told = judged(tmp_path, "openai", changed(calls, 1, seen=False, tokens=(9_999, 0, 0, 9_999)))
    assert causes(told) == [(DAYS[0], "ambiguous")]


def test_a_missing_call_at_another_price_is_ambiguous(tmp_path: Path) -> None:
    """The tokens that are missing do not cost what the dollars differ by."""
    calls = changed(month("openai"), 1, seen=False, factor=Decimal(3))
    told = judged(tmp_path, "openai", calls)
    assert causes(told) == [(DAYS[0], "ambiguous")]


def test_days_that_the_ledger_does_not_know_do_not_count(tmp_path: Path) -> None:
    """Before the first call, and today."""
    calls = month("openai")
    early = Billed("openai", "gpt-5.5-pro", "2026-11-01", (5, 0, 0, 5), seen=False)
    told = judged(tmp_path, "openai", [*calls, early])
    assert causes(told) == [("2026-11-01", "outside")]
    assert told["agrees"]


def test_a_bill_of_google_is_of_vertex_too(tmp_path: Path) -> None:
    """Both are on one invoice, and the export does not say which."""
    calls = [
        Billed("google-vertex" if number % 2 else "google", c.model, c.day, c.tokens, c.bucket)
        for number, c in enumerate(month("google"))
    ]
    file = written(tmp_path, "google", calls)
    done = run(file, "--ledger", ledger(tmp_path / "l.sqlite3", calls))
    assert done.exit_code == 0, done.output


def test_gzip_is_read(tmp_path: Path) -> None:
    """As clouds deliver their exports."""
    calls = month("aws-bedrock")
    file = written(tmp_path, "cur", calls)
    packed = tmp_path / "cur.csv.gz"
    packed.write_bytes(gzip.compress(file.read_bytes()))
    done = run(packed, "--ledger", ledger(tmp_path / "l.sqlite3", calls))
    assert done.exit_code == 0, done.output
    assert done.output.startswith("Agrees")


def page(**result: object) -> bytes:
    """A page of one bucket with one result; its times are the bucket's."""
    times = {name: result.pop(name) for name in [*result] if name.startswith("start")}
    return json.dumps({"data": [{**times, "results": [result]}]}).encode()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"name,age\nx,1\n", "no export that is known here"),
        (b'{"hello": "world"}', "no export that is known here"),
        (b'{"data": [{"start_time": 1', "no JSON"),
        (b'[{"date": "2026-11-10", "prompt_tokens": 1', "no JSON"),
        (b"\xff\xfe\x00\x01", "it is no text"),
        (b"BilledCost,ChargePeriodStart,SkuMeter\n1.0\n", "ends too early"),
        (b"BilledCost,ChargePeriodStart,SkuMeter\nmuch,2026-11-10,x\n", "no number"),
        (b"BilledCost,ChargePeriodStart,SkuMeter,BillingCurrency\n1,2026-11-10,openai,EUR\n",
         "the bill is in EUR"),
        (b'{"data": [{"start_time": 1e99999999, "results": [{}]}]}', "is no time"),
        (b"start_time,num_model_requests,output_tokens\n" + b"9" * 400 + b",1,1\n", "is no time"),
        (b"start_time,num_model_requests,output_tokens\n1.2.3,1,1\n", "is no time"),
        (b"BilledCost,ChargePeriodStart,SkuMeter,billedcost\n1,2026-11-10,x,2\n",
         "the column BilledCost is there more than once"),
        (b"start_time,amount_value,line_item,line_item\n1,1,x,y\n", "line_item is there more"),
        (page(start_time=1, object="organization.costs.result",
              amount={"value": 1, "currency": "eur"}), "in eur, not in USD"),
        (page(starting_at="2026-11-10", amount="5", currency="GBP"), "in GBP, not in USD"),
        (b"generation_id,cost_total,tokens_prompt\nx,1,1\n", "item 1 of it has no created_at"),
        (b"\x28\xb5\x2f\xfd....", "packed by zstd"),
        (b'start_time,num_model_requests,output_tokens\n"' + b"x" * (3 << 20), "no CSV"),
    ],
)  # fmt: skip
def test_what_is_no_export_is_one_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    """A wrong file, half a file, a file of another tool."""
    file = tmp_path / "file"
    file.write_bytes(content)
    done = run(file, "--ledger", ledger(tmp_path / "l.sqlite3", month("openai")))
    assert done.exit_code == 2, done.output
    assert said in done.output
    assert str(file) in done.output


@pytest.mark.parametrize("name", ["openai", "anthropic", "openrouter", "xai", "google"])
def test_a_value_of_another_kind_is_read_or_one_sentence(tmp_path: Path, name: str) -> None:
    """Wherever it stands in a page."""
    if name == "xai":
        document: Any = xai(month(name)[:1])
    else:
        made = EXPORTS[name][1](month(EXPORTS[name][0])[:1])
        document = [*map(json.loads, made.splitlines()[:1])] if isinstance(made, str) else made
    file = tmp_path / "page.json"
    told = set()
    for _ in each_strange(document):
        file.write_text(json.dumps(document))
        try:
            with export(file) as opened:
                Read().add(opened.lines)
        except ReconcileError as error:
            told.add(str(error))
    assert len(told) > 3
    assert all(each.startswith(f"{file}: ") for each in told)


def test_pages_of_the_real_shape_are_read_as_the_vendors_package_reads_them(
    tmp_path: Path,
) -> None:
    """The made page has every field that the API's own documents require."""
    page = openai(month("openai"))
    (tmp_path / "page.json").write_text(json.dumps(page))
    kinds = {result["object"] for bucket in page["data"] for result in bucket["results"]}
    assert kinds == {"organization.usage.completions.result", "organization.costs.result"}


# What each kind of export has beside the use of a service: the columns of such a row. The first is
# the one that says so, and what it says of use.
BESIDE: dict[str, dict[str, str]] = {
    "focus": {"ChargeCategory": "Tax", "BilledCost": "1.25", "ChargeDescription": "VAT"},
    "focus, corrected": {"ChargeClass": "Correction", "BilledCost": "1.25"},
    "cur": {"line_item_line_item_type": "Tax", "line_item_unblended_cost": "1.25",
            "line_item_product_code": "AmazonBedrock"},
    "azure": {"chargeType": "Tax", "costInBillingCurrency": "1.25"},
}  # fmt: skip


@pytest.mark.parametrize("name", BESIDE)
def test_a_tax_is_told_beside_the_usage(tmp_path: Path, name: str) -> None:
    """It is no call that went past the proxy, and no other price; an empty line is no row."""
    provider, made = EXPORTS[name.partition(",")[0]]
    calls = month(provider)
    header, *rows = csv.reader(io.StringIO(str(made(calls)).removeprefix("\ufeff")))
    category = next(iter(BESIDE[name]))
    of_use = "null" if category == "ChargeClass" else "Usage"
    usage = [dict(zip(header, row, strict=True)) | {category: of_use} for row in rows]
    file = tmp_path / "bill.csv"
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, list(dict.fromkeys([*header, category])))
        writer.writeheader()
        writer.writerows([*usage, {**usage[-1], **BESIDE[name]}])
        out.write("\n")
    book = ledger(tmp_path / "ledger.sqlite3", calls)
    done = run(file, "--ledger", book, "--provider", provider, "--json")
    assert done.exit_code == 0, done.output
    word = BESIDE[name][category]
    assert json.loads(done.stdout)["beside_usd"] == {word: "1.25"}
    assert (
        f"beside the usage, of no call: {word} +$1.25"
        in run(file, "--ledger", book, "--provider", provider).stderr
    )


def test_an_adjustment_of_google_is_told_beside_the_usage(tmp_path: Path) -> None:
    """As its JSON has it; a credit of a row is taken off its cost."""
    calls = month("google")
    lines = str(EXPORTS["google"][1](calls)).splitlines()
    adjusted = {**json.loads(lines[0]), "cost": -1.5, "cost_type": "adjustment"}
    free = {**json.loads(lines[0]), "cost": 2, "usage": {"amount": 0, "unit": "count"},
            "credits": [{"name": "trial", "amount": -2.0}]}  # fmt: skip
    file = tmp_path / "bill.json"
    file.write_text("\n".join([*lines, json.dumps(adjusted), json.dumps(free)]))
    book = ledger(tmp_path / "ledger.sqlite3", calls)
    done = run(file, "--ledger", book, "--provider", "google", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["beside_usd"] == {"adjustment": "-1.5"}


@pytest.mark.parametrize("amount", ["NaN", "-Infinity", "1e999999999", "1e30"])
@pytest.mark.parametrize("name", ["focus", "openrouter"])
def test_an_amount_that_no_bill_has_is_one_sentence(tmp_path: Path, name: str, amount: str) -> None:
    """Whatever a parser of numbers takes."""
    provider, made = EXPORTS[name]
    calls = month(provider)
    file = tmp_path / "bill"
    if name == "focus":
        header, first, *_ = str(made(calls)).splitlines()
        file.write_text(f"{header}\n{amount},{first.partition(',')[2]}\n")
    else:
        text = json.dumps(made(calls))
        file.write_text(re.sub(r'"prompt_tokens": \d+', f'"prompt_tokens": {amount}', text))
    done = run(file, "--ledger", ledger(tmp_path / "l.sqlite3", calls), "--provider", provider)
    assert done.exit_code == 2, done.output
    assert "no number" in done.output or "is no count" in done.output


def test_columns_of_another_locale_are_named(tmp_path: Path) -> None:
    """`1,234` in a file with semicolons may be a thousand, or a little more than one."""
    file = tmp_path / "bill.csv"
    file.write_text("BilledCost;ChargePeriodStart;SkuMeter\n1,234;2026-11-10;x\n")
    done = run(file, "--ledger", ledger(tmp_path / "l.sqlite3", month("openai")))
    assert done.exit_code == 2
    assert "separated by ';'" in done.output
