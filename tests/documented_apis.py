"""
The endpoints of vendors as their references describe them: every field that may cost, and how much.

The pages are named beside each. What a field cannot make dearer (a seed, a stop sequence, a format)
is there in one value, so that it is seen to cost nothing.
"""

from documented import (
    LIMITS,
    TEXTS,
    UNKNOWN,
    USES,
    Bill,
    Choices,
    Documented,
    Model,
    answers,
    at_least,
    beside,
    both,
    fee,
    fills,
    helped,
    limit,
    limits,
    nothing,
    says,
    sees,
    served,
    term,
    uses,
)  # fmt: skip

URL = "https://files.example.com/thing"


def writes_nothing(bill: Bill) -> None:
    """Its answer is no text."""
    bill.generates = False


def talk(*parts: Choices) -> Choices:
    """Conversations of one text each, or of these parts."""
    texts = [([{"role": "user", "content": text}], says(text)) for text in TEXTS]
    return [*texts, *(([{"role": "user", "content": [part]}], effect)
                      for choices in parts for part, effect in choices)]  # fmt: skip


def tool(name: str, description: str) -> dict[str, object]:
    """A function of the caller's."""
    return {"type": "function", "function": {"name": name, "description": description}}


# What picks a token, shapes an answer or labels a call.
FREE: dict[str, Choices] = {
    "temperature": [(0.5, nothing)], "top_p": [(0.9, nothing)], "stop": [(["a"], nothing)],
}  # fmt: skip

# --- OpenAI: platform.openai.com/docs/api-reference ---------------------------------------------

MINI, LARGE = Model("openai", "gpt-4o-mini"), Model("openai", "gpt-5.4")
DRAWER = Model("openai", "gpt-image-1")
# A project may have any tier as its default: developers.openai.com, "Priority processing".
TIERS: Choices = [
    ("default", term("default")), ("auto", term("priority")), ("priority", term("priority")),
    ("flex", term("flex")),
]  # fmt: skip
# 2,833 tokens and 5,667 for each tile, of which a picture has eight at most ("Images and vision").
PICTURES: Choices = [
    ({"type": "image_url", "image_url": {"url": URL, "detail": "low"}}, sees(2_833)),
    ({"type": "image_url", "image_url": {"url": URL}}, sees(2_833 + 8 * 5_667)),
    ({"type": "image_url", "image_url": URL}, sees(2_833 + 8 * 5_667)),
]
FILES: Choices = [({"type": "file", "file": {"file_id": "file-1"}}, fills)]
COUNTS: Choices = [(1, nothing), (4, answers(4)), ("3", answers(3)), (2.0, answers(2))]

