"""What tools of a vendor's own add to a prompt that only declares them."""

from llmcap.metering.declared import _KNOWN_MAX, ANSWERS_MAX, Declared, key_of

SEARCH = {"tools": [{"type": "web_search", "user_location": {"type": "approximate"}}]}
KEY = key_of("openai", "gpt-4o-mini", SEARCH)


def test_the_least_of_the_first_answers_is_what_they_add() -> None:
    """A use only adds to it, and a count of ours that is too high makes nothing negative."""
    known = Declared()
    assert known.tokens(KEY) == 0
    for tokens in (9_000, 300, 310):
        assert known.wants(KEY)
        known.learn(KEY, tokens)
    assert ANSWERS_MAX == 3
    assert (known.wants(KEY), known.tokens(KEY)) == (False, 300)
    other = key_of("openai", "gpt-4o", SEARCH)
    known.learn(other, -5)
    assert known.tokens(other) == 0


def test_tools_are_known_again_however_their_fields_are_ordered() -> None:
    """And the text of a request beside them says nothing."""
    (tool,) = SEARCH["tools"]
    turned = {"tools": [dict(reversed(tool.items()))], "input": "hello"}
    assert key_of("openai", "gpt-4o-mini", turned) == KEY
    assert key_of("openai", "gpt-4o-mini", {"tools": [tool, tool]}) != KEY


def test_no_more_are_remembered_than_fit() -> None:
    """Whoever makes up tools fills no memory."""
    known = Declared()
    for number in range(_KNOWN_MAX + 1):
        known.learn(("openai", str(number), b""), 1)
    assert known.tokens(("openai", "0", b"")) == 0
    assert known.tokens(("openai", str(_KNOWN_MAX), b"")) == 1
