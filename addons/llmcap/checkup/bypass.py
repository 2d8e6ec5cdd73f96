"""
Connections that go round the proxy, read from Linux's `/proc`: who talks to port 443 directly.

Elsewhere than on Linux nothing is known, and nothing is said.
"""

import contextlib
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

PROC = Path("/proc")
HTTPS = 443
RESOLVE_SECONDS_MAX = 3

# States of <net/tcp_states.h>: a connection that is being opened counts too, as its firewall may
# never let it through.
OPEN = {"01", "02"}


@dataclass(frozen=True, slots=True)
class Direct:
    """A connection of a process to port 443 of another machine."""

    pid: int
    program: str
    address: str


def connections(pids: Iterable[int], *, proc: Path = PROC) -> Iterator[Direct]:
    """The direct connections of these processes."""
    remotes: dict[str, str] | None = None
    for pid in pids:
        inodes = set(_socket_inodes(proc / str(pid)))
        if inodes and remotes is None:
            remotes = dict(_remotes(proc))
        for inode in inodes & set(remotes or ()):
            yield Direct(pid, _program(proc / str(pid)), (remotes or {})[inode])


def processes(
    wanted: Callable[[int], bool] = lambda _: True, *, proc: Path = PROC
) -> Iterator[int]:
    """The ids of all processes that are wanted."""
    if not sys.platform.startswith("linux"):
        return
    for entry in proc.iterdir():
        if entry.name.isdigit() and wanted(int(entry.name)):
            yield int(entry.name)


def programs(pids: Iterable[int], *, proc: Path = PROC) -> Iterator[str]:
    """The files that these processes run."""
    for pid in pids:
        with contextlib.suppress(OSError):
            yield str((proc / str(pid) / "exe").readlink())


def in_session(session: int, *, proc: Path = PROC) -> Callable[[int], bool]:
    """Whether a process is of the session that a command was started in, however deep."""

    def belongs(pid: int) -> bool:
        try:
            stat = (proc / str(pid) / "stat").read_text(errors="replace")
        except OSError:
            return False
        # The name, in parentheses, may hold spaces: the fields are counted behind it.
        fields = stat.rpartition(")")[2].split()
        return len(fields) > 3 and fields[3] == str(session)

    return belongs


def addresses(hosts: Iterable[str]) -> dict[str, str]:
    """The addresses of the hosts, with the host of each; what cannot be resolved is left out."""
    names = [host for host in hosts if "*" not in host]
    found: dict[str, str] = {}
    pool = ThreadPoolExecutor(16)
    asked = {pool.submit(socket.getaddrinfo, name, HTTPS): name for name in names}
    done, _ = wait(asked, timeout=RESOLVE_SECONDS_MAX)
    pool.shutdown(wait=False, cancel_futures=True)
    for answer in done:
        with contextlib.suppress(OSError):
            for *_, sockaddr in answer.result():
                found[str(ip_address(str(sockaddr[0])))] = asked[answer]
    return found


def _socket_inodes(process: Path) -> Iterator[str]:
    try:
        descriptors = list((process / "fd").iterdir())
    except OSError:
        return  # it has ended, or is another user's
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            target = str(descriptor.readlink())
            if target.startswith("socket:["):
                yield target[8:-1]


def _remotes(proc: Path) -> Iterator[tuple[str, str]]:
    """Inode and address of every open connection to port 443 of another machine."""
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (proc / "net" / name).read_text().splitlines()[1:]:
                fields = line.split()
                address, _, port = fields[2].partition(":")
                if fields[3] in OPEN and int(port, 16) == HTTPS:
                    remote = _address(address)
                    if not remote.is_loopback:
                        yield fields[9], str(remote)


def _address(text: str) -> IPv4Address | IPv6Address:
    """An address as the kernel prints it: words of four bytes in the machine's own order."""
    raw = bytes.fromhex(text)
    words = [raw[start : start + 4] for start in range(0, len(raw), 4)]
    packed = b"".join(word[::-1] if sys.byteorder == "little" else word for word in words)
    address = ip_address(packed)
    return getattr(address, "ipv4_mapped", None) or address


def _program(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "?"
