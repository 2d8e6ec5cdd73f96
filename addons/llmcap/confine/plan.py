"""
What a child is to make and to become, as it is told: in a file without a name, which may be longer
than any message.
"""

import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be made. `join`: a process whose network it is, where that is not a new one."""

    networks: Sequence[tuple[str, str]]  # an address in each, and its mask
    listen: Sequence[tuple[str, int]]
    resolver: tuple[str, int]
    mounts: Sequence[tuple[str, str]] = ()
    join: int = 0
    files: tuple[int, int] = (0, 0)  # the command's limits of them
    apart: int | None = None  # a file to write to, of a command without our terminal and session
    environ: Mapping[str, str] = field(default_factory=dict)
    command: Sequence[str] = ()
    parent: int = field(default_factory=os.getpid)


def send(line: socket.socket, plan: Plan) -> None:
    """Tell the child at the other end."""
    told = json.dumps(asdict(plan)).encode()
    with open(os.memfd_create("llmcap-plan"), "w+b") as file:  # noqa: PTH123 - it has no path
        file.write(told)
        file.seek(0)
        given = [file.fileno()] if plan.apart is None else [file.fileno(), plan.apart]
        socket.send_fds(line, [b"+"], given)


def receive(line: socket.socket) -> Plan | None:
    """In the child; None where the other end is closed."""
    _, given, _, _ = socket.recv_fds(line, 1, 2)
    if not given:
        return None
    with open(given[0], "rb") as file:  # noqa: PTH123 - it has no path
        told = json.load(file)
    apart = given[1] if len(given) > 1 else None
    if apart is not None:
        os.set_inheritable(apart, False)  # the standard library ignores the flag for that
    pairs = {
        name: [tuple(pair) for pair in told[name]] for name in ("networks", "listen", "mounts")
    }
    whole = {name: tuple(told[name]) for name in ("resolver", "files")}
    return Plan(**{**told, **pairs, **whole, "apart": apart})
