"""The page on budgets: every config in it works, every command and key in it exists."""

import re
from pathlib import Path

import click
import pytest

from llmcap.cli import main
from llmcap.config import ATTRIBUTES, resolve, yamldoc
from llmcap.config.budgets import KINDS
from llmcap.words.records import Policy
from llmcap.words.rules import Action, BreakerKind, EventKind

PAGE = Path(__file__).resolve().parents[2] / "addons" / "llmcap" / "config" / "README.md"
TEXT = PAGE.read_text(encoding="utf-8")
CONFIGS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
COMMANDS = re.findall(r"^\$ llmcap (.+?)(?:  +#.*)?$", TEXT, re.MULTILINE)


@pytest.mark.parametrize("text", CONFIGS, ids=lambda text: text.split("\n")[1].strip()[:30])
def test_every_config_is_right(text):
    """Who copies one starts with it."""
    policy = resolve(yamldoc.parse(text, file="budgets.md"))
    assert policy != Policy(), "it says nothing"


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_exists(line):
    """With the options that the page gives it; `run` has a program of its own behind it."""
    words = re.findall(r'"[^"]*"|\S+', line)
    command: click.Command = main
    context = click.Context(main)
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None, line
        command = found
    options = {name for option in command.params for name in option.opts}
    for word in words:
        if word == "--":
            break
        if word.startswith("-"):
            assert word in options, line


@pytest.mark.parametrize("name", [*KINDS, *ATTRIBUTES, *EventKind, *BreakerKind, *Action], ids=str)
def test_everything_that_a_config_can_say_is_told(name):
    """A key that is not documented does not exist for most people."""
    assert f"`{name}`" in TEXT or f"{{{name}:" in TEXT


def test_the_page_has_a_recipe_for_each_case():
    """One developer, a team, a job, a sweep, customers, rates."""
    titles = re.findall(r"^### (.+)$", TEXT, re.MULTILINE)
    assert len(titles) == 6
    assert len(CONFIGS) >= 6
