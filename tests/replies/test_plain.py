"""A final refusal says all that it has to, and nothing that is taken for a passing failure."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmcap.replies import DIALECTS, Refusal, refusal_for, refuse
from llmcap.replies.clients import CLIENTS
from llmcap.replies.plain import PASSING, broken, plain
from llmcap.words.records import Balance, Budget, CapUnit, Deny, Scope

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
USD = 10**9

# What programs were seen to look for, each in its own words: not what `PASSING` is made of.
LOOKED_FOR = (
    "429", "500", "502", "503", "504", "529", "rate limit", "rate_limit", "ratelimit", "quota",
    "overloaded", "too many requests", "timeout", "timed out", "exhausted", "throttl",
    "unavailable", "capacity", "server error", "internal error", "try again", "temporar", "retry",
    "connection error", "fetch failed", "terminated", "retrying", "limit exceeded", "aborted",
    # browser-use 0.13 (`llm/google/chat.py`), Deep Agents 0.7 (its harness for Nemotron),
    # gpt-researcher 0.16 (`utils/tools.py`), Swarms 16 (`cli/main.py`), DeepEval 4.3
    # (`models/retry_policy.py`), fast-agent 0.10 (`llm/fastagent_llm.py`), Qwen Code 0.24.
    "rate-limit", "resource exhausted", "quota exceeded", "insufficient quota",
    "service unavailable", "internal server error", "bad gateway", "requestquotaexceeded", "408",
)  # fmt: skip

hostile = st.lists(
    st.sampled_from((*LOOKED_FOR, "team", "-", "_", " ", "4", "2", "9", "Rate\u00b7Limit", "QUOTA"))
    | st.text(max_size=4),
    max_size=6,
).map("".join)
amounts = st.integers(0, 10**13) | st.sampled_from(
    [429, 4_290_000, 429 * USD, 500 * USD, 1500 * USD, 5_029_000_000, 4_290 * USD, 503_000]
)


@given(
    dialect=st.sampled_from(sorted(DIALECTS.keys() - {"grpc"})),
    name=hostile,
    value=hostile,
    spent=amounts,
    cap=amounts,
    needed=amounts,
    unit=st.sampled_from([CapUnit.USD, CapUnit.TOKENS, CapUnit.REQUESTS]),
    said=st.sampled_from([("auto", 2), ("auto", 3), ("402", 1), ("401", 1), ("400", 2)]),
    minutes=st.integers(2, 60_000),
)
@example("openai", "429 rate limit", "quota", 4_290_000, 5 * USD, 0, CapUnit.USD, ("auto", 2), 9)
def test_no_final_body_has_what_a_client_waits_for(
    dialect, name, value, spent, cap, needed, unit, said, minutes
) -> None:
    """Whatever budgets are called, whatever they have spent, whichever API it is."""
    status, step = said
    budget = Budget(name=name, cap=cap, unit=unit, every="day")
    scope = Scope(budget, value, NOW, NOW + timedelta(minutes=minutes))
    refusal = refusal_for(Deny(scope, Balance(spent, 0, 3, 1), needed), now=NOW)
    reply = refuse(refusal, dialect=dialect, status=status, step=step)
    assert reply.status in {402, 401, 400}
    text = reply.body.decode()
    found = [part for part in LOOKED_FOR if part in text.lower()]
    assert not found, text
    assert json.loads(text)


@given(st.text() | hostile)
def test_any_text_can_be_broken(text: str) -> None:
    """It ends, and takes nothing away."""
    found = broken(text)
    assert not PASSING.search(found)
    without = str.maketrans("", "", "\u00b7_")
    assert found.translate(without) == text.translate(without)


@pytest.mark.parametrize(
    ("said", "plainly"),
    [
        ("has spent $0.00429 of $5.00", "has spent about $0.0043 of $5.00"),
        ("has spent $4.29 of $5.00 per day", "has spent $4.29 of $5.00 per day"),
        ("of $500.00 per month", "of $0.5 thousand per month"),
        ("of $1500.00", "of $1.5 thousand"),
        ("of $429.00", "of about $430"),
        ("1,429 tokens of 500,000 tokens", "about 1,430 tokens of 0.5 million tokens"),
        ("allows 503 requests", "allows about 510 requests"),
        ("retrying does not help", "asking again does not help"),
        ("Retrying does not help", "Asking again does not help"),
        ("budget 'acme-429 quota'", "budget 'acme-4\u00b729 q\u00b7uota'"),
        ("resets at 2026-11-22 05:00 UTC", "resets at 2026-11-22 05:00 UTC"),
    ],
)
def test_a_sentence_keeps_its_sense(said: str, plainly: str) -> None:
    """Amounts are rounded up at most, names are still read, what offends nobody is left."""
    assert plain(said) == plainly


def test_exact_figures_are_still_numbers() -> None:
    """Python reads them as what they are, and the headers have them as ever."""
    deny = Deny(
        Scope(Budget(name="x", cap=429 * USD), "", NOW, None), Balance(4_290_000, 0, 1, 0), 1
    )
    reply = refuse(refusal_for(deny, now=NOW), dialect="openai", step=2)
    told = json.loads(reply.body)["error"]["llmcap"]
    assert (told["cap"], told["spent"]) == ("4_29", "0.004_29")
    assert (reply.headers["x-llmcap-cap"], reply.headers["x-llmcap-spent"]) == ("429", "0.00429")


def test_ids_have_no_digits() -> None:
    """One in forty would have a 429, a 500 or a 503 in it."""
    assert all(not any(map(str.isdigit, Refusal("x", "y").id)) for _ in range(100))


@pytest.mark.parametrize("client", [each for each in CLIENTS if each.statuses[0] != 429])
def test_a_client_whose_first_answer_is_final_finds_nothing_in_it_either(client) -> None:
    """It does not ask twice, so the first has to be in plain words."""
    deny = Deny(Scope(Budget(name="quota", cap=1), "", NOW, None), Balance(4_290_000, 0, 1, 0), 1)
    refusal = refusal_for(deny, now=NOW)
    reply = refuse(refusal, dialect="openai", user_agent=f"{client.mark}1.0")
    assert reply.status == client.statuses[0]
    assert not PASSING.search(reply.body.decode())


def test_what_an_api_itself_says_at_its_own_status_stays_the_first_time() -> None:
    """Copilot's clients know `quota_exceeded`; whoever asks again does not."""
    refusal = Refusal("cap_reached", "stop", budget="x")
    first = json.loads(refuse(refusal, dialect="github_copilot").body)
    again = json.loads(refuse(refusal, dialect="github_copilot", step=2).body)
    assert (first["code"], again["code"]) == ("quota_exceeded", "cap_reached")


