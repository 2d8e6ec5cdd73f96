"""
What a vendor's own field, role or word asks for is held, wherever in a request it stands.

Each row is a request and the same with one thing more, which its vendor documents and bills; what
is held for it is at least so many times as much, or so many dollars more, or it is not sent.
"""

import base64
import json
import struct
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from rows import each_row
from walk import walk

from llmcap.providers import match
from llmcap.providers.parts.shape import Request
from llmcap.walk.admission import Admission
from llmcap.walk.answers import Refused
from llmcap.walk.attributes import Facts

THERE = walk("")

MAX = {"web_search_options": {"search_context_size": "max"}}
HIGH = {"web_search_options": {"search_context_size": "HIGH"}}
HI = {"role": "user", "content": "hi"}
SHORT = {"messages": [HI], "max_tokens": 1_000}
DOT = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 10, 10) + b"\x08\x02\0\0\0" + b"\0" * 40
PICTURE = {"url": "data:image/png;base64," + base64.b64encode(DOT).decode()}
WAVE = struct.pack(
    "<4sI4s4sIHHIIHH4sI", b"RIFF", 160_036, b"WAVE", b"fmt ", 16, 1, 1, 8_000, 16_000, 2, 16,
    b"data", 160_000,
) + bytes(160_000)  # fmt: skip

QWEN = "https://dashscope-intl.aliyuncs.com/compatible-mode/v1/chat/completions"
MOONSHOT = "https://api.moonshot.ai/v1/chat/completions"
MINIMAX = "https://api.minimax.io/v1/chat/completions"
COHERE = "https://api.cohere.com/v1/chat"
RANKED = "https://api.cohere.com/v2/rerank"
SONAR = "https://api.perplexity.ai/chat/completions"
ROUTER = "https://openrouter.ai/api/v1/chat/completions"
HEARD = "https://api.deepgram.com/v1/listen?model=nova-3"
CORTEX = "https://x.snowflakecomputing.com/api/v2/cortex/inference:complete"


def seen(**settings: Any) -> dict[str, Any]:
    """A request to look at a picture, whose part has these settings."""
    part = {"type": "image_url", "image_url": PICTURE, **settings}
    return {"messages": [{"role": "user", "content": [part]}]}


def looking(model: str) -> dict[str, Any]:
    """The same without any, and with a short answer."""
    return {"model": model, "max_tokens": 16, **seen()}


TIMES, DOLLARS = "times as much", "dollars more"

# Where it goes, what it says, what is added to that, and what that costs at least.
ROWS: list[tuple[str, Any, Any, str, float]] = [
    # What the vendor keeps, named by a message.
    (MOONSHOT, {"model": "kimi-k2-0905-preview", **SHORT},
     {"messages": [{"role": "cache", "content": "cache_id=cache-1;reset_ttl=60"}, HI]}, TIMES, 5),
    (QWEN, {"model": "qwen3-vl-plus", **SHORT},
     {"messages": [{"role": "system", "content": "fileid://file-fe-1,file-fe-2"}, HI]}, TIMES, 5),
    (QWEN, {"model": "qwen3-vl-plus", **SHORT},
     {"messages": [{"role": "system", "content": [{"type": "text", "text": "fileid://a"}]}, HI]},
     TIMES, 5),
    (COHERE, {"model": "command-r-08-2024", "message": "hi", "max_tokens": 1_000},
     {"connectors": [{"id": "my-documents"}]}, TIMES, 5),
    # A picture that is made larger than it is.
    (QWEN, looking("qwen3-vl-plus"), seen(min_pixels=16_000_000), TIMES, 10),
    (QWEN, looking("qwen3-vl-plus"), seen(resized_height=4_000, resized_width=4_000), TIMES, 10),
    (QWEN, looking("qwen3-vl-plus"), seen(image_url={**PICTURE, "min_pixels": 16_000_000}),
     TIMES, 10),
    (QWEN, looking("qwen3-vl-plus"), seen(image_pixel_limit={"min_pixels": 16_000_000}),
     TIMES, 10),
    # Names alone, where objects are usual.
    (MINIMAX, {"model": "MiniMax-M2.5-highspeed", **SHORT}, {"plugins": ["plugin_web_search"]},
     DOLLARS, 0.001),
    (MINIMAX, {"model": "MiniMax-M2.5-highspeed", **SHORT}, {"plugins": "plugin_web_search"},
     DOLLARS, 0.001),
    (MINIMAX, {"model": "MiniMax-M2.5-highspeed", **SHORT}, {"tools": ["web_search"]},
     DOLLARS, 0.001),
    (ROUTER, {"model": "openai/gpt-4o-mini", **SHORT}, {"plugins": ["web"]}, DOLLARS, 0.01),
    (ROUTER, {"model": "openai/gpt-4o-mini", **SHORT}, {"tools": {"type": "openrouter:web_search"}},
     DOLLARS, 0.01),
    (COHERE, {"model": "command-r-08-2024", "message": "hi", "max_tokens": 1_000},
     {"connectors": ["web-search"]}, DOLLARS, 0.001),
    # A tool beside one that is known.
    (MOONSHOT, {"model": "kimi-k2-0905-preview", **SHORT,
                "tools": [{"type": "builtin_function", "function": {"name": "$web_search"}}]},
     {"tools": [{"type": "builtin_function", "function": {"name": "$web_search"}},
                {"type": "code_interpreter"}]}, DOLLARS, 0.001),
    # A value that nobody knows is no small one.
    (SONAR, {"model": "sonar-pro", **SHORT}, HIGH, DOLLARS, 0.008),
    (SONAR, {"model": "sonar-pro", **SHORT}, MAX, DOLLARS, 0.008),
    (SONAR, {"model": "sonar-pro", **SHORT}, {"search_type": "pro"}, DOLLARS, 0.008),
    (SONAR, {"model": "sonar-pro", **SHORT}, {"web_search_options": {"search_type": "pro"}},
     DOLLARS, 0.008),
    ("https://api.perplexity.ai/async/chat/completions",
     {"request": {"model": "sonar-pro", **SHORT}},
     {"request": {"model": "sonar-pro", **SHORT, "search_type": "pro"}}, DOLLARS, 0.008),
    # What is switched on has a fee.
    (HEARD, WAVE, "diarize=true", DOLLARS, 10 * 0.002 / 60),
    (HEARD, WAVE, "diarize_model=latest", DOLLARS, 10 * 0.002 / 60),
    (HEARD, WAVE, "language=multi", TIMES, 1.2),
    (CORTEX, {"model": "claude-4-opus", **SHORT}, {"guardrails": {"enabled": True}}, DOLLARS, 0.01),
    # Searches of a router: of a stand-in for the model, and of the vendors that search themselves.
    (ROUTER, {"model": "openai/gpt-4o-mini", **SHORT},
     {"models": ["openai/gpt-4o-mini", "openai/gpt-4o-mini:online"]}, DOLLARS, 0.1),
    (ROUTER, {"model": "anthropic/claude-sonnet-4.5", **SHORT}, {"plugins": [{"id": "web"}]},
     DOLLARS, 0.2),
    (ROUTER, {"model": "x-ai/grok-4", **SHORT}, {"plugins": [{"id": "web"}]}, DOLLARS, 0.1),
    (ROUTER, {"model": "deepseek/deepseek-chat", **SHORT},
     {"plugins": [{"id": "web", "engine": "native"}]}, DOLLARS, 0.1),
    # A query counts with each document.
    (RANKED, {"model": "rerank-v3.5", "query": "q", "documents": ["d"] * 100},
     {"query": "q " * 400}, TIMES, 2),
]  # fmt: skip


