"""
Whom to ask when an exchange is over for its client, and which flows are still being left.

mitmproxy closes the connections to the providers with their client's, so what is still read there
is waited for (`parted`).
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from mitmproxy import ctx
from mitmproxy.proxy import commands, events

# How long a provider has to notice that our side is closed. What has arrived by then is taken in,
# however late this program is: for so many turns of the loop nothing may have come, or so much
# longer at most.
PARTING_SECONDS = 0.25
QUIET_TURNS = 3
BUSY_SECONDS_MAX = 2.0

# What a client's connection is kept for, beyond what its flows have asked for.
GRACE_SECONDS = 5


class Leaver(Protocol):
    """A call whose client has gone, or was told the end of its answer."""

    def linger(self) -> timedelta:
        """How long to read on before we part; asked again after each piece of the answer."""
        ...

    def listens(self) -> timedelta:
        """How long to read on after a cut, when our side is closed."""
        ...

    def is_over(self) -> bool:
        """Whether nothing more has to be known."""
        ...

    def parted(
        self, *, stopped: bool, round_trip: timedelta, unread: int = 0, lost: bool = False
    ) -> None:
        """
        We have left: whether the provider had stopped, and how far away it is.

        So many bytes were `unread`, as this program was too late to read them. Or its connection
        broke first: what waited there is `lost`.
        """
        ...


@dataclass
class Leaving:
    """A flow that is over for its client, until we have left the provider."""

    until: float  # on the monotonic clock: all is over then
    over: asyncio.Event
    wakeup: commands.RequestWakeup | None = None


_leavers: dict[str, Leaver] = {}
_leaving: dict[str, Leaving] = {}


def attend(flow_id: str, leaver: Leaver) -> None:
    """Whom to ask when the client of this flow goes."""
    _leavers[flow_id] = leaver


def forget(flow_id: str) -> None:
    """Drop what is kept about a flow that has ended."""
    _leavers.pop(flow_id, None)
    finished(flow_id)


def finished(flow_id: str) -> None:
    """A flow's provider was left."""
    if leaving := _leaving.pop(flow_id, None):
        leaving.over.set()


def leave(flow_id: str, due: float) -> None:
    """A flow's provider is being left, by this time of the monotonic clock if nothing is late."""
    _leaving[flow_id] = Leaving(due + BUSY_SECONDS_MAX + GRACE_SECONDS, asyncio.Event())


def waking(flow_id: str, due: float) -> commands.RequestWakeup:
    """By what such a flow goes on, at this time of the monotonic clock."""
    wakeup = commands.RequestWakeup(max(due - time.monotonic(), 0))
    if leaving := _leaving.get(flow_id):
        leaving.wakeup = wakeup
    return wakeup


async def parted(client_id: str, flow_ids: Iterable[str]) -> None:
    """Wait until each of these flows of a client, whose connection is closed, has been left."""
    found = [leaving for flow_id in flow_ids if (leaving := _leaving.get(flow_id))]
    # mitmproxy takes back all wake-ups with the client's connection.
    server = ctx.master.addons.get("proxyserver")
    handler = server.connections.get(client_id) if server is not None else None
    for leaving in found:
        if handler is not None and leaving.wakeup is not None and not leaving.over.is_set():
            await handler.server_event(events.Wakeup(leaving.wakeup))
    for leaving in found:
        while not leaving.over.is_set() and (left := leaving.until - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await leaving.over.wait()


def leaver_of(flow_id: str) -> Leaver | None:
    """Whom to ask, where somebody attends the flow."""
    return _leavers.get(flow_id)
