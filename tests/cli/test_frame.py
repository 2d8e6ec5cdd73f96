"""The command as a whole: quick to start, documented throughout, and no traceback for a mistake."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from llmcap.cli import COMMANDS, main

ADDONS = Path(__file__).resolve().parents[2] / "addons"


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every subcommand, imported."""
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        assert command is not None, name
        yield name, command


def test_every_command_and_option_has_help() -> None:
    """What is not explained in `--help` does not exist for most people."""
    for name, command in commands():
        assert command.help, name
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{name} {parameter.opts}"


def test_overview_names_every_command() -> None:
    """It is printed from the table, without importing them."""
    overview = CliRunner().invoke(main, ["--help"]).stdout
    for name, command in COMMANDS.items():
        assert name in overview
        assert command.summary in overview


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["--help"],
        ["status", "--help"],
        ["log", "--help"],
        ["prices", "openai/gpt-5"],
    ],
    ids=" ".join,
)
def test_quick_commands_import_no_mitmproxy(arguments: list[str]) -> None:
    """It takes half a second, which a status line on every prompt has not."""
    program = (
        f"import sys; sys.path.insert(0, {str(ADDONS)!r}); from llmcap.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: assert not end.code, end\n"
        "heavy = {'mitmproxy', 'tiktoken'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["prices", "no-such-model-9"], "has no price"),
        (["prices", "gpt-5", "--at", "soon"], "'soon' is no time"),
        (["prices", "gpt-5", "--config", "/nowhere.yaml"], "/nowhere.yaml"),
        (["audit", "/nowhere.jsonl"], "/nowhere.jsonl"),
        (["frobnicate"], "frobnicate"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_a_message_and_exit_code_two(arguments: list[str], part: str) -> None:
    """On stderr, so that a pipe gets no half of it."""
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2, result.output
    assert part in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_output_without_a_terminal_has_no_colour() -> None:
    """Neither in a pipe nor in a file."""
    assert "\x1b" not in CliRunner().invoke(main, ["prices"]).stdout
