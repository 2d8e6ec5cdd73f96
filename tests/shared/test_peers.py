"""Workers of one proxy know what the others told and saw."""

from datetime import timedelta

import pytest
from walk import FakeClock, chat, walk

from llmcap.brakes.breakers import Outcome
from llmcap.shared.peers import Peers
from llmcap.walk.answers import Refused
from llmcap.words.records import BreakerRules, Call
from llmcap.words.rules import ParallelRule, RepeatRule


class Office:
    """A line between any number, in one process."""

    def __init__(self) -> None:
        self.boxes: list[list[bytes]] = []

    def line(self) -> "Desk":
        """One more end of it."""
        self.boxes.append([])
        return Desk(self, len(self.boxes) - 1)

    def replaced(self, number: int) -> "Desk":
        """The end of one that takes another's place."""
        return Desk(self, number)


class Desk:
    """One end."""

    def __init__(self, office: Office, number: int) -> None:
        self.number = number
        self._office = office

    def send(self, message: bytes) -> None:
        """To all others."""
        for number, box in enumerate(self._office.boxes):
            if number != self.number:
                box.append(message)

    def received(self) -> list[bytes]:
        """All that has come."""
        box = self._office.boxes[self.number]
        found, box[:] = list(box), []
        return found


@pytest.fixture
def office():
    """Where the workers of a proxy meet."""
    return Office()


def worker(office, cap="0", **policy):
    """A walk that is one of several."""
    there = walk(cap, **policy)
    there.firewall.shared.peers.join(office.line())
    return there


def status(there, request):
    """How it refuses a call."""
    verdict = there.admit(request)
    assert isinstance(verdict, Refused)
    return verdict.reply.status


def test_one_that_is_no_worker_says_nothing():
    """And hears nothing: most proxies are one process."""
    peers = Peers()
    peers.say("refused", object())  # which could not be said
    peers.catch_up()
    assert not peers


def test_a_client_that_asks_another_worker_again_is_known(office):
    """Also what it was told there is known here, until it is served, by whichever."""
    here, there = worker(office), worker(office)
    assert status(here, chat()) == 429
    assert status(there, chat()) == 402
    raised = worker(office, cap="1")
    assert status(here, chat()) == 402
    raised.firewall.shared.peers.catch_up()
    raised.admit(chat())
    for each in (here, there):
        each.firewall.shared.peers.catch_up()
        assert len(each.firewall.shared.refusals) == 0


def test_what_another_worker_made_is_no_unknown_context(office):
    """A call that continues it is held at what it is, and not at the window of its model."""
    here, there = worker(office), worker(office)
    here.firewall.shared.remember("openai", "resp_1", 42)
    there.firewall.shared.peers.catch_up()
    assert there.firewall.shared.lineage.tokens("openai", "resp_1") == 42


def call(number: int, clock: FakeClock) -> Call:
    """A call under way."""
    return Call(str(number), clock(), "openai", "chat", "gpt-4o-mini")


def guards(office, **rules):
    """The guards of two workers."""
    policy = {"breakers": BreakerRules(**rules)}
    pair = [worker(office, "1", **policy) for _ in range(2)]
    return [(each.firewall.guard, each.clock) for each in pair]


def test_breakers_measure_the_calls_of_all_workers(office):
    """Two here and two there are four; one that ended is none."""
    (here, clock), (there, _) = guards(office, parallel=ParallelRule(calls=2))
    assert here.ask(call(1, clock), "") is None
    assert there.ask(call(2, clock), "") is None
    assert here.ask(call(3, clock), "") is not None
    here.ended(call(1, clock), Outcome(failed=False, waited=timedelta(0), cost_nanos=1), "")
    here.breakers.close()
    there.breakers.close()
    assert there.ask(call(4, clock), "") is None


def test_the_same_request_over_and_over_is_seen_through_two_workers(office):
    """A loop that changes the worker each time is one."""
    (here, clock), (there, _) = guards(office, repeats=RepeatRule(calls=3))
    found = [
        (here, there)[number % 2].ask(call(number, clock), "same") is None for number in range(6)
    ]
    assert found == [True] * 3 + [False] * 3


def test_calls_of_a_worker_that_died_are_in_flight_no_more(office):
    """Who takes its place says so; else its calls would fill a breaker for ever."""
    (here, clock), (there, _) = guards(office, parallel=ParallelRule(calls=1))
    assert here.ask(call(1, clock), "") is None
    Peers().join(office.replaced(0))
    assert there.ask(call(2, clock), "") is None


def test_a_call_that_did_not_go_after_all_is_forgotten_everywhere(office):
    """It was held back, or its client left."""
    (here, clock), (there, _) = guards(office, parallel=ParallelRule(calls=1))
    assert here.ask(call(1, clock), "") is None
    here.forget(call(1, clock), "")
    assert there.ask(call(2, clock), "") is None
