"""
Promise: a confined command spends nothing past the proxy, whatever it reads, ignores or tries.

The programs here have no proxy variable at all, and those that can be told to ignore variables are.
"""

import fcntl
import json
import os
import pty
import shlex
import shutil
import socket
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import CLIENTS
from .people import CALL, COMMAND_SECONDS, CURL, URL, User

NOTHING = "0.00001"  # below what a single call can cost

FETCH = f"""
const body = JSON.stringify({json.dumps(CALL)})
const headers = {{authorization: "Bearer sk-fake"}}
fetch({URL!r}, {{method: "POST", body, headers}}).then(r => console.log(r.status))
"""

PYTHON = f"""
import asyncio, json, os, ssl
for name in list(os.environ):
    if "proxy" in name.lower():
        del os.environ[name]
import aiohttp, httpx, requests, urllib.request
URL, BODY = {URL!r}, {json.dumps(CALL)!r}.encode()
HEADERS = {{"authorization": "Bearer sk-fake", "content-type": "application/json"}}
print(urllib.request.urlopen(urllib.request.Request(URL, BODY, HEADERS)).status)
session = requests.Session()
session.trust_env = False
print(session.post(URL, BODY, headers=HEADERS, verify=os.environ["SSL_CERT_FILE"]).status_code)
print(httpx.post(URL, content=BODY, headers=HEADERS, trust_env=False,
                 verify=ssl.create_default_context()).status_code)
async def main():
    async with aiohttp.ClientSession() as session:
        async with session.post(URL, data=BODY, headers=HEADERS) as answer:
            print(answer.status)
asyncio.run(main())
"""


JOBS = """
set -m
sleep 1000 &
kill -STOP %1; until jobs | grep Stopped; do sleep 0.02; done
kill -CONT %1; kill -KILL %1; wait %1
echo "ended $?"
stty size
cat
echo "left $?"
exit 7
"""


def test_a_terminal_and_its_jobs_are_as_without(user: User) -> None:
    """Stopped and gone on, ended by a key that is pressed, and the size of the window."""
    pid, terminal = pty.fork()
    if pid == 0:
        words = [sys.executable, "-m", "llmcap", "run", "--confine", "--cap", "1", "--"]
        os.execve(sys.executable, [*words, "bash", "--norc", "-c", JOBS], user.environ)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
    shown, pressed = b"", False
    while True:
        if not pressed and b"33 77" in shown:
            os.write(terminal, b"typed\n\x04")  # a line, and the end of it
            pressed = True
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # nobody has the other end any more
            break
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 7, shown
    text = shown.decode().replace("\r", "")
    for said in ("Stopped", "ended 137", "33 77", "typed", "left 0", "LLMCap: 0 calls"):
        assert said in text, text


def wget() -> tuple[str, ...]:
    """With no settings of its own."""
    return (
        "wget", "-q", "-O", os.devnull, "--server-response", "--no-proxy", URL,
        f"--post-data={json.dumps(CALL)}", "--header=authorization: Bearer sk-fake",
    )  # fmt: skip


