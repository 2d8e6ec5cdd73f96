"""
A connection that never asked for a proxy, made to look as if it had.

Its first words to the proxy are a CONNECT to the name that the program had asked for, which is all
that a proxy wants to know; the proxy's answer to that is kept from the program.
"""

import asyncio
import base64
from typing import Any

HEAD_BYTES_MAX = 65_536
END = b"\r\n\r\n"


def preface(host: str, port: int, *, user: str = "") -> bytes:
    """What a program would have said; `user` is who the proxy is told that it is."""
    target = f"{host}:{port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if user:
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(f'{user}:'.encode()).decode()}")
    return ("\r\n".join(lines)).encode() + END


class Entered:
    """
    The writer of such a connection, as mitmproxy uses it, without the answer to the preface.

    Where the proxy refuses, the connection is closed: in the middle of a TLS handshake there is no
    way to say why. `port` is the proxy's own, for those who ask where the client came in.
    """

    def __init__(self, writer: asyncio.StreamWriter, *, address: tuple[str, int]) -> None:
        self._writer = writer
        self._address = address
        self._head = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Of the connection; where it is connected to is the proxy's address."""
        if name == "sockname":
            return self._address
        return self._writer.get_extra_info(name, default)

    def write(self, data: bytes) -> None:
        """Swallow the answer; from then on this is the writer's own method."""
        self._head += data
        head, end, rest = self._head.partition(END)
        if not end and len(head) < HEAD_BYTES_MAX:
            return
        if head.split(b" ", 2)[1:2] != [b"200"]:
            self._writer.close()
            return
        self.write = self._writer.write  # type: ignore[method-assign]
        if rest:
            self._writer.write(rest)
