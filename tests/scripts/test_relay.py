"""The network of the adversary over nodes: what is sent into a cut arrives late, or never."""

import asyncio

import pytest

from adversary.fleet.relay import Relay, Way


class Echo:
    """A server that says in capitals what it hears, and remembers that."""

    def __init__(self) -> None:
        self.heard = b""
        self.hears = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until the other end goes."""
        while data := await reader.read(100):
            self.heard += data
            self.hears.set()
            writer.write(data.upper())
        writer.close()


async def cut_and_mend(way: Way, *, lose: bool) -> tuple[bytes, bytes, bytes]:
    """What a server heard of a message into a cut; what it and its client had after the cut."""
    echo = Echo()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    relay = Relay(server.sockets[0].getsockname()[1])
    await relay.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    writer.write(b"first")
    assert await reader.readexactly(5) == b"FIRST"
    echo.hears.clear()
    relay.cut(way)
    writer.write(b"second")
    if way is Way.DOWN:
        await echo.hears.wait()  # its answer is what does not come back
    heard = echo.heard
    answer = asyncio.create_task(reader.read(100))
    done, _ = await asyncio.wait({answer}, timeout=0.2)
    assert not done, "a cut is silence"
    relay.mend(lose=lose)
    try:
        said = await answer
    except ConnectionError:
        said = b""
    writer.close()
    await relay.stop()
    server.close()
    return heard, echo.heard, said


@pytest.mark.parametrize("lose", [False, True], ids=["late", "lost"])
@pytest.mark.parametrize(
    ("way", "meanwhile"), [(Way.UP, b"first"), (Way.DOWN, b"firstsecond")], ids=["up", "down"]
)
def test_a_cut_is_silent_in_its_direction(way: Way, meanwhile: bytes, *, lose: bool) -> None:
    """A request that is late is still carried out; an answer that is lost was given."""
    heard, afterwards, said = asyncio.run(cut_and_mend(way, lose=lose))
    assert heard == meanwhile
    assert afterwards == (meanwhile if lose else b"firstsecond")
    assert said == (b"" if lose else b"SECOND")


def test_a_connection_into_a_cut_is_not_made() -> None:
    """Whoever connects hears nothing, and the server neither."""

    async def connect() -> tuple[bytes, bytes]:
        echo = Echo()
        server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
        relay = Relay(server.sockets[0].getsockname()[1])
        await relay.start()
        relay.cut(Way.UP)
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        writer.write(b"hello")
        answer = asyncio.create_task(reader.read(100))
        await asyncio.wait({answer}, timeout=0.2)
        meanwhile = echo.heard
        relay.mend(lose=False)
        said = await answer
        writer.close()
        await relay.stop()
        server.close()
        return meanwhile, said

    assert asyncio.run(connect()) == (b"", b"HELLO")
