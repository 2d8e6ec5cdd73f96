"""Where this proxy takes connections, in whatever mode."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from mitmproxy import ctx
from mitmproxy.connection import Client
from mitmproxy.proxy.mode_specs import LocalMode, TransparentMode, TunMode, WireGuardMode

from llmcap.shell.addresses import is_local, plain

# Modes into which connections are led: what a client's socket is connected to is not a listener.
ROUTED = (TransparentMode, WireGuardMode, LocalMode, TunMode)


@dataclass(frozen=True, slots=True)
class Listener:
    """An IP address and a port."""

    host: str
    port: int
    protocol: str  # tcp, udp or both

    def takes(self, host: str, *, protocol: str) -> bool:
        """Whether a connection to this port of that address, which is no name, would be its own."""
        if self.protocol not in (protocol, "both"):
            return False
        mine, asked = plain(self.host), plain(host)
        if asked.is_unspecified:  # to connect to it is to connect to this machine
            asked = ip_address("127.0.0.1" if asked.version == 4 else "::1")
        return is_local(str(asked)) if mine.is_unspecified else mine == asked


def listeners() -> Iterator[Listener]:
    """Those of mitmproxy's servers, and that of a master of our own."""
    server = ctx.master.addons.get("proxyserver")
    for instance in server.servers if server is not None else ():
        for host, port, *_ in instance.listen_addrs:
            yield Listener(host, port, instance.mode.transport_protocol)
    door = ctx.master.addons.get("door")
    if door is not None:
        host, port = door.address
        yield Listener(host, port, "tcp")


def listening_port(client: Client) -> str:
    """The port of ours that a client came through; none has one that is led in by the system."""
    mode = client.proxy_mode
    if not isinstance(mode, ROUTED):
        return str(client.sockname[1])
    server = ctx.master.addons.get("proxyserver")
    instances = server.servers if server is not None else ()
    ports = [port for each in instances if each.mode == mode for _, port, *_ in each.listen_addrs]
    return str(ports[0]) if ports else ""
