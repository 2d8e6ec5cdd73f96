"""
TLS on asyncio's streams where either side may close its half: a server can write on after its
client's FIN.

asyncio's own TLS closes the whole connection at a FIN. Many servers do not: they see it when they
read again, or learn of it when a write fails, or never. What such a server makes until then has to
be billed, so the provider must be able to be one.
"""

import asyncio
import contextlib
import ssl
from typing import Any

READ_BYTES = 65_536


class HalfOpenWriter:
    """What a server needs of an `asyncio.StreamWriter`, with TLS before the wire."""

    def __init__(
        self, raw: asyncio.StreamWriter, tls: ssl.SSLObject, outgoing: ssl.MemoryBIO
    ) -> None:
        self._raw = raw
        self._tls = tls
        self._outgoing = outgoing

    @property
    def transport(self) -> asyncio.WriteTransport:
        """The connection itself."""
        return self._raw.transport

    def write(self, data: bytes) -> None:
        """Encrypt and send."""
        if data:
            self._tls.write(data)
            self.flush()

    def flush(self) -> None:
        """Send what TLS has to say."""
        if data := self._outgoing.read():
            self._raw.write(data)

    async def drain(self) -> None:
        """Wait while the other side does not read. Raises `OSError` once it is gone."""
        await self._raw.drain()

    def is_closing(self) -> bool:
        """Whether the connection is closed, or being closed."""
        return self._raw.is_closing()

    def get_extra_info(self, name: str) -> Any:
        """As of an `asyncio.StreamWriter`."""
        return self._tls if name == "ssl_object" else self._raw.get_extra_info(name)

    def close(self) -> None:
        """Close both halves, in order."""
        if not self._raw.is_closing():
            with contextlib.suppress(ssl.SSLError):
                self._tls.unwrap()  # says goodbye, and would wait for an answer
            self.flush()
        self._raw.close()


class HalfOpen:
    """One connection: after `shake_hands`, `reader` has what the client sends, `writer` answers."""

    def __init__(
        self,
        raw_reader: asyncio.StreamReader,
        raw_writer: asyncio.StreamWriter,
        context: ssl.SSLContext,
        *,
        limit: int,
    ) -> None:
        self._raw_reader = raw_reader
        self._incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, outgoing, server_side=True)
        self.reader = asyncio.StreamReader(limit=limit)
        self.writer = HalfOpenWriter(raw_writer, self._tls, outgoing)

    async def shake_hands(self) -> None:
        """Raises `OSError` where that fails."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self.writer.flush()
                data = await self._raw_reader.read(READ_BYTES)
                if not data:
                    raise ConnectionResetError("it closed before its hands were shaken") from None
                self._incoming.write(data)
            else:
                self.writer.flush()
                return

    async def pump(self) -> None:
        """Decrypt what comes until the client closes its half, or the connection breaks."""
        try:
            self._decrypt()
            while data := await self._raw_reader.read(READ_BYTES):
                self._incoming.write(data)
                self._decrypt()
        except OSError as error:
            self.reader.set_exception(error)
        else:
            self.reader.feed_eof()

    def _decrypt(self) -> None:
        with contextlib.suppress(ssl.SSLWantReadError):
            while data := self._tls.read(READ_BYTES):
                self.reader.feed_data(data)
        self.writer.flush()
