"""
What a program may ask the kernel for, to leave the network that it is in; see `attempts`.

Each raises the `OSError` that it ends with. One that gives something back has got something.
"""

import array
import contextlib
import ctypes
import errno
import fcntl
import os
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

SECONDS_MAX = 120
SECONDS_SHORT = 0.5  # of what nobody answers

# <linux/ptrace.h>, <sys/mount.h>, <sched.h>
PTRACE_SEIZE = 0x4206
MNT_DETACH, MS_BIND = 2, 1 << 12

# <linux/sockios.h>, <linux/if_tun.h>, <linux/rtnetlink.h>, <linux/if_link.h>
SIOCSIFADDR, TUNSETIFF, IFF_TUN = 0x8916, 0x400454CA, 1
NETLINK_ROUTE, RTM_NEWLINK, RTM_NEWROUTE, NLM_F_REQUEST_ACK_CREATE = 0, 16, 24, 0x405
IFLA_IFNAME, IFLA_LINKINFO, IFLA_NET_NS_PID, IFLA_INFO_KIND, RTA_OIF = 3, 18, 19, 1, 4

# <linux/in.h>
IPPROTO_SCTP, IPPROTO_DCCP, IPPROTO_UDPLITE, IPPROTO_MPTCP = 132, 33, 136, 262
IP_FREEBIND, IP_TRANSPARENT, SOCK_DCCP = 15, 19, 6

# <asm/unistd.h>
CALL_IO_URING_SETUP, CALL_PIDFD_GETFD, CALL_IO_URING_ENTER = 425, 438, 426

# Families whose sockets belong to the network that they are made in, or talk to nothing: UNIX,
# INET, INET6, KEY, NETLINK, PACKET, RDS, PPPOX, CAN, TIPC, RXRPC, PHONET, IEEE802154, CAIF, ALG,
# KCM, SMC, XDP, MCTP. VSOCK (40) leads to the host of a virtual machine, as SECURITY.md says.
KNOWN_FAMILIES = {1, 2, 10, 15, 16, 17, 21, 24, 29, 30, 33, 35, 36, 37, 38, 41, 43, 44, 45, 40}
FAMILIES_MAX, KINDS = 64, (1, 2, 3, 4, 5, 10)

LIBC = ctypes.CDLL(None, use_errno=True)
PARENT = os.getppid()
OUTSIDE = ("192.0.2.1", 443)


def checked(result: int) -> int:
    """Raises what a call of the C library has failed with."""
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def system_call(number: int, *arguments: object) -> int:
    """Raises what it fails with."""
    return checked(int(LIBC.syscall(number, *arguments)))


# --- LLMCap's process, and those of others ------------------------------------------------------


def seize() -> None:
    """Become the tracer of LLMCap."""
    checked(LIBC.ptrace(PTRACE_SEIZE, PARENT, None, None))


def take_file() -> None:
    """One of LLMCap's open files."""
    system_call(CALL_PIDFD_GETFD, os.pidfd_open(PARENT), 0, 0)


def read_memory() -> None:
    """A word of LLMCap's memory, by a call for that."""
    word = ctypes.create_string_buffer(8)
    piece = (ctypes.c_uint64 * 2)(ctypes.addressof(word), 8)
    checked(LIBC.process_vm_readv(PARENT, piece, 1, piece, 1, 0))


def join(pid: int) -> None:
    """Another process's network."""
    os.setns(os.open(f"/proc/{pid}/ns/net", os.O_RDONLY), os.CLONE_NEWNET)


def join_all() -> None:
    """Whatever LLMCap is in, by the process itself."""
    os.setns(os.pidfd_open(PARENT), os.CLONE_NEWUSER | os.CLONE_NEWNET | os.CLONE_NEWNS)


def look_at_anybody() -> object:
    """Memory, files and root of every process in another network; those that could be opened."""
    own = os.readlink("/proc/self/ns/net")  # noqa: PTH115
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{name}/ns/net") == own:  # noqa: PTH115
                continue
        for what in ("mem", "fd/0", "root/.", "cwd/.", "exe", "ns/net"):
            with contextlib.suppress(OSError):
                os.close(os.open(f"/proc/{name}/{what}", os.O_RDONLY))
                found.append(f"{name}/{what}")
    return found or failed(errno.EACCES)


