"""Completion: each shell takes the script, and what it asks for is answered."""

import shutil
import subprocess

import pytest
from click.testing import CliRunner

from llmcap.cli import main


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_takes_the_script(shell: str) -> None:
    """Its own parser finds nothing wrong with it."""
    done = CliRunner().invoke(main, ["completion", shell], prog_name="llmcap")
    assert done.exit_code == 0
    assert "llmcap" in done.output
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=done.output, text=True, check=True)


def test_commands_are_completed() -> None:
    """By the variable that the script sets."""
    done = CliRunner().invoke(
        main, [], prog_name="llmcap",
        env={"_LLMCAP_COMPLETE": "bash_complete", "COMP_WORDS": "llmcap do", "COMP_CWORD": "1"},
    )  # fmt: skip
    assert done.output.split() == ["plain,down", "plain,doctor"]
