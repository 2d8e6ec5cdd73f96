"""Promise: Gemini's counts are taken as they mean it, in both spellings and all its formats."""

import json

import pytest

from llmcap.providers.google.embeddings import EmbedReader, read_embed
from llmcap.providers.google.generate import GenerateReader, limit_generate, read_generate
from llmcap.providers.google.interactions import (
    InteractionReader,
    limit_interaction,
    read_interaction,
)
from llmcap.providers.google.provider import HiddenReasoningReader
from llmcap.providers.parts.hosted import USES_DEFAULT
from llmcap.providers.parts.shape import Ask, Document, Request
from llmcap.words.records import Usage

FLASH = "gemini-2.5-flash"


def request(body: object, *, verb: str = "generateContent", model: str = FLASH) -> Request:
    """A request with this JSON body."""
    path = f"/v1beta/models/{model}:{verb}"
    return Request(method="POST", host="h", path=path, body=json.dumps(body).encode())


def usage_of(model: str = FLASH, **usage: object) -> Usage:
    """The usage of a whole answer with these counts."""
    reader = GenerateReader(Ask(model=model))
    reader.body({"usageMetadata": usage})
    (charge,) = reader.reading().charges
    return charge.usage


@pytest.mark.parametrize(
    "tool",
    [{"googleSearch": {}}, {"google_search": {}}, {"urlContext": {}}, {"retrieval": {"a": "b"}}],
    ids=str,
)
def test_a_tool_that_stands_alone_is_a_list_of_one(tool):
    """As Vertex's samples have it."""
    alone, listed = (read_generate(request({"tools": tools})) for tools in (tool, [tool]))
    assert alone.extra_input > 0
    assert (alone.fees, alone.extra_input) == (listed.fees, listed.extra_input)


@pytest.mark.parametrize(
    "config",
    [
        {"generationConfig": {"maxOutputTokens": 9, "candidateCount": 2}},
        {"generation_config": {"max_output_tokens": 9, "candidate_count": 2}},
        {"generationConfig": {"max_output_tokens": 9, "candidate_count": 2}},
    ],
    ids=str,
)
def test_both_spellings_are_read(config):
    """Google takes camel and snake case."""
    ask = read_generate(request(config, verb="streamGenerateContent"))
    assert (ask.model, ask.stream, ask.output_limit, ask.choices) == (FLASH, True, 9, 2)


def test_stored_context_is_remote():
    """Cached content is read, and is not in the body."""
    ask = read_generate(request({"cachedContent": "cachedContents/1"}))
    assert (ask.remote_input, ask.previous_id) == (True, "cachedContents/1")


def test_hidden_work_ends_with_a_budget_of_zero():
    """Then nothing is thought that is not shown."""
    none = {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}}
    assert not read_generate(request(none)).hidden_work
    assert read_generate(request({})).hidden_work


@pytest.mark.parametrize(("model", "searches"), [(FLASH, 1), ("gemini-3-flash", USES_DEFAULT)])
def test_a_search_has_a_fee(model: str, searches: int):
    """One a call before Gemini 3, then one a query."""
    ask = read_generate(request({"tools": [{"googleSearch": {}}]}, model=model))
    assert ask.fees == {"web_search": searches}
    assert ask.extra_input > 0


CLAMPS = {
    "camel case": (
        {"generationConfig": {"topK": 1}},
        {"generationConfig": {"topK": 1, "maxOutputTokens": 300}},
    ),
    "snake case": ({"generation_config": {}}, {"generation_config": {"max_output_tokens": 300}}),
    "mixed": (
        {"generationConfig": {"max_output_tokens": 9_000}},
        {"generationConfig": {"max_output_tokens": 300}},
    ),
    "none yet": ({}, {"generationConfig": {"maxOutputTokens": 300}}),
    "a small budget of thoughts": (
        {"generationConfig": {"thinkingConfig": {"thinkingBudget": 8_000}}},
        {"generationConfig": {"thinkingConfig": {"thinkingBudget": 8_000}, "maxOutputTokens": 300}},
    ),
}


@pytest.mark.parametrize(("body", "expected"), CLAMPS.values(), ids=CLAMPS)
def test_a_clamp_keeps_the_spelling(body, expected):
    """And the rest of the configuration."""
    assert limit_generate(body, 300) == expected


def test_a_clamp_leaves_room_for_an_answer():
    """A budget above the limit is lowered to half of it."""
    body = {"generationConfig": {"thinkingConfig": {"thinkingBudget": 8_000}}}
    limited = limit_generate(body, 2_000)
    assert limited == {
        "generationConfig": {"thinkingConfig": {"thinkingBudget": 1_000}, "maxOutputTokens": 2_000}
    }


# --- answers --------------------------------------------------------------------------------


