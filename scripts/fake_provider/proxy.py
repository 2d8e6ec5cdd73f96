"""
The real mitmdump with LLMCap, between client programs and the fake provider.

    with provider_process(folder) as provider, proxy_process(folder, provider, cap="0.05") as proxy:
        subprocess.run(command, env=proxy.environ())
        assert proxy.spent_nanos() == provider.nanos()
"""

import atexit
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mitmproxy.certs import CertStore

from fake_provider.process import ROOT, ProviderHandle
from fake_provider.tls import HOSTS
from warm_python import Copy, WarmPython

ADDON = ROOT / "addons" / "llmcap_addon.py"
REDIRECT = Path(__file__).with_name("redirect.py")

# They end what hangs, on the busiest machine.
START_SECONDS = 300
STOP_SECONDS = 60
POLL_SECONDS = 0.02
SETTLE_SECONDS = 300

CA_BITS = 2048  # as mitmproxy makes its own

# What any program needs to start; everything else about the proxy is in `ProxyHandle.environ`.
KEPT = ("HOME", "LANG", "LC_ALL", "PATH", "SYSTEMROOT", "TMPDIR")

FAKE_KEYS = {
    "OPENAI_API_KEY": "sk-fake-openai",
    "ANTHROPIC_API_KEY": "sk-ant-fake",
    "GEMINI_API_KEY": "fake-gemini",
}


@dataclass(frozen=True, slots=True)
class ProxyHandle:
    """A running proxy: its files, and what they say."""

    process: "subprocess.Popen[bytes] | Copy"
    port: int
    folder: Path
    ledger: Path  # the SQLite file

    @property
    def ca(self) -> Path:
        """The certificate that clients must trust."""
        return self.folder / "confdir" / "mitmproxy-ca-cert.pem"

    def environ(self, *, user: str = "", **more: str) -> dict[str, str]:
        """
        The environment of a client: fake keys, the proxy, the CA, and nothing else.

        `user` is the proxy user, which LLMCap takes for the name of a project.
        """
        login = f"{user}@" if user else ""
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        return {
            **kept,
            **FAKE_KEYS,
            "HTTPS_PROXY": f"http://{login}127.0.0.1:{self.port}",
            "SSL_CERT_FILE": str(self.ca),
            **more,
        }

    def requests(self) -> list[dict[str, Any]]:
        """Every request that reached the proxy, refused ones too, in their order."""
        path = self.folder / "requests.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [json.loads(line) for line in lines]

    def log(self) -> str:
        """What mitmdump printed."""
        return (self.folder / "mitmdump.log").read_text(encoding="utf-8")

    def entries(self, columns: str = "*") -> list[dict[str, Any]]:
        """The ledger's rows."""
        with closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            rows = connection.execute(f"SELECT {columns} FROM entries ORDER BY id")  # noqa: S608
            return [dict(row) for row in rows]

    def spent_nanos(self) -> int:
        """The sum of everything that was ever posted, corrections included."""
        return sum(row["cost_nanos"] for row in self.entries("cost_nanos"))

    def settle(self) -> None:
        """Wait until no call is in flight any more."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while self._open_holds():
            if time.monotonic() > deadline:
                raise TimeoutError(f"calls are still in flight:\n{self.log()}")
            time.sleep(POLL_SECONDS)

    def _open_holds(self) -> int:
        with closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)) as connection:
            (count,) = connection.execute("SELECT count(*) FROM open_holds").fetchone()
        return int(count)


@contextmanager
def proxy_process(  # noqa: PLR0913  each is a setting of its own
    folder: Path,
    provider: ProviderHandle,
    *,
    cap: str = "",
    config: str = "",
    addon: Path = ADDON,
    before: Sequence[Path] = (),
    ledger: Path | None = None,
    options: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    program: str = "mitmdump",
    terminal: int | None = None,
    warm: bool = False,
) -> Iterator[ProxyHandle]:
    """
    Start it on a free port and end it with the block; its files go to `folder`.

    `config` is the text of a config file, `options` are for mitmdump, the scripts of `before` are
    loaded before LLMCap's. A second one with the same folder continues with the same ledger;
    `ledger` names one that several folders share. `program` may be another one of mitmproxy's, and
    `terminal` the descriptor of one that it is to be in. A `warm` one is mitmdump in a copy of a
    Python that has imported mitmproxy and LLMCap already, with the CA of all that are warm.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ready = folder / "ready"
    ready.unlink(missing_ok=True)
    ledger = ledger or folder / "ledger.sqlite3"
    settings = [f"llmcap_ledger={ledger}"] if addon == ADDON else []
    if cap:
        settings.append(f"llmcap_cap={cap}")
    if config:
        (folder / "llmcap.yaml").write_text(config, encoding="utf-8")
        settings.append(f"llmcap_config={folder / 'llmcap.yaml'}")
    settings.append(f"confdir={folder / 'confdir'}")
    settings.append(f"ssl_verify_upstream_trusted_ca={provider.ca}")
    command = [
        *(() if terminal is None else ("setsid", "--ctty")),
        str(Path(sys.executable).with_name(program)),
        *(word for script in (*before, addon, REDIRECT) for word in ("-s", str(script))),
        *("--listen-host", "127.0.0.1", "--listen-port", "0"),
        *(part for setting in settings for part in ("--set", setting)),
        *options,
    ]
    log = folder / "mitmdump.log"
    variables = {
        **{name: os.environ[name] for name in KEPT if name in os.environ},
        "PYTHONUNBUFFERED": "1",
        "FAKE_PROVIDER_PORT": str(provider.port),
        "FAKE_PROVIDER_HOSTS": " ".join(HOSTS),
        "FAKE_PROVIDER_REQUESTS": str(folder / "requests.jsonl"),
        "FAKE_PROVIDER_READY": str(ready),
        **(environ or {}),
    }
    process: subprocess.Popen[bytes] | Copy
    with log.open("wb") as output:
        if warm:
            assert terminal is None, "a copy is in no terminal"
            _give_authority(folder / "confdir")
            process = _warm_mitmproxy().start(command, variables, stdout=output, stderr=output)
        else:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL if terminal is None else terminal,
                stdout=output if terminal is None else terminal,
                stderr=subprocess.STDOUT,
                env=variables,
            )
    with process:
        try:
            yield ProxyHandle(process, _wait_until_ready(process, ready, log), folder, ledger)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


