"""The standing proxy as a service of the user."""

import plistlib
import shutil
import subprocess
from pathlib import Path

import pytest

from llmcap.launch.service import service
from llmcap.words.errors import ConfigError

COMMAND = ("/opt/my python/bin/python", "-m", "llmcap.cli", "up", "--cap", "$5/day", "100%")
ENVIRON = {"HTTPS_PROXY": "http://me:p%40ss@company:3128", "PATH": "/bin", "LLMCAP_CAP": ""}


def test_systemd_runs_the_command_as_it_was_meant(tmp_path: Path) -> None:
    """Spaces are quoted, `%` and `$` are not expanded; only variables that matter are kept."""
    made = service(COMMAND, ENVIRON, home=tmp_path, platform="linux")
    assert made.path == tmp_path / ".config/systemd/user/llmcap.service"
    lines = made.content.decode().splitlines()
    assert 'ExecStart="/opt/my python/bin/python" -m llmcap.cli up --cap "$$5/day" "100%%"' in lines
    assert [line for line in lines if line.startswith("Environment=")] == [
        'Environment="HTTPS_PROXY=http://me:p%%40ss@company:3128"'
    ]
    assert made.start[-1].argv == ("systemctl", "--user", "enable", "--now", "llmcap.service")
    assert made.stop[0].argv == ("systemctl", "--user", "disable", "--now", "llmcap.service")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd on this machine")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    """By its own checker."""
    python = shutil.which("python3") or "/usr/bin/true"
    made = service((python, *COMMAND[1:]), ENVIRON, home=tmp_path, platform="linux")
    unit = tmp_path / made.path.name
    unit.write_bytes(made.content)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", str(unit)],
        capture_output=True, text=True, check=False, env={"HOME": str(tmp_path), "PATH": "/bin",
                                                          "XDG_RUNTIME_DIR": str(tmp_path)},
    )  # fmt: skip
    assert "llmcap.service" not in done.stderr, done.stderr


def test_launchd_gets_an_agent(tmp_path: Path) -> None:
    """A property list needs no quoting."""
    made = service(COMMAND, ENVIRON, home=tmp_path, platform="darwin")
    agent = plistlib.loads(made.content)
    assert agent["ProgramArguments"] == list(COMMAND)
    assert agent["EnvironmentVariables"] == {"HTTPS_PROXY": ENVIRON["HTTPS_PROXY"]}
    assert made.start[0].argv == ("launchctl", "load", "-w", str(made.path))


def test_elsewhere_there_is_no_service(tmp_path: Path) -> None:
    """With what to do instead."""
    with pytest.raises(ConfigError, match="hint: run `llmcap up --foreground`"):
        service(COMMAND, ENVIRON, home=tmp_path, platform="win32")
