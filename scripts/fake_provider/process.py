"""
The provider as a process of its own, and a handle to its control endpoint.

    with provider_process(folder) as provider:
        provider.scenario(length="200", token_seconds=0.01)
        ...
        assert provider.bill()["nanos"] == "10920"
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CONTROL_TIMEOUT_SECONDS = 300


@dataclass(frozen=True, slots=True)
class ProviderHandle:
    """Where a running provider listens, and what can be asked of it."""

    port: int  # TLS
    plain_port: int
    ca: Path

    def scenario(self, **fields: object) -> None:
        """Set how it behaves from now on; what is not named is as in `Scenario`."""
        self._control("scenario", json.dumps(fields).encode())

    def open_gate(self) -> None:
        """Let go on what was gated by the scenario."""
        self._control("open", b"")

    def reset(self) -> None:
        """Begin a new bill."""
        self._control("reset", b"{}")

    def bill(self) -> dict[str, Any]:
        """The books, as `Bill.document` gives them."""
        return self._control("bill")

    def nanos(self) -> int:
        """The total of the bill."""
        return int(self.bill()["nanos"])

    def streamed(self) -> frozenset[bool]:
        """Whether the answers on the bill were streams."""
        return frozenset(record["stream"] for record in self.bill()["records"])

    def _control(self, verb: str, body: bytes | None = None) -> dict[str, Any]:
        connection = HTTPConnection("127.0.0.1", self.plain_port, timeout=CONTROL_TIMEOUT_SECONDS)
        with closing(connection):
            connection.request("GET" if body is None else "POST", f"/__control__/{verb}", body)
            response = connection.getresponse()
            assert response.status == 200, response.status
            document: dict[str, Any] = json.load(response)
        return document


@contextmanager
def provider_process(
    folder: Path, *, seed: int = 0, http2: bool = True
) -> Iterator[ProviderHandle]:
    """Start it, its certificates in `folder`; it listens when the block begins, ends with it."""
    command = [sys.executable, "-m", "fake_provider", "--folder", str(folder), "--seed", str(seed)]
    if not http2:
        command.append("--no-http2")
    path = os.pathsep.join([str(ROOT / "scripts"), str(ROOT / "addons")])
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"the fake provider ended with {process.wait()} at its start")
            where = json.loads(line)
            yield ProviderHandle(where["port"], where["plain_port"], Path(where["ca"]))
        finally:
            process.terminate()