CHAT = Documented(
    "api.openai.com",
    "/v1/chat/completions",
    (MINI,),
    {
        "messages": talk(PICTURES, FILES),
        "max_completion_tokens": limits(0, "30", -1),
        "max_tokens": limits(),
        "n": COUNTS,
        "prediction": [({"type": "content", "content": "x" * 900}, beside(900))],
        "tools": [([tool("f", "d" * 500)], says("f" + "d" * 500))],
        "service_tier": TIERS,
        "web_search_options": [({}, fee("web_search"))],
        "metadata": [({"a": "b"}, nothing)],
        **FREE,
        **UNKNOWN,
    },
    always={"messages": []},
    usual=frozenset({"priority"}),
)
COMPLETIONS = Documented(
    "api.openai.com",
    "/v1/completions",
    (Model("openai", "gpt-3.5-turbo-instruct"),),
    {
        "prompt": [(text, says(text)) for text in TEXTS[:3]],
        "max_tokens": [(None, limit(16)), *limits("700")],
        "n": COUNTS,
        "best_of": [(5, answers(5)), ("7", answers(7))],
        **FREE,
        **UNKNOWN,
    },
    always={"prompt": "x"},
    begins=lambda bill: setattr(bill, "default", 16),
)
RESPONSES = Documented(
    "api.openai.com",
    "/v1/responses",
    (MINI, LARGE),
    {
        "input": [
            *((text, says(text)) for text in TEXTS),
            ([{"type": "item_reference", "id": "msg_1"}], fills),
            ([{"role": "user", "content": [{"type": "input_file", "file_url": URL}]}], fills),
            ([{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}], fills),
        ],
        "instructions": [(text, says(text)) for text in TEXTS[:2]],
        "max_output_tokens": [(value, limit(value)) for value in LIMITS[1:]],
        "max_completion_tokens": [(30, nothing)],
        "previous_response_id": [("resp_unseen", fills)],
        "conversation": [("conv_1", fills), ({"id": "conv_1"}, fills)],
        "prompt": [({"id": "pmpt_1"}, fills), ({"id": "pmpt_1", "version": "2"}, fills)],
        "tools": [
            ([{"type": "web_search"}], uses("web_search")),
            ([{"type": "file_search", "vector_store_ids": ["v"]}], uses("file_search")),
            ([{"type": "mcp", "server_label": "s", "server_url": URL}], uses("")),
            ([{"type": "code_interpreter", "container": {"type": "auto"}}],
             both(fee("code_interpreter"), uses(""))),
            # 6,240 tokens a picture, at the most: "Image generation", cost and latency.
            ([{"type": "image_generation"}], helped(DRAWER, writes=6_240)),
        ],
        "service_tier": TIERS,
        "background": [(True, nothing)],
        **UNKNOWN,
    },
    always={"input": "x"},
    usual=frozenset({"priority"}),
)  # fmt: skip
EMBEDDINGS = Documented(
    "api.openai.com",
    "/v1/embeddings",
    (Model("openai", "text-embedding-3-small"),),
    {
        "input": [
            *((text, says(text)) for text in TEXTS),
            ([["a b"], *TEXTS[1:3]][1:], both(says(TEXTS[1]), says(TEXTS[2]))),
            ([[1, 2, 3] * 50, [7] * 99], both(says("x" * 150), says("x" * 99))),
        ],
        "dimensions": [(8, nothing)],
        **UNKNOWN,
    },
    always={"input": "x"},
    begins=writes_nothing,
)
IMAGES = Documented(
    "api.openai.com",
    "/v1/images/generations",
    (DRAWER,),
    {
        "prompt": [(text, says(text)) for text in TEXTS[:2]],
        # No tier, as no size or quality is named: the model's choice, 6,240 tokens at the most.
        "n": [(1, nothing), (5, answers(5)), ("4", answers(4))],
        "quality": [("high", nothing), ("auto", nothing), ("low", limit(408))],
        "partial_images": [(2, beside(200)), ("3", beside(300))],
        **UNKNOWN,
    },
    always={"prompt": "x"},
    begins=lambda bill: setattr(bill, "default", 6_240),
)
DALLE = Documented(
    "api.openai.com",
    "/v1/images/generations",
    (Model("openai", "dall-e-3"),),
    {"size": [("1792x1024", nothing)], "quality": [("hd", nothing)], "n": [(2, nothing)]},
    always={"prompt": "x", "size": "1792x1024", "quality": "hd"},
    begins=both(fee("image_1792x1024_hd"), writes_nothing),
)
SPEECH = Documented(
    "api.openai.com",
    "/v1/audio/speech",
    (Model("openai", "tts-1"),),
    {"input": [(text, fee("input_character", len(text))) for text in TEXTS]},
    always={"voice": "ash", "input": TEXTS[0]},
    begins=writes_nothing,
)
# --- those that copied it -----------------------------------------------------------------------

