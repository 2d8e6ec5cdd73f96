"""What stands takes confined commands of its own user, and lets nothing foreign disturb it."""

import contextlib
import errno
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from llmcap.confine import handover
from llmcap.confine.egress import read_egress
from llmcap.confine.gate import Gates
from llmcap.confine.handover import NAME, Desk, Handed, Lent
from llmcap.confine.inward import Inward
from llmcap.words.errors import ConfigError

from .conftest import Ground

RULES = read_egress(ports=(443,), reach=(5432,), allow_hosts=["10.0.0.0/8"], deny_others=True)
KEY = Lent("openai", "sk-real", "sk-stand-in")


def inward() -> Inward:
    """What a helper hands out, here of this network."""
    listener = socket.create_server(("127.0.0.1", 0))
    resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    return Inward([listener], resolver, [os.open("/proc/self/net/snmp", os.O_RDONLY)])


class Keeper:
    """Who lends keys, and is told when they are not needed any more."""

    def __init__(self) -> None:
        self.lent: list[Lent] = []

    def lend(self, keys: Sequence[Lent]) -> Callable[[], object]:
        """Remember them until then."""
        self.lent = list(keys)
        return self.lent.clear

    def renew(self, keys: Sequence[Lent]) -> None:
        """Of each stand-in what it stands for now."""
        new = {key.stand_in: key for key in keys}
        self.lent[:] = [new.get(key.stand_in, key) for key in self.lent]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One whose name is longer than an address of a socket may be."""
    made = tmp_path / ("deep" * 30)
    made.mkdir()
    return made


@pytest.fixture
def keeper(folder: Path) -> Iterator[Keeper]:
    """A desk is open."""
    made = Keeper()
    with Desk(folder, Gates(), made.lend, made.renew):
        yield made
    assert not (folder / NAME).exists()


def test_a_command_is_handed_over_and_asked_after(folder: Path, keeper: Keeper) -> None:
    """Nothing of it is kept here; its keys are lent until its line ends, and shown in no `repr`."""
    handed, way = Handed(folder), inward()
    handed.let_out(way, RULES, user="red", lent=[KEY])
    assert way.listeners[0].fileno() == -1
    assert keeper.lent == [KEY]
    assert "sk-" not in repr(keeper.lent)
    assert handed.attempts() >= 0
    assert handed.denied == {}
    handed.close()
    while keeper.lent:
        time.sleep(0.01)


def test_keys_that_run_out_are_told_anew(folder: Path, keeper: Keeper) -> None:
    """By whoever has what they are renewed with; and the command is asked after as before."""
    session = Lent("aws-bedrock", "ASIA1 secret token", "AKIA2 secret", signs=True)
    handed = Handed(folder)
    handed.let_out(inward(), RULES, user="red", lent=[KEY, session])
    renewed = replace(session, real="ASIA3 secret token")
    handed.renew([renewed])
    assert keeper.lent == [KEY, renewed]
    assert handed.attempts() >= 0
    handed.close()


def test_what_is_foreign_is_turned_away(folder: Path, keeper: Keeper) -> None:
    """And the next is taken as ever."""
    odd = {"names": ["listener"], "egress": {}, "user": "", "keys": []}
    for said in (b"", b"\xff", b"[]", json.dumps(odd).encode()):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
            place = os.open(folder, os.O_RDONLY)
            line.connect(f"/proc/self/fd/{place}/{NAME}")
            os.close(place)
            with contextlib.suppress(OSError):
                line.send(said)
                assert line.recv(10) == b""
    handed = Handed(folder)
    handed.let_out(inward(), RULES, user="", lent=[KEY])
    assert keeper.lent == [KEY]
    handed.close()


def test_a_proxy_that_had_no_file_left_takes_the_next_command(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits meanwhile is taken as soon as there is one again."""
    accept = socket.socket.accept
    faults = [OSError(errno.ECONNABORTED, "gone"), OSError(errno.EMFILE, "Too many open files")]

    def short(self: socket.socket) -> tuple[socket.socket, object]:
        if self.family == socket.AF_UNIX and faults:
            raise faults.pop()
        return accept(self)

    monkeypatch.setattr(socket.socket, "accept", short)
    monkeypatch.setattr(handover, "AGAIN_SECONDS", 0.01)
    made = Keeper()
    with Desk(folder, Gates(), made.lend, made.renew):
        handed = Handed(folder)
        handed.let_out(inward(), RULES, user="", lent=[KEY])
        assert made.lent == [KEY]
        handed.close()
    assert not faults


