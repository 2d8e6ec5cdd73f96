"""
What a child is to make and to become, as it is told: in a file without a name, which may be longer
than any message.

Both ends are one program, so Python's own form will do. It stands in a process that has hardly
begun, see `forked`: a record of `dataclasses` alone would make that half as large again.
"""

import marshal
import os
import socket
from collections.abc import Mapping, Sequence


class Plan:
    """What is to be made. `join`: a process whose network it is, where that is not a new one."""

    def __init__(  # noqa: PLR0913 - all that there is to say, each by its name
        self,
        *,
        networks: Sequence[tuple[str, str]],  # an address in each, and its mask
        listen: Sequence[tuple[str, int]],
        resolver: tuple[str, int],
        mounts: Sequence[tuple[str, str]] = (),
        join: int = 0,
        files: tuple[int, int] = (0, 0),  # the command's limits of them
        apart: int | None = None,  # a file to write to, of a command without our terminal
        environ: Mapping[str, str] | None = None,
        command: Sequence[str] = (),
        parent: int = 0,  # whose end is the command's; 0 for this process
    ) -> None:
        self.networks, self.listen, self.resolver = networks, listen, resolver
        self.mounts, self.join, self.files, self.apart = mounts, join, files, apart
        self.environ, self.command = dict(environ or {}), command
        self.parent = parent or os.getpid()


def send(line: socket.socket, plan: Plan) -> None:
    """Tell the child at the other end."""
    told = marshal.dumps(vars(plan))
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
        plan = Plan(**marshal.loads(file.read()))  # noqa: S302 - what `send` has written
    plan.apart = given[1] if len(given) > 1 else None
    if plan.apart is not None:
        os.set_inheritable(plan.apart, False)  # the standard library ignores the flag for that
    return plan
