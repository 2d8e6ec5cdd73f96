"""`llmcap ledger`: seal the entries, and find what was changed since."""

from datetime import UTC, datetime
from pathlib import Path

import click

from llmcap.cli.options import json_option, ledger_option
from llmcap.cli.output import echo, echo_json, tell
from llmcap.ledger import history
from llmcap.ledger.seals import chain
from llmcap.words.counts import several
from llmcap.words.errors import LedgerError


@click.group()
def ledger() -> None:
    """
    Seal the ledger, and verify that nothing was edited in it.

    A chain of hashes covers the entries; `llmcap up` adds to it as calls end. Whoever can write the
    file can make another chain, so keep a seal elsewhere, and verify against it. What `llmcap
    prune` leaves is signed with a key beside the ledger, whose public half is in the seal.
    """


@ledger.command()
@ledger_option
@json_option
def seal(ledger_path: Path, *, as_json: bool) -> None:
    """Seal all entries, and print the seal: a line to keep elsewhere."""
    found = chain.seal_all(ledger_path, datetime.now(UTC))
    if found is None:
        tell("the ledger is empty: there is nothing to seal")
        return
    if as_json:
        echo_json({"seal": str(found)})
    else:
        echo(str(found))


@ledger.command()
@click.argument("kept", required=False, metavar="[SEAL]")
@ledger_option
@json_option
def verify(kept: str | None, ledger_path: Path, *, as_json: bool) -> None:
    """
    Find the first entry that was altered, removed or put in between.

    SEAL is one that `llmcap ledger seal` printed and that was kept elsewhere. Without it, only what
    is not right by itself is found.
    """
    expected = chain.parse_seal(kept) if kept else None
    with history.reading(ledger_path) as db:
        found = chain.verify(db, expected)
    if as_json:
        echo_json({
            "fault": found.fault or None, "seals": found.seals, "entries": found.entries,
            "pruned": found.pruned, "unsealed": found.unsealed,
        })  # fmt: skip
    if found.fault:
        raise LedgerError(f"{ledger_path} was edited: {found.fault}")
    entries = several(found.entries, "entry", "entries")
    are = "is as it was" if found.entries == 1 else "are as they were"
    pruned = f", {found.pruned:,} of them pruned since" if found.pruned else ""
    tell(
        f"{entries} under {several(found.seals, 'seal')} {are} sealed{pruned}; "
        f"{several(found.unsealed, 'is', 'are')} not sealed yet"
    )
