"""
A proxy that stands for all of a user's programs: started by `llmcap up`, stopped by `llmcap down`.

Whether it runs is told by a lock that its process holds, not by a process id, which may be
another's by now; the file beside the lock says where it listens.
"""

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from ipaddress import AddressValueError, IPv4Address, ip_address
from pathlib import Path
from typing import IO

from llmcap.words import paths
from llmcap.words.errors import ConfigError

DEFAULT_PORT = 8377
LOOPBACK = "127.0.0.1"
START_SECONDS_MAX = 120  # ends what hangs: a busy machine needs half a minute
STOP_SECONDS_MAX = 25  # it lets calls in flight come to their end
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Standing:
    """A proxy that runs."""

    pid: int
    port: int
    ledger: str
    since: str  # ISO time
    hosts: Sequence[str] = ()  # that it meters: the provider table's, and its config's own
    page: int = 0  # the port of its page; 0: it has none
    workers: int = 1  # how many processes serve
    host: str = LOOPBACK  # the address that it listens on

    def url(self, *, project: str = "") -> str:
        """Where this machine finds it; a user name in it counts the calls for a project."""
        host = LOOPBACK if ip_address(self.host).is_unspecified else self.host
        return f"http://{project}{'@' if project else ''}{host}:{self.port}"


def folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where its lock, its state and its log are."""
    return paths.data_folder(environ) / "proxy"


def find(environ: Mapping[str, str] = os.environ) -> Standing | None:
    """The proxy that stands, if there is one."""
    place = folder(environ)
    try:
        with (place / "lock").open("rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return Standing(**json.loads((place / "state.json").read_bytes()))
    except (OSError, ValueError, TypeError):
        return None  # none was ever started, or one is just starting or ending
    return None


@contextlib.contextmanager
def announced(
    listener: socket.socket,
    *,
    ledger: str,
    hosts: Sequence[str] = (),
    environ: Mapping[str, str] = os.environ,
    page: int = 0,
    workers: int = 1,
) -> Iterator[None]:
    """Hold the lock and say where we listen. Raises `ConfigError` if a proxy stands already."""
    place = folder(environ)
    paths.make_folder(place)
    with (place / "lock").open("wb") as lock:
        _hold(lock, environ)
        host, port = listener.getsockname()
        state = Standing(
            pid=os.getpid(),
            host=host,
            port=port,
            ledger=ledger,
            since=datetime.now(UTC).isoformat(timespec="seconds"),
            hosts=hosts,
            page=page,
            workers=workers,
        )
        (place / "state.json").write_text(json.dumps(asdict(state)), encoding="utf-8")
        try:
            yield
        finally:
            (place / "state.json").unlink(missing_ok=True)


def _hold(lock: IO[bytes], environ: Mapping[str, str]) -> None:
    """
    Ours until the file is closed. Raises `ConfigError` if a proxy has it.

    Who looks whether one stands has it for a moment too: see `find`.
    """
    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if find(environ) is not None or time.monotonic() > deadline:
                raise ConfigError(_already(environ)) from None
            time.sleep(POLL_SECONDS)
        else:
            return


def _already(environ: Mapping[str, str]) -> str:
    standing = find(environ)
    where = f" at {standing.url()}" if standing else ""
    return (
        f"a proxy of yours is up{where}\n"
        "hint: `llmcap status` shows its caps, `llmcap budget set` changes one, "
        "`llmcap down` stops it"
    )


def bind(port: int, host: str = LOOPBACK) -> socket.socket:
    """The socket to listen on, at an IPv4 address of this machine. Raises `ConfigError`."""
    with _explained(port, host):
        return socket.create_server((str(IPv4Address(host)), port), backlog=512)


def bind_shared(port: int, host: str) -> socket.socket:
    """
    The same for one of several processes, among which the kernel deals out the connections.

    It takes none before it listens.
    """
    with _explained(port, host):
        shared = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            shared.bind((str(IPv4Address(host)), port))
        except BaseException:
            shared.close()
            raise
        return shared


@contextlib.contextmanager
def _explained(port: int, host: str) -> Iterator[None]:
    try:
        yield
    except AddressValueError:
        raise ConfigError(
            f"--host {host}: no IPv4 address\n"
            "hint: 127.0.0.1 is for programs of this machine, 0.0.0.0 for those of others too"
        ) from None
    except OSError as error:
        where = f"port {port}" if host == LOOPBACK else f"{host}:{port}"
        raise ConfigError(
            f"{where} cannot be listened on: {error.strerror}\n"
            "hint: --port takes another one, 0 any that is free"
        ) from error


def start(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> Standing:
    """
    Start `llmcap up --foreground` with these arguments in the background; return when it serves.

    Raises `ConfigError` with what it said when it ended at once.
    """
    if find(environ):
        raise ConfigError(_already(environ))
    place = folder(environ)
    paths.make_folder(place)
    log = place / "log"
    log.unlink(missing_ok=True)
    with log.open("ab") as output:  # as its own log does: both append, none writes over the other
        process = subprocess.Popen(  # noqa: S603 - this very program
            own_command("up", "--foreground", *arguments),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=dict(environ),
        )
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        standing = find(environ)
        if standing is not None:
            return standing
        if process.poll() is not None:
            said = log.read_text(encoding="utf-8", errors="replace").strip()
            raise ConfigError(said.removeprefix("llmcap: ") or "the proxy ended at its start")
        time.sleep(POLL_SECONDS)
    process.terminate()
    raise ConfigError(f"the proxy was not ready after {START_SECONDS_MAX} s; its log is {log}")


def stop(standing: Standing, environ: Mapping[str, str] = os.environ) -> None:
    """End it and wait until it has settled what was in flight. Raises `ConfigError`."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(standing.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS_MAX
    while find(environ) == standing:
        if time.monotonic() > deadline:
            raise ConfigError(
                f"the proxy (process {standing.pid}) does not end\nhint: kill {standing.pid}"
            )
        time.sleep(POLL_SECONDS)


def own_command(*arguments: str) -> list[str]:
    """The command line that starts this program again, from a checkout as from an installation."""
    return [sys.executable, "-m", "llmcap.cli", *arguments]