def opened_already() -> object:
    """What is open beside the three files of a terminal, before anything else was tried."""
    with os.scandir("/proc/self/fd") as listed:
        found = {int(each.name): str(Path(each.path).readlink()) for each in listed}
    more = [link for number, link in found.items() if number > 2 and "/proc/" not in link]
    return more or failed(errno.ENOENT)


def shared_memory() -> object:
    """Segments of System V's that LLMCap has made or uses."""
    rows = [line.split() for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]
    return [row for row in rows if str(PARENT) in row[4:6]] or failed(errno.ENOENT)


def failed(number: int) -> NoReturn:
    """Raise it."""
    raise OSError(number, os.strerror(number))


# --- the network's own settings ------------------------------------------------------------------


def add_address() -> None:
    """One more on the loopback interface."""
    request = struct.pack("16sHH4s", b"lo:9", socket.AF_INET, 0, socket.inet_aton("192.0.2.1"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFADDR, request.ljust(40, b"\0"))


def told_kernel(kind: int, body: bytes) -> None:
    """A message of rtnetlink(7); raises the error that it is answered with."""
    head = struct.pack("=IHHII", 16 + len(body), kind, NLM_F_REQUEST_ACK_CREATE, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE) as netlink:
        netlink.send(head + body)
        (number,) = struct.unpack_from("=i", netlink.recv(4096), 16)
    if number:
        failed(-number)


def attribute(kind: int, content: bytes) -> bytes:
    """One of a message, padded."""
    size = 4 + len(content)
    return (struct.pack("=HH", size, kind) + content).ljust(size + -size % 4, b"\0")


def add_route() -> None:
    """A route for everything over the loopback interface."""
    link = attribute(RTA_OIF, struct.pack("=I", socket.if_nametoindex("lo")))
    told_kernel(RTM_NEWROUTE, struct.pack("=8BI", 2, 0, 0, 0, 254, 4, 253, 1, 0) + link)


def lay_cable() -> None:
    """A pair of interfaces, of which one is in LLMCap's network."""
    named = attribute(IFLA_IFNAME, b"way0\0")
    kind = attribute(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, b"veth"))
    there = attribute(IFLA_NET_NS_PID, struct.pack("=I", PARENT))
    told_kernel(RTM_NEWLINK, bytes(16) + named + kind + there)


def move_loopback() -> None:
    """Its only interface, into LLMCap's network."""
    which = struct.pack("=BBHiII", 0, 0, 0, socket.if_nametoindex("lo"), 0, 0)
    told_kernel(RTM_NEWLINK, which + attribute(IFLA_NET_NS_PID, struct.pack("=I", PARENT)))


def make_tunnel() -> None:
    """An interface whose packets the program itself reads and writes."""
    device = os.open("/dev/net/tun", os.O_RDWR)
    try:
        fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", b"way1", IFF_TUN))
    finally:
        os.close(device)


# --- mounts --------------------------------------------------------------------------------------


def in_a_child(tried: Callable[[], object], namespaces: int) -> None:
    """In a process of its own, in namespaces of its own; raises what it failed with."""
    pid = os.fork()
    if pid == 0:
        try:
            os.unshare(namespaces)
            tried()
        except OSError as error:
            os._exit(error.errno or 1)
        finally:
            os._exit(0)
    number = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if number:
        failed(number)


def take_off(path: str) -> None:
    """What is mounted there, where the program may mount."""
    checked(LIBC.umount2(path.encode(), MNT_DETACH))


def look_below(folder: str) -> None:
    """The folder in another place, without what is mounted in it."""
    checked(LIBC.mount(folder.encode(), b"/mnt", None, ctypes.c_ulong(MS_BIND), None))


# --- sockets -------------------------------------------------------------------------------------


