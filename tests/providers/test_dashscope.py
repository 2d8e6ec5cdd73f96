"""Alibaba's modes set prices: they are held as asked, and billed as told."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from llmcap.pricing import PriceBook, cost_usd, worst_rates
from llmcap.pricing.terms import billed
from llmcap.providers import match
from llmcap.providers.dashscope.provider import MESSAGES
from llmcap.providers.parts.shape import Request

NOW = datetime(2026, 11, 25, tzinfo=UTC)
HOST, CHAT = "dashscope-intl.aliyuncs.com", "/compatible-mode/v1/chat/completions"
BOOK = PriceBook()


def price(model):
    """Its price today."""
    found = BOOK.find("dashscope", model, NOW)
    assert found is not None
    return found


def request(body, path=CHAT):
    """A request with this body."""
    return Request(method="POST", host=HOST, path=path, body=json.dumps(body).encode())


def chat(model, **fields):
    """What a chat asks for."""
    _, endpoint = match(HOST, "POST", CHAT)
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **fields}
    return endpoint, endpoint.read(request(body))


def cost(model, usage, **fields):
    """Dollars of a whole answer with this usage."""
    endpoint, ask = chat(model, **fields)
    reader = endpoint.reader(ask)
    reader.body({"model": model, "choices": [{"message": {"content": "x"}}], "usage": usage})
    reading = reader.reading()
    (charge,) = reading.charges
    return cost_usd(charge.usage, price(model), billed(charge.terms, reading.untold))


PLAIN = {"prompt_tokens": 1_000_000, "completion_tokens": 1_000_000}
THOUGHT = {**PLAIN, "completion_tokens_details": {"reasoning_tokens": 600_000}}


@pytest.mark.parametrize(
    ("usage", "fields", "usd"),
    [
        (PLAIN, {}, "1.6"),
        (PLAIN, {"enable_thinking": False}, "1.6"),
        (PLAIN, {"enable_thinking": True}, "4.4"),  # asked for, and nothing told
        (THOUGHT, {"enable_thinking": True}, "4.4"),
        (THOUGHT, {}, "4.4"),  # told, though nobody asked
        (PLAIN, {"chat_template_kwargs": {"enable_thinking": True}}, "4.4"),
    ],
)
def test_thinking_sets_the_price_of_all_output(usage, fields, usd):
    """Of the thought and of the answer: $4 in place of $1.20; what is read costs the same."""
    assert cost("qwen-plus", usage, **fields) == Decimal(usd)


@pytest.mark.parametrize("model", ["qwen-plus-latest", "qwen-turbo", "qwen-plus-2025-07-28"])
def test_what_a_source_calls_the_rate_of_reasoning_is_that_of_all_output(model):
    """Its variant has it, its base price has none."""
    found = price(model)
    assert "reasoning" not in found.rates
    assert found.variants["thinking"].rates["output"] > found.rates["output"]


def test_a_model_of_one_price_has_it_in_any_mode():
    """The page has two of some models only."""
    assert cost("qwen3.5-plus", THOUGHT, enable_thinking=True) == cost("qwen3.5-plus", PLAIN)


def test_thinking_is_held_where_it_is_asked_for():
    """And where it is not, the price of the answer alone."""
    found = price("qwen-plus")
    held = {on: chat("qwen-plus", enable_thinking=on)[1].terms for on in (True, False)}
    assert worst_rates(found, held[True], 1)[1] == Decimal(4) / 1_000_000
    assert worst_rates(found, held[False], 1)[1] == Decimal("1.2") / 1_000_000


MARKED = [
    {
        "role": "user",
        "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}],
    }
]


def test_an_explicit_cache_is_held_and_billed_at_its_own_price():
    """125 % of the input to write, 10 % to read; an implicit hit is 20 %."""
    found = price("qwen3-coder-plus")
    _, ask = chat("qwen3-coder-plus", messages=MARKED)
    assert worst_rates(found, ask.terms, 1)[0] == Decimal("1.25") / 1_000_000
    assert worst_rates(found, (), 1)[0] == Decimal(1) / 1_000_000
    details = {"cached_tokens": 1000, "cache_creation_input_tokens": 2000}
    usage = {"prompt_tokens": 5000, "completion_tokens": 0}
    explicit = {**usage, "prompt_tokens_details": {**details, "cache_type": "ephemeral"}}
    implicit = {**usage, "prompt_tokens_details": {"cached_tokens": 1000}}
    assert cost("qwen3-coder-plus", explicit) == Decimal("0.0046")
    assert cost("qwen3-coder-plus", implicit) == Decimal("0.0042")


def test_a_long_context_has_a_cache_at_its_own_price():
    """The rates of a tier have theirs."""
    details = {"cache_creation_input_tokens": 40_000, "cache_type": "ephemeral"}
    usage = {"prompt_tokens": 40_000, "completion_tokens": 0, "prompt_tokens_details": details}
    assert cost("qwen3-coder-plus", usage) == Decimal("0.09")  # 125 % of $1.80


def test_the_cache_of_the_messages_api_is_an_explicit_one():
    """There is no other in Anthropic's format."""
    path = "/apps/anthropic/v1/messages"
    asked = MESSAGES.read(request({"model": "qwen-plus", "max_tokens": 9, "messages": []}, path))
    reader = MESSAGES.reader(asked)
    usage = {"input_tokens": 0, "cache_creation_input_tokens": 1_000_000, "output_tokens": 0}
    reader.body({"model": "qwen-plus", "content": [{"type": "text", "text": ""}], "usage": usage})
    (charge,) = reader.reading().charges
    assert cost_usd(charge.usage, price("qwen-plus"), charge.terms) == Decimal("0.5")
