"""The small master's handler: the same hooks in the same order, without the detours."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from mitmproxy import connection, options
from mitmproxy.addons import core, proxyserver
from mitmproxy.master import Master
from mitmproxy.proxy import commands, events, layer, mode_specs
from mitmproxy.proxy.layers.http._hooks import HttpErrorHook, HttpRequestHook, HttpResponseHook
from mitmproxy.test import tflow

from llmcap.launch.handler import Handler, Hooks


class Writer:
    """What a connection was sent, a write each."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closing = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As a socket on loopback."""
        return {"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)}.get(name, default)

    def is_closing(self) -> bool:
        """Whether it is too late to write."""
        return self.closing

    def write(self, data: bytes) -> None:
        """One write."""
        self.written.append(data)


class Script(layer.Layer):
    """A layer that yields the commands it is given, and notes what comes in."""

    def __init__(self, context: Any, make: Callable[["Script"], list[commands.Command]]) -> None:
        super().__init__(context)
        self.seen: list[str] = []
        self._make = make

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        self.seen.append(type(event).__name__)
        if isinstance(event, events.Start):
            for command in self._make(self):
                yield command
                self.seen.append(f"after {type(command).__name__}")


def handled(
    addons: list[object],
    make: Callable[[Script], list[commands.Command]],
    *,
    more: Callable[[Handler], Any] | None = None,
) -> tuple[Script, Writer]:
    """Let a handler start a layer with these commands, and wait until it has nothing to do."""

    async def story() -> tuple[Script, Writer]:
        master = Master(options.Options())
        master.addons.add(core.Core(), proxyserver.Proxyserver(), *addons)
        writer = Writer()
        mode = mode_specs.ProxyMode.parse("regular")
        handler = Handler(Hooks(master), master, object(), writer, master.options, mode)
        script = handler.layer = Script(handler.layer.context, make)
        await handler.server_event(events.Start())
        if more is not None:
            more(handler)
        await asyncio.sleep(0.02)
        return script, writer

    return asyncio.run(story())


FLOW = tflow.tflow()


class Noting:
    """Notes the hooks that it is called for."""

    def __init__(self) -> None:
        self.hooks: list[str] = []

    def request(self, flow: Any) -> None:
        """A plain function."""
        self.hooks.append(f"request {flow is FLOW}")

    async def response(self, flow: Any) -> None:
        """One that could wait, and does not."""
        self.hooks.append(f"response {flow is FLOW}")


class Waiting:
    """Waits in a hook."""

    async def request(self, flow: Any) -> None:  # noqa: ARG002
        """A moment."""
        await asyncio.sleep(0.005)


def test_hooks_are_called_in_order_and_the_layer_goes_on_after_each() -> None:
    """Plain, asynchronous, or nobody's."""
    noting = Noting()
    script, _ = handled(
        [noting],
        lambda _: [HttpRequestHook(FLOW), HttpErrorHook(FLOW), HttpResponseHook(FLOW)],
    )
    assert noting.hooks == ["request True", "response True"]
    assert script.seen == [
        "Start", "after HttpRequestHook", "after HttpErrorHook", "after HttpResponseHook",
    ]  # fmt: skip


def test_a_hook_that_waits_holds_up_its_layer_and_no_other_addon_overtakes_it() -> None:
    """An event that comes meanwhile is kept, as mitmproxy's layers do."""
    noting = Noting()
    seen: list[list[str]] = []

    def more(handler: Handler) -> None:
        seen.append(list(handler.layer.seen))

    script, _ = handled(
        [Waiting(), noting], lambda _: [HttpRequestHook(FLOW), HttpResponseHook(FLOW)], more=more
    )
    assert seen == [["Start"]]
    assert noting.hooks == ["request True", "response True"]
    assert script.seen[-1] == "after HttpResponseHook"


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_hook_that_raises_is_told_and_the_layer_goes_on(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """As under mitmproxy itself: who must refuse instead has a guard of their own."""

    class Plain:
        def request(self, _: Any) -> None:
            raise ValueError("no")

    class Async:
        async def request(self, _: Any) -> None:
            await asyncio.sleep(0)
            raise ValueError("no")

    noting = Noting()
    addon = Plain() if kind == "plain" else Async()
    with caplog.at_level(logging.ERROR):
        script, _ = handled([addon, noting], lambda _: [HttpRequestHook(FLOW)])
    assert "Addon error" in caplog.text
    assert noting.hooks == ["request True"]
    assert script.seen[-1] == "after HttpRequestHook"


def test_what_one_event_sends_leaves_in_one_write() -> None:
    """A head and its body are one segment."""
    _, writer = handled(
        [],
        lambda script: [
            commands.SendData(script.context.client, b"head "),
            commands.SendData(script.context.client, b"body"),
        ],
    )
    assert writer.written == [b"head body"]


def test_what_was_to_be_sent_before_a_close_is_sent() -> None:
    """A close does not overtake it."""

    def commands_of(script: Script) -> list[commands.Command]:
        client = script.context.client
        client.state = connection.ConnectionState.OPEN
        return [commands.SendData(client, b"bye"), commands.CloseTcpConnection(client, True)]

    class HalfClosing(Writer):
        def write_eof(self) -> None:
            self.written.append(b"EOF")

    async def story() -> list[bytes]:
        master = Master(options.Options())
        master.addons.add(core.Core(), proxyserver.Proxyserver())
        writer = HalfClosing()
        mode = mode_specs.ProxyMode.parse("regular")
        handler = Handler(Hooks(master), master, object(), writer, master.options, mode)
        handler.layer = Script(handler.layer.context, commands_of)
        await handler.server_event(events.Start())
        return writer.written

    assert asyncio.run(story()) == [b"bye", b"EOF"]


def test_a_layer_that_fails_does_not_take_the_handler_with_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The next event is handled."""

    def fails(_: Script) -> list[commands.Command]:
        raise ValueError("a mistake of a layer")

    async def story() -> list[str]:
        master = Master(options.Options())
        master.addons.add(core.Core(), proxyserver.Proxyserver())
        mode = mode_specs.ProxyMode.parse("regular")
        handler = Handler(Hooks(master), master, object(), Writer(), master.options, mode)
        script = handler.layer = Script(handler.layer.context, fails)
        await handler.server_event(events.Start())
        await handler.server_event(events.DataReceived(handler.client, b"x"))
        return script.seen

    with caplog.at_level(logging.ERROR):
        assert asyncio.run(story()) == ["Start", "DataReceived"]
    assert "has crashed" in caplog.text
