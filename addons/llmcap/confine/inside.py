"""
What makes a network in which every address is ours, and becomes the command there.

It runs in a child that `forked` has made: a process with threads cannot leave its user namespace,
and an interpreter of its own would take longer to start than all the rest takes. So until the
command replaces it, nothing here imports, logs, or needs a lock that a thread of ours could have.

It is told a plan. To the parent it says, each message lines of text: `unshared`, where the parent
is to write the id maps; `ready` and the names of the open files that come with it; `failed`, a
step, an errno, a reason, also where the command cannot be executed. After the first two it waits
for a byte, and nothing of it is left once the command runs: the socket closes with that.
"""

import ctypes
import fcntl
import os
import resource
import signal
import socket
import struct
from collections.abc import Sequence

from llmcap.confine.plan import Plan, receive

# <linux/sockios.h>, <net/if.h>, <linux/prctl.h>, <sys/mount.h>
SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK = 0x8914, 0x8916, 0x891C
IFF_UP, IFF_RUNNING = 0x1, 0x40
PR_SET_PDEATHSIG = 1
MS_BIND, MS_REC, MS_PRIVATE = 1 << 12, 1 << 14, 1 << 18

LIBC = ctypes.CDLL(None, use_errno=True)  # made once, before the fork

EXIT_OURS = 125
BACKLOG = 4096


def main(outside: socket.socket) -> None:
    """Wait for the plan, make it all, and be the command: it never returns."""
    step = "namespaces"
    try:
        plan = receive(outside)
        if plan is None:
            os._exit(EXIT_OURS)  # there will be no command
        if plan.join:
            join(plan.join)
        else:
            uid, gid = os.geteuid(), os.getegid()
            os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNET | os.CLONE_NEWNS)
            step = "ids"
            map_ids(uid, gid, outside)
            step = "end"
            die_with_parent(plan)
            step = "mounts"
            set_up_mounts(plan)
        step = "network"
        set_up_network(plan)
        step = "sockets"
        hand_out(plan, outside)
        wait_for_parent(outside)
        if plan.join:
            os._exit(0)  # that was all; its process needs no helper
        step = "command"
        become(plan)
    except OSError as error:
        tell(outside, "failed", step, str(error.errno or 0), f"{error.strerror}: {error.filename}")
    finally:
        os._exit(EXIT_OURS)


def join(pid: int) -> None:
    """A process's user namespace, where that is another one than ours, and its network."""
    for kind, flag in (("user", os.CLONE_NEWUSER), ("net", os.CLONE_NEWNET)):
        theirs = f"/proc/{pid}/ns/{kind}"
        if os.readlink(theirs) == os.readlink(f"/proc/self/ns/{kind}"):  # noqa: PTH115
            continue
        descriptor = os.open(theirs, os.O_RDONLY)
        os.setns(descriptor, flag)
        os.close(descriptor)


def tell(outside: socket.socket, *lines: str, descriptors: Sequence[int] = ()) -> None:
    """One message to the parent, and open files with it."""
    socket.send_fds(outside, ["\n".join(lines).encode()], descriptors)


def wait_for_parent(outside: socket.socket) -> None:
    """Its byte; if it closed the socket in place of that, it changed its mind or is gone."""
    if not outside.recv(1):
        os._exit(EXIT_OURS)


def map_ids(uid: int, gid: int, outside: socket.socket) -> None:
    """
    Every id stays what it is. Root's many are mapped by the parent, who alone may; anybody else
    may map just themselves, and give up changing their groups for it.
    """
    if uid == 0:
        tell(outside, "unshared")
        wait_for_parent(outside)
        return
    write("/proc/self/setgroups", "deny")
    write("/proc/self/uid_map", f"{uid} {uid} 1")
    write("/proc/self/gid_map", f"{gid} {gid} 1")


def write(path: str, text: str) -> None:
    """In one piece, as the files of the kernel want it."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def die_with_parent(plan: Plan) -> None:
    """After the namespaces, which clear it. It outlives `execve`, but for setuid programs."""
    if LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(0, "prctl")
    if os.getppid() != plan.parent:
        os._exit(EXIT_OURS)  # it is gone already


def set_up_network(plan: Plan) -> None:
    """The loopback, and networks on it: of a network on this interface every address is local."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        flags = struct.pack("H", IFF_UP | IFF_RUNNING)
        fcntl.ioctl(control, SIOCSIFFLAGS, request("lo", flags))
        for number, (address, mask) in enumerate(plan.networks):
            name = f"lo:{number + 1}"
            fcntl.ioctl(control, SIOCSIFADDR, request(name, packed(address)))
            fcntl.ioctl(control, SIOCSIFNETMASK, request(name, packed(mask)))


def request(name: str, value: bytes) -> bytes:
    """A `struct ifreq`."""
    return struct.pack("16s", name.encode()) + value.ljust(24, b"\0")


def packed(address: str) -> bytes:
    """A `struct sockaddr_in` without a port."""
    return struct.pack("HH4s", socket.AF_INET, 0, socket.inet_aton(address))


def set_up_mounts(plan: Plan) -> None:
    """Files of ours over those of the system, for nobody but the command."""
    binds = [(source, target, MS_BIND) for source, target in plan.mounts]
    for source, target, flags in (("none", "/", MS_REC | MS_PRIVATE), *binds):
        if LIBC.mount(os.fsencode(source), os.fsencode(target), None, ctypes.c_ulong(flags), None):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), target)


def hand_out(plan: Plan, outside: socket.socket) -> None:
    """
    Listen, and let the parent have it all: its sockets stay those of this network.

    With them the counters of this network. All that is open here ends with the child's own code.
    """
    names: list[str] = []
    descriptors: list[int] = []
    for host, port in plan.listen:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            listener = socket.socket(family, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
        except OSError:
            if family == socket.AF_INET6:
                continue  # a kernel without it, or where it is switched off
            raise
        listener.listen(BACKLOG)
        names.append("listener")
        descriptors.append(listener.detach())
    resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    resolver.bind(plan.resolver)
    names.append("resolver")
    descriptors.append(resolver.detach())
    for name in ("snmp", "snmp6"):
        try:
            descriptors.append(os.open(f"/proc/thread-self/net/{name}", os.O_RDONLY))
        except OSError:
            continue
        names.append(name)
    tell(outside, "ready", *names, descriptors=descriptors)


def become(plan: Plan) -> None:
    """The command, as if it had been started without us: its limits, signals and variables."""
    resource.setrlimit(resource.RLIMIT_NOFILE, plan.files)
    if plan.apart is not None:
        leave_terminal(plan.apart)
    # What Python ignores, and what we hold back. What the user ignores, the command does too.
    handled = [
        n for n in signal.pthread_sigmask(signal.SIG_BLOCK, ()) if callable(signal.getsignal(n))
    ]
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, *handled):
        signal.signal(number, signal.SIG_DFL)
    # A signal that came to us meanwhile was for the command, and ends it as it would have.
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.execvpe(plan.command[0], [*plan.command], plan.environ)  # noqa: S606 - the user's own command


def leave_terminal(screen: int) -> None:
    """A session of its own, nothing to read, and a file to write to."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (screen, 1), (screen, 2)):
        os.dup2(source, target)
