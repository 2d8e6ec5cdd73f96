"""
Whether the config has changed, and what of it is in force. Where it is: see `words.configfile`.

One that was only met in a checkout is in force as far as it is stricter than the user's own, see
`trust`.
"""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

from llmcap.config.settings import load
from llmcap.config.trust import is_trusted, stricter
from llmcap.words.configfile import FILE_NAME, find, user_folder
from llmcap.words.errors import ConfigError
from llmcap.words.paths import Watched
from llmcap.words.records import Policy

__all__ = ["FILE_NAME", "Source", "find", "is_met", "load_met", "user_folder"]


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
