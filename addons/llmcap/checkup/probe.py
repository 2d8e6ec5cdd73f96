"""
What a command does behind a proxy, seen by a proxy that lets nothing through: it costs nothing.

Every provider's host is answered by us, and every other host by nobody, so the command gets as far
as its first call. That proves what no list of versions can: that its runtime goes through the proxy
and trusts its certificate, or that it does not.
"""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from llmcap.checkup import bypass
from llmcap.checkup.seen import Seen
from llmcap.confine.egress import read_egress
from llmcap.confine.forked import Forked
from llmcap.launch.behind import Place
from llmcap.launch.child import EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND, CommandError
from llmcap.launch.confined import Confined
from llmcap.launch.proxythread import ProxyThread
from llmcap.launch.setup import Setup
from llmcap.words.records import Policy

if TYPE_CHECKING:
    from llmcap.checkup.witness import Witness

POLL_SECONDS = 0.05
SETTLE_SECONDS = 1.5
SCREEN_BYTES = 2000

Process = Forked | subprocess.Popen[bytes]


def watch(
    command: Sequence[str],
    place: Place,
    environ: Mapping[str, str],
    *,
    seconds_max: float,
    confine: bool = False,
    policy: Policy,
) -> Seen:
    """
    Run the command, without a terminal, until it ends or has shown enough, then end it.

    What `policy` refuses however much money there is, is told apart. Raises `CommandError` where
    the command cannot be started, `LLMCapError` where it cannot be confined.
    """
    seen = Seen()

    def make() -> "list[Witness]":
        from llmcap.checkup.witness import Witness  # noqa: PLC0415  # it imports mitmproxy

        return [Witness(seen, policy)]

    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    proxy = ProxyThread(Setup(confdir=place.confdir), listener, lambda: make)
    confined: Confined | None = None
    if confine:
        egress = read_egress(ports=(), reach=(), allow_hosts=(), deny_others=False)
        confined = Confined(egress, place, environ, proxy.gates)
    with tempfile.TemporaryFile() as screen:
        if confined is not None:
            confined.prepare(command, confined.environ, apart=screen.fileno())
        proxy.start()
        try:
            proxy.wait_ready()
            if confined is not None:
                process: Process = confined.start(command, confined.environ)
            else:
                child_environ = place.environ(environ, proxy_url=proxy.url)
                process = _start(command, child_environ, screen.fileno())
            try:
                _look_on(process, seen, seconds_max=seconds_max)
            finally:
                _end(process)
            seen.attempts = confined.attempts() if confined is not None else 0
            size = screen.seek(0, os.SEEK_END)
            screen.seek(max(0, size - SCREEN_BYTES))
            seen.screen = screen.read().decode(errors="replace")
        finally:
            if confined is not None:
                confined.abandon()
            proxy.stop()
    return seen


def _start(
    command: Sequence[str], environ: Mapping[str, str], screen: int
) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(  # noqa: S603 - the user's own command
            list(command), env=dict(environ), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=screen, stderr=screen,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise CommandError(f"{command[0]}: the command is not found", EXIT_NOT_FOUND) from error
    except OSError as error:
        raise CommandError(
            f"{command[0]}: the command cannot be run: {error.strerror}", EXIT_NOT_EXECUTABLE
        ) from error


def _look_on(process: Process, seen: Seen, *, seconds_max: float) -> None:
    """Until it has ended, or has made a call and had a moment to go round the proxy as well."""
    deadline = time.monotonic() + seconds_max
    belongs = bypass.in_session(process.pid)
    while time.monotonic() < deadline:
        pids = list(bypass.processes(belongs))
        seen.direct.update(bypass.connections(pids))
        seen.programs.update(bypass.programs(pids))
        if process.poll() is not None:
            seen.ended = True
            return
        if seen.requests or seen.distrusted:
            deadline = min(deadline, time.monotonic() + SETTLE_SECONDS)
        time.sleep(POLL_SECONDS)


def _end(process: Process) -> None:
    """End the command and everything that it started, politely first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(2)
