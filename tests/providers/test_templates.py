"""Templates that only the provider has, and other vendors' formats at a host that has its own."""

import json

import pytest
from walk import post, walk

from llmcap.providers import match
from llmcap.providers.parts.shape import Billing
from llmcap.walk.admission import Admission
from llmcap.walk.attributes import Facts

# Host and path of a format that is not the vendor's own.
BORROWED = {
    "Anthropic, OpenAI's chats": ("api.anthropic.com", "/v1/chat/completions"),
    "Google, OpenAI's chats": (
        "generativelanguage.googleapis.com", "/v1beta/openai/chat/completions",
    ),
    "Google, OpenAI's embeddings": (
        "generativelanguage.googleapis.com", "/v1beta/openai/embeddings",
    ),
    "Google, OpenAI's images": (
        "generativelanguage.googleapis.com", "/v1beta/openai/images/generations",
    ),
    "Vertex, OpenAI's chats": (
        "aiplatform.googleapis.com",
        "/v1/projects/p/locations/l/endpoints/openapi/chat/completions",
    ),
    "Cohere, OpenAI's chats": ("api.cohere.com", "/compatibility/v1/chat/completions"),
    "Mistral, OpenAI's responses": ("api.mistral.ai", "/v1/responses"),
    "Bedrock, OpenAI's chats": (
        "bedrock-runtime.us-east-1.amazonaws.com", "/openai/v1/chat/completions",
    ),
    "Ollama, OpenAI's chats": ("ollama.com", "/v1/chat/completions"),
    "Ollama, Anthropic's messages": ("ollama.com", "/v1/messages"),
    "xAI, Anthropic's messages": ("api.x.ai", "/v1/messages"),
    "DeepSeek, Anthropic's messages": ("api.deepseek.com", "/anthropic/v1/messages"),
    "Moonshot, Anthropic's messages": ("api.moonshot.ai", "/anthropic/v1/messages"),
    "Z.ai, Anthropic's messages": ("api.z.ai", "/api/anthropic/v1/messages"),
    "BigModel, Anthropic's messages": ("open.bigmodel.cn", "/api/anthropic/v1/messages"),
    "MiniMax, Anthropic's messages": ("api.minimax.io", "/anthropic/v1/messages"),
    "Model Studio, Anthropic's messages": ("dashscope.aliyuncs.com", "/apps/anthropic/v1/messages"),
    "Novita, Anthropic's messages": ("api.novita.ai", "/anthropic/v1/messages"),
}  # fmt: skip


@pytest.mark.parametrize(("host", "path"), BORROWED.values(), ids=BORROWED)
def test_a_borrowed_format_is_metered_where_it_is_spoken(host, path):
    """It works for the same models, at the same prices."""
    _, endpoint = match(host, "POST", path)
    assert endpoint.billing is Billing.METERED
    assert endpoint.fields


def test_claude_costs_the_same_in_either_format():
    """But for the few bytes that they differ by."""
    document = {"model": "claude-haiku-4-5", "max_tokens": 500, "n": 1, "messages": []}
    own = {"model": "claude-haiku-4-5", "max_tokens": 500, "messages": []}
    held = []
    for path, body in (("/v1/chat/completions", document), ("/v1/messages", own)):
        request = post(path, body, host="api.anthropic.com")
        admission = walk("100").firewall.consider(request, Facts())
        assert isinstance(admission, Admission), admission
        held.append(admission.demand.ceiling_nanos())
    assert abs(held[0] - held[1]) < 100_000


def test_what_the_borrowed_format_tells_is_billed():
    """Usage in OpenAI's shape, at Anthropic's price."""
    there = walk("100")
    document = {"model": "claude-haiku-4-5", "max_completion_tokens": 500, "messages": []}
    usage = {"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100}
    choice = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}
    answer = {"id": "msg_1", "model": "claude-haiku-4-5-20251001", "choices": [choice]}
    request = post("/v1/chat/completions", document, host="api.anthropic.com")
    there.serve(request, json.dumps({**answer, "usage": usage}).encode())
    assert there.balance.spent == 1_000 * 1_000 + 100 * 5_000


