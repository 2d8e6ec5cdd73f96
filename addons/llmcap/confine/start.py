"""
Starting a command in a network of its own: what the helper is told, and what it hands out.

Between the two is a socket pair that both have from birth, so no path and no port is ever made for
it. Everything that can go wrong inside comes back as an error with what an administrator can do;
the command is not run in any other way then.
"""

import array
import contextlib
import os
import resource
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from llmcap.confine.egress import Egress
from llmcap.confine.forked import Forked, Waiting
from llmcap.confine.ground import why_not
from llmcap.confine.inward import FILES_MAX, Inward
from llmcap.confine.names import NETWORK
from llmcap.confine.plan import Plan, send
from llmcap.words.errors import LLMCapError

GO = b"+"

RESOLVER = ("127.0.0.1", 53)
MESSAGE_BYTES_MAX = 65_536

# A proxy needs two open files for each connection of its clients; the command keeps its own limit.
OPEN_FILES_WANTED = 65_536

NOT_LINUX = (
    "--confine needs Linux\n"
    "hint: without it, programs are capped that read proxy variables; `llmcap doctor -- COMMAND` "
    "says whether one does"
)


class ConfinementError(LLMCapError):
    """The command cannot be confined, and so was not started."""


class UnstartableError(LLMCapError):
    """The command itself cannot be executed; `number` is the errno."""

    def __init__(self, number: int) -> None:
        super().__init__(os.strerror(number))
        self.number = number


class Prepared:
    """
    The child, in a network of its own, before it becomes the command: `go` lets it.

    `serve` is given what leads out of the network. A command that is not to have our terminal and
    session writes to the open file `apart`. The child is the one that is `waiting`, if there is
    one, else it is forked now: before there are other threads. Raises `ConfinementError`.
    """

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        *,
        egress: Egress,
        mounts: Sequence[tuple[Path, Path]],
        serve: Callable[[Inward], object],
        apart: int | None = None,
        waiting: Waiting | None = None,
    ) -> None:
        if sys.platform != "linux":
            raise ConfinementError(NOT_LINUX)
        waiting = waiting or Waiting()
        files = resource.getrlimit(resource.RLIMIT_NOFILE)
        _raise_limit(files)
        plan = plan_of(
            egress, files=files, apart=apart, environ=environ, command=command,
            mounts=[(str(source), str(target)) for source, target in mounts],
        )  # fmt: skip
        self.process, self._ours = waiting.process, waiting.line
        try:
            with contextlib.suppress(ConnectionError):  # it was killed: it is seen next
                send(self._ours, plan)
            self._attend(serve)
        except BaseException:
            self.abandon()
            raise

    def go(self) -> Forked:
        """The command, running; it blocks no signal. Raises `UnstartableError`."""
        with self._ours:
            try:
                self._ours.send(GO)
                lines, _ = received(self._ours)
            except ConnectionError:
                lines = []  # a signal has ended it: that is the command's end
        if lines:
            self.process.wait()
            raise UnstartableError(int(lines[2]))
        return self.process

    def abandon(self) -> None:
        """There will be no command."""
        self._ours.close()
        self.process.kill()
        self.process.wait()

    def _attend(self, serve: Callable[[Inward], object]) -> None:
        """Answer the helper until its network is there."""
        while True:
            lines, descriptors = received(self._ours)
            if lines == ["unshared"]:
                _write_maps(self.process.pid)
                with contextlib.suppress(ConnectionError):  # it was killed: it is seen next
                    self._ours.send(GO)
            elif lines[:1] == ["ready"]:
                self._keep()
                serve(Inward.of(lines[1:], descriptors))
                return
            elif lines[:1] == ["failed"]:
                _, step, number, reason = lines
                raise ConfinementError(why_not(step, int(number), reason))
            elif _ended_by_signal(self.process.pid):
                return
            else:
                raise ConfinementError(why_not("start", 0, "it ended without a word"))

    def _keep(self) -> None:
        try:
            self.process.keep()
        except FileNotFoundError:
            pass  # it was killed: it is seen next
        except OSError as error:
            raise ConfinementError(why_not("start", error.errno or 0, str(error))) from error


def start(
    command: Sequence[str],
    environ: Mapping[str, str],
    *,
    egress: Egress,
    mounts: Sequence[tuple[Path, Path]],
    serve: Callable[[Inward], object],
) -> Forked:
    """The command in a network of its own, at once. Raises what `Prepared` raises."""
    return Prepared(command, environ, egress=egress, mounts=mounts, serve=serve).go()


def plan_of(egress: Egress, **more: Any) -> Plan:
    """The network that these rules need, and what more the child is to be told."""
    wildcard = [("0.0.0.0", port) for port in egress.ports]  # noqa: S104 - of a network with nobody else
    reached = [
        (host, port)
        for port in egress.reach
        for host in ("127.0.0.1", "::1")
        if ":" in host or port not in egress.ports
    ]
    return Plan(
        networks=[_interface(network) for network in (NETWORK, *egress.networks)],
        listen=wildcard + reached,
        resolver=RESOLVER,
        **more,
    )


def _interface(network: IPv4Network) -> tuple[str, str]:
    """An address in a network that is not the network's own, and the mask."""
    own = network.network_address + (1 if network.prefixlen < 31 else 0)
    return str(own), str(network.netmask)


def _raise_limit(files: tuple[int, int]) -> None:
    soft, hard = files
    wanted = OPEN_FILES_WANTED if hard == resource.RLIM_INFINITY else min(OPEN_FILES_WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _ended_by_signal(pid: int) -> bool:
    """Wait for its end without taking it from who waits for the process later."""
    ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return ended is not None and ended.si_code in {os.CLD_KILLED, os.CLD_DUMPED}


def received(ours: socket.socket) -> tuple[list[str], list[int]]:
    """The lines of a message, none at the end, and the open files that came with it."""
    descriptors = array.array("i")
    size = socket.CMSG_SPACE(FILES_MAX * descriptors.itemsize)
    try:
        data, ancillary, *_ = ours.recvmsg(MESSAGE_BYTES_MAX, size, socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        return [], []
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            whole = len(content) - len(content) % descriptors.itemsize
            descriptors.frombytes(content[:whole])
    return data.decode("utf-8", "replace").splitlines(), list(descriptors)


def _write_maps(pid: int) -> None:
    """Each of root's ids as itself: all that exist here."""
    for kind in ("uid", "gid"):
        rows = Path(f"/proc/self/{kind}_map").read_text(encoding="ascii").splitlines()
        same = (f"{inside} {inside} {count}\n" for inside, _, count in map(str.split, rows))
        try:
            Path(f"/proc/{pid}/{kind}_map").write_text("".join(same), encoding="ascii")
        except OSError as error:
            raise ConfinementError(why_not("ids", error.errno or 0, str(error))) from error
