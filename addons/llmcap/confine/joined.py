"""
A process that runs already, in a network of its own without a way out, such as a container's.

What leads out of it goes to a proxy that stands, as of a command that was started confined. It is
refused where the process has this machine's network, or one with other interfaces: then it would
have ways past the proxy.
"""

import os
import select
import sys
from pathlib import Path

from llmcap.confine.egress import Egress
from llmcap.confine.forked import fork
from llmcap.confine.inward import Inward
from llmcap.confine.plan import send
from llmcap.confine.start import GO, NOT_LINUX, ConfinementError, plan_of, received

PROC = Path("/proc")


def join(pid: int, egress: Egress) -> Inward:
    """What leads out of the process's network from now on. Raises `ConfinementError`."""
    if sys.platform != "linux":
        raise ConfinementError(NOT_LINUX)
    check(pid)
    helper, ours = fork()
    try:
        with ours:
            send(ours, plan_of(egress, join=pid))
            lines, descriptors = received(ours)
            if lines[:1] == ["ready"]:
                ours.send(GO)
                return Inward.of(lines[1:], descriptors)
    finally:
        os.waitpid(helper, 0)
    raise ConfinementError(_why_not(pid, lines))


def check(pid: int, proc: Path = PROC) -> None:
    """Raises `ConfinementError` where the process has a way past the proxy, or is not there."""
    try:
        own = (proc / "self/ns/net").stat().st_ino
        theirs = (proc / str(pid) / "ns/net").stat().st_ino
        interfaces = (proc / str(pid) / "net/dev").read_text(encoding="ascii")
    except FileNotFoundError as error:
        raise ConfinementError(f"there is no process {pid}") from error
    except OSError as error:
        raise ConfinementError(_why_not(pid, ["failed", "join", "0", str(error)])) from error
    if own == theirs:
        raise ConfinementError(
            f"process {pid} has this machine's own network: nothing confines it\n"
            "hint: start its container with --network none; `llmcap run --confine` starts a command"
        )
    names = [line.partition(":")[0].strip() for line in interfaces.splitlines() if ":" in line]
    others = [name for name in names if name != "lo"]
    if others:
        raise ConfinementError(
            f"process {pid} has a network with ways of its own: {', '.join(others)}\n"
            "hint: start its container with --network none"
        )


def wait_for(pid: int) -> None:
    """Until the process has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        select.select([descriptor], [], [])
    finally:
        os.close(descriptor)


def _why_not(pid: int, lines: list[str]) -> str:
    _, step, _, reason = lines if len(lines) == 4 else ("", "join", "", "the helper ended")
    hint = "root may join it, and so may whoever started it in a user namespace of their own"
    if step == "sockets":
        hint = "something listens there already: is it confined by another `llmcap confine`?"
    return f"the network of process {pid} cannot be joined: {reason}\nhint: {hint}"
