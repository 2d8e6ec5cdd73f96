"""Promise: no request and no connection of the proxy comes back to it."""

import asyncio
from types import SimpleNamespace

import pytest
from machine import own_address
from mitmproxy.connection import Server
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.test import taddons, tflow, tutils

from llmcap.shell.listeners import Listener
from llmcap.shell.ownports import OwnPorts

PORT = 8377


LOOPBACK = ["127.0.0.1", "localhost", "LOCALHOST", "127.1", "2130706433", "0x7f000001", "0.0.0.0"]
MAPPED = ["::ffff:127.0.0.1", "::ffff:7f00:1"]
CASES = [
    *(("127.0.0.1", host, True) for host in (*LOOPBACK, *MAPPED)),
    *(("0.0.0.0", host, True) for host in (*LOOPBACK, *MAPPED, "127.0.0.2", own_address())),
    *(("::", host, True) for host in ("::1", "::", "0:0:0:0:0:0:0:1", own_address())),
    ("::1", "::1", True),
    ("127.0.0.1", "198.51.100.7", False),
    ("0.0.0.0", "198.51.100.7", False),
    ("127.0.0.1", "127.0.0.2", False),
    ("127.0.0.1", "no-such-host.invalid", False),
    ("0.0.0.0", "a..b", False),
]


class Proxy:
    """The addon in a mitmproxy that listens there."""

    def __init__(self, *listeners: tuple[str, int, str]) -> None:
        self.addon = OwnPorts()
        self.servers = [
            SimpleNamespace(
                listen_addrs=[(host, port)], mode=SimpleNamespace(transport_protocol=protocol)
            )
            for host, port, protocol in listeners
        ]

    def run(self, hook: str, data: object) -> None:
        """As mitmproxy does."""
        with taddons.context() as context:
            server = SimpleNamespace(name="proxyserver", servers=self.servers)
            context.master.addons.add(server)

            async def story() -> None:
                work = getattr(self.addon, hook)(data)
                if work is not None:
                    await work

            asyncio.run(story())

    def connects(self, host: str, port: int = PORT, *, protocol: str = "tcp", client=None) -> bool:
        """Whether it would open this connection."""
        server = Server(address=(host, port), transport_protocol=protocol)
        data = ServerConnectionHookData(server, client or tflow.tclient_conn())
        self.run("server_connect", data)
        return server.error is None


@pytest.mark.parametrize(("bound", "host", "own"), CASES)
def test_every_name_of_an_own_port_is_known(bound: str, host: str, *, own: bool) -> None:
    """For a connection, for a request, and for a tunnel."""
    proxy = Proxy((bound, PORT, "tcp"))
    assert proxy.connects(host) is not own
    assert proxy.connects(host, PORT + 1), "another port is another program's"
    for hook in ("requestheaders", "http_connect"):
        flow = tflow.tflow(req=tutils.treq(host=host, port=PORT))
        proxy.run(hook, flow)
        assert (flow.response is not None) is own
        assert flow.response is None or flow.response.status_code == 421


def test_every_listener_counts_for_its_protocol() -> None:
    """Those of other modes too; a UDP port is no TCP port."""
    proxy = Proxy(("127.0.0.1", 1, "tcp"), ("127.0.0.1", 2, "both"), ("127.0.0.1", 3, "udp"))
    open_to = {
        (port, protocol): proxy.connects("127.0.0.1", port, protocol=protocol)
        for port in (1, 2, 3)
        for protocol in ("tcp", "udp")
    }
    assert [each for each, opens in open_to.items() if opens] == [(1, "udp"), (3, "tcp")]


def test_a_client_that_is_ourselves_is_served_nothing() -> None:
    """However it came here: a name that resolves to another address each time, a forwarded port."""
    proxy = Proxy()
    opened = Server(address=("example.com", PORT), sockname=("10.0.0.1", 40_000))
    data = ServerConnectionHookData(opened, tflow.tclient_conn())
    proxy.run("server_connected", data)
    client = tflow.tclient_conn()
    client.peername = ("10.0.0.1", 40_000)
    assert not proxy.connects("example.com", 443, client=client)
    proxy.run("server_disconnected", data)
    assert proxy.connects("example.com", 443, client=client)


def test_a_client_with_an_address_that_we_have_too_is_served() -> None:
    """Over the loopback one port may be ours towards a provider, and a client's towards us."""
    proxy = Proxy()
    both = ("127.0.0.1", 40_000)
    opened = Server(address=("127.0.0.1", PORT), sockname=both, peername=("127.0.0.1", PORT))
    proxy.run("server_connected", ServerConnectionHookData(opened, tflow.tclient_conn()))
    client = tflow.tclient_conn()
    client.peername, client.sockname = both, ("127.0.0.1", PORT + 1)
    assert proxy.connects("example.com", 443, client=client)
    client.sockname = ("127.0.0.1", PORT)  # what we were connected to ourselves
    assert not proxy.connects("example.com", 443, client=client)


def test_a_listener_on_all_interfaces_is_no_other_machines() -> None:
    """Only this machine's own addresses are its."""
    assert not Listener("0.0.0.0", PORT, "tcp").takes("203.0.113.9", protocol="tcp")
