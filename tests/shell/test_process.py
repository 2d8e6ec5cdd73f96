"""The program behind a socket, and the git checkout that it works in."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from llmcap.shell import process
from llmcap.shell.process import PROC, Owners, is_local, program_name, project_of

linux = pytest.mark.skipif(not (PROC / "net").is_dir(), reason="this system has no /proc")

CLIENT = """
import socket, sys
family = socket.AF_INET6 if sys.argv[1] == "6" else socket.AF_INET
with socket.socket(family) as client:
    client.connect((sys.argv[2], int(sys.argv[3])))
    client.recv(1)
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder deep in a git checkout named alpha."""
    folder = tmp_path / "alpha" / "src" / "deep"
    folder.mkdir(parents=True)
    (tmp_path / "alpha" / ".git").mkdir()
    (folder / "sweep.py").write_text(CLIENT)
    return folder


def connected(checkout: Path, listener: socket.socket, version: str, host: str):
    """A program of its own that is connected to the listener, and our end of that."""
    port = listener.getsockname()[1]
    child = subprocess.Popen(
        [sys.executable, "-u", "sweep.py", version, host, str(port)], cwd=checkout
    )
    listener.settimeout(300)
    accepted, peer = listener.accept()
    return child, accepted, peer


@linux
@pytest.mark.parametrize(
    ("version", "host", "bound"),
    [("4", "127.0.0.1", "127.0.0.1"), ("6", "::1", "::1"), ("6", "::ffff:127.0.0.1", "127.0.0.1")],
    ids=["ipv4", "ipv6", "ipv4 through ipv6"],
)
def test_a_program_is_found_by_its_socket(checkout, version, host, bound, monkeypatch):
    """With the name of its script, its folder, and the git checkout around it; again at once."""
    try:
        family = socket.AF_INET6 if ":" in bound else socket.AF_INET
        listener = socket.create_server((bound, 0), family=family)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with listener:
        child, accepted, peer = connected(checkout, listener, version, host)
        with accepted:
            owners = Owners()
            owner = owners.find(peer[:2], accepted.getsockname()[:2])
            assert owner is not None
            assert (owner.pid, owner.program) == (child.pid, "sweep")
            assert (owner.cwd, owner.project) == (str(checkout), "alpha")
            with monkeypatch.context() as nobody_else:
                nobody_else.setattr(process, "_pids", lambda _: pytest.fail("all were looked at"))
                assert owners.find(peer[:2], accepted.getsockname()[:2]) == owner
        child.wait(300)


@linux
def test_a_connection_that_is_gone_has_no_owner(checkout):
    """A client that has hung up is not known, which is no failure."""
    assert Owners().find(("127.0.0.1", 1), ("127.0.0.1", 2)) is None


def test_a_client_on_another_machine_is_not_looked_for(tmp_path):
    """Only loopback addresses have a process here."""
    assert Owners(tmp_path).find(("192.0.2.7", 5000), ("127.0.0.1", 8080)) is None
    assert is_local("127.0.0.1")
    assert is_local("::1")
    assert is_local("::ffff:127.0.0.1")
    assert not is_local("192.0.2.7")
    assert not is_local("example.com")


@linux
def test_garbage_in_proc_is_nobody(tmp_path):
    """A kernel that tells other things than expected costs an attribute, not a call."""
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").write_text("sl local\n 0: zz\n\n 1: a b c d e f g h i j\n")
    assert Owners(tmp_path).find(("127.0.0.1", 1), ("127.0.0.1", 2)) is None


def test_without_proc_lsof_is_asked(tmp_path, monkeypatch):
    """macOS: the pid from the connection, then that process's folder."""
    (tmp_path / "beta" / ".git").mkdir(parents=True)
    answers = {
        "-iTCP:5000": "p7\ncmitmdump\nn127.0.0.1:8080->127.0.0.1:5000\n"
        "p41\ncclaude\nn127.0.0.1:5000->127.0.0.1:8080\n",
        "-a": f"p41\nfcwd\nn{tmp_path / 'beta'}\n",
    }

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        said = next(answer for key, answer in answers.items() if key in command)
        return subprocess.CompletedProcess(command, 0, said, "")

    monkeypatch.setattr(process.shutil, "which", lambda *_, **__: "/usr/sbin/lsof")
    monkeypatch.setattr(process.subprocess, "run", run)
    owner = Owners(tmp_path / "no-proc").find(("127.0.0.1", 5000), ("127.0.0.1", 8080))
    assert owner == process.Owner(41, "claude", str(tmp_path / "beta"), "beta")


def test_without_proc_and_lsof_nobody_is_known(tmp_path, monkeypatch):
    """As on Windows."""
    monkeypatch.setattr(process.shutil, "which", lambda *_, **__: None)
    assert Owners(tmp_path).find(("127.0.0.1", 5000), ("127.0.0.1", 8080)) is None


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["/usr/local/bin/claude", "-p", "hi"], "claude"),
        (["/usr/bin/python3.12", "-u", "/srv/agents/sweep.py"], "sweep"),
        (["python", "-m", "pytest", "-q"], "pytest"),
        (["python3", "-c", "import this"], "python3"),
        (["node", "--inspect", "/usr/lib/codex.js"], "codex"),
        (["bun"], "bun"),
        (["MyApp"], "myapp"),
        ([""], ""),
        ([], ""),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value) or "nothing",
)
def test_a_program_has_the_name_that_people_call_it(words, name):
    """Of a script its own, not its interpreter's."""
    assert program_name(words) == name


def test_a_project_is_the_nearest_git_checkout(checkout, tmp_path):
    """A worktree has a file in place of the folder, and counts by its own name."""
    assert project_of(str(checkout)) == "alpha"
    (checkout / ".git").write_text("gitdir: elsewhere")
    assert project_of(str(checkout)) == "deep"
    assert project_of("") == ""
    assert project_of("relative/folder") == ""
