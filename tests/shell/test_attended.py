"""
Promise: nothing leaves for a provider but what was decided about, whatever an addon does and when.

mitmproxy's own HTTP layer, with ours in it, between bytes of a client and bytes of a provider.
"""

import asyncio
import json

import pytest
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
        self.killed = False

    def run(self, *pieces: bytes, answer: bytes = b"", addon: bool = True) -> "Proxy":
        """Let the client say these, and the provider answer when it has heard something."""
        with taddons.context(Proxyserver()) as context:
            llmcap = LLMCap(self.walked.firewall)
            context.master.addons.add(llmcap)
            if not addon:
                context.master.addons.remove(llmcap)
            client = tflow.tclient_conn()
            client.proxy_mode, client.sni, client.alpn = ProxyMode.parse("regular"), None, None
            self.context = Context(client, context.options)
            self.layer = layers.HttpLayer(self.context, HTTPMode.regular)
            asyncio.run(self._story(pieces, answer))
        return self

    async def _story(self, pieces: tuple[bytes, ...], answer: bytes) -> None:
        await self._event(events.Start())
        for piece in pieces:
            await self._event(events.DataReceived(self.context.client, piece))
        if answer and self.provider_got:
            (server,) = [each for each in self.layer.connections if each is not self.context.client]
            await self._event(events.DataReceived(server, answer))

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


def test_a_call_is_decided_after_every_addon():
    """What the last of them made of it is what is held, sent and billed."""
    asked = []

    def rewrites(flow) -> None:
        asked.append(proxy.balance)
        flow.request.content = json.dumps(flow.request.json() | {"max_tokens": 777}).encode()

    proxy = Proxy(request=rewrites)
    proxy.run(*request(), answer=WHOLE)
    assert asked == [(0, 0)], "nothing was held before"
    assert b'"max_tokens": 777' in proxy.provider_got
    assert (proxy.status, proxy.balance) == (200, (COST, 0))
    assert b"x-llmcap-cost: 0.000021" in proxy.client_got


def test_a_call_that_an_addon_points_at_a_provider_is_a_call():
    """Metered, or refused without a connection."""

    def points(flow) -> None:
        flow.request.host = OPENAI

    for cap, status, spent in (("1", 200, COST), ("0", 429, 0)):
        proxy = Proxy(cap, request=points).run(*request("example.com"), answer=WHOLE)
        assert (proxy.status, proxy.balance) == (status, (spent, 0))
        assert bool(proxy.opened) is (status == 200)


def test_no_request_to_a_provider_streams():
    """It is not sent before it is whole, and was decided about; to others it may."""
    seen = {}

    def streams(flow) -> None:
        flow.request.stream = True

    for host in (OPENAI, "example.com"):
        head, body = request(host)
        seen[host] = Proxy("0", requestheaders=streams).run(head + body[:10]).provider_got
        proxy = Proxy("0", requestheaders=streams).run(head, body[:10], body[10:], answer=WHOLE)
        assert (proxy.status, bool(proxy.provider_got)) == (
            (429, False) if host == OPENAI else (200, True)
        )
    assert (seen[OPENAI], bool(seen["example.com"])) == (b"", True)


def tampered(name, value):
    """An addon that changes the request when it is too late for us: while we connect."""
    flows = []

    def sees(flow) -> None:
        flows.append(flow)

    def connects(server, _) -> None:
        if name == "address":
            server.address = value
        elif name == "sni":
            server.sni = value
        elif name == "header":
            flows[0].request.headers["x-more"] = value
        else:
            setattr(flows[0].request, name, value)

    return {"request": sees, "server_connect": connects}


BIGGER = chat(max_tokens=9_999).body


@pytest.mark.parametrize(
    ("host", "name", "value"),
    [
        (OPENAI, "content", BIGGER),
        (OPENAI, "path", "/v1/responses"),
        (OPENAI, "method", "PUT"),
        (OPENAI, "header", "1"),
        (OPENAI, "address", ("api.anthropic.com", 443)),
        (OPENAI, "sni", "api.anthropic.com"),
        ("example.com", "address", (OPENAI, 443)),
        ("example.com", "address", ("API.OPENAI.COM.", 443)),
        ("example.com", "sni", OPENAI),
        ("example.com", "host", OPENAI),
    ],
)
@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_what_was_changed_since_is_not_sent(host, name, value, streams):
    """The client is told, and nothing is held or billed."""
    hooks = tampered(name, value)
    if streams:
        hooks["requestheaders"] = streaming(hooks["request"])
    proxy = Proxy(**hooks).run(*request(host), answer=WHOLE)
    assert proxy.opened
    assert proxy.provider_got == b""
    assert proxy.status in (429, 502)
    assert proxy.balance == (0, 0)
    assert [kind for kind, _ in proxy.walked.events] == ["unmetered"]


def streaming(sees):
    """The same addon, where it lets the request stream too."""

    def streams(flow) -> None:
        sees(flow)
        flow.request.stream = True

    return streams


@pytest.mark.parametrize(
    ("host", "name", "value"),
    [
        (OPENAI, "address", ("127.0.0.1", 8443)),
        (OPENAI, "address", (OPENAI, 8443)),
        ("example.com", "header", "1"),
        ("example.com", "address", ("127.0.0.1", 8443)),
    ],
)
def test_what_stays_what_it_was_is_sent(host, name, value):
    """To another address of the same host, too; what goes to nobody who bills is not ours."""
    proxy = Proxy(**tampered(name, value)).run(*request(host), answer=WHOLE)
    assert proxy.status == 200
    assert proxy.balance == ((COST, 0) if host == OPENAI else (0, 0))


def test_a_request_that_names_two_providers_is_nobodys():
    """A front goes by the name that it reads last: 421, and the client may connect anew."""
    proxy = Proxy().run(*request(OPENAI, header="api.anthropic.com"))
    assert (proxy.status, proxy.opened, proxy.balance) == (421, [], (0, 0))


@pytest.mark.parametrize("stream", [True, lambda data: data, lambda _: b"", lambda _: []])
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_an_addon_that_streams_the_answer_leaves_nothing_open(stream, kind):
    """We read it first, as the provider sent it."""

    def streams(flow) -> None:
        flow.response.stream = stream

    body = completion(100, 10)
    if kind == "text/event-stream":
        usage = json.loads(body)["usage"]
        body = b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\n"
    proxy = Proxy(responseheaders=streams)
    proxy.run(*request(stream=kind == "text/event-stream"), answer=response(body, kind))
    assert proxy.balance == (COST, 0)


@pytest.mark.parametrize("status", [200, 204])
def test_an_answer_without_a_body_ends_its_call(status):
    """No piece of it ever comes."""
    bare = f"HTTP/1.1 {status} OK\r\nContent-Length: 0\r\n\r\n".encode()
    proxy = Proxy().run(*request(), answer=bare)
    assert proxy.status == status
    assert proxy.walked.balance.held == 0


def test_what_an_addon_answers_or_kills_is_never_held():
    """It goes nowhere."""

    def answers(flow) -> None:
        flow.response = tflow.tresp()

    def kills(flow) -> None:
        flow.kill()

    for hook in (answers, kills):
        proxy = Proxy(request=hook).run(*request())
        assert (proxy.opened, proxy.balance) == ([], (0, 0))


def test_without_llmcap_nothing_goes_to_a_provider():
    """mitmproxy has unloaded it, and the streams are still ours."""
    assert Proxy().run(*request(), addon=False).status == 429
    assert Proxy().run(*request("example.com"), answer=WHOLE, addon=False).status == 200
