"""`llmcap watch`: what watched budgets would have stopped, and which caps would have sufficed."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import click

from llmcap.cli.options import json_option, ledger_option, moment
from llmcap.cli.output import echo_json, echo_table, tell
from llmcap.ledger import history, watched
from llmcap.words.counts import several
from llmcap.words.money import format_usd, usd_string
from llmcap.words.records import Budget, CapUnit

SHOWN = 50


@click.group()
def watch() -> None:
    """See what a budget would do before it does it: `mode: watch`, or `llmcap up --watch`."""


@watch.command()
@click.option("--since", default="7d", show_default=True, help="A date, a time, or 24h for ago.")
@ledger_option
@json_option
def report(since: str, ledger_path: Path, *, as_json: bool) -> None:
    """
    Say which calls would have been refused, clamped or made to wait, when, and for whom.

    Then, of each budget, the smallest cap that would have let all of them pass: the most that was
    spent and held at once in one of its windows.
    """
    begin = moment(since, now=datetime.now(UTC))
    with history.reading(ledger_path) as db:
        found = list(watched.would_have(db, since=begin))
        peaks = [
            (budget, peak)
            for budget, run in history.definitions(db)
            for peak in watched.peaks(db, budget, since=begin, run_id=run)
        ]
    if as_json:
        echo_json({
            "calls": [
                {
                    "id": each.call.id, "time": each.call.at.isoformat(), "would": each.what,
                    "why": each.said, "model": each.call.model,
                    "project": each.call.attributes.get("project"),
                    "cost_usd": usd_string(each.call.cost_nanos),
                }
                for each in found
            ],
            "caps": [
                {
                    "budget": budget.name, "value": peak.value, "mode": str(budget.mode),
                    "unit": str(budget.unit), "cap": _amount(budget, budget.cap),
                    "would_suffice": _amount(budget, peak.most),
                }
                for budget, peak in peaks
            ],
        })  # fmt: skip
        return
    counts = Counter(each.what for each in found)
    tell(
        f"since {begin.astimezone():%F %H:%M}: {several(counts['refused'], 'call')} would have "
        f"been refused, {counts['clamped']:,} clamped, {counts['wait']:,} made to wait"
    )
    if found:
        echo_table(
            ("TIME", "MODEL", "PROJECT", "COST", "WHAT"),
            [
                (
                    f"{each.call.at.astimezone():%m-%d %H:%M:%S}",
                    each.call.model,
                    each.call.attributes.get("project", ""),
                    format_usd(each.call.cost_nanos),
                    each.said,
                )
                for each in found[:SHOWN]
            ],
            right="lllrl",
        )
    if not peaks:
        tell("no budget has counted a call in that time")
        return
    echo_table(
        ("BUDGET", "MODE", "CAP", "WOULD SUFFICE"),
        [
            (
                f"{budget.name} ({peak.value})" if peak.value else budget.name,
                str(budget.mode),
                _shown(budget, budget.cap),
                _shown(budget, peak.most),
            )
            for budget, peak in peaks
        ],
        right="llrr",
    )


def _shown(budget: Budget, amount: int) -> str:
    """In full: a cap that is rounded down does not suffice."""
    if budget.unit is CapUnit.USD:
        return f"${usd_string(amount)}"
    return f"{amount:,} {budget.unit}"


def _amount(budget: Budget, amount: int) -> str | int:
    return usd_string(amount) if budget.unit is CapUnit.USD else amount
