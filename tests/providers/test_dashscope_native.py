"""DashScope's own format: all that it costs is held, and billed once, streamed or whole."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from walk import NOBODY, answer, walk

from llmcap.bounds.estimate import demand
from llmcap.pricing import PriceBook, cost_usd
from llmcap.providers import match
from llmcap.providers.parts.declared import unread_in
from llmcap.providers.parts.shape import Billing, Request
from llmcap.walk.flight import CallInFlight
from llmcap.words.errors import FormatError
from llmcap.words.records import Policy

NOW = datetime(2026, 11, 25, tzinfo=UTC)
HOST = "dashscope-intl.aliyuncs.com"
TEXT = "/api/v1/services/aigc/text-generation/generation"
SEEN = "/api/v1/services/aigc/multimodal-generation/generation"
BOOK = PriceBook()
HELLO = [{"role": "user", "content": "hello"}]
SSE = {"x-dashscope-sse": "enable"}


def asked(model="qwen-plus", path=TEXT, *, given=None, headers=None, **parameters):
    """The endpoint of a request, the request, and what it asks for."""
    body = {"model": model, "input": given or {"messages": HELLO}, "parameters": parameters}
    request = Request(
        method="POST", host=HOST, path=path, headers=headers or {}, body=json.dumps(body).encode()
    )
    _, endpoint = match(HOST, "POST", path)
    return endpoint, request, endpoint.read(request)


def price(model):
    """Its price today."""
    found = BOOK.find("dashscope", model, NOW)
    assert found is not None
    return found


def held(ask, model):
    """Its demand."""
    return demand(ask, [price(model)], Policy(), family="dashscope")


def said(text, written, *, end="null", key="text", **more):
    """An event, or a whole answer, with this text and so much usage."""
    output = {"text": text, "finish_reason": end}
    if key == "choices":
        message = {"role": "assistant", "content": [{"text": text}]}
        output = {"choices": [{"finish_reason": end, "message": message}]}
    usage = {"input_tokens": 10, "output_tokens": written, "total_tokens": 10 + written, **more}
    return {"output": output, "usage": usage, "request_id": "r-1"}


# --- what is asked --------------------------------------------------------------------------


def test_a_request_is_read_with_its_parameters():
    """The limit, how many answers, and whether it streams, which the head asks for."""
    _, _, ask = asked(max_tokens=100, n=2, headers=SSE)
    assert (ask.model, ask.output_limit, ask.choices, ask.stream) == ("qwen-plus", 100, 2, True)
    assert not asked(stream=True)[2].stream


def test_a_prompt_with_its_past_is_read_as_a_conversation():
    """The older way to ask: nothing of it is a medium that nobody knows."""
    given = {"prompt": "hello", "history": [{"user": "a", "bot": "b"}]}
    _, request, ask = asked(given=given)
    assert ask.media == ()
    assert unread_in(request, provider="dashscope", fields="dashscopeGeneration").names == ()


def test_pictures_films_and_sound_are_media():
    """As this format names them: by what they are."""
    content = [{"image": "https://x/a.png"}, {"video": "oss://x/b.mp4"}, {"audio": "https://x/c"}]
    content.append({"text": "what is it?"})
    given = {"messages": [{"role": "user", "content": content}]}
    _, _, ask = asked("qwen3.7-plus", SEEN, given=given)
    assert {each.kind for each in ask.media} >= {"image", "video", "audio"}


def test_what_nobody_has_read_makes_the_call_as_dear_as_it_can_be():
    """Under `parameters` too."""
    _, request, _ = asked(x_model="qwen-max")
    unread = unread_in(request, provider="dashscope", fields="dashscopeGeneration")
    assert unread.names == ("parameters.x_model",)
    assert unread.said == ("qwen-max",)


def test_a_search_is_held():
    """Alibaba searches once, before the model begins."""
    assert asked(enable_search=True)[2].fees == {"web_search": 1}


# --- thought is beside the answer ------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "parameters", "thought"),
    [
        ("qwen-plus", {}, 0),
        ("qwen-plus", {"enable_thinking": False}, 0),
        ("qwen-plus", {"enable_thinking": True}, None),
        ("qwen-plus", {"enable_thinking": True, "thinking_budget": 200}, 200),
        ("qwen3.8-max", {}, None),
        ("qwen3.8-max", {"enable_thinking": False}, 0),
        ("qwen3-next-80b-a3b-thinking", {"enable_thinking": False}, None),
        ("qwen3-next-80b-a3b-instruct", {}, 0),
        ("deepseek-v4-pro", {"thinking_budget": 200}, None),  # nobody says that it obeys that
    ],
)
def test_a_limit_of_the_answer_is_none_of_its_thought(model, parameters, thought):
    """100 tokens were 284, 180 of them of thought: both are held, in each of the formats."""
    _, _, native = asked(model, max_tokens=100, **parameters)
    path = "/compatible-mode/v1/chat/completions"
    body = {"model": model, "messages": HELLO, "max_tokens": 100, **parameters}
    request = Request(method="POST", host=HOST, path=path, body=json.dumps(body).encode())
    _, endpoint = match(HOST, "POST", path)
    assert native.thought == endpoint.read(request).thought == thought
    most = price(model).context_window if thought is None else 100 + thought
    assert held(native, model).output_limit == most


@pytest.mark.parametrize("path", [TEXT, "/compatible-mode/v1/chat/completions"])
def test_a_clamp_is_shared_by_thought_and_answer(path):
    """Both fields are written, and are together what was left."""
    endpoint, request, _ = asked("qwen3.8-max", TEXT, max_tokens=10_000)
    document = request.document()
    if path != TEXT:
        document = {"model": "qwen3.8-max", "messages": HELLO}
        _, endpoint = match(HOST, "POST", path)
    lowered = endpoint.limit(document, 301)
    told = lowered.get("parameters", lowered)
    assert (told["max_tokens"], told["thinking_budget"]) == (151, 150)
    assert lowered["model"] == "qwen3.8-max"


def test_a_model_that_obeys_no_budget_is_not_clamped():
    """What it does not obey would limit nothing."""
    endpoint, request, _ = asked("deepseek-v4-pro")
    assert endpoint.limit(request.document(), 300) is None


def test_thought_of_the_messages_api_is_held_too():
    """Whose limit would hold both at Anthropic."""
    path = "/apps/anthropic/v1/messages"
    thinking = {"type": "enabled", "budget_tokens": 2_000}
    body = {"model": "qwen-plus", "max_tokens": 100, "messages": HELLO, "thinking": thinking}
    request = Request(method="POST", host=HOST, path=path, body=json.dumps(body).encode())
    _, endpoint = match(HOST, "POST", path)
    ask = endpoint.read(request)
    assert (ask.output_limit, ask.thought) == (100, 2_000)
    lowered = endpoint.limit(body, 300)
    assert lowered["max_tokens"] + lowered["thinking"]["budget_tokens"] == 300


# --- what is billed -------------------------------------------------------------------------


def test_a_whole_answer_is_billed_by_its_usage():
    """Thought is in the output, and sets its price."""
    endpoint, _, ask = asked(enable_thinking=True)
    reader = endpoint.reader(ask)
    thought = {"reasoning_tokens": 800_000}
    reader.body(said("hi", 1_000_000, end="stop", output_tokens_details=thought))
    reading = reader.reading()
    assert reading.complete
    assert reading.response_id == "r-1"
    (charge,) = reading.charges
    assert charge.usage.reasoning == 800_000
    assert cost_usd(charge.usage, price("qwen-plus"), charge.terms) == Decimal("4.000004")


@pytest.mark.parametrize("key", ["text", "choices"])
@pytest.mark.parametrize("incremental", [True, False])
def test_a_stream_is_billed_by_its_last_usage_and_seen_once(key, incremental):
    """Whether each event repeats what came before or not."""
    endpoint, _, ask = asked(headers=SSE, incremental_output=incremental)
    reader = endpoint.reader(ask)
    told = ["Hel", "lo ", "you"] if incremental else ["Hel", "Hello ", "Hello you"]
    for number, text in enumerate(told, start=1):
        assert not reader.reading().complete
        end = "stop" if number == len(told) else "null"
        reader.event(said(text, number, end=end, key=key))
    reading = reader.reading()
    assert reading.complete
    assert [charge.usage.output_tokens for charge in reading.charges] == [3]
    assert reader.take_text() == "Hello you"
    assert reading.visible_bytes == len("Hello you")


def test_a_stream_goes_through_the_walk_and_settles_what_it_told():
    """As it comes over the wire, with its marks and comments."""
    there = walk("1")
    _, request, _ = asked(headers=SSE, incremental_output=True, max_tokens=50)
    call = there.admit(request, NOBODY)
    assert isinstance(call, CallInFlight)
    body = b"".join(
        b"id:%d\nevent:result\n:HTTP_STATUS/200\ndata:%b\n\n"
        % (number, json.dumps(said("a", number, end=end)).encode())
        for number, end in ((1, "null"), (2, "stop"))
    )
    answer(call, body, stream=True)
    assert call.settlement.cost_nanos == 10 * 400 + 2 * 1_200


def test_an_error_within_a_stream_is_one():
    """Its code stands where a usage would."""
    endpoint, _, ask = asked(headers=SSE)
    reader = endpoint.reader(ask)
    reader.event({"code": "DataInspectionFailed", "message": "no", "request_id": "r"}, "error")
    assert reader.reading().error == "DataInspectionFailed"


def test_a_refusal_has_the_words_of_its_package():
    """Which finds a code and a message in it."""
    there = walk("0.0000001", wait_seconds=0)
    _, request, _ = asked("qwen-plus", max_tokens=50)
    refused = there.admit(request, NOBODY)
    told = json.loads(refused.reply.body)
    assert refused.reply.status == 429
    assert told["code"] == "Throttling.AllocationQuota"
    assert "cap" in told["message"]


# --- the other paths ------------------------------------------------------------------------


def test_embeddings_and_rankings_are_billed_by_their_total():
    """The models have no price in the book, and may have one in a config."""
    texts = "/api/v1/services/embeddings/text-embedding/text-embedding"
    endpoint, _, ask = asked("text-embedding-v4", texts, given={"texts": ["aaaa", "b"]})
    assert (ask.generates, ask.prompts, ask.media) == (False, 2, ())
    reader = endpoint.reader(ask)
    reader.body({"output": {"embeddings": []}, "usage": {"total_tokens": 7}})
    assert [charge.usage.input_tokens for charge in reader.reading().charges] == [7]
    ranks = "/api/v1/services/rerank/text-rerank/text-rerank"
    given = {"query": "q", "documents": ["a", "b"]}
    endpoint, _, ask = asked("gte-rerank-v2", ranks, given=given)
    assert (ask.generates, ask.prompts) == (False, 2)
    reader = endpoint.reader(ask)
    reader.body({"output": {"results": [{"index": 0}]}, "usage": {"total_tokens": 9}})
    assert [charge.usage.input_tokens for charge in reader.reading().charges] == [9]


@pytest.mark.parametrize(
    ("method", "path", "billing"),
    [
        ("POST", "/api/v1/services/aigc/video-generation/video-synthesis", Billing.UNMETERABLE),
        ("POST", "/api/v1/services/aigc/text2image/image-synthesis", Billing.UNMETERABLE),
        ("POST", "/api/v1/services/audio/asr/transcription", Billing.UNMETERABLE),
        ("POST", "/api/v1/apps/abc/completion", Billing.UNMETERABLE),
        ("GET", "/api-ws/v1/inference", Billing.UNMETERABLE),
        ("GET", "/api/v1/tasks/abc", Billing.FREE),
    ],
)
def test_what_is_made_later_is_refused_and_what_is_told_is_free(method, path, billing):
    """Nothing of it passes unseen."""
    assert match(HOST, method, path)[1].billing is billing


@pytest.mark.parametrize(
    "host", ["llm-us9.ap-southeast-1.maas.aliyuncs.com", "cn-hongkong.dashscope.aliyuncs.com"]
)
def test_the_host_of_a_workspace_is_metered(host):
    """The package asks there once it knows a workspace."""
    assert match(host, "POST", TEXT)[1].billing is Billing.METERED


@pytest.mark.parametrize("path", [TEXT, SEEN])
def test_work_that_is_ordered_for_later_is_refused(path):
    """Its answer is the name of a task, and no later one is metered."""
    with pytest.raises(FormatError, match="x-dashscope-async"):
        asked(path=path, headers={"x-dashscope-async": "Enable"})
