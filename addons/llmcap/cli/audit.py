"""`llmcap audit`: what recorded traffic cost, without a proxy."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from llmcap.audit import Audited, Auditor
from llmcap.cli.options import config_option, json_option, moment, policy_from
from llmcap.cli.output import echo, echo_json_line, echo_table, tell
from llmcap.money import format_usd
from llmcap.pricing import PriceBook
from llmcap.recordings import read


@click.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--at",
    "when",
    help="Price everything as of this time (`now`, or a date) instead of when it was recorded.",
)
@config_option
@json_option
def audit(
    files: tuple[Path, ...], when: str | None, config_path: Path | None, *, as_json: bool
) -> None:
    """
    Tell what the exchanges recorded in FILES cost.

    FILES are mitmproxy flow files, HAR, or JSON Lines with one exchange a line. Metering and prices
    are those of live traffic. With --json there is one object a line, in order.
    """
    now = datetime.now(UTC)
    auditor = Auditor(
        PriceBook(overrides=policy_from(config_path).prices),
        now=now,
        at=moment(when, now=now) if when else None,
    )
    rows = _rows(files, auditor)
    if as_json:
        for row in rows:
            echo_json_line(row.document())
        return
    _show(list(rows))


def _rows(files: tuple[Path, ...], auditor: Auditor) -> Iterator[Audited]:
    """All files as one recording: what one charged, the next does not charge again."""
    for path in files:
        yield from auditor.audit(read(path))


def _show(rows: list[Audited]) -> None:
    calls = [row for row in rows if row.billable or row.cost_nanos]
    echo_table(
        ("ID", "PROVIDER", "ENDPOINT", "MODEL", "INPUT", "OUTPUT", "COST", "NOTE"),
        [_line(row) for row in calls],
        right="llllrrrl",
    )
    echo("")
    totals: dict[tuple[str, str], list[Audited]] = {}
    for row in calls:
        totals.setdefault((row.provider or "", row.model or ""), []).append(row)
    echo_table(
        ("PROVIDER", "MODEL", "CALLS", "COST"),
        [
            *((*key, str(len(group)), _sum(group)) for key, group in sorted(totals.items())),
            ("all", "", str(len(calls)), _sum(calls)),
        ],
        right="llrr",
    )
    others = len(rows) - len(calls)
    if others:
        tell(f"{others} exchanges cost nothing: free, refused, or no LLM calls")
    unknown = sum(1 for row in calls if row.cost_nanos is None)
    if unknown:
        tell(f"{unknown} calls have no known cost and are not in the sums; their notes say why")


def _line(row: Audited) -> tuple[str, ...]:
    usage = row.usage
    return (
        row.id,
        row.provider or "",
        row.endpoint or "",
        row.model or "",
        f"{usage.input_tokens:,}" if usage else "",
        f"{usage.output_tokens:,}" if usage else "",
        "?" if row.cost_nanos is None else format_usd(row.cost_nanos),
        row.note,
    )


def _sum(rows: list[Audited]) -> str:
    """What is known of their cost; a question mark where nothing is."""
    known = [row.cost_nanos for row in rows if row.cost_nanos is not None]
    return format_usd(sum(known)) if known or not rows else "?"