@cache
def _warm_mitmproxy() -> WarmPython:
    """One for all proxies of this process. LLMCap's modules are those that the addon imports."""
    found = WarmPython(
        Path(sys.executable), ["mitmproxy.tools.main", "mitmproxy.tools.dump", "llmcap.addon"]
    )
    atexit.register(found.close)
    return found


def _give_authority(confdir: Path) -> None:
    """A CA where there is none: to make one takes longer than a warm proxy does to start."""
    if confdir.exists():
        return
    confdir.mkdir()
    for name, content in _authority().items():
        (confdir / name).write_bytes(content)


@cache
def _authority() -> dict[str, bytes]:
    """The files of one that mitmproxy made, by their names; for all proxies of this process."""
    with tempfile.TemporaryDirectory(prefix="llmcap-authority-") as folder:
        CertStore.create_store(Path(folder), "mitmproxy", CA_BITS)
        return {each.name: each.read_bytes() for each in Path(folder).iterdir()}


def _wait_until_ready(process: "subprocess.Popen[bytes] | Copy", ready: Path, log: Path) -> int:
    """The port, from the file of the redirecting addon."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if ready.exists():
            return int(ready.read_text(encoding="utf-8"))
        if process.poll() is not None:
            said = log.read_text(encoding="utf-8")
            raise RuntimeError(f"mitmproxy ended with {process.returncode} at its start:\n{said}")
        time.sleep(POLL_SECONDS)
    raise TimeoutError(f"mitmproxy is not ready after {START_SECONDS} s:\n{log.read_text()}")
