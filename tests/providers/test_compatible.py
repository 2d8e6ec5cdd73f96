"""Promise: a vendor that speaks OpenAI's API is metered, whatever it adds to it."""

from decimal import Decimal

import pytest
from exchanging import answer, ask, endpoint_of, stream

from llmcap.providers import PROVIDERS
from llmcap.providers.parts.shape import Billing
from llmcap.providers.vendors import VENDORS

GROQ = "https://api.groq.com/openai/v1/chat/completions"
DEEPSEEK = "https://api.deepseek.com/chat/completions"
ASKED = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
STOP = [{"index": 0, "delta": {}, "finish_reason": "stop"}]


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)
def test_every_row_of_the_table_meters_chat(vendor):
    """By its usage, with a limit that can be lowered, and refused in a known shape."""
    chat = next(
        endpoint
        for method, path, endpoint in vendor.match.table
        if method == "POST" and path.endswith("/chat/completions")
    )
    assert chat.billing is Billing.METERED
    assert chat.limit({"max_tokens": 9}, 5) == {"max_tokens": 5}
    assert chat.limit({}, 5) == {"max_tokens": 5}


@pytest.mark.parametrize(
    "told",
    [
        {"prompt_tokens_details": {"cached_tokens": 64}},
        {"prompt_token_details": {"cached_tokens": 64}},
        {"cached_tokens": 64},
        {"prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 36},
        {"cache_read_input_tokens": 64},
        {"num_cached_tokens": 64},
    ],
    ids=lambda told: next(iter(told)),
)
def test_cached_tokens_are_found_under_every_name(told):
    """And are a part of the prompt under each."""
    (charge,) = answer(DEEPSEEK, ASKED, {"model": "m", "usage": {**USAGE, **told}}).charges
    assert (charge.usage.input_tokens, charge.usage.cache_read) == (100, 64)


@pytest.mark.parametrize(("read", "written"), [(1000, 300), (1000, 0), (0, 300), (5, 0)])
def test_cached_tokens_beside_the_prompt_are_known_by_the_total(read, written):
    """As Portkey's gateway tells of Anthropic's answers: a prompt of 10, and all in the total."""
    told = {
        "prompt_tokens": 10,
        "completion_tokens": 50,
        "total_tokens": 60 + read + written,
        "prompt_tokens_details": {"cached_tokens": read},
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
    }
    usage = answer(DEEPSEEK, ASKED, {"model": "m", "usage": told}).charges[0].usage
    assert usage.input_tokens == 10 + read + written
    assert (usage.cache_read, usage.cache_write_5m) == (read, written)


def test_groq_tells_usage_unasked_and_once_more():
    """Under `x_groq` in the last chunk; asked for, at the top too: it counts once."""
    last = {"model": "m", "choices": STOP, "x_groq": {"usage": USAGE}}
    alone = stream(GROQ, ASKED, last)
    twice = stream(GROQ, ASKED, last, {"model": "m", "choices": [], "usage": USAGE})
    assert alone.complete
    assert alone.charges == twice.charges
    assert alone.charges[0].usage.input_tokens == 100
    assert endpoint_of(GROQ)[1].ask_usage is None


def test_a_compound_model_is_billed_as_the_models_it_called():
    """Each at its own price, with the searches that it made."""
    told = {
        "model": "groq/compound",
        "choices": [
            {"message": {"content": "4", "executed_tools": [{"type": "search"}]}, "index": 0}
        ],
        "usage": {"prompt_tokens": 300, "completion_tokens": 30},
        "usage_breakdown": {
            "models": [
                {"model": "a", "usage": {"prompt_tokens": 100, "completion_tokens": 10}},
                {"model": "b", "usage": {"prompt_tokens": 200, "completion_tokens": 20}},
            ]
        },
    }
    asked = {**ASKED, "model": "groq/compound"}
    first, second = answer(GROQ, asked, told).charges
    assert (first.model, first.usage.input_tokens) == ("a", 100)
    assert (second.model, second.usage.output_tokens) == ("b", 20)
    assert first.usage.extras == {"web_search": 1}
    assert ask(GROQ, asked).fees == {"web_search": 10}
    assert ask(GROQ, {**ASKED, "model": "groq/compound-mini"}).fees == {"web_search": 1}


def test_a_breakdown_that_does_not_add_up_is_not_billed():
    """Then the whole is."""
    told = {
        "model": "groq/compound",
        "usage": {"prompt_tokens": 300, "completion_tokens": 30},
        "usage_breakdown": {"models": [{"model": "a", "usage": {"completion_tokens": 10}}]},
    }
    (charge,) = answer(GROQ, ASKED, told).charges
    assert charge.usage.output_tokens == 30


def test_only_openai_stops_a_completion_at_sixteen_tokens():
    """Others go on to the model's own maximum."""
    asked = {"model": "m", "prompt": "once"}
    assert ask("https://api.openai.com/v1/completions", asked).output_limit == 16
    assert ask("https://api.together.xyz/v1/completions", asked).output_limit is None


def test_searches_of_deepseeks_are_only_tokens():
    """What they read is in the usage, and there is no fee."""
    told = {
        "id": "r",
        "model": "deepseek-v4-flash",
        "status": "completed",
        "output": [{"type": "web_search_call", "action": {"type": "search"}}],
        "usage": {"input_tokens": 29_000, "output_tokens": 100},
    }
    (charge,) = answer("https://api.deepseek.com/responses", ASKED, told).charges
    assert charge.usage.extras == {}


COSTS = [
    ("https://api.avian.io/v1/chat/completions", {"usage": {**USAGE, "cost": 0.0001232}}),
    ("https://api.venice.ai/api/v1/chat/completions", {"usage": USAGE, "cost": {"usd": 0.0001232}}),
]


@pytest.mark.parametrize(("url", "told"), COSTS)
def test_a_bill_that_is_told_counts(url, told):
    """To the last digit, beside the tokens."""
    reading = answer(url, ASKED, {"model": "m", **told})
    assert reading.billed_usd == Decimal("0.0001232")
    assert reading.charges[0].usage.input_tokens == 100


def test_a_bill_in_the_middle_of_a_stream_is_not_final():
    """Perplexity's first chunks tell no fee yet; what breaks off there is not that cheap."""
    url = "https://api.perplexity.ai/chat/completions"
    early = {"model": "sonar", "choices": [], "usage": {**USAGE, "cost": {"total_cost": 0}}}
    early["choices"] = [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}]
    last = {**early, "choices": STOP, "usage": {**USAGE, "cost": {"total_cost": 0.005012}}}
    asked = {**ASKED, "model": "sonar", "stream": True}
    assert stream(url, asked, early, last).billed_usd == Decimal("0.005012")
    broken = answer(
        url, asked, b'data: {"model":"sonar","usage":{"prompt_tokens":8,"completion_tokens":1,'
        b'"cost":{"total_cost":0}},"choices":[{"delta":{"content":"1"},"finish_reason":null}]}\n\n',
        content_type="text/event-stream",
    )  # fmt: skip
    assert not broken.complete
    assert broken.billed_usd is None


def test_venices_own_prompt_is_held_unless_it_is_off():
    """It is in nobody's request, and on everybody's bill."""
    url = "https://api.venice.ai/api/v1/chat/completions"
    assert ask(url, ASKED).extra_input == 4_000
    off = {**ASKED, "venice_parameters": {"include_venice_system_prompt": False}}
    assert ask(url, off).extra_input == 0


def test_no_two_providers_have_one_name():
    """Budgets and prices go by it."""
    names = [provider.name for provider in PROVIDERS]
    assert len(names) == len(set(names))
