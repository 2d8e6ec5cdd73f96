"""What prompts have read, for those that begin with them."""

import pytest

from llmcap.metering.asked import (
    _KNOWN_MAX,
    _WAITING_BYTES_MAX,
    _WAITING_MAX,
    ADDED_TOKENS,
    Asked,
)

TOLD = 700
HELLO = {"role": "user", "content": "hello"}
ANSWER = {"role": "assistant", "content": "good day"}
AGAIN = {"role": "user", "content": "and again"}


def chat(*messages, **beside):
    """A request with these messages."""
    return {"model": "m", "messages": list(messages), "stream": True, **beside}


def characters(texts) -> int:
    """A bound that a test can tell by hand."""
    return sum(map(len, texts))


@pytest.fixture
def known() -> Asked:
    """One answer has told."""
    known = Asked()
    known.learn("xai", chat(HELLO, max_tokens=10), TOLD)
    return known


def test_the_same_prompt_reads_what_it_read(known):
    """Whatever its answer is limited to, and with room for a date of its vendor's."""
    body = chat(HELLO, max_tokens=99, temperature=1)
    assert known.most("xai", body, characters) == TOLD + ADDED_TOKENS


def test_a_longer_one_reads_its_further_messages_besides(known):
    """As they stand there."""
    most = known.most("xai", chat(HELLO, ANSWER, AGAIN), characters)
    further = '{"content": "good day", "role": "assistant"}{"content": "and again", "role": "user"}'
    assert most == TOLD + ADDED_TOKENS + len(further)
    known.learn("xai", chat(HELLO, ANSWER, AGAIN), 720)
    assert known.most("xai", chat(HELLO, ANSWER, AGAIN), characters) == 720 + ADDED_TOKENS


def test_the_most_that_was_told_counts(known):
    """A vendor may have added less to one of them."""
    known.learn("xai", chat(HELLO), TOLD - 5)
    assert known.most("xai", chat(HELLO), characters) == TOLD + ADDED_TOKENS


@pytest.mark.parametrize(
    "body",
    [
        chat(AGAIN),
        chat(AGAIN, HELLO),
        chat({**HELLO, "role": "system"}),
        chat(HELLO) | {"model": "other"},
        chat(HELLO, tools=[{"type": "function"}]),
        chat(HELLO, response_format={"type": "json_object"}),
        chat(HELLO, something="new"),
        chat(),
        {"model": "m", "prompt": "hello"},
        chat(HELLO) | {"input": "hello"},
    ],
    ids=lambda body: str(body)[:60],
)
def test_another_prompt_is_not_known(known, body):
    """With another beginning, another model, or anything beside it that a model may read."""
    assert known.most("xai", body, characters) is None


def test_another_vendor_adds_other_things(known):
    """The same model may be sold by both."""
    assert known.most("openrouter", chat(HELLO), characters) is None


def test_an_input_of_one_text_is_one_message():
    """As OpenAI's responses allow."""
    known = Asked()
    known.learn("xai", {"model": "m", "input": "hello"}, TOLD)
    assert known.most("xai", {"model": "m", "input": "hello"}, characters) == TOLD + ADDED_TOKENS
    assert known.most("xai", {"model": "m", "input": "hellos"}, characters) is None


def test_no_more_are_remembered_than_fit():
    """Whoever makes up prompts fills no memory."""
    known = Asked()
    for number in range(_KNOWN_MAX + 1):
        known.learn("xai", {"model": str(number), "input": "x"}, 1)
    assert known.most("xai", {"model": "0", "input": "x"}, characters) is None
    assert known.most("xai", {"model": "1", "input": "x"}, characters) == 1 + ADDED_TOKENS


@pytest.mark.parametrize(
    "beside",
    [{"truncation": "auto"}, {"transforms": ["middle-out"]}, {"context_management": [{}]}],
    ids=str,
)
def test_a_prompt_that_its_vendor_may_shorten_tells_nothing(beside):
    """A longer one may then have read less."""
    known = Asked()
    known.learn("xai", chat(HELLO, **beside), TOLD)
    assert known.most("xai", chat(HELLO, AGAIN, **beside), characters) is None


def test_who_waits_is_told_by_the_same_prompt_and_by_longer_ones():
    """Each time that it may be less; the same prompt ends the waiting, another says nothing."""
    known, told = Asked(), []
    known.wait("xai", chat(HELLO), 100, told.append)
    known.learn("xai", chat(AGAIN), 5)
    known.learn("xai", chat(HELLO, tools=[{"type": "function"}]), 5)
    known.learn("openrouter", chat(HELLO), 5)
    assert told == []
    known.learn("xai", chat(HELLO, ANSWER, AGAIN), 720)
    known.learn("xai", chat(HELLO), TOLD)
    known.learn("xai", chat(HELLO), TOLD)
    assert told == [720 + ADDED_TOKENS, TOLD + ADDED_TOKENS]


@pytest.mark.parametrize(
    "thought",
    [
        {"type": "reasoning", "encrypted_content": "gAAAA", "summary": []},
        {
            "role": "assistant",
            "content": "",
            "reasoning_content": "a user greets",
            "tool_calls": [],
        },
        {"role": "assistant", "content": "<think>a user greets</think>good day"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "a user greets"}]},
    ],
    ids=["an item", "beside", "within", "a part"],
)
def test_a_longer_prompt_tells_nothing_of_one_with_thoughts_in_it(thought):
    """They are left out when the turn has ended: the longer one may have read less."""
    known, told = Asked(), []
    result = {"role": "tool", "content": "x", "tool_call_id": "1"}
    known.wait("xai", chat(HELLO, thought, result), 100, told.append)
    known.learn("xai", chat(HELLO, thought, result, ANSWER, AGAIN), 20)
    assert told == []
    known.learn("xai", chat(HELLO, thought, result), TOLD)
    assert told == [TOLD + ADDED_TOKENS]


def test_what_a_user_thinks_is_read_for_good():
    """Only what a model wrote is left out."""
    known, told = Asked(), []
    thinks = {"role": "user", "content": "I think that this is the reason"}
    known.wait("xai", chat(thinks, ANSWER, AGAIN), 100, told.append)
    known.learn("xai", chat(thinks, ANSWER, AGAIN, ANSWER, AGAIN), TOLD)
    assert told == [TOLD + ADDED_TOKENS]


@pytest.mark.parametrize(
    ("count", "size"), [(_WAITING_MAX, 1), (4, _WAITING_BYTES_MAX // 4)], ids=["many", "large"]
)
def test_the_oldest_that_waits_is_forgotten(count, size):
    """What waits keeps a request, so that many of them, or large ones, would fill the memory."""
    known, told = Asked(), []
    for number in range(count + 1):
        body = {"model": str(number), "input": "x"}
        known.wait("xai", body, size, lambda _, number=number: told.append(number))
    for number in range(count + 1):
        known.learn("xai", {"model": str(number), "input": "x"}, 1)
    assert told == list(range(1, count + 1))
