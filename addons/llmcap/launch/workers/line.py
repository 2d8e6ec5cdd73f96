"""The line between the workers of one proxy: a datagram socket for each, in a folder of theirs."""

import contextlib
import socket
from collections.abc import Sequence
from pathlib import Path

MESSAGE_BYTES_MAX = 65_536


class DatagramLine:
    """The end of one worker. The kernel keeps what it has not read yet, in the order of each."""

    def __init__(self, folder: Path, number: int, count: int) -> None:
        self.number = number
        self._others = [str(_place(folder, each)) for each in range(count) if each != number]
        self._place = _place(folder, number)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        # The worker whose place this one takes has left its socket.
        self._place.unlink(missing_ok=True)
        self._socket.bind(str(self._place))

    def fileno(self) -> int:
        """For an event loop."""
        return self._socket.fileno()

    def send(self, message: bytes) -> None:
        """Whoever is not there, or has too much to read, does not hear it."""
        for other in self._others:
            with contextlib.suppress(OSError):
                self._socket.sendto(message, other)

    def received(self) -> Sequence[bytes]:
        """What has come by now."""
        found: list[bytes] = []
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(self._socket.recv(MESSAGE_BYTES_MAX))
        return found

    def close(self) -> None:
        """Leave."""
        self._socket.close()
        self._place.unlink(missing_ok=True)


def _place(folder: Path, number: int) -> Path:
    return folder / str(number)
