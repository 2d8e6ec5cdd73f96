"""
Where the config is, and whether it has changed.

In this order: the option, the variable `LLMCAP_CONFIG`, `llmcap.yaml` in the folder that the proxy
was started in or in one above it within the same git checkout, and the user's own. One that was
only met in a checkout is in force as far as it is stricter than the user's own, see `trust`.
"""

import dataclasses
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from llmcap.config.settings import load
from llmcap.config.trust import is_trusted, stricter
from llmcap.words.errors import ConfigError
from llmcap.words.paths import Watched
from llmcap.words.records import Policy

FILE_NAME = "llmcap.yaml"


def find(
    option: str = "",
    *,
    environ: Mapping[str, str] = os.environ,
    folder: Path | None = None,
    home: Path | None = None,
) -> Path | None:
    """The config to use, or None where there is none. One that is named need not exist."""
    named = option or environ.get("LLMCAP_CONFIG", "")
    if named:
        return Path(named).expanduser()
    for each in (*_project_folders(folder or Path.cwd()), user_folder(environ, home=home)):
        if (each / FILE_NAME).is_file():
            return each / FILE_NAME
    return None


def user_folder(
    environ: Mapping[str, str] = os.environ,
    *,
    platform: str = sys.platform,
    home: Path | None = None,
) -> Path:
    """Where a user's own config is, by the conventions of the system."""
    home = home or Path.home()
    if platform == "win32":
        roaming = environ.get("APPDATA")
        return (Path(roaming) if roaming else home / "AppData" / "Roaming") / "llmcap"
    if platform == "darwin":
        return home / "Library" / "Application Support" / "llmcap"
    # https://specifications.freedesktop.org/basedir-spec/latest/: a relative path is ignored
    named = Path(environ.get("XDG_CONFIG_HOME", ""))
    return (named if named.is_absolute() else home / ".config") / "llmcap"


def _project_folders(folder: Path) -> list[Path]:
    """The folder and those above it, up to the root of its git checkout; else only itself."""
    folders = [folder, *folder.parents]
    for number, each in enumerate(folders):
        if (each / ".git").exists():
            return folders[: number + 1]
    return folders[:1]


def is_met(
    path: Path,
    option: str = "",
    *,
    environ: Mapping[str, str] = os.environ,
    home: Path | None = None,
) -> bool:
    """Whether nobody named this config: it lies in the checkout that the proxy was started in."""
    named = option or environ.get("LLMCAP_CONFIG", "")
    return not named and path.parent != user_folder(environ, home=home)


def load_met(
    path: Path, *, environ: Mapping[str, str] = os.environ, home: Path | None = None
) -> tuple[Policy, tuple[str, ...]]:
    """
    The policy with a config that was met in a checkout, and which of its settings are left out.

    Raises `ConfigError`, for the user's own config too.
    """
    found = load(path)
    if is_trusted(path, environ=environ):
        return found, ()
    own = user_folder(environ, home=home) / FILE_NAME
    return stricter(load(own) if own.is_file() else Policy(), found)


class Source(Watched):
    """A config file in use: what it says now, with the budgets that the command line added."""

    def __init__(self, path: Path, policy: Policy, *, met: bool = False) -> None:
        super().__init__(path)
        self._met = met
        self.ignored: tuple[str, ...] = ()  # settings of a stranger's file that are not in force
        named = {budget.name for budget in self._load().budgets}
        self._added = tuple(budget for budget in policy.budgets if budget.name not in named)

    def load(self) -> Policy:
        """Its policy now. Raises `ConfigError`."""
        policy = self._load()
        for budget in self._added:
            if any(other.name == budget.name for other in policy.budgets):
                raise ConfigError(
                    f"{self.path}: the budget {budget.name!r} is also given on the command line\n"
                    "hint: rename the budget in the config"
                )
        return dataclasses.replace(policy, budgets=(*self._added, *policy.budgets))

    def _load(self) -> Policy:
        if not self._met:
            return load(self.path)
        policy, self.ignored = load_met(self.path)
        return policy
