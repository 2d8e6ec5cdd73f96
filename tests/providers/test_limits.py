"""Only what a vendor obeys limits its output, and only that is what a clamp writes."""

import json

import pytest

from llmcap.providers import PROVIDERS, match
from llmcap.providers.shape import Billing, Request

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


@pytest.mark.parametrize(("host", "endpoint"), CHATS.values(), ids=CHATS)
@pytest.mark.parametrize("fields", [{}, {OLD: 900}, {NEW: 900}, {OLD: 900, NEW: 900}, {OLD: 0}])
@pytest.mark.parametrize("model", ["gpt-4o", "deepseek-chat"])
def test_a_clamp_is_obeyed_by_whom_it_is_sent_to(host, endpoint, fields, model):
    """Read again, the request that a clamp made is bounded by what was clamped, and has no more."""
    assert len(CHATS) > 40
    document = {"model": model, "model_id": model, "messages": [], **fields}
    lowered = endpoint.limit(document, 40)
    body = json.dumps(lowered).encode()
    path = f"/openai/deployments/{model}/chat/completions"
    assert endpoint.read(Request(method="POST", host=host, path=path, body=body)).output_limit == 40
    assert {lowered[name] for name in (OLD, NEW) if name in lowered} == {40}
