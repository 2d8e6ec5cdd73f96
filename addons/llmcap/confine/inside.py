"""
The helper: makes a network in which every address is ours, and becomes the command there.

It runs as a program of its own, since a process with threads cannot leave its user namespace, and
uses nothing but the standard library, of that only modules written in C: those in Python would take
longer to import than all the rest takes. Arguments: the descriptor of a socket to its parent, the
`Plan` of `start` (a dictionary, marshalled, in hexadecimal), and the command.

To the parent it says, each message lines of text: `unshared`, where the parent is to write the id
maps; `ready` and the names of the open files that come with it; `failed`, a step, an errno, a
reason, also where the command cannot be executed. After the first two it waits for a byte, and
nothing of it is left once the command runs: the socket closes with that.
"""

import _signal  # type: ignore[import-not-found]
import _socket
import ctypes
import fcntl
import marshal
import os
import resource
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:  # type checkers know it by this name; `typing` itself takes too long
    from typing import Any, NoReturn

    Plan = dict[str, Any]

# <linux/sockios.h>, <net/if.h>, <linux/prctl.h>, <sys/mount.h>
SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK = 0x8914, 0x8916, 0x891C
IFF_UP, IFF_RUNNING = 0x1, 0x40
PR_SET_PDEATHSIG = 1
MS_BIND, MS_REC, MS_PRIVATE = 1 << 12, 1 << 14, 1 << 18

EXIT_OURS = 125
BACKLOG = 4096


def main(arguments: list[str]) -> "NoReturn":
    """Make it all, and be the command."""
    outside = _socket.socket(fileno=int(arguments[0]))
    os.set_inheritable(outside.fileno(), False)
    plan = marshal.loads(bytes.fromhex(arguments[1]))  # noqa: S302 - our parent's own words
    step = "namespaces"
    try:
        if plan["join"]:
            join(plan["join"])
        else:
            os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNET | os.CLONE_NEWNS)
            step = "ids"
            map_ids(plan, outside)
            step = "end"
            die_with_parent(plan)
            step = "mounts"
            set_up_mounts(plan)
        step = "network"
        set_up_network(plan)
        step = "sockets"
        hand_out(plan, outside)
        wait_for_parent(outside)
        if plan["join"]:
            os._exit(0)  # that was all; its process needs no helper
        step = "command"
        become(plan, arguments[2:])
    except OSError as error:
        tell(outside, "failed", step, str(error.errno or 0), f"{error.strerror}: {error.filename}")
    os._exit(EXIT_OURS)


def join(pid: int) -> None:
    """A process's user namespace, where that is another one than ours, and its network."""
    for kind, flag in (("user", os.CLONE_NEWUSER), ("net", os.CLONE_NEWNET)):
        theirs = f"/proc/{pid}/ns/{kind}"
        if os.readlink(theirs) == os.readlink(f"/proc/self/ns/{kind}"):  # noqa: PTH115 - see the top
            continue
        descriptor = os.open(theirs, os.O_RDONLY)
        os.setns(descriptor, flag)
        os.close(descriptor)


def tell(outside: _socket.socket, *lines: str, descriptors: "tuple[int, ...]" = ()) -> None:
    """One message to the parent, and open files with it."""
    rights = struct.pack(f"{len(descriptors)}i", *descriptors)
    ancillary = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)] if descriptors else []
    outside.sendmsg(["\n".join(lines).encode()], ancillary)


def wait_for_parent(outside: _socket.socket) -> None:
    """Its byte; if it closed the socket in place of that, it changed its mind or is gone."""
    if not outside.recv(1):
        os._exit(EXIT_OURS)


def map_ids(plan: "Plan", outside: _socket.socket) -> None:
    """
    Every id stays what it is. Root's many are mapped by the parent, who alone may; anybody else
    may map just themselves, and give up changing their groups for it.
    """
    if plan["maps_outside"]:
        tell(outside, "unshared")
        wait_for_parent(outside)
        return
    write("/proc/self/setgroups", "deny")
    write("/proc/self/uid_map", "{0} {0} 1".format(plan["uid"]))
    write("/proc/self/gid_map", "{0} {0} 1".format(plan["gid"]))


