"""
One client's connection through mitmproxy's own HTTP layer to a provider, without a socket.

What a call costs in here is what a mitmdump does for it in Python, but for TLS and the event loop:
its addons are all there, and asked at every hook. It can be counted, as nothing is waited for.
`variant` is `bare` (mitmproxy alone), `null` (with a
stream callable that does nothing, the least that any meter must do) or `llmcap`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mitmproxy import connection, http
from mitmproxy.addonmanager import AddonManager
from mitmproxy.addons import default_addons
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import http as layers
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import taddons, tflow

from llmcap.addon import LLMCap
from llmcap.assembly import Settings, open_firewall
from llmcap.shell.cut import CuttableHttpStream

HOST = "api.openai.com"
CAP = "1000000"


class Wire:
    """Give `ask` the bytes of a request, and `answer` the pieces of a response."""

    def __init__(self, context: Context, addons: AddonManager) -> None:
        self.context = context
        self.client_got: list[bytes] = []
        self.provider_got: list[bytes] = []
        self._addons = addons
        self._layer = layers.HttpLayer(context, layers.HTTPMode.regular)
        self._server: connection.Connection | None = None
        self._happens(events.Start())

    def ask(self, data: bytes) -> None:
        """The client says this."""
        self._happens(events.DataReceived(self.context.client, data))

    def answer(self, *pieces: bytes) -> None:
        """The provider says these, in so many reads."""
        assert self._server is not None, "nothing was asked"
        for piece in pieces:
            self._happens(events.DataReceived(self._server, piece))

    def _happens(self, event: events.Event) -> None:
        pending = [event]
        while pending:
            obeyed = map(self._obeyed, self._layer.handle_event(pending.pop(0)))
            pending += [each for each in obeyed if each is not None]

    def _obeyed(self, command: commands.Command) -> events.Event | None:
        if isinstance(command, commands.SendData):
            to_client = command.connection is self.context.client
            (self.client_got if to_client else self.provider_got).append(command.data)
        elif isinstance(command, commands.StartHook):
            try:
                self._addons.handle_lifecycle(command).send(None)
            except StopIteration:
                return events.HookCompleted(command)
            raise AssertionError(f"an addon waits in {command.name}")
        elif isinstance(command, commands.OpenConnection):
            self._server = command.connection
            command.connection.state = connection.ConnectionState.OPEN
            return events.OpenConnectionCompleted(command, None)
        return None


class Null:
    """An addon that streams, and does nothing."""

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Every piece passes."""
        assert flow.response is not None
        flow.response.stream = lambda data: data


@contextmanager
def wire(variant: str, folder: Path) -> Iterator[Wire]:
    """A connection in a proxy of this kind; its ledger is in the folder."""
    before = layers.HttpStream
    # mitmproxy's own, whatever an addon that was here before has put in its place.
    layers.HttpStream = CuttableHttpStream.__base__  # type: ignore[assignment, misc]
    with taddons.context(*default_addons(), loadcore=False) as context:
        context.options.update(confdir=str(folder))  # the certificates are made there
        addon = None
        if variant == "null":
            context.master.addons.add(Null())
        if variant == "llmcap":
            settings = Settings(cap=CAP, config=None, ledger=str(folder / "ledger.sqlite3"))
            addon = LLMCap(open_firewall(settings, notify=_unexpected))
            context.master.addons.add(addon)
        client = tflow.tclient_conn()
        client.proxy_mode, client.sni, client.alpn = ProxyMode.parse("regular"), None, None
        try:
            yield Wire(Context(client, context.options), context.master.addons)
        finally:
            if addon is not None:
                firewall = addon.firewall
                context.master.addons.remove(addon)
                assert firewall is not None
                firewall.close()
            layers.HttpStream = before  # type: ignore[misc]


def _unexpected(kind: str, message: str) -> None:
    raise AssertionError(f"{kind}: {message}")
