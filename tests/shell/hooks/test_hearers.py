"""Promise: leaving out those who do not listen changes nothing for those who do."""

import asyncio
import logging
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy import addons, hooks, options
from mitmproxy.addonmanager import AddonManager
from mitmproxy.exceptions import AddonHalt
from mitmproxy.proxy.layers.http import HttpRequestHook
from mitmproxy.test import taddons, tflow
from walk import walk

from llmcap.addon import LLMCap
from llmcap.shell.hooks import hearers

FLOW = tflow.tflow()
# mitmproxy's own that do not listen to requests.
DEAF = [each for each in addons.default_addons() if not hasattr(each, "request")]
DOES = ("nothing", "notes", "waits", "raises", "halts")

trees = st.recursive(
    st.sampled_from(DOES),
    lambda below: st.tuples(st.sampled_from(DOES), st.lists(below, max_size=3)),
    max_leaves=6,
)


class Named:
    """An addon of somebody's, which may have others below it."""

    def __init__(self, name: str, told: list[str], below: list[object]) -> None:
        self.name, self.told = name, told
        if below:
            self.addons = below


class Notes(Named):
    """Listens."""

    def request(self, _: object) -> None:
        """Told."""
        self.told.append(self.name)


class Waits(Named):
    """Listens, and takes its time."""

    async def request(self, _: object) -> None:
        """Told, before and after."""
        self.told.append(f"{self.name} begins")
        await asyncio.sleep(0)
        self.told.append(f"{self.name} ends")


class Raises(Notes):
    """Listens, and fails."""

    def request(self, flow: object) -> None:
        """Told, and broken."""
        super().request(flow)
        raise RuntimeError(self.name)


class Halts(Notes):
    """Listens, and lets nobody behind it listen."""

    def request(self, flow: object) -> None:
        """Told, and the last one."""
        super().request(flow)
        raise AddonHalt


KINDS = {"nothing": Named, "notes": Notes, "waits": Waits, "raises": Raises, "halts": Halts}


def grown(tree: object, told: list[str], name: str) -> Named:
    """The addon of such a tree."""
    does, below = tree if isinstance(tree, tuple) else (tree, [])
    parts = [grown(each, told, f"{name}.{at}") for at, each in enumerate(below)]
    return KINDS[does](name, told, parts)


async def asked(manager: AddonManager, *, times: int = 1) -> None:
    """A request passes."""
    for _ in range(times):
        await manager.handle_lifecycle(HttpRequestHook(FLOW))


def manager_of(chain: list[object], *, ours: bool = True) -> AddonManager:
    """A list of addons that are all there already."""
    manager = AddonManager(SimpleNamespace(options=options.Options()))
    manager.chain = chain
    if ours:
        hearers.install(manager)
    return manager


def both_ways(chain: list[object], told: list[str], caplog: pytest.LogCaptureFixture) -> list:
    """What was told, and what failed, by mitmproxy's own manager and with ours in its place."""
    found = []
    for ours in (False, True):
        manager = manager_of(chain, ours=ours)
        asyncio.run(asked(manager, times=2))
        found.append((list(told), [record.getMessage() for record in caplog.records]))
        told.clear()
        caplog.clear()
    return found


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """The log of what addons do wrong."""
    caplog.set_level(logging.ERROR)
    return caplog


def test_the_same_are_told_in_the_same_order(quiet):
    """Whatever they are made of, and whoever raises, waits or halts; mitmproxy's own between."""

    @settings(max_examples=40, deadline=None)
    @given(st.lists(trees, max_size=5))
    def holds(forest: list[object]) -> None:
        told: list[str] = []
        chain: list[object] = [grown(tree, told, str(at)) for at, tree in enumerate(forest)]
        for at in range(len(forest)):
            chain.insert(2 * at, DEAF[at])
        stock, ours = both_ways(chain, told, quiet)
        assert ours == stock

    holds()


def test_a_function_that_comes_later_is_asked(quiet):
    """Scripts are loaded anew while the proxy runs, and some give themselves functions."""
    told: list[str] = []
    below: list[object] = []
    above, late = Named("above", told, below), Named("late", told, [])
    above.addons = below
    manager = manager_of([above, late])
    asyncio.run(asked(manager))
    assert told == []
    late.request = lambda _: told.append("late")
    below.append(Notes("below", told, []))
    asyncio.run(asked(manager))
    assert told == ["below", "late"]
    manager.chain = [late]
    asyncio.run(asked(manager))
    assert told[2:] == ["late"]
    manager.chain[0] = Notes("another", told, [])
    asyncio.run(asked(manager))
    assert told[3:] == ["another"]
    assert not quiet.records


def test_who_is_added_by_a_hook_hears_of_it_too():
    """mitmproxy goes through the list as it is while it goes."""
    told: list[str] = []
    chain: list[object] = []

    class Adds(Notes):
        def request(self, flow: object) -> None:
            super().request(flow)
            if len(chain) == 1:
                chain.append(Notes("added", told, []))

    chain.append(Adds("adds", told, []))
    asyncio.run(asked(manager_of(chain)))
    assert told == ["adds", "added"]


def test_a_property_that_fails_is_mitmproxys_to_tell(quiet):
    """Its error is logged, and the others are asked."""
    told: list[str] = []

    class Broken:
        @property
        def request(self) -> object:
            raise RuntimeError("no such thing")

    chain = [Broken(), Notes("behind", told, [])]
    stock, ours = both_ways(chain, told, quiet)
    assert ours == stock
    assert ours[0] == ["behind", "behind"]
    assert ours[1]


def test_the_deaf_are_not_entered(monkeypatch):
    """That is what it is for: mitmproxy enters all of them, to find nothing there."""
    entered: list[str] = []
    chain = addons.default_addons()
    manager = manager_of(chain)
    mitmproxys = manager.invoke_addon

    async def enter(addon: object, event: hooks.Hook) -> None:
        assert hasattr(addon, event.name)
        entered.append(event.name)
        await mitmproxys(addon, event)

    monkeypatch.setattr(manager, "invoke_addon", enter)
    for name in ("responseheaders", "error", "update"):
        asyncio.run(manager.trigger_event(hooks.all_hooks[name](None)))
        assert entered.count(name) == sum(hasattr(each, name) for each in chain)
    assert len(entered) < len(chain)


def test_llmcap_stands_in_for_the_list_of_its_proxy():
    """From when it is loaded, in every mode."""
    with taddons.context() as context:
        context.master.addons.add(LLMCap(walk("1").firewall))
        found = context.master.addons.trigger_event
        assert isinstance(found.__self__, hearers.Hearers)
