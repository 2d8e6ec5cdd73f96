"""
The processes that outlive a `kill -9` of ours, and end what is left of a command then.

The kernel ends the command itself with us. What the command has started may not even notice: it
has lost its way out, and one that asks nobody for anything would stay for ever.
"""

import contextlib
import errno
import fcntl
import gc
import os
import select
import signal
import socket
import struct

NAME = b"llmcap-keeper"
TOLD = b"+"  # with a descriptor
DESCRIPTOR = struct.Struct("i")
NS_GET_PARENT = 0xB702  # <linux/nsfs.h>, see ioctl_ns(2)
KEEPERS = 2  # one is there while the other one, which was killed, has no successor yet
END_MILLISECONDS_MAX = 1000  # for one; a disk may keep it longer
PASSES_MAX = 100  # whatever starts others while it is looked for is found in the next one
PASSES_EMPTY = 2  # one may end between the list and the look, and have started another since


class Keeper:
    """
    Of the network that a child will be in. To be made before there are other threads: it forks.

    Its processes have no terminal, are in no session of the command's, and keep no file of ours
    open. What they are told they never take, so that each can read it, and a successor too: a user
    namespace, as a file that is open. As long as somebody has it, no other one gets its number.
    """

    def __init__(self) -> None:
        self._space: int | None = None
        self._theirs, self._ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._pids = [self._begun() for _ in range(KEEPERS)]

    def _begun(self) -> int:
        pid = os.fork()
        if pid == 0:
            _keep(self._theirs.fileno())
        return pid

    def watch(self, child: int) -> None:
        """
        The namespaces that the child is in.

        Raises `OSError`: `FileNotFoundError` where the child has ended. A child in our own ones is
        refused.
        """
        space = opened(f"/proc/{child}")
        if is_ours(space):
            os.close(space)
            raise OSError(errno.EINVAL, "its namespaces are ours", str(child))
        self._space = space
        socket.send_fds(self._ours, [TOLD], [space])

    def tend(self) -> None:
        """
        Another process in the place of one that was killed: the other one keeps until then.

        It is a fork beside other threads then, which imports nothing and needs no lock of theirs.
        """
        for number, pid in enumerate(self._pids):
            ended, _ = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._pids[number] = self._begun()

    def release(self) -> None:
        """The command has ended by itself: what it leaves behind stays, as without us."""
        with self._theirs, self._ours:
            if self._space is not None:
                self._theirs.recv(len(TOLD))  # it is told no more
                os.close(self._space)
        for pid in self._pids:
            os.waitpid(pid, 0)

    def clear(self) -> None:
        """The command was killed: end what it leaves behind. Are we killed meanwhile, they do."""
        if self._space is not None:
            end_all(self._space)
        self.release()


def opened(process: str) -> int:
    """
    Its user namespace, by its folder below /proc: a descriptor.

    Raises `OSError`, also where it has ended and nobody has asked for that yet.
    """
    # Of the two that it is in, it gives back the network alone as it ends.
    os.close(os.open(f"{process}/ns/net", os.O_RDONLY))
    return os.open(f"{process}/ns/user", os.O_RDONLY)


def is_ours(space: int) -> bool:
    """Whether that is the user namespace that we are in."""
    return os.path.samestat(os.fstat(space), os.stat("/proc/self/ns/user"))  # noqa: PTH116 - `pathlib` is large


def is_within(process: str, space: int) -> bool:
    """
    Whether it is in that user namespace, or in one that was made in it: a command's own sandbox may
    have a network of its own, too. Raises what `opened` raises.
    """
    descriptor = opened(process)
    try:
        while not os.path.sameopenfile(descriptor, space):
            try:
                above = fcntl.ioctl(descriptor, NS_GET_PARENT)
            except PermissionError:  # our own is not above that space
                return False
            os.close(descriptor)
            descriptor = above
        return True
    finally:
        os.close(descriptor)


def end_all(space: int) -> int:
    """Kill every process in that user namespace or below; how many there were."""
    total = empty = 0
    for _ in range(PASSES_MAX):
        found = _end_some(space)
        total += found
        empty = 0 if found else empty + 1
        if empty == PASSES_EMPTY:
            break
    return total


def _end_some(space: int) -> int:
    found = 0
    for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208 - `pathlib` is large
        with contextlib.suppress(OSError):  # it has ended, or is somebody else's
            descriptor = os.pidfd_open(int(name))
            try:  # the number is that of the same process from here on
                if is_within(f"/proc/{name}", space):
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                    _await(descriptor)
                    found += 1
            finally:
                os.close(descriptor)
    return found


def _await(process: int) -> None:
    waiting = select.poll()
    waiting.register(process, select.POLLIN)
    waiting.poll(END_MILLISECONDS_MAX)


def _told(line: socket.socket) -> int | None:
    """
    The namespace that stands there to be read, and still does afterwards.

    Python's `socket.recv_fds` takes flags and drops them: it would read it away.
    """
    _, rights, _, _ = line.recvmsg(len(TOLD), socket.CMSG_SPACE(DESCRIPTOR.size), socket.MSG_PEEK)
    for _, _, content in rights:
        (descriptor,) = DESCRIPTOR.unpack(content)
        return int(descriptor)
    return None


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
        waiting = select.poll()
        waiting.register(3, 0)  # for its end alone, which is always told
        waiting.poll()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, 3) as line:
            space = _told(line)
        if space is not None:  # neither released nor told of nothing
            end_all(space)
    finally:
        os._exit(0)
