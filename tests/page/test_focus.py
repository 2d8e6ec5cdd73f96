"""The export for finance: its sums are the ledger's, and the specification's validator agrees."""

import csv
import io
import re
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from llmcap.cli import main
from llmcap.config import book_of, resolve, yamldoc
from llmcap.ledger import history, spans
from llmcap.ledger.changes import Rollup
from llmcap.page import focus
from llmcap.page.focus import COLUMNS
from llmcap.pricing import PriceBook

VALIDATOR = Path(__file__).parents[2] / ".venv-surfaces" / "bin" / "focus-validator"
VERSION = "1.2.0.1"
SECONDS = 600  # ends what hangs


def exported(path, *more: str) -> list[dict[str, str]]:
    """The rows of the export."""
    result = CliRunner().invoke(main, ["export", "--format", "focus", "--ledger", str(path), *more])
    assert result.exit_code == 0, result.output
    return list(csv.DictReader(io.StringIO(result.stdout)))


def test_the_rows_come_to_what_the_calls_cost(path, ledger):
    """Measured and assumed apart; what was refused, or is in flight, is no charge."""
    rows = exported(path)
    with history.reading(path) as db:
        cost = sum(call.cost_nanos for call in spans.calls_within(db))
    assert sum(Decimal(row["BilledCost"]) for row in rows) * 10**9 == cost
    assert sum(Decimal(row["PricingQuantity"]) for row in rows) == 6
    bounds = [row for row in rows if row["x_Measured"] == "false"]
    assert [row["BilledCost"] for row in bounds] == ["0.100000004"]
    assert {row["SubAccountId"] for row in rows} == {"red", '<img src=x onerror="alert(1)">'}
    for row in rows:
        begin = datetime.fromisoformat(row["ChargePeriodStart"])
        end = datetime.fromisoformat(row["ChargePeriodEnd"])
        assert (end - begin).days == 1
        assert datetime.fromisoformat(row["BillingPeriodStart"]) <= begin < datetime.now(UTC)


AGREED = 'prices: {openai/gpt-5: {input: "%s", cache_read: "%s", output: "%s"}}'


@pytest.mark.parametrize(("share", "times"), [("1", 1), ("0.5", 2), ("2", Decimal("0.5"))])
def test_a_price_that_was_agreed_is_billed_and_the_public_one_is_the_list_s(
    path, ledger, tmp_path, share, times
):
    """Each row at what it was billed, and beside it what the price book asks for the same."""
    rates = PriceBook().find("openai", "gpt-5", datetime.now(UTC)).rates
    agreed = [rates[name] * Decimal(share) for name in ("input", "cache_read", "output")]
    config = tmp_path / "llmcap.yaml"
    config.write_text(AGREED % tuple(agreed))
    for row in exported(path, "--config", str(config)):
        assert Decimal(row["ListCost"]) == pytest.approx(Decimal(row["BilledCost"]) * times)
        assert row["x_ListBasis"] == (focus.BILLED if times == 1 else focus.BOOK)
        assert row["ContractedCost"] == row["EffectiveCost"] == row["BilledCost"]


def test_what_is_free_by_agreement_has_its_list_price_and_what_no_list_has_none(path, ledger):
    """The tokens at the public rates; a model that only the config knows is at its own price."""
    now, sums = datetime.now(UTC), Rollup(cost_nanos=0, input_tokens=10**6, output_tokens=0)
    free = resolve(yamldoc.parse(AGREED % (0, 0, 0), file="llmcap.yaml"))
    prices = focus.Prices(book_of(free), PriceBook())
    rate = PriceBook().find("openai", "gpt-5", now).rates["input"]
    facts = {"provider": "openai", "model": "gpt-5"}
    assert prices.list_nanos(facts, sums, now) == (rate * 10**9, focus.BOOK)
    own = {"provider": "openai", "model": "of-our-own"}
    assert prices.list_nanos(own, replace(sums, cost_nanos=7), now) == (7, focus.NONE)


def test_every_row_has_every_column_and_none_runs_in_a_spreadsheet(path, ledger):
    """Also where nothing was spent."""
    rows = exported(path)
    assert all(list(row) == list(COLUMNS) for row in rows)
    assert not [value for row in rows for value in row.values() if value.startswith(("=", "@"))]
    assert exported(path, "--until", "2000-01-01") == []


@pytest.mark.skipif(not VALIDATOR.exists(), reason="scripts/surfaces installs the validator")
def test_the_validator_of_the_specification_finds_nothing_wrong(path, ledger, tmp_path):
    """The real one, with the rules that it brings, and no network."""
    file = tmp_path / "focus.csv"
    exported(path, "--output", str(file))
    result = subprocess.run(
        [VALIDATOR, "--data-file", file, "--validate-version", VERSION, "--block-download"],
        capture_output=True, text=True, timeout=SECONDS, check=False,
        cwd=next(VALIDATOR.parents[1].glob("lib/*/site-packages")),  # it has its tables there
    )  # fmt: skip
    # Its exit code is 0 whatever it finds.
    found = re.search(r"Total: \d+ \| Pass: (\d+) \| Fail: (\d+)", result.stdout)
    assert found, result.stdout[-2000:] + result.stderr[-2000:]
    assert int(found[1]) > 100
    failed = re.findall(r"^- ([\w-]+): violations=", result.stdout, re.MULTILINE)
    # It cannot know whether an invoice was issued, and takes it that there was one.
    assert failed == ["InvoiceId-C-005-C"], result.stdout.partition("--- Failures")[2]