def write(path: str, text: str) -> None:
    """In one piece, as the files of the kernel want it."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def die_with_parent(plan: "Plan") -> None:
    """After the namespaces, which clear it. It outlives `execve`, but for setuid programs."""
    if ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, _signal.SIGKILL) != 0:
        raise OSError(0, "prctl")
    if os.getppid() != plan["parent"]:
        os._exit(EXIT_OURS)  # it is gone already


def set_up_network(plan: "Plan") -> None:
    """
    The loopback interface, and on it addresses with all of their network: of a network on a
    loopback interface every address is local.
    """
    control = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    flags = struct.pack("H", IFF_UP | IFF_RUNNING)
    fcntl.ioctl(control.fileno(), SIOCSIFFLAGS, request("lo", flags))
    for number, (address, mask) in enumerate(plan["networks"]):
        name = f"lo:{number + 1}"
        fcntl.ioctl(control.fileno(), SIOCSIFADDR, request(name, packed(address)))
        fcntl.ioctl(control.fileno(), SIOCSIFNETMASK, request(name, packed(mask)))
    control.close()


def request(name: str, value: bytes) -> bytes:
    """A `struct ifreq`."""
    return struct.pack("16s", name.encode()) + value.ljust(24, b"\0")


def packed(address: str) -> bytes:
    """A `struct sockaddr_in` without a port."""
    return struct.pack("HH4s", _socket.AF_INET, 0, _socket.inet_aton(address))


def set_up_mounts(plan: "Plan") -> None:
    """Files of ours over those of the system, for nobody but the command."""
    mount = ctypes.CDLL(None, use_errno=True).mount
    binds = [(source, target, MS_BIND) for source, target in plan["mounts"]]
    for source, target, flags in (("none", "/", MS_REC | MS_PRIVATE), *binds):
        if mount(os.fsencode(source), os.fsencode(target), None, ctypes.c_ulong(flags), None):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), target)


def hand_out(plan: "Plan", outside: _socket.socket) -> None:
    """
    Listen, and let the parent have it all: its sockets stay those of this network.

    With them the counters of this network, which end with their last holder.
    """
    names: list[str] = []
    descriptors: list[int] = []
    listeners: list[_socket.socket] = []
    for host, port in plan["listen"]:
        family = _socket.AF_INET6 if ":" in host else _socket.AF_INET
        try:
            listener = _socket.socket(family, _socket.SOCK_STREAM)
            listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
        except OSError:
            if family == _socket.AF_INET6:
                continue  # a kernel without it, or where it is switched off
            raise
        listener.listen(BACKLOG)
        listeners.append(listener)
        names.append("listener")
        descriptors.append(listener.fileno())
    resolver = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    resolver.bind(tuple(plan["resolver"]))
    names.append("resolver")
    descriptors.append(resolver.fileno())
    for name in ("snmp", "snmp6"):
        try:
            descriptors.append(os.open(f"/proc/thread-self/net/{name}", os.O_RDONLY))
        except OSError:
            continue
        names.append(name)
    tell(outside, "ready", *names, descriptors=tuple(descriptors))
    for descriptor in descriptors[len(listeners) + 1 :]:
        os.close(descriptor)


def become(plan: "Plan", command: list[str]) -> None:
    """The command, as if it had been started without us: its limits, signals and variables."""
    resource.setrlimit(resource.RLIMIT_NOFILE, tuple(plan["files"]))
    # What Python sets for itself when it starts.
    for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(number, _signal.SIG_DFL)
    if _signal.getsignal(_signal.SIGINT) is not _signal.SIG_IGN:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    # A signal that came to us meanwhile was for the command, and ends it as it would have.
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, plan["blocked"])
    environ = {name: value for name, value in os.environ.items() if name not in plan["unset"]}
    os.execvpe(command[0], command, environ)  # noqa: S606 - the user's own command
