"""Promise: a search that a vendor makes itself is held and billed, or refused: never in silence."""

import json
from urllib.parse import urlsplit

import pytest
from exchanging import answer, ask, endpoint_of, stream
from walk import answer as feed
from walk import post, walk

from llmcap.providers.parts.hosted import RESULT_TOKENS, USES_DEFAULT
from llmcap.walk.answers import Refused
from llmcap.walk.flight import CallInFlight
from llmcap.words.errors import FormatError

ZAI = "https://api.z.ai/api/paas/v4/chat/completions"
ALIBABA = "https://dashscope-intl.aliyuncs.com/compatible-mode/v1/chat/completions"
KIMI = "https://api.moonshot.ai/v1/chat/completions"
VENICE = "https://api.venice.ai/api/v1/chat/completions"
GROQ = "https://api.groq.com/openai/v1/chat/completions"
WRITER = "https://api.writer.com/v1/chat"
CEREBRAS = "https://api.cerebras.ai/v1/chat/completions"
PLAIN = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 9}
FUNCTION = {"type": "function", "function": {"name": "web_search"}}
SEARCH = {"tools": [{"type": "web_search", "web_search": {"enable": True}}]}
BUILT_IN = {"tools": [{"type": "builtin_function", "function": {"name": "$web_search"}}]}
USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}


def searches(url, more):
    """The searches that a request may make, and what their results may add."""
    asked = ask(url, PLAIN | more)
    return asked.fees.get("web_search"), asked.extra_input, asked.loops


@pytest.mark.parametrize(
    ("url", "more", "most"),
    [
        (ZAI, SEARCH, 1),
        (ZAI, {"tools": [{"type": "web_search", "web_search": {"enable": False}}]}, None),
        (ALIBABA, {"enable_search": True}, 1),
        (ALIBABA, {"enable_search": True, "search_options": {"search_strategy": "turbo"}}, 1),
        (ALIBABA, {"enable_search": True, "search_options": {"search_strategy": "agent"}}, 10),
        (ALIBABA, {"enable_search": False}, None),
        (KIMI, BUILT_IN, 10),
        (VENICE, {"venice_parameters": {"enable_web_search": "auto"}}, 1),
        (VENICE, {"venice_parameters": {"enable_web_search": "off"}}, None),
        (VENICE, {"tools": [{"type": "web_search"}]}, 1),
        (GROQ, {"tools": [{"type": "browser_search"}]}, 10),
        (CEREBRAS, {"plugins": [{"id": "web"}]}, 10),
        (CEREBRAS, {"plugins": [{"id": "web", "enabled": False}]}, None),
        (CEREBRAS, {"tools": [FUNCTION, {"type": "custom"}, {"function": {}}, None]}, None),
    ],
)
def test_searches_are_asked_for_in_many_ways(url, more, most):
    """Each is held as often as its vendor may make it, with what it adds to the prompt."""
    found, results, loops = searches(url, more)
    assert found == most
    assert results * loops >= (most or 0) * RESULT_TOKENS


def test_what_a_venice_call_reads_of_the_web_has_its_fee():
    """For each page; X is billed by what it finds, which has no price in the book."""
    options = {"enable_web_search": "on", "enable_web_scraping": True, "enable_x_search": True}
    fees = ask(VENICE, PLAIN | {"venice_parameters": options}).fees
    assert fees == {"web_search": 1, "web_fetch": 5, "x_search": USES_DEFAULT}


@pytest.mark.parametrize(
    ("url", "more"),
    [
        (WRITER, {"tools": [{"type": "graph", "function": {"graph_ids": ["g"]}}]}),
        (ZAI, {"tools": [{"type": "retrieval", "retrieval": {"knowledge_id": "k"}}]}),
        (CEREBRAS, {"plugins": [{"id": "file-parser"}]}),
        (KIMI, {"tools": [{"type": "builtin_function", "function": {"name": "$other"}}]}),
    ],
)
def test_a_tool_of_unknown_cost_is_said_to_be_one(url, more):
    """By its name."""
    with pytest.raises(FormatError, match="costs"):
        ask(url, PLAIN | more)


