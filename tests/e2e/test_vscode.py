"""The extension for VS Code beside a real `llmcap up`; `scripts/surfaces` packages it too."""

import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fake_provider.process import ROOT

from .test_up import CURL, Shell, shell

EXTENSION = ROOT / "addons" / "vscode"
NODE = shutil.which("node")
SURFACES = ROOT / ".venv-surfaces"
VSCE = SURFACES / "node_modules" / ".bin" / "vsce"
CODE = ROOT / ".venv-vscode"
PROGRAM = ROOT / "tests" / "clients" / "vscode_program.py"
SECONDS = 300  # ends what hangs
CONFIG = (
    "budgets:\n- {name: everything, cap: 0.5, every: day}\n- {name: each, cap: 1, per: model}\n"
)

__all__ = ["shell"]

needs_node = pytest.mark.skipif(NODE is None, reason="there is no Node")


@needs_node
def test_the_status_bar_shows_a_real_proxy_and_changes_it(shell: Shell, tmp_path: Path) -> None:
    """In a window that answers as somebody would: what is asked first, and what is then done."""
    config = tmp_path / "llmcap.yaml"
    config.write_text(CONFIG)
    shell(f"$LLMCAP up --port 0 --page-port 0 --config {config}")
    assert shell(f'eval "$($LLMCAP env)"; {CURL}') == "200"
    command = json.dumps([sys.executable, "-m", "llmcap.cli"])
    done = subprocess.run(
        [NODE, "--test", "--test-reporter=tap", "test/"], cwd=EXTENSION, text=True, check=False,
        env={**shell.environ, "LLMCAP_COMMAND": command}, stdout=subprocess.PIPE, timeout=SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "\n# skipped 0\n" in done.stdout


@pytest.mark.skipif(not (CODE / "made-from").exists(), reason="scripts/surfaces --vscode makes it")
@pytest.mark.skipif(not VSCE.exists(), reason="scripts/surfaces installs vsce")
def test_somebody_in_a_real_vs_code_raises_a_budget(shell: Shell, tmp_path: Path) -> None:
    """In a browser: the bar, its tooltip, the question before it, and the entry in the ledger."""
    config, extension = tmp_path / "llmcap.yaml", tmp_path / "llmcap.vsix"
    config.write_text(CONFIG)
    shell(f"$LLMCAP up --port 0 --page-port 0 --config {config}")
    assert shell(f'eval "$($LLMCAP env)"; {CURL}') == "200"
    subprocess.run([VSCE, "package", "--no-dependencies", "-o", extension], cwd=EXTENSION,
                   check=True, stdout=subprocess.DEVNULL, timeout=SECONDS)  # fmt: skip
    with code_server(shell, tmp_path, extension) as url:
        looked = subprocess.run(
            [SURFACES / "bin" / "python", PROGRAM, url, tmp_path / "vscode.png"], text=True,
            check=False, capture_output=True, timeout=SECONDS,
        )  # fmt: skip
    assert looked.returncode == 0, looked.stderr
    saw = json.loads(looked.stdout)
    assert "spent, " in saw["before"]
    assert "everything" in saw["tooltip"]
    assert "everything raised by $2.00 on the page (from VS Code)" in saw["told"]
    assert saw["after"] != saw["before"]


@contextmanager
def code_server(shell: Shell, folder: Path, extension: Path) -> Iterator[str]:
    """VS Code's server with the extension in it, until the end."""
    settings = folder / "code" / "User" / "settings.json"
    settings.parent.mkdir(parents=True)
    command = [sys.executable, "-m", "llmcap.cli"]
    settings.write_text(json.dumps({"llmcap.command": command, "llmcap.seconds": 1,
                                    "security.workspace.trust.enabled": False}))  # fmt: skip
    node, server = CODE / "node_modules/.bin/node", CODE / "node_modules/code-server"
    where = ("--extensions-dir", folder / "extensions", "--user-data-dir", folder / "code")
    environ = {**shell.environ, "HTTPS_PROXY": ""}
    subprocess.run([node, server, *where, "--install-extension", extension], env=environ,
                   check=True, stdout=subprocess.DEVNULL, timeout=SECONDS)  # fmt: skip
    with subprocess.Popen(
        [node, server, *where, "--auth", "none", "--bind-addr", "127.0.0.1:0",
         "--disable-telemetry", "--disable-update-check", folder],
        env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            line = next(line for line in process.stdout if "HTTP server listening on" in line)
            yield line.partition("listening on ")[2].strip()
        finally:
            os.killpg(process.pid, signal.SIGTERM)


def test_it_depends_on_nothing_and_shows_its_commands() -> None:
    """Plain modules; every command of the package is one that it has."""
    package = json.loads((EXTENSION / "package.json").read_text())
    assert "dependencies" not in package
    assert "devDependencies" not in package
    source = (EXTENSION / "extension.js").read_text()
    for command in package["contributes"]["commands"]:
        assert f'command("{command["command"]}"' in source
    version = (ROOT / "pyproject.toml").read_text().partition('\nversion = "')[2].partition('"')[0]
    assert package["version"] == version


@pytest.mark.skipif(not VSCE.exists(), reason="scripts/surfaces installs vsce")
def test_vsce_packages_what_it_needs_and_no_more(tmp_path: Path) -> None:
    """The real one, as the marketplace wants it."""
    made = tmp_path / "llmcap.vsix"
    packaged = subprocess.run(
        [VSCE, "package", "--no-dependencies", "-o", made], cwd=EXTENSION, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS, env=dict(os.environ),
    )  # fmt: skip
    assert packaged.returncode == 0, packaged.stdout
    assert "WARNING" not in packaged.stdout
    names = {name.removeprefix("extension/") for name in zipfile.ZipFile(made).namelist()}
    assert names == {
        "[Content_Types].xml", "extension.vsixmanifest", "LICENSE.txt", "client.js",
        "extension.js", "package.json", "readme.md", "words.js",
    }  # fmt: skip
