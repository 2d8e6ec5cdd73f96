"""Refusals and fallbacks cost what their vendor bills, by category and by date."""

from datetime import UTC, datetime

import pytest

from llmcap.providers.anthropic.batches import BatchResultsReader
from llmcap.providers.anthropic.bill import message_charges
from llmcap.providers.anthropic.messages import MessagesReader
from llmcap.providers.bedrock.invoke import InvokeReader
from llmcap.providers.compatible import ResoldMessagesReader
from llmcap.providers.parts.shape import Ask
from llmcap.words.records import Usage

FABLE, OPUS = "claude-fable-5", "claude-opus-4-8"
NOW = datetime(2026, 11, 25, tzinfo=UTC)
SUMMER = datetime(2026, 8, 1, tzinfo=UTC)
SPRING = datetime(2026, 5, 1, tzinfo=UTC)


def refusal(category, content=(), output=0):
    """A message that was refused, in a category or in none."""
    details = {"type": "refusal", "category": category}
    return {
        "type": "message",
        "model": FABLE,
        "content": list(content),
        "stop_reason": "refusal",
        "stop_details": details if category else None,
        "usage": {"input_tokens": 412, "output_tokens": output},
    }


def of(message, reader=MessagesReader):
    """The charges of a whole message."""
    made = reader(Ask(model=FABLE))
    made.body(message)
    return made.reading().charges


@pytest.mark.parametrize(
    ("category", "free_in"),
    [
        ("cyber", (SUMMER, NOW)),
        ("general_harms", (SUMMER, NOW)),
        (None, (SUMMER, NOW)),
        ("bio", (SUMMER,)),
        ("frontier_llm", (SUMMER,)),
        ("reasoning_extraction", (SUMMER,)),
        ("a new one", ()),
    ],
)
def test_a_refusal_before_any_output_is_free_by_category_and_date(category, free_in):
    """A category that nobody knows is billed; so was every one until June 2026."""
    (charge,) = of(refusal(category))
    assert tuple(at for at in (SPRING, SUMMER, NOW) if charge.is_free(at)) == free_in
    assert charge.usage.input_tokens == 412, "what was told stays told"


def test_no_content_is_no_output_whatever_is_counted():
    """Refusals tell a few output tokens that nobody saw."""
    (charge,) = of(refusal("cyber", output=3))
    assert charge.is_free(NOW)


@pytest.mark.parametrize(
    "content", [{"type": "text", "text": "Well"}, {"type": "thinking", "thinking": ""}]
)
def test_a_refusal_after_output_is_billed(content):
    """Also where only a thought was begun."""
    (charge,) = of(refusal("cyber", [content], output=10))
    assert not charge.is_free(NOW)


@pytest.mark.parametrize("begun", [False, True])
def test_a_streamed_refusal_is_as_a_whole_one(begun):
    """The reason comes with the last usage."""
    message = refusal("cyber")
    reader = MessagesReader(Ask(model=FABLE, stream=True))
    reader.event({"type": "message_start", "message": {**message, "stop_reason": None}})
    if begun:
        block = {"type": "text", "text": ""}
        reader.event({"type": "content_block_start", "content_block": block})
    delta = {key: message[key] for key in ("stop_reason", "stop_details")}
    reader.event({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 0}})
    reading = reader.reading()
    assert reading.complete
    assert reading.charges[0].is_free(NOW) is not begun


def test_a_refusal_is_free_in_a_batch_and_on_bedrock_too():
    """The rule is the vendor's, for all platforms; a reseller's is its own."""
    assert of(refusal("cyber"), InvokeReader)[0].is_free(NOW)
    line = BatchResultsReader(Ask(model=""))
    line.event({"result": {"type": "succeeded", "message": refusal("cyber")}})
    assert line.reading().charges[0].is_free(NOW)
    assert not of(refusal("cyber"), ResoldMessagesReader)[0].is_free(NOW)


# --- fallbacks ------------------------------------------------------------------------------


def entry(model, read, written, kind="message"):
    """A pass."""
    return {"type": kind, "model": model, "input_tokens": read, "output_tokens": written}


def fallback(category, *passes, content=(), model=OPUS):
    """A message that a fallback answered."""
    trigger = {"type": "refusal", "category": category}
    handed = {"type": "fallback", "from": {"model": FABLE}, "to": {}, "trigger": trigger}
    return {
        "model": model,
        "content": [*content, handed, {"type": "text", "text": "ok"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 412, "output_tokens": 264, "iterations": list(passes)},
    }


SERVED = entry(OPUS, 412, 264, "fallback_message")


@pytest.mark.parametrize(("category", "free"), [("cyber", True), ("frontier_llm", False)])
def test_who_declined_before_output_is_billed_by_the_category(category, free):
    """Its block tells it."""
    answer, declined = of(fallback(category, entry(FABLE, 408, 0), SERVED))
    assert (answer.model, answer.is_free(NOW)) == (OPUS, False)
    assert (declined.model, declined.is_free(NOW)) == (FABLE, free)


def test_who_declined_after_output_is_billed():
    """What it wrote stands before the block."""
    wrote = {"type": "text", "text": "Well"}
    _, declined = of(fallback("cyber", entry(FABLE, 408, 9), SERVED, content=[wrote]))
    assert not declined.is_free(NOW)


def test_a_model_of_two_names_is_billed_once():
    """The message names it as the request did, its pass by the full name."""
    told = fallback("cyber", entry(FABLE, 408, 0), entry(f"{OPUS}-20260601", 412, 264))
    answer, declined = of(told)
    assert (answer.model, answer.usage) == (OPUS, Usage(412, 264))
    assert declined.model == FABLE


def test_each_of_a_chain_is_billed_for_itself():
    """The first declined before it wrote, the second after."""
    passes = [entry(FABLE, 408, 0), entry("claude-opus-5", 410, 7), SERVED]
    usage = {"input_tokens": 412, "output_tokens": 264, "iterations": passes}
    answer, first, second = message_charges(usage, OPUS)
    assert (answer.is_free(NOW), first.is_free(NOW), second.is_free(NOW)) == (False, True, False)


def test_a_refusal_of_the_last_one_is_free_beside_those_before():
    """Every attempt was declined, none wrote."""
    told = {**refusal("cyber"), "model": OPUS}
    told["usage"] = {
        "input_tokens": 412,
        "output_tokens": 0,
        "iterations": [entry(FABLE, 408, 0), entry(OPUS, 412, 0, "fallback_message")],
    }
    assert [charge.is_free(NOW) for charge in of(told)] == [True, True]


def test_helpers_of_other_models_are_billed():
    """An advisor and a summary are no attempts, also where they wrote nothing."""
    advice = entry("claude-opus-5", 50, 0, "advisor_message")
    passes = [entry(OPUS, 412, 264), advice]
    usage = {"input_tokens": 412, "output_tokens": 264, "iterations": passes}
    assert [charge.is_free(NOW) for charge in message_charges(usage, OPUS)] == [False, False]
