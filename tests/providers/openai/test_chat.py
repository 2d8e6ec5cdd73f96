"""Promise: a chat request is bounded by what it says, and its answer gives the usage it told."""

import json

import pytest

from llmcap.providers.compatible import CompatibleReader
from llmcap.providers.openai.chat import (
    ChatReader,
    HiddenReasoningReader,
    ask_usage,
    chat_usage,
    read_chat,
    read_completion,
)
from llmcap.providers.openai.embeddings import EmbeddingsReader, read_embeddings
from llmcap.providers.openai.provider import CHAT, COMPLETIONS, EMBEDDINGS
from llmcap.providers.openai.responses import ResponsesReader
from llmcap.providers.parts.limits import BOTH, MAX_TOKENS, both
from llmcap.providers.parts.shape import Ask, Document, Endpoint, Request
from llmcap.words.records import Reading, Usage


def request(body: object, *, host: str = "api.openai.com", path: str = "/v1/x") -> Request:
    """A request with this JSON body."""
    return Request(method="POST", host=host, path=path, body=json.dumps(body).encode())


def streamed(*chunks: Document, model: str = "gpt-4o") -> Reading:
    """What the reader makes of these chunks."""
    reader = ChatReader(Ask(model=model, stream=True))
    for chunk in chunks:
        reader.event(chunk)
    return reader.reading()


def test_all_that_bounds_a_request_is_read():
    """Limit, choices, predicted output, tier, who it is for."""
    ask = read_chat(
        request(
            {
                "model": "gpt-4o",
                "stream": True,
                "n": 3,
                "max_tokens": 50,
                "service_tier": "priority",
                "prediction": {"type": "content", "content": "ünder"},
                "safety_identifier": "anna",
                "metadata": {"project": "p1", "other": "x"},
                "messages": [],
            }
        )
    )

    assert (ask.model, ask.stream, ask.choices, ask.output_limit) == ("gpt-4o", True, 3, 50)
    assert ask.extra_output == len("ünder".encode())
    assert ask.terms == ("priority",)
    named = {"metadata.project": "p1", "metadata.other": "x"}
    assert ask.attributes == {"user": "anna", "project": "p1", **named}
    assert not ask.usage_wanted


LIMITS = {
    "none": ({}, None),
    "null": ({"max_tokens": None}, None),
    "endless": ({"max_tokens": -1}, None),
    "a boolean": ({"max_tokens": True}, None),
    "a string": ({"max_tokens": "5"}, None),
    "a float": ({"max_tokens": 5.5}, 6),
    "zero": ({"max_tokens": 0}, None),
    "both names": ({"max_tokens": 5, "max_completion_tokens": 7}, 7),
}


@pytest.mark.parametrize(("fields", "limit"), LIMITS.values(), ids=LIMITS)
def test_only_a_limit_is_a_limit(fields, limit):
    """Whatever is no limit leaves the model's maximum."""
    assert read_chat(request({"model": "m", **fields}), limits=both).output_limit == limit


def test_usage_is_wanted_unless_a_stream_did_not_ask():
    """Only then has LLMCap to ask for it itself."""
    asked: Document = {"model": "m", "stream": True, "stream_options": {"include_usage": True}}
    for body in ({"model": "m"}, {"model": "m", "stream": False}, asked):
        assert read_chat(request(body)).usage_wanted
    for options in ({}, None, {"include_usage": False}):
        assert not read_chat(request({**asked, "stream_options": options})).usage_wanted


def test_asking_for_usage_keeps_the_other_options():
    """The request is the same but for that."""
    body = {"model": "m", "stream_options": {"include_obfuscation": False}}
    asked = ask_usage(body)
    assert asked == {
        "model": "m",
        "stream_options": {"include_obfuscation": False, "include_usage": True},
    }
    assert "include_usage" not in body["stream_options"]


def test_a_clamp_uses_the_name_that_the_request_uses():
    """Reasoning models refuse `max_tokens`, old servers do not know the new name."""
    assert BOTH.lower({"max_tokens": 9}, 5) == {"max_tokens": 5}
    assert BOTH.lower({"max_completion_tokens": 9}, 5) == {"max_completion_tokens": 5}
    assert BOTH.lower({}, 5) == {"max_completion_tokens": 5}
    assert MAX_TOKENS.lower({}, 5) == {"max_tokens": 5}
    assert BOTH.lower({}, 0) is None


