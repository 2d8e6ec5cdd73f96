"""Clients are looked up once per connection, and never for long."""

import asyncio
import threading

import pytest

from llmcap.shell import callers as module
from llmcap.shell.callers import Callers, are_wanted
from llmcap.shell.process import Owner
from llmcap.walk.attributes import Facts
from llmcap.words.records import Budget, Policy, ProcessPolicy
from llmcap.words.rules import BreakerRules, ErrorRule, ParallelRule

CLIENT, SERVER = ("127.0.0.1", 5000), ("127.0.0.1", 8080)
OWNER = Owner(7, "claude", "/srv/alpha", "alpha")


def unwanted(*_: object) -> Owner:
    """A lookup that must not happen."""
    pytest.fail("it was looked up")


def facts(callers: Callers, *, user: str = "", identify: bool = False) -> Facts:
    """What is known of one call."""

    async def call() -> Facts:
        wanted = ProcessPolicy.ON if identify else ProcessPolicy.OFF
        policy = Policy(identify_processes=wanted)
        found = callers.facts("c1", CLIENT, SERVER, user=user, port="8080", policy=policy)
        try:
            return found if isinstance(found, Facts) else await found
        finally:
            callers.close()

    return asyncio.run(call())


def test_a_call_has_its_program_and_folder_where_they_are_asked_for():
    """And the listening port, and who the proxy was opened for, always."""
    callers = Callers(Facts(), find=lambda *_: OWNER)
    callers.greeted("c1", "alpha")
    assert facts(callers, user="late", identify=True) == Facts(
        proxy_user="alpha",
        port="8080",
        process="claude",
        pid="7",
        cwd="/srv/alpha",
        project="alpha",
    )


def test_a_call_that_nobody_asks_about_is_not_looked_up():
    """Nor one of a proxy that was started for one program."""
    assert facts(Callers(Facts(), find=unwanted)) == Facts(port="8080")
    given = Facts(proxy_user="sweep", program="python", cwd="/work")
    found = facts(Callers(given, find=unwanted), identify=True)
    assert (found.proxy_user, found.cwd, found.process) == ("sweep", "/work", "")
    assert facts(Callers(given), user="other").proxy_user == "other"


def test_a_connection_is_looked_up_once():
    """Many calls at once on it ask the same question."""
    asked = []

    def find(*addresses: object) -> Owner:
        asked.append(addresses)
        return OWNER

    async def calls() -> list[Owner | None]:
        callers = Callers(Facts(), find=find)
        found = await asyncio.gather(*(callers.of("c1", CLIENT, SERVER) for _ in range(9)))
        callers.gone("c1")
        found.append(await callers.of("c1", CLIENT, SERVER))
        callers.close()
        return found

    assert asyncio.run(calls()) == [OWNER] * 10
    assert asked == [(CLIENT, SERVER)] * 2


def test_a_lookup_that_hangs_or_fails_is_nobody(monkeypatch):
    """The call goes on; the loop was never blocked."""
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.05)
    gate = threading.Event()

    def find(client: object, _server: object) -> Owner:
        if client == CLIENT:
            gate.wait(300)
        raise OSError("no")

    async def calls() -> list[Owner | None]:
        callers = Callers(Facts(), find=find)
        hung = await callers.of("c1", CLIENT, SERVER)
        gate.set()
        failed = await callers.of("c2", ("127.0.0.1", 5001), SERVER)
        callers.close()
        return [hung, failed]

    assert asyncio.run(calls()) == [None, None]


def test_a_client_elsewhere_is_not_looked_up():
    """It has no process here."""

    async def call() -> Owner | None:
        callers = Callers(Facts(), find=unwanted)
        found = await callers.of("c1", ("192.0.2.1", 5000), SERVER)
        callers.close()
        return found

    assert asyncio.run(call()) is None


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        (Policy(), False),
        (Policy(budgets=(Budget("b", 1, per=("model",)),)), False),
        (Policy(budgets=(Budget("b", 1, per=("project",)),)), True),
        (Policy(budgets=(Budget("b", 1, match={"client": ("claude",)}),)), True),
        (Policy(budgets=(Budget("b", 1, allow=({"cwd": ("/ci/*",)},)),)), True),
        (Policy(breakers=BreakerRules(errors=ErrorRule())), False),
        (Policy(breakers=BreakerRules(parallel=ParallelRule())), True),
        (Policy(identify_processes=ProcessPolicy.ON), True),
        (
            Policy(
                identify_processes=ProcessPolicy.OFF,
                budgets=(Budget("b", 1, per=("project",)),),
            ),
            False,
        ),
    ],
    ids=["none", "other", "per", "match", "allow", "other breaker", "breaker", "on", "off"],
)
def test_nobody_is_looked_up_for_nothing(policy, wanted):
    """It costs milliseconds per connection, which only some configs need."""
    assert are_wanted(policy) is wanted
