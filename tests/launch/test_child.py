"""A command under `child.run` cannot tell that it is not alone: real processes, a real terminal."""

import contextlib
import fcntl
import os
import pty
import select
import shlex
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmcap.launch import child

ADDONS = Path(__file__).resolve().parents[2] / "addons"
ENVIRON = {**os.environ, "PYTHONPATH": str(ADDONS)}

DRIVER = """
import os, sys
from llmcap.launch import child
with child.signals_held():
    try:
        code = child.run(sys.argv[1:], os.environ)
    except child.CommandError as error:
        print(error, file=sys.stderr)
        code = error.code
sys.exit(code)
"""

# Leads a session of its own on the terminal, as a shell does: runs the driver as its foreground
# job, says when it stops, and wakes it.
SHELL = """
import os, signal, subprocess, sys
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
job = subprocess.Popen([sys.executable, "-c", *sys.argv[1:]], process_group=0)
os.tcsetpgrp(0, job.pid)
while True:
    _, status = os.waitpid(job.pid, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        break
    os.tcsetpgrp(0, os.getpgrp())
    print("STOPPED", flush=True)
    os.tcsetpgrp(0, job.pid)
    os.killpg(job.pid, signal.SIGCONT)
print("EXIT", os.waitstatus_to_exitcode(status), flush=True)
"""


def driven(*command: str, **options: Any) -> "subprocess.Popen[str]":
    """The driver with a command, its output in a pipe."""
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER, *command],
        env=ENVIRON, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options,
    )  # fmt: skip


# --- exit codes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "code"),
    [
        pytest.param("exit 0", 0, id="success"),
        pytest.param("exit 1", 1, id="failure"),
        pytest.param("exit 124", 124, id="a-124-of-its-own"),
        pytest.param("kill -KILL $$", 137, id="killed"),
        pytest.param("kill -TERM $$", 143, id="terminated"),
    ],
)
def test_the_exit_code_is_the_commands(script: str, code: int) -> None:
    """128+n for a signal, as shells have it."""
    process = driven("sh", "-c", script)
    process.communicate(timeout=300)
    assert process.returncode == code


def test_one_that_ended_before_anybody_waited_is_not_waited_for() -> None:
    """A child that was made early, and killed before signals were held: its end told nobody."""
    made = child.Started(os.posix_spawn("/bin/sh", ["sh", "-c", "exit 7"], os.environ))
    os.waitid(os.P_PID, made.pid, os.WEXITED | os.WNOWAIT)
    with child.signals_held():
        assert child.run(["sh"], {}, started=lambda _command, _environ: made) == 7


def test_a_command_that_is_not_there_is_127() -> None:
    """Not found in PATH, or no file of that name."""
    for name in ("llmcap-no-such-command", "/nowhere/llmcap"):
        process = driven(name)
        assert process.communicate(timeout=300)[0].startswith(f"{name}: the command is not found")
        assert process.returncode == 127


def test_a_file_that_cannot_be_run_is_126(tmp_path: Path) -> None:
    """It is there, but no program."""
    path = tmp_path / "file"
    path.write_text("text")
    process = driven(str(path))
    assert "cannot be run" in process.communicate(timeout=300)[0]
    assert process.returncode == 126


# --- what is passed through ----------------------------------------------------------------------


def test_pipes_are_the_commands() -> None:
    """Standard input ends where the user's ends."""
    process = driven("cat", stdin=subprocess.PIPE)
    assert process.communicate("through\n", timeout=300)[0] == "through\n"


def test_open_files_are_inherited(tmp_path: Path) -> None:
    """`3> file` of the user's shell works."""
    with (tmp_path / "out").open("w") as file:
        write = f"import os; os.write({file.fileno()}, b'here\\n')"
        process = driven(sys.executable, "-c", write, pass_fds=(file.fileno(),))
        process.communicate(timeout=300)
    assert (tmp_path / "out").read_text() == "here\n"


TRAPS = "trap 'echo got {0}; exit 7' {0}; echo ready; while :; do sleep 0.05; done"


@pytest.mark.parametrize("name", ["TERM", "HUP", "INT", "QUIT", "USR1"])
def test_a_signal_sent_to_us_reaches_the_command(name: str) -> None:
    """`kill` of our process is meant for what runs in it; the exit code is the command's."""
    process = driven("sh", "-c", TRAPS.format(name))
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.Signals[f"SIG{name}"])
    assert process.communicate(timeout=300)[0] == f"got {name}\n"
    assert process.returncode == 7


