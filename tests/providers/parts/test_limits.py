"""Only what a vendor obeys limits its output, and only that is what a clamp writes."""

import json

import pytest
from rows import each_row

from llmcap.providers import PROVIDERS, match
from llmcap.providers.parts.shape import Billing, Request

NEW, OLD = "max_completion_tokens", "max_tokens"
CHAT = "/chat/completions"

# Host, path, model, what is sent, and what bounds the answer.
CASES = {
    "OpenAI, the new name": ("api.openai.com", "/v1", "gpt-4o", {NEW: 30}, 30),
    "OpenAI, the old name": ("api.openai.com", "/v1", "gpt-4o", {OLD: 30}, 30),
    "DeepSeek does not know the new name": ("api.deepseek.com", "/v1", "d", {NEW: 30}, None),
    "DeepSeek, both": ("api.deepseek.com", "/v1", "d", {NEW: 30, OLD: 500}, 500),
    "Together does not know the new name": ("api.together.xyz", "/v1", "m", {NEW: 30}, None),
    "Mistral does not know the new name": ("api.mistral.ai", "/v1", "m", {NEW: 30}, None),
    "Perplexity does not know the new name": ("api.perplexity.ai", "", "sonar", {NEW: 30}, None),
    "Groq knows both": ("api.groq.com", "/openai/v1", "m", {NEW: 30, OLD: 40}, 40),
    "xAI knows both": ("api.x.ai", "/v1", "grok-4", {NEW: 30}, 30),
    "a router, OpenAI's model": ("openrouter.ai", "/api/v1", "openai/gpt-4o", {NEW: 30}, 30),
    "a router, another model": ("openrouter.ai", "/api/v1", "deepseek/chat", {NEW: 30}, None),
    "Foundry, OpenAI's model": (
        "x.services.ai.azure.com", "/models", "gpt-5", {NEW: 30}, 30,
    ),
    "Foundry, another model": (
        "x.services.ai.azure.com", "/models", "DeepSeek-R1", {NEW: 30}, None,
    ),
    "zero is no limit": ("api.openai.com", "/v1", "gpt-4o", {OLD: 0}, None),
    "nor is a text": ("api.openai.com", "/v1", "gpt-4o", {OLD: "30"}, None),
}  # fmt: skip


@pytest.mark.parametrize(("host", "base", "model", "fields", "limit"), CASES.values(), ids=CASES)
def test_a_limit_is_what_the_vendor_obeys(host, base, model, fields, limit):
    """What it does not know is skipped there: the answer is as long as the model likes."""
    document = {"model": model, "messages": [], **fields}
    _, endpoint = match(host, "POST", base + CHAT)
    asked = Request(method="POST", host=host, path=base + CHAT, body=json.dumps(document).encode())
    assert endpoint.read(asked).output_limit == limit


CHATS = {
    f"{provider.name} {path}": (provider.hosts[0], endpoint)
    for provider in PROVIDERS
    for method, path, endpoint in getattr(provider.match, "table", ())
    if endpoint.name == "chat completions" and endpoint.billing is Billing.METERED
}


@pytest.mark.parametrize("fields", [{}, {OLD: 900}, {NEW: 900}, {OLD: 900, NEW: 900}, {OLD: 0}])
@pytest.mark.parametrize("model", ["gpt-4o", "deepseek-chat"])
@each_row("name", CHATS)
def test_a_clamp_is_obeyed_by_whom_it_is_sent_to(name, fields, model):
    """Read again, the request that a clamp made is bounded by what was clamped, and has no more."""
    assert len(CHATS) > 40
    host, endpoint = CHATS[name]
    document = {"model": model, "model_id": model, "messages": [], **fields}
    lowered = endpoint.limit(document, 40)
    body = json.dumps(lowered).encode()
    path = f"/openai/deployments/{model}/chat/completions"
    assert endpoint.read(Request(method="POST", host=host, path=path, body=body)).output_limit == 40
    assert {lowered[name] for name in (OLD, NEW) if name in lowered} == {40}


RUNTIME = "bedrock-runtime.us-east-1.amazonaws.com"
NOVA, LLAMA = "/model/us.amazon.nova-pro-v1:0", "/model/meta.llama3-3-70b-instruct-v1:0"
REPLICATE = ("api.replicate.com", "/v1/models/{}/predictions")

