"""Promise: a message is bounded with its helpers; its bill is all passes, each at its model."""

import json

import pytest

from llmcap.providers.anthropic.batches import BatchResultsReader
from llmcap.providers.anthropic.messages import (
    ADVISOR_OUTPUT_DEFAULT,
    DEFINED_TOOL_TOKENS,
    MessagesReader,
    limit_messages,
    read_messages,
)
from llmcap.providers.anthropic.provider import BATCH, BATCH_RESULTS
from llmcap.providers.parts.hosted import USES_DEFAULT
from llmcap.providers.parts.shape import Ask, Document, Request
from llmcap.words.records import Charge, Reading, Usage

SONNET, OPUS = "claude-sonnet-5", "claude-opus-4-8"


def request(body: object, path: str = "/v1/messages") -> Request:
    """A request with this JSON body."""
    return Request(
        method="POST", host="api.anthropic.com", path=path, body=json.dumps(body).encode()
    )


def ask(**fields: object) -> Ask:
    """What a request with these fields asks for."""
    return read_messages(request({"model": SONNET, "max_tokens": 1_000, **fields}))


def streamed(*events: Document) -> Reading:
    """What the reader makes of these events."""
    reader = MessagesReader(Ask(model=SONNET, stream=True))
    for event in events:
        reader.event(event)
    return reader.reading()


def charged(usage: Document) -> tuple[Charge, ...]:
    """The charges of a whole message with this usage."""
    reader = MessagesReader(Ask(model=SONNET))
    reader.body({"model": SONNET, "content": [], "usage": usage})
    return reader.reading().charges


# --- requests -------------------------------------------------------------------------------


def test_server_tools_have_fees_and_loops():
    """A search costs; fetching and running code only make the model read again."""
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
    fetch = {"type": "web_fetch_20250910", "name": "web_fetch"}
    assert (ask(tools=[search]).fees, ask(tools=[search]).loops) == ({"web_search": 3}, 4)
    assert (ask(tools=[fetch]).fees, ask(tools=[fetch]).loops) == ({}, USES_DEFAULT + 1)
    assert ask(tools=[{"name": "own", "input_schema": {}}]).loops == 1


@pytest.mark.parametrize("dated", ["web_fetch_20250910", "web_fetch_20260209"])
def test_a_page_that_is_fetched_is_as_long_as_its_tool_allows(dated):
    """Without a limit it fills the window, with a large one it is larger than what is usual."""
    fetch = {"type": dated, "name": "web_fetch", "max_uses": 2}
    assert ask(tools=[fetch]).remote
    small, large = (ask(tools=[fetch | {"max_content_tokens": most}]) for most in (5_000, 100_000))
    assert not small.remote
    assert not large.remote
    # The first of three passes reads none, the last one both.
    assert large.extra_input * large.loops >= (100_000 + 200_000)
    assert large.extra_input > small.extra_input


def test_helpers_on_other_models_are_named_and_bounded():
    """Advisors and fallbacks write beside the limit, at their own prices."""
    advisor = {"type": "advisor_20260301", "name": "advisor", "model": OPUS, "max_tokens": 500}
    found = ask(tools=[{**advisor, "max_uses": 2}], fallbacks=[{"model": "claude-haiku-4-5"}])
    assert found.other_models == (OPUS, OPUS, "claude-haiku-4-5")
    assert found.loops == 3
    assert found.extra_output == 2 * 500 + 1_000
    unlimited = ask(tools=[{"type": "advisor_20260301", "model": OPUS}])
    assert unlimited.extra_output == USES_DEFAULT * ADVISOR_OUTPUT_DEFAULT


def test_a_tool_that_anthropic_defines_has_an_unseen_description():
    """Its schema is not in the request; a user's own is."""
    computer = {"type": "computer_20251124", "name": "computer"}
    assert ask(tools=[computer]).extra_input == DEFINED_TOOL_TOKENS
    assert ask(tools=[{"name": "own", "type": "custom"}, {"name": "older"}]).extra_input == 0


def test_dearer_terms_are_in_the_bound():
    """Fast mode and the United States cost more."""
    assert ask(speed="fast", inference_geo="us").terms == ("fast", "geo-us")
    assert ask(service_tier="auto").terms == ()


@pytest.mark.parametrize(
    "fields",
    [
        {"thread": {"type": "continue", "previous_message_id": "msg_1"}},
        {"container": "container_1"},
        {"container": {"id": "container_1"}},
        {"mcp_servers": [{"type": "url", "url": "https://example.com"}]},
    ],
    ids=str,
)
def test_context_that_only_the_provider_has_is_remote(fields):
    """The body's size says nothing about it."""
    assert ask(**fields).remote_input or ask(**fields).remote
    assert not ask().remote_input


