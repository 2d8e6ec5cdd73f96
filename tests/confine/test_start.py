"""Promise: a confined command is what it would be without, but for its network."""

import os
import resource
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from llmcap.confine.egress import read_egress
from llmcap.confine.start import UnstartableError, start

from .conftest import Ground

# What a process is, in lines; none of it is the network's.
SELF = """
import os, resource, signal, sys
print(os.getuid(), os.geteuid(), os.getgid(), os.getegid(), os.getcwd(), os.umask(0))
print(resource.getrlimit(resource.RLIMIT_NOFILE), os.getpriority(os.PRIO_PROCESS, 0))
print(os.getpgrp(), os.getsid(0), os.getppid())
print(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())))
print([n for n in signal.Signals if signal.getsignal(n) is signal.SIG_IGN])
print(sorted(os.environ.items()))
print(sorted(os.listdir('/proc/self/fd')))
"""


def test_the_command_is_what_it_would_be_without(ground: Ground, tmp_path: Path) -> None:
    """Ids, folder, limits, group, session, signals, variables, open files: every line is equal."""
    environ = {"PATH": os.environ["PATH"], "LANG": "C", "PYTHONDONTWRITEBYTECODE": "1"}
    command = (sys.executable, "-I", "-S", "-c", SELF)
    shell = ("sh", "-c", 'exec "$@" > "$OUT" 2>&1', "sh", *command)
    for name in ("with", "without"):
        more = {**environ, "OUT": str(tmp_path / name)}
        if name == "with":
            assert ground.start(*shell, **more).wait(300) == 0
        else:
            assert subprocess.call(shell, env=more, close_fds=False) == 0
    said = [(tmp_path / name).read_text().replace(name, "") for name in ("with", "without")]
    assert said[0].splitlines() == said[1].splitlines()


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", -9), ("kill -TERM $$", -15)],
)
def test_the_end_is_the_commands_own(ground: Ground, script: str, code: int) -> None:
    """Its exit code, or its signal."""
    assert ground.code("sh", "-c", script) == code


@pytest.mark.parametrize(
    ("command", "number"), [("llmcap-no-such-command", 2), ("/etc/passwd", 13)]
)
def test_a_command_that_cannot_be_run_says_why(ground: Ground, command: str, number: int) -> None:
    """As an errno, from which the shell's exit code follows."""
    with pytest.raises(UnstartableError) as caught:
        ground.start(command)
    assert caught.value.number == number


def test_no_signal_is_blocked_in_the_command(ground: Ground) -> None:
    """Ours are while we wait for its end; those that came before it began are its own."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGINT])
    try:
        assert ground.code("grep", "-q", "^SigBlk:\t0*$", "/proc/self/status") == 0
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# --- the network ---------------------------------------------------------------------------------


def test_a_listener_outside_has_what_is_dialled_inside(ground: Ground) -> None:
    """Any address of the network, by whatever port leads out, and it is known which it was."""
    dial = "import socket, sys; socket.create_connection(('198.19.3.4', 443)).sendall(b'hello')"
    process = ground.start(sys.executable, "-c", dial)
    for listener in ground.inwards[-1].listeners:
        if listener.getsockname() == ("0.0.0.0", 443):
            accepted, _ = listener.accept()
    with accepted:
        assert accepted.getsockname() == ("198.19.3.4", 443)
        assert accepted.recv(9) == b"hello"
    assert process.wait(300) == 0


ELSEWHERE = {
    "an-address": "socket.create_connection(('192.0.2.1', 443))",
    "an-address-of-IPv6": "socket.create_connection(('2001:db8::1', 443))",
    "a-datagram": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
    "another-name-server": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('9.9.9.9', 53))",
    "multicast": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('224.0.0.251', 5353))",
}


@pytest.mark.parametrize("what", ELSEWHERE)
def test_nothing_else_leads_anywhere(ground: Ground, what: str) -> None:
    """It fails at once with "no network", and is counted."""
    program = (
        "import errno, socket, sys, time\n"
        "before = time.monotonic()\n"
        f"try: {ELSEWHERE[what]}\n"
        "except OSError as error:\n"
        # No attempt waits: the shortest that does waits 30 s.
        "    at_once = time.monotonic() - before < 15\n"
        "    sys.exit(7 if at_once and error.errno == errno.ENETUNREACH else str(error))"
    )
    assert ground.code(sys.executable, "-c", program) == 7
    assert ground.inwards[-1].attempts() >= 1


def test_quic_to_a_name_is_refused_at_once(ground: Ground) -> None:
    """The address is there, and nobody takes a datagram on it: clients fall back to TCP."""
    program = (
        "import socket, sys\n"
        "tried = socket.socket(type=socket.SOCK_DGRAM)\n"
        "tried.connect(('198.18.0.2', 443))\n"
        "tried.settimeout(20)\n"
        "try: tried.send(b'x'), tried.recv(1)\n"
        "except ConnectionRefusedError: sys.exit(7)"
    )
    assert ground.code(sys.executable, "-c", program) == 7
    assert ground.inwards[-1].attempts() == 1


def test_the_command_cannot_join_another_network(ground: Ground) -> None:
    """Not even root's, and not even by an open file of that network, which it may be given."""
    program = (
        "import os, sys\n"
        "try: os.setns(int(sys.argv[1]), os.CLONE_NEWNET)\n"
        "except PermissionError: sys.exit(7)"
    )
    outside = os.open("/proc/self/ns/net", os.O_RDONLY)
    os.set_inheritable(outside, True)
    assert ground.code(sys.executable, "-c", program, str(outside)) == 7
    os.close(outside)


