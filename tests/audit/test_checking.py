"""Recorded exchanges cost what live ones would: same match, meter and prices, charged once."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from llmcap.audit.audited import Audited, usage_document
from llmcap.audit.checking import Auditor
from llmcap.audit.recordings import Recording
from llmcap.pricing import PriceBook
from llmcap.providers.parts.shape import Request
from llmcap.words.records import Usage

NOW = datetime(2026, 11, 21, tzinfo=UTC)
THEN = datetime(2025, 12, 1, tzinfo=UTC)

# gpt-4o: $2.50 read, $1.25 read from cache, $10 written, per million.
CHAT = {
    "id": "chatcmpl-1",
    "model": "gpt-4o-2024-08-06",
    "choices": [],
    "usage": {
        "prompt_tokens": 1_000,
        "completion_tokens": 100,
        "prompt_tokens_details": {"cached_tokens": 200},
    },
}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "model": "gpt-4o-2024-08-06",
    "usage": {"input_tokens": 1_000, "output_tokens": 100},
}


def recording(
    path: str,
    answer: Any = None,
    *,
    method: str = "POST",
    host: str = "api.openai.com",
    status: int = 200,
    ask: Any = None,
    at: datetime | None = THEN,
) -> Recording:
    """One exchange in JSON; bytes are taken as they are."""
    body = ask if isinstance(ask, bytes) else json.dumps(ask or {"model": "gpt-4o"}).encode()
    answered = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return Recording(
        id="x",
        request=Request(
            method=method, host=host, path=path, body=body if method == "POST" else b""
        ),
        status=status,
        headers={"content-type": "application/json"},
        body=answered if answer is not None else b"",
        at=at,
    )


def audited(*recordings: Recording, at: datetime | None = None) -> list[Audited]:
    """The results under the book that came with llmcap."""
    return list(map(Auditor(PriceBook(), now=NOW, at=at).exchange, recordings))


def test_a_call_costs_its_usage_at_its_models_price() -> None:
    """800 read, 200 from the cache, 100 written."""
    [row] = audited(recording("/v1/chat/completions", CHAT))
    assert row.document() == {
        "id": "x",
        "time": "2025-12-01T00:00:00+00:00",
        "provider": "openai",
        "endpoint": row.endpoint,
        "model": "gpt-4o-2024-08-06",
        "billable": True,
        "deferred": False,
        "assumed": False,
        "usage": {
            "input_tokens": 1_000,
            "output_tokens": 100,
            "cache_read": 200,
            "cache_write_5m": 0,
            "cache_write_1h": 0,
            "reasoning": 0,
        },
        "cost_usd": "0.00325",
        "note": "",
    }


@pytest.mark.parametrize(
    ("exchange", "part"),
    [
        pytest.param(recording("/", {}, host="example.org"), "no LLM provider", id="another host"),
        pytest.param(
            recording("/v1/no/such/thing", {}, status=404),
            "unknown endpoint POST /v1/no/such/thing",
            id="path",
        ),
        pytest.param(recording("/v1/models", {}, method="GET"), "free", id="free endpoint"),
        pytest.param(
            recording("/v1/chat/completions", {"error": {}}, status=429),
            "answered 429",
            id="refused",
        ),
    ],
)
def test_what_is_not_billed_costs_nothing_and_says_why(exchange: Recording, part: str) -> None:
    """Each with its own reason."""
    [row] = audited(exchange)
    assert (row.billable, row.cost_nanos) == (False, 0)
    assert part in row.note


@pytest.mark.parametrize(
    ("exchange", "part"),
    [
        pytest.param(
            recording("/v1/chat/completions", {"id": "c"}),
            "no usage in the response",
            id="no usage",
        ),
        pytest.param(
            recording("/v1/chat/completions", status=0),
            "no response was recorded",
            id="no response",
        ),
        pytest.param(
            recording("/v1/chat/completions", {**CHAT, "model": "gpt-99"}, ask={"model": "gpt-99"}),
            "no price for openai/gpt-99",
            id="unknown model",
        ),
    ],
)
def test_what_cannot_be_known_is_never_zero(exchange: Recording, part: str) -> None:
    """A null in JSON and a question mark in the table."""
    [row] = audited(exchange)
    assert (row.billable, row.cost_nanos) == (True, None)
    assert part in row.note


def test_a_stream_that_told_no_usage_is_estimated_from_its_text() -> None:
    """And says that it is; OpenAI's streams tell it only when asked."""
    chunk = {
        "model": "gpt-4o",
        "choices": [{"index": 0, "delta": {"content": "Hello there. " * 8}}],
    }
    ask = {
        "model": "gpt-4o",
        "stream": True,
        "messages": [{"role": "user", "content": "Say hello"}],
    }
    body = f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode()
    [row] = audited(recording("/v1/chat/completions", body, ask=ask))
    assert row.assumed
    assert row.usage is not None
    assert 2 <= row.usage.input_tokens <= 30
    assert row.usage.output_tokens == 26
    assert row.cost_nanos
    assert "estimate" in row.note


