"""`llmcap breaker`: the breakers that are open in running proxies, and closing them by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from llmcap.brakes.watches import State
from llmcap.cli.options import json_option, ledger_option
from llmcap.cli.output import echo_json, echo_table, tell
from llmcap.notices.events import EventLog, events_path
from llmcap.words.rules import BreakerKind


@click.group()
def breaker() -> None:
    """
    Show the breakers that are open, and close them.

    Each proxy has its own; they are seen and closed within about two seconds.
    """


@breaker.command(name="list")
@ledger_option
@json_option
def list_breakers(ledger_path: Path, *, as_json: bool) -> None:
    """List the breakers that are not closed: what they watch, why they opened, until when."""
    now = datetime.now(UTC)
    with _log(ledger_path) as log:
        found = log.breakers() if log is not None else []
    if as_json:
        echo_json(
            [
                {
                    "kind": each.kind,
                    "value": each.value,
                    "state": _state(each.state, each.until, now),
                    "why": each.why,
                    "until": each.until.isoformat(),
                }
                for each in found
            ]
        )
        return
    if not found:
        tell("no breaker is open")
        return
    echo_table(
        ("BREAKER", "OF", "STATE", "UNTIL", "WHY"),
        [
            (
                each.kind,
                each.value,
                _state(each.state, each.until, now),
                f"{each.until.astimezone():%H:%M:%S}",
                each.why,
            )
            for each in found
        ],
    )


@breaker.command(name="close")
@click.argument("kind", required=False, type=click.Choice([str(kind) for kind in BreakerKind]))
@click.option("--value", help="Only the one of this value, as `list` shows it.")
@ledger_option
def close_breakers(kind: str | None, value: str | None, ledger_path: Path) -> None:
    """Close the breakers of KIND, or all of them, in every proxy on this ledger."""
    with _log(ledger_path) as log:
        if log is None:
            tell("no proxy has used this ledger yet")
            return
        log.ask_to_close(kind, value, datetime.now(UTC))
    tell(f"asked the proxies to close {kind or 'all'} breakers{f' of {value}' if value else ''}")


def _state(state: str, until: datetime, now: datetime) -> str:
    """Time alone turns an open one into a half open one."""
    return str(State.HALF_OPEN) if state == State.OPEN and now >= until else state


@contextmanager
def _log(ledger_path: Path) -> Iterator[EventLog | None]:
    path = events_path(str(ledger_path))
    if not Path(path).exists():
        yield None
        return
    log = EventLog(path)
    try:
        yield log
    finally:
        log.close()
