"""The steps of one exchange as mitmproxy's stream asks a keeper about them, without a stream."""

import asyncio

from mitmproxy import http

from llmcap.addon import LLMCap
from llmcap.shell.calls import Calls
from llmcap.shell.keeper import Watch


def calls_of(addon: LLMCap) -> Calls:
    """The keeper of an addon."""
    return addon.shell.calls


def decide(addon: LLMCap, flow: http.HTTPFlow) -> None:
    """The request is whole, and all addons have seen it."""

    async def story() -> None:
        work = calls_of(addon).decide(flow, flow.request.headers.fields)
        if work is not None:
            await work

    asyncio.run(story())


def begin(addon: LLMCap, flow: http.HTTPFlow) -> Watch | None:
    """The head of the answer is here; gives what its body goes through."""
    assert flow.response is not None
    return calls_of(addon).begin(flow, flow.response.status_code, flow.response.headers.fields)


def end(addon: LLMCap, flow: http.HTTPFlow) -> None:
    """The whole of it is here."""
    calls_of(addon).whole(flow)
    calls_of(addon).over(flow)


def answer(addon: LLMCap, flow: http.HTTPFlow, pieces: list[bytes]) -> bytes:
    """The head is in the flow, and this is the body; gives what the client gets of it."""
    assert flow.response is not None
    watch = begin(addon, flow)
    got = b"".join(pieces)
    if watch is not None:
        got = b"".join(watch(piece) for piece in (*pieces, b""))
    else:
        flow.response.raw_content = got
    end(addon, flow)
    return got


def broke(addon: LLMCap, flow: http.HTTPFlow, reason: str = "client disconnected") -> None:
    """mitmproxy fires `error`."""
    calls_of(addon).ended(flow, reason)
