"""`llmcap key`: the keys that calls come with, by their fingerprints, and names for them."""

import getpass
from pathlib import Path

import click

from llmcap.cli.options import json_option, ledger_option
from llmcap.cli.output import echo_json, echo_table, tell
from llmcap.ledger import history
from llmcap.ledger.names.keys import keys_seen, name_key
from llmcap.ledger.names.table import key_names
from llmcap.words.money import format_usd, usd_string


@click.group()
def key() -> None:
    """Show the keys that calls have come with, and name them for reports and the page."""


@key.command(name="list")
@ledger_option
@json_option
def list_keys(ledger_path: Path, *, as_json: bool) -> None:
    """List the keys, each as its fingerprint; the key itself is stored nowhere."""
    seen = keys_seen(ledger_path)
    with history.reading(ledger_path) as db:
        names = key_names(db)
    found = sorted(seen.items(), key=lambda item: -item[1].cost_nanos)
    if as_json:
        echo_json(
            [
                {"key": each, "name": names.get(each), "calls": sums.calls,
                 "cost_usd": usd_string(sums.cost_nanos)}
                for each, sums in found
            ]
        )  # fmt: skip
        return
    if not found:
        tell("no call has come with a key")
        return
    rows = [
        (each, names.get(each, ""), f"{sums.calls:,}", format_usd(sums.cost_nanos))
        for each, sums in found
    ]
    echo_table(("KEY", "NAME", "CALLS", "COST"), rows, right="llrr")


@key.command(name="name")
@click.argument("fingerprint")
@click.argument("name")
@click.option("--note", default="", help="Why, for those who read the ledger later.")
@ledger_option
def name_one(fingerprint: str, name: str, note: str, ledger_path: Path) -> None:
    """
    Call the key FINGERPRINT by NAME in reports and on the page; an empty NAME takes it away.

    The first digits of the fingerprint suffice, where they are those of one key.
    """
    why = f"by {getpass.getuser()}" + (f" ({note})" if note else "")
    found, before = name_key(ledger_path, fingerprint, name, why=why)
    was = f", it was {before!r}" if before else ""
    tell(f"key {found} is {name.strip()!r} now{was}" if name.strip() else f"key {found}{was}")
