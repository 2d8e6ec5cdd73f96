"""A call that its vendor refused costs what the vendor bills for that, and never above its hold."""

import json

import pytest
from walk import answer, chat, post, walk

from llmcap.words.records import Ending

AZURE = "mine.openai.azure.com"
XAI = "api.x.ai"
VIOLATES = b'{"code": "denied", "error": "Content violates usage guidelines. Failed check: X"}'
FILTERED = b'{"error": {"code": "content_filter", "param": "prompt", "status": 400}}'
TOO_LONG = b'{"error": {"code": "context_length_exceeded", "param": "messages"}}'
FEE_NANOS = 50_000_000

ENDPOINTS = {
    "chat": ("/openai/v1/chat/completions", {"messages": [{"role": "user", "content": "x " * 90}]}),
    "responses": ("/openai/v1/responses", {"input": "x " * 90}),
    "in a deployment": (
        "/openai/deployments/gpt-4o-mini/chat/completions",
        {"messages": [{"role": "user", "content": "x " * 90}]},
    ),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ENDPOINTS)
@pytest.mark.parametrize(("status", "body"), [(400, FILTERED), (408, b""), (504, b"<")])
def test_what_azure_filtered_or_timed_out_costs_all_that_was_held(name, stream, status, body):
    """The filter runs beside the model: prompt and completion are billed."""
    path, fields = ENDPOINTS[name]
    call = walk().admit(
        post(path, {"model": "gpt-4o-mini", "stream": stream, **fields}, host=AZURE)
    )
    held = call.held.hold.held_nanos
    answer(call, body, status=status)
    assert call.settlement.ending is Ending.ASSUMED
    assert call.settlement.cost_nanos == held > 0


@pytest.mark.parametrize("name", ENDPOINTS)
def test_what_was_too_long_for_azure_costs_its_input(name):
    """Of the output that was held for it nothing was made."""
    path, fields = ENDPOINTS[name]
    call = walk().admit(post(path, {"model": "gpt-4o-mini", **fields}, host=AZURE))
    answer(call, TOO_LONG, status=400)
    assert 90 * 150 <= call.settlement.cost_nanos < call.held.hold.held_nanos / 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 503])
def test_what_azure_did_not_process_costs_nothing(status):
    """A wrong key, a limit, a broken request."""
    path, fields = ENDPOINTS["chat"]
    call = walk().admit(post(path, {"model": "gpt-4o-mini", **fields}, host=AZURE))
    answer(call, b'{"error": {"code": "no"}}', status=status)
    assert call.settlement.ending is Ending.RELEASED
    assert call.settlement.cost_nanos == 0


def test_an_error_that_broke_off_costs_the_dearest_that_it_may_have_said():
    """Half a filter's answer names no filter."""
    path, fields = ENDPOINTS["chat"]
    call = walk().admit(post(path, {"model": "gpt-4o-mini", **fields}, host=AZURE))
    call.responded(400, {"content-type": "application/json"}, streams=False)
    call.feed(FILTERED[:12])
    call.broke("the connection was reset", sent=True)
    assert call.settlement.cost_nanos == call.held.hold.held_nanos


def test_the_same_error_of_a_vendor_that_bills_none_costs_nothing():
    """OpenAI itself."""
    call = walk().admit(chat())
    answer(call, FILTERED, status=400)
    assert call.settlement.cost_nanos == 0


@pytest.mark.parametrize("limit", [1, 64])
def test_a_response_of_xai_holds_the_fee_for_what_violates_its_guidelines(limit):
    """Five cents for any request, however small: they are held, and booked when it is refused."""
    request = {"model": "grok-4", "input": "hello", "max_output_tokens": limit}
    call = walk().admit(post("/v1/responses", request, host=XAI))
    held = call.held.hold.held_nanos
    assert held >= FEE_NANOS
    answer(call, VIOLATES, status=403)
    assert call.settlement.cost_nanos == held


def test_a_response_of_xai_that_was_answered_is_not_billed_the_fee():
    """Its client left before the usage came: what was read and written, and no fee."""
    request = {"model": "grok-4", "input": "hello", "max_output_tokens": 64}
    call = walk().admit(post("/v1/responses", request, host=XAI))
    answer(call, json.dumps({"id": "r", "output": [], "status": "completed"}).encode())
    assert 0 < call.settlement.cost_nanos < FEE_NANOS


def test_a_cap_below_the_fee_admits_no_response_of_xai():
    """What may be billed for it does not fit."""
    request = {"model": "grok-4", "input": "hello", "max_output_tokens": 1}
    refused = walk("0.04").admit(post("/v1/responses", request, host=XAI))
    assert refused.refusal.reason


@pytest.mark.parametrize("status", [408, 499, 504, 520, 524])
@pytest.mark.parametrize(("host", "model"), [
    ("api.openai.com", "gpt-4o-mini"), ("api.groq.com", "llama-3.3-70b-versatile"),
])  # fmt: skip
def test_who_stopped_waiting_says_nothing_of_what_was_done(status, host, model):
    """It costs what a call without any answer does: all of it, where its vendor goes on."""
    path = "/openai/v1/chat/completions" if "groq" in host else "/v1/chat/completions"
    body = {"model": model, "max_tokens": 400, "messages": []}
    told, silent = (walk().admit(post(path, body, host=host)) for _ in range(2))
    answer(told, b"<html>", status=status)
    silent.broke("the connection was closed", sent=True)
    spent = {call.settlement.cost_nanos for call in (told, silent)}
    assert len(spent) == 1
    assert (spent == {told.held.hold.held_nanos}) is ("groq" in host)
    assert told.settlement.ending is Ending.ASSUMED
    assert min(spent) > 0


@pytest.mark.parametrize("status", [500, 501, 502, 503, 521, 522, 529])
def test_who_could_not_serve_a_call_bills_none_of_it(status):
    """The vendor refused it, or was never reached."""
    call = walk().admit(chat())
    answer(call, b"<html>", status=status)
    assert (call.settlement.ending, call.settlement.cost_nanos) == (Ending.RELEASED, 0)