@pytest.fixture(autouse=True)
def confinable() -> None:
    """Skips where this kernel confines nobody."""
    done = subprocess.run(["unshare", "-Urn", "true"], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("no user namespaces here")


# --- whatever it reads or ignores ----------------------------------------------------------------


def test_programs_that_read_no_variable_are_metered_to_the_nano_dollar(user: User) -> None:
    """curl told of no roots, wget told of no proxy, and Node, whose fetch would ignore one."""
    script = [f"env -i PATH=$PATH {shlex.join(CURL)}"]
    calls = 1
    if shutil.which("wget"):
        script.append(f"env -i PATH=$PATH {shlex.join(wget())}")
        calls += 1
    if shutil.which("node"):
        script.append(f"node -e {shlex.quote(FETCH)}")
        calls += 1
    report = user.home / "report.json"
    words = ("--confine", "--cap", "1", "--report", str(report))
    done = user.run(*words, "--", "sh", "-c", " && ".join(script))
    assert done.returncode == 0, done.stderr
    document = json.loads(report.read_text())
    assert document["calls"] == calls
    assert document["confined"] is True
    assert user.spent_nanos() == user.provider.nanos() > 0


def test_a_python_that_deletes_all_proxy_variables_is_metered(user: User) -> None:
    """Also with clients that are told not to trust their environment."""
    if not CLIENTS.exists():
        pytest.skip("the clients' environment is not made: run scripts/test once")
    done = user.run("--confine", "--cap", "1", "--", str(CLIENTS), "-c", PYTHON)
    assert done.stdout.split() == ["200"] * 4, done.stderr
    assert user.spent_nanos() == user.provider.nanos() > 0


# Asks for a name and does not wait; what it asks next is answered after that.
HASTY = """
import socket
server = open('/etc/resolv.conf').read().split('nameserver')[1].split()[0]
question = b'\\1\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\3api\\6openai\\3com\\0\\0\\1\\0\\1'
for _ in range(5):
    with socket.socket(type=socket.SOCK_DGRAM) as asked:
        asked.sendto(question, (server, 53))
socket.getaddrinfo('api.openai.com', 443)
"""


def test_a_name_for_which_nobody_waits_is_no_attempt_past_the_proxy(user: User) -> None:
    """A slow machine's programs give up early: our late answers are counted by the kernel."""
    done = user.run("--confine", "--cap", "1", "--", sys.executable, "-I", "-c", HASTY)
    assert done.returncode == 0, done.stderr
    assert "past the proxy" not in done.stderr


def test_at_the_cap_it_is_refused_with_our_sentence(user: User) -> None:
    """And nobody is asked for it: no connection was opened."""
    call = [word for word in CURL if word not in {"-o", os.devnull}]
    done = user.run("--confine", "--cap", NOTHING, "--", *call)
    assert "LLMCap stopped this call" in done.stdout
    assert done.returncode == 124
    assert "1 refused" in done.stderr
    assert "past the proxy" not in done.stderr  # nothing that programs do all the time is one
    assert user.company.targets == []
    assert user.provider.nanos() == 0


def test_other_hosts_pass_undecrypted_and_are_in_the_list(user: User) -> None:
    """The client sees the server's own certificate; without a place in the list, no server."""
    there = "https://fal.run/v1/models"
    call = shlex.join(["curl", "-sS", "--cacert", str(user.provider.ca), "-w", "%{http_code}",
                       "-o", os.devnull, there])  # fmt: skip
    config = user.home / "llmcap.yaml"
    config.write_text("pass_hosts: [fal.run]\nconfine: true\n")
    done = user.run("--config", str(config), "--", "sh", "-c", call)
    assert done.stdout == "200", done.stderr
    rules = ("--deny-other-hosts", "--allow-host", "*.example.com")
    done = user.run("--config", str(config), *rules, "--", "sh", "-c", call)
    assert done.returncode == 6  # curl: could not resolve host
    assert "fal.run, which it may not reach" in done.stderr
    assert user.company.targets == ["fal.run:443"]


# --- whatever it tries ---------------------------------------------------------------------------

TRIES = """
import os, socket, sys
def fails(kind, address, *names):
    with socket.socket(kind, socket.SOCK_STREAM) as tried:
        try:
            tried.connect(address)
            tried.recv(1) or sys.exit(f"{address}: an end without an error")
            sys.exit(f"{address} answered")
        except OSError as error:
            print(type(error).__name__, error.errno)
PORT, HOST = int(sys.argv[1]), "api.openai.com"
fails(socket.AF_INET, ("127.0.0.1", PORT))                # the provider, on the loopback outside
fails(socket.AF_INET, ("192.0.2.1", 443))                 # an address
fails(socket.AF_INET6, ("2001:db8::1", 443))              # an address of IPv6
fails(socket.AF_INET, ("198.19.1.1", 443))                # one that stands for no name
fails(socket.AF_INET, (socket.gethostbyname(HOST), 444))  # a port that leads nowhere
"""


def test_who_dials_past_the_proxy_spends_nothing(user: User) -> None:
    """By number, by another port, over the loopback, from a daemon: an error at once, counted."""
    daemon = f"setsid {sys.executable} -c {shlex.quote(TRIES)} {user.provider.port}"
    done = user.run("--confine", "--cap", "1", "--", "sh", "-c", f"{daemon} | cat")
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "ConnectionRefusedError", "OSError", "OSError", "ConnectionResetError",
        "ConnectionRefusedError",
    ], done.stderr  # fmt: skip
    assert "at least 3 attempts past the proxy were stopped" in done.stderr
    assert user.provider.nanos() == 0
    assert user.company.targets == []


