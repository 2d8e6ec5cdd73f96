"""Rate limits are told as rate limits, in each provider's own words; nothing else is."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from llmcap.replies import DIALECTS, refusal_for, refuse
from llmcap.words.records import Balance, Budget, CapUnit, Deny, Scope

NOW = datetime(2026, 11, 21, 12, 0, 12, tzinfo=UTC)


def deny(
    unit: CapUnit = CapUnit.REQUESTS, *, seconds: int = 48, needed: int = 1, **balance
) -> Deny:
    """A budget of 60 in a minute that has nothing left."""
    budget = Budget("rpm", 60, unit, every="minute")
    scope = Scope(budget, "", NOW, NOW + timedelta(seconds=seconds))
    return Deny(scope, Balance(**{"spent": 60, **balance}), needed)


def reply(dialect: str, denied: Deny, *, agent: str = "", status: str = "auto"):
    """The reply, and its body."""
    found = refuse(refusal_for(denied, now=NOW), dialect=dialect, user_agent=agent, status=status)
    return found, json.loads(found.body)


def test_openai_gets_its_own_headers_and_code():
    """As https://developers.openai.com/api/docs/guides/rate-limits has them."""
    found, body = reply("openai", deny())
    assert found.status == 429
    assert found.headers["retry-after"] == "48"
    assert found.headers["x-should-retry"] == "true"
    assert found.headers["x-ratelimit-limit-requests"] == "60"
    assert found.headers["x-ratelimit-remaining-requests"] == "0"
    assert found.headers["x-ratelimit-reset-requests"] == "48s"
    assert (body["error"]["type"], body["error"]["code"]) == ("requests", "rate_limit_exceeded")
    assert "try again in 48 s." in body["error"]["message"]
    _, tokens = reply("azure", deny(CapUnit.TOKENS))
    assert tokens["error"]["type"] == "tokens"


def test_anthropic_gets_its_own_headers_and_no_spend_limit():
    """As https://platform.claude.com/docs/en/api/rate-limits has them."""
    found, body = reply("anthropic", deny(CapUnit.TOKENS, spent=50, held=10))
    assert found.headers["anthropic-ratelimit-tokens-limit"] == "60"
    assert found.headers["anthropic-ratelimit-tokens-remaining"] == "10"
    assert found.headers["anthropic-ratelimit-tokens-reset"] == "2026-11-21T12:01:00Z"
    assert body["error"]["type"] == "rate_limit_error"
    assert "details" not in body["error"]


def test_google_gets_a_retry_info_and_no_quota_of_the_day():
    """Which Gemini CLI would take as final."""
    _, body = reply("google", deny())
    kinds = {each["@type"].rsplit(".", 1)[-1]: each for each in body["error"]["details"]}
    assert set(kinds) == {"ErrorInfo", "RetryInfo"}
    assert kinds["RetryInfo"]["retryDelay"] == "48s"


def test_bedrock_is_throttled():
    """The exception that botocore tries again."""
    found, _ = reply("bedrock", deny())
    assert (found.status, found.headers["x-amzn-errortype"]) == (429, "ThrottlingException")


@pytest.mark.parametrize("dialect", sorted(DIALECTS.keys() - {"grpc"}))
def test_every_dialect_names_the_time_to_wait(dialect):
    """And still the figures, and the budget."""
    found, body = reply(dialect, deny(), agent="opencode/1.0")
    assert (found.status, found.headers["retry-after"]) == (429, "48")
    assert found.headers["x-llmcap-budget"] == "rpm"
    assert "try again in 48 s." in json.dumps(body)


def test_calls_in_flight_are_worth_a_second():
    """Nobody knows when one ends; soon."""
    found, body = reply("openai", deny(CapUnit.CONCURRENT, spent=0, held=60))
    assert found.headers["retry-after"] == "1"
    assert body["error"]["type"] == "requests"


@pytest.mark.parametrize(
    "denied",
    [
        deny(CapUnit.USD),
        deny(seconds=3600),
        deny(needed=61),
        deny(paused=True),
        Deny(Scope(Budget("r", 60, CapUnit.REQUESTS), "", NOW, None), Balance(spent=60), 1),
    ],
    ids=["money", "an hour", "never fits", "paused", "no reset"],
)
def test_what_a_moment_does_not_cure_is_no_rate_limit(denied):
    """A program must not sleep for it, and try again, and again."""
    found, _ = reply("openai", denied)
    assert "retry-after" not in found.headers
    assert found.headers["x-should-retry"] == "false"


def test_a_status_that_the_user_wants_is_kept():
    """Who sets 402 means every refusal."""
    found, _ = reply("openai", deny(), status="402")
    assert found.status == 402
    assert "retry-after" not in found.headers


def test_the_end_of_a_cut_stream_is_no_rate_limit():
    """Its answer has begun; to try again would pay for it twice."""
    assert refusal_for(deny(), now=NOW, cut=True).retry_after is None


def test_the_wait_is_rounded_up_and_never_nothing():
    """A client that comes back too early would be refused again."""
    assert refusal_for(deny(seconds=0), now=NOW).retry_after == 1
    late = NOW + timedelta(milliseconds=100)
    assert refusal_for(deny(seconds=2), now=late).retry_after == 2
