"""A proxy that lost LLMCap forwards nothing to a provider."""

import asyncio

import pytest
from mitmproxy.test import taddons, tflow, tutils
from walk import walk

from llmcap.addon import LLMCap
from llmcap.shell.keeper import keeper
from llmcap.shell.unloaded import Unloaded


def flow(host: str):
    """A request to a host."""
    return tflow.tflow(req=tutils.treq(host=host))


def test_provider_calls_are_refused_and_others_pass():
    """mitmproxy itself would forward them all."""
    to_provider, elsewhere = flow("api.openai.com"), flow("example.com")
    for each in (to_provider, elsewhere):
        Unloaded().decide(each, ())
    assert to_provider.response.status_code == 429
    assert b"unloaded" in to_provider.response.content
    assert elsewhere.response is None


def test_it_is_asked_when_llmcap_is_gone_and_until_it_is_back():
    """A script that vanishes unloads it, one that is back loads it anew."""
    with taddons.context() as context:
        first, second = (LLMCap(walk("1").firewall) for _ in range(2))
        context.master.addons.add(first)
        assert keeper() is first.shell.calls
        context.master.addons.remove(first)
        assert isinstance(keeper(), Unloaded)
        context.master.addons.add(second)
        assert keeper() is second.shell.calls
        assert context.master.addons.get("llmcap-shell") is second.shell


@pytest.mark.parametrize("last", ["llmcap", "llmcap-shell"])
def test_it_is_asked_whichever_part_of_llmcap_ends(last):
    """mitmproxy ends both, in its own order, and once each or twice."""

    async def story():
        with taddons.context() as context:
            llmcap = LLMCap(walk("1").firewall)
            context.master.addons.add(llmcap)
            context.master.addons.remove(context.master.addons.get(last))
            assert isinstance(keeper(), Unloaded)
            assert llmcap.firewall is None
            llmcap.done()

    asyncio.run(story())
