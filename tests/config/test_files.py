"""Which file is the config, and when it has changed."""

from dataclasses import replace
from pathlib import Path

import pytest

from llmcap.budgets.budget import parse_short
from llmcap.config import load
from llmcap.config.files import Source, find, user_folder
from llmcap.words.errors import ConfigError


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """A checkout with a folder in it, and a home; a config can be put into each."""
    found = {"home": tmp_path / "home" / ".config" / "llmcap", "root": tmp_path / "work"}
    found["deep"] = found["root"] / "src" / "deep"
    for folder in found.values():
        folder.mkdir(parents=True, exist_ok=True)
    (found["root"] / ".git").mkdir()
    (tmp_path / "llmcap.yaml").write_text("")
    return found


def found(places: dict[str, Path], option: str = "", **environ: str) -> Path | None:
    """What is found from deep inside the checkout."""
    home = places["home"].parents[1]
    return find(option, environ=environ, folder=places["deep"], home=home)


def test_the_nearest_place_wins(places):
    """Option, variable, folder, checkout, user; never beyond the checkout."""
    assert found(places) is None
    (places["home"] / "llmcap.yaml").write_text("")
    assert found(places) == places["home"] / "llmcap.yaml"
    (places["root"] / "llmcap.yaml").write_text("")
    assert found(places) == places["root"] / "llmcap.yaml"
    (places["deep"] / "llmcap.yaml").write_text("")
    assert found(places) == places["deep"] / "llmcap.yaml"
    assert found(places, LLMCAP_CONFIG="/x.yaml") == Path("/x.yaml")
    assert found(places, "/y.yaml", LLMCAP_CONFIG="/x.yaml") == Path("/y.yaml")


def test_outside_a_checkout_only_the_folder_itself_counts(places):
    """A stray file high up in the tree rules nobody."""
    (places["root"] / ".git").rmdir()
    (places["root"] / "llmcap.yaml").write_text("")
    assert found(places) is None


@pytest.mark.parametrize(
    ("platform", "environ", "folder"),
    [
        ("linux", {}, "/h/.config/llmcap"),
        ("linux", {"XDG_CONFIG_HOME": "/c"}, "/c/llmcap"),
        ("linux", {"XDG_CONFIG_HOME": "c"}, "/h/.config/llmcap"),
        ("darwin", {}, "/h/Library/Application Support/llmcap"),
        ("win32", {"APPDATA": "/r"}, "/r/llmcap"),
        ("win32", {}, "/h/AppData/Roaming/llmcap"),
    ],
)
def test_the_users_folder_is_where_the_system_has_it(platform, environ, folder):
    """By each system's own convention."""
    assert user_folder(environ, platform=platform, home=Path("/h")) == Path(folder)


def test_a_change_is_seen_once(tmp_path):
    """Also where an editor puts another file in the old one's place."""
    path = tmp_path / "llmcap.yaml"
    path.write_text("budgets: [{name: a, cap: 1}]")
    source = Source(path, load(path))
    assert not source.changed()
    (tmp_path / "new").write_text("budgets: [{name: a, cap: 2}]")
    (tmp_path / "new").replace(path)
    assert source.changed()
    assert not source.changed()
    assert [budget.cap for budget in source.load().budgets] == [2 * 10**9]


def test_budgets_of_the_command_line_stay(tmp_path):
    """They come first, as at the start; a new one of their name is an error."""
    path = tmp_path / "llmcap.yaml"
    path.write_text("budgets: [{name: a, cap: 1}]")
    started = load(path)
    started = replace(started, budgets=(parse_short("5/day"), *started.budgets))
    source = Source(path, started)
    path.write_text("budgets: [{name: b, cap: 3}]")
    assert [budget.name for budget in source.load().budgets] == ["cap", "b"]
    path.write_text("budgets: [{name: cap, cap: 3}]")
    with pytest.raises(ConfigError, match="also given on the command line"):
        source.load()


def test_a_file_that_is_gone_or_wrong_is_an_error(tmp_path):
    """The caller keeps what it has."""
    path = tmp_path / "llmcap.yaml"
    path.write_text("")
    source = Source(path, load(path))
    path.write_text("budgets: banana")
    assert source.changed()
    with pytest.raises(ConfigError, match="banana"):
        source.load()
    path.unlink()
    assert source.changed()
    with pytest.raises(ConfigError, match="cannot be read"):
        source.load()