# api-docs.deepseek.com: `max_tokens` alone; what is not known is skipped.
DEEPSEEK = Documented(
    "api.deepseek.com",
    "/v1/chat/completions",
    (Model("deepseek", "deepseek-chat"),),
    {
        "messages": talk(),
        "max_tokens": limits(0, "30"),
        "max_completion_tokens": [(30, nothing)],
        "max_new_tokens": [(30, nothing)],
        **FREE,
        **UNKNOWN,
    },
    always={"messages": []},
)
# docs.mistral.ai/api: any URL up to three hours, by the minute.
MISTRAL_HEARS = Documented(
    "api.mistral.ai",
    "/v1/audio/transcriptions",
    (Model("mistral", "voxtral-mini-transcribe-3-0"),),
    {
        "file_url": [(URL, fee("audio_second", 3 * 3_600))],
        "file_id": [("abc-1", fee("audio_second", 3 * 3_600))],
        "language": [("en", nothing)],
    },
    always={"file_url": URL},
    content_type="multipart/form-data",
    begins=writes_nothing,
)
# docs.mistral.ai, OCR: a thousand pages at the most.
MISTRAL_OCR = Documented(
    "api.mistral.ai",
    "/v1/ocr",
    (Model("mistral", "mistral-ocr-latest"),),
    {
        "document": [
            ({"type": "document_url", "document_url": URL}, nothing),
            ({"type": "file", "file_id": "f"}, nothing),
        ],
        "image_limit": [(4, nothing)],
    },
    always={"document": {"type": "document_url", "document_url": URL}},
    begins=both(fee("page", 1_000), writes_nothing),
)
# console.groq.com/docs/speech-to-text: a URL, 100 MB; two hours are far below that.
GROQ_HEARS = Documented(
    "api.groq.com",
    "/openai/v1/audio/transcriptions",
    (Model("groq", "whisper-large-v3"),),
    {"url": [(URL, fee("audio_second", 2 * 3_600))], "response_format": [("text", nothing)]},
    always={"url": URL},
    refused=True,
    content_type="multipart/form-data",
    begins=writes_nothing,
)
# docs.x.ai: some 680 tokens of its own in each call; a source of live search costs $0.025.
XAI = Documented(
    "api.x.ai",
    "/v1/chat/completions",
    (Model("xai", "grok-4-0709"),),
    {
        "messages": talk(),
        "max_tokens": limits(),
        "max_completion_tokens": limits(),
        "n": COUNTS,
        "search_parameters": [
            ({"mode": "on", "max_search_results": 8}, fee("web_search", 40)),
            ({"mode": "auto"}, fee("web_search", 100)),
        ],
        **UNKNOWN,
    },
    always={"messages": []},
    begins=sees(680),
)


# --- routers ------------------------------------------------------------------------------------

# learn.microsoft.com, "Model router": billed as the model that it chose, gpt-5 is one, and a fee.
ROUTER = Documented(
    "thing.openai.azure.com",
    "/openai/deployments/model-router/chat/completions",
    (Model("azure-openai", "gpt-5"),),
    {"messages": talk(), "max_tokens": [(700, limit(700)), (20_000, limit(20_000))], **UNKNOWN},
    always={"messages": [], "max_tokens": 700},
    named="model-router",
)
# openrouter.ai/docs: each model of a list may serve, at its own price; `auto` may choose any.
OPUS_45 = Model("openrouter", "anthropic/claude-opus-4.5")
OPENROUTER = Documented(
    "openrouter.ai",
    "/api/v1/chat/completions",
    (Model("openrouter", "openai/gpt-4o-mini"),),
    {
        "messages": talk(),
        "models": [(["anthropic/claude-opus-4.5"], served(OPUS_45))],
        "model": [("openai/gpt-4o-mini:online", at_least("web_search", 1))],
        "plugins": [([{"id": "web"}], at_least("web_search", 1))],
        "preset": [("mine", fills)],
        "max_tokens": limits(0),
        **UNKNOWN,
    },
    always={"messages": []},
)
OPENROUTER_AUTO = Documented(
    "openrouter.ai",
    "/api/v1/chat/completions",
    (OPUS_45,),
    {
        "messages": talk(),
        "max_tokens": limits(),
        "plugins": [([{"id": "web"}], at_least("web_search", 1))],
    },
    always={"messages": [], "max_tokens": 700},
    named="openrouter/auto",
)

ENDPOINTS = {
    "OpenAI, chat": CHAT, "OpenAI, completions": COMPLETIONS, "OpenAI, responses": RESPONSES,
    "OpenAI, embeddings": EMBEDDINGS, "OpenAI, images": IMAGES, "OpenAI, DALL-E": DALLE,
    "OpenAI, speech": SPEECH, "DeepSeek": DEEPSEEK, "Mistral, transcriptions": MISTRAL_HEARS,
    "Mistral, documents": MISTRAL_OCR, "Groq, transcriptions": GROQ_HEARS, "xAI": XAI,
    "Azure, router": ROUTER, "OpenRouter": OPENROUTER, "OpenRouter, any": OPENROUTER_AUTO,
}  # fmt: skip

assert USES == 10, "what hosted tools are taken to do is said in `documented`"