def test_tools_and_thoughts_come_on_top():
    """Of the prompt and of the candidates."""
    used = usage_of(
        promptTokenCount=100,
        cachedContentTokenCount=30,
        toolUsePromptTokenCount=40,
        candidatesTokenCount=20,
        thoughtsTokenCount=10,
        totalTokenCount=170,
    )
    assert used == Usage(input_tokens=140, output_tokens=30, cache_read=30, reasoning=10)


OUTPUTS = {
    "a total without the thoughts": (
        {"candidatesTokenCount": 30, "thoughtsTokenCount": 10, "totalTokenCount": 130},
        40,
    ),
    "a total without the candidates": (
        {"candidatesTokenCount": 400, "thoughtsTokenCount": 500, "totalTokenCount": 600},
        900,
    ),
    "details above the count": (
        {
            "candidatesTokenCount": 30,
            "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 35}],
            "totalTokenCount": 130,
        },
        35,
    ),
    "no candidates": ({"thoughtsTokenCount": 10, "totalTokenCount": 110}, 10),
    "no total": ({"candidatesTokenCount": 20, "thoughtsTokenCount": 10}, 30),
    "a total that is too small": ({"candidatesTokenCount": 20, "totalTokenCount": 100}, 20),
    "the Live API's name": ({"responseTokenCount": 20, "totalTokenCount": 120}, 20),
}


@pytest.mark.parametrize(("counts", "output"), OUTPUTS.values(), ids=OUTPUTS)
def test_the_output_is_what_the_total_leaves_and_never_less_than_its_parts(counts, output):
    """A total that is smaller than these has left something out."""
    assert usage_of(promptTokenCount=100, **counts).output_tokens == output


@pytest.mark.parametrize(("image", "audio"), [("IMAGE", "AUDIO"), (2, 4)])
def test_modalities_may_be_numbers(image, audio):
    """With `enum-encoding=int`."""
    used = usage_of(
        promptTokenCount=10,
        candidatesTokenCount=5,
        totalTokenCount=15,
        promptTokensDetails=[
            {"modality": image, "tokenCount": 4},
            {"modality": audio, "tokenCount": 3},
        ],
        candidatesTokensDetails=[{"modality": audio, "tokenCount": 5}],
        cacheTokensDetails=[{"modality": audio, "tokenCount": 1}],
    )
    assert (used.input_image, used.input_audio, used.output_audio) == (4, 3, 5)
    assert used.cache_read_audio == 1


def chunk(output: int, **candidate: object) -> Document:
    """A chunk of a stream with cumulative usage."""
    usage = {"promptTokenCount": 10, "totalTokenCount": 10 + output, "candidatesTokenCount": output}
    return {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": FLASH,
        "responseId": "r",
    }