def held(url: str, body: Any, query: str = "") -> float | None:
    """Dollars that are held for a request; None where it is not sent."""
    parts = urlsplit(url)
    request = Request(
        method="POST",
        host=parts.hostname or "",
        path=parts.path,
        query=dict(parse_qsl(f"{parts.query}&{query}")),
        headers={"content-type": "audio/wav" if isinstance(body, bytes) else "application/json"},
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
    )
    considered = THERE.firewall.consider(request, Facts())
    if isinstance(considered, Refused):
        return None
    assert isinstance(considered, Admission), f"passed unmetered: {considered}"
    return considered.demand.ceiling_nanos() / 1e9


def _named(row: tuple[str, Any, Any, str, float]) -> str:
    url, _, more, _, _ = row
    said = json.dumps(more) if isinstance(more, Mapping) else more
    return f"{urlsplit(url).hostname} {said[:60]}"


@each_row("url plain more unit least", ROWS, ids=_named)
def test_what_is_asked_for_is_held(
    url: str, plain: Any, more: Any, unit: str, least: float
) -> None:
    """The plain request is served; with more, it costs more or is not sent."""
    first = held(url, plain)
    assert first is not None, "the plain request is refused"
    with_more = held(url, plain, more) if isinstance(more, str) else held(url, {**plain, **more})
    if with_more is not None:
        assert with_more >= (first * least if unit == TIMES else first + least)


# Paths of hosts that sell more than models, and of hosts beside the known ones.
ELSEWHERE = [
    "https://api.cloudflare.com/client/v4/accounts/a/autorag/rags/r/ai-search",
    "https://api.cloudflare.com/client/v4/accounts/a/ai-search/instances/i/chat/completions",
    "https://api.cloudflare.com/client/v4/accounts/a/ai/tomarkdown",
    "https://api.cloudflare.com/client/v4/accounts/a/browser-rendering/json",
    "https://x.snowflakecomputing.com/api/v2/databases/d/schemas/s/agents/a:run",
    "https://x.snowflakecomputing.com/api/v2/databases/d/schemas/s/cortex-search-services/c:query",
    "https://x.snowflakecomputing.com/api/v2/cortex/agents/a:run",
    "https://x.cloud.databricks.com/serving-endpoints/e/served-models/m/invocations",
    "https://x.cloud.databricks.com/serving-endpoints/served-models/m/invocations",
    "https://x.cloud.databricks.com/ai-gateway/anthropic/v1/messages",
]


@each_row("url", ELSEWHERE)
def test_a_model_behind_another_product_is_out_of_sight(url: str) -> None:
    """It is refused although the host also serves what costs no tokens."""
    assert held(url, {"messages": [HI]}) is None


FREE = [
    "https://x.snowflakecomputing.com/api/v2/statements",
    "https://x.snowflakecomputing.com/api/v2/cortex/threads",
    "https://x.cloud.databricks.com/api/2.0/jobs/run-now",
    "https://api.cloudflare.com/client/v4/accounts/a/workers/scripts",
]


@each_row("url", FREE)
def test_the_rest_of_such_a_host_is_let_through(url: str) -> None:
    """Its product is nobody's business here."""
    parts = urlsplit(url)
    request = Request(
        method="POST", host=parts.hostname or "", path=parts.path, body=b'{"statement": "x"}'
    )
    assert match(request.host, "POST", request.path) is not None
    assert not isinstance(THERE.firewall.consider(request, Facts()), Refused | Admission)
