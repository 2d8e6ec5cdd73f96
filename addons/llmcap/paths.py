"""Where LLMCap keeps its files on this machine, by the conventions of the system."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def default_ledger() -> Path:
    """The ledger that is used where none is named: one for all of the user's proxies."""
    return data_folder() / "ledger.sqlite3"


def data_folder(
    environ: Mapping[str, str] = os.environ,
    *,
    platform: str = sys.platform,
    home: Path | None = None,
) -> Path:
    """
    The folder for what must survive: the ledger and the key of its fingerprints.

    XDG says that a relative `XDG_DATA_HOME` is to be ignored:
    https://specifications.freedesktop.org/basedir-spec/latest/
    """
    home = home or Path.home()
    if platform == "win32":
        local = environ.get("LOCALAPPDATA")
        return (Path(local) if local else home / "AppData" / "Local") / "llmcap"
    if platform == "darwin":
        return home / "Library" / "Application Support" / "llmcap"
    named = Path(environ.get("XDG_DATA_HOME", ""))
    return (named if named.is_absolute() else home / ".local" / "share") / "llmcap"