def test_a_compaction_writes_beside_the_limit():
    """Its summary is billed and not in the totals."""
    edits = {"edits": [{"type": "compact_20260112"}]}
    assert ask(context_management=edits).extra_output == 1_000


CLAMPS = {
    "no thinking": ({}, 300, {"max_tokens": 300}),
    "a budget below": (
        {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        2_000,
        {"max_tokens": 2_000},
    ),
    "a budget above": (
        {"thinking": {"type": "enabled", "budget_tokens": 9_000}},
        4_000,
        {"max_tokens": 4_000, "thinking": {"type": "enabled", "budget_tokens": 2_000}},
    ),
    "the least budget": (
        {"thinking": {"type": "enabled", "budget_tokens": 9_000}},
        1_025,
        {"max_tokens": 1_025, "thinking": {"type": "enabled", "budget_tokens": 1_024}},
    ),
    "too low for thinking": (
        {"thinking": {"type": "enabled", "budget_tokens": 9_000}},
        1_024,
        None,
    ),
    "adaptive": ({"thinking": {"type": "adaptive"}}, 300, {"max_tokens": 300}),
    "nothing left": ({}, 0, None),
}


@pytest.mark.parametrize(("fields", "limit", "changed"), CLAMPS.values(), ids=CLAMPS)
def test_a_clamp_keeps_the_request_valid(fields, limit, changed):
    """`max_tokens` stays above the thinking budget, or there is no clamp."""
    body = {"model": SONNET, "max_tokens": 64_000, **fields}
    limited = limit_messages(body, limit)
    assert limited == (None if changed is None else {**body, **changed})


# --- answers --------------------------------------------------------------------------------

START = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "model": SONNET,
        "usage": {
            "input_tokens": 10,
            "output_tokens": 1,
            "cache_read_input_tokens": 5,
            "cache_creation_input_tokens": 7,
            "service_tier": "standard",
            "inference_geo": "us",
            "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4},
        },
    },
}
DELTA = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "hi"}}
END = {
    "type": "message_delta",
    "delta": {"stop_reason": "end_turn"},
    "usage": {"output_tokens": 20},
}


def test_cache_counts_come_on_top_of_the_input():
    """What was read is the sum of all three."""
    (charge,) = streamed(START).charges
    assert charge.usage == Usage(
        input_tokens=22, output_tokens=1, cache_read=5, cache_write_5m=3, cache_write_1h=4
    )
    assert charge.terms == ("geo-us",)


def test_the_last_delta_completes_and_keeps_what_it_does_not_say():
    """It has no split, no tier and no place; those of the start stay."""
    before, after = streamed(START, DELTA), streamed(START, DELTA, END)
    assert (before.complete, before.visible_bytes) == (False, 2)
    assert after.complete
    (charge,) = after.charges
    assert (charge.usage.output_tokens, charge.usage.cache_write_1h) == (20, 4)
    assert charge.terms == ("geo-us",)


def test_the_delta_revises_the_input():
    """Loops of server tools read much more than the request."""
    end = {**END, "usage": {"input_tokens": 404_500, "output_tokens": 20}}
    assert streamed(START, end).charges[0].usage.input_tokens == 404_512


def test_a_null_does_not_replace():
    """Fields that are null say nothing."""
    end = {**END, "usage": {"output_tokens": 20, "cache_read_input_tokens": None}}
    assert streamed(START, end).charges[0].usage.cache_read == 5


def test_a_cut_stream_has_its_input():
    """Known from the first event on, but not complete."""
    reading = streamed(START, DELTA, {"type": "ping"})
    assert not reading.complete
    assert reading.charges[0].usage.input_tokens == 22


def test_the_rest_of_the_split_has_the_short_lifetime():
    """The parts may sum to less than their total."""
    (charge,) = charged(
        {
            "input_tokens": 1,
            "output_tokens": 1,
            "cache_creation_input_tokens": 12_174,
            "cache_creation": {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 91},
        }
    )
    assert (charge.usage.cache_write_5m, charge.usage.cache_write_1h) == (12_083, 91)
    assert charge.usage.input_tokens == 12_175


ITERATIONS = [
    {
        "type": "compaction",
        "input_tokens": 100,
        "cache_read_input_tokens": 55_096,
        "output_tokens": 83,
    },
    {"type": "message", "input_tokens": 181, "output_tokens": 8},
]


def test_the_bill_is_the_sum_of_the_passes():
    """The totals above leave a compaction out."""
    (charge,) = charged({"input_tokens": 181, "output_tokens": 8, "iterations": ITERATIONS})
    assert charge.usage == Usage(input_tokens=55_377, output_tokens=91, cache_read=55_096)


