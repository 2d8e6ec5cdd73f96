"""`llmcap doctor`: whether LLMCap can do its work, here and for the command at hand."""

import os
import sys
from pathlib import Path

import click

from llmcap.checkup import doctor as checks
from llmcap.checkup.doctor import Row, Status
from llmcap.cli.options import config_option, json_option, ledger_option
from llmcap.cli.output import echo, echo_json, styled, tell
from llmcap.config import files

COLOURS = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "red"}


@click.command(context_settings={"allow_interspersed_args": False})
@click.option("--fix", is_flag=True, help="Mend what can be mended without risk.")
@click.option("--confine", is_flag=True, help="Try COMMAND in a network of its own.")
@ledger_option
@config_option
@json_option
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def doctor(
    ledger_path: Path,
    config_path: Path | None,
    command: tuple[str, ...],
    *,
    fix: bool,
    confine: bool,
    as_json: bool,
) -> None:
    """
    Check config, certificate, ledger, clock, prices, variables and tools; then COMMAND, if any.

    COMMAND is started without a terminal, behind a proxy that lets nothing through, and ended
    again: this shows whether its calls go through the proxy and whether it trusts it. It costs
    nothing.

    The exit code is 1 if a row says FAIL.
    """
    failed = False
    rows: list[Row] = []
    if command and not as_json:
        tell("Nothing is sent to a provider while this runs.")
    config = config_path or files.find()
    examined = checks.examine(
        os.environ, ledger=ledger_path, config=config, command=command, confine=confine
    )
    for found in examined:
        row = _fixed(found) if fix and found.fix else found
        failed |= row.status is Status.FAIL
        rows.append(row)
        if not as_json:
            _show(row)
    if as_json:
        echo_json([
            {"status": row.status, "check": row.check, "text": row.text, "mend": row.mend or None}
            for row in rows
        ])  # fmt: skip
    sys.exit(1 if failed else 0)


def _fixed(row: Row) -> Row:
    assert row.fix is not None
    try:
        row.fix()
    except OSError as error:
        return Row(row.status, row.check, f"{row.text}; not mended: {error}", row.mend)
    return Row(Status.OK, row.check, f"mended: {row.text}")


def _show(row: Row) -> None:
    mark = styled(f"{row.status:<4}", fg=COLOURS[row.status], bold=True)
    first, *more = row.text.splitlines()
    echo(mark, f"  {row.check:<12} {first}")
    for line in more:
        echo(f"{'':19}{line}")
    if row.mend:
        echo(f"{'':19}-> {row.mend}")
