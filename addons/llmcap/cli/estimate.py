"""`llmcap estimate`: what a proxy would hold for one request, without sending it."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from llmcap.audit.recordings import request_to
from llmcap.cli.options import cap_option, config_option, json_option, moment, rules_from
from llmcap.cli.output import echo, echo_json, echo_table, tell
from llmcap.rehearsal import Rehearsed, Stage, Verdict, exact_usd
from llmcap.words.errors import ConfigError
from llmcap.words.money import format_usd


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--url", required=True, help="Where the request would go, with its query.")
@click.option("--method", default="POST", show_default=True, help="Its method.")
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="NAME: VALUE",
    help="One of its headers, as `anthropic-beta: context-1m`; may be given several times.",
)
@click.option("--at", "when", default="now", show_default=True, help="Prices as of this time.")
@cap_option
@config_option
@json_option
def estimate(
    file: str,
    url: str,
    method: str,
    headers: tuple[str, ...],
    when: str,
    cap: str | None,
    config_path: Path | None,
    *,
    as_json: bool,
) -> None:
    """
    Tell what would be held for a request whose body is in FILE (`-`: on stdin).

    It goes through the walk of live traffic under the budgets of the config and --cap, of which
    nothing is spent yet: how much is held, composed of what and who bounds each part, whether the
    call is admitted, clamped, refused or passed (holds nothing), and why. Nothing is sent.
    The exit code is 1 where it is refused, 2 where nothing can be said.
    """
    now = datetime.now(UTC)
    policy, prices = rules_from(config_path, cap)
    body = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    request = request_to(url, method=method, headers=dict(map(_header, headers)), body=body)
    stage = Stage(prices, policy, now=now)
    try:
        found = stage.request(request, moment(when, now=now))
    finally:
        stage.close()
    if as_json:
        echo_json(found.document())
    else:
        _show(found)
    if found.verdict is Verdict.REFUSED:
        sys.exit(1)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise ConfigError(f"{text!r} is no header: write it like `anthropic-version: 2023-06-01`")
    return name.strip().lower(), value.strip()


def _show(found: Rehearsed) -> None:
    if found.parts:
        echo_table(
            ("PART", "MOST", "USD", "BOUNDED BY"),
            [
                (
                    part.what,
                    f"{part.most:,}",
                    exact_usd(part.nanos),
                    part.by + (f", as {part.unbounded}" if part.unbounded else ""),
                )
                for part in found.parts
            ],
            right="lrrl",
        )
        echo("")
    held = "" if found.held_nanos is None else f" {format_usd(found.held_nanos)} is held"
    why = f" ({found.reason})" if found.reason else ""
    echo(f"{found.verdict}{why}{':' if held else ''}{held}")
    if found.message:
        echo(found.message)
    for text in found.told:
        tell(text)
