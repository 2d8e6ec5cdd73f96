"""Where real keys are, and what is said of one that is not there."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from llmcap.keys.sources import file_of, read_key
from llmcap.words.errors import ConfigError

SECRET = "sk-proj-Ab3dE6gH9jK2mN5pQ8sT1vW4xY7z"


def read(source: str, **environ: str) -> str:
    """With these variables."""
    return read_key(source, named="openai", environ={"PATH": os.environ["PATH"], **environ})


def test_a_key_is_read_from_each_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the end of its line."""
    (tmp_path / "key").write_text(f"{SECRET}\n")
    kept = {("llm", "me"): SECRET}
    keyring = SimpleNamespace(get_password=lambda service, user: kept.get((service, user)))
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    assert read("env:REAL", REAL=SECRET) == SECRET
    assert read(f"file:{tmp_path / 'key'}") == SECRET
    assert read(f"command:head -n 1 '{tmp_path / 'key'}'") == SECRET
    assert read("keyring:llm/me") == SECRET
    assert file_of(f"file:{tmp_path / 'key'}") == tmp_path / "key"
    assert file_of("env:REAL") is None


@pytest.mark.parametrize(
    ("source", "said"),
    [
        pytest.param("env:REAL", "is empty, or not set", id="variable"),
        pytest.param("file:/nowhere/key", "cannot be read: No such file", id="file"),
        pytest.param("file:/dev/null", "is empty", id="empty-file"),
        pytest.param("command:no-such-program", "No such file", id="program"),
        pytest.param(
            f"command:sh -c 'echo {SECRET} >&2; echo {SECRET}; exit 3'",
            "it ended with 3",
            id="failure",
        ),
        pytest.param("command:echo 'unfinished", "cannot be read", id="quotes"),
        pytest.param("keyring:llm/me", "llmcap-mitmproxy[keyring]", id="keyring"),
    ],
)
def test_a_key_that_is_not_there_is_an_error_without_a_secret(
    source: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that a program printed is repeated."""
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ConfigError) as caught:
        read(source)
    assert said in str(caught.value)
    assert SECRET not in str(caught.value).replace(source, "")
