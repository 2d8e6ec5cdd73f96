"""
The small master: mitmproxy with only the addons that a proxy of ours needs.

mitmdump hands every hook to some thirty addons, which is half of the work of a small call. Ours has
its core, the proxy server, the choice of layers, TLS, and LLMCap.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Any

from mitmproxy import ctx, http, options
from mitmproxy.addons import core, next_layer, proxyserver, tlsconfig, upstream_auth
from mitmproxy.master import Master
from mitmproxy.proxy.mode_servers import ServerInstance

from llmcap.confine.gate import Gates
from llmcap.launch.handler import Handler, Hooks
from llmcap.launch.setup import Setup
from llmcap.shell.listeners import WAITING_MAX

POLL_SECONDS = 0.02


async def serve(
    setup: Setup,
    listener: socket.socket,
    addons: Sequence[object],
    *,
    stop: asyncio.Event,
    ready: Callable[[], object] = lambda: None,
    gates: Gates | None = None,
    drain_seconds: int = 0,
) -> None:
    """
    Serve the socket, and confined commands through their gates, until `stop` is set.

    Then no more clients are taken, and calls in flight have so long to come to their end.

    Raises mitmproxy's `OptionsError` for a bad setup.
    """
    # mitmproxy checks the type of each field of each message, unless Python runs without asserts,
    # which ours should not: a twentieth of a call.
    http.MessageData.__post_init__ = _trusted  # type: ignore[method-assign]
    master: Any = Master(options.Options())  # mitmproxy's own code has few types
    server = proxyserver.Proxyserver()
    master.addons.add(core.Core(), server, next_layer.NextLayer(), tlsconfig.TlsConfig())
    if setup.upstream is not None:
        master.addons.add(upstream_auth.UpstreamAuth())
    master.addons.add(*addons)
    master.options.update(**setup.options(listener))
    door = Door(listener, server, ready, gates or Gates())
    master.addons.add(door)

    async def shut_down_when_stopped() -> None:
        await stop.wait()
        door.close()
        deadline = asyncio.get_running_loop().time() + drain_seconds
        # Many things end a call.
        while asyncio.get_running_loop().time() < deadline and _in_flight(addons):  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)
        master.shutdown()

    stopping = asyncio.create_task(shut_down_when_stopped())
    try:
        await master.run()
    finally:
        stopping.cancel()


def _in_flight(addons: Sequence[object]) -> int:
    """How many calls these addons have in flight."""
    return sum(getattr(each, "in_flight", 0) for each in addons)


def _trusted(message: http.MessageData) -> None:
    """A message that mitmproxy itself has made."""


class Door:
    """The addon that opens the proxy to its clients: the last one, when all others are running."""

    def __init__(
        self,
        listener: socket.socket,
        server: proxyserver.Proxyserver,
        ready: Callable[[], object],
        gates: Gates,
    ) -> None:
        self._listener = listener
        self._manager = server
        self._ready = ready
        self._gates = gates
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens; mitmproxy's own list of servers has none of it."""
        host, port = self._listener.getsockname()[:2]
        return host, port

    async def running(self) -> None:
        """Serve the clients, those first that came before we were ready."""
        instance: ServerInstance[Any] = ServerInstance.make(ctx.options.mode[0], self._manager)
        hooks = Hooks(ctx.master)

        async def serve_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            # asyncio does so only for sockets whose protocol was named when they were made. Else
            # the body of an answer waits 40 ms for the client to acknowledge its head.
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            handler = Handler(hooks, ctx.master, reader, writer, ctx.options, instance.mode)
            handler.layer = instance.make_top_layer(handler.layer.context)
            try:
                with self._manager.register_connection(handler.client.id, handler):
                    await handler.handle_client()
            except asyncio.CancelledError:
                # The proxy ends with this client still connected: asyncio would print a traceback.
                writer.close()

        self._server = await asyncio.start_server(serve_client, sock=self._listener)
        await self._gates.serve(serve_client, address=self.address)
        self._listener.listen(WAITING_MAX)  # `start_server` shortened the queue
        self._ready()

    def done(self) -> None:
        """No command comes through its gate any more either."""
        self._gates.close()
        self.close()

    def close(self) -> None:
        """Take no more clients. `wait_closed` would wait for those that are connected."""
        if self._server is not None:
            self._server.close()