@pytest.mark.parametrize(
    ("mime_type", "told"),
    [("image/png", {"output_image": 1_290}), ("audio/L16;rate=24000", {"output_audio": 1_290})],
)
def test_tokens_of_which_nothing_tells_the_medium_are_of_the_one_that_came(mime_type, told):
    """What details tell is believed, though."""
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 1_290, "totalTokenCount": 1_300}
    details = {"candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 1_290}]}
    parts = [{"inlineData": {"mimeType": mime_type, "data": "eA=="}}]
    answer = {"candidates": [{"content": {"parts": parts}}]}
    for each, expected in ((usage, Usage(10, 1_290, **told)), (usage | details, Usage(10, 1_290))):
        reader = GenerateReader(Ask(model=FLASH))
        reader.body({**answer, "usageMetadata": each})
        assert reader.reading().charges[0].usage == expected


def test_a_prompt_with_sound_of_which_nothing_tells_is_all_sound():
    """Each of its tokens may be billed as that."""
    sent = {"inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}}
    body = {"contents": [{"parts": [{"text": "Listen."}, sent]}]}
    reader = GenerateReader(read_generate(request(body)))
    reader.body({"usageMetadata": {"promptTokenCount": 100, "totalTokenCount": 100}})
    (charge,) = reader.reading().charges
    assert charge.usage.input_audio == 100


def test_the_last_usage_wins():
    """It is cumulative, and sometimes goes down."""
    reader = GenerateReader(Ask(model=FLASH, stream=True))
    for each in (chunk(5), chunk(9), chunk(7)):
        reader.event(each)
    before = reader.reading()
    reader.event(chunk(8, finishReason="STOP"))
    after = reader.reading()
    assert (before.complete, before.charges[0].usage.output_tokens) == (False, 7)
    assert (after.complete, after.charges[0].usage.output_tokens) == (True, 8)
    assert (after.model, after.response_id) == (FLASH, "r")


@pytest.mark.parametrize(("model", "searches"), [(FLASH, 1), ("gemini-3.5-flash", 2)])
def test_queries_are_counted_as_the_model_is_billed(model: str, searches: int):
    """Each query once, however often the chunks repeat it."""
    reader = GenerateReader(Ask(model=model, stream=True))
    grounding = {"webSearchQueries": ["a", "b", "a", ""]}
    for _ in range(2):
        reader.event({**chunk(5, groundingMetadata=grounding), "modelVersion": model})
    assert reader.reading().charges[0].usage.extras == {"web_search": searches}


def test_text_calls_and_code_are_visible():
    """All that is generated."""
    parts = [
        {"text": "hé"},
        {"functionCall": {"name": "f", "args": {"a": ["bc"]}}},
        {"executableCode": {"code": "1+1"}},
    ]
    reader = GenerateReader(Ask(model=FLASH, stream=True))
    reader.event({"candidates": [{"content": {"parts": parts}}]})
    assert reader.reading().visible_bytes == len("hé".encode()) + len("f" + "bc" + "1+1")


@pytest.mark.parametrize(
    ("fields", "terms"),
    [
        ({"trafficType": "ON_DEMAND_PRIORITY"}, ("priority",)),
        ({"trafficType": 4}, ("flex",)),
        ({"trafficType": 1}, ()),
        ({"serviceTier": "flex"}, ("flex",)),
        ({"serviceTier": "standard"}, ()),
    ],
)
def test_the_served_terms_are_told(fields, terms):
    """By name or by number."""
    reader = GenerateReader(Ask(model=FLASH))
    reader.body({"usageMetadata": {"promptTokenCount": 1, **fields}})
    assert reader.reading().charges[0].terms == terms


def test_the_chat_format_hides_reasoning_in_the_total():
    """Output is what the total leaves."""
    reader = HiddenReasoningReader(Ask(model=FLASH))
    reader.body({"usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 40}})
    (charge,) = reader.reading().charges
    assert charge.usage == Usage(input_tokens=10, output_tokens=30, reasoning=25)


def test_embeddings_may_not_tell():
    """Then the reading stays open."""
    ask = read_embed(request({"requests": [{}, {}]}, verb="batchEmbedContents"))
    assert (ask.prompts, ask.generates) == (2, False)
    untold, told = EmbedReader(ask), EmbedReader(ask)
    untold.body({"embedding": {"values": [0.1]}})
    told.body({"usageMetadata": {"promptTokenCount": 4}})
    assert not untold.reading().complete
    assert told.reading().charges[0].usage == Usage(input_tokens=4)


# --- interactions ---------------------------------------------------------------------------

INTERACTION = {
    "id": "v1_1",
    "model": "gemini-3-flash-preview",
    "status": "completed",
    "usage": {
        "total_input_tokens": 31,
        "total_cached_tokens": 4,
        "total_output_tokens": 19,
        "total_thought_tokens": 111,
        "total_tool_use_tokens": 5,
        "total_tokens": 166,
        "grounding_tool_count": [{"type": "google_search", "count": 2}],
    },
}


def test_an_interaction_is_bounded():
    """An agent or an earlier interaction has context of its own."""
    body = {
        "model": FLASH,
        "stream": True,
        "previous_interaction_id": "v1_0",
        "generation_config": {"max_output_tokens": 9},
    }
    ask = read_interaction(request(body))
    assert (ask.model, ask.output_limit, ask.previous_id) == (FLASH, 9, "v1_0")
    assert ask.remote_input
    assert read_interaction(request({"agent": "deep-research"})).remote
    limited = limit_interaction(body, 5)
    assert limited is not None
    assert limited["generation_config"] == {"max_output_tokens": 5}


@pytest.mark.parametrize("streams", [False, True])
def test_an_interaction_tells_its_usage_once(streams):
    """In the body or with the last event."""
    reader = InteractionReader(Ask(model=FLASH, stream=streams))
    if streams:
        reader.event({"event_type": "interaction.created", "interaction": {"id": "v1_1"}})
        reader.event({"event_type": "step.delta", "delta": {"type": "text", "text": "hi"}})
        assert not reader.reading().complete
        assert reader.reading().visible_bytes == 2
        reader.event({"event_type": "interaction.completed", "interaction": INTERACTION})
    else:
        reader.body(INTERACTION)
    reading = reader.reading()
    assert (reading.complete, reading.response_id) == (True, "v1_1")
    assert reading.charges[0].usage == Usage(
        input_tokens=36, output_tokens=130, cache_read=4, reasoning=111, extras={"web_search": 2}
    )


def test_an_interaction_in_progress_is_deferred():
    """A later GET will tell."""
    reader = InteractionReader(Ask(model=FLASH))
    reader.body({"id": "v1_1", "status": "in_progress"})
    assert reader.reading().deferred