def test_a_proxy_that_had_no_thread_left_takes_those_who_wait(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is turned away for it, and the desk stays open."""
    start = threading.Thread.start
    faults = [RuntimeError("can't start new thread")] * 2

    def short(self: threading.Thread) -> None:
        if self.name != "llmcap-desk" and faults:
            raise faults.pop()
        start(self)

    monkeypatch.setattr(threading.Thread, "start", short)
    monkeypatch.setattr(handover, "AGAIN_SECONDS", 0.01)
    made = Keeper()
    with Desk(folder, Gates(), made.lend, made.renew):
        for _ in range(2):
            handed = Handed(folder)
            handed.let_out(inward(), RULES, user="", lent=[KEY])
            handed.close()
    assert not faults


ASKING = f"""
import socket
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
    line.connect({NAME!r})
    line.settimeout(30)
    raise SystemExit(7 if line.recv(10) == b"" else 1)
"""


def test_who_is_confined_already_cannot_hand_itself_over(
    folder: Path, keeper: Keeper, ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The socket is a file, and seen inside: by rules of its own it would reach what it may not."""
    monkeypatch.chdir(folder)
    assert ground.code(sys.executable, "-I", "-c", ASKING) == 7
    assert keeper.lent == []


STANDING = f"""
import pathlib, socket
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
    listener.bind({NAME!r})
    listener.listen()
    pathlib.Path("ready").touch()
    listener.accept()[0].recv(1)
"""


def test_who_is_confined_cannot_stand_in_the_place_of_the_proxy(
    folder: Path, ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be told the real keys of every command that comes after it."""
    monkeypatch.chdir(folder)
    process = ground.start(sys.executable, "-I", "-c", STANDING)
    while not (folder / "ready").exists():
        assert process.poll() is None
        time.sleep(0.01)
    with pytest.raises(ConfigError, match="was started inside a confined command"):
        Handed(folder)
    assert process.wait(300) == 0


LAST_PID = Path("/proc/sys/kernel/ns_last_pid")


def test_who_has_the_number_of_an_end_that_is_gone_is_not_that_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A confined command could leave the line to a child, and wait for that."""
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(NAME)
        stood = forked(listener.listen)
        os.waitpid(stood, 0)
        other = numbered(stood)
        try:
            with pytest.raises(ConfigError, match="was started inside a confined command"):
                Handed(folder)
        finally:
            os.kill(other, signal.SIGKILL)
            os.waitpid(other, 0)


def forked(what: Callable[[], object]) -> int:
    """The number of a process that does that, and ends."""
    pid = os.fork()
    if pid == 0:
        what()
        os._exit(0)
    return pid


def numbered(wanted: int) -> int:
    """A process that has this number, which is free, and waits; skips where none can be had."""
    for _ in range(100):  # others may take it before
        try:
            LAST_PID.write_text(str(wanted - 1), encoding="ascii")
        except OSError as error:
            pytest.skip(f"{LAST_PID}: {error.strerror}")
        pid = forked(signal.pause)
        if pid == wanted:
            return pid
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    pytest.skip(f"{wanted} went to others")


def test_without_a_desk_there_is_a_sentence(folder: Path) -> None:
    """An older proxy has none."""
    with pytest.raises(ConfigError, match="takes no confined commands"):
        Handed(folder)