def test_each_pass_is_billed_at_its_model():
    """An advisor is dearer than who asks it; fees are told once."""
    advisor = {"type": "advisor_message", "model": OPUS, "input_tokens": 2_529, "output_tokens": 38}
    own, other = charged(
        {
            "input_tokens": 181,
            "output_tokens": 8,
            "iterations": [ITERATIONS[1], advisor],
            "server_tool_use": {"web_search_requests": 2},
            "speed": "fast",
        }
    )
    assert (own.model, own.usage.output_tokens) == (SONNET, 8)
    assert own.usage.extras == {"web_search": 2}
    assert other == Charge(OPUS, Usage(input_tokens=2_529, output_tokens=38), ("fast",))


@pytest.mark.parametrize(
    ("told", "searches"), [({}, 2), ({"server_tool_use": {"web_search_requests": 1}}, 1)]
)
def test_searches_that_the_usage_leaves_out_are_those_that_were_shown(told, searches):
    """A seller may pass on the blocks, and not the counts."""
    use = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    own = {"type": "tool_use", "id": "t", "name": "web_search", "input": {}}
    reader = MessagesReader(ask())
    reader.body(
        {"content": [use, own, use], "usage": {"input_tokens": 5, "output_tokens": 2, **told}}
    )
    (charge,) = reader.reading().charges
    assert charge.usage.extras == {"web_search": searches}


def test_passes_that_do_not_add_up_leave_the_totals():
    """The larger of the two is billed."""
    (charge,) = charged({"input_tokens": 900, "output_tokens": 8, "iterations": ITERATIONS[1:]})
    assert charge.usage.input_tokens == 900


def test_results_of_tools_are_no_output():
    """They were not generated; what asked for them was."""
    block = {"type": "content_block_start"}
    result = {"type": "web_search_tool_result", "content": [{"encrypted_content": "x" * 999}]}
    call = {"type": "tool_use", "name": "find", "input": {"q": "abc"}}
    reading = streamed(START, {**block, "content_block": result}, {**block, "content_block": call})
    assert reading.visible_bytes == len("find" + "abc")


def test_an_error_event_is_told():
    """By its type."""
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "words"}}
    reading = streamed(START, error)
    assert (reading.error, reading.complete) == ("overloaded_error", False)


def test_the_legacy_completion_shows_its_text():
    """It has no usage."""
    reader = MessagesReader(Ask(model="claude-2"))
    reader.body({"completion": "hello", "model": "claude-2.1"})
    reading = reader.reading()
    assert (reading.complete, reading.visible_bytes, reading.charges) == (False, 5, ())


# --- batches --------------------------------------------------------------------------------


def test_a_batch_is_all_its_calls_at_half_price():
    """Each has a window and a limit of its own."""
    calls = [
        {"custom_id": "a", "params": {"model": SONNET, "max_tokens": 100}},
        {"custom_id": "b", "params": {"model": OPUS, "max_tokens": 200}},
    ]
    assert BATCH.read is not None
    found = BATCH.read(request({"requests": calls}, "/v1/messages/batches"))
    assert [(each.model, each.output_limit, each.terms) for each in found.parts] == [
        (SONNET, 100, ("batch",)),
        (OPUS, 200, ("batch",)),
    ]
    assert found.parts[0].text_bytes == len(json.dumps(calls[0]["params"]))
    assert found.deferred


def test_the_results_are_the_bill_of_the_batch():
    """A charge per call that succeeded, under the batch's id."""
    path = "/v1/messages/batches/msgbatch_1/results"
    assert BATCH_RESULTS.read is not None
    reader = BatchResultsReader(BATCH_RESULTS.read(request({}, path)))
    message = {"model": SONNET, "usage": {"input_tokens": 20, "output_tokens": 5}}
    reader.event({"custom_id": "a", "result": {"type": "succeeded", "message": message}})
    reader.event({"custom_id": "b", "result": {"type": "errored", "error": {}}})
    reading = reader.reading()

    assert (reading.response_id, reading.complete) == ("msgbatch_1", True)
    assert reading.charges == (Charge(SONNET, Usage(input_tokens=20, output_tokens=5), ("batch",)),)


@pytest.mark.parametrize(
    ("model", "betas", "summed"),
    [
        ("claude-sonnet-4-5-20250929", "", True),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", "", True),
        ("claude-sonnet-4@20250514", "token-counting-2024-11-01", True),
        ("claude-sonnet-4-5", "context-1m-2025-08-07", False),
        ("claude-sonnet-5", "", False),
        ("claude-haiku-5-5", "", False),
    ],
)
def test_loops_of_a_short_window_meet_no_long_context_price(model, betas, summed):
    """The sum of the passes may be above the tier; without the beta none of them was."""
    asked = request({"model": model, "max_tokens": 9})
    asked.headers = {"anthropic-beta": betas}
    terms = read_messages(asked).terms
    assert ("summed" in terms) == summed
    reader = MessagesReader(Ask(model=model, terms=terms))
    reader.body({"model": model, "usage": {"input_tokens": 404_500, "output_tokens": 100}})
    assert ("summed" in reader.reading().charges[0].terms) == summed
