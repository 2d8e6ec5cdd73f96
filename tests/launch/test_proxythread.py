"""The proxy in its thread, with the real mitmproxy in it: `master` is tested by it."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from llmcap.authority import ca
from llmcap.authority.variables import Trust
from llmcap.launch import environment
from llmcap.launch.proxythread import ProxyThread
from llmcap.launch.setup import Setup
from llmcap.words.errors import LedgerError

HOST = "api.openai.com"

# mitmproxy's filters speak to pyparsing by names that are old by now.
pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")


class Echo:
    """An addon that answers everything itself."""

    def request(self, flow: Any) -> None:
        """With the host that was asked for."""
        from mitmproxy.http import Response  # noqa: PLC0415 - after the proxy has imported it

        flow.response = Response.make(200, flow.request.pretty_host.encode())


def proxy(
    folder: Path, make: Callable[[], Callable[[], Sequence[object]]] = lambda: lambda: [Echo()]
) -> ProxyThread:
    """A proxy that is not started yet."""
    ca.ensure(folder / "ca", [HOST])
    listener = socket.create_server(("127.0.0.1", 0))
    return ProxyThread(Setup(confdir=folder / "ca"), listener, make)


def curl(made: ProxyThread, folder: Path, host: str = HOST) -> str:
    """What curl gets through the proxy."""
    certificate = str(folder / "ca" / ca.CERTIFICATE_FILE)
    words = ["curl", "-sS", "-x", made.url, "--cacert", certificate, f"https://{host}/"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    return done.stdout or done.stderr


def test_clients_that_come_too_early_are_served(tmp_path: Path) -> None:
    """They wait in the socket while mitmproxy is being imported; nothing is lost."""
    made = proxy(tmp_path)
    made.start()
    made.check()
    try:
        assert curl(made, tmp_path) == HOST
    finally:
        made.wait_ready()
        made.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(made.url.rpartition(":")[2])), timeout=300)


def test_it_ends_quietly_under_a_client_that_stays(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A kept connection is closed, and nobody has to read about it."""
    made = proxy(tmp_path)
    made.start()
    made.wait_ready()
    with socket.create_connection(("127.0.0.1", int(made.url.rpartition(":")[2]))) as client:
        client.sendall(b"CONNECT api.openai.com:443 HTTP/1.1\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200")
        made.stop()
        client.settimeout(5)
        assert client.recv(100) == b""
    assert capfd.readouterr().err == ""


def test_it_cannot_speak_for_another_host(tmp_path: Path) -> None:
    """What our authority signs beyond its names, a client refuses."""
    made = proxy(tmp_path)
    made.start()
    try:
        assert "permitted subtree violation" in curl(made, tmp_path, "example.com")
    finally:
        made.wait_ready()
        made.stop()


def test_what_is_wrong_is_known_before_a_command_starts(tmp_path: Path) -> None:
    """`check` raises it; clients are turned away and not left waiting."""

    def make() -> Callable[[], Sequence[object]]:
        raise LedgerError("the disk is full")

    over: list[bool] = []
    made = proxy(tmp_path, make)
    made._when_over = lambda: over.append(True)
    made.start()
    with pytest.raises(LedgerError, match="the disk is full"):
        made.check()
    assert made.failed
    made.stop()
    assert over == [True]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(made.url.rpartition(":")[2])), timeout=300)


@pytest.mark.parametrize(
    ("upstream", "mode", "credentials"),
    [
        (None, "regular", None),
        ("http://company:3128", "upstream:http://company:3128", None),
        ("http://me:p%40ss@company:3128", "upstream:http://company:3128", "me:p@ss"),
        ("https://company", "upstream:https://company:443", None),
        ("http://[::1]:8080", "upstream:http://[::1]:8080", None),
    ],
)
def test_a_companys_proxy_becomes_mitmproxys_upstream(
    tmp_path: Path, upstream: str | None, mode: str, credentials: str | None
) -> None:
    """Its password goes into an option of its own, decoded."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        options = Setup(confdir=tmp_path, upstream=upstream).options(listener)
        port = listener.getsockname()[1]
    assert options["mode"] == [f"{mode}@127.0.0.1:{port}"]
    assert options.get("upstream_auth") == credentials


def test_java_options_name_the_proxy(tmp_path: Path) -> None:
    """The URL is one that every runtime can take apart."""
    made = proxy(tmp_path)
    store = Trust(tmp_path, tmp_path, tmp_path)
    found = environment.variables({}, proxy_url=made.url, trust=store, provider_hosts=[HOST])
    assert f"-Dhttps.proxyPort={made.url.rpartition(':')[2]}" in found["JAVA_TOOL_OPTIONS"]
    made._listener.close()


def test_small_answers_do_not_wait_for_an_acknowledgement(tmp_path: Path) -> None:
    """The client's socket sends at once: else each answer would take 40 ms more."""
    delays: list[int] = []

    class Looking:
        def client_connected(self, client: Any) -> None:
            from mitmproxy import ctx  # noqa: PLC0415 - as above

            handler = ctx.master.addons.get("proxyserver").connections[client.id]
            sock = handler.transports[client].writer.get_extra_info("socket")
            delays.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    made = proxy(tmp_path, lambda: lambda: [Looking(), Echo()])
    made.start()
    try:
        assert curl(made, tmp_path) == HOST
    finally:
        made.wait_ready()
        made.stop()
    assert delays
    assert all(delays)


def test_a_process_ends_with_its_code_while_a_proxy_is_at_its_imports(tmp_path: Path) -> None:
    """Over and over, at every moment of them: an interpreter taken down there crashes."""
    codes = []
    for tenths in range(8):
        command = ["sh", "-c", f"sleep 0.{tenths}; exit 3"]
        done = subprocess.run(
            [sys.executable, "-m", "llmcap.cli", "run", "--quiet", "--", *command],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(sys.path),
                "HOME": str(tmp_path),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        codes.append(done.returncode)
    assert codes == [3] * 8
