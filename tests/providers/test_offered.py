"""Promise: a tool costs the same wherever in a request it stands."""

from typing import Any

import pytest
from exchanging import answer, ask

from llmcap.providers.parts.offered import offered

RESPONSES = "https://api.openai.com/v1/responses"
MESSAGES = "https://api.anthropic.com/v1/messages"
HOSTED = [
    {"type": "web_search"},
    {"type": "file_search", "vector_store_ids": ["a"]},
    {"type": "code_interpreter", "container": {"type": "auto"}},
    {"type": "image_generation"},
    {"type": "mcp", "server_label": "s", "server_url": "https://a.b"},
]
SAID = {"type": "message", "role": "user", "content": "hello"}


def inside(tools: list[dict[str, Any]], way: str) -> dict[str, Any]:
    """A request to the Responses API that brings its tools along in one of these ways."""
    if way == "in front":
        return {"model": "gpt-5", "input": [SAID], "tools": tools}
    if way == "in a namespace":
        space = {"type": "namespace", "name": "n", "tools": tools}
        return {"model": "gpt-5", "input": [SAID], "tools": [space]}
    item = {"type": way, "role": "developer", "tools": tools}
    return {"model": "gpt-5", "input": [item, SAID]}


@pytest.mark.parametrize("tool", HOSTED, ids=lambda tool: tool["type"])
@pytest.mark.parametrize("way", ["in a namespace", "additional_tools", "tool_search_output"])
@pytest.mark.parametrize("host", ["api.openai.com", "api.x.ai", "api.groq.com/openai"])
def test_openais_hosted_tools_are_held_wherever_they_stand(tool, way, host):
    """Their fees, what they find, and the passes that they make."""
    url = f"https://{host}/v1/responses"
    plain, moved = ask(url, inside([tool], "in front")), ask(url, inside([tool], way))
    for name in ("fees", "loops", "extra_input", "extra_output", "other_models", "tools"):
        assert getattr(moved, name) == getattr(plain, name), name
    assert moved.tools
    assert ask(url, {"model": "gpt-5", "input": [SAID]}).loops == 1


def test_tools_of_the_caller_are_tools_too():
    """As Codex sends them: the vendor wraps them in a prompt of its own."""
    functions = [{"type": "function", "name": "f"}, {"type": "custom", "name": "g"}]
    asked = ask(RESPONSES, inside(functions, "additional_tools"))
    assert (asked.tools, asked.loops, asked.fees) == (True, 1, {})


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 3},
        {"type": "code_execution_20260120", "name": "code_execution"},
        {"type": "advisor_20260301", "name": "advisor", "model": "claude-opus-4-5"},
    ],
    ids=lambda tool: tool["type"],
)
def test_anthropics_tools_are_held_when_a_message_adds_them(tool):
    """By their definition; a reference is to one that stands elsewhere."""
    said = {"role": "user", "content": [{"type": "text", "text": "hello"}]}
    added = {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": tool}}
    named = {"type": "tool_addition", "tool": {"type": "tool_reference", "name": tool["name"]}}
    body = {"model": "claude-sonnet-4-5", "max_tokens": 100}
    plain = ask(MESSAGES, {**body, "messages": [said], "tools": [tool]})
    told = {"role": "user", "content": [named, added]}
    moved = ask(MESSAGES, {**body, "messages": [said, told]})
    for name in ("fees", "loops", "extra_input", "extra_output", "other_models", "tools"):
        assert getattr(moved, name) == getattr(plain, name), name


@pytest.mark.parametrize("value", [None, "x", 1, {}, [1, None, "x"], [{"tools": 3}], [[{}]]])
def test_whatever_stands_there_is_taken(value):
    """A malformed request is the provider's to refuse."""
    for body in (
        {"tools": value},
        {"input": value},
        {"input": [{"type": "additional_tools", "tools": value}]},
        {"messages": [{"content": [{"type": "tool_addition", "tool": value}]}]},
    ):
        assert isinstance(offered(body), list)


def test_lists_in_lists_end_somewhere():
    """However deep a request nests them."""
    tool: dict[str, Any] = {"type": "web_search"}
    for _ in range(200):
        tool = {"type": "namespace", "tools": [tool]}
    assert len(offered({"tools": [tool]})) == 1


AZURE = "https://x.openai.azure.com/openai/v1/responses"


@pytest.mark.parametrize("kind", ["bing_grounding", "bing_custom_search_preview"])
def test_azures_searches_have_the_fee_of_a_web_search(kind: str) -> None:
    """They are counted by their calls."""
    asked = {"model": "gpt-4.1", "input": "hi", "tools": [{"type": kind}]}
    assert ask(AZURE, asked).fees["web_search"] > 0
    told = {"output": [{"type": f"{kind}_call"}] * 3, "usage": {"input_tokens": 1}}
    assert answer(AZURE, asked, told).charges[0].usage.extras == {"web_search": 3}


@pytest.mark.parametrize("kind", ["azure_ai_search", "openapi", "sharepoint_grounding_preview"])
def test_what_azures_other_tools_return_is_read_again_and_again(kind: str) -> None:
    """Their own bill is with their own resource."""
    found = ask(AZURE, {"model": "gpt-4.1", "input": "hi", "tools": [{"type": kind}]})
    assert found.fees == {}
    assert found.loops > 1
    assert found.extra_input > 0
