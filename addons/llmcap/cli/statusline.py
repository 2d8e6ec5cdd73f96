"""`llmcap statusline`: what is spent and left, in one line, for agents, shells and bars."""

import os
import shlex
import sys
from pathlib import Path

import click

from llmcap.cli.output import echo_json, tell
from llmcap.screens import claude_settings
from llmcap.screens import statusline as line


@click.group(invoke_without_command=True)
@click.option(
    "--format", "form", type=click.Choice(line.FORMATS), default="ansi", show_default=True,
    help="For a terminal, or for one of these.",
)  # fmt: skip
@click.pass_context
def statusline(ctx: click.Context, form: str) -> None:
    """
    Print what is spent and left of the budgets of the proxy at hand, in one line.

    Inside of `llmcap run` that is the run's proxy, elsewhere the one of `llmcap up`. To be shown
    every second, run `python -m llmcap.screens.statusline` instead, which is three times as quick:

    \b
    tmux      set -g status-right '#(python -m llmcap.screens.statusline --format tmux)'
    starship  [custom.llmcap]
              command = "python -m llmcap.screens.statusline --format plain"
              when = true
    waybar    "custom/llmcap": {"exec": "python -m llmcap.screens.statusline --format waybar",
              "return-type": "json", "interval": 5}
    xbar      a script that runs `python -m llmcap.screens.statusline --format xbar`
    """  # noqa: D301 - click reads the control character
    if ctx.invoked_subcommand is None:
        line.main(["--format", form])


@statusline.command()
@click.option("--force", is_flag=True, help="Replace a status line that is not ours.")
@click.option("--dry-run", is_flag=True, help="Only show what would be written.")
@click.option("--file", type=click.Path(path_type=Path), help="Claude Code's settings file.")
def install(file: Path | None, *, force: bool, dry_run: bool) -> None:
    """Show the line in Claude Code."""
    place = file or claude_settings.path(os.environ)
    # The installed program may be called from any folder: name the interpreter in full.
    command = shlex.join([sys.executable, "-m", "llmcap.screens.statusline"])
    if source := os.environ.get("PYTHONPATH"):
        command = f"PYTHONPATH={shlex.quote(source)} {command}"
    tell(f"{place} {'would get' if dry_run else 'gets'} this entry:")
    echo_json({claude_settings.KEY: claude_settings.entry(command)})
    if not dry_run:
        claude_settings.install(place, command, force=force)


@statusline.command()
@click.option("--file", type=click.Path(path_type=Path), help="Claude Code's settings file.")
def uninstall(file: Path | None) -> None:
    """Take the line out of Claude Code again."""
    place = file or claude_settings.path(os.environ)
    gone = claude_settings.uninstall(place)
    tell(f"Removed from {place}" if gone else f"{place} has no status line of ours")
