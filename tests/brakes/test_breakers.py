"""Loops, fan-outs, fires and broken providers are stopped; a busy session is not."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmcap.brakes.breakers import Breakers, Outcome, State
from llmcap.brakes.watches import VALUES_MAX
from llmcap.config.guards import all_breakers
from llmcap.words.records import Call
from llmcap.words.rules import (
    BreakerKind,
    BreakerRules,
    BurnRule,
    ErrorRule,
    LatencyRule,
    ParallelRule,
    RepeatRule,
)

USD = 10**9
SECOND = timedelta(seconds=1)
START = datetime(2026, 11, 21, 12, tzinfo=UTC)
GOOD = Outcome(failed=False, waited=SECOND, cost_nanos=10_000_000)
BAD = Outcome(failed=True, waited=None, cost_nanos=0)


class Session:
    """A clock and calls through breakers, as the walk makes them."""

    def __init__(self, rules: BreakerRules) -> None:
        self.breakers = Breakers(rules)
        self.now = START
        self.calls = 0

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def call(self, **attributes: str) -> Call:
        """One more call, not yet asked about."""
        self.calls += 1
        provider = attributes.get("provider", "openai")
        attributes.setdefault("provider", provider)
        return Call(str(self.calls), self.now, provider, "chat", "m", attributes)

    def ask(self, call: Call, body: str = "") -> bool:
        """Whether it may go."""
        return self.breakers.ask(call, self.now, fingerprint=body or call.id) is None

    def end(self, call: Call, outcome: Outcome = GOOD, body: str = ""):
        """It has ended."""
        return self.breakers.ended(call, outcome, self.now, fingerprint=body or call.id)

    def whole(self, outcome: Outcome = GOOD, body: str = "", **attributes: str) -> bool:
        """A call from beginning to end, if it may go."""
        call = self.call(**attributes)
        if not self.ask(call, body):
            return False
        self.end(call, outcome, body)
        return True

    def states(self):
        """Those that are not closed: kind, value, state."""
        return [(trip.kind, trip.value, state) for trip, state in self.breakers.states(self.now)]


# --- repeats ----------------------------------------------------------------------------------


@given(st.integers(1, 200), st.floats(0, 5))
@settings(max_examples=60, deadline=None)
def test_a_loop_that_sends_the_same_request_1000_times_is_stopped(bound, pause):
    """However fast it goes: as many go as the rule says, within the time that it says."""
    session = Session(BreakerRules(repeats=RepeatRule(calls=bound)))
    went = []
    for _ in range(1000):
        if session.whole(body="same"):
            went.append(session.now)
        session.wait(pause)
    within = timedelta(seconds=float(RepeatRule().within_seconds))
    for number, at in enumerate(went):
        assert sum(1 for other in went[number:] if other < at + within) <= bound
    if pause * (bound + 1) < within.total_seconds():
        assert len(went) < 1000


def test_a_tight_loop_gets_exactly_the_bound():
    """The next request is refused, with its reason; another request is not."""
    session = Session(BreakerRules(repeats=RepeatRule(calls=100)))
    assert [session.whole(body="same") for _ in range(1000)] == [True] * 100 + [False] * 900
    trip = session.breakers.ask(session.call(), session.now, fingerprint="same")
    assert trip is not None
    assert trip.why == "the same request came more than 100 times"
    assert session.whole(body="another")


def test_a_loop_that_never_pauses_stays_stopped():
    """Its refused attempts count too."""
    session = Session(BreakerRules(repeats=RepeatRule(calls=10, within_seconds=Decimal(60))))
    went = 0
    for _ in range(1000):
        went += session.whole(body="same")
        session.wait(5)
    assert went == 10


def test_a_loop_that_paused_may_try_again():
    """One call goes; where it ends well, the breaker is closed and counts anew."""
    session = Session(BreakerRules(repeats=RepeatRule(calls=3, within_seconds=Decimal(60))))
    for _ in range(5):
        session.whole(body="same")
    session.wait(61)
    assert session.states()[0][2] is State.HALF_OPEN
    assert [session.whole(body="same") for _ in range(5)] == [True] * 4 + [False]


def test_projects_do_not_share_a_loop():
    """What one project repeats stops nobody else."""
    session = Session(BreakerRules(repeats=RepeatRule(calls=3)))
    for _ in range(9):
        session.whole(body="same", project="alpha")
    assert not session.whole(body="same", project="alpha")
    assert session.whole(body="same", project="beta")


# --- parallel ---------------------------------------------------------------------------------


@given(st.integers(1, 150), st.integers())
@settings(max_examples=60, deadline=None)
def test_200_parallel_calls_are_stopped_at_the_bound(bound: int, seed: int):
    """Whatever comes and goes, never more than the bound is in flight."""
    chance = random.Random(seed)
    session = Session(BreakerRules(parallel=ParallelRule(calls=bound)))
    in_flight: list[Call] = []
    for _ in range(200):
        call = session.call()
        if session.ask(call):
            in_flight.append(call)
        assert len(in_flight) <= bound
        if in_flight and chance.random() < 0.1:
            session.end(in_flight.pop(chance.randrange(len(in_flight))))
        session.wait(0.01)


def test_a_fan_out_opens_the_breaker_for_a_while():
    """The excess is not just queued: an agent that runs away gets a stop it must notice."""
    session = Session(BreakerRules(parallel=ParallelRule(calls=50, open_seconds=Decimal(30))))
    calls = [session.call() for _ in range(200)]
    went = [call for call in calls if session.ask(call)]
    assert len(went) == 50
    for call in went:
        session.end(call)
    assert not session.whole()
    session.wait(30)
    assert session.whole()
    assert session.states() == []


def test_a_call_that_never_went_is_not_in_flight():
    """Refused by its budget after the breakers let it go."""
    session = Session(BreakerRules(parallel=ParallelRule(calls=1)))
    call = session.call()
    assert session.ask(call)
    session.breakers.forget(call)
    assert session.ask(session.call())


# --- errors and latency -----------------------------------------------------------------------


def test_a_failing_provider_is_left_alone_and_then_tried_once():
    """Half open, one call goes at a time; a bad end keeps it open, a good one closes it."""
    session = Session(BreakerRules(errors=ErrorRule(calls=10, open_seconds=Decimal(30))))
    assert sum(session.whole(BAD) for _ in range(40)) == 10
    assert session.whole(provider="anthropic")
    session.wait(30)
    first, second = session.call(), session.call()
    assert session.ask(first)
    assert not session.ask(second)
    session.end(first, BAD)
    assert not session.whole()
    session.wait(30)
    assert session.whole()
    assert session.whole()


def test_failures_below_the_share_or_too_few_open_nothing():
    """A provider may fail now and then."""
    session = Session(BreakerRules(errors=ErrorRule(calls=20, percent=50)))
    assert all(session.whole(BAD) for _ in range(19))
    session = Session(BreakerRules(errors=ErrorRule(calls=20, percent=50)))
    assert all(session.whole(BAD if number % 5 == 0 else GOOD) for number in range(400))


def test_failures_long_ago_are_forgotten():
    """Twenty failures in a day are no outage."""
    session = Session(BreakerRules(errors=ErrorRule(calls=5, within_seconds=Decimal(60))))
    for _ in range(50):
        assert session.whole(BAD)
        session.wait(20)


def test_slow_answers_open_the_latency_breaker():
    """Its reason says how slow is too slow."""
    session = Session(BreakerRules(latency=LatencyRule(calls=4, above_seconds=Decimal(10))))
    slow = Outcome(failed=False, waited=11 * SECOND, cost_nanos=1)
    calls = [session.call() for _ in range(4)]
    assert all(session.ask(call) for call in calls)
    trips = [trip for call in calls for trip in session.end(call, slow)]
    assert [trip.why for trip in trips] == [
        "4 of the last 4 calls waited more than 10 s for their answer"
    ]
    assert trips[0].new
    assert not session.whole()


# --- burn -------------------------------------------------------------------------------------


def test_money_that_goes_faster_than_allowed_stops():
    """An absolute bound needs no history."""
    session = Session(BreakerRules(burn=BurnRule(above_nanos=5 * USD)))
    dollar = Outcome(failed=False, waited=SECOND, cost_nanos=USD)
    assert sum(session.whole(dollar) for _ in range(50)) == 6


def test_money_that_goes_much_faster_than_usual_stops():
    """Ten minutes of some dimes, and then dollars."""
    session = Session(BreakerRules(burn=BurnRule(times=10, least_nanos=USD)))
    dime = Outcome(failed=False, waited=SECOND, cost_nanos=USD // 10)
    for _ in range(10):
        assert session.whole(dime)
        assert session.whole(dime)
        session.wait(60)
    dollar = Outcome(failed=False, waited=SECOND, cost_nanos=USD)
    assert sum(session.whole(dollar) for _ in range(50)) == 3
    session.wait(60)
    assert sum(session.whole(dollar) for _ in range(50)) == 3, "the usual minute is still known"


def test_the_first_minutes_have_no_usual_to_pass():
    """A session that begins busy is not one that runs away."""
    session = Session(BreakerRules(burn=BurnRule()))
    dollar = Outcome(failed=False, waited=SECOND, cost_nanos=USD)
    assert all(session.whole(dollar) for _ in range(50))


# --- all together -----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_a_normal_busy_session_trips_nothing(seed: int):
    """An hour of eight agents: parallel turns, retries, failures, slow calls and dear ones."""
    chance = random.Random(seed)
    session = Session(all_breakers())
    in_flight: list[tuple[Call, str]] = []
    for turn in range(1200):
        body = f"turn {turn}" if chance.random() > 0.1 else f"turn {max(turn - 1, 0)}"
        call = session.call(project="alpha")
        assert session.ask(call, body), session.breakers.states(session.now)
        in_flight.append((call, body))
        while in_flight and (len(in_flight) > 8 or chance.random() < 0.4):
            ended, its_body = in_flight.pop(chance.randrange(len(in_flight)))
            outcome = Outcome(
                failed=chance.random() < 0.1,
                waited=chance.uniform(0.3, 90) * SECOND,
                cost_nanos=chance.randrange(USD // 50),
            )
            assert session.end(ended, outcome, its_body) == []
        session.wait(chance.uniform(0, 6))
    assert session.states() == []


def test_breakers_that_are_off_let_everything_go():
    """The default."""
    session = Session(BreakerRules())
    assert not session.breakers
    assert not session.breakers.wants_hash
    assert all(session.whole(BAD, body="same") for _ in range(2000))


def test_memory_is_bounded():
    """However many requests differ; an open one is kept while closed ones can go."""
    session = Session(BreakerRules(repeats=RepeatRule(calls=1)))
    for _ in range(2):
        session.whole(body="loop")
    for _ in range(VALUES_MAX * 2):
        session.whole()
    (watch,) = session.breakers._watches.values()
    assert len(watch.circuits) <= VALUES_MAX
    assert not session.ask(session.call(), "loop")


@pytest.mark.parametrize(
    ("kind", "value", "closed"),
    [
        (None, None, 2),
        (BreakerKind.ERRORS, None, 2),
        (BreakerKind.ERRORS, "openai", 1),
        (BreakerKind.BURN, None, 0),
    ],
    ids=["all", "kind", "value", "other"],
)
def test_a_breaker_can_be_closed_by_hand(kind, value, closed):
    """Those that are meant, and no others."""
    session = Session(BreakerRules(errors=ErrorRule(calls=2)))
    for provider in ("openai", "anthropic"):
        for _ in range(3):
            session.whole(BAD, provider=provider)
    assert len(session.states()) == 2
    assert session.breakers.close(kind, value) == closed
    assert len(session.states()) == 2 - closed
