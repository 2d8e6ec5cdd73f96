"""Promise: a command begins small, and can be interrupted from its first moment."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from llmcap.__main__ import confines

# What an interpreter has by itself, what the child is made of, and nothing that is large.
LARGE = {"asyncio", "click", "dataclasses", "json", "pathlib", "re", "subprocess", "typing", "yaml"}

INTERRUPTED = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
"""


def test_what_is_confined_is_forked_before_anything_large_is_there() -> None:
    """Each module would be copied: an empty interpreter has half of what `click` brings."""
    program = "import llmcap.__main__, llmcap.confine.forked, sys; print(*sys.modules)"
    listed = subprocess.run(
        [sys.executable, "-S", "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert LARGE & set(listed.stdout.split()) == set()


@pytest.mark.parametrize(
    ("text", "words", "early"),
    [
        pytest.param("confine: true  # all\n", [], True, id="the-config"),
        pytest.param("confine: true\n", ["--no-confine"], False, id="not-this-time"),
        pytest.param("confine: false\n", [], False, id="not"),
        pytest.param("confine: false\n", ["--confine"], True, id="this-time"),
        pytest.param("", ["--config", "other.yaml"], True, id="another-config"),
        pytest.param("", ["--config=other.yaml"], True, id="in-one-word"),
        pytest.param("confine: true\n", ["--config", "none.yaml"], False, id="none"),
        pytest.param("", ["--config", "~no-such-user/llmcap.yaml"], False, id="nowhere"),
    ],
)
def test_a_config_that_confines_is_as_early_as_the_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: list[str], *, early: bool
) -> None:
    """And a word of the command's own is none of ours."""
    monkeypatch.chdir(tmp_path)
    Path("llmcap.yaml").write_text(text, encoding="utf-8")
    Path("other.yaml").write_text("confine: true\n", encoding="utf-8")
    assert confines(["run", *words, "--", "ls", "--confine"]) is early
    assert not confines(["status", *words])


@pytest.mark.parametrize("name", ["llmcap.cli", "click", "llmcap.launch.run"])
@pytest.mark.parametrize("how", ["--confine", "--no-confine"])
def test_an_interrupt_in_the_first_second_is_one_sentence(
    tmp_path: Path, name: str, how: str
) -> None:
    """Whatever it is at then; nothing has run."""
    (tmp_path / "sitecustomize.py").write_text(INTERRUPTED.format(name=name), encoding="utf-8")
    path = os.pathsep.join((str(tmp_path), *sys.path))
    ended = subprocess.run(
        [sys.executable, "-m", "llmcap", "run", how, "--", "echo", "it ran"],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ended.stdout, ended.stderr) == ("", "llmcap: interrupted\n")
    assert ended.returncode == 128 + signal.SIGINT
