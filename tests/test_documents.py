"""Promise: what the documents of this project name is there."""

import re
from pathlib import Path

import pytest

from llmcap.cli import main

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for folder in ("*.md", "addons/**/*.md", "pricing/*.md")
    for path in ROOT.glob(folder)
)
NAMED = re.compile(
    r"`((?:addons|pricing|scripts|tests|findings)/[\w./-]+|(?:pricing|scripts|tests))"
)
LINKED = re.compile(r"\]\((?!https?:|#)([^)#]+)")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_path_in_a_document_exists(name: str) -> None:
    """A path in a sentence, a command or behind a link leads somewhere: no document outlives it."""
    document = ROOT / name
    text = document.read_text(encoding="utf-8")
    paths = [ROOT / path for path in NAMED.findall(text)]
    paths += [document.parent / path for path in LINKED.findall(text)]
    assert [str(path) for path in paths if not path.exists()] == []


def test_the_readme_names_every_command() -> None:
    """Nobody has to find one by accident."""
    table = (ROOT / "README.md").read_text("utf-8").partition("\n## Commands\n")[2]
    table = table.partition("\n## ")[0]
    named = {name.split()[0] for name in re.findall(r"`([a-z]+[^`]*)`", table)}
    assert sorted(main.commands.keys() - named) == []


def test_contributing_answers_a_dozen_questions() -> None:
    """Each row of *Where do I change* names a file or a folder."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.partition("### Where do I change")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ") and "---" not in line]
    answers = [row for row in rows if row.strip("| ")]
    assert len(answers) >= 12
    assert [row for row in answers if not NAMED.search(row)] == []
