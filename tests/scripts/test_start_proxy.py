"""`scripts/run`: what is wrong is said before a tool is told of a proxy that will not be there."""

import os
import socket
import sys
from pathlib import Path

import pytest

import start_proxy


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> list[str]:
    """Type `scripts/run WORDS...`: the command line of mitmdump that it would become."""
    commands: list[list[str]] = []
    monkeypatch.setattr(sys, "argv", ["scripts/run", *words])
    monkeypatch.setattr(os, "execv", lambda _, command: commands.append(command))
    start_proxy.main()
    [command] = commands
    return command


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--cap", "5$"], "the option cap: '5$' is not a cap"),
        (["--cap", "5/dya"], "is it day? expected once"),
        (["--config", "CONFIG"], "CONFIG:1: budget: there is no setting of this name; is it budg"),
        (["--config", "NONE"], "NONE: the config cannot be read"),
        (["--port", "BUSY"], "cannot be listened on"),
    ],
    ids=" ".join,
)
def test_a_mistake_is_one_sentence(
    words: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With exit code 2, and nothing on stdout that somebody would export."""
    monkeypatch.chdir(tmp_path)
    Path("CONFIG").write_text("budget: []\n")
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        with pytest.raises(SystemExit) as ended:
            run(monkeypatch, *(port if word == "BUSY" else word for word in words))
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("scripts/run: ")
    assert said in err


def test_a_port_that_is_free_is_named_to_the_tool(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With `--port 0` the address that is shown is the one that mitmdump is given."""
    command = run(monkeypatch, "--port", "0", "--cap", "5")
    port = command[command.index("--listen-port") + 1]
    assert int(port) > 0
    assert f"export HTTPS_PROXY='http://127.0.0.1:{port}'" in capsys.readouterr().out
