"""
Who calls: the local program that owns a client's socket, and the folder that it works in.

Linux tells in `/proc`: `net/tcp` names a socket's inode, and a process has a link to it among its
file descriptors. Elsewhere `lsof` is asked, which macOS has. Both take milliseconds, so this is for
a thread; `Owners` remembers the answer for as long as the connection lives. What cannot be found
out, another user's process or another machine's, is simply not known: nothing here ever fails.
"""

import os
import shutil
import socket
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from llmcap.shell.addresses import is_local

PROC = Path("/proc")
LSOF_SECONDS_MAX = 5

# Programs that run others: the script says more than its interpreter does.
_INTERPRETERS = ("python", "node", "bun", "deno", "ruby", "perl", "bash", "sh")

# How many processes are looked at before all of them: an agent opens many connections.
_RECENT_MAX = 32

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Owner:
    """A program on this machine. `project` is the name of the git checkout that it works in."""

    pid: int
    program: str
    cwd: str = ""
    project: str = ""


class Owners:
    """Finds owners, those of recent connections first. Use it from one thread at a time."""

    def __init__(self, proc: Path = PROC) -> None:
        self._proc = proc
        self._recent: OrderedDict[int, None] = OrderedDict()

    def find(self, client: Address, server: Address) -> Owner | None:
        """Who owns the client's end of the connection from `client` to `server`."""
        if not is_local(client[0]):
            return None
        if (self._proc / "net").is_dir():
            pid = self._pid(client, server)
            owner = described(pid, self._proc) if pid is not None else None
        else:
            owner = _asked(client)
        if owner is not None:
            self._recent[owner.pid] = None
            self._recent.move_to_end(owner.pid)
            if len(self._recent) > _RECENT_MAX:
                self._recent.popitem(last=False)
        return owner

    def _pid(self, client: Address, server: Address) -> int | None:
        inode = _inode(client, server, self._proc)
        if inode is None:
            return None
        link = f"socket:[{inode}]"
        recent = list(reversed(self._recent))
        for pid in recent:
            if _owns(self._proc, pid, link):
                return pid
        known = {os.getpid(), *recent}
        others = (pid for pid in _pids(self._proc) if pid not in known)
        return next((pid for pid in others if _owns(self._proc, pid, link)), None)


# --- Linux ------------------------------------------------------------------------------------


def _inode(client: Address, server: Address, proc: Path) -> str | None:
    """
    The inode of the client's socket.

    A line is `sl local remote st tx:rx tr:tm retrnsmt uid timeout inode ...`; see proc(5). A
    program may use an IPv6 socket for an IPv4 address, so both tables are read.
    """
    wanted = {
        (_hex(*client, version), _hex(*server, version), version)
        for version in (socket.AF_INET, socket.AF_INET6)
    }
    tables = (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6))
    for name, version in tables:
        try:
            lines = (proc / "net" / name).read_text(encoding="ascii").splitlines()
        except OSError:
            continue
        for line in lines[1:]:
            fields = line.split()
            if len(fields) > 9 and (fields[1], fields[2], version) in wanted:
                return fields[9] if fields[9] != "0" else None
    return None


def _hex(host: str, port: int, version: socket.AddressFamily) -> str:
    """An address as the kernel prints it: 32-bit words in the machine's byte order."""
    address = ip_address(host.partition("%")[0])
    if version == socket.AF_INET6:
        packed = (
            address.packed if address.version == 6 else b"\0" * 10 + b"\xff" * 2 + address.packed
        )
    else:
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        if isinstance(address, IPv6Address) and mapped is None:
            return ""
        packed = (mapped or address).packed
    words = [packed[at : at + 4] for at in range(0, len(packed), 4)]
    if sys.byteorder == "little":
        words = [word[::-1] for word in words]
    return f"{b''.join(words).hex().upper()}:{port:04X}"


def _pids(proc: Path) -> Iterator[int]:
    """The processes, the youngest first: a client is mostly younger than what the machine runs."""
    try:
        names = [each.name for each in proc.iterdir()]
    except OSError:
        return
    yield from sorted((int(name) for name in names if name.isdecimal()), reverse=True)


def _owns(proc: Path, pid: int, link: str) -> bool:
    folder = proc / str(pid) / "fd"
    try:
        with os.scandir(folder) as found:
            return any(_link(entry.path) == link for entry in found)
    except OSError:
        return False


def _link(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""


def described(pid: int, proc: Path = PROC) -> Owner | None:
    """What `/proc` tells of a process, or None where it is gone."""
    folder = proc / str(pid)
    try:
        words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        cwd = _link(str(folder / "cwd"))
    except OSError:
        return None
    return Owner(pid, program_name(words), cwd, project_of(cwd))


# --- elsewhere --------------------------------------------------------------------------------


def _asked(client: Address) -> Owner | None:
    """What `lsof` tells; its output has a field per line, named by the first letter: lsof(8)."""
    lsof = shutil.which("lsof") or shutil.which("lsof", path="/usr/sbin:/usr/bin")
    if lsof is None:
        return None
    host, port = client
    ends = f"{'[' + host + ']' if ':' in host else host}:{port}->"
    pid, program = None, ""
    fields = _run([lsof, "-nP", f"-iTCP:{port}", "-sTCP:ESTABLISHED", "-Fpcn"])
    seen_pid, seen_program = 0, ""
    for letter, value in fields:
        if letter == "p" and value.isdecimal():
            seen_pid = int(value)
        elif letter == "c":
            seen_program = value
        elif letter == "n" and value.startswith(ends) and seen_pid != os.getpid():
            pid, program = seen_pid, seen_program
    if pid is None:
        return None
    paths = _run([lsof, "-a", "-p", str(pid), "-d", "cwd", "-Fn"])
    cwd = next((value for letter, value in paths if letter == "n"), "")
    return Owner(pid, program_name([program]), cwd, project_of(cwd))


def _run(command: list[str]) -> list[tuple[str, str]]:
    try:
        done = subprocess.run(  # noqa: S603 (a fixed program, with numbers for arguments)
            command, capture_output=True, text=True, timeout=LSOF_SECONDS_MAX, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return [(line[0], line[1:]) for line in done.stdout.splitlines() if line]


# --- names ------------------------------------------------------------------------------------


def program_name(words: list[str]) -> str:
    """
    What a command line runs, without folder, version and suffix.

    >>> program_name(["/usr/bin/python3.12", "-u", "/srv/agents/sweep.py", "--fast"])
    'sweep'
    """
    words = [word for word in words if word]
    if not words:
        return ""
    name = _base(words[0])
    if name.rstrip("0123456789.") not in _INTERPRETERS:
        return name.lower()
    rest = words[1:]
    if "-m" in rest[:-1]:
        return rest[rest.index("-m") + 1].lower()
    for word in rest:
        if word == "-c":
            break
        if not word.startswith("-"):
            return _base(word).rsplit(".", 1)[0].lower() or name
    return name.lower()


def _base(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1]


def project_of(cwd: str) -> str:
    """The name of the git checkout that a folder is in; a worktree is a checkout of its own."""
    if not cwd.startswith("/"):
        return ""
    folder = Path(cwd)
    for each in (folder, *folder.parents):
        try:
            if (each / ".git").exists():
                return each.name
        except OSError:
            return ""
    return ""
