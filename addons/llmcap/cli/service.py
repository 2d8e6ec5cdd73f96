"""`llmcap service`: the standing proxy, started at every login."""

import os
import shlex
from pathlib import Path

import click

from llmcap.assembly import policy_of, settings_from
from llmcap.authority import stores
from llmcap.cli.output import echo, tell
from llmcap.cli.up import up
from llmcap.launch import service as services
from llmcap.launch import standing
from llmcap.words.errors import ConfigError


@click.group()
def service() -> None:
    """Start `llmcap up` at every login, by systemd or launchd."""


@service.command(context_settings={"ignore_unknown_options": True})
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def install(options: tuple[str, ...], *, yes: bool, dry_run: bool) -> None:
    """
    Install the service; OPTIONS are those of `llmcap up`, such as `--cap 20/day`.

    The proxy and certificate variables of this shell are written into it.
    """
    check(options)
    command = standing.own_command("up", "--foreground", *options)
    made = services.service(command, os.environ, home=Path.home())
    tell(f"{made.path} {'would hold' if dry_run else 'will hold'}:\n")
    echo(made.content.decode())
    _show(made.start)
    if dry_run:
        return
    if not yes:
        click.confirm("Go on?", abort=True, err=True)
    try:
        made.path.parent.mkdir(parents=True, exist_ok=True)
        made.path.write_bytes(made.content)
        # It may hold a proxy's password.
        made.path.chmod(0o600)
    except OSError as error:
        raise ConfigError(f"{made.path}: cannot be written: {error.strerror}") from error
    stores.carry_out(made.start, os.environ)
    tell('Installed. Programs use it with: eval "$(llmcap env)"')


@service.command()
def uninstall() -> None:
    """Stop the service and remove it."""
    made = services.service([], os.environ, home=Path.home())
    if not made.path.exists():
        tell(f"There is no service: {made.path} does not exist")
        return
    _show(made.stop)
    stores.carry_out(made.stop, os.environ)
    made.path.unlink()
    tell(f"Removed {made.path}")


def check(options: tuple[str, ...]) -> None:
    """Whether `llmcap up` would start with them: a service that does not is found out too late."""
    given = up.make_context("llmcap up", list(options)).params
    policy_of(
        settings_from(cap=given["cap"], config=given["config_path"], ledger=given["ledger_path"])
    )


def _show(steps: tuple[stores.Step, ...]) -> None:
    for step in steps:
        tell(f"  {step.says}\n    $ {shlex.join(step.argv)}")
