"""Exports in the shapes that vendors document, with faults: each is found, and nothing else."""

import gzip
import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from llmcap.cli import main

from .bills import DAYS, EXPORTS, Billed, changed, ledger, month, openai

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


def test_pages_of_the_real_shape_are_read_as_the_vendors_package_reads_them(
    tmp_path: Path,
) -> None:
    """The made page has every field that the API's own documents require."""
    page = openai(month("openai"))
    (tmp_path / "page.json").write_text(json.dumps(page))
    kinds = {result["object"] for bucket in page["data"] for result in bucket["results"]}
    assert kinds == {"organization.usage.completions.result", "organization.costs.result"}
