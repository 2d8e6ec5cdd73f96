"""What has come on a connection and was not read: counted where it waits, whoever is late."""

import asyncio
import socket
from contextlib import asynccontextmanager

from llmcap.shell.arrivals import PIECE_BYTES, Arrivals

SENT = bytes(range(256)) * 100


@asynccontextmanager
async def connection():
    """A watched connection, and the socket of its other side."""
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    try:
        yield Arrivals(reader, writer.get_extra_info("socket")), reader, theirs
    finally:
        writer.close()
        theirs.close()


def test_all_that_came_is_waiting_until_it_was_handled():
    """In small pieces, of which the last is handled when the next one is asked for."""

    async def story():
        async with connection() as (arrivals, reader, theirs):
            theirs.sendall(SENT)
            got = b""
            while len(got) < len(SENT):
                assert arrivals.waiting() + arrivals.handled == len(SENT)
                piece = await reader.read(65_535)
                assert 0 < len(piece) <= PIECE_BYTES
                got += piece
            assert got == SENT
            assert arrivals.waiting() == len(piece)
            theirs.close()
            assert await reader.read(65_535) == b""
            assert (arrivals.waiting(), arrivals.handled) == (0, len(SENT))

    asyncio.run(story())


def test_nothing_is_handed_on_while_somebody_still_handles_the_last_piece():
    """What comes meanwhile waits where it can be counted."""

    async def story():
        async with connection() as (arrivals, reader, theirs):
            theirs.sendall(SENT)
            first = await reader.read(65_535)
            arrivals.handles(still=True)
            second = asyncio.ensure_future(reader.read(65_535))
            for _ in range(20):
                await asyncio.sleep(0)
            assert not second.done()
            assert arrivals.waiting() == len(SENT)
            arrivals.handles(still=False)
            assert first + await second == SENT[: 2 * PIECE_BYTES]

    asyncio.run(story())
