"""`llmcap metrics`: what Prometheus and Grafana need to watch a ledger."""

import time
from datetime import UTC, datetime
from pathlib import Path

import click

from llmcap.cli.options import ledger_option
from llmcap.cli.output import echo, echo_json
from llmcap.page import metrics as page_metrics
from llmcap.page.access import Role, secret_for, token_for
from llmcap.page.monitoring import grafana as board

RULES = Path(board.__file__).with_name("alerts.yml")
YEAR_SECONDS = 365 * 86_400


@click.group()
def metrics() -> None:
    """
    Watch a ledger with Prometheus: `/metrics` of the page, on loopback.

    \b
    scrape_configs:
    - job_name: llmcap
      authorization: {credentials: TOKEN}
      static_configs: [{targets: ["127.0.0.1:8378"]}]

    Labels are names of budgets and providers, never a key and never a value of `per`.
    """  # noqa: D301 - click reads the control character


@metrics.command()
@ledger_option
def show(ledger_path: Path) -> None:
    """Print the metrics as they are now."""
    echo(page_metrics.text(ledger_path, datetime.now(UTC)).decode().rstrip("\n"))


@metrics.command()
@ledger_option
def token(ledger_path: Path) -> None:
    """Print a token for the scraper: a viewer's, for a year."""
    secret = secret_for(ledger_path)
    echo(token_for(Role("viewer"), secret, now=time.time(), seconds=YEAR_SECONDS))


@metrics.command()
def rules() -> None:
    """Print alert rules for Prometheus."""
    echo(RULES.read_text(encoding="utf-8").rstrip("\n"))


@metrics.command()
def grafana() -> None:
    """Print a dashboard for Grafana to import."""
    echo_json(board.dashboard())