def test_what_is_ignored_stays_ignored() -> None:
    """Under `nohup` the command survives the end of the terminal."""
    process = driven(
        "sh", "-c", "echo ready; sleep 0.4; echo alive",
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGHUP)
    assert process.communicate(timeout=300)[0] == "alive\n"
    assert process.returncode == 0


def test_no_signal_is_blocked_in_the_command() -> None:
    """The mask under which we wait is ours alone."""
    process = driven("grep", "^SigBlk", "/proc/self/status")
    assert int(process.communicate(timeout=300)[0].split()[1], 16) == 0


# --- the terminal --------------------------------------------------------------------------------


class Terminal:
    """A terminal with a shell on it that runs the driver as its foreground job."""

    def __init__(self, script: str) -> None:
        self.text = ""
        pid, self.descriptor = pty.fork()
        if pid == 0:
            command = [sys.executable, "-c", SHELL, DRIVER, "sh", "-c", script]
            os.execve(sys.executable, command, ENVIRON)
        self.pid = pid

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self.descriptor, keys)

    def resize(self, rows: int, columns: int) -> None:
        """Drag the window's corner."""
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, size)

    def until(self, words: str) -> str:
        """Read until the words stand on the screen; everything so far."""
        deadline = time.monotonic() + 300
        while words not in self.text:
            left = deadline - time.monotonic()
            assert left > 0, f"{words!r} never came: {self.text!r}"
            if select.select([self.descriptor], [], [], left)[0]:
                try:
                    self.text += os.read(self.descriptor, 4096).decode()
                except OSError:
                    raise AssertionError(f"{words!r} never came: {self.text!r}") from None
        return self.text

    def close(self) -> None:
        """End whatever is left."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.descriptor)


@contextlib.contextmanager
def terminal(script: str) -> Iterator[Terminal]:
    """A terminal that is closed in the end."""
    made = Terminal(script)
    try:
        yield made
    finally:
        made.close()


def test_ctrl_c_reaches_the_command_once() -> None:
    """The terminal sends it to both of us: passed on, programs would see a double Ctrl-C."""
    script = "n=0; trap 'n=$((n+1)); echo INT $n' INT; echo ready; sleep 1; sleep 0.4; echo last $n"
    with terminal(script) as screen:
        screen.until("ready")
        screen.type(b"\x03")
        screen.until("INT 1")
        assert "last 1" in screen.until("EXIT 0")


def test_ctrl_c_ends_a_command_that_wants_to_end() -> None:
    """128 + 2; our own process says nothing about it."""
    with terminal("echo ready; exec sleep 300") as screen:
        screen.until("ready")
        screen.type(b"\x03")
        text = screen.until("EXIT 130")
    assert "Traceback" not in text


def test_ctrl_z_stops_both_and_fg_wakes_both(tmp_path: Path) -> None:
    """Job control is the shell's business, and works."""
    end = tmp_path / "end"
    wait = f"while [ ! -e {shlex.quote(str(end))} ]; do sleep 0.05; done"
    with terminal(f"echo ready; {wait}; echo woken") as screen:
        screen.until("ready")
        screen.type(b"\x1a")
        screen.until("STOPPED")
        end.touch()
        assert "woken" in screen.until("EXIT 0")


def test_a_command_that_stops_itself_gives_the_terminal_back() -> None:
    """Full-screen programs do that on Ctrl-Z: the shell must see a stopped job."""
    with terminal("echo ready; kill -STOP $$; echo woken") as screen:
        screen.until("STOPPED")
        assert "woken" in screen.until("EXIT 0")


def test_a_resize_reaches_the_command() -> None:
    """The terminal tells its foreground job, which the command is part of."""
    script = "trap 'stty size; exit 3' WINCH; echo ready; while :; do sleep 0.05; done"
    with terminal(script) as screen:
        screen.until("ready")
        screen.resize(33, 77)
        assert "33 77" in screen.until("EXIT 3")


def test_an_interrupt_just_before_the_command_is_not_forgotten(tmp_path: Path) -> None:
    """The terminal has told nobody but us."""
    made = tmp_path / "made"
    with child.signals_held():
        # As one that came before there was another thread: those of the tests would take it.
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            child.run(["touch", str(made)], os.environ)
    assert not made.exists()


def test_what_ended_before_signals_were_held_is_seen_when_the_command_begins() -> None:
    """Its end told nobody."""
    tended: list[str] = []
    with child.signals_held():
        code = child.run(["sleep", "0.01"], os.environ, tend=lambda: tended.append("once"))
    assert code == 0
    assert tended
