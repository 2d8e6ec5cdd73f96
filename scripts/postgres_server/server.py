"""One PostgreSQL server on loopback: started, stopped, killed, promoted."""

import itertools
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from postgres_server.programs import Programs, ServerFailed

PATIENCE_SECONDS = 300.0
POLL_SECONDS = 0.01
STARTS_MAX = 20

# The line of `postmaster.pid` that says how far a server is, and what it says when it answers.
STATUS_LINE = 7
ANSWERS = {"ready", "standby"}

# Nothing here has to survive a power cut; everything has to survive a kill.
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "unix_socket_directories": "",
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "wal_level": "replica",
    "max_wal_senders": "4",
    "timezone": "UTC",
}


@dataclass
class Server:
    """A server whose data is in `data`; `tell` hears of each process that starts or ends."""

    data: Path
    programs: Programs
    password: str
    tell: Callable[[str], None]
    port: int = 0
    settings: dict[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @property
    def log(self) -> Path:
        """What it printed."""
        return self.data.with_suffix(".log")

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    def url(self, database: str = "postgres") -> str:
        """A connection string for the superuser."""
        return f"postgresql://postgres:{self.password}@{self.address}/{database}"

    def new_database(self) -> str:
        """An empty database of its own, by its connection string."""
        name = f"db_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def execute(self, statement: str) -> None:
        """One statement by the superuser, outside a transaction."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement.encode())

    def start(self) -> None:
        """Start it, on the port that it had before, and wait until it answers."""
        for _ in range(STARTS_MAX):
            if self._begins(self.port or _free_port()):
                return
            time.sleep(POLL_SECONDS * 10)
        raise ServerFailed(f"PostgreSQL does not start: {self._last_words()}")

    def _begins(self, port: int) -> bool:
        """
        Whether it answers on this port; False where it ended instead.

        It may: another process took the port, or processes of a killed server are not yet gone.
        """
        options = SETTINGS | self.settings | {"port": str(port)}
        process = self.programs.start(
            "postgres",
            "-D",
            str(self.data),
            *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
            log=self.log,
        )
        self.tell(f"+{process.pid}")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while process.poll() is None:
            if self._status(process.pid) in ANSWERS:
                self.port, self._process = port, process
                return True
            if time.monotonic() > deadline:
                process.send_signal(signal.SIGQUIT)
            time.sleep(POLL_SECONDS)
        self.tell(f"-{process.pid}")
        return False

    def _status(self, pid: int) -> str:
        """What it says of itself; "" as long as it says nothing."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return ""
        ours = len(lines) > STATUS_LINE and int(lines[0]) == pid
        return lines[STATUS_LINE].strip() if ours else ""

    def _last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-10:])

    def stop(self) -> None:
        """End it in order: what runs is rolled back, what is committed is kept."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """`kill -9`; its own processes notice, and end."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(number)
        process.wait()
        self.tell(f"-{process.pid}")

    def promote(self) -> None:
        """Make a standby the primary; it takes writes when this returns."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            done = connection.execute(b"SELECT pg_promote(true, 60)").fetchone()
        if done != (True,):
            raise ServerFailed(f"the standby was not promoted: {self._last_words()}")


def _free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
