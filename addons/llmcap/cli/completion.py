"""`llmcap completion`: the script that lets a shell complete commands and options."""

import click
from click.shell_completion import get_completion_class

from llmcap.cli.output import echo

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_LLMCAP_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """
    Print the script that completes `llmcap` in SHELL.

    \b
    bash  echo 'eval "$(llmcap completion bash)"' >> ~/.bashrc
    zsh   echo 'eval "$(llmcap completion zsh)"' >> ~/.zshrc
    fish  llmcap completion fish > ~/.config/fish/completions/llmcap.fish
    """  # noqa: D301 - click reads the control character
    kind = get_completion_class(shell)
    assert kind is not None, shell
    echo(kind(ctx.find_root().command, {}, "llmcap", VARIABLE).source())
