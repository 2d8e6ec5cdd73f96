"""A browser opens the port of the proxy: it is answered at once, and no connection is opened."""

import os
import re
import signal
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from machine import free_port, own_address

from company_proxy import CompanyProxy
from fake_provider.process import ProviderHandle
from fake_provider.tls import HOSTS
from llmcap.shell.ownname import NAME, NO_PAGE

from .conftest import Start
from .people import User
from .test_up import Shell, proxy_of, wait_until

ANSWER_SECONDS_MAX = 120
BURST = 200
ASYNCIO_QUEUE = 100  # how many connections it lets wait unless it is told otherwise

# What a listener on loopback is called, by whoever wants to reach it.
LOOPBACK = ("127.0.0.1", "localhost", "127.1", "0.0.0.0", "[::ffff:127.0.0.1]")
FORMS = (
    "GET / HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n",
    "GET http://{host}:{port}/ HTTP/1.1\r\nHost: example.com\r\n\r\n",
    "CONNECT {host}:{port} HTTP/1.1\r\n\r\n",
)


def answer(port: int, request: str) -> bytes:
    """The first bytes that come back from the port."""
    with socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS_MAX) as client:
        client.sendall(request.encode())
        return client.recv(4096)


def sockets_of(pid: int) -> int:
    """How many sockets a process has."""
    found = Path(f"/proc/{pid}/fd").glob("*")
    return sum(stat.S_ISSOCK(each.stat().st_mode) for each in found if each.exists())


@contextmanager
def opening_nothing(pid: int, log: Path) -> Iterator[None]:
    """After the block the process has the sockets that it had before."""
    before = sockets_of(pid)
    yield
    wait_until(lambda: sockets_of(pid) == before, shown=log)


def asked(port: int, hosts: tuple[str, ...], *, listens_on: int | None = None) -> None:
    """Every form of the question is answered, by the proxy itself."""
    for host in hosts:
        for form in FORMS:
            request = form.format(host=host, port=listens_on or port)
            assert b" 421 " in answer(port, request), request


@pytest.mark.parametrize("chained", [False, True], ids=["direct", "behind a company's proxy"])
def test_up_answers_for_its_own_port(*, chained: bool, shell: Shell) -> None:
    """Also where the company's proxy would bring the request back."""
    if not chained:
        del shell.environ["HTTPS_PROXY"]
    said = shell("$LLMCAP up --port 0")
    port = int(re.search(r"http://127.0.0.1:(\d+)", said).group(1))
    with opening_nothing(*proxy_of(shell)):
        asked(port, LOOPBACK)


def test_run_answers_for_its_own_port(user: User) -> None:
    """Its command knows the port by `HTTPS_PROXY`, and it may open pages; it has none itself."""
    ask = 'curl -sS --max-time 120 -o /dev/null -w "%{http_code} " "$HTTP_PROXY/" --noproxy "*"'
    done = user.run("--cap", "1", "--", "sh", "-c", f"{ask}; curl -sS http://{NAME}/")
    assert done.stdout == f"421 {NO_PAGE}", done.stderr


def test_mitmdump_answers_for_all_of_its_ports(start: Start) -> None:
    """Those of other modes, and this machine's other addresses where it listens on them."""
    other, everywhere = free_port(), free_port()
    modes = (f"regular@127.0.0.1:{other}", f"regular@0.0.0.0:{everywhere}")
    proxy = start(options=[word for mode in modes for word in ("--mode", mode)])
    with opening_nothing(proxy.process.pid, proxy.folder / "mitmdump.log"):
        asked(other, LOOPBACK)
        asked(everywhere, (*LOOPBACK, "127.0.0.3", own_address()))
        asked(other, LOOPBACK, listens_on=everywhere)
        asked(everywhere, LOOPBACK, listens_on=other)
        for request in (f"GET http://{NAME}/ HTTP/1.1", f"CONNECT {NAME}:443 HTTP/1.1"):
            said = answer(other, f"{request}\r\nHost: {NAME}\r\n\r\n")
            assert said.startswith(b"HTTP/1.1 404 "), request


def burst(pid: int, port: int) -> list[bytes]:
    """How the answers begin to as many clients as connect while the process is not looking."""
    os.kill(pid, signal.SIGSTOP)
    try:
        clients = [
            socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS_MAX) for _ in range(BURST)
        ]
        waiting = waiting_at(port)
    finally:
        os.kill(pid, signal.SIGCONT)
    answers = []
    for client in clients:
        with client:
            client.sendall(FORMS[0].format(host="127.0.0.1", port=port).encode())
            answers.append(client.recv(4096)[:12])
    # Some may have been taken as it stopped; the rest would not fit in asyncio's own queue.
    assert waiting > ASYNCIO_QUEUE
    return answers


def waiting_at(port: int) -> int:
    """How many connections the kernel keeps for a listener that has not taken them."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    found = [line.split() for line in lines if f":{port:04X} 00000000:0000 0A" in line]
    (queues,) = {fields[4] for fields in found}
    return int(queues.partition(":")[2], 16)


def test_a_burst_of_connections_waits_for_a_busy_proxy(start: Start, shell: Shell) -> None:
    """With mitmdump and with `up`: nobody has to try again, and everybody is answered."""
    proxy = start(cap="1")
    assert set(burst(proxy.process.pid, proxy.port)) == {b"HTTP/1.1 421"}
    said = shell("$LLMCAP up --port 0")
    port = int(re.search(r"http://127.0.0.1:(\d+)", said).group(1))
    assert set(burst(proxy_of(shell)[0], port)) == {b"HTTP/1.1 421"}


@pytest.fixture
def shell(provider: ProviderHandle, tmp_path: Path) -> Iterator[Shell]:
    """A shell whose proxy is not left standing."""
    with CompanyProxy(dict.fromkeys(HOSTS, provider.port)) as company:
        made = Shell(provider, company, tmp_path)
        yield made
        made("$LLMCAP down")
