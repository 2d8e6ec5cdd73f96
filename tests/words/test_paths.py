"""The ledger lies where the system keeps what a user must not lose."""

import os
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import llmcap
from llmcap.ledger import open_ledger
from llmcap.notices.events import EventLog, events_path
from llmcap.words.paths import data_folder, default_ledger, finding_us, put_private, secret_in

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


def test_a_process_of_ours_finds_this_very_package() -> None:
    """Before any other of that name, and with whatever else it is to find."""
    ours = str(Path(llmcap.__file__).parents[1])
    assert finding_us({"A": "1"}) == {"A": "1", "PYTHONPATH": ours}
    assert finding_us({"PYTHONPATH": "/x"}) == {"PYTHONPATH": f"{ours}{os.pathsep}/x"}


def test_ledger_is_a_file_in_that_folder() -> None:
    """The proxy and the commands must mean the same file."""
    assert default_ledger() == data_folder() / "ledger.sqlite3"


def test_a_loose_umask_lets_nobody_else_write(tmp_path, monkeypatch):
    """Neither in the data folder, nor in those above it that had to be made, nor in its files."""
    before = os.umask(0)
    try:
        ledger = tmp_path / "share" / "llmcap" / "ledger.sqlite3"
        open_ledger(ledger).close()
        EventLog(events_path(str(ledger))).close()
    finally:
        os.umask(before)
    made = [tmp_path / "share", *(tmp_path / "share").rglob("*")]
    assert len(made) >= 4
    assert {str(path): path.stat().st_mode & 0o077 for path in made} == {
        str(path): 0 for path in made
    }


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_of_those_who_need_a_secret_at_once_all_have_the_same(tmp_path, monkeypatch, links):
    """Nobody reads one that is not written yet, or another than the next who asks."""

    def none(*_: Path) -> None:
        raise OSError(1, "Operation not permitted")

    if not links:
        monkeypatch.setattr(Path, "hardlink_to", none)
    many = 8 if links else 1  # of two without links, one may read what the other replaces
    together = threading.Barrier(many)

    def make() -> bytes:
        together.wait()  # all have seen that there is none
        return secrets.token_bytes(32)

    path = tmp_path / "key"
    with ThreadPoolExecutor(many) as people:
        found = set(people.map(lambda _: secret_in(path, make), range(many)))
    assert found == {path.read_bytes()}
    assert found == {secret_in(path, make)}
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["key"]


def test_a_file_that_cannot_be_put_in_place_leaves_the_one_before(tmp_path, monkeypatch):
    """A full disk is an error, no half of a file, and no remains."""
    path = tmp_path / "kept"
    put_private(path, b"before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("llmcap.words.paths.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        put_private(path, b"after")
    assert path.read_bytes() == b"before"
    assert [each.name for each in tmp_path.iterdir()] == ["kept"]