def dial(
    *address: object,
    family: int = socket.AF_INET,
    kind: int = socket.SOCK_STREAM,
    protocol: int = 0,
    options: Sequence[tuple[int, int, int | bytes]] = (),
    bound: str = "",
    seconds: float = SECONDS_MAX,
    until_read: bool = False,
) -> None:
    """A connection; a byte of it too."""
    with socket.socket(family, kind, protocol) as tried:
        tried.settimeout(seconds)
        for level, option, value in options:
            tried.setsockopt(level, option, value)
        if bound:
            tried.bind((bound, 0))
        tried.connect(address[0] if family == socket.AF_UNIX else address)
        if until_read:
            tried.recv(1)


def send_packet() -> None:
    """One past all protocols, by an interface that leads out."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as tried:
        tried.bind(("eth0", 0))


def send(protocol: int, content: bytes) -> None:
    """A datagram, and what comes for it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM, protocol) as tried:
        tried.settimeout(SECONDS_MAX)
        tried.connect(OUTSIDE)
        tried.send(content)
        tried.recv(1)


def open_fast() -> None:
    """A connection whose first packet has data already."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tried:
        tried.sendto(b"x", socket.MSG_FASTOPEN, OUTSIDE)


def other_families() -> object:
    """Families of sockets that nobody has thought of."""
    made = set()
    for family in range(FAMILIES_MAX):
        for kind in KINDS:
            with contextlib.suppress(OSError):
                socket.socket(family, kind).close()
                made.add(family)
    return sorted(made - KNOWN_FAMILIES) or failed(errno.EAFNOSUPPORT)


def dial_by_ring() -> None:
    """A connection that the kernel's own threads open: of `io_uring`, if it is allowed."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tried:
        parameters = (ctypes.c_uint32 * 30)()
        ring = system_call(CALL_IO_URING_SETUP, 2, ctypes.byref(parameters))
        failed(connected_by_ring(ring, parameters, tried.fileno()))


def connected_by_ring(ring: int, parameters: "ctypes.Array[ctypes.c_uint32]", target: int) -> int:
    """The errno of one IORING_OP_CONNECT (16 of <linux/io_uring.h>), forced to a thread."""
    import mmap  # noqa: PLC0415

    told = list(parameters)
    sq_array, cq_cqes = told[10 + 6], told[20 + 5]
    rings = mmap.mmap(ring, 4096 * 4, offset=0)
    entries = mmap.mmap(ring, 4096, offset=0x10000000)
    address = array.array("B", struct.pack("=HH4s8x", 2, socket.htons(443), b"\xc0\0\2\1"))
    where, size = address.buffer_info()
    entries[:64] = struct.pack("=BBHiQQ", 16, 1 << 4, 0, target, size, where).ljust(64, b"\0")
    struct.pack_into("=I", rings, sq_array, 0)
    struct.pack_into("=I", rings, told[11], 1)  # the tail of the submission ring
    system_call(CALL_IO_URING_ENTER, ring, 1, 1, 1, None, 0)
    _, result = struct.unpack_from("=Qi", rings, cq_cqes)
    return -int(result)


def dial_from_a_network_within() -> None:
    """From a network that the program makes itself, where it may do anything."""
    with contextlib.suppress(OSError):
        add_address()
    dial("192.0.2.2", 443)


NEW_USER, NEW_NET, NEW_MOUNTS = os.CLONE_NEWUSER, os.CLONE_NEWNET, os.CLONE_NEWNS
IN6, TCP, IP = socket.AF_INET6, socket.IPPROTO_TCP, socket.IPPROTO_IP

