"""
`llmcap env`, `llmcap down`: the use of the proxy that stands, and its end.

Apart from `up`, which imports what a proxy is made of: `env` is in what a shell runs at its start.
"""

import os
from pathlib import Path

import click

from llmcap.cli.options import json_option
from llmcap.cli.output import echo, echo_json, tell
from llmcap.launch import environment, standing
from llmcap.words.errors import ConfigError

SHELLS = ("sh", "bash", "zsh", "fish", "powershell")


@click.command()
def down() -> None:
    """Stop the standing proxy; calls in flight are settled first."""
    found = standing.find()
    if found is None:
        tell("No proxy is up.")
        return
    standing.stop(found)
    tell("LLMCap is down. Where `llmcap env` was taken, calls fail until it is up again;")
    tell('there, eval "$(llmcap env --unset)" puts back what was set before.')


@click.command()
@click.option(
    "--shell", type=click.Choice(SHELLS), help="For which shell; the default is yours.",
)  # fmt: skip
@click.option("--project", default="", metavar="NAME", help="Count the calls for this project.")
@click.option("--unset", is_flag=True, help="Put back what was set before, and use it no more.")
@json_option
def env(shell: str | None, project: str, *, unset: bool, as_json: bool) -> None:
    """
    Print the variables under which programs use the standing proxy.

    \b
    $ eval "$(llmcap env)"
    $ eval "$(llmcap env --project website)"
    $ eval "$(llmcap env --unset)"
    """  # noqa: D301 - click reads the control character
    values = environment.restored(os.environ) if unset else _values(project)
    if not values:
        raise ConfigError("this shell has no variables of `llmcap env`: there is nothing to unset")
    if as_json:
        echo_json(values)
        return
    shell = shell or Path(os.environ.get("SHELL", "sh")).name
    family = shell if shell in {"fish", "powershell"} else "sh"
    for line in environment.shell_lines(values, shell=family):
        echo(line)


def _values(project: str) -> dict[str, str | None]:
    from llmcap.launch.behind import prepare  # noqa: PLC0415 - large, and `down` needs none of it

    found = standing.find()
    if found is None:
        raise ConfigError("no proxy is up\nhint: `llmcap up` starts one")
    place = prepare(os.environ, found.hosts)
    values = place.variables(os.environ, proxy_url=found.url(project=project))
    return {**environment.remembering(values, os.environ)}
