"""
The page's process, started beside a proxy that stands: it ends when its starter does.

The proxy asks it for its own clients, as a viewer: a program behind a cap sees the page at
`http://llmcap.internal/`, and cannot raise its cap there.
"""

import asyncio
import contextlib
import json
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from llmcap.page.access import Role, secret_for, token_for
from llmcap.words.errors import ConfigError
from llmcap.words.paths import finding_us

DEFAULT_PORT = 8378
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 5
ANSWER_SECONDS_MAX = 20
ANSWER_BYTES_MAX = 20_000_000


@dataclass(frozen=True, slots=True)
class PageProcess:
    """Where the page of a ledger is."""

    port: int
    ledger: Path

    def url(self, role: Role) -> str:
        """The link that opens it for somebody, for a quarter of an hour."""
        token = token_for(role, secret_for(self.ledger), now=time.time())
        return f"http://127.0.0.1:{self.port}/?token={token}"

    async def ask(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """The page's answer to a viewer: status, headers, body. Raises `OSError`."""
        token = token_for(Role("viewer"), secret_for(self.ledger), now=time.time())
        head = (
            f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{self.port}\r\n"
            f"Authorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        )
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                writer.write(head.encode("ascii"))
                answer = await reader.read(ANSWER_BYTES_MAX)
                while more := await reader.read(ANSWER_BYTES_MAX - len(answer)):
                    answer += more
            finally:
                writer.close()
        said, _, body = answer.partition(b"\r\n\r\n")
        first, *lines = said.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
        if not first[9:12].isdecimal():
            raise OSError("the page's process gave no answer")
        return int(first[9:12]), headers, body


@contextmanager
def page_beside(ledger: str, *, port: int | None, treasury: str = "") -> Iterator[PageProcess]:
    """
    A process that serves the page of this ledger while we are here. Raises `ConfigError`.

    Without a port it is the usual one, or any that is free where that is taken. With the address of
    a treasury it is the page of its fleet.
    """
    command = [sys.executable, "-m", "llmcap.page.server", "--ledger", ledger]
    command += ["--port", str(DEFAULT_PORT if port is None else port)]
    command += ["--or-another"] * (port is None) + ["--fleet"] * bool(treasury)
    process = subprocess.Popen(  # noqa: S603 - this very program
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        env=finding_us(),
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        if treasury:
            process.stdin.write(treasury.encode() + b"\n")
            process.stdin.flush()
        yield PageProcess(_port_told(process.stdout), Path(ledger))
    finally:
        with contextlib.suppress(OSError):
            process.stdin.close()  # it ends by that
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _port_told(output: IO[bytes]) -> int:
    ready, _, _ = select.select([output], [], [], START_SECONDS_MAX)
    line = output.readline() if ready else b""
    try:
        said = json.loads(line)
    except ValueError:
        raise ConfigError("the page's process did not start; its log says why") from None
    if "error" in said:
        raise ConfigError(f"the page cannot be served: {said['error']}")
    port: int = said["port"]
    return port