# --- what is let through -------------------------------------------------------------------------


@pytest.fixture
def neighbour() -> Iterator[int]:
    """A server on the loopback of this machine that greets first; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    client.sendall(b"hello\n")
                    client.sendall(client.recv(100).upper())

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(300)


def test_a_port_of_this_machine_is_reached_where_it_was_named(user: User, neighbour: int) -> None:
    """A database, a language server: also one that speaks first."""
    program = (
        "import socket, sys\n"
        "with socket.create_connection(('localhost', int(sys.argv[1]))) as c:\n"
        "    print(c.recv(100)); c.sendall(b'bye'); print(c.recv(100), c.recv(100))"
    )
    call = (sys.executable, "-c", program, str(neighbour))
    done = user.run("--confine", "--reach", str(neighbour), "--", *call)
    assert done.stdout == "b'hello\\n'\nb'BYE' b''\n", done.stderr
    done = user.run("--confine", "--", *call)
    assert "ConnectionRefusedError" in done.stderr


# --- around it -----------------------------------------------------------------------------------


def test_a_run_inside_is_counted_once_and_the_status_line_finds_its_proxy(user: User) -> None:
    """The inner proxy's calls arrive at the outer one by their names, like any other's."""
    inner = (sys.executable, "-m", "llmcap", "run", "--cap", "2", "--", *CURL)
    line = (sys.executable, "-m", "llmcap", "statusline", "--format", "plain")
    script = f"{shlex.join(inner)} && {shlex.join(line)}"
    done = user.run("--confine", "--cap", "1", "--", "sh", "-c", script)
    assert done.stdout.startswith("200\n$0.0000"), done.stderr
    assert user.spent_nanos() == user.provider.nanos() > 0
    assert "of $2.00 left" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        pytest.param(["--confine", "--", "no-such-command"], 127, "is not found", id="not-there"),
        pytest.param(["--reach", "5432", "--", "true"], 125, "add --confine", id="not-confined"),
    ],
)
def test_what_cannot_be_run_has_the_code_of_a_shell(
    user: User, words: list[str], code: int, said: str
) -> None:
    """As without."""
    done = user.run(*words)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == code


def test_where_namespaces_are_forbidden_it_is_125_and_nothing_ran(user: User) -> None:
    """Never unconfined."""
    mark = user.home / "mark"
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    done = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", forbid, "sh", sys.executable, "-m", "llmcap",
         "run", "--confine", "--", "touch", str(mark)],
        env=user.environ, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 125
    assert "max_user_namespaces is 0" in done.stderr
    assert not mark.exists()


def test_nothing_is_left_but_our_own_folder(user: User) -> None:
    """No mount, no path, no process; and it forked before it had threads, else Python tells."""
    user.more["PYTHONWARNINGS"] = "always:::llmcap.confine.forked"
    mounts = Path("/proc/self/mountinfo").read_text()
    done = user.run("--confine", "--", "sh", "-c", "echo $$")
    assert not Path(f"/proc/{done.stdout.strip()}").exists()
    assert "multi-threaded" not in done.stderr
    assert Path("/proc/self/mountinfo").read_text() == mounts
    assert [path.name for path in user.home.iterdir()] == ["data"]
    assert [path.name for path in (user.home / "data").iterdir()] == ["llmcap"]


def test_the_doctor_tries_a_command_in_a_network_of_its_own(user: User) -> None:
    """It sees calls that go round any proxy without, and what was tried past it."""
    dial = "exec 3<>/dev/tcp/192.0.2.1/443"
    script = f"bash -c {shlex.quote(dial)} 2>&1; env -i PATH=$PATH {shlex.join(CURL)}"
    done = subprocess.run(
        [sys.executable, "-m", "llmcap", "doctor", "--confine", "--json", "--", "sh", "-c",
         script],
        env=user.environ, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False,
    )  # fmt: skip
    rows = {row["text"] for row in json.loads(done.stdout) if row["check"] == "sh"}
    assert any("goes through the proxy and trusts it" in text for text in rows), rows
    assert "1 attempt past the proxy led nowhere" in rows
    assert user.provider.nanos() == 0
