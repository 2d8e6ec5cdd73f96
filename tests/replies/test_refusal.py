"""Refusals: the shape, status and headers per API and client, and words that can be acted on."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from llmcap.replies import (
    DIALECTS,
    Refusal,
    cost_headers,
    message_for,
    refusal_for,
    refuse,
    refuse_upgrade,
    session_error,
)
from llmcap.words.records import Balance, Budget, Call, CapUnit, Deny, Hold, Scope

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
USD = 10**9


def deny(
    *,
    spent: int = 4_990_000_000,
    held: int = 0,
    needed: int = 120_000_000,
    cap: int = 5 * USD,
    unit: CapUnit = CapUnit.USD,
    every: str = "day",
    resets_in: timedelta | None = timedelta(hours=12),
    name: str = "everything",
    value: str = "",
    **more: Any,
) -> Deny:
    """A budget of $5 a day that has a cent left, or as said."""
    budget = Budget(name=name, cap=cap, unit=unit, every=every)
    resets_at = NOW + resets_in if resets_in is not None else None
    return Deny(Scope(budget, value, NOW, resets_at), Balance(spent, held, 3, 1, **more), needed)


def refused(reason: str = "cap_reached") -> Refusal:
    """A refusal for this reason."""
    if reason == "cap_reached":
        return refusal_for(deny(), now=NOW)
    return Refusal(reason=reason, message=f"because of {reason}")


@pytest.mark.parametrize("dialect", sorted(DIALECTS.keys() - {"grpc"}))
@pytest.mark.parametrize("status", ["auto", "429", "402", "400"])
def test_every_reply_forbids_a_retry_and_names_no_time_to_wait_for(
    dialect: str, status: str
) -> None:
    """Each header is one that some SDK obeys, or sleeps for."""
    reply = refuse(refused(), dialect=dialect, status=status)
    assert reply.headers["x-should-retry"] == "false"
    assert not {"retry-after", "retry-after-ms", "x-amz-retry-after"} & set(reply.headers)
    assert reply.headers["content-type"].startswith("application/json")
    assert reply.headers["x-llmcap-resets-at"] == "2026-11-22T00:00:00Z"
    assert all(name == name.lower() for name in reply.headers)


@pytest.mark.parametrize("dialect", sorted(DIALECTS.keys() - {"grpc"}))
def test_every_body_has_the_message_and_the_figures(dialect: str) -> None:
    """Whatever the shape, the reader finds our words and a program finds the amounts."""
    refusal = refused()
    text = refuse(refusal, dialect=dialect).body.decode()
    assert json.dumps(refusal.message)[1:-1] in text
    for part in ("cap_reached", "everything", "4.99", "0.12", "2026-11-22T00:00:00Z"):
        assert part in text or part.upper() in text


@pytest.mark.parametrize(
    ("dialect", "status"),
    [
        ("openai", 429),
        ("openai_responses", 429),
        ("azure", 429),
        ("anthropic", 429),
        ("google", 429),
        ("mistral", 429),
        ("cohere", 429),
        ("dashscope", 429),
        ("openrouter", 429),
        ("voyage", 429),
        ("bedrock", 400),
        ("google_interactions", 400),
        ("github_copilot", 402),
        ("a dialect that nobody has written", 429),
    ],
)
def test_status_is_the_one_that_stops_the_apis_own_sdk(dialect: str, status: int) -> None:
    """429, but for the SDKs that cannot be told not to retry it."""
    assert refuse(refused(), dialect=dialect).status == status


@pytest.mark.parametrize(
    ("user_agent", "status"),
    [
        ("OpenAI/Python 3.52.0", 429),
        ("claude-cli/2.1.329 (external, cli)", 429),
        ("GeminiCLI-v0.61/gemini-3.5 (linux; x64)", 429),
        ("codex_exec/0.169.0 (Debian 12.0.0; x86_64) unknown", 400),
        ("codex_cli_rs/0.169.0 (Debian 12.0.0; x86_64) xterm", 400),
        ("opencode/1.18.34 ai-sdk/provider-utils/4 runtime/bun", 402),
        ("ai-sdk/openai/3.0 runtime/node", 402),
        ("litellm/1.106.2", 400),
        ("", 429),
    ],
)
def test_clients_that_retry_any_429_get_the_status_that_stops_them(
    user_agent: str, status: int
) -> None:
    """Each row was watched against a refusing server."""
    assert refuse(refused(), dialect="openai", user_agent=user_agent).status == status


@pytest.mark.parametrize("status", ["429", "402", "400"])
def test_a_set_refusal_status_holds_for_every_client_and_dialect(status: str) -> None:
    """`refusal_status` is the user's last word."""
    for dialect in ("openai", "bedrock", "github_copilot"):
        reply = refuse(refused(), dialect=dialect, user_agent="codex_exec/1", status=status)
        assert reply.status == int(status)


