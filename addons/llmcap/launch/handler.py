"""
One client of the small master: mitmproxy's own handler, with the detours taken out.

mitmproxy makes a task for every hook, walks through its addons in it, and comes back through a
lock; a call has seven hooks, and for most of them there is nobody to ask. Here a hook that nobody
has is over at once, and one that does not wait is called like a function. What is to be sent leaves
in one write, when all connections that had something to say were heard: to wake who waits for it is
the dearest part of a small call, and whoever is awake needs no waking. What the layers see is the
same, in the same order.
"""

import asyncio
import dataclasses
import inspect
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, cast

from mitmproxy.addonmanager import traverse
from mitmproxy.connection import Connection
from mitmproxy.master import Master
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler
from mitmproxy.proxy.server import ConnectionIO

logger = logging.getLogger(__name__)

Hook = Callable[..., Awaitable[None] | None]


class Hooks:
    """Which functions of a master's addons a hook calls; the addons are fixed by now."""

    def __init__(self, master: Master) -> None:
        self._chain = master.addons.chain
        self._functions: dict[str, list[Hook]] = {}

    def of(self, name: str) -> list[Hook]:
        """In the order of the addons."""
        found = self._functions.get(name)
        if found is None:
            found = [
                getattr(addon, name) for addon in traverse(self._chain) if hasattr(addon, name)
            ]
            self._functions[name] = found
        return found


class Handler(ProxyConnectionHandler):
    """Of one connection, until it is closed."""

    def __init__(self, hooks: Hooks, *args: Any) -> None:
        super().__init__(*args)  # type: ignore[no-untyped-call]
        self._hooks = hooks
        self._events: deque[events.Event] = deque()
        self._busy = False
        self._send_is_due = False
        self._unsent: dict[Connection, list[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def server_event(self, event: events.Event) -> None:
        """Let the layers handle it, and what comes of that, before anything else does."""
        self._events.append(event)
        if self._busy:
            return  # somebody further up the stack is at it
        self._busy = True
        self.timeout_watchdog.register_activity()
        try:
            while self._events:
                self._handle(self._events.popleft())
        finally:
            self._busy = False
            if self._unsent and not self._send_is_due:
                self._send_is_due = True
                asyncio.get_running_loop().call_soon(self._send)

    async def drain_writers(self) -> None:
        """Wait until what was written can go, which it mostly has at once."""
        writers = [transport.writer for transport in self.transports.values()]
        if any(writer and _is_full(writer) for writer in writers):
            await super().drain_writers()  # type: ignore[no-untyped-call]

    async def handle_hook(self, hook: commands.StartHook) -> None:
        """Of the connection itself, for which mitmproxy waits."""
        argument = _argument(hook)
        with self.timeout_watchdog.disarm():
            for function in self._hooks.of(hook.name):
                waiting = self._call(function, argument)
                if waiting is not None:
                    await self._wait_for(waiting)

    # --- parts --------------------------------------------------------------------------------

    def _handle(self, event: events.Event) -> None:
        try:
            for command in self.layer.handle_event(event):
                if isinstance(command, commands.SendData):
                    if command.connection in self.transports:
                        self._unsent.setdefault(command.connection, []).append(command.data)
                elif isinstance(command, commands.StartHook):
                    self._start(command)
                elif isinstance(command, commands.Log):
                    self.log(command.message, command.level)
                else:
                    self._send()
                    self._obey(command)
        except Exception:  # noqa: BLE001 - as mitmproxy does; the connection lives on
            self.log("mitmproxy has crashed!", logging.ERROR, exc_info=True)

    def _obey(self, command: commands.Command) -> None:
        """What happens once or twice in the life of a connection."""
        if isinstance(command, commands.OpenConnection):
            assert command.connection not in self.transports
            task = asyncio.create_task(self.open_connection(command))
            self.transports[command.connection] = ConnectionIO(handler=task)
        elif isinstance(command, commands.RequestWakeup):
            self.wakeup_timer.add(asyncio.create_task(self.wakeup(command)))
        elif isinstance(command, commands.CloseConnection):
            if command.connection in self.transports:
                half = isinstance(command, commands.CloseTcpConnection) and command.half_close
                self.close_connection(command.connection, half)
        elif not isinstance(command, commands.ConnectionCommand):
            raise RuntimeError(f"Unexpected command: {command}")

    def _send(self) -> None:
        """Write what is to be sent, in one piece for each connection."""
        self._send_is_due = False
        if not self._unsent:
            return
        unsent, self._unsent = self._unsent, {}
        for connection, pieces in unsent.items():
            transport = self.transports.get(connection)
            if transport is not None and transport.writer and not transport.writer.is_closing():
                transport.writer.write(b"".join(pieces))

    def _start(self, hook: commands.StartHook) -> None:
        """Call a hook's functions; where one of them waits, go on without it for now."""
        functions = iter(self._hooks.of(hook.name))
        argument = _argument(hook)
        for function in functions:
            waiting = self._call(function, argument)
            if waiting is not None:
                rest = list(functions)
                task = asyncio.create_task(self._finish(hook, waiting, rest, argument))
                if not task.done():
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
                return
        if hook.blocking:
            self._events.append(events.HookCompleted(hook))

    async def _finish(
        self, hook: commands.StartHook, waiting: Awaitable[None], rest: list[Hook], argument: Any
    ) -> None:
        with self.timeout_watchdog.disarm():
            await self._wait_for(waiting)
            for function in rest:
                more = self._call(function, argument)
                if more is not None:
                    await self._wait_for(more)
        if hook.blocking:
            await self.server_event(events.HookCompleted(hook))

    def _call(self, function: Hook, argument: Any) -> Awaitable[None] | None:
        try:
            result = function(argument)
        except Exception:
            logger.exception("Addon error")
            return None
        return result if result is not None and inspect.isawaitable(result) else None

    async def _wait_for(self, waiting: Awaitable[None]) -> None:
        try:
            await waiting
        except Exception:
            logger.exception("Addon error")


def _is_full(writer: Any) -> bool:
    size: int = writer.transport.get_write_buffer_size()
    return size > 0


_FIELDS: dict[type, str] = {}


def _argument(hook: commands.StartHook) -> Any:
    """The one thing that a hook is about, a flow or a connection: its only field."""
    name = _FIELDS.get(type(hook))
    if name is None:
        (name,) = (field.name for field in dataclasses.fields(cast("Any", hook)))
        _FIELDS[type(hook)] = name
    return getattr(hook, name)
