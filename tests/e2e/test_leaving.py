"""Clients that go away: what the provider made by then is known, and it stops soon after."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from adversary.calls import Leave, Plan
from adversary.client import Client, Fate, Outcome
from adversary.client2 import Pool
from fake_provider.process import ProviderHandle
from fake_provider.proxy import ProxyHandle

from .conftest import Start

SOON_SECONDS = 300  # ends what hangs
CLOSE_SECONDS = 0.05


def call(proxy: ProxyHandle, *plans: Plan) -> list[Outcome]:
    """Make these calls at once, those over HTTP/2 on one connection."""

    async def story() -> list[Outcome]:
        pool = Pool(lambda: proxy.port)
        clients = [Client(lambda: proxy.port, pool) for _ in plans]
        try:
            return await asyncio.gather(
                *(client.call(plan) for client, plan in zip(clients, plans, strict=True))
            )
        finally:
            pool.close()
            for client in clients:
                client.close()
            await asyncio.sleep(CLOSE_SECONDS)

    return asyncio.run(story())


def ended(provider: ProviderHandle) -> list[str]:
    """How the provider's calls ended, once they all have."""
    deadline = time.monotonic() + SOON_SECONDS
    while provider.bill()["open"] and time.monotonic() < deadline:
        time.sleep(0.02)
    return [record["ended"] for record in provider.bill()["records"]]


def when(holds: Callable[[], bool]) -> Callable[[], Awaitable[None]]:
    """What waits until something holds."""

    def wait() -> None:
        while not holds():
            time.sleep(0.02)

    async def happened() -> None:
        await asyncio.to_thread(wait)

    return happened


@pytest.mark.parametrize("http2", [False, True], ids=["HTTP/1", "HTTP/2"])
def test_an_answer_that_was_made_when_its_client_left_is_settled_exactly(
    start: Start, provider: ProviderHandle, *, http2: bool
) -> None:
    """Its usage is in the buffers: nobody has to assume anything."""
    proxy = start(cap="1")
    provider.scenario(length="1000")
    made = when(lambda: provider.bill()["open"] == 0)
    plans = [
        Plan(stream=True, leave=Leave(after_pieces=1, once=made), http2=http2),
        Plan(stream=True, leave=Leave(after_pieces=1, once=made, rudely=True), http2=http2),
    ]
    assert {outcome.fate for outcome in call(proxy, *plans)} == {Fate.LEFT}
    proxy.settle()
    assert ended(provider) == ["whole"] * 2
    assert proxy.spent_nanos() == provider.nanos() > 0
    assert "assumed" not in {entry["kind"] for entry in proxy.entries("kind")}


@pytest.mark.parametrize("http2", [False, True], ids=["HTTP/1", "HTTP/2"])
def test_an_answer_that_does_not_stream_is_waited_for_when_its_client_has_left(
    start: Start, provider: ProviderHandle, *, http2: bool
) -> None:
    """Its vendor goes on to the end, and bills that."""
    proxy = start(cap="1")
    provider.scenario(length="300", gated_after=0)
    asked = when(lambda: provider.bill()["open"] == 1)
    plan = Plan(api="messages", max_tokens=500, leave=Leave(once=asked), http2=http2)
    assert [outcome.fate for outcome in call(proxy, plan)] == [Fate.LEFT]
    provider.open_gate()
    proxy.settle()
    assert ended(provider) == ["whole"]
    assert proxy.spent_nanos() == provider.nanos() > 0


@pytest.mark.parametrize("http2", [False, True], ids=["HTTP/1", "HTTP/2"])
def test_a_provider_that_writes_on_is_stopped_when_its_client_has_left(
    start: Start, provider: ProviderHandle, *, http2: bool
) -> None:
    """A moment later, and not at its end; the ledger is not below the bill, and far below hold."""
    proxy = start(cap="1")
    provider.scenario(length="16000", token_seconds=0.002, tokens_per_event=4)
    (outcome,) = call(proxy, Plan(stream=True, leave=Leave(after_pieces=5), http2=http2))
    assert outcome.fate is Fate.LEFT
    proxy.settle()
    assert ended(provider) == ["hung up"]
    held = max(entry["held_nanos"] for entry in proxy.entries("held_nanos"))
    assert provider.nanos() <= proxy.spent_nanos() < held / 4


def test_the_other_streams_of_a_connection_go_on_when_one_is_left(
    start: Start, provider: ProviderHandle
) -> None:
    """A reset stream is read on beside them."""
    proxy = start(cap="1")
    provider.scenario(length="300", token_seconds=0.003, tokens_per_event=4)
    left = Plan(stream=True, leave=Leave(after_pieces=2), http2=True)
    outcomes = call(proxy, left, Plan(stream=True, http2=True), Plan(http2=True))
    assert [outcome.fate for outcome in outcomes] == [Fate.LEFT, Fate.SERVED, Fate.SERVED]
    proxy.settle()
    assert provider.nanos() <= proxy.spent_nanos()
    assert "has crashed" not in proxy.log()


# Each under a cap of its own; the last over HTTP/2.
CUT_NANOS = 4_000_000
CUTS = {
    "gpt-4o-mini": Plan(api="chat", model="gpt-4o-mini", stream=True),
    "gpt-4.1-nano": Plan(api="responses", model="gpt-4.1-nano", stream=True),
    "claude-haiku-4-5": Plan(api="messages", model="claude-haiku-4-5", stream=True),
    "gemini-2.5-flash": Plan(api="gemini", model="gemini-2.5-flash", stream=True),
    "gpt-5-mini": Plan(api="chat", model="gpt-5-mini", stream=True, http2=True),
}
CAPPED = """
budgets:
""" + "".join(f"- {{name: {model}, cap: $0.004, match: {{model: {model}}}}}\n" for model in CUTS)


def test_streams_that_pass_their_limit_are_cut_at_what_was_made(
    start: Start, provider: ProviderHandle
) -> None:
    """In every API: the provider stops, the cap holds, and what was on its way is in the ledger."""
    proxy = start(config=CAPPED)
    provider.scenario(length="200000", ignore_limit=True, token_seconds=0.003)
    outcomes = call(proxy, *CUTS.values())
    assert [outcome.fate for outcome in outcomes] == [Fate.CUT] * len(CUTS)
    assert ended(provider) == ["hung up"] * len(CUTS)
    deadline = time.monotonic() + SOON_SECONDS
    while len([row for row in proxy.entries("kind") if row["kind"] == "correction"]) < len(CUTS):
        assert time.monotonic() < deadline, "what was on its way was not counted"
        time.sleep(0.02)
    rows = proxy.entries("id, hold_id, kind, model, cost_nanos")
    holds = {row["model"]: row["id"] for row in rows if row["kind"] == "hold"}
    bill = provider.bill()["records"]
    for model in CUTS:
        (billed,) = [int(each["nanos"]) for each in bill if each["model"] == model]
        spent = sum(row["cost_nanos"] for row in rows if row["hold_id"] == holds[model])
        assert 0 < billed <= spent <= CUT_NANOS, model
    assert "has crashed" not in proxy.log()
