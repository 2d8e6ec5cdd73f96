"""The ledger lies where the system keeps what a user must not lose."""

from pathlib import Path

import pytest

from llmcap.paths import data_folder, default_ledger

HOME = Path("/home/ada")


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        ("linux", {}, "/home/ada/.local/share/llmcap"),
        ("linux", {"XDG_DATA_HOME": "/data"}, "/data/llmcap"),
        ("linux", {"XDG_DATA_HOME": "relative"}, "/home/ada/.local/share/llmcap"),
        ("linux", {"XDG_DATA_HOME": ""}, "/home/ada/.local/share/llmcap"),
        ("darwin", {"XDG_DATA_HOME": "/data"}, "/home/ada/Library/Application Support/llmcap"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/llmcap"),
        ("win32", {}, "/home/ada/AppData/Local/llmcap"),
    ],
)
def test_folder_follows_the_system(platform: str, environ: dict[str, str], expected: str) -> None:
    """Each system has a place for data, and an environment may move it."""
    assert data_folder(environ, platform=platform, home=HOME) == Path(expected)


def test_ledger_is_a_file_in_that_folder() -> None:
    """The proxy and the commands must mean the same file."""
    assert default_ledger() == data_folder() / "ledger.sqlite3"