def test_a_search_model_pays_a_search():
    """It searches in each call, asked or not."""
    assert read_chat(request({"model": "gpt-4o-search-preview"})).fees == {"web_search": 1}
    assert not read_chat(request({"model": "gpt-4o"})).fees


def test_each_prompt_of_a_completion_is_answered():
    """Several prompts, and `best_of` answers to each of them."""
    one = read_completion(request({"model": "m", "prompt": "x"}))
    tokens = read_completion(request({"model": "m", "prompt": [1, 2, 3]}))
    several = read_completion(request({"model": "m", "prompt": ["a", "b"], "n": 2, "best_of": 5}))

    assert (one.choices, one.prompts, one.output_limit) == (1, 1, 16)
    assert (tokens.choices, tokens.prompts) == (1, 1)
    assert (several.choices, several.prompts) == (10, 2)
    assert several.hidden_work


def test_each_text_of_a_batch_of_embeddings_has_a_window():
    """The window bounds one input, not all of them."""
    ask = read_embeddings(request({"model": "m", "input": ["a", "b", "c"]}))
    assert (ask.prompts, ask.generates) == (3, False)
    assert (
        read_embeddings(request({"input": "a"}, path="/v1/engines/ada/embeddings")).model == "ada"
    )


@pytest.mark.parametrize("endpoint", [CHAT, COMPLETIONS], ids=lambda endpoint: endpoint.name)
@pytest.mark.parametrize(
    ("host", "terms"),
    [
        ("api.openai.com", ()),
        ("us.api.openai.com", ("geo-us",)),
        ("eu.api.openai.com", ("geo-eu",)),
    ],
)
def test_a_region_is_in_the_terms(endpoint: Endpoint, host, terms):
    """Of the bound, and of the bill, as no answer tells it."""
    assert endpoint.read is not None
    ask = endpoint.read(request({"model": "m"}, host=host))
    assert ask.terms == terms
    reader = ChatReader(ask)
    reader.body({"usage": {"prompt_tokens": 1, "completion_tokens": 1}})
    assert reader.reading().charges[0].terms == terms
    assert EMBEDDINGS.read is not None


# --- answers --------------------------------------------------------------------------------

