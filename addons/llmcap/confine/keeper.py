"""
The process that outlives a `kill -9` of ours, and ends what is still in a command's network then.

The kernel ends the command itself with us. What the command has started may not even notice: it
has lost its way out, and one that asks nobody for anything would stay for ever.
"""

import contextlib
import errno
import gc
import os
import signal
import socket

NAME = b"llmcap-keeper"
RELEASED = b"."
NUMBER_BYTES_MAX = 32
PASSES_MAX = 100  # whatever starts others while it is looked for is found in the next one


class Keeper:
    """
    Of the network that a child will be in. To be made before there are other threads: it is a fork.

    It has no terminal, is in no session of the command's, and keeps no file of ours open. What it
    is told: a network's number, then that the command has ended, or nothing more.
    """

    def __init__(self) -> None:
        theirs, self._ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._pid = os.fork()
            if self._pid == 0:
                _keep(theirs.fileno())

    def watch(self, child: int) -> None:
        """
        The network that the child is in.

        Raises `OSError`: `FileNotFoundError` where the child has ended. A child in our own network
        is refused.
        """
        network = network_of(f"/proc/{child}")
        if network == network_of("/proc/self"):
            raise OSError(errno.EINVAL, "its network is ours", str(child))
        with contextlib.suppress(ConnectionError):  # it was killed: it is only there for our end
            self._ours.send(b"%d" % network)

    def release(self) -> None:
        """The command has ended by itself: what it leaves behind stays, as without us."""
        self._end(RELEASED)

    def clear(self) -> None:
        """The command was killed: end what it leaves behind."""
        self._end(b"")

    def _end(self, word: bytes) -> None:
        with self._ours, contextlib.suppress(ConnectionError):  # it may have been killed itself
            if word:
                self._ours.send(word)
        os.waitpid(self._pid, 0)


def network_of(process: str) -> int:
    """The number of its network namespace, by its folder below /proc. Raises `OSError`."""
    return os.stat(f"{process}/ns/net").st_ino  # noqa: PTH116 - `pathlib` is large


def end_all(network: int) -> int:
    """Kill every process in that network; how many there were."""
    found = 0
    for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208 - the same
        with contextlib.suppress(OSError):  # it has ended, or is somebody else's
            descriptor = os.pidfd_open(int(name))
            try:  # the number is that of the same process from here on
                if network_of(f"/proc/{name}") == network:
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                    found += 1
            finally:
                os.close(descriptor)
    return found


def _keep(theirs: int) -> None:
    """In the fork: wait until the other end is gone, however that comes about, and end."""
    try:
        gc.disable()  # it would touch, and so copy, all that we have in memory
        os.setsid()
        os.dup2(theirs, 3)  # before what it may be itself, where we were started without
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(nothing, standard)
        os.closerange(4, os.sysconf("SC_OPEN_MAX"))
        called = os.open("/proc/self/comm", os.O_WRONLY)
        os.write(called, NAME)
        os.close(called)
        told = os.read(3, NUMBER_BYTES_MAX)
        if told.isdigit() and os.read(3, 1) != RELEASED:
            for _ in range(PASSES_MAX):
                if not end_all(int(told)):
                    break
    finally:
        os._exit(0)
