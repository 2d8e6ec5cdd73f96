"""Our entry in Claude Code's settings."""

import json
from pathlib import Path

import pytest

from llmcap.screens import claude_settings
from llmcap.words.errors import ConfigError

COMMAND = "/usr/bin/python -m llmcap.screens.statusline"


def test_it_comes_and_goes_and_the_rest_stays(tmp_path: Path) -> None:
    """In the same order, in a file with the same rights."""
    file = tmp_path / "settings.json"
    before = '{\n  "model": "opus",\n  "env": {\n    "A": "ü"\n  }\n}\n'
    file.write_text(before)
    file.chmod(0o600)
    claude_settings.install(file, COMMAND)
    claude_settings.install(file, COMMAND)
    assert json.loads(file.read_text())["statusLine"] == {"type": "command", "command": COMMAND}
    assert file.stat().st_mode & 0o777 == 0o600
    assert claude_settings.uninstall(file)
    assert file.read_text() == before
    assert not claude_settings.uninstall(file)


def test_a_new_file_is_made(tmp_path: Path) -> None:
    """For who has no settings yet."""
    file = tmp_path / ".claude" / "settings.json"
    claude_settings.install(file, COMMAND)
    assert json.loads(file.read_text()) == {"statusLine": claude_settings.entry(COMMAND)}


def test_a_link_into_dotfiles_stays_one(tmp_path: Path) -> None:
    """The file that it leads to is changed."""
    (tmp_path / "dotfiles.json").write_text("{}")
    (tmp_path / "settings.json").symlink_to(tmp_path / "dotfiles.json")
    claude_settings.install(tmp_path / "settings.json", COMMAND)
    assert (tmp_path / "settings.json").is_symlink()
    assert "statusLine" in (tmp_path / "dotfiles.json").read_text()


def test_anothers_status_line_is_not_replaced_in_silence(tmp_path: Path) -> None:
    """Nor taken away."""
    file = tmp_path / "settings.json"
    file.write_text('{"statusLine": {"type": "command", "command": "mine.sh"}}')
    with pytest.raises(ConfigError, match=r"mine\.sh.*\n?hint: --force"):
        claude_settings.install(file, COMMAND)
    assert not claude_settings.uninstall(file)
    claude_settings.install(file, COMMAND, force=True)
    assert COMMAND in file.read_text()


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_file_that_is_not_understood_is_left_alone(tmp_path: Path, text: str) -> None:
    """It may hold comments, or be half written."""
    file = tmp_path / "settings.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"settings\.json: the settings"):
        claude_settings.install(file, COMMAND)
    assert file.read_text() == text


def test_the_folder_can_be_another_one() -> None:
    """Claude Code's own variable says so."""
    assert claude_settings.path({"CLAUDE_CONFIG_DIR": "/c"}) == Path("/c/settings.json")
    assert claude_settings.path({}) == Path.home() / ".claude" / "settings.json"