TEMPLATES = {
    "alone": {"prompt": {"id": "pmpt_1"}},
    "beside what was seen": {"prompt": {"id": "pmpt_1"}, "previous_response_id": "resp_1"},
    "beside what was not": {"prompt": {"id": "pmpt_1"}, "previous_response_id": "resp_2"},
    "an item that it names": {"input": [{"type": "item_reference", "id": "msg_1"}]},
    "an item that it names, beside what was seen": {
        "input": [{"id": "msg_1"}], "previous_response_id": "resp_1",
    },
}  # fmt: skip


@pytest.mark.parametrize("fields", TEMPLATES.values(), ids=TEMPLATES)
def test_a_known_past_does_not_bound_an_unknown_template(fields):
    """What it adds, only the provider has: it may fill the window."""
    there = walk("100")
    first = {"model": "gpt-4o-mini", "input": "hello", "max_output_tokens": 100}
    usage = {"input_tokens": 10, "output_tokens": 10, "total_tokens": 20}
    answer = {"id": "resp_1", "model": "gpt-4o-mini", "status": "completed", "usage": usage}
    there.serve(post("/v1/responses", first), json.dumps(answer).encode())
    asked = {"input": "go on", "model": "gpt-4o-mini", "max_output_tokens": 100, **fields}
    admission = there.firewall.consider(post("/v1/responses", asked), Facts())
    assert isinstance(admission, Admission)
    assert admission.demand.fixed_tokens >= 128_000


STORED = {"prompt": {"id": "pmpt_1"}, "max_output_tokens": 100}


def asking(**fields):
    """What a request with a stored prompt is held for."""
    there = walk("1000")
    admission = there.firewall.consider(post("/v1/responses", {**STORED, **fields}), Facts())
    assert isinstance(admission, Admission), admission
    return admission


def test_a_stored_prompt_may_have_any_tool_that_its_vendor_runs():
    """Unless the request brings its own, which stand in their place."""
    ask = asking(model="gpt-4o-mini").ask
    assert ask.fees.keys() >= {"web_search", "file_search", "code_interpreter"}
    assert (ask.loops, ask.other_models) == (11, ("gpt-image-1",))
    assert asking(model="gpt-4o-mini", max_tool_calls=1).ask.loops == 2
    own = asking(model="gpt-4o-mini", tools=[{"type": "web_search"}]).ask
    assert (own.fees.keys(), own.other_models) == ({"web_search"}, ())
    assert not asking(model="gpt-4o-mini", tools=[]).ask.fees


def test_a_stored_prompt_may_have_any_model_where_the_request_names_none():
    """It is held at the dearest that its vendor has, and not refused for want of a price."""
    dearest = asking(tools=[]).demand
    for model in ("gpt-4o-mini", "gpt-5.4", "o1-pro"):
        assert dearest.ceiling_nanos() >= asking(model=model, tools=[]).demand.ceiling_nanos()


def test_a_known_past_bounds_what_continues_it():
    """Where nothing else is named."""
    there = walk("100")
    first = {"model": "gpt-4o-mini", "input": "hello", "max_output_tokens": 100}
    usage = {"input_tokens": 10, "output_tokens": 10, "total_tokens": 20}
    answer = {"id": "resp_1", "model": "gpt-4o-mini", "status": "completed", "usage": usage}
    there.serve(post("/v1/responses", first), json.dumps(answer).encode())
    asked = {"input": "go on", "model": "gpt-4o-mini", "previous_response_id": "resp_1"}
    admission = there.firewall.consider(post("/v1/responses", asked), Facts())
    assert isinstance(admission, Admission)
    assert admission.demand.fixed_tokens < 2_000