@pytest.mark.parametrize(
    "reason",
    [
        "unknown_model",
        "unknown_endpoint",
        "unmeterable",
        "unreadable_request",
        "unbounded",
        "bad_request",
    ],
)
def test_a_request_at_fault_is_a_400_in_every_dialect(reason: str) -> None:
    """An app that backs off on 429 would come back with the same request."""
    for dialect in DIALECTS.keys() - {"grpc"}:
        reply = refuse(refused(reason), dialect=dialect, user_agent="opencode/1")
        assert reply.status == 400, dialect
        assert b"insufficient_quota" not in reply.body
        assert b"QuotaFailure" not in reply.body


@pytest.mark.parametrize("reason", ["internal_error", "ledger_error", "something new"])
def test_our_own_failures_refuse_like_a_cap(reason: str) -> None:
    """What cannot be recorded must stop the client, not make it come back."""
    reply = refuse(refused(reason), dialect="openai")
    assert reply.status == 429
    assert json.loads(reply.body)["error"]["code"] == reason


def test_a_hint_is_in_the_same_line_as_what_is_wrong() -> None:
    """Who reads an error in a log, or in JSON, sees no line break of ours."""
    refusal = Refusal(reason="ledger_error", message="this node was retired\nhint: start anew")
    assert refusal.message == "this node was retired; start anew"


def test_openai_shape_is_that_of_a_projects_spend_limit() -> None:
    """`RateLimitError` with the code that OpenAI itself gives."""
    reply = refuse(refused(), dialect="openai")
    error = json.loads(reply.body)["error"]
    assert error["type"] == "insufficient_quota"
    assert error["code"] == "project_spend_limit_exceeded"
    assert error["param"] is None
    assert error["llmcap"] == {
        "reason": "cap_reached",
        "budget": "everything",
        "spent": "4.99",
        "cap": "5",
        "needed": "0.12",
        "unit": "usd",
        "resets_at": "2026-11-22T00:00:00Z",
    }
    assert reply.headers["x-request-id"].startswith("req_llmcap_")


@pytest.mark.parametrize(
    ("status", "kind", "details"),
    [
        ("429", "rate_limit_error", {"error_code": "enforced_spend_limit_reached"}),
        ("402", "billing_error", None),
        ("400", "invalid_request_error", None),
    ],
)
def test_anthropic_shape_follows_the_status(status: str, kind: str, details: Any) -> None:
    """Each status has its own error type there, and only the spend cap has details."""
    reply = refuse(refused(), dialect="anthropic", status=status)
    document = json.loads(reply.body)
    assert document["type"] == "error"
    assert document["error"]["type"] == kind
    assert document["error"].get("details") == details
    assert document["request_id"] == reply.headers["request-id"]


def test_google_shape_has_a_daily_quota_failure_and_no_retry_info() -> None:
    """Gemini CLI stops at the first and comes back at the second."""
    reply = refuse(refused(), dialect="google")
    assert reply.body.startswith(b'{"error":')
    error = json.loads(reply.body)["error"]
    assert (error["code"], error["status"]) == (429, "RESOURCE_EXHAUSTED")
    failure, info = error["details"]
    assert failure["@type"].endswith("google.rpc.QuotaFailure")
    assert failure["violations"][0]["quotaId"].endswith("PerDay")
    assert all(isinstance(value, str) for value in info["metadata"].values())
    assert b"RetryInfo" not in reply.body


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("auto", "ServiceQuotaExceededException"),
        ("402", "ServiceQuotaExceededException"),
        ("429", "AccessDeniedException"),
    ],
)
def test_bedrock_names_an_exception_that_botocore_takes_as_final(status: str, kind: str) -> None:
    """botocore retries a 429 by its exception, and most of them."""
    reply = refuse(refused(), dialect="bedrock", status=status)
    assert reply.headers["x-amzn-errortype"] == kind
    assert "message" in json.loads(reply.body)


def test_openrouter_code_is_the_status_as_a_number() -> None:
    """Its clients compare it."""
    assert json.loads(refuse(refused(), dialect="openrouter").body)["error"]["code"] == 429


def test_grpc_refusal_is_trailers_only() -> None:
    """An HTTP 429 would be mapped to UNAVAILABLE and retried."""
    reply = refuse(refused(), dialect="grpc")
    assert (reply.status, reply.headers["grpc-status"], reply.body) == (200, "8", b"")
    assert "\n" not in reply.headers["grpc-message"]
    assert refuse(refused("unknown_model"), dialect="grpc").headers["grpc-status"] == "3"


def test_a_budgets_name_cannot_break_a_header() -> None:
    """Names come from configs and `per` values, and may hold anything."""
    refusal = refusal_for(deny(name="ünsafe\r\nset-cookie: x=1"), now=NOW)
    value = refuse(refusal, dialect="openai").headers["x-llmcap-budget"]
    assert value.isascii()
    assert value.isprintable()


