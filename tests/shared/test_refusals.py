"""Who asks again after a refusal is told what ends it; who could not know of it is not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from walk import chat, walk

from llmcap.providers.parts.shape import Request
from llmcap.replies import Refusal
from llmcap.shared.refusals import CLIENTS_MAX, REQUESTS_MAX, Refusals
from llmcap.walk.attributes import Facts
from llmcap.walk.flight import CallInFlight
from llmcap.words.arrival import Arrival
from llmcap.words.records import Call

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
CAP = Refusal("cap_reached", "stop", budget="cap", cap=5, needed=3)


def asked(
    text: str = "hello", *, by: str = "one", agent: str = "", since: datetime = NOW, turn=True
) -> Request:
    """A request over a connection, from a program."""
    request = chat(text, headers={"user-agent": agent})
    request.arrival = Arrival(by, in_turn=turn, since=since)
    return request


def called(**attributes: str) -> Call:
    """The call of it."""
    return Call("id", NOW, "openai", "chat", "gpt-4o-mini", attributes)


def test_calls_that_are_refused_together_all_get_the_first() -> None:
    """A fan-out of a busy program: thirty-two connections, opened before anybody was answered."""
    refusals = Refusals(b"s")
    for number in range(32):
        late = timedelta(milliseconds=10 * number)
        request = asked("the same", by=f"connection {number}", since=NOW + late)
        # The machine is busy: the last is answered seconds after the first.
        step = refusals.step(CAP, request, called(), now=NOW + late * 20)
        assert step == 1, number


def test_each_of_them_is_told_what_ends_it_when_it_asks_again() -> None:
    """Over the connection that its refusal came through; no clock is needed for that."""
    refusals = Refusals(b"s")
    for step in (1, 2, 3):
        told = [
            refusals.step(CAP, asked("same", by=f"c{number}"), called(), now=NOW)
            for number in range(32)
        ]
        assert told == [step] * 32


def test_streams_of_one_connection_may_be_under_way_together() -> None:
    """HTTP/2: only time tells that one was begun after a refusal."""
    refusals = Refusals(b"s")
    for number in range(8):
        assert refusals.step(CAP, asked(f"{number}", turn=False), called(), now=NOW) == 1
    later = asked("again", turn=False, since=NOW + SECOND)
    assert refusals.step(CAP, later, called(), now=NOW + SECOND) == 2


@pytest.mark.parametrize(
    ("seconds", "text", "step"),
    [(2, "same", 2), (2, "other", 2), (59, "other", 2), (61, "other", 1), (900, "same", 2)],
)
def test_another_request_is_expected_within_a_minute_and_the_same_for_longer(
    seconds: int, text: str, step: int
) -> None:
    """Programs pause up to some minutes between attempts."""
    refusals = Refusals(b"s")
    refusals.step(CAP, asked("same"), called(), now=NOW)
    later = NOW + timedelta(seconds=seconds)
    request = asked(text, by="another connection", since=later)
    assert refusals.step(CAP, request, called(), now=later) == step


@pytest.mark.parametrize(
    "other",
    [
        {"agent": "another/1"},
        {"call": called(key="abc")},
        {"call": called(cwd="/home")},
        {"refusal": replace(CAP, budget="other")},
        {"refusal": replace(CAP, value="acme")},
        {"refusal": replace(CAP, cap=6)},
    ],
    ids=["program", "key", "folder", "budget", "value of a budget", "a cap that was raised"],
)
def test_what_one_was_told_is_nothing_to_another(other) -> None:
    """By client, key, budget and value."""
    refusals = Refusals(b"s")
    refusals.step(CAP, asked(agent="one/1"), called(), now=NOW)
    request = asked(agent=other.get("agent", "one/1"))
    call, refusal = other.get("call", called()), other.get("refusal", CAP)
    assert refusals.step(refusal, request, call, now=NOW + SECOND) == 1
    assert refusals.step(CAP, asked(agent="one/1"), called(), now=NOW + SECOND) == 2


@pytest.mark.parametrize(
    "refusal",
    [replace(CAP, retry_after=20), replace(CAP, passing=True), Refusal("unknown_model", "no")],
    ids=["a rate limit", "money that calls in flight hold", "a request at fault"],
)
def test_what_time_cures_is_never_final(refusal: Refusal) -> None:
    """Nor does it count for what is."""
    refusals = Refusals(b"s")
    for _ in range(5):
        assert refusals.step(refusal, asked(), called(), now=NOW) == 1
    assert len(refusals) == 0


def test_memory_is_bounded_whatever_is_sent() -> None:
    """A thousand clients, and a hundred requests of each."""
    refusals = Refusals(b"s")
    for number in range(CLIENTS_MAX + 50):
        refusals.step(CAP, asked(agent=f"{number}"), called(), now=NOW)
    for number in range(REQUESTS_MAX + 50):
        refusals.step(CAP, asked(f"{number}", agent="x"), called(), now=NOW)
    assert len(refusals) == CLIENTS_MAX
    kept = refusals._clients[next(reversed(refusals._clients))]
    assert [len(each.requests) for each in kept.values()] == [REQUESTS_MAX]


# --- in the walk -------------------------------------------------------------------------------


def test_the_second_refusal_of_a_client_is_the_one_that_ends_it() -> None:
    """429, then 402; another program has its own first."""
    there = walk("0.0000001")
    statuses = [there.admit(chat()).reply.status for _ in range(3)]
    assert statuses == [429, 402, 402]
    assert there.admit(chat(headers={"user-agent": "curl/8"})).reply.status == 429


def test_who_comes_back_after_a_raise_is_served_and_forgotten() -> None:
    """The rule never outlives its cause: the next refusal is a first one again."""
    there = walk("0.001")
    large = {"max_tokens": 4_000, "messages": [{"role": "user", "content": "x" * 4_000}]}
    request = chat(n=1, **large)
    policy = replace(there.firewall.policy, clamp=False)
    there.firewall.adopt(policy, there.firewall.shared.prices)
    assert [there.admit(request).reply.status for _ in range(2)] == [429, 402]
    budgets = (replace(policy.budgets[0], cap=10**9),)
    there.firewall.adopt(replace(policy, budgets=budgets), there.firewall.shared.prices)
    assert isinstance(there.admit(request), CallInFlight)
    there.firewall.adopt(policy, there.firewall.shared.prices)
    assert there.admit(request).reply.status == 429


def test_a_small_call_that_still_fits_does_not_excuse_the_large_one_that_does_not() -> None:
    """A program asks for a title, is served, and sends its refused request again."""
    there = walk("0.001", clamp=False)
    large = chat("x", max_tokens=8_000)
    assert [there.admit(large).reply.status for _ in range(2)] == [429, 402]
    assert isinstance(there.admit(chat("title", max_tokens=10)), CallInFlight)
    assert there.admit(large).reply.status == 402
    other = chat("y", max_tokens=8_000)
    assert there.admit(other).reply.status == 402  # within a minute of the last


def test_a_rate_limit_stays_one_however_often_it_is_met() -> None:
    """A budget of requests per minute tells when to come back, each time."""
    there = walk("2 requests/minute", wait_seconds=Decimal(0))
    for _ in range(2):
        there.admit(chat(max_tokens=5))
    statuses = {there.admit(chat(max_tokens=5), Facts()).reply.status for _ in range(4)}
    assert statuses == {429}
