"""Promise: a response is bounded with its hosted tools, billed with what its usage leaves out."""

import json

import pytest

from llmcap.providers.openai.responses import (
    ResponsesReader,
    image_tokens,
    limit_responses,
    read_responses,
    read_stored,
)
from llmcap.providers.parts.hosted import RESULT_TOKENS, USES_DEFAULT
from llmcap.providers.parts.shape import Ask, Request
from llmcap.words.records import Reading, Usage

USAGE = {"input_tokens": 20, "output_tokens": 9}


def ask(**fields: object) -> Ask:
    """What a request with these fields asks for."""
    body = json.dumps({"model": "gpt-5", **fields}).encode()
    return read_responses(Request(method="POST", host="api.openai.com", path="/p", body=body))


def answered(**fields: object) -> Reading:
    """What the reader makes of a whole response with these fields."""
    reader = ResponsesReader(Ask(model="gpt-5"))
    reader.body(
        {"id": "resp_1", "model": "gpt-5-2025", "status": "completed", "usage": USAGE, **fields}
    )
    return reader.reading()


@pytest.mark.parametrize(
    "fields",
    [
        {"previous_response_id": "resp_0"},
        {"conversation": "conv_1"},
        {"conversation": {"id": "conv_1"}},
        {"prompt": {"id": "pmpt_1"}},
    ],
    ids=str,
)
def test_context_that_only_the_provider_has_is_remote(fields):
    """The body's size says nothing about it."""
    assert ask(**fields).remote_input or ask(**fields).remote
    assert not ask().remote_input


def test_the_response_that_is_continued_is_named():
    """So that what is known of its size can bound this call."""
    assert ask(previous_response_id="resp_0").previous_id == "resp_0"
    assert ask(prompt={"id": "pmpt_1"}).previous_id is None


TOOLS = {
    "none": ([], {}, 1),
    "a function": ([{"type": "function", "name": "f"}], {}, 1),
    "a search": ([{"type": "web_search"}], {"web_search": USES_DEFAULT}, USES_DEFAULT + 1),
    "a dated search": (
        [{"type": "web_search_2025_08_26"}],
        {"web_search": USES_DEFAULT},
        USES_DEFAULT + 1,
    ),
    "the preview": (
        [{"type": "web_search_preview_2025_03_11"}],
        {"web_search_preview": USES_DEFAULT},
        USES_DEFAULT + 1,
    ),
    "without a fee": ([{"type": "mcp", "server_url": "x"}], {}, USES_DEFAULT + 1),
    "two": (
        [{"type": "file_search"}, {"type": "code_interpreter"}],
        {"file_search": USES_DEFAULT, "code_interpreter": USES_DEFAULT},
        USES_DEFAULT + 1,
    ),
}


@pytest.mark.parametrize(("tools", "fees", "loops"), TOOLS.values(), ids=TOOLS)
def test_hosted_tools_have_fees_loops_and_results(tools, fees, loops):
    """Each use may cost a fee and makes the model read once more."""
    found = ask(tools=tools)
    assert found.fees == fees
    assert found.loops == loops
    each = 20 * 4_096 if "file_search" in fees else RESULT_TOKENS
    assert found.extra_input == (loops - 1) * each // 2


def test_what_a_search_in_files_finds_is_as_much_as_the_request_wants():
    """Chunks of at most 4,096 tokens, twenty where it says nothing."""
    found = ask(tools=[{"type": "file_search", "max_num_results": 50}], max_tool_calls=1)
    assert found.extra_input * found.loops == 50 * 4_096
    assert found.remote == ()


def test_what_somebody_elses_server_answers_fills_the_window():
    """However rarely it is asked; a search of OpenAI's own does not."""
    assert ask(tools=[{"type": "mcp", "server_url": "x"}], max_tool_calls=1).remote
    assert not ask(tools=[{"type": "web_search"}]).remote


def test_a_request_can_limit_its_tools():
    """`max_tool_calls` bounds all of them together."""
    found = ask(tools=[{"type": "web_search"}], max_tool_calls=2)
    assert (found.fees, found.loops) == ({"web_search": 2}, 3)


def test_a_background_call_is_deferred():
    """Its usage comes with a later GET."""
    assert ask(background=True).deferred
    reader = ResponsesReader(ask(background=True))
    reader.body({"id": "resp_1", "status": "queued", "usage": None})
    reading = reader.reading()
    assert (reading.deferred, reading.complete, reading.response_id) == (True, False, "resp_1")


def test_the_later_get_has_the_usage():
    """Under the id of the call, streamed or not."""
    stored = Request(method="GET", host="h", path="/v1/responses/resp_1", query={"stream": "true"})
    reader = ResponsesReader(read_stored(stored))
    reader.event({"type": "response.completed", "response": {"id": "resp_1", "usage": USAGE}})
    reading = reader.reading()
    assert (reading.deferred, reading.complete, reading.response_id) == (False, True, "resp_1")


def test_a_clamp_is_never_below_what_the_api_takes():
    """Sixteen tokens."""
    assert limit_responses({"input": "x"}, 16) == {"input": "x", "max_output_tokens": 16}
    assert limit_responses({"input": "x"}, 15) is None


@pytest.mark.parametrize("ending", ["completed", "incomplete", "failed"])
def test_usage_comes_with_the_last_event(ending: str):
    """Whatever the ending; before it, deltas are counted."""
    reader = ResponsesReader(Ask(model="gpt-5", stream=True))
    reader.event({"type": "response.created", "response": {"id": "resp_1", "model": "gpt-5-2025"}})
    reader.event({"type": "response.output_text.delta", "delta": "hello"})
    reader.event({"type": "response.function_call_arguments.delta", "delta": "{}"})
    before = reader.reading()
    reader.event({"type": f"response.{ending}", "response": {"usage": USAGE, "status": ending}})
    after = reader.reading()

    assert (before.complete, before.visible_bytes, before.visible_events) == (False, 7, 2)
    assert (before.response_id, before.model) == ("resp_1", "gpt-5-2025")
    assert after.complete
    assert after.charges[0].usage == Usage(input_tokens=20, output_tokens=9)


