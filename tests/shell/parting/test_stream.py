"""Promise: what a provider made for a client who has gone, or was told the end, is counted."""

import json

import pytest
from layered import COST, Proxy, request
from walk import chunk

from llmcap.shell.parting import leavers

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
# What the provider tells of five thousand words, and what it costs.
TOLD, TOLD_NANOS = (100, 5_000), 100 * 150 + 5_000 * 600
OUTPUT_NANOS = 1_000  # a token of gpt-4o-mini's output under priority, which nobody has denied


def piece(*texts: str, usage: tuple[int, int] | None = None) -> bytes:
    """A read of some events, each in a chunk of its own."""
    events = [chunk(text) for text in texts] + ([chunk(usage=usage)] if usage else [])
    return b"".join(b"%x\r\n%s\r\n" % (len(event), event) for event in events)


def streamed(cap: str = "1", **hooks) -> Proxy:
    """A proxy between a client that streams and its provider."""
    return Proxy(cap, **hooks)


async def quietly(proxy: Proxy) -> None:
    """Let the time pass that a provider has to notice, and the turns in which nothing comes."""
    for _ in range(2 * leavers.QUIET_TURNS + 2):
        if proxy.told[-1] in ("error", "response"):
            return
        await proxy.wake()


def cut(then, *, after: tuple[str, ...] = (), cap: str = "0.003") -> Proxy:
    """A stream that passes its limit in one read, with more behind it, and what comes `then`."""
    proxy = streamed(cap)
    words = ("word ",) * 5_000
    return proxy.run(*request(stream=True), answer=HEAD + piece(*words, *after), then=then)


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """A provider has no time to notice: what is waited for is its end, or turns of the loop."""
    monkeypatch.setattr("llmcap.shell.parting.stream.PARTING_SECONDS", 0.0)


def test_a_cut_ends_the_response_at_once_and_closes_our_half():
    """The client has its end in order, and asks on while the provider is still being read."""

    async def then(proxy):
        assert proxy.client_got.endswith(END)
        assert b"LLMCap" in proxy.client_got
        assert (proxy.half_closed, proxy.closed) == (["provider"], [])
        assert proxy.told[-1] == "responseheaders", "it is not over"
        spent, held = proxy.balance
        assert held == 0
        assert spent > 2_500_000, "what was held for what is on its way is nobody else's yet"
        await proxy.client_says(b"GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n")
        assert proxy.opened[1:] == [("example.com", 80)], "it asks on"
        await proxy.provider_closes()
        await quietly(proxy)

    assert "response" in cut(then).told


def test_words_in_the_same_read_as_the_cut_are_counted():
    """All five thousand were made, of which the client has seen some."""

    async def then(proxy):
        assert proxy.client_got.count(b"word ") < 4_000
        await proxy.provider_closes()
        await quietly(proxy)

    proxy = cut(then)
    spent, held = proxy.balance
    assert held == 0
    assert spent >= 5_000 * 600


def test_words_on_their_way_at_the_cut_are_counted():
    """To the provider's end, whose usage is then the cost."""
    spent = {}
    for late in (0, 2_000):

        async def then(proxy, late=late):
            await proxy.provider_says(piece(*("late ",) * late))
            await proxy.provider_closes()
            await quietly(proxy)

        spent[late], _ = cut(then).balance
    assert spent[2_000] - spent[0] >= 2_000 * 600

    async def ends(proxy):
        await proxy.provider_says(piece(usage=TOLD) + END)
        await quietly(proxy)

    assert cut(ends).balance == (TOLD_NANOS, 0)


def test_a_provider_that_writes_on_after_a_cut_is_left_with_its_connection_closed():
    """After its time, when nothing has come for some turns of the loop."""

    async def then(proxy):
        await proxy.wake()
        await proxy.provider_says(piece("more "))
        await quietly(proxy)

    proxy = cut(then)
    assert proxy.closed == ["provider"]
    assert proxy.told[-1] == "response"
    assert proxy.balance[1] == 0


def test_a_client_that_goes_after_the_cut_changes_nothing():
    """It has what it gets; the provider is still read."""

    async def then(proxy):
        await proxy.client_leaves()
        await proxy.provider_says(piece(usage=TOLD) + END)
        await quietly(proxy)

    assert cut(then).balance == (TOLD_NANOS, 0)


@pytest.mark.parametrize("is_late", [False, True])
def test_a_provider_is_left_when_all_that_came_was_read_or_it_is_too_late(is_late, monkeypatch):
    """One that goes on writing is never quiet; what could not be read is in the ledger too."""
    unread = iter([4_000, 4_000])
    where = "llmcap.shell.parting.stream"
    monkeypatch.setattr(f"{where}.waiting", lambda _: 4_000 if is_late else next(unread, 0))
    if is_late:
        monkeypatch.setattr(f"{where}.BUSY_SECONDS_MAX", -1.0)

    async def then(proxy):
        await proxy.client_leaves()
        for _ in range(12):
            if proxy.told[-1] == "error":
                return
            await proxy.provider_says(piece("more "))
            await proxy.wake()

    answer = HEAD + piece(*("word ",) * 20)
    proxy = streamed().run(*request(stream=True), answer=answer, then=then)
    assert proxy.told[-1] == "error"
    spent, held = proxy.balance
    assert held == 0
    missed = 4_000 // len(chunk("word ")) if is_late else 0
    assert spent >= (20 + missed) * OUTPUT_NANOS


@pytest.mark.parametrize(("words", "least"), [(20, 20 + 28), (0, 50)])
def test_what_a_broken_connection_had_brought_is_counted(words, least, monkeypatch):
    """asyncio has it still, and hands nothing on once its connection broke."""
    unread = 28 * len(chunk("word "))
    monkeypatch.setattr("llmcap.shell.parting.stream.waiting", lambda _: unread)

    async def then(proxy):
        await proxy.provider_closes()

    answer = HEAD + piece(*("word ",) * words)
    proxy = streamed().run(*request(stream=True), answer=answer, then=then)
    assert proxy.told[-1] == "error"
    spent, held = proxy.balance
    assert held == 0
    assert spent >= least * OUTPUT_NANOS


@pytest.mark.parametrize("usage", [None, (100, 10)], ids=["no usage", "usage"])
def test_what_comes_after_a_client_has_gone_is_counted(usage):
    """Our half is closed first, on which the provider closes its own."""

    async def then(proxy):
        await proxy.client_leaves()
        assert (proxy.half_closed, proxy.closed.count("provider")) == (["provider"], 0)
        await proxy.provider_says(piece("late ", usage=usage))
        await proxy.provider_closes()
        await quietly(proxy)

    answer = HEAD + piece(*("word ",) * 20)
    proxy = streamed().run(*request(stream=True), answer=answer, then=then)
    assert proxy.told[-1] == "error"
    spent, held = proxy.balance
    assert held == 0
    assert spent == COST if usage else 21 * 600 <= spent <= 60 * OUTPUT_NANOS + 20_000


def test_an_answer_that_nobody_began_is_read_for_its_usage(monkeypatch):
    """Its client has gone before the head; the body that then comes is metered as any."""
    monkeypatch.setattr("llmcap.shell.parting.stream.time.monotonic", lambda: 0.0)

    async def then(proxy):
        await proxy.client_leaves()
        body = json.dumps({
            "id": "c", "model": "gpt-4o-mini", "choices": [{"finish_reason": "stop"}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
        }).encode()  # fmt: skip
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        await proxy.provider_says(head.encode() + b"\r\n\r\n" + body)

    proxy = streamed().run(*request(), then=then)
    assert proxy.balance == (COST, 0)
