"""Promise: what is relayed unread goes to no provider, by whichever name the client calls it."""

import ssl
from collections.abc import Iterator

import pytest
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from mitmproxy.connection import ConnectionState, Server
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import NextLayer
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode
from mitmproxy.proxy.layers.tcp import TCPLayer
from mitmproxy.proxy.layers.udp import UDPLayer
from mitmproxy.test import taddons, tflow

from llmcap.shell import keeper, raw
from llmcap.shell.unloaded import Unloaded

OPENAI = "api.openai.com"
ADDRESS = "203.0.113.7"


class Told(Unloaded):
    """Notes what is closed."""

    def __init__(self) -> None:
        self.hosts: list[str] = []

    def closed(self, host: str, what: str) -> None:  # noqa: ARG002  as a keeper
        """Once each."""
        self.hosts.append(host)


class Connection:
    """A layer between a client and a server, on which both can speak."""

    def __init__(
        self, *, host: str = ADDRESS, sni: str = "", udp: bool = False, ignored: bool = False
    ) -> None:
        raw.install()
        self.told = Told()
        keeper.attend(self.told)
        with taddons.context() as context:
            client = tflow.tclient_conn()
            client.sni = sni
            client.transport_protocol = "udp" if udp else "tcp"
            self.context = Context(client, context.options)
        self.context.server = Server(
            address=(host, 443), transport_protocol="udp" if udp else "tcp"
        )
        self.layer = (UDPLayer if udp else TCPLayer)(self.context, ignore=ignored)
        self.server_got: list[bytes] = []
        self.client_got: list[bytes] = []
        self.opened = False
        self.closed: set[str] = set()
        self._run(events.Start())

    def says(self, *pieces: bytes) -> None:
        """The client."""
        for piece in pieces:
            self._run(events.DataReceived(self.context.client, piece))

    def _run(self, event: events.Event) -> None:
        pending = [event]
        while pending:
            for command in self.layer.handle_event(pending.pop(0)):
                if isinstance(command, commands.StartHook):
                    pending.append(events.HookCompleted(command))
                elif isinstance(command, commands.OpenConnection):
                    self.opened = True
                    self.context.server.state = ConnectionState.OPEN
                    self.context.server.timestamp_start = 1.0
                    pending.append(events.OpenConnectionCompleted(command, None))
                elif isinstance(command, commands.SendData):
                    side = command.connection is self.context.server
                    (self.server_got if side else self.client_got).append(command.data)
                elif isinstance(command, commands.CloseConnection):
                    name = "server" if command.connection is self.context.server else "client"
                    self.closed.add(name)


@pytest.fixture(autouse=True)
def nobody() -> Iterator[None]:
    """No keeper of these tests is asked by others."""
    yield
    keeper.attend(Unloaded())


def hello(sni: str) -> bytes:
    """What a TLS client says first."""
    context = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=sni)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def datagrams(sni: str) -> list[bytes]:
    """What a QUIC client says first."""
    client = QuicConnection(configuration=QuicConfiguration(server_name=sni, is_client=True))
    client.connect((ADDRESS, 443), now=0)
    return [data for data, _ in client.datagrams_to_send(now=0)]


HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nAccept: */*\r\nHost: %s\r\n\r\n{}"
FIRST_WORDS = {
    "tls": hello,
    "http": lambda host: HEAD % host.encode(),
    "http with a port": lambda host: HEAD % f"{host}:80".encode(),
    "http in full": lambda host: b"GET http://%s/v1/models HTTP/1.1\r\n\r\n" % host.encode(),
    "connect": lambda host: b"CONNECT %s:443 HTTP/1.1\r\n\r\n" % host.encode(),
}


@pytest.mark.parametrize("ignored", [False, True], ids=["seen", "ignored"])
@pytest.mark.parametrize("udp", [False, True], ids=["tcp", "udp"])
@pytest.mark.parametrize("names", [{"host": OPENAI}, {"host": "API.openai.com."}, {"sni": OPENAI}])
def test_a_provider_is_not_even_connected_to(names, udp, ignored):
    """Where the connection says where it leads."""
    found = Connection(**names, udp=udp, ignored=ignored)
    assert (found.opened, found.told.hosts, found.closed) == (False, [OPENAI], {"client"})
    found.says(b"bytes")
    assert found.server_got == []


@pytest.mark.parametrize("ignored", [False, True], ids=["seen", "ignored"])
@pytest.mark.parametrize("words", FIRST_WORDS)
def test_a_client_that_names_a_provider_is_cut_off(words, ignored):
    """However its first words are cut; nobody has heard the whole of them."""
    said = FIRST_WORDS[words](OPENAI)
    for step in (len(said), 1, 2, 3, 7, 100):
        found = Connection(ignored=ignored)
        found.says(*(said[at : at + step] for at in range(0, len(said), step)))
        assert found.told.hosts == [OPENAI], step
        assert found.closed == {"client", "server"}
        assert len(b"".join(found.server_got)) < len(said)
        found.says(b"more")
        assert b"more" not in found.server_got


@pytest.mark.parametrize("step", [1, 3, 10_000])
@pytest.mark.parametrize(
    "said",
    [
        hello("example.com"),
        HEAD % b"example.com",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x00\x01\x02",
        b"GET / HTTP/1.1\r\n\r\n",
        b"a" * 20_000,
        b"\x16\x03\x01\xff\xff" + bytes(20_000),
    ],
    ids=["tls", "http", "ssh", "bytes", "http without a name", "letters", "no end"],
)
def test_other_bytes_pass_as_they_are(said, step):
    """In their order, each as it comes."""
    found = Connection()
    pieces = [said[at : at + step] for at in range(0, len(said), step)][:300]
    found.says(*pieces, b"and more")
    assert found.server_got == [*pieces, b"and more"]
    assert (found.closed, found.told.hosts) == (set(), [])


def test_quic_names_its_host_too():
    """In datagrams, of which one alone may say nothing."""
    found = Connection(udp=True, ignored=True)
    said = datagrams(OPENAI)
    found.says(*said)
    assert found.told.hosts == [OPENAI]
    assert len(found.server_got) < len(said)
    other = Connection(udp=True, ignored=True)
    other.says(*datagrams("example.com"), b"more")
    assert other.server_got[-1] == b"more"
    garbage = Connection(udp=True)
    garbage.says(b"\x00" * 40, b"more")
    assert garbage.server_got == [b"\x00" * 40, b"more"]


@pytest.mark.parametrize(
    ("host", "said", "chosen"),
    [
        (OPENAI, b"", None),
        (OPENAI, b"P", None),
        (OPENAI, b"POST", None),
        (OPENAI, b"\x00", TCPLayer),
        (OPENAI, b"POST /", TCPLayer),
        ("example.com", b"P", TCPLayer),
    ],
)
def test_the_beginning_of_a_request_is_no_other_protocol(host, said, chosen):
    """mitmproxy asks again when more of it has come."""
    with taddons.context() as context:
        made = Context(tflow.tclient_conn(), context.options)
    made.server = Server(address=(host, 443))
    data = NextLayer(made)
    data.events = [events.DataReceived(made.client, said)]
    data.layer = TCPLayer(made)
    raw.put_off(data)
    assert type(data.layer) is (chosen or type(None))
    assert len(made.layers) == (1 if chosen else 0)
    http = NextLayer(made)
    http.layer = layer = HttpLayer(made, HTTPMode.transparent)
    raw.put_off(http)
    assert http.layer is layer
