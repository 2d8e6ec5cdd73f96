"""`llmcap prune`: old calls become totals, so that a ledger does not grow for ever."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from llmcap.cli.options import json_option, ledger_option, moment
from llmcap.cli.output import echo_json, tell
from llmcap.ledger import open_ledger
from llmcap.ledger.retention import prune as prune_ledger
from llmcap.words.counts import several
from llmcap.words.errors import ConfigError

# Late results and corrections of calls younger than this still come.
LEAST = timedelta(days=2)


@click.command()
@click.option("--before", default="90d", show_default=True, help="A date, or 90d for so long ago.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@ledger_option
@json_option
def prune(before: str, ledger_path: Path, *, yes: bool, as_json: bool) -> None:
    """
    Replace the rows of old calls by totals per day, model, project, user, customer and key.

    Budgets lose nothing by it, and `llmcap report` sums the totals with the rest. What is lost is
    each single call: `llmcap export` keeps them elsewhere. Proxies may go on meanwhile.
    """
    now = datetime.now(UTC)
    cutoff = moment(before, now=now)
    if cutoff > now - LEAST:
        kept = several(LEAST.days, "day is", "days are")
        raise ConfigError(f"--before {before} is too near: of calls the last {kept} kept")
    if not ledger_path.exists():
        raise ConfigError(f"there is no ledger {ledger_path} yet")
    if not yes:
        question = f"Replace the calls before {cutoff:%Y-%m-%d} in {ledger_path} by totals?"
        click.confirm(question, abort=True, err=True)
    # Opened once as a proxy does: an older ledger gets what it misses.
    open_ledger(ledger_path).close()
    done = prune_ledger(ledger_path, before=cutoff, now=now)
    entries = several(done.entries, "entry", "entries")
    tell(f"{several(done.calls, 'call')} with {entries} became totals")
    if as_json:
        echo_json({"calls": done.calls, "entries": done.entries})