def test_a_served_model_without_a_price_is_billed_as_the_asked_one() -> None:
    """As live, and said so."""
    [row] = audited(recording("/v1/chat/completions", {**CHAT, "model": "gpt-4o-secret"}))
    assert row.cost_nanos == 3_250_000
    assert "billed as gpt-4o" in row.note


def test_a_lost_request_does_not_lose_the_usage() -> None:
    """Recorders drop uploads; the response still names model and counts."""
    [row] = audited(recording("/v1/chat/completions", CHAT, ask=b"\xff\xfe not json"))
    assert row.cost_nanos == 3_250_000
    assert "not understood" in row.note


def test_usage_that_is_told_twice_is_charged_once() -> None:
    """By the response's id: to the call, not to those who fetch it again."""
    fetch = recording("/v1/responses/resp_1", RESPONSE, method="GET")
    call, *fetched = audited(recording("/v1/responses", RESPONSE), fetch, fetch)
    assert (call.billable, call.cost_nanos) == (True, 3_500_000)
    for row in fetched:
        assert (row.billable, row.deferred, row.cost_nanos) == (False, True, 0)
        assert "charged with an earlier exchange" in row.note


def test_a_background_response_is_charged_to_the_fetch_that_tells_it() -> None:
    """The POST knows nothing yet, and two fetches are one bill."""
    queued = {"id": "resp_1", "object": "response", "status": "queued", "background": True}
    post = recording("/v1/responses", queued, ask={"model": "gpt-4o", "background": True})
    fetch = recording("/v1/responses/resp_1", RESPONSE, method="GET")
    first, second, third = audited(post, fetch, fetch)
    assert "later request" in first.note
    assert [row.cost_nanos for row in (first, second, third)] == [0, 3_500_000, 0]


def test_a_batch_is_charged_to_the_look_that_tells_its_bill() -> None:
    """Once, to the batch or to its output; what was ordered outside the recording is not."""
    usage = {"input_tokens": 1_000, "output_tokens": 100}
    made = {"id": "batch_1", "object": "batch", "status": "validating"}
    done = {
        **made, "status": "completed", "model": "gpt-4o", "usage": usage, "output_file_id": "file-o"
    }  # fmt: skip
    line = {"custom_id": "1", "response": {"status_code": 200, "body": CHAT}}
    order = recording("/v1/batches", made, ask={"input_file_id": "file-1"})
    looks = (
        recording("/v1/batches/batch_1", done, method="GET"),
        recording("/v1/files/file-o/content", line, method="GET"),
    )
    rows = audited(order, *looks, *looks)
    assert [(row.billable, row.deferred, row.cost_nanos) for row in rows] == [
        (False, False, 0),
        (False, True, 1_750_000),  # half of $2.50 and $10
        *[(False, True, 0)] * 3,
    ]
    assert [row.cost_nanos for row in audited(*looks)] == [0, 0]


def test_prices_are_those_of_the_recordings_time() -> None:
    """Else history would change its meaning with every price change."""
    # grok-code-fast-1 went from $0.20 and $1.50 to $1 and $2.
    assert PriceBook().find("xai", "grok-code-fast-1", THEN) != PriceBook().find(
        "xai", "grok-code-fast-1", NOW
    )
    undated, dated = audited(
        recording("/v1/chat/completions", CHAT, at=None), recording("/v1/chat/completions", CHAT)
    )
    assert (undated.at, dated.at) == (NOW, THEN)
    [asked] = audited(recording("/v1/chat/completions", CHAT), at=NOW)
    assert asked.at == NOW


def test_usage_as_json_leaves_out_what_is_zero() -> None:
    """But for the counts that everybody looks for."""
    assert usage_document(Usage(input_tokens=5, cache_write_1h=2, extras={"web_search": 3})) == {
        "input_tokens": 5,
        "output_tokens": 0,
        "cache_read": 0,
        "cache_write_5m": 0,
        "cache_write_1h": 2,
        "cache_write": 2,
        "reasoning": 0,
        "web_search": 3,
    }
