"""
Where the config is.

In this order: the option, the variable `LLMCAP_CONFIG`, `llmcap.yaml` in the folder that the proxy
was started in or in one above it within the same git checkout, and the user's own.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

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