TEXT = {
    "model": "gpt-4o-2024",
    "id": "c1",
    "choices": [{"delta": {"content": "hé"}}],
    "usage": None,
}
STOP = {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": None}
USAGE = {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}


def test_usage_comes_in_a_chunk_of_its_own():
    """Until then the visible text is all that is known."""
    before = streamed(TEXT, STOP)
    after = streamed(TEXT, STOP, USAGE)

    assert (before.complete, before.charges) == (False, ())
    assert (before.visible_bytes, before.visible_events) == (3, 1)
    assert after.complete
    assert (after.model, after.response_id) == ("gpt-4o-2024", "c1")
    assert after.charges[0].usage == Usage(input_tokens=5, output_tokens=2)


def test_cumulative_usage_in_every_chunk_is_not_summed():
    """The last one wins, and it is final only when the answer is."""
    chunks = [
        {**TEXT, "usage": {"prompt_tokens": 5, "completion_tokens": number}} for number in (1, 2, 3)
    ]
    assert not streamed(*chunks).complete
    last = streamed(*chunks, {**STOP, "usage": {"prompt_tokens": 5, "completion_tokens": 4}})
    assert last.complete
    assert last.charges[0].usage.output_tokens == 4


def test_done_makes_the_last_usage_final():
    """For streams that never give a finish reason."""
    reader = ChatReader(Ask(model="m", stream=True))
    reader.event({**TEXT, "usage": {"prompt_tokens": 5, "completion_tokens": 1}})
    reader.event({}, "[DONE]")
    assert reader.reading().complete


def test_parts_are_parts_of_the_totals():
    """Cached, written to the cache, heard, thought, spoken."""
    reader = ChatReader(Ask(model="m"))
    reader.body(
        {
            "service_tier": "flex",
            "usage": {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "prompt_tokens_details": {
                    "cached_tokens": 60,
                    "cache_write_tokens": 10,
                    "audio_tokens": 5,
                },
                "completion_tokens_details": {"reasoning_tokens": 30, "audio_tokens": 8},
            },
        }
    )
    (charge,) = reader.reading().charges
    assert charge.terms == ("flex",)
    assert charge.usage == Usage(
        input_tokens=100,
        output_tokens=50,
        cache_read=60,
        cache_write_5m=10,
        input_audio=5,
        reasoning=30,
        output_audio=8,
    )


@pytest.mark.parametrize("kind", ["audio", "image"])
def test_what_is_cached_of_a_medium_is_told_apart(kind):
    """OpenAI's picture models tell it in the details of the details."""
    details = {"cached_tokens": 60, "cached_tokens_details": {f"{kind}_tokens": 50}}
    used = chat_usage({"input_tokens": 100, "input_tokens_details": details})
    assert (used.cache_read, getattr(used, f"cache_read_{kind}")) == (60, 50)


TOTALS = [
    pytest.param({"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 20}, id="more"),
    pytest.param({"prompt_tokens": 10, "total_tokens": 20}, id="no output told"),
    pytest.param({"input_tokens": 10, "output_tokens": 10}, id="named as in a response"),
    pytest.param({"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 5}, id="less"),
]


@pytest.mark.parametrize("usage", TOTALS)
@pytest.mark.parametrize(
    ("reads", "answer"),
    [
        pytest.param(ChatReader, {}, id="a chat"),
        pytest.param(HiddenReasoningReader, {}, id="one that hides its reasoning"),
        pytest.param(CompatibleReader, {}, id="a compatible one"),
        pytest.param(ResponsesReader, {"status": "completed"}, id="a response"),
    ],
)
def test_the_total_and_its_parts_bill_the_larger(reads, answer, usage):
    """What only one of them tells was used all the same; hidden work is output."""
    reader = reads(Ask(model="m"))
    reader.body({**answer, "usage": usage})
    (charge,) = reader.reading().charges
    assert (charge.usage.input_tokens, charge.usage.output_tokens) == (10, 10)


def test_tool_calls_and_hidden_channels_are_visible_output():
    """Everything generated that the client gets counts towards the bound."""
    call = {"function": {"name": "find", "arguments": '{"q":1}'}}
    reading = streamed(
        {"choices": [{"delta": {"tool_calls": [call], "reasoning_content": "hm"}}]},
        {"choices": [{"delta": {"refusal": "no"}}]},
        {"choices": [{"text": "legacy"}]},
    )
    assert reading.visible_bytes == len("find" + '{"q":1}' + "hm" + "no" + "legacy")


def test_text_in_parts_of_a_delta_is_visible_output():
    """Of a thought as Mistral tells it, too; what is drawn or linked is no text."""
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    linked = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    reading = streamed(
        {"choices": [{"delta": {"content": [thought, linked, {"type": "text", "text": "yes"}]}}]},
        {"choices": [{"delta": {"reasoning_text": "so", "role": "assistant"}}]},
    )
    assert reading.visible_bytes == len("hm" + "yes" + "so")


def test_an_error_inside_a_stream_is_told_by_its_code():
    """Never by its message, which may quote the prompt."""
    reading = streamed(TEXT, {"error": {"message": "secret words", "code": "server_error"}})
    assert reading.error == "server_error"
    assert not reading.complete


NONSENSE = [
    {"usage": {"prompt_tokens": -5, "completion_tokens": "many"}},
    {"usage": {"prompt_tokens": 1e300, "completion_tokens": float("nan")}},
    {
        "usage": {
            "prompt_tokens": True,
            "prompt_tokens_details": [1],
            "completion_tokens_details": 3,
        }
    },
    {"usage": [1], "choices": {"a": 1}, "model": 3, "id": [], "error": 7},
    {"usage": "5", "choices": [None, 1, "x", {"delta": 5}, {"message": [], "text": {}}]},
    {"choices": [{"delta": {"content": [1], "tool_calls": {"a": 1}, "audio": "x"}}]},
]


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_counts_nothing(nonsense):
    """A count that is none is zero; a type that is wrong is nothing."""
    for method in ("event", "body"):
        reader = ChatReader(Ask(model="m", stream=True))
        getattr(reader, method)(nonsense)
        assert all(charge.usage == Usage() for charge in reader.reading().charges)


def test_embeddings_are_input_only():
    """Where `prompt_tokens` is missing, the total is the input."""
    reader = EmbeddingsReader(Ask(model="m", generates=False))
    reader.body({"model": "m2", "usage": {"total_tokens": 7}})
    (charge,) = reader.reading().charges
    assert (charge.model, charge.usage) == ("m2", Usage(input_tokens=7))