# Host, path, what is sent, and what bounds the answer.
OTHERS = {
    "one that is endless beside one that is not": (
        "api.groq.com", "/openai/v1/chat/completions", {NEW: -1, OLD: 40}, None,
    ),
    "a text beside a number": (
        "api.groq.com", "/openai/v1/chat/completions", {NEW: "9000", OLD: 40}, None,
    ),
    "null beside a number": (
        "api.groq.com", "/openai/v1/chat/completions", {NEW: None, OLD: 40}, 40,
    ),
    "Responses": ("api.openai.com", "/v1/responses", {"max_output_tokens": 30}, 30),
    "Responses, by a chat's name": ("api.openai.com", "/v1/responses", {NEW: 30, OLD: 30}, None),
    "Messages": ("api.anthropic.com", "/v1/messages", {OLD: 30}, 30),
    "Messages that only fill the cache": ("api.anthropic.com", "/v1/messages", {OLD: 0}, 0),
    "Messages, by the older API's name": (
        "api.anthropic.com", "/v1/messages", {"max_tokens_to_sample": 30}, None,
    ),
    "the older API": ("api.anthropic.com", "/v1/complete", {"max_tokens_to_sample": 30}, 30),
    "the older API, by the newer name": ("api.anthropic.com", "/v1/complete", {OLD: 30}, None),
    "Ollama": ("ollama.com", "/api/chat", {"options": {"num_predict": 30}}, 30),
    "Ollama, endless": ("ollama.com", "/api/chat", {"options": {"num_predict": -1}}, None),
    "Ollama, until the window is full": (
        "ollama.com", "/api/chat", {"options": {"num_predict": -2}}, None,
    ),
    "Ollama, zero": ("ollama.com", "/api/chat", {"options": {"num_predict": 0}}, None),
    "Ollama, by a chat's name": ("ollama.com", "/api/chat", {OLD: 30, "num_predict": 30}, None),
    "Nova": (RUNTIME, f"{NOVA}/invoke", {"inferenceConfig": {"maxTokens": 30}}, 30),
    "Nova, by Anthropic's name": (RUNTIME, f"{NOVA}/invoke", {OLD: 30}, None),
    "Nova, two names": (
        RUNTIME, f"{NOVA}/invoke", {"inferenceConfig": {"maxTokens": 30, "max_new_tokens": 90}}, 90,
    ),
    "Llama": (RUNTIME, f"{LLAMA}/invoke", {"max_gen_len": 30}, 30),
    "Llama, by a chat's name": (RUNTIME, f"{LLAMA}/invoke", {OLD: 30}, None),
    "a model of nobody's": (RUNTIME, "/model/else.model-v1:0/invoke", {OLD: 30}, None),
    "Converse": (RUNTIME, f"{NOVA}/converse", {"inferenceConfig": {"maxTokens": 30}}, 30),
    "Converse, by Anthropic's name": (RUNTIME, f"{NOVA}/converse", {OLD: 30}, None),
    "Converse, beside a limit of the model's own": (
        RUNTIME, f"{NOVA}/converse",
        {
            "inferenceConfig": {"maxTokens": 30},
            "additionalModelRequestFields": {"inferenceConfig": {"max_new_tokens": 700}},
        },
        700,
    ),
    "Converse, only the model's own": (
        RUNTIME, f"{NOVA}/converse", {"additionalModelRequestFields": {OLD: 30}}, None,
    ),
    "Gemini, no limit": (
        "generativelanguage.googleapis.com", "/v1beta/models/gemini-2.5-pro:generateContent",
        {"generationConfig": {"maxOutputTokens": 0}}, None,
    ),
    "Replicate, what Claude obeys": (
        REPLICATE[0], REPLICATE[1].format("anthropic/claude-4.5-sonnet"), {"input": {OLD: 30}}, 30,
    ),
    "Replicate, what GPT does not": (
        REPLICATE[0], REPLICATE[1].format("openai/gpt-4o"), {"input": {OLD: 30}}, None,
    ),
    "Replicate, what GPT obeys": (
        REPLICATE[0], REPLICATE[1].format("openai/gpt-4o"), {"input": {NEW: 30}}, 30,
    ),
    "Replicate, beside the input": (
        REPLICATE[0], REPLICATE[1].format("openai/gpt-4o"), {NEW: 30, "input": {}}, None,
    ),
    "Cohere": ("api.cohere.com", "/v2/chat", {OLD: 30}, 30),
    "Cohere's summaries know none": ("api.cohere.com", "/v1/summarize", {OLD: 30}, None),
    "a completion without a limit": ("api.openai.com", "/v1/completions", {}, 16),
    "a completion whose limit is a text": ("api.openai.com", "/v1/completions", {OLD: "9"}, None),
}  # fmt: skip


@pytest.mark.parametrize(("host", "path", "fields", "limit"), OTHERS.values(), ids=OTHERS)
def test_a_limit_has_the_name_and_place_that_its_format_knows(host, path, fields, limit):
    """Under another name, or beside its place, it is nothing."""
    document = {"model": "gpt-3.5-turbo-instruct", "messages": [], "prompt": "x", **fields}
    asked = Request(method="POST", host=host, path=path, body=json.dumps(document).encode())
    _, endpoint = match(host, "POST", path)
    assert endpoint.read(asked).output_limit == limit


@pytest.mark.parametrize(("host", "path", "fields", "limit"), OTHERS.values(), ids=OTHERS)
def test_a_clamp_writes_where_its_format_reads(host, path, fields, limit):
    """Whatever was there: read again, the changed request is bounded by the new limit."""
    document = {"model": "gpt-3.5-turbo-instruct", "messages": [], "prompt": "x", **fields}
    _, endpoint = match(host, "POST", path)
    lowered = endpoint.limit and endpoint.limit(document, 20)
    if lowered is None:
        return
    asked = Request(method="POST", host=host, path=path, body=json.dumps(lowered).encode())
    assert endpoint.read(asked).output_limit == 20