class Counted:
    """A pattern that counts the characters that it looked at."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self.characters = 0
        self._pattern = pattern

    def search(self, text: str, begin: int = 0) -> re.Match[str] | None:
        """As a pattern does."""
        found = self._pattern.search(text, begin)
        self.characters += (found.end() if found else len(text)) - begin
        return found


@pytest.mark.parametrize("name", ["429" * 20_000, "rate limit " * 5_000, "x" * 60_000])
def test_a_text_is_looked_through_a_few_times_and_not_once_for_each_place(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A name of a client's may be full of such places."""
    counted = Counted(PASSING)
    monkeypatch.setattr("llmcap.replies.plain.PASSING", counted)
    broken(name)
    assert counted.characters <= 4 * len(name)


@pytest.mark.parametrize("name", ["429" * 20_000, "rate limit " * 5_000, "x" * 60_000])
@pytest.mark.parametrize("step", [1, 2])
def test_a_long_name_costs_a_refusal_no_more_than_a_short_one(
    monkeypatch: pytest.MonkeyPatch, name: str, step: int
) -> None:
    """It is shortened before anything is done with it."""
    counted = Counted(PASSING)
    monkeypatch.setattr("llmcap.replies.plain.PASSING", counted)
    refusal = Refusal(reason="unknown_model", message=f"no price for {name}: give it one.")
    body = refuse(refusal, dialect="openai", step=step).body.decode()
    assert "give it one." in body
    assert len(body) < 12_000
    assert counted.characters < 50_000
