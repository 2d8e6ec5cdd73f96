"""Answers that tell nothing, or tell it in an unexpected way, through the real mitmdump."""

import asyncio

import pytest

from adversary.calls import Plan
from adversary.client import Client, Fate, Outcome
from adversary.client2 import Pool
from fake_provider.process import ProviderHandle
from fake_provider.proxy import ProxyHandle

from .conftest import Start


def call(proxy: ProxyHandle, plan: Plan) -> Outcome:
    """Make one call, and wait for its answer."""

    async def story() -> Outcome:
        pool = Pool(lambda: proxy.port)
        client = Client(lambda: proxy.port, pool)
        try:
            return await client.call(plan)
        finally:
            pool.close()
            client.close()

    return asyncio.run(story())


@pytest.mark.parametrize("api", ["chat", "responses", "messages", "gemini"])
@pytest.mark.parametrize("body", ["torn", "foreign"])
def test_a_whole_answer_that_nobody_understands_is_not_cheap(
    start: Start, provider: ProviderHandle, api: str, body: str
) -> None:
    """It costs at least what its bytes can be, so never less than the provider bills for it."""
    proxy = start(cap="5")
    provider.scenario(length="4000", body=body)
    call(proxy, Plan(api=api, max_tokens=8_000))
    proxy.settle()
    assert 0 < provider.nanos() <= proxy.spent_nanos()
    assert {entry["kind"] for entry in proxy.entries("kind")} == {"hold", "assumed"}


@pytest.mark.parametrize("http2", [False, True], ids=["HTTP/1", "HTTP/2"])
@pytest.mark.parametrize("body", ["nothing", "no content"])
def test_an_answer_without_a_body_holds_nothing_afterwards(
    start: Start, provider: ProviderHandle, body: str, *, http2: bool
) -> None:
    """Its call has ended with it: the next one finds the money."""
    proxy = start(cap="0.03")
    plan = Plan(max_tokens=2_000, behaviour={"length": "20", "body": body}, http2=http2)
    for _ in range(3):
        assert call(proxy, plan).fate is not Fate.REFUSED
        proxy.settle()
    kinds = [entry["kind"] for entry in proxy.entries("kind")]
    assert kinds == ["hold", "assumed"] * 3


def test_several_choices_are_settled_when_the_last_of_them_ends(
    start: Start, provider: ProviderHandle
) -> None:
    """However often the usage was told before: what is still written is still held."""
    proxy = start(cap="1")
    provider.scenario(length="heavy:200")
    outcome = call(proxy, Plan(stream=True, choices=4, max_tokens=3_000))
    assert outcome.fate is Fate.SERVED
    proxy.settle()
    assert proxy.spent_nanos() == provider.nanos() > 0
