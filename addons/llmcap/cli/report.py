"""`llmcap report`: what was spent, by any attribute and over any time."""

import contextlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from llmcap.cli.fleetwide import books_option
from llmcap.cli.options import json_option, moment
from llmcap.cli.output import echo_json, echo_table, on_terminal, tell
from llmcap.config.readers import ATTRIBUTES, is_attribute
from llmcap.ledger import history, rollups, spans
from llmcap.ledger.follower import catch_up
from llmcap.ledger.names.table import key_names
from llmcap.ledger.spans import TIMES, Sums
from llmcap.words.counts import several
from llmcap.words.errors import ConfigError, LedgerError
from llmcap.words.money import format_usd, usd_string

BAR_WIDTH = 24

GROUPS = (*TIMES, *ATTRIBUTES, "state", "budget", "node")


class Grouping(click.Choice[str]):
    """What calls can be grouped by: these, and `metadata.NAME`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name as it is."""
        return value if is_attribute(value) else str(super().convert(value, param, ctx))


@click.command()
@click.option(
    "--by",
    "by",
    multiple=True,
    default=("model",),
    show_default=True,
    type=Grouping(GROUPS),
    help="What to group by, metadata.NAME too; more than one groups within.",
)
@click.option("--since", default="30d", show_default=True, help="A date, a time, or 24h for ago.")
@click.option("--until", default="now", show_default=True, help="Likewise.")
@click.option("--project", help="Only this project's calls.")
@click.option("--model", help="Only these models; a glob.")
@click.option("--timezone", help="Where days begin, such as Europe/Berlin; else as this machine.")
@books_option
@json_option
def report(
    by: tuple[str, ...],
    since: str,
    until: str,
    project: str | None,
    model: str | None,
    timezone: str | None,
    ledger_path: Path,
    *,
    as_json: bool,
) -> None:
    """
    Show what was spent: calls, tokens and dollars, the dearest first, and in all.

    Times stand in their order. On a terminal a bar shows each row's share of the dearest one.
    Where the config names a treasury, it is about its whole fleet, or one --node.
    """
    now = datetime.now(UTC)
    wanted: dict[str, Any] = {
        "since": moment(since, now=now),
        "until": moment(until, now=now),
        "attributes": {"project": project} if project else None,
        "model": model,
    }
    found = _sums(ledger_path, by, _zone(timezone, now), wanted)
    with history.reading(ledger_path) as db:
        of_keys = key_names(db) if "key" in by else {}
    if as_json:
        echo_json(
            [
                {**dict(zip(by, key, strict=True)), **_named(by, key, of_keys), **_document(each)}
                for key, each in found.items()
            ]
        )
        return
    if not found:
        tell("no calls in that time")
        return
    draws = on_terminal() and sys.stdout.encoding.lower().startswith("utf")
    drawn = bars([each.cost_nanos for each in found.values()]) if draws else []
    rows = [
        (*_shown(by, key, of_keys), *_figures(each), *drawn[number : number + 1])
        for number, (key, each) in enumerate(found.items())
    ]
    total = _total(list(found.values()))
    last = [""] * bool(drawn)
    rows.append(("in all", *[""] * (len(by) - 1), *_figures(total), *last))
    names = ("CALLS", "REFUSED", "INPUT", "CACHED", "OUTPUT", "COST")
    echo_table(
        (*(name.upper() for name in by), *names, *last), rows, right="l" * len(by) + "rrrrrr"
    )
    if total.assumed:
        calls = several(total.assumed, "call")
        tell(f"the cost of {calls} is a bound, as nobody knows what came of it")


def _sums(
    ledger_path: Path, by: Sequence[str], zone: tzinfo, wanted: dict[str, Any]
) -> dict[tuple[str, ...], Sums]:
    """From the rollups, brought up to date where that may be written; else from every call."""
    if ledger_path.exists():
        with contextlib.suppress(LedgerError):
            catch_up(ledger_path)
    with history.reading(ledger_path) as db:
        if rollups.has_rollups(db):
            found = rollups.sums(db, by, zone=zone, **wanted)
            return {key: each.plain() for key, each in found.items()}
        totals = spans.totals_within(db, **wanted)
        return spans.sums(spans.calls_within(db, **wanted), by, zone=zone, totals=totals)


def bars(costs: Sequence[int], *, width: int = BAR_WIDTH) -> list[str]:
    """
    A bar for each, the largest as wide as there is room; what is not nothing is to be seen.

    >>> bars([100, 50, 1, 0], width=4)
    ['████', '██', '▏', '']
    """
    most = max([*costs, 1])
    return ["█" * (cost * width // most) or "▏" * bool(cost) for cost in costs]


def _zone(name: str | None, now: datetime) -> tzinfo:
    if name is None:
        local = now.astimezone().tzinfo
        assert local is not None
        return local
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(f"{name!r} is not a time zone: expected one like Europe/Berlin") from None


def _named(by: Sequence[str], key: Sequence[str], names: Mapping[str, str]) -> dict[str, str]:
    found = names.get(key[by.index("key")]) if "key" in by else None
    return {"key_name": found} if found else {}


def _shown(by: Sequence[str], key: Sequence[str], names: Mapping[str, str]) -> tuple[str, ...]:
    """A key by its name, and its fingerprint behind it."""
    return tuple(
        f"{names[value]} ({value})" if name == "key" and value in names else value
        for name, value in zip(by, key, strict=True)
    )


def _figures(each: Sums) -> tuple[str, ...]:
    return (
        f"{each.calls:,}",
        f"{each.refused:,}",
        f"{each.input_tokens:,}",
        f"{each.cached_tokens:,}",
        f"{each.output_tokens:,}",
        format_usd(each.cost_nanos),
    )


def _document(each: Sums) -> dict[str, object]:
    figures: dict[str, object] = asdict(each)
    del figures["cost_nanos"]
    return {**figures, "cost_usd": usd_string(each.cost_nanos)}


def _total(found: list[Sums]) -> Sums:
    return Sums(*(sum(getattr(each, name) for each in found) for name in Sums.__slots__))
