"""The export for finance: its sums are the ledger's, and the specification's validator agrees."""

import csv
import io
import re
import subprocess
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from operator import mul
from pathlib import Path

import pytest
from books import demand, scopes
from click.testing import CliRunner

from llmcap.cli import main
from llmcap.ledger import history, spans
from llmcap.ledger.follower import catch_up
from llmcap.ledger.retention import prune
from llmcap.ledger.sqlite import SqliteLedger
from llmcap.page.focus import COLUMNS
from llmcap.page.listed import BILLED, BOOK
from llmcap.pricing import PriceBook
from llmcap.words.records import Ending, Settlement
from llmcap.words.usage import Usage

from .conftest import BUDGETS, made

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


# What was agreed for a call, what the config agrees now, and the list price beside what was billed.
@pytest.mark.parametrize(
    ("share", "now", "times", "basis"),
    [
        ("1", "1", 1, BILLED), ("1", "0.7", 1, BILLED), ("0.5", "0.5", 2, BOOK),
        ("0.8", "1", Decimal("1.25"), BOOK), ("0.8", "0.7", Decimal("1.25"), BOOK),
        ("2", "2", Decimal("0.5"), BOOK), ("2", "1", 1, BILLED),
    ],
)  # fmt: skip
def test_a_price_that_was_agreed_is_billed_and_the_public_one_is_the_list_s(
    tmp_path, path, share, now, times, basis
):
    """Each row at what it was billed, and beside it what the price book asks for the same."""
    rates = PriceBook().find("openai", "gpt-5", datetime.now(UTC)).rates
    three = [rates[name] for name in ("input", "cache_read", "output")]
    usage = Usage(10_000, 3_000, cache_read=4_000)
    listed = sum(map(mul, three, (6_000, 4_000, 3_000))) * 1_000
    cost = int(listed * Decimal(share))
    with closing(SqliteLedger(path)) as opened:
        its = made(1, datetime.now(UTC), "red")
        hold = opened.hold(its, scopes(BUDGETS, its), demand(400_000_000)).hold
        opened.end(hold, Settlement(Ending.SETTLED, cost, usage, "gpt-5"))
    config = tmp_path / "llmcap.yaml"
    config.write_text(AGREED % tuple(rate * Decimal(now) for rate in three))
    (row,) = exported(path, "--config", str(config))
    assert Decimal(row["BilledCost"]) * 10**9 == cost
    assert Decimal(row["ListCost"]) * 10**9 == cost * times
    assert row["x_ListBasis"] == basis
    assert row["ContractedCost"] == row["EffectiveCost"] == row["BilledCost"]


def test_what_was_pruned_is_listed_by_its_tokens_and_the_rest_by_its_calls(tmp_path, path, ledger):
    """The row of a day has both, and its list price is of both."""
    rates = PriceBook().find("openai", "gpt-5", datetime.now(UTC)).rates
    half = [rates[name] / 2 for name in ("input", "cache_read", "output")]
    config = tmp_path / "llmcap.yaml"
    config.write_text(AGREED % tuple(half))
    before = {row["x_ListBasis"] for row in exported(path, "--config", str(config))}
    assert before == {BILLED, BOOK}  # what is assumed is scaled; no usage comes to the others
    catch_up(path)
    later = datetime.now(UTC) + timedelta(days=1)
    prune(path, before=later, now=later)
    rows = exported(path, "--config", str(config))
    assert sum(Decimal(row["PricingQuantity"]) for row in rows) == 6
    assert {row["x_ListBasis"] for row in rows} == {BOOK}
    for row in rows:
        assert Decimal(row["ListCost"]) == pytest.approx(2 * Decimal(row["BilledCost"]))


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
