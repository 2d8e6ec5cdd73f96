"""Promise: a rehearsal says what the proxy does, by doing the same."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from walk import BOOK, chat, completion, post, walk

from llmcap.audit.recordings import Recording
from llmcap.budgets.budget import parse_short
from llmcap.providers.parts.shape import Request
from llmcap.rehearsal import Rehearsed, Stage, Verdict
from llmcap.walk.answers import Refused
from llmcap.walk.flight import CallInFlight
from llmcap.words.records import Budget, Policy

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DEFAULT = {"service_tier": "default"}


def stage(*caps: str, **policy) -> Stage:
    """A stage with these caps."""
    budgets = tuple(parse_short(cap, name=f"cap{number}") for number, cap in enumerate(caps))
    return Stage(BOOK, replace(Policy(budgets=budgets), **policy), now=NOW)


def recorded(request: Request, body: bytes, *, status: int = 200) -> Recording:
    """An exchange with a JSON answer."""
    return Recording("x", request, status, {"content-type": "application/json"}, body, NOW)


@pytest.mark.parametrize(
    "request_",
    [
        chat("hello", max_tokens=100),
        chat("hello"),
        chat("hello " * 1_000, n=3, max_completion_tokens=50, **DEFAULT),
        chat("hello", some_new_field={"a": 1}),
        chat("hello", tools=[{"type": "function", "function": {"name": "f"}}]),
        post("/v1/responses", {"model": "gpt-5", "input": "x", "previous_response_id": "resp_9"}),
        post("/v1/embeddings", {"model": "text-embedding-3-small", "input": ["a", "b"]}),
        post("/v1/images/generations", {"model": "gpt-image-1", "prompt": "a cat", "n": 2}),
        chat("hello", model="no-such-model"),
        post("/v1/no/such/path", {"model": "gpt-5"}),
    ],
    ids=lambda request: request.path,
)
@pytest.mark.parametrize("cap", ["1000", "0.01", "0.0001"])
def test_it_decides_and_holds_as_the_walk_does(request_: Request, cap: str) -> None:
    """The same verdict, the same hold, the same reason, whatever the cap."""
    found = stage(cap).request(request_, NOW)
    live = walk(cap).admit(request_)
    if isinstance(live, Refused):
        assert (found.verdict, found.reason) == (Verdict.REFUSED, live.refusal.reason)
        assert found.held_nanos is None
        return
    assert isinstance(live, CallInFlight)
    assert found.verdict is (Verdict.CLAMPED if live.clamped else Verdict.ADMITTED)
    assert found.held_nanos == live.held.hold.held_nanos
    assert 0 <= found.held_nanos - sum(part.nanos for part in found.parts) < 1


def test_a_clamp_says_what_it_left() -> None:
    """The output part is what the budget can carry, and says so."""
    found = stage("0.001").request(chat("hello", max_tokens=16_000), NOW)
    assert found.verdict is Verdict.CLAMPED
    assert found.output_limit
    assert f"{found.output_limit:,} tokens of 16,000" in found.message
    output = found.parts[-1]
    assert (output.what, output.by) == ("output", "what the budgets have left")
    assert output.most <= found.output_limit


def test_fewer_calls_of_tools_are_a_clamp_too() -> None:
    """The parts are those of the request that would be sent."""
    search = post(
        "/v1/responses",
        {
            "model": "gpt-5",
            "input": "x",
            "max_output_tokens": 500,
            "tools": [{"type": "web_search"}],
        },
    )
    whole, lower = stage("1000").request(search, NOW), stage("0.4").request(search, NOW)
    assert (lower.verdict, lower.reason) == (Verdict.CLAMPED, "tool_calls")
    assert lower.output_limit is None
    searches = [part.most for each in (whole, lower) for part in each.parts
                if part.what == "web_search"]  # fmt: skip
    assert searches[0] > searches[1] > 0
    assert 0 <= (lower.held_nanos or 0) - sum(part.nanos for part in lower.parts) < 1


def test_what_one_exchange_spent_is_gone_for_the_next() -> None:
    """Budgets count the recorded costs, and refuse when they are used up."""
    played = stage("0.01")
    request = chat("hello", max_tokens=1_000, **DEFAULT)
    answer = recorded(request, completion(10, 1_000))
    verdicts = [played.recorded(answer, NOW).verdict for _ in range(30)]
    assert verdicts[0] is Verdict.ADMITTED
    last = played.recorded(answer, NOW)
    assert (last.verdict, last.reason) == (Verdict.REFUSED, "cap_reached")
    assert last.parts, "what it would have needed"
    spent = [each.settled_nanos for each in (played.recorded(answer, NOW),)]
    assert spent == [None]


def test_a_request_that_is_only_asked_about_spends_nothing() -> None:
    """However often: what was held is given back."""
    played = stage("0.01")
    request = chat("hello", max_tokens=5_000, **DEFAULT)
    found = {played.request(request, NOW) for _ in range(20)}
    assert len(found) == 1
    assert found.pop().verdict is Verdict.ADMITTED


def test_each_exchange_counts_in_the_window_of_its_time() -> None:
    """A day later there is money again, also where the later one comes first."""
    budget = Budget(name="day", cap=700_000, every="day")
    request = chat("hello", max_tokens=1_000, **DEFAULT)
    answer = recorded(request, completion(10, 1_000))
    played = stage(clamp=False, budgets=(budget,))
    tomorrow = NOW + timedelta(days=1)
    verdicts = [played.recorded(answer, at).verdict for at in (tomorrow, NOW, NOW, tomorrow)]
    admitted, refused = Verdict.ADMITTED, Verdict.REFUSED
    assert verdicts == [admitted, admitted, refused, refused]


def test_a_conversation_is_known_to_what_continues_it() -> None:
    """As live: the size of what was answered bounds what is read again."""
    first = post("/v1/responses", {"model": "gpt-5", "input": "x", "max_output_tokens": 100})
    second = post(
        "/v1/responses",
        {"model": "gpt-5", "input": "y", "previous_response_id": "resp_1", "max_output_tokens": 9},
    )
    answer = {
        "id": "resp_1", "object": "response", "status": "completed", "model": "gpt-5",
        "output": [], "usage": {"input_tokens": 50, "output_tokens": 20},
    }  # fmt: skip
    played = stage()
    unknown = played.request(second, NOW)
    played.recorded(recorded(first, json.dumps(answer).encode()), NOW)
    known = played.request(second, NOW)
    assert any(part.unbounded for part in unknown.parts)
    assert not any(part.unbounded for part in known.parts)
    assert known.held_nanos < unknown.held_nanos


def test_an_unread_field_is_told_and_said_in_the_parts() -> None:
    """Whoever tests a bound sees why it is so high."""
    found = stage().request(chat("hello", some_new_field=["x"]), NOW)
    assert any("some_new_field" in text for text in found.told)
    assert any("some_new_field" in part.unbounded for part in found.parts)


def test_hosts_that_are_not_metered_are_refused_as_their_policy_says() -> None:
    """A connection to them is refused before anything is read."""
    request = post("/run", {"x": 1}, host="fal.run")
    found = stage().request(request, NOW)
    assert (found.verdict, found.reason) == (Verdict.REFUSED, "unmetered_host")


def test_an_answer_that_cannot_be_metered_costs_all_that_was_held(monkeypatch) -> None:
    """As in the proxy: the answer passes, and the mistake is told."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a mistake")

    monkeypatch.setattr("llmcap.walk.flight.Meter", broken)
    found = stage("1").recorded(recorded(chat("hello", max_tokens=10), b"{}"), NOW)
    assert found.settled_nanos == found.held_nanos
    assert any("a mistake" in text for text in found.told)


def test_nothing_of_it_is_a_float() -> None:
    """Money is decimal text in JSON, to the last digit of every part."""
    document = stage().request(chat("hello", max_tokens=10), NOW).document()
    assert isinstance(document["held_usd"], str)
    parts = [Decimal(part["usd"]) for part in document["held"]]
    assert 0 <= Decimal(document["held_usd"]) - sum(parts) < Decimal("1e-9")
    assert set(document) >= {"held_usd", "held", "verdict", "reason"}


def test_a_pass_holds_nothing() -> None:
    """What is free, and what is nobody's."""
    played = stage()
    free = Request(method="GET", host="api.openai.com", path="/v1/models")
    other = Request(method="GET", host="example.com", path="/")
    assert played.request(free, NOW) == Rehearsed(Verdict.PASSED, "free")
    assert played.request(other, NOW) == Rehearsed(Verdict.PASSED, "no provider")
