"""Plain prompts, whose tokens OpenAI says how to count, and what is none."""

import pytest

from llmcap.bounds.estimate import TokenCounter
from llmcap.providers.openai.prompts import chat_prompt, responses_prompt

HELLO = {"role": "user", "content": "Hello"}
SYSTEM = {
    "role": "system",
    "content": [{"type": "text", "text": "Be"}, {"type": "text", "text": "brief"}],
}


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        ({"messages": [HELLO]}, ["Hello"]),
        ({"messages": [SYSTEM, HELLO], "temperature": 1, "stream": True}, ["Be\nbrief", "Hello"]),
        ({"messages": [{**HELLO, "name": "anna"}]}, ["Hello\nanna"]),
        ({"messages": [HELLO], "tools": []}, ["Hello"]),
        ({"messages": [HELLO], "tools": [{"type": "function"}]}, None),
        ({"messages": [HELLO], "response_format": {"type": "json_schema"}}, None),
        ({"messages": [HELLO], "reasoning_effort": "high"}, None),
        ({"messages": [HELLO], "of_next_year": 1}, None),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, None),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, None),
        ({"messages": "Hello"}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_a_chat_is_plain_where_all_that_is_read_are_texts(body, texts):
    """A field that nobody has named here may be read too."""
    assert chat_prompt(body | {"model": "gpt-4o"}) == texts


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        ({"input": "Hello"}, ["Hello"]),
        ({"input": "Hello", "instructions": "Be brief"}, ["Be brief", "Hello"]),
        ({"input": [HELLO, {"type": "message", **HELLO}]}, ["Hello", "Hello"]),
        ({"input": [{"type": "item_reference", "id": "i"}]}, None),
        ({"input": "Hello", "previous_response_id": "resp_1"}, None),
        ({"input": "Hello", "prompt": {"id": "p"}}, None),
        ({"input": "Hello", "text": {"format": {"type": "json_schema"}}}, None),
        ({"input": "Hello", "instructions": ["Be brief"]}, None),
        ({"instructions": "Be brief"}, None),
    ],
)  # fmt: skip
def test_a_response_is_plain_likewise(body, texts):
    """What it continues or names is nothing that was seen."""
    assert responses_prompt(body | {"model": "gpt-4o"}) == texts


# Billed as OpenAI's page has it: `num_tokens_from_messages` of its example, and of one word.
EXAMPLE = [
    (
        "You are a helpful, pattern-following assistant that translates corporate jargon into "
        "plain English."
    ),
    "New synergies will help drive top-line growth.\nexample_user",
    "Things working well together will increase revenue.\nexample_assistant",
    (
        "Let's circle back when we have more bandwidth to touch base on opportunities for "
        "increased leverage.\nexample_user"
    ),
    "Let's talk later when we're less busy about how to do better.\nexample_assistant",
    "This late pivot means we don't have time to boil the ocean for the client deliverable.",
]


@pytest.mark.parametrize(("messages", "billed"), [(EXAMPLE, 124), (["Hello"], 8)])
def test_the_tokens_of_a_plain_prompt_are_known_but_for_a_few(messages, billed):
    """Never fewer than are billed: https://cookbook.openai.com, and recorded answers."""
    found = TokenCounter().read(messages, family="openai", model="gpt-4o-mini")
    assert billed <= found <= billed * 12 // 10 + 5


@pytest.mark.parametrize(
    ("family", "model"), [("openai", "gpt-4"), ("xai", "gpt-4o"), ("openai", "x")]
)
def test_in_another_vocabulary_nobody_knows_them(family, model):
    """And of whoever may add a prompt of its own."""
    assert TokenCounter().read(["Hello"], family=family, model=model) is None
