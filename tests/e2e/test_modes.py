"""Promise: in every mode of mitmproxy and in all of its programs, calls are metered and capped."""

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from company_proxy import CompanyProxy
from fake_provider.process import ROOT, ProviderHandle
from fake_provider.proxy import ProxyHandle, proxy_process
from fake_provider.tls import HOSTS

from .conftest import Start
from .exercise import CONFIG, call, exercise, judge

INSIDE = Path(__file__).with_name("inside.py")
INSIDE_SECONDS = 300
SOON_SECONDS = 300

THROUGH = {
    "regular": ("regular", ["--proxy", "http://alpha@127.0.0.1:{port}"], "alpha"),
    "socks5": ("socks5", ["--proxy", "socks5h://127.0.0.1:{port}"], None),
}


def arguments(template: list[str], proxy: ProxyHandle) -> list[str]:
    """A curl for this proxy."""
    return ["curl", *(word.format(port=proxy.port) for word in template)]


@pytest.mark.parametrize("mode", THROUGH)
def test_a_client_that_asks_for_the_proxy(
    mode: str, start: Start, provider: ProviderHandle
) -> None:
    """By HTTP or by SOCKS."""
    name, template, project = THROUGH[mode]
    proxy = start(config=CONFIG, options=["--mode", name])
    known = judge(exercise(proxy, provider, arguments(template, proxy)))
    assert known["port"] == str(proxy.port)
    assert known["client"] == "curl"
    assert project in (None, known["project"])


@pytest.mark.parametrize("mode", ["regular", "socks5"])
def test_a_user_who_logs_in_names_a_project(
    mode: str, start: Start, provider: ProviderHandle
) -> None:
    """mitmproxy takes the password out of the request, and LLMCap knows whose it was."""
    proxy = start(config=CONFIG, options=["--mode", mode, "--proxyauth", "beta:secret"])
    scheme = "socks5h" if mode == "socks5" else "http"
    for login, project in (("beta:secret@", "beta"), ("beta:wrong@", None)):
        template = ["--proxy", f"{scheme}://{login}127.0.0.1:{{port}}"]
        found = call(proxy, arguments(template, proxy), "https://api.openai.com", "gpt-4o-mini")
        assert (found["status"] == 200) is (project is not None), found
    proxy.settle()
    (known,) = [json.loads(each["attributes"]) for each in proxy.entries() if each["attributes"]]
    assert known["project"] == known["proxy_user"] == "beta"
    assert proxy.spent_nanos() == provider.nanos() > 0


def test_a_proxy_behind_a_proxy(start: Start, provider: ProviderHandle) -> None:
    """All goes through another one, which wants a password; plain HTTP, too."""
    credentials = "me:there"
    with CompanyProxy(dict.fromkeys(HOSTS, provider.port), credentials=credentials) as company:
        options = ["--mode", f"upstream:{company.url}", "--set", f"upstream_auth={credentials}"]
        proxy = start(config=CONFIG, options=options)
        curl = arguments(["--proxy", "http://127.0.0.1:{port}"], proxy)
        judge(exercise(proxy, provider, curl))
        assert "api.openai.com:443" in company.targets
        found = call(proxy, curl, "http://api.openai.com", "gpt-4o-mini")
        assert found["status"] == 403, "it has no way for plain HTTP, and was shown the password"
        assert any(target.startswith("http://api.openai.com") for target in company.targets)
    proxy.settle()
    assert proxy.spent_nanos() == provider.nanos()


@pytest.mark.parametrize("keep", ["true", "false"], ids=["host kept", "host replaced"])
def test_a_client_that_takes_the_proxy_for_the_provider(
    keep: str, start: Start, provider: ProviderHandle
) -> None:
    """In plain HTTP, or under the name that the proxy has."""
    options = ["--mode", "reverse:https://api.openai.com", "--set", f"keep_host_header={keep}"]
    proxy = start(config=CONFIG, options=options)
    judge(exercise(proxy, provider, ["curl"], f"http://127.0.0.1:{proxy.port}"))


# --- in a network of its own ----------------------------------------------------------------------


def needs(mode: str) -> None:
    """Skip where this machine cannot make what the mode needs."""
    tools = {"transparent": "nft", "tun": "nft", "local": "nft", "wireguard": "nft wg wireguard-go"}
    missing = [tool for tool in ("unshare", "ip", *tools[mode].split()) if not shutil.which(tool)]
    if missing:
        pytest.skip(f"{mode} mode is tried with {', '.join(missing)}, which is not installed")
    if mode == "local" and os.geteuid() != 0:
        pytest.skip("local mode needs root: its redirector loads a program into the kernel")
    if mode in ("tun", "wireguard") and not Path("/dev/net/tun").exists():
        pytest.skip(f"{mode} mode is tried with /dev/net/tun, which this machine does not have")
    made = subprocess.run(namespaces(mode, "true"), capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"no network can be made here: {made.stderr.strip()}")


def namespaces(mode: str, *command: str) -> list[str]:
    """A command in namespaces of its own; what loads into the kernel has to be real root there."""
    return ["unshare", "-nm" if mode == "local" else "-rnm", *command]


