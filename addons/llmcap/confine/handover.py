"""
A confined command whose proxy stands already: what leads out of its network goes to that proxy.

Who started the command hands its listeners over, on a socket in the folder of the proxy, and stays
on the line; the proxy serves them until the line ends. No byte is pumped, and nothing is left of it
when either of the two is gone: without its proxy the command's network leads nowhere.

A message is JSON, the first with open files. To the proxy: what came (`Entry`), then `?` for what
the command has tried so far, or `{"keys": ...}` that are other ones by now. From it: `{}` once it
serves, and then each time `{"attempts": ..., "denied": ...}`.
"""

import contextlib
import errno
import json
import os
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Self

from llmcap.confine.egress import Egress
from llmcap.confine.gate import Gate, Gates
from llmcap.confine.inward import FILES_MAX, Inward
from llmcap.confine.keeper import is_ours, opened
from llmcap.words.errors import ConfigError
from llmcap.words.told import Log

NAME = "confined"  # of the socket
MESSAGE_BYTES_MAX = 1 << 17
WAITING_MAX = 64
ANSWER_SECONDS_MAX = 30
AGAIN_SECONDS = 1  # after nobody could be let in

_PEER = struct.Struct("3i")  # struct ucred of <sys/socket.h>: pid, uid, gid
SO_PEERPIDFD = 77  # <asm-generic/socket.h>

logger = Log(__name__)


@dataclass(frozen=True, slots=True)
class Lent:
    """
    A real key that a proxy puts in for one command, and what stands for it. See `keys`.

    Of one that `signs` both are credentials, as a text.
    """

    provider: str
    real: str
    stand_in: str
    signs: bool = False

    def __repr__(self) -> str:
        return f"Lent({self.provider!r})"


class Handed:
    """One command's way out, at the proxy whose folder it is. Raises `ConfigError` when made."""

    def __init__(self, folder: Path) -> None:
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._line.settimeout(ANSWER_SECONDS_MAX)
        self.denied: Mapping[str, int] = {}
        self._last = 0
        self._asking = threading.Lock()
        try:
            with _reachable(folder / NAME) as path:
                self._line.connect(path)
        except OSError as error:
            self._line.close()
            raise ConfigError(
                f"the proxy that is up takes no confined commands: {error.strerror}\n"
                "hint: `llmcap down`, then `llmcap up` with this version"
            ) from error
        if not _is_beside_us(self._line):
            self._line.close()
            raise ConfigError(
                "the proxy that is up, or this command, was started inside a confined command: "
                "neither is told of the other\nhint: start both outside"
            )

    def let_out(
        self, inward: Inward, egress: Egress, *, user: str, lent: Sequence[Lent] = ()
    ) -> None:
        """Hand over, and keep nothing. Raises `ConfigError` where it is not taken."""
        names, descriptors = inward.handed()
        told = {
            "names": names, "user": user, "keys": [asdict(each) for each in lent],
            "egress": {**asdict(egress), "networks": [str(each) for each in egress.networks]},
        }  # fmt: skip
        try:
            socket.send_fds(self._line, [json.dumps(told).encode()], descriptors)
            self._answer()
        except OSError as error:
            raise ConfigError(
                f"the proxy that is up did not take the command: {error.strerror or error}"
            ) from error
        finally:
            inward.close()

    def attempts(self) -> int:
        """How many ways past the proxy were tried, as far as it can still say; `denied` too."""
        self._ask(b"?")
        return self._last

    def renew(self, lent: Sequence[Lent]) -> None:
        """These are real keys from now on; from any thread."""
        self._ask(json.dumps({"keys": [asdict(each) for each in lent]}).encode())

    def _ask(self, what: bytes) -> None:
        with self._asking, contextlib.suppress(OSError):
            self._line.send(what)
            told = self._answer()
            self.denied, self._last = told["denied"], int(told["attempts"])

    def close(self) -> None:
        """The command has ended."""
        self._line.close()

    def _answer(self) -> dict[str, Any]:
        data = self._line.recv(MESSAGE_BYTES_MAX)
        if not data:
            raise ConnectionResetError("it closed the line")
        found: dict[str, Any] = json.loads(data)
        return found


