"""Promise: what hosted tools may add is bounded by how often they may be used."""

import json

import pytest
from walk import post

from llmcap.providers import match
from llmcap.providers.parts.hosted import NONE, RESULT_TOKENS, USES, results_of, tools
from llmcap.providers.parts.shape import Endpoint
from llmcap.providers.xai.grpc import ROUTES as GRPC


def test_no_tools_add_nothing():
    """One pass over the input, no fee."""
    assert tools({}) == NONE
    assert (NONE.loops, NONE.result_tokens, dict(NONE.fees)) == (1, 0, {})


def test_results_pile_up_over_the_rounds():
    """Round k reads k results: the average times the rounds is exactly their sum."""
    for uses in (1, 2, 5, 10):
        bound = tools({"web_search": uses})
        assert bound.loops == uses + 1
        assert bound.loops * bound.result_tokens >= sum(range(uses + 1)) * RESULT_TOKENS


def test_uses_without_a_fee_count_as_rounds_only():
    """Fetching a page costs nothing but reading it."""
    bound = tools({"web_search": 2}, unpriced_uses=3)
    assert (dict(bound.fees), bound.loops) == ({"web_search": 2}, 6)


# A response, or what its vendor has in place of one, that may use a tool of the vendor's.
SEARCHING = {
    "anthropic": ("api.anthropic.com", "/v1/messages", {
        "max_tokens": 9, "messages": [], "tools": [{"type": "web_search_20250305"}],
    }),
    "openai": ("api.openai.com", "/v1/responses", {"tools": [{"type": "web_search"}]}),
    "openai/deep-research": ("api.openai.com", "/v1/responses", {
        "model": "o3-deep-research", "tools": [{"type": "web_search"}],
    }),
    "xai": ("api.x.ai", "/v1/responses", {"tools": [{"type": "web_search"}]}),
    "openrouter": (
        "openrouter.ai", "/api/v1/responses", {"tools": [{"type": "openrouter:web_search"}]},
    ),
    "groq": ("api.groq.com", "/openai/v1/chat/completions", {"model": "groq/compound"}),
    "groq/compound-mini": (
        "api.groq.com", "/openai/v1/chat/completions", {"model": "groq/compound-mini"},
    ),
    "google": (
        "generativelanguage.googleapis.com", "/v1beta/models/gemini-3-flash:generateContent",
        {"contents": [], "tools": [{"googleSearch": {}}]},
    ),
    "mistral": ("api.mistral.ai", "/v1/conversations", {"tools": [{"type": "web_search"}]}),
}  # fmt: skip


def searching(name: str) -> tuple[Endpoint, dict]:
    """The endpoint, and the request of a call that may search as often as its vendor lets it."""
    host, path, body = SEARCHING[name]
    _, endpoint = match(host, "POST", path)
    return endpoint, {"model": "m", **body}


def searches(name: str, body: dict) -> int:
    """How many searches such a request is held for."""
    host, path, _ = SEARCHING[name]
    endpoint, _ = searching(name)
    return endpoint.read(post(path, body, host=host)).fees["web_search"]


@pytest.mark.parametrize("name", USES)
def test_as_many_uses_are_held_as_a_vendor_allows_and_its_field_lowers_them(name):
    """Where it has none, nothing in the request can; each row says where that is from."""
    row = USES[name]
    endpoint, body = searching(name)
    assert searches(name, body) == row.most
    assert bool(row.field) == (endpoint.limit_tools is not None)
    assert row.source.startswith("https://")
    if row.field:
        lowered = endpoint.limit_tools(body, 2)
        assert json.dumps(row.field.rpartition(".")[2]) in json.dumps(lowered)
        assert searches(name, lowered) == 2


def test_what_openrouter_ignores_beside_other_conditions_lowers_nothing():
    """A limit of steps counts only where no `stop_server_tools_when` is there."""
    endpoint, body = searching("openrouter")
    lowered = endpoint.limit_tools(body, 2) | {"stop_server_tools_when": [{"type": "max_cost"}]}
    assert searches("openrouter", lowered) == USES["openrouter"].most
    assert searches("openrouter", body | {"max_tool_calls": 99}) == USES["openrouter"].most


def test_every_call_of_xais_grpc_that_generates_can_be_lowered():
    """By the same turns as its other API."""
    limited = [each for _, _, each in GRPC if each.limit_body is not None]
    assert limited
    assert all(each.limit_tools_body is not None for each in limited)


def test_results_that_are_somebody_elses_have_no_bound_of_their_own():
    """In each vendor's spelling, once for each type; searches and code have recorded sizes."""
    assert len(results_of(["mcp", "mcp", "url_context", "mcp_toolset"])) == 3
    assert results_of(["web_search", "code_execution_20260120", "function", ""]) == ()