@pytest.mark.parametrize(
    ("url", "more", "told", "billed"),
    [
        (ZAI, SEARCH, {}, 1),
        (ALIBABA, {"enable_search": True}, {}, 1),
        (ALIBABA, {"enable_search": True}, {"plugins": {"search": {"count": 3}}}, 3),
        (KIMI, BUILT_IN, {}, 0),
        (CEREBRAS, SEARCH, {}, 10),
        (CEREBRAS, {}, {}, None),
    ],
)
def test_what_is_not_told_is_taken_for_used(url, more, told, billed):
    """What is told counts, however much it is."""
    reading = answer(url, PLAIN | more, {"model": "m", "usage": USAGE | told})
    assert reading.charges[0].usage.extras.get("web_search") == billed


@pytest.mark.parametrize("streamed", [False, True])
def test_moonshots_searches_are_counted_in_the_answer(streamed):
    """They are calls of a function with a name of theirs."""
    calls = {"tool_calls": [{"function": {"name": "$web_search", "arguments": "{}"}}] * 2}
    if streamed:
        reading = stream(
            KIMI,
            PLAIN | BUILT_IN | {"stream": True},
            {"model": "m", "choices": [{"index": 0, "delta": calls}]},
            {"model": "m", "choices": [], "usage": USAGE},
        )
    else:
        told = {"model": "m", "choices": [{"message": calls}], "usage": USAGE}
        reading = answer(KIMI, PLAIN | BUILT_IN, told)
    assert reading.charges[0].usage.extras == {"web_search": 2}


def test_groqs_browser_is_counted_in_the_answer():
    """Under `executed_tools`."""
    used = [{"type": "browser_search"}, {"type": "python"}]
    told = {"model": "m", "choices": [{"message": {"executed_tools": used}}], "usage": USAGE}
    reading = answer(GROQ, PLAIN | {"tools": [{"type": "browser_search"}]}, told)
    assert reading.charges[0].usage.extras == {"web_search": 1}


def test_completions_have_no_tools():
    """Nothing is assumed of them."""
    url = CEREBRAS.replace("chat/", "")
    reading = answer(url, {"model": "m", "prompt": "p", "plugins": [{}]}, {"usage": USAGE})
    assert reading.charges[0].usage.extras == {}
    assert endpoint_of(url)[1].read is not endpoint_of(CEREBRAS)[1].read


# --- through the firewall -------------------------------------------------------------------


CENT = 10_000_000


def split(url):
    """Host and path."""
    parts = urlsplit(url)
    return parts.hostname, parts.path


def test_a_search_is_held_and_settled_by_its_price():
    """A cent at Z.ai, besides the tokens."""
    there = walk("5")
    host, path = split(ZAI)
    told = json.dumps({"model": "glm-4.7", "usage": USAGE}).encode()
    plain = post(path, PLAIN | {"model": "glm-4.7"}, host=host)
    searching = post(path, PLAIN | {"model": "glm-4.7"} | SEARCH, host=host)
    held, spent = [], []
    for request in (plain, searching):
        before = there.balance
        call = there.admit(request)
        assert isinstance(call, CallInFlight)
        held.append(there.balance.held - before.held)
        feed(call, told)
        spent.append(there.balance.spent - before.spent)
    assert spent[1] - spent[0] == CENT
    assert held[1] - held[0] > CENT


@pytest.mark.parametrize(
    ("url", "model", "more", "said"),
    [
        (CEREBRAS, "gpt-oss-120b", SEARCH, "no price for web_search"),
        (WRITER, "palmyra-x5", {"tools": [{"type": "graph"}]}, "'graph'"),
        (VENICE, "qwen3-5-9b", {"venice_parameters": {"enable_x_search": True}}, "x_search"),
    ],
)
def test_what_has_no_price_is_refused(url, model, more, said):
    """With its name."""
    host, path = split(url)
    refused = walk("5").admit(post(path, PLAIN | {"model": model} | more, host=host))
    assert isinstance(refused, Refused)
    assert said in refused.reply.body.decode()
