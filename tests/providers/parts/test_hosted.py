"""Promise: what hosted tools may add is bounded by how often they may be used."""

from llmcap.providers.parts.hosted import NONE, RESULT_TOKENS, tools


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
