"""
A proxy beside the main thread, which keeps the signals and the terminal.

The socket is given, bound and listening: clients may connect while mitmproxy is being imported, and
no port can be lost between being found free and being used.
"""

import asyncio
import atexit
import contextlib
import os
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec

from llmcap.confine.gate import Gates
from llmcap.launch.setup import Setup

READY_SECONDS_MAX = 60
STOP_SECONDS_MAX = 10


NAME = "llmcap-proxy"


def end_with(code: int) -> None:
    """
    Let the process end with this code, also while a proxy's thread is still at its imports.

    An interpreter that is taken down under a thread that loads an extension crashes, and its exit
    code with it; such a thread holds nothing, so the process is left there and then.
    """

    def leave() -> None:
        if any(each.name == NAME and each.is_alive() for each in threading.enumerate()):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    atexit.register(leave)


class ProxyThread:
    """
    The proxy. `make_addons` is called in its thread, so that a ledger stays with one thread, and
    before mitmproxy is imported, so that what it raises is known before a command starts; what it
    returns makes the addons.
    """

    def __init__(
        self,
        setup: Setup,
        listener: socket.socket,
        make_addons: Callable[[], Callable[[], Sequence[object]]],
        *,
        when_over: Callable[[], object] = lambda: None,
        gates: Gates | None = None,
        drain_seconds: int = 0,
    ) -> None:
        self.gates = gates or Gates()  # to confined commands
        self._drain_seconds = drain_seconds  # for calls in flight, when it is stopped
        self._setup = setup
        self._listener = listener
        host, port = listener.getsockname()[:2]
        self.url = f"http://{host}:{port}"  # where clients find it
        self._make_addons = make_addons
        self._when_over = when_over
        self._checked = threading.Event()
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name=NAME, daemon=True)

    @property
    def failed(self) -> bool:
        """Whether it ended, or never began, because of an error."""
        return self._failure is not None

    def start(self) -> None:
        """Begin. Clients may connect from now on; they are answered when it is ready."""
        self._thread.start()

    def check(self) -> None:
        """Wait until settings and ledger are known to be good. Raises what `make_addons` raised."""
        self._checked.wait(READY_SECONDS_MAX)
        self._raise()

    def wait_ready(self) -> None:
        """Wait until it serves. Raises what went wrong on the way."""
        self._ready.wait(READY_SECONDS_MAX)
        self._raise()

    def stop(self) -> None:
        """
        End it: what is in flight is settled, the ledger is closed.

        One that has not served yet is left alone: it holds nothing, and the process will end.
        """
        if not self._ready.is_set():
            self._listener.close()
            self.gates.close()
            return
        if self._loop is not None and self._stop is not None:
            # The loop may be over already, if the proxy ended by itself.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(STOP_SECONDS_MAX + self._drain_seconds)
        self._listener.close()

    def _raise(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            finish = self._make_addons()
            self._checked.set()
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(self._serve(finish()))
        except BaseException as error:  # noqa: BLE001  # raised again in the thread that asks
            self._failure = error
            # Clients that wait in the socket would wait for ever: now they are turned away.
            self._listener.close()
            self.gates.close()
        finally:
            self._checked.set()
            self._ready.set()
            self._when_over()

    async def _serve(self, addons: Sequence[object]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        # mitmproxy takes half a second to import: only who serves pays for it.
        from llmcap.launch.master import serve  # noqa: PLC0415

        await serve(
            self._setup, self._listener, addons,
            stop=self._stop, ready=self._ready.set, gates=self.gates,
            drain_seconds=self._drain_seconds,
        )  # fmt: skip


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, where it is installed: it serves 5 to 15 % more calls."""
    if find_spec("uvloop") is None:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = import_module("uvloop").new_event_loop
    return factory