def test_a_failure_without_usage_is_not_complete():
    """Nobody says that it was free."""
    reading = answered(usage=None, status="failed", error={"code": "server_error", "message": "x"})
    assert (reading.complete, reading.error) == (False, "server_error")


SEARCHES = [
    {"type": "web_search_call", "action": {"type": "search"}},
    {"type": "web_search_call", "action": {"type": "open_page"}},
    {"type": "web_search_call"},
]


def test_searches_are_counted_and_reading_a_page_is_none():
    """Only the action `search` has a fee."""
    assert answered(output=SEARCHES).charges[0].usage.extras == {"web_search": 2}


SEARCH = {"type": "web_search_call", "id": "w", "action": {"type": "search", "query": "x"}}
DRAWN = {"type": "image_generation_call", "quality": "low", "size": "1024x1024"}


@pytest.mark.parametrize("ending", ["response.completed", "response.done"])
def test_a_last_event_that_is_trimmed_leaves_out_no_call(ending):
    """The calls are those that came before it, at the fees of the tools that were asked for."""
    tools = [{"type": "web_search_preview"}, {"type": "image_generation", "model": "gpt-image-2"}]
    reader = ResponsesReader(ask(tools=tools, stream=True))
    for item in (SEARCH, {"type": "function_call", "name": "f"}, DRAWN):
        reader.event({"type": "response.output_item.added", "item": {"type": item["type"]}})
        reader.event({"type": "response.output_item.done", "item": item})
    told = {"id": "r", "usage": {"input_tokens": 5, "output_tokens": 2}}
    reader.event({"type": ending, "response": told})
    reading = reader.reading()
    assert reading.complete
    main, drawn = reading.charges
    assert main.usage.extras == {"web_search_preview": 1}
    assert (drawn.model, drawn.usage.output_image) == ("gpt-image-2", 217)


def test_what_the_provider_counted_wins():
    """`tool_usage` holds the billable searches."""
    told = answered(output=SEARCHES, tool_usage={"web_search": {"num_requests": 1}})
    assert told.charges[0].usage.extras == {"web_search": 1}


def test_the_preview_of_the_search_has_a_unit_of_its_own():
    """The response repeats its tools."""
    told = answered(output=SEARCHES[:1], tools=[{"type": "web_search_preview"}])
    assert told.charges[0].usage.extras == {"web_search_preview": 1}


def test_files_and_containers_are_counted():
    """Each search of files; each container once, however often code ran in it."""
    code = {"type": "code_interpreter_call", "container_id": "cntr_1"}
    told = answered(output=[{"type": "file_search_call"}, code, code])
    assert told.charges[0].usage.extras == {"file_search": 1, "code_interpreter": 1}


def test_a_drawn_image_is_billed_though_usage_leaves_it_out():
    """At the image model, by its published size."""
    image = {"type": "image_generation_call", "quality": "medium", "size": "1024x1024"}
    tools = [{"type": "image_generation", "model": "gpt-image-1-mini"}]
    _, drawn = answered(output=[image], tools=tools).charges
    assert drawn.model == "gpt-image-1-mini"
    assert drawn.usage == Usage(output_tokens=1056, output_image=1056)


def test_what_a_drawing_tool_had_cached_is_told_beside_its_details():
    """Pictures that it was sent are cached at a rate of their own."""
    cached = {"cached_tokens": 50, "cached_tokens_details": {"image_tokens": 40}}
    drew = {"input_tokens": 60, "output_tokens": 9, **cached}
    _, drawn = answered(tool_usage={"image_gen": drew}).charges
    assert (drawn.usage.cache_read, drawn.usage.cache_read_image) == (50, 40)


def test_told_image_tokens_win():
    """`tool_usage` has them with newer models."""
    used = {"image_gen": {"input_tokens": 10, "output_tokens": 272}}
    _, drawn = answered(output=[{"type": "image_generation_call"}], tool_usage=used).charges
    assert (drawn.usage.input_tokens, drawn.usage.output_tokens) == (10, 272)


def test_an_image_of_unknown_quality_is_the_dearest():
    """`auto` may be anything."""
    assert image_tokens("gpt-image-1", "auto", "1024x1024") == 4160
    assert image_tokens("gpt-image-1.5", "", "") == 6240
    assert image_tokens("gpt-image-1", "low", "auto") == 408


def test_the_served_tier_is_billed():
    """Not the one that was asked for."""
    assert answered(service_tier="priority").charges[0].terms == ("priority",)
    assert answered(service_tier="default").charges[0].terms == ()
    assert answered(service_tier="flex").charges[0].terms == ("flex",)


@pytest.mark.parametrize(
    ("model", "said", "calls"),
    [("gpt-5.2", {}, 10), ("o3-deep-research", {}, 100),
     ("o3-deep-research-2025-06-26", {"max_tool_calls": 7}, 7)],
)  # fmt: skip
def test_a_model_that_is_made_for_research_searches_more_often(model, said, calls):
    """Unless the request says how often at most, which a cap can lower too."""
    asked = ask(model=model, tools=[{"type": "web_search_preview"}], **said)
    assert (asked.fees, asked.tool_calls) == ({"web_search_preview": calls}, calls)
