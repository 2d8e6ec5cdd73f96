"""mitmproxy's own HTTP layer, with ours in it, between bytes of a client and of a provider."""

import asyncio
from collections.abc import Awaitable, Callable

from mitmproxy import connection
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import http as layers
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import taddons, tflow
from walk import chat, completion, walk

from llmcap.addon import LLMCap
from llmcap.shell.keeper import LLMCapWaitsHook

OPENAI = "api.openai.com"


class Proxy:
    """One connection of a client, and the providers behind it; hooks are what a test gives."""

    def __init__(self, cap: str = "1", **hooks) -> None:
        self.walked = walk(cap, wait_seconds=0, clamp=False)
        self.hooks = hooks
        self.told: list[str] = []  # the hooks that were called
        self.client_got = b""
        self.provider_got = b""
        self.opened: list[tuple[str, int]] = []
        self.half_closed: list[str] = []  # sides whose sending half we have closed
        self.closed: list[str] = []
        self.wakeup: commands.RequestWakeup | None = None

    def run(
        self,
        *pieces: bytes,
        answer: bytes = b"",
        addon: bool = True,
        then: Callable[["Proxy"], Awaitable[None]] | None = None,
    ) -> "Proxy":
        """
        Let the client say these, and the provider answer when it has heard something.

        `then` goes on from there, by `provider_says`, `provider_closes`, `client_leaves`, `wake`.
        """
        with taddons.context(Proxyserver()) as context:
            llmcap = LLMCap(self.walked.firewall)
            context.master.addons.add(llmcap)
            if not addon:
                context.master.addons.remove(llmcap)
            client = tflow.tclient_conn()
            client.proxy_mode, client.sni, client.alpn = ProxyMode.parse("regular"), None, None
            self.context = Context(client, context.options)
            self.layer = layers.HttpLayer(self.context, HTTPMode.regular)
            asyncio.run(self._story(pieces, answer, then))
        return self

    async def provider_says(self, data: bytes) -> None:
        """More of its answer."""
        await self._event(events.DataReceived(self._server, data))

    async def provider_closes(self) -> None:
        """Its half, as whoever has read our FIN."""
        self._server.state &= ~connection.ConnectionState.CAN_READ
        await self._event(events.ConnectionClosed(self._server))

    async def client_says(self, data: bytes) -> None:
        """Another request."""
        await self._event(events.DataReceived(self.context.client, data))

    async def client_leaves(self) -> None:
        """In the middle of its answer."""
        self.context.client.state = connection.ConnectionState.CLOSED
        await self._event(events.ConnectionClosed(self.context.client))

    async def wake(self) -> None:
        """The time for which was asked last is over."""
        assert self.wakeup is not None
        await self._event(events.Wakeup(self.wakeup))

    @property
    def _server(self) -> connection.Connection:
        """The first that was opened."""
        return next(each for each in self.layer.connections if each is not self.context.client)

    async def _story(
        self,
        pieces: tuple[bytes, ...],
        answer: bytes,
        then: Callable[["Proxy"], Awaitable[None]] | None,
    ) -> None:
        await self._event(events.Start())
        for piece in pieces:
            await self._event(events.DataReceived(self.context.client, piece))
        if answer and self.provider_got:
            await self.provider_says(answer)
        if then is not None:
            await then(self)

    async def _event(self, event: events.Event) -> None:
        pending = [event]
        while pending:
            for command in list(self.layer.handle_event(pending.pop(0))):
                pending += await self._obeyed(command)

    async def _obeyed(self, command: commands.Command) -> list[events.Event]:
        if isinstance(command, LLMCapWaitsHook):
            await command.waiting.work
            return [events.HookCompleted(command)]
        if isinstance(command, commands.StartHook):
            self.told.append(command.name)
            if hook := self.hooks.get(command.name):
                hook(*command.args())
            return [events.HookCompleted(command)] if command.blocking else []
        if isinstance(command, commands.OpenConnection):
            if hook := self.hooks.get("server_connect"):
                hook(command.connection, self)
            self.opened.append(command.connection.address)
            command.connection.state = connection.ConnectionState.OPEN
            return [events.OpenConnectionCompleted(command, None)]
        if isinstance(command, commands.SendData):
            if command.connection is self.context.client:
                self.client_got += command.data
            else:
                self.provider_got += command.data
        if isinstance(command, commands.RequestWakeup):
            self.wakeup = command
        if isinstance(command, commands.CloseConnection):
            half = isinstance(command, commands.CloseTcpConnection) and command.half_close
            name = "client" if command.connection is self.context.client else "provider"
            (self.half_closed if half else self.closed).append(name)
            state = connection.ConnectionState
            command.connection.state = state.CAN_READ if half else state.CLOSED
        return []

    @property
    def status(self) -> int:
        """What the client was answered."""
        return int(self.client_got.split(b" ", 2)[1]) if self.client_got else 0

    @property
    def balance(self) -> tuple[int, int]:
        """What is spent and held."""
        return self.walked.balance.spent, self.walked.balance.held


def request(host: str = OPENAI, *, header: str = "", more: str = "", **fields) -> list[bytes]:
    """A call through the proxy in plain HTTP, its head and its body."""
    body = chat(max_tokens=50, **fields).body
    head = (
        f"POST http://{host}/v1/chat/completions HTTP/1.1\r\nHost: {header or host}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    )
    return [head.encode(), body]


def response(body: bytes, kind: str = "application/json", status: int = 200) -> bytes:
    """An answer."""
    head = f"HTTP/1.1 {status} OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


WHOLE = response(completion(100, 10))
COST = 100 * 150 + 10 * 600
