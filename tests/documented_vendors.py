"""
The same for vendors with formats of their own, and for those who sell their models.
"""

import base64
import struct
from decimal import Decimal

from documented import (
    LIMITS,
    TEXTS,
    UNKNOWN,
    Documented,
    Model,
    answers,
    at,
    beside,
    both,
    fee,
    fills,
    helped,
    limit,
    limits,
    nothing,
    rounds,
    says,
    sees,
    term,
    uses,
)  # fmt: skip
from documented_apis import URL, talk, writes_nothing


def sound(seconds: int) -> str:
    """So many seconds of silence as a WAV file, in base64."""
    data = bytes(8_000 * seconds)
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 1,
                       8_000, 8_000, 1, 8, b"data", len(data))  # fmt: skip
    return base64.b64encode(head + data).decode()


# --- Anthropic: platform.claude.com/docs/en/api/messages ----------------------------------------

OPUS, HAIKU = Model("anthropic", "claude-opus-4-8"), Model("anthropic", "claude-haiku-5-5")
MESSAGES = Documented(
    "api.anthropic.com",
    "/v1/messages",
    (OPUS, HAIKU),
    {
        "messages": talk(
            [({"type": "image", "source": {"type": "url", "url": URL}}, sees(1_600)),
             ({"type": "document", "source": {"type": "url", "url": URL}}, fills),
             ({"type": "document", "source": {"type": "file", "file_id": "f"}}, fills)],
        ),
        "system": [
            (TEXTS[1], says(TEXTS[1])),
            ([{"type": "text", "text": TEXTS[3], "cache_control": {"type": "ephemeral"}}],
             both(says(TEXTS[3]), at("cache_write"))),
            ([{"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
             at("cache_write_1h")),
        ],
        "max_tokens": [(value, limit(value)) for value in LIMITS],
        "max_tokens_to_sample": [(5, nothing)],
        "tools": [
            ([{"name": "f", "description": "d" * 400, "input_schema": {"type": "object"}}],
             both(says("d" * 400), sees(804))),
            ([{"type": "web_search_20260318", "name": "web_search", "max_uses": 3}],
             uses("web_search", 3)),
            ([{"type": "web_search_20250305", "name": "web_search"}], uses("web_search")),
            ([{"type": "advisor_20260301", "name": "advisor", "model": "claude-opus-4-8",
               "max_uses": 1, "max_tokens": 900}], helped(OPUS, writes=900)),
        ],
        "fallbacks": [
            ([{"model": "claude-opus-4-8", "max_tokens": 900}], helped(OPUS, writes=900)),
        ],
        "mcp_servers": [([{"type": "url", "url": URL, "name": "s"}], fills)],
        "container": [
            ("container_1", fills),
            ({"skills": [{"type": "anthropic", "skill_id": "xlsx"}]}, fills),
        ],
        "thread": [({"type": "continue", "previous_message_id": "msg_1"}, fills)],
        "inference_geo": [("us", term("geo-us")), ("global", term("geo-global"))],
        "service_tier": [("standard_only", nothing), ("auto", nothing)],
        "metadata": [({"user_id": "u"}, nothing)],
        **UNKNOWN,
    },
    always={"messages": [], "max_tokens": 30},
    # A workspace may have a place as its default: "Data residency".
    usual=frozenset({"geo-us"}),
)  # fmt: skip

# --- Google: ai.google.dev/api/generate-content -------------------------------------------------

GEMINI = Model("google", "gemini-2.5-pro")
GENERATE = Documented(
    "generativelanguage.googleapis.com",
    "/v1beta/models/{model}:generateContent",
    (GEMINI,),
    {
        "contents": [
            *(([{"parts": [{"text": text}]}], says(text)) for text in TEXTS),
            ([{"parts": [{"fileData": {"fileUri": URL}}]}], fills),
            ([{"parts": [{"file_data": {"file_uri": URL, "mime_type": "video/mp4"}}]}], fills),
            # 32 tokens a second: ai.google.dev/gemini-api/docs/tokens.
            ([{"parts": [{"inlineData": {"mimeType": "audio/wav", "data": sound(3)}}]}], sees(96)),
        ],
        "generationConfig.maxOutputTokens": limits(0),
        "generationConfig.candidateCount": [(1, nothing), (4, answers(4)), ("3", answers(3))],
        "generationConfig.x_rounds": UNKNOWN["x_rounds"],
        "systemInstruction": [({"parts": [{"text": TEXTS[1]}]}, says(TEXTS[1]))],
        "tools": [
            ([{"googleSearch": {}}], fee("web_search")),
            ([{"google_search": {}}], fee("web_search")),
            ([{"urlContext": {}}], sees(FOUND := 2_000)),
        ],
        "cachedContent": [("cachedContents/c1", fills)],
        "cached_content": [("cachedContents/c1", fills)],
        "serviceTier": [
            ("priority", term("priority")),
            ("standard", nothing),
            ("flex", term("flex")),
        ],
        "labels": [({"a": "b"}, nothing)],
        **UNKNOWN,
    },
    always={"contents": []},
)
VEO = Documented(
    "generativelanguage.googleapis.com",
    "/v1beta/models/{model}:predictLongRunning",
    (Model("google", "veo-3.1-generate-preview"),),
    {
        "parameters.durationSeconds": [(8, nothing), ("8", nothing)],
        "parameters.resolution": [("720p", nothing), ("1080p", nothing)],
        "parameters.aspectRatio": [("16:9", nothing)],
        "parameters.sample_count": [(1, nothing), (3, rounds(3))],  # in either spelling
        "instances": [([{"prompt": "x"}, {"prompt": "y"}], rounds(2))],
    },
    always={"instances": [{"prompt": "x"}]},
    begins=both(fee("video_second", 8), writes_nothing),
)

# --- what is made of what the vendor has --------------------------------------------------------

# developers.openai.com, video generation: a video that was extended has 120 seconds at most.
REMIX = Documented(
    "api.openai.com",
    "/v1/videos/video_1/remix",
    (Model("openai", "sora-2-pro"),),
    {"seconds": [("4", nothing)], "size": [("720x1280", nothing)]},
    always={"prompt": "x"},
    begins=both(fee("video_second_1080p", 120), writes_nothing),
)
# docs.claude.com, context windows: a beta of a million tokens, for models of 200,000.
LONG = Documented(
    "api.anthropic.com",
    "/v1/messages",
    (Model("anthropic", "claude-sonnet-4-5"),),
    {
        "messages": [
            ([{"role": "user", "content": [{"type": "document",
               "source": {"type": "file", "file_id": "file_1"}}]}], sees(999_000)),
            ([{"role": "user", "content": "a b " * 225_000}], sees(450_000)),
        ],
        "max_tokens": [(500, limit(500)), (9_000, limit(9_000))],
    },
    always={"max_tokens": 500, "messages": []},
    headers={"anthropic-beta": "context-1m-2025-08-07"},
)  # fmt: skip

# --- Amazon: docs.aws.amazon.com/bedrock --------------------------------------------------------

NOVA = Model("aws-bedrock", "amazon.nova-pro-v1:0")
LLAMA = Model("aws-bedrock", "meta.llama3-1-70b-instruct-v1:0")
RUNTIME = "bedrock-runtime.us-east-1.amazonaws.com"
S3 = {"s3Location": {"uri": "s3://bucket/thing"}}
CONVERSE = Documented(
    RUNTIME,
    "/model/{model}/converse",
    (NOVA,),
    {
        "messages": [
            *(([{"role": "user", "content": [{"text": text}]}], says(text)) for text in TEXTS),
            ([{"role": "user", "content": [{"video": {"format": "mp4", "source": S3}}]}],
             sees(280_000)),
            ([{"role": "user", "content": [{"document": {"name": "d", "format": "pdf",
                                                         "source": S3}}]}], sees(60_000)),
        ],
        "inferenceConfig.maxTokens": [(value, limit(value)) for value in LIMITS],
        "additionalModelRequestFields": [
            ({"inferenceConfig": {"topK": 4}}, nothing),
            ({"x_rounds": 4}, rounds(4)),
        ],
        "max_tokens": [(5, nothing)],
        "promptVariables": [({"a": {"text": "b"}}, fills)],
        "system": [([{"text": TEXTS[1]}], says(TEXTS[1]))],
        "x_context": UNKNOWN["x_context"],
    },
    always={"messages": []},
)  # fmt: skip
INVOKE = Documented(
    RUNTIME,
    "/model/{model}/invoke",
    (LLAMA,),
    {
        "prompt": [(text, says(text)) for text in TEXTS],
        "max_gen_len": [(value, limit(value)) for value in LIMITS],
        "max_tokens": [(5, nothing)],
        "temperature": [(0.5, nothing)],
        **UNKNOWN,
    },
    always={"prompt": "x"},
)

# --- others -------------------------------------------------------------------------------------

# replicate.com, the schema of each model.
REPLICATE = Documented(
    "api.replicate.com",
    "/v1/models/{model}/predictions",
    (Model("replicate", "openai/gpt-4o"),),
    {
        "input.prompt": [(text, says(text)) for text in TEXTS],
        "input.max_completion_tokens": [(value, limit(value)) for value in LIMITS],
        "input.temperature": [(0.5, nothing)],
    },
    always={"input": {"prompt": "x", "max_completion_tokens": 4_000}},
)
# docs.cohere.com, rerank: a search is a query with up to a hundred documents.
RERANK = Documented(
    "api.cohere.com",
    "/v2/rerank",
    (Model("cohere", "rerank-v3.5"),),
    {
        "documents": [
            (["x"] * 90, fee("search_unit")),
            (["x"] * 101, fee("search_unit", 2)),
            (["x"] * 999, fee("search_unit", 10)),
        ],
        "top_n": [(3, nothing)],
    },
    always={"query": "q", "documents": ["x"] * 90},
    begins=writes_nothing,
)
# developers.deepgram.com: each channel is billed. A URL may be of ten hours.
LISTEN = Documented(
    "api.deepgram.com",
    "/v1/listen",
    (Model("deepgram", "nova-3"),),
    {
        "multichannel": [("true", rounds(2)), ("false", nothing)],
        "punctuate": [("true", nothing)],
    },
    begins=both(fee("audio_second", Decimal(3_600)), writes_nothing),
    query=True,
    refused=True,
)
# cloud.google.com/vertex-ai, "Priority": a header asks for it.
VERTEX = Documented(
    "us-central1-aiplatform.googleapis.com",
    "/v1/projects/p/locations/us-central1/publishers/google/models/{model}:generateContent",
    (Model("google-vertex", "gemini-2.5-pro"),),
    {
        "contents": GENERATE.fields["contents"],
        "generationConfig.maxOutputTokens": limits(0),
        "generationConfig.candidateCount": [(4, answers(4))],
        **UNKNOWN,
    },
    always={"contents": []},
    headers={"x-vertex-ai-llm-request-type": "shared",
             "x-vertex-ai-llm-shared-request-type": "priority"},
    begins=term("priority"),
)  # fmt: skip

# --- Alibaba: alibabacloud.com/help/en/model-studio/qwen-api-via-dashscope and .../deep-thinking --

# The longest thought that the page lists, beside an answer that `max_tokens` limits.
THOUGHT = 81_920
QWEN, QWEN_PLUS = Model("dashscope", "qwen3.8-max"), Model("dashscope", "qwen-plus")
_DASHSCOPE = {
    "input.messages": [
        *(([{"role": "user", "content": text}], says(text)) for text in TEXTS),
        ([{"role": "user", "content": [{"image": URL}]}], sees(1_280)),
    ],
    "parameters.max_tokens": [(value, limit(value)) for value in LIMITS],
    "parameters.n": [(1, nothing), (4, answers(4))],
    "parameters.enable_search": [(False, nothing), (True, both(fee("web_search"), sees(2_000)))],
    "parameters.incremental_output": [(True, nothing), (False, nothing)],
    "parameters.x_rounds": UNKNOWN["x_rounds"],
}
DASHSCOPE = Documented(
    "dashscope-intl.aliyuncs.com",
    "/api/v1/services/aigc/multimodal-generation/generation",
    (QWEN,),
    _DASHSCOPE,
    always={"input": {"messages": []}},
    begins=beside(THOUGHT),
)
DASHSCOPE_BUDGET = Documented(
    "dashscope-intl.aliyuncs.com",
    "/api/v1/services/aigc/text-generation/generation",
    (QWEN_PLUS,),
    {
        **_DASHSCOPE,
        "parameters.enable_thinking": [(True, term("thinking"))],
        "parameters.thinking_budget": [(200, beside(200)), (4_000, beside(4_000))],
    },
    always={
        "input": {"messages": []},
        "parameters": {"enable_thinking": True, "thinking_budget": 200},
    },
)
DASHSCOPE_CHAT = Documented(
    "dashscope-intl.aliyuncs.com",
    "/compatible-mode/v1/chat/completions",
    (QWEN,),
    {
        "messages": talk([({"type": "image_url", "image_url": {"url": URL}}, sees(1_280))]),
        "max_tokens": [(value, limit(value)) for value in LIMITS],
        **UNKNOWN,
    },
    always={"messages": []},
    begins=beside(THOUGHT),
)

ENDPOINTS = {
    "Anthropic": MESSAGES, "Gemini": GENERATE, "Veo": VEO, "Bedrock, Converse": CONVERSE,
    "Bedrock, Llama": INVOKE, "Replicate": REPLICATE, "Cohere, ranking": RERANK,
    "Deepgram": LISTEN, "Alibaba": DASHSCOPE,
    "Alibaba, with a budget": DASHSCOPE_BUDGET, "Alibaba, chat": DASHSCOPE_CHAT,
    "Vertex, priority by header": VERTEX, "Sora, remix": REMIX, "Anthropic, a million": LONG,
}  # fmt: skip
