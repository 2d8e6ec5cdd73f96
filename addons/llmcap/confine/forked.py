"""A child of this process that runs code of ours until it becomes its command."""

import gc
import os
import select
import signal
import socket

from llmcap.confine import inside
from llmcap.confine.keeper import Keeper


class Forked:
    """A process, waited for as `subprocess.Popen` does for those that it starts itself."""

    def __init__(self, pid: int, keeper: Keeper | None = None) -> None:
        self.pid = pid
        self._returncode: int | None = None
        self._keeper = keeper

    @property
    def returncode(self) -> int | None:
        """As `poll` gives it, when it was last waited for; to be set by whoever else waited."""
        return self._returncode

    @returncode.setter
    def returncode(self, code: int | None) -> None:
        self._returncode = code
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            (keeper.clear if code == -signal.SIGKILL else keeper.release)()

    def keep(self) -> None:
        """
        From now on nothing in its namespaces outlives a kill of ours, or of its own.

        Raises what `Keeper.watch` raises.
        """
        assert self._keeper is not None, self.pid
        self._keeper.watch(self.pid)

    def tend(self) -> None:
        """See to it that this stays so, when a child of ours has ended and it is not this one."""
        if self._keeper is not None:
            self._keeper.tend()

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
                import subprocess  # noqa: PLC0415 - not before the fork, which it would make dearer

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


class Waiting:
    """
    A child that waits for its plan on the other end of `line`, and its keeper.

    To be made before there are other threads. The earlier, the cheaper: a fork copies the tables of
    what a process has in memory by then, and later each page that either of the two writes to.
    """

    def __init__(self) -> None:
        if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:  # then nobody could wait for them
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # What is sent to all of us before there is a command is for us, until it begins.
        held = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            pid, self.line = fork()
            self.process = Forked(pid, Keeper())
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)

    def drop(self) -> None:
        """There will be no command."""
        self.line.close()
        self.process.wait()


def fork() -> tuple[int, socket.socket]:
    """A child that waits for its plan, its number and the socket that it talks through."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        pid = os.fork()
        if pid == 0:
            gc.disable()  # it would touch, and so copy, all that we have in memory
            ours.close()
            inside.main(theirs)
        return pid, ours
