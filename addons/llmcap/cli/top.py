"""`llmcap top`: budgets, calls in flight and recent calls, live. Needs Textual, an extra."""

from datetime import UTC, datetime
from pathlib import Path

import click

from llmcap.cli.options import Number, json_option, ledger_option
from llmcap.cli.output import echo_json
from llmcap.screens.cockpit import snapshot
from llmcap.words.errors import ConfigError

SECONDS = Number[float]("number of seconds", click.FloatRange(min=0.1))


@click.command()
@ledger_option
@click.option(
    "--every", "seconds", type=SECONDS, default=1.0, show_default=True,
    help="Seconds between two looks at the ledger.",
)  # fmt: skip
@json_option
def top(ledger_path: Path, seconds: float, *, as_json: bool) -> None:
    """
    Watch budgets, burn, calls in flight and recent calls; no proxy has to run.

    Keys: `+` raises the chosen budget by a tenth of its cap, for its window; `p` pauses it, or
    resumes it; `q` leaves. With --json one look is printed.
    """
    if as_json:
        look = snapshot(ledger_path, datetime.now(UTC))
        echo_json({
            "time": look.at.isoformat(),
            "burn": look.burn,
            "held": look.held,
            "budgets": [line.cells for line in look.budgets],
            "in_flight": look.in_flight,
            "recent": look.recent,
        })  # fmt: skip
        return
    snapshot(ledger_path, datetime.now(UTC))  # a ledger that cannot be read is told on the terminal
    try:
        from llmcap.cli.screen import Top  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ConfigError(
            "`llmcap top` needs Textual, which is not installed\n"
            "hint: pip install 'llmcap-mitmproxy[top]'; `llmcap status` and `llmcap log -f` do "
            "without"
        ) from error
    Top(ledger_path, seconds=seconds).run()
