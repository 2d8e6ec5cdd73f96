"""
Who decides about what passes through mitmproxy's streams, and by which words they are asked.

mitmproxy calls addons one after the other. One that raises keeps those behind it in the same list
from being called, and one behind us may change what we have decided about: so no decision of ours
is a hook. The streams ask, each time, when all addons have had their word; `attended`, `closing`
and `raw` are those streams. There is one keeper in a process, whoever attended last.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

from mitmproxy import http
from mitmproxy.proxy.commands import StartHook

Work = Awaitable[None] | None  # something that has to be waited for, where it is not done at once
Fields = tuple[tuple[bytes, bytes], ...]  # headers as mitmproxy keeps them

# Signs a request that is to leave, where it has to be; nobody changes it from then on.
Sign = Callable[[http.HTTPFlow], Work]

# What the client gets of a piece of an answer, if anything; `b""` asks for what was kept back.
Watch = Callable[[bytes], bytes]


class Keeper(Protocol):
    """None of these raises: mitmproxy would drop a chunk, or a connection, and go on."""

    def decide(self, flow: http.HTTPFlow, came: Fields) -> Work:
        """
        Let a request go, or give the flow a response. `came` are the headers that it came with,
        before any addon saw it.
        """
        ...

    def begin(self, flow: http.HTTPFlow, status: int, headers: Fields) -> Watch | None:
        """The head of an answer as it came; gives what the body goes through, where it streams."""
        ...

    def whole(self, flow: http.HTTPFlow) -> Work:
        """The answer is here to its end, and the flow has the body where it was not streamed."""
        ...

    def late(self) -> Work:
        """What has to be in the ledger before the client reads on, where it is not there yet."""
        ...

    def over(self, flow: http.HTTPFlow) -> None:
        """All addons have seen the answer."""
        ...

    def ended(self, flow: http.HTTPFlow, reason: str) -> None:
        """The exchange broke off, or another addon answered."""
        ...

    def greet(self, flow: http.HTTPFlow, came: Fields) -> None:
        """A tunnel is asked for, with these headers."""
        ...

    def frame(self, flow: http.HTTPFlow) -> Work:
        """A frame of a WebSocket, the last of the flow's messages."""
        ...

    def hung_up(self, flow: http.HTTPFlow) -> None:
        """A WebSocket is closed, by whomever."""
        ...

    def changed(self, flow: http.HTTPFlow) -> None:
        """It is not what was decided about any more: give the flow a response."""
        ...

    def closed(self, host: str, what: str) -> None:
        """A connection to a provider was closed, as what was said on it cannot be metered."""
        ...


_keepers: list[Keeper] = []


def attend(keeper: Keeper) -> None:
    """Ask this one from now on."""
    _keepers[:] = [keeper]


def keeper() -> Keeper:
    """Whom to ask."""
    return _keepers[0]


@dataclass
class Waiting:
    """What a stream has to wait for."""

    work: Awaitable[None]


@dataclass
class LLMCapWaitsHook(StartHook):
    """Handed to our own addon, which waits: layers cannot."""

    name: ClassVar[str] = "llmcap_waits"
    waiting: Waiting


def waits(work: Awaitable[None]) -> LLMCapWaitsHook:
    """The command that lets a stream wait."""
    return LLMCapWaitsHook(Waiting(work))
