"""`llmcap log`: the calls in the ledger, what they used and cost."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import click

from llmcap.cli.fleetwide import books_again, books_option
from llmcap.cli.options import COUNT, json_option, moment
from llmcap.cli.output import echo_json_line, echo_table, tell
from llmcap.ledger import history
from llmcap.ledger.history import PastCall
from llmcap.words.money import format_usd, usd_string

# How often a followed ledger is looked at.
FOLLOW_SECONDS = 0.5

HEADERS = ("TIME", "STATUS", "PROVIDER", "MODEL", "INPUT", "OUTPUT", "COST", "CLIENT", "NOTE")
ALIGNED = "llllrrrll"


@click.command()
@click.option("-n", "--limit", default=20, show_default=True, type=COUNT,
              help="The newest calls to show.")  # fmt: skip
@click.option("--since", metavar="WHEN", help="Only calls from then on: a date, or 24h, 7d.")
@click.option("--project", help="Only calls of this project.")
@click.option("--model", metavar="GLOB", help="Only calls of these models, such as 'claude-*'.")
@click.option("-f", "--follow", is_flag=True, help="Go on with the calls that end from now on.")
@books_option
@json_option
def log(
    limit: int,
    since: str | None,
    project: str | None,
    model: str | None,
    ledger_path: Path,
    *,
    follow: bool,
    as_json: bool,
) -> None:
    """
    Show the newest calls, the oldest of them first.

    A call is held while it is in flight, then settled (its usage is known), assumed (it is not:
    what was metered, or the hold), released (the provider refused, or was never reached) or
    refused by a budget. With --json there is one object a line. Where the config names a treasury,
    they are the calls of its whole fleet, or of one --node.
    """
    start = moment(since, now=datetime.now(UTC)) if since else None
    attributes = {"project": project} if project else {}
    show = _show_json if as_json else _show_table
    with history.reading(ledger_path) as db:
        newest, _ = history.ended_since(db, 2**62)
        found = history.calls(db, limit=limit, since=start, attributes=attributes, model=model)
        show(found[::-1])
        if not found and not follow:
            tell("no calls")
        while follow:
            time.sleep(FOLLOW_SECONDS)
            books_again()
            newest, ended = history.ended_since(db, newest)
            show([call for call in ended if _fits(call, project, model)])


def document(call: PastCall) -> dict[str, Any]:
    """One call as JSON; amounts are decimal strings."""
    return {
        "id": call.id,
        "time": call.at.isoformat(),
        "status": call.state,
        "provider": call.provider,
        "endpoint": call.endpoint,
        "model": call.served_model or call.model,
        "model_asked": call.model,
        "client": call.attributes.get("client"),
        "project": call.attributes.get("project"),
        "usage": {
            name: str(count) if isinstance(count, Decimal) else count
            for name, count in call.usage.items()
        },
        "cost_usd": usd_string(call.cost_nanos),
        "held_usd": usd_string(call.held_nanos),
        "budget": call.budgets[0] if call.budgets else None,
        "budgets": list(call.budgets),
        "attributes": dict(call.attributes),
        "response_id": call.response_id,
        "note": call.note,
    }


def _fits(call: PastCall, project: str | None, model: str | None) -> bool:
    """What `history.calls` selects, for the calls that are followed."""
    if project and call.attributes.get("project") != project:
        return False
    names = [name.lower() for name in (call.model, call.served_model) if name]
    return model is None or any(fnmatchcase(name, model.lower()) for name in names)


def _show_json(calls: Sequence[PastCall]) -> None:
    for call in calls:
        echo_json_line(document(call))


def _show_table(calls: Sequence[PastCall]) -> None:
    if calls:
        echo_table(HEADERS, map(_line, calls), right=ALIGNED)


def _line(call: PastCall) -> tuple[str, ...]:
    cost = format_usd(call.cost_nanos)
    if call.state == "held":
        cost = f"<= {format_usd(call.held_nanos)}"
    return (
        f"{call.at.astimezone():%m-%d %H:%M:%S}",
        call.state,
        call.provider,
        call.served_model or call.model,
        _count(call, "input_tokens"),
        _count(call, "output_tokens"),
        cost,
        call.attributes.get("client", ""),
        call.note,
    )


def _count(call: PastCall, name: str) -> str:
    count = call.usage.get(name)
    return f"{count:,}" if count else ""
