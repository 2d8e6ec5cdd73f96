"""Daemons: those that were there before a run, and those that it leaves behind."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from llmcap.launch import strays

PROXY = "http://127.0.0.1:4100"

pytestmark = pytest.mark.skipif(not Path("/proc/net").exists(), reason="needs Linux' /proc")

# Goes into the background as daemons do, tells its number, and waits until it is ended.
DAEMON = """
import os, socket, sys, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
held = socket.create_connection(("127.0.0.1", int(sys.argv[1]))) if sys.argv[1] != "0" else None
print(os.getpid(), flush=True)
os.close(1)
time.sleep(60)
"""


@contextmanager
def daemon(folder: Path, *, port: int = 0, proxy: str = "", **more: str) -> Iterator[int]:
    """A daemon named `hubtool`, perhaps with a connection to a port, and with a proxy."""
    program = folder / "hubtool"
    program.write_text(f"#!{sys.executable}\n{DAEMON}")
    program.chmod(0o755)
    environ = {**os.environ, **more} | ({"HTTPS_PROXY": proxy} if proxy else {})
    done = subprocess.run(
        [str(program), str(port)],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    pid = int(done.stdout)
    try:
        yield pid
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, 9)


def test_what_was_left_behind_and_called_is_stopped_and_the_rest_is_named(tmp_path, listener):
    """One is of no use any more; the other may be at work for somebody."""
    url = f"http://127.0.0.1:{listener}"
    with (
        daemon(tmp_path, port=listener, proxy=url) as caller,
        daemon(tmp_path, proxy=url) as other,
        daemon(tmp_path, port=listener, proxy=PROXY) as stranger,
    ):
        told = strays.stop(url)
        assert [f"(pid {caller})" in each for each in told].count(True) == 1
        assert len(told) == 2
        assert any("stopped" in each for each in told)
        assert alive(other)
        assert alive(stranger)
        assert ends(caller)


def test_a_daemon_that_was_started_apart_for_the_run_goes_with_it_without_a_word(tmp_path):
    """Nobody else can find it; one that another run started is let alone."""
    own, another = strays.apart({}, tmp_path / "own"), strays.apart({}, tmp_path / "another")
    with (
        daemon(tmp_path, proxy=PROXY, **own) as ours,
        daemon(tmp_path, proxy=f"{PROXY}0", **another) as theirs,
    ):
        assert strays.stop(PROXY, tmp_path / "own") == []
        assert ends(ours)
        assert alive(theirs)


def test_a_daemon_that_was_there_before_is_found_by_the_program_that_it_is(tmp_path, monkeypatch):
    """Not one of another name, and not what began after us."""
    with daemon(tmp_path) as pid:
        assert strays.before("hubtool") == []  # it began after this process
        later = strays._Stat(parent=0, terminal=0, started=2**60)
        real = strays._stat
        monkeypatch.setattr(
            strays, "_stat", lambda p, proc: later if p == os.getpid() else real(p, proc)
        )
        found = strays.before("hubtool")
        assert [each.pid for each in found if each.pid == pid] == [pid]
        assert strays.before("othertool") == []
    told = strays.told_of(found)
    assert str(pid) in told
    assert "no call of this command passed through LLMCap" in told


def test_a_known_daemon_is_started_apart_unless_the_user_says_where(tmp_path):
    """Cline's hub: by the file in which it is looked for, and a port that is free."""
    found = strays.apart({}, tmp_path)
    assert found["CLINE_HUB_DISCOVERY_PATH"].startswith(str(tmp_path))
    assert int(found["CLINE_HUB_PORT"]) > 1024
    assert strays.apart({"CLINE_HUB_PORT": "1"}, tmp_path) == {}


def test_nothing_is_known_and_nothing_said_without_proc(tmp_path):
    """As on macOS."""
    assert strays.stop(PROXY, proc=tmp_path) == []
    assert strays.before("cline", proc=tmp_path) == []


@pytest.fixture
def listener() -> Iterator[int]:
    """A port that somebody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def alive(pid: int) -> bool:
    """Whether it runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ends(pid: int) -> bool:
    """Wait for its end."""
    deadline = time.monotonic() + 300
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)
