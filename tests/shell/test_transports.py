"""The socket below a flow: that of its provider, or of the proxy on the way there."""

import asyncio
import socket
from datetime import timedelta
from types import SimpleNamespace

import pytest
from mitmproxy.connection import Server
from mitmproxy.test import taddons, tflow

from llmcap.shell.transports import (
    reset_at_close,
    round_trip,
    socket_of,
    transport_of,
    unread,
    waiting,
)

PROXY = ("proxy.example", 3128)


def transport(raw=None):
    """What mitmproxy keeps of a connection."""
    return SimpleNamespace(reader=None, writer=SimpleNamespace(get_extra_info=lambda _, __: raw))


class Proxyserver:
    """Keeps the transports of one client."""

    name = "proxyserver"

    def __init__(self, client, transports):
        self.connections = {client.id: SimpleNamespace(transports=transports)}


@pytest.fixture
def flow():
    """A flow whose provider is reached somehow."""
    return tflow.tflow()


def found(flow, transports):
    """What is found of these."""
    with taddons.context(Proxyserver(flow.client_conn, transports)):
        return transport_of(flow.client_conn, flow.server_conn)


def test_a_provider_has_a_transport_of_its_own(flow):
    """Beside that of the client."""
    its = transport()
    assert found(flow, {flow.client_conn: transport(), flow.server_conn: its}) is its
    assert found(flow, {flow.client_conn: transport()}) is None


@pytest.mark.parametrize(("proxies", "is_found"), [(0, False), (1, True), (2, False)])
def test_behind_an_upstream_proxy_it_is_that_of_the_way_there(flow, proxies, is_found):
    """Where there are several, nobody can tell which."""
    flow.server_conn.via = ("http", PROXY)
    others = {Server(address=PROXY): transport() for _ in range(proxies)}
    its = found(flow, {flow.client_conn: transport(), **others})
    assert (its in others.values()) is is_found


def test_a_connection_of_http1_is_reset_at_its_close(flow):
    """Who writes to it learns that at once; one of HTTP/2 carries other streams."""
    ours, theirs = socket.socketpair()
    for alpn, lingers in ((b"h2", False), (b"http/1.1", True)):
        flow.server_conn.alpn = alpn
        with taddons.context(Proxyserver(flow.client_conn, {flow.server_conn: transport(ours)})):
            reset_at_close(flow.client_conn, flow.server_conn)
        assert any(ours.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)) is lingers
    ours.close()
    theirs.close()
    assert socket_of(None) is None


def test_what_nobody_has_read_waits_in_the_kernel():
    """Before this program has its turn, too; and nothing waits on a connection that is closed."""
    ours, theirs = socket.socketpair()
    theirs.sendall(b"x" * 9_000)
    assert unread(ours) == len(b"x" * 9_000)
    ours.close()
    theirs.close()
    assert unread(ours) == 0


def test_what_mitmproxy_has_not_asked_for_is_waiting():
    """In asyncio's buffer and in the kernel; of no connection nobody knows."""

    async def story():
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        there = SimpleNamespace(reader=reader, writer=writer)
        assert waiting(there) == 0
        theirs.sendall(b"x" * 9_000)
        assert waiting(there) == 9_000
        assert await reader.readexactly(1_000)
        assert waiting(there) == 8_000
        writer.close()
        theirs.close()

    asyncio.run(story())
    assert waiting(None) is None


def test_the_kernel_tells_how_far_away_the_other_side_is():
    """Of loopback less than a tenth of a second; of what is no TCP nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
        ours.sendall(b"x")
        theirs.recv(1)
        assert round_trip(ours) < timedelta(seconds=0.1)
        ours.close()
        assert round_trip(ours) is None
        theirs.close()
    ours, theirs = socket.socketpair()
    assert round_trip(ours) is None
    ours.close()
    theirs.close()
