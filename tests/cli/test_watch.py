"""`llmcap watch report`: what it says to people."""

from datetime import UTC, datetime

import pytest
from books import budget, call, demand, scopes, settled
from click.testing import CliRunner

from llmcap.cli import main
from llmcap.ledger.sqlite import SqliteLedger

BUDGETS = (budget("$9/month", name="all"), budget("9k tokens/month", name="tokens"))


@pytest.mark.parametrize("nanos", [37_016_100, 999_999_999, 2_000_000_000])
def test_the_cap_that_would_suffice_is_told_in_full(tmp_path, nanos):
    """Rounded to four digits it would refuse the last call."""
    path = tmp_path / "ledger.sqlite3"
    ledger = SqliteLedger(path)
    ledger.define(BUDGETS)
    its = call(at=datetime.now(UTC))
    hold = ledger.hold(its, scopes(BUDGETS, its), demand(nanos, tokens=1_500)).hold
    ledger.end(hold, settled(nanos, tokens=1_500))
    ledger.close()
    result = CliRunner().invoke(main, ["watch", "report", "--ledger", str(path)])
    assert result.exit_code == 0, result.output
    told = {line.split()[0]: line.split("   ")[-1].strip() for line in result.output.splitlines()}
    assert told["tokens"].endswith("1,500 tokens")
    assert told["all"].endswith("$" + f"{nanos / 10**9:.9f}".rstrip("0").rstrip("."))
