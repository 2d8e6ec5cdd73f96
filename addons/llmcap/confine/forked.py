"""A child of this process that runs code of ours until it becomes its command."""

import gc
import os
import select
import signal
import socket
import subprocess
from collections.abc import Sequence

from llmcap.confine import inside


class Forked:
    """A process, waited for as `subprocess.Popen` does for those that it starts itself."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, the number of its signal below 0, or None while it runs."""
        return self._reaped(os.WNOHANG)

    def wait(self, timeout: float | None = None) -> int:
        """The same when it has ended. Raises `subprocess.TimeoutExpired` after so many seconds."""
        if timeout is not None and self.returncode is None:
            descriptor = os.pidfd_open(self.pid)
            try:
                ended, _, _ = select.select([descriptor], [], [], timeout)
            finally:
                os.close(descriptor)
            if not ended:
                raise subprocess.TimeoutExpired([str(self.pid)], timeout)
        code = self._reaped(0)
        assert code is not None, self.pid
        return code

    def kill(self) -> None:
        """At once, where it has not ended."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def _reaped(self, options: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def fork(plan: inside.Plan, command: Sequence[str] = ()) -> tuple[Forked, socket.socket]:
    """The child, at work on the plan, and the socket that it talks through."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        pid = os.fork()
        if pid == 0:
            gc.disable()  # it would touch, and so copy, all that we have in memory
            ours.close()
            inside.main(theirs, plan, command)
        return Forked(pid), ours
