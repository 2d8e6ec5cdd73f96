"""
Daemons of a command: those that made its calls in its place, and those that it leaves behind.

Some tools hand their work to a process in the background, which the first of them starts with its
own environment (Cline's hub). One that was there before a run calls past the run's proxy; one that
was started in it keeps the address of a proxy that is gone. So such tools are told to start theirs
apart; what a run leaves behind is stopped where it called through the proxy, and named elsewhere;
and a run without a call names the daemon of the same program that was there before.

Read from Linux' `/proc`; elsewhere nothing is known of other processes, and nothing is said.
"""

import contextlib
import os
import signal
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

PROC = Path("/proc")

WORDS_SHOWN = 2
SHOWN_MAX = 3

# Variables that make a tool start its daemon apart from any that is there. Cline 3 looks for its
# hub in the file that the first names, and else under its data folder (@cline/core, discovery).
_APART = "CLINE_HUB_DISCOVERY_PATH"
_APART_PORT = "CLINE_HUB_PORT"


@dataclass(frozen=True, slots=True)
class Stray:
    """One process: its number, and how its command line begins."""

    pid: int
    words: str

    def __str__(self) -> str:
        return f"`{self.words}` (pid {self.pid})"


def apart(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """What to set so that daemons of known tools are started anew, for whoever set nothing."""
    if _APART in environ or _APART_PORT in environ:
        return {}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return {_APART: str(folder / "cline-hub.json"), _APART_PORT: str(port)}


def behind(proxy_url: str, *, proc: Path = PROC) -> list[Stray]:
    """The processes that have this proxy in their environment, but for our own."""
    mark = f"={proxy_url}\0".encode()
    return [Stray(pid, _words(pid, proc)) for pid in _pids(proc) if mark in _environ(pid, proc)]


def callers(proxy_url: str, *, proc: Path = PROC) -> set[int]:
    """The processes that have a connection to this proxy."""
    port = urlsplit(proxy_url).port or 0
    sockets = {f"socket:[{inode}]" for inode in _connected(port, proc)}
    return {pid for pid in _pids(proc) if sockets and _has(pid, sockets, proc)}


def stop(proxy_url: str, folder: Path | None = None, *, proc: Path = PROC) -> list[str]:
    """
    End what a command has left behind and what called through its proxy; what is to be told of it.

    Called after the command's end, while the proxy still listens. A daemon that was started apart
    for the run, in this `folder`, goes without a word: nobody else knows it. What never called is
    let alone: it may be at work for somebody.
    """
    left = behind(proxy_url, proc=proc)
    calling = callers(proxy_url, proc=proc) if left else set()
    apart_from_others = f"{_APART}={folder}/".encode()
    told: list[str] = []
    for stray in left:
        if folder is not None and apart_from_others in _environ(stray.pid, proc):
            with contextlib.suppress(OSError):
                os.kill(stray.pid, signal.SIGTERM)
        elif len(told) == SHOWN_MAX:
            break
        elif stray.pid in calling:
            with contextlib.suppress(OSError):
                os.kill(stray.pid, signal.SIGTERM)
            told.append(f"{stray} was left behind, with no proxy to call through: stopped")
        else:
            told.append(
                f"{stray} was left behind with the address of this run's proxy, which is gone: "
                "what it calls will fail until it is started anew"
            )
    return told


def before(program: str, *, proc: Path = PROC) -> list[Stray]:
    """The daemons of this program that were there before us: without terminal, a child of init."""
    began = _stat(os.getpid(), proc)
    if not program or began is None:
        return []
    found = []
    for pid in _pids(proc):
        stat = _stat(pid, proc)
        if stat is None or stat.started >= began.started or not stat.is_daemon:
            continue
        words = _arguments(pid, proc)
        if any(Path(word).name.lower() == program for word in words[:WORDS_SHOWN]):
            found.append(Stray(pid, _words(pid, proc)))
    return found


def told_of(strays: list[Stray]) -> str:
    """What to say of a run without a call, where such daemons were there; else nothing."""
    if not strays:
        return ""
    names = ", ".join(str(each) for each in strays[:SHOWN_MAX])
    return (
        f"no call of this command passed through LLMCap: it may talk to {names}, started before, "
        "whose calls are not capped; stop that, and run this again"
    )


# --- /proc ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Stat:
    parent: int
    terminal: int
    started: int  # clock ticks since the machine's start

    @property
    def is_daemon(self) -> bool:
        return self.parent == 1 and self.terminal == 0


def _stat(pid: int, proc: Path) -> _Stat | None:
    """See proc(5); the name in parentheses may hold anything."""
    try:
        text = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return _Stat(int(fields[1]), int(fields[4]), int(fields[19])) if len(fields) > 19 else None


def _pids(proc: Path) -> Iterator[int]:
    own = os.getpid()
    with contextlib.suppress(OSError):
        for each in proc.iterdir():
            if each.name.isdigit() and int(each.name) != own:
                yield int(each.name)


def _environ(pid: int, proc: Path) -> bytes:
    try:
        return (proc / str(pid) / "environ").read_bytes()
    except OSError:
        return b""


def _arguments(pid: int, proc: Path) -> list[str]:
    try:
        data = (proc / str(pid) / "cmdline").read_bytes()
    except OSError:
        return []
    return [word for word in data.decode("utf-8", "replace").split("\0") if word]


def _words(pid: int, proc: Path) -> str:
    first, *others = _arguments(pid, proc)[:WORDS_SHOWN] or ["?"]
    return " ".join([Path(first).name, *others])


def _connected(port: int, proc: Path) -> set[str]:
    """The inodes of sockets whose other end is this port of this machine; see proc(5)."""
    found = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (proc / "net" / table).read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[2].endswith(f":{port:04X}") and fields[9] != "0":
                    found.add(fields[9])
    return found


def _has(pid: int, sockets: set[str], proc: Path) -> bool:
    with contextlib.suppress(OSError):
        for each in (proc / str(pid) / "fd").iterdir():
            with contextlib.suppress(OSError):
                if str(each.readlink()) in sockets:
                    return True
    return False
