"""
Our line in Claude Code's status line: an entry in its settings file, put there and taken away.

https://docs.claude.com/en/docs/claude-code/statusline says what the entry looks like.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmcap.words.errors import ConfigError

KEY = "statusLine"


def path(environ: Mapping[str, str]) -> Path:
    """Claude Code's settings of this user."""
    named = environ.get("CLAUDE_CONFIG_DIR")
    return (Path(named) if named else Path.home() / ".claude") / "settings.json"


def entry(command: str) -> dict[str, str]:
    """The entry that runs a command."""
    return {"type": "command", "command": command}


def install(file: Path, command: str, *, force: bool = False) -> None:
    """Add the entry. Raises `ConfigError` for a file that is not understood, or another's entry."""
    settings = _read(file)
    found = settings.get(KEY)
    if found not in (None, entry(command)) and not is_ours(found) and not force:
        raise ConfigError(
            f"{file}: there is a status line already: {json.dumps(found)}\n"
            "hint: --force replaces it, or let your own script run the command that `llmcap "
            "statusline install --dry-run` shows"
        )
    _write(file, {**settings, KEY: entry(command)})


def uninstall(file: Path) -> bool:
    """Take our entry away; False if there is none. Raises `ConfigError`."""
    settings = _read(file)
    if not is_ours(settings.get(KEY)):
        return False
    _write(file, {key: value for key, value in settings.items() if key != KEY})
    return True


def is_ours(found: object) -> bool:
    """Whether an entry runs our status line."""
    return isinstance(found, dict) and "llmcap.screens.statusline" in str(found.get("command"))


def _read(file: Path) -> dict[str, Any]:
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: the settings cannot be read: {error}") from error
    if not isinstance(settings, dict):
        raise ConfigError(f"{file}: the settings are no JSON object")
    return settings


def _write(file: Path, settings: Mapping[str, Any]) -> None:
    """Whole or not at all, and the same file where it is a link into somebody's dotfiles."""
    target = file.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, made = tempfile.mkstemp(dir=target.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as output:
            output.write(json.dumps(settings, indent=2, ensure_ascii=False) + "\n")
        if target.exists():
            Path(made).chmod(target.stat().st_mode & 0o777)
        Path(made).replace(target)
    except OSError as error:
        raise ConfigError(f"{file}: the settings cannot be written: {error.strerror}") from error
