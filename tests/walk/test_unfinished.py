"""What an answer without usage is taken to have cost."""

from datetime import timedelta

import pytest
from walk import (
    INPUT_NANOS,
    OUTPUT_NANOS,
    answer,
    begin,
    chat,
    chunk,
    completion,
    post,
    walk,
)

from llmcap.words.records import Ending

LIMIT = 4_000
WORDS = 200  # single tokens of o200k_base, one a space


def broken_off(*, request=None, words: int = WORDS, whole: bool = False):
    """A call of gpt-4o-mini that ended without telling its usage, and what it was billed."""
    there = walk("10")
    call = there.admit(request or chat(stream=True, max_tokens=LIMIT))
    begin(call, stream=True)
    there.clock.forward(seconds=60)
    for _ in range(words):
        call.feed(chunk("word "))
    if whole:
        call.finish()
    else:
        call.broke("the provider broke it off", sent=True)
    assert call.settlement.ending is Ending.ASSUMED
    return there, call


def test_output_is_counted_not_taken_for_its_bytes():
    """A tenth above tiktoken's count, and nothing unseen where the answer came to its end."""
    there, call = broken_off(whole=True)
    assert WORDS <= call.settlement.usage.output_tokens <= WORDS * 11 // 10 + 2
    assert there.balance.spent == call.settlement.cost_nanos


def test_input_is_counted_too_though_its_bytes_were_enough_to_admit_it():
    """Fifty thousand words are no five hundred thousand tokens."""
    long = chat(stream=True, max_tokens=LIMIT)
    long.body = long.body.replace(b'"content": "', b'"content": "' + b"word " * 50_000)
    _, call = broken_off(request=long, words=1, whole=True)
    assert 50_000 * INPUT_NANOS < call.settlement.cost_nanos < 60_000 * INPUT_NANOS


def test_nothing_above_the_limit_is_assumed():
    """The provider keeps to it: what is unseen cannot be beyond."""
    there, call = broken_off(request=chat(stream=True, max_tokens=210))
    assert call.settlement.usage.output_tokens == 210
    # What a project may have by default (priority: 250 and 1,000) is not told before it breaks off.
    assert there.balance.spent <= 210 * 1_000 + 500 * 250


def test_a_provider_that_certainly_passed_its_limit_is_billed_for_that():
    """More than was held: an overrun, posted in full."""
    _, call = broken_off(request=chat(stream=True, max_tokens=10), words=700)
    assert call.settlement.usage.output_tokens >= 700
    assert call.settlement.cost_nanos >= 700 * OUTPUT_NANOS


@pytest.mark.parametrize("content", [b"", b'"reasoning_effort": "high", '])
def test_work_that_does_not_show_is_not_free(content):
    """A model that reasons may have reasoned up to its limit."""
    hidden = chat(stream=True, max_completion_tokens=LIMIT)
    hidden.body = hidden.body.replace(b"gpt-4o-mini", b"o4-mini").replace(b"{", b"{" + content, 1)
    there, call = broken_off(request=hidden, whole=True)
    assert there.balance.spent == call.settlement.cost_nanos >= LIMIT * 4_400


def test_pictures_whose_answer_tells_no_usage_cost_what_was_held():
    """A link to one has fewer bytes than a token of it has cents."""
    there = walk("10")
    body = {"model": "gpt-image-1", "prompt": "x", "size": "1024x1024", "quality": "medium"}
    call = there.admit(post("/v1/images/generations", body))
    answer(call, b'{"created": 1, "data": [{"url": "https://example.com/a.png"}]}')
    assert call.settlement.ending is Ending.ASSUMED
    assert call.settlement.cost_nanos == call.held.hold.held_nanos > 1_056 * 40_000


@pytest.mark.parametrize("cap", ["0.0012", "10"])
def test_a_provider_that_passes_its_limit_with_many_tokens_an_event_is_not_trusted(cap):
    """Its events are few, and its tokens are counted: it is cut, or held for what it writes."""
    there = walk(cap)
    there.firewall.shared.counter.load()
    call = there.admit(chat(stream=True, max_tokens=1_000))
    begin(call, stream=True)
    written = 0
    while written < 4_000 and not call.cut:
        there.clock.forward(seconds=0.05)
        call.feed(chunk("word " * 10))
        written += 10
    assert call.cut == (cap == "0.0012")
    assert written <= 1_200 if call.cut else there.balance.held >= written * OUTPUT_NANOS


@pytest.mark.parametrize(
    ("read", "written", "told_nanos"),
    [
        pytest.param(0, 5_000, 5_000 * OUTPUT_NANOS, id="nothing read, and more than its limit"),
        pytest.param(90_000, 1, 90_000 * INPUT_NANOS, id="less than its text can have"),
    ],
)
def test_a_usage_that_cannot_be_true_is_booked_at_no_less_than_it_tells(
    read, written, told_nanos
) -> None:
    """What a provider has told it will bill, above all that was held too."""
    said = {"role": "assistant", "content": "word " * 60}
    choices = [{"index": 0, "message": said, "finish_reason": "stop"}]
    there = walk("10")
    call = there.admit(chat(max_tokens=100))
    answer(call, completion(read, written, choices=choices))
    assert call.settlement.ending is Ending.ASSUMED
    assert there.balance.spent == call.settlement.cost_nanos >= told_nanos
    assert call.settlement.cost_nanos > call.held.hold.held_nanos
    assert call.settlement.usage.input_tokens >= read
    assert call.settlement.usage.output_tokens >= written


@pytest.mark.parametrize("ours", [True, False], ids=["our end", "the provider's connection"])
@pytest.mark.parametrize("words", [0, 1, 40])
def test_what_nobody_read_at_a_pace_that_nobody_measured_costs_what_its_model_writes(words, ours):
    """Nothing that was seen until then says how much it is."""
    there = walk("10")
    paces = there.firewall.shared.paces
    for _ in range(100):
        paces.observe(
            "openai", "gpt-4o-mini", tokens=2_000, elapsed=timedelta(seconds=1), streamed=True
        )
    call = there.admit(chat(stream=True, max_tokens=LIMIT))
    there.clock.forward(seconds=0.05)
    begin(call, stream=True)
    for _ in range(words):
        call.feed(chunk("word "))
    call.broke("it ended", sent=True, ours=ours)
    made = words + 2_000 * 0.15
    assert made <= call.settlement.usage.output_tokens <= LIMIT
    assert there.balance.spent >= made * OUTPUT_NANOS