@pytest.mark.parametrize("mode", ["transparent", "local", "wireguard", "tun"])
def test_a_client_that_knows_of_no_proxy(mode: str, tmp_path: Path) -> None:
    """The system leads it there: metered, streamed, capped, and known by its process."""
    needs(mode)
    path = os.environ["PATH"]
    if mode == "local" and not shutil.which("sudo"):
        # mitmproxy calls its redirector with sudo, also where it is root already.
        script = tmp_path / "bin" / "sudo"
        script.parent.mkdir()
        words = '#!/bin/sh\nwhile [ "${1#-}" != "$1" ]; do shift; done\nexec "$@"\n'
        script.write_text(words)
        script.chmod(0o755)
        path = f"{script.parent}:{path}"
    done = subprocess.run(
        namespaces(mode, sys.executable, str(INSIDE), mode, str(tmp_path / "proxy")),
        env={**os.environ, "PATH": path, "PYTHONPATH": f"{ROOT / 'scripts'}:{ROOT / 'addons'}"},
        capture_output=True, text=True, check=False, timeout=INSIDE_SECONDS,
    )  # fmt: skip
    if mode == "local" and "eBPF initialization failed" in done.stderr:
        pytest.skip("this kernel takes no program of mitmproxy's redirector")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    known = judge(found)
    assert known["host"] == "api.openai.com"
    assert known.get("port") == (str(found["port"]) if "port" in found else None)
    if mode != "wireguard":  # whose clients are other machines
        assert known["cwd"] == str(Path.cwd())
        assert known["client"] in ("curl", "llmcap-curl")


# --- mitmproxy's other programs -------------------------------------------------------------------


class Terminal:
    """A terminal for a program; what it shows goes to a file."""

    def __init__(self, log: Path) -> None:
        self._window, self.inside = pty.openpty()
        termios.tcsetwinsize(self.inside, (40, 120))
        self._closing = threading.Event()
        self._reader = threading.Thread(target=self._read, args=[log], daemon=True)
        self._reader.start()

    def _read(self, log: Path) -> None:
        with log.open("wb") as output, suppress(OSError):
            while not self._closing.is_set():
                readable, _, _ = select.select([self._window], [], [], 0.05)
                if readable:
                    output.write(os.read(self._window, 65_536))

    def close(self) -> None:
        """As one closes a window."""
        if not self._closing.is_set():
            self._closing.set()
            self._reader.join()
            os.close(self._window)


@contextmanager
def terminal(log: Path) -> Iterator[Terminal]:
    """One that is closed in the end."""
    made = Terminal(log)
    try:
        yield made
    finally:
        made.close()
        os.close(made.inside)


PROGRAMS = {"mitmweb": ["--no-web-open-browser", "--web-port", "0"], "mitmproxy": []}


@pytest.mark.parametrize("program", PROGRAMS)
def test_another_program_of_mitmproxys(
    program: str, provider: ProviderHandle, tmp_path: Path
) -> None:
    """With its screen, or with its page."""
    with terminal(tmp_path / "screen") as screen:
        settings = {"terminal": screen.inside} if program == "mitmproxy" else {}
        with proxy_process(
            tmp_path / "proxy", provider, config=CONFIG, program=program,
            options=PROGRAMS[program], environ={"TERM": "xterm"}, **settings,
        ) as proxy:  # fmt: skip
            curl = arguments(["--proxy", "http://127.0.0.1:{port}"], proxy)
            judge(exercise(proxy, provider, curl))


@pytest.mark.parametrize("program", ["mitmdump", "mitmproxy"])
def test_a_window_that_is_closed_ends_its_program(
    program: str, provider: ProviderHandle, tmp_path: Path
) -> None:
    """As without LLMCap: SIGHUP is no wish to read the config there."""
    with terminal(tmp_path / "screen") as screen, proxy_process(
        tmp_path / "proxy", provider, cap="1", program=program, terminal=screen.inside,
        environ={"TERM": "xterm"},
    ) as proxy:  # fmt: skip
        screen.close()
        assert proxy.process.wait(SOON_SECONDS) != 0


def test_without_a_window_sighup_reads_the_config_again(
    start: Start, provider: ProviderHandle
) -> None:
    """And the program goes on."""
    proxy = start(config="budgets: [{name: all, cap: $1}]\n")
    config = proxy.folder / "llmcap.yaml"
    before = config.stat()
    config.write_text("budgets: [{name: all, cap: $0}]\n")
    os.utime(config, ns=(before.st_atime_ns, before.st_mtime_ns))  # nothing but the signal tells
    proxy.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + SOON_SECONDS
    while "in force" not in proxy.log():
        assert time.monotonic() < deadline, proxy.log()
        time.sleep(0.02)
    curl = arguments(["--proxy", "http://127.0.0.1:{port}"], proxy)
    assert call(proxy, curl, "https://api.openai.com", "gpt-4o-mini")["status"] == 429
    assert provider.bill()["records"] == []
