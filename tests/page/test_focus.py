"""The export for finance: its sums are the ledger's, and the specification's validator agrees."""

import csv
import io
import re
import subprocess
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from llmcap.cli import main
from llmcap.ledger import history, spans
from llmcap.page.focus import COLUMNS

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
