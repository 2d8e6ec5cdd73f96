"""Where this proxy takes connections, in whatever mode."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from mitmproxy import ctx
from mitmproxy.connection import Client
from mitmproxy.proxy.mode_specs import LocalMode, TransparentMode, TunMode, WireGuardMode

from llmcap.shell.addresses import is_local, plain

# Modes into which connections are led: what a client's socket is connected to is not a listener.
ROUTED = (TransparentMode, WireGuardMode, LocalMode, TunMode)

# How many connections may wait in the kernel while the proxy is busy; the kernel has a limit of its
# own (`net.core.somaxconn`). asyncio's is 100: of a fan-out of 200 agents, half had to try again
# after a second, three, seven.
WAITING_MAX = 4096


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


def let_bursts_wait() -> None:
    """Let as many connections wait at each of mitmproxy's ports, those that it opens later too."""
    server = ctx.master.addons.get("proxyserver")
    if server is not None:
        server.servers.changed.connect(let_more_wait)
    let_more_wait()


def let_more_wait() -> None:
    """Lengthen the queue of each of mitmproxy's servers; `listen` may be called again for that."""
    server = ctx.master.addons.get("proxyserver")
    for instance in server.servers if server is not None else ():
        for each in getattr(instance, "_servers", ()):
            for listener in each.sockets if isinstance(each, asyncio.Server) else ():
                with contextlib.suppress(OSError), listener.dup() as same:
                    same.listen(WAITING_MAX)


def listening_port(client: Client) -> str:
    """The port of ours that a client came through; none has one that is led in by the system."""
    mode = client.proxy_mode
    if not isinstance(mode, ROUTED):
        return str(client.sockname[1])
    server = ctx.master.addons.get("proxyserver")
    instances = server.servers if server is not None else ()
    ports = [port for each in instances if each.mode == mode for _, port, *_ in each.listen_addrs]
    return str(ports[0]) if ports else ""