class Desk:
    """
    Where a proxy takes commands, in threads of its own: one that waits, and one for each command.

    `lend` is called with the keys of one that begins, and what it gives when that one ends; `renew`
    with keys of which the real ones are others now.
    """

    def __init__(
        self,
        folder: Path,
        gates: Gates,
        lend: Callable[[Sequence[Lent]], Callable[[], object]],
        renew: Callable[[Sequence[Lent]], object],
    ) -> None:
        self._path = folder / NAME
        self._gates = gates
        self._lend, self._renew = lend, renew
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        """Begin. Raises `ConfigError`."""
        try:
            self._path.unlink(missing_ok=True)
            with _reachable(self._path) as path:
                self._listener.bind(path)
            self._path.chmod(0o600)
            self._listener.listen(WAITING_MAX)
        except OSError as error:
            self._listener.close()
            raise ConfigError(f"{self._path} cannot be made: {error.strerror}") from error
        threading.Thread(target=self._wait, name="llmcap-desk", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """No more of them; those that are there go with the proxy."""
        self._ended.set()
        self._path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _wait(self) -> None:
        while not self._ended.is_set():
            try:
                line, _ = self._listener.accept()
            except OSError as error:
                if not self._ended.is_set():  # too many open files, say: not for good
                    logger.warning("LLMCap: no confined command can be taken now: %s", error)
                self._ended.wait(AGAIN_SECONDS)
                continue
            self._begin(line)

    def _begin(self, line: socket.socket) -> None:
        """Attend to it as soon as there may be one thread more."""
        while not self._ended.is_set():
            try:
                threading.Thread(target=self._attend, args=(line,), daemon=True).start()
            except RuntimeError as error:
                logger.warning("LLMCap: no confined command can be attended to now: %s", error)
                self._ended.wait(AGAIN_SECONDS)
            else:
                return
        line.close()

    def _attend(self, line: socket.socket) -> None:
        """One command, to its end."""
        with line:
            if not _is_beside_us(line):
                logger.warning("LLMCap: a command was not taken: it asked from inside another")
                return
            try:
                gate, lent = _taken(line)
            except (OSError, ValueError, KeyError, TypeError) as error:
                logger.warning("LLMCap: a confined command was not taken: %s", error)
                return
            give_back = self._lend(lent)
            self._gates.add(gate)
            try:
                with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                    line.send(b"{}")
                    while asked := line.recv(MESSAGE_BYTES_MAX):
                        if asked != b"?":
                            self._renew(_lent(json.loads(asked)))
                        told = {"attempts": gate.attempts(), "denied": dict(gate.denied)}
                        line.send(json.dumps(told).encode())
            finally:
                self._gates.remove_soon(gate)
                give_back()


def _taken(line: socket.socket) -> tuple[Gate, list[Lent]]:
    data, descriptors, _, _ = socket.recv_fds(line, MESSAGE_BYTES_MAX, FILES_MAX)
    with contextlib.ExitStack() as foreign:
        for descriptor in descriptors:
            foreign.callback(os.close, descriptor)
        found = _read(json.loads(data), descriptors)
        foreign.pop_all()
    return found


def _read(told: Any, descriptors: list[int]) -> tuple[Gate, list[Lent]]:
    rules = told["egress"]
    egress = Egress(
        ports=tuple(rules["ports"]), reach=tuple(rules["reach"]), globs=tuple(rules["globs"]),
        networks=tuple(map(IPv4Network, rules["networks"])), deny_others=rules["deny_others"],
    )  # fmt: skip
    return Gate(Inward.of(told["names"], descriptors), egress, user=told["user"]), _lent(told)


def _lent(told: Any) -> list[Lent]:
    return [Lent(**each) for each in told["keys"]]


def _is_beside_us(line: socket.socket) -> bool:
    """
    Whether its other end is the user's, and in no namespace of its own: a confined command finds
    this socket too, which is a file. It would let itself out by other rules than it was given, or
    stand in the place of the proxy, and be told the keys of others.
    """
    told = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    pid, uid, _ = _PEER.unpack(told)
    try:
        with _file(opened(f"/proc/{pid}")) as space:
            return uid == os.geteuid() and is_ours(space) and _is_still(line)
    except OSError:  # it has ended, or is not to be looked at
        return False


def _is_still(line: socket.socket) -> bool:
    """
    Whether who opened the other end is there yet, so that nobody else can have its number: it may
    have left the line to others, and ended. A kernel before 6.5 does not tell.

    Raises `OSError` where it has ended.
    """
    try:
        peer = line.getsockopt(socket.SOL_SOCKET, SO_PEERPIDFD)
    except OSError as error:
        if error.errno == errno.ENOPROTOOPT:
            return True
        raise
    with _file(peer):
        signal.pidfd_send_signal(peer, 0)
    return True


@contextlib.contextmanager
def _file(descriptor: int) -> Iterator[int]:
    """It is open until then."""
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _reachable(path: Path) -> Iterator[str]:
    """The same path, however long, in the 107 bytes that an address may have (unix(7))."""
    with _file(os.open(path.parent, os.O_PATH | os.O_DIRECTORY)) as folder:
        yield f"/proc/self/fd/{folder}/{path.name}"