def test_a_session_is_told_what_codex_takes_as_final_and_whoever_asks_again_more() -> None:
    """Before and in the middle of a turn; the second time without the words of a rate limit."""
    first, final = session_error(refused()), session_error(refused(), status=402)
    assert (first["type"], final["type"]) == ("insufficient_quota", "billing_error")
    assert "quota" not in json.dumps(final)
    about = refused("unreadable_request")
    assert session_error(about, status=402) == session_error(about)


def test_upgrade_is_answered_with_426() -> None:
    """Codex then goes on with POST."""
    assert refuse_upgrade().status == 426


@pytest.mark.parametrize(
    ("figures", "parts"),
    [
        pytest.param(
            {},
            ["'everything' has spent $4.99 of $5.00 per day", "this call can cost $0.12",
             "resets at 2026-11-22 00:00 UTC, in 12 h", "retrying before that does not help",
             "raise this budget's `cap`"],
            id="spent",
        ),
        pytest.param(
            {"resets_in": None, "every": "once"},
            ["of $5.00,", "never resets: retrying does not help"],
            id="never resets",
        ),
        pytest.param(
            {"needed": 6 * USD}, ["more than the whole cap", "smaller request"], id="never fits"
        ),
        pytest.param(
            {"spent": USD, "held": 39 * USD // 10, "needed": USD},
            ["calls in flight hold $3.90", "can fit when the calls in flight have ended"],
            id="held by others",
        ),
        pytest.param(
            {"unit": CapUnit.TOKENS, "cap": 100_000, "spent": 99_000, "needed": 4_321},
            ["99,000 tokens of 100,000 tokens per day", "4,321 tokens"],
            id="tokens",
        ),
        pytest.param(
            {"unit": CapUnit.REQUESTS, "cap": 60, "spent": 60, "needed": 1, "every": "minute",
             "resets_in": timedelta(seconds=20)},
            ["60 requests of 60 requests per minute", "try again in 20 s"],
            id="requests",
        ),
        pytest.param(
            {"unit": CapUnit.CONCURRENT, "cap": 4, "spent": 0, "held": 4, "needed": 1,
             "every": "once", "resets_in": None},
            ["allows 4 calls in flight, and 4 are running", "when the calls in flight have ended"],
            id="concurrent",
        ),
        pytest.param({"raised": USD}, ["of $6.00 per day"], id="raised by hand"),
        pytest.param({"paused": True}, ["paused by hand", "until it is resumed"], id="paused"),
        pytest.param({"value": "experiment-42"}, ["for 'experiment-42'"], id="per value"),
        pytest.param(
            {"resets_in": timedelta(days=9, hours=15, minutes=7)}, ["in 9 d 15 h"], id="long wait"
        ),
    ],
)  # fmt: skip
def test_message_says_what_happened_and_what_to_do(
    figures: dict[str, Any], parts: list[str]
) -> None:
    """Budget, spent, cap, need, reset, and the way on."""
    message = message_for(deny(**figures), now=NOW)
    for part in parts:
        assert part in message
    assert "\n" not in message


def test_message_of_a_cut_speaks_of_the_answer() -> None:
    """The call was served in part."""
    assert "stopped this answer" in message_for(deny(), now=NOW, cut=True)


def hold_of(*denies: Deny) -> Hold:
    """A hold on the budgets of these."""
    call = Call("c1", NOW, "openai", "chat", "gpt-5")
    scopes = tuple(each.scope for each in denies)
    return Hold(1, call, 120_000_000, 4_000, scopes, tuple(range(len(scopes))))


def test_headers_tell_the_budget_that_is_nearest_to_its_cap() -> None:
    """Of two budgets in dollars the one with less left, whatever their order."""
    wide = deny(name="wide", spent=0, held=USD)
    tight = deny(name="tight", spent=4 * USD, held=USD // 4)
    for pair in [(wide, tight), (tight, wide)]:
        headers = cost_headers(
            hold_of(*pair),
            estimate_nanos=120_000_000,
            cost_nanos=1_500_000,
            balances=[each.balance for each in pair],
        )
        assert headers == {
            "x-llmcap-estimate": "0.12",
            "x-llmcap-cost": "0.0015",
            "x-llmcap-budget": "tight",
            "x-llmcap-remaining": "0.75",
            "x-llmcap-resets-at": "2026-11-22T00:00:00Z",
        }


def test_headers_say_no_more_than_is_known() -> None:
    """No cost while a stream runs, no budget where none matches, tokens in their own unit."""
    assert cost_headers(hold_of(), estimate_nanos=5, clamped=True) == {
        "x-llmcap-estimate": "0.000000005",
        "x-llmcap-clamped": "true",
    }
    counted = deny(unit=CapUnit.TOKENS, cap=100, spent=130, resets_in=None)
    headers = cost_headers(hold_of(counted), estimate_nanos=0, balances=[counted.balance])
    assert headers["x-llmcap-remaining"] == "0 tokens"
    assert "x-llmcap-resets-at" not in headers