def test_a_process_that_leaves_its_group_and_session_is_inside(ground: Ground) -> None:
    """A daemon has the network that it was started in."""
    program = (
        "import os, socket, sys\n"
        "if os.fork(): sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))\n"
        "os.setsid()\n"
        "try: socket.create_connection(('192.0.2.1', 443))\n"
        "except OSError: os._exit(7)"
    )
    assert ground.code(sys.executable, "-c", program) == 7
    assert ground.inwards[-1].attempts() == 1


def test_when_its_way_out_is_closed_the_command_is_told_at_once(ground: Ground) -> None:
    """Nobody waits for a proxy that is gone."""
    program = (
        "import socket, sys\n"
        "sys.stdin.read()\n"
        "try: socket.create_connection(('198.18.0.2', 443))\n"
        "except ConnectionRefusedError: sys.exit(7)"
    )
    read, write = os.pipe()
    script = f'exec {sys.executable} -c "{program}" < /dev/fd/{read}'
    os.set_inheritable(read, True)
    process = ground.start("sh", "-c", script)
    os.close(read)
    ground.inwards.pop().close()
    os.close(write)
    assert process.wait(300) == 7


# --- files ---------------------------------------------------------------------------------------


def test_a_file_is_replaced_for_the_command_alone(ground: Ground, tmp_path: Path) -> None:
    """Outside nothing is mounted, and inside it cannot be seen from where it came."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.write_text("ours\n")
    theirs.write_text("theirs\n")
    mounts = [(ours, theirs)]
    assert ground.start("grep", "-q", "ours", str(theirs), mounts=mounts).wait(300) == 0
    assert theirs.read_text() == "theirs\n"
    assert str(theirs) not in Path("/proc/self/mountinfo").read_text()


# --- ends ----------------------------------------------------------------------------------------

PARENT = """
import subprocess, sys
from llmcap.confine.egress import read_egress
from llmcap.confine.start import start
egress = read_egress(ports=(), reach=(), allow_hosts=(), deny_others=False)
process = start(["sleep", "60"], {"PATH": "/usr/bin:/bin"}, egress=egress, mounts=[], serve=id)
print(process.pid, flush=True)
process.wait()
"""


def test_the_command_dies_with_us(ground: Ground) -> None:
    """Also where we are killed: it could do nothing from then on."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, env=environ
    )
    with parent:
        assert parent.stdout is not None
        watched = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    ended = select.poll()
    ended.register(watched, select.POLLIN)
    assert ended.poll(20_000)
    os.close(watched)


# In a user namespace of its own anybody may forbid more of them; the limit is there for all inside.
FORBIDDEN = "echo 0 > /proc/sys/user/max_user_namespaces && exec"


def test_where_namespaces_are_forbidden_nothing_runs(ground: Ground) -> None:
    """It says so, names the cause, and does not go on without."""
    program = PARENT.replace("sleep", "touch").replace("60", "/tmp/llmcap-was-unconfined")
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", f'{FORBIDDEN} "$@"', "sh", sys.executable, "-c", program],
        env=environ, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert "ConfinementError" in done.stderr
    assert "max_user_namespaces is 0" in done.stderr
    assert not Path("/tmp/llmcap-was-unconfined").exists()


def test_the_limit_of_open_files_is_the_users(ground: Ground) -> None:
    """Ours is raised, for two files a connection; the command has the one that it came with."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert ground.code("sh", "-c", f"test $(ulimit -n) = {soft}") == 0
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] == hard


def test_as_many_listeners_as_there_may_be_are_handed_out(ground: Ground) -> None:
    """With the resolver and the counters in the same message."""
    egress = read_egress(
        ports=range(20_001, 20_251), reach=(), allow_hosts=(), deny_others=False
    )  # fmt: skip
    process = start(["true"], os.environ, egress=egress, mounts=[], serve=ground.inwards.append)
    assert process.wait(300) == 0
    listening = {each.getsockname()[1] for each in ground.inwards[-1].listeners}
    assert listening == set(egress.ports)
    assert ground.inwards[-1].attempts() == 0


def test_a_listener_of_the_loopback_is_there_for_ports_that_are_reached(ground: Ground) -> None:
    """On both of its addresses, where the kernel has IPv6."""
    names = {listener.getsockname()[:2] for listener in ground.inwards[-1].listeners}
    assert ("127.0.0.1", 5432) in names
    assert socket.has_ipv6 == (("::1", 5432) in names)
