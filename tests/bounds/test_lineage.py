"""What is remembered of responses that later calls continue."""

from llmcap.bounds.lineage import REMEMBERED_MAX, Lineage


def test_a_response_is_remembered_by_provider_and_id():
    """The same id of another provider is another response."""
    lineage = Lineage()
    lineage.remember("openai", "resp_1", 1200)
    assert lineage.tokens("openai", "resp_1") == 1200
    assert lineage.tokens("azure-openai", "resp_1") is None
    assert lineage.tokens("openai", None) is None


def test_of_responses_with_one_id_the_largest_counts():
    """A small one said later would hold too little for whoever continues the other."""
    lineage = Lineage()
    for tokens in (1_200, 50, 1_300, 7):
        lineage.remember("openai", "resp_1", tokens)
    assert lineage.tokens("openai", "resp_1") == 1_300


def test_a_response_without_an_id_is_not_remembered():
    """There is nothing under which it could be continued."""
    lineage = Lineage()
    lineage.remember("openai", None, 5)
    lineage.remember("openai", "", 5)
    assert lineage.tokens("openai", "") is None


def test_the_oldest_are_forgotten():
    """Memory is bounded, and what was used last stays longest."""
    lineage = Lineage()
    for number in range(REMEMBERED_MAX + 1):
        lineage.remember("openai", f"resp_{number}", number)
    assert lineage.tokens("openai", "resp_0") is None
    assert lineage.tokens("openai", f"resp_{REMEMBERED_MAX}") == REMEMBERED_MAX