KERNEL: dict[str, Callable[[], object]] = {
    "files that were open": opened_already,
    "a raw socket": lambda: dial(*OUTSIDE, kind=socket.SOCK_RAW, protocol=TCP),
    "a raw socket of IPv6": lambda: dial(
        "2001:db8::1", 0, family=IN6, kind=socket.SOCK_RAW, protocol=TCP
    ),
    "packets": send_packet,
    "tracing LLMCap": seize,
    "a file of LLMCap's": take_file,
    "LLMCap's memory": lambda: os.open(f"/proc/{PARENT}/mem", os.O_RDONLY),
    "LLMCap's memory by a call": read_memory,
    "LLMCap's variables": lambda: os.open(f"/proc/{PARENT}/environ", os.O_RDONLY),
    "LLMCap's root": lambda: os.scandir(f"/proc/{PARENT}/root"),
    "LLMCap's folder": lambda: os.scandir(f"/proc/{PARENT}/cwd"),
    "LLMCap's files": lambda: os.open(f"/proc/{PARENT}/fd/0", os.O_RDONLY),
    "LLMCap's network": lambda: join(PARENT),
    "all that LLMCap is in": join_all,
    "another network": lambda: join(1),
    "a network of the same user": lambda: join(int(sys.argv[2])),
    "anybody outside": look_at_anybody,
    "shared memory": shared_memory,
    "our file off its place": lambda: in_a_child(
        lambda: take_off("/etc/resolv.conf"), NEW_USER | NEW_MOUNTS
    ),
    "what is below our file": lambda: in_a_child(
        lambda: look_below("/etc"), NEW_USER | NEW_MOUNTS
    ),
    "an abstract socket": lambda: dial(f"\0{sys.argv[1]}", family=socket.AF_UNIX),
    "names by TCP": lambda: dial("127.0.0.1", 53),
    "names by TLS": lambda: dial("127.0.0.1", 853),
    "an address of IPv4": lambda: dial(*OUTSIDE),
    "an address of IPv6": lambda: dial("2001:db8::1", 443, family=IN6),
    "an address of the link": lambda: dial("fe80::1", 443, 0, 1, family=IN6),
    "an address of IPv4 in IPv6": lambda: dial("::ffff:192.0.2.1", 443, family=IN6),
    "the metadata of a cloud": lambda: dial("169.254.169.254", 80),
    "the network of a machine": lambda: dial("10.0.0.1", 443),
    "a broadcast": lambda: dial("255.255.255.255", 443),
    "a network within": lambda: in_a_child(dial_from_a_network_within, NEW_USER | NEW_NET),
    "io_uring": dial_by_ring,
    "a datagram": lambda: send(0, b"x"),
    "ICMP": lambda: send(socket.IPPROTO_ICMP, b"\x08\0\xf7\xff\0\0\0\0"),
    "UDP-Lite": lambda: send(IPPROTO_UDPLITE, b"x"),
    "SCTP": lambda: dial(*OUTSIDE, protocol=IPPROTO_SCTP),
    "DCCP": lambda: dial(*OUTSIDE, kind=SOCK_DCCP, protocol=IPPROTO_DCCP),
    "MPTCP": lambda: dial(*OUTSIDE, protocol=IPPROTO_MPTCP),
    "SMC": lambda: dial(*OUTSIDE, family=43),
    "data in the first packet": open_fast,
    "a device outside": lambda: dial(
        *OUTSIDE, options=[(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0\0")]
    ),
    "the only device": lambda: dial(
        *OUTSIDE, seconds=SECONDS_SHORT,
        options=[(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")],
    ),
    "no routes": lambda: dial(
        *OUTSIDE, options=[(socket.SOL_SOCKET, socket.SO_DONTROUTE, 1)]
    ),
    "a mark": lambda: dial(*OUTSIDE, options=[(socket.SOL_SOCKET, socket.SO_MARK, 1)]),
    "an address of others": lambda: dial(
        *OUTSIDE, options=[(IP, IP_TRANSPARENT, 1)], bound="192.0.2.9"
    ),
    "an address of nobody": lambda: dial(
        *OUTSIDE, options=[(IP, IP_FREEBIND, 1)], bound="192.0.2.9"
    ),
    "another family": other_families,
    "a cable": lay_cable,
    "the loopback moved": move_loopback,
    # from here on the network is another one, if root may do that
    "a tunnel": make_tunnel,
    "an address": add_address,
    "an address that was added": lambda: dial(*OUTSIDE, until_read=True),
    "a route": add_route,
    "an address that has a route": lambda: dial("203.0.113.1", 443, seconds=SECONDS_SHORT),
}  # fmt: skip
