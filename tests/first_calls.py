"""
The first calls of agents, in the shape in which they were seen on the wire on 2026-11-30.

Claude Code 2.1.197, Codex 0.171.0 and Gemini CLI 0.61.0, each asked to say hello. The fields, their
sizes and the kinds of tools are the agents' own; the words of their prompts are not, which are the
vendors': filler of the same length stands for them.
"""

import json
from typing import Any

from llmcap.providers.parts.shape import Request

PROSE = "You are an agent that works in a folder of a user, and says what it does and why. "


def prose(size: int) -> str:
    """So many characters of an English text."""
    return (PROSE * (size // len(PROSE) + 1))[:size]


def functions(count: int, size: int, *, schema: str = "parameters") -> list[dict[str, Any]]:
    """Tools that the agent runs itself, so many bytes in all."""
    fields = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
    each = size // count - 150
    return [
        {"name": f"tool_{number}", "description": prose(each), schema: fields}
        for number in range(count)
    ]


def posted(host: str, path: str, document: dict[str, Any], **headers: str) -> Request:
    """The request as it was sent."""
    return Request(
        method="POST",
        host=host,
        path=path,
        query={"beta": "true"} if "anthropic" in host else {"alt": "sse"},
        headers={"content-type": "application/json", **headers},
        body=json.dumps(document).encode(),
    )


# --- Claude Code: a title by a small model, then the turn ----------------------------------------

_BETAS = (
    "claude-code-20250219,context-1m-2025-08-07,interleaved-thinking-2025-05-14,"
    "thinking-token-count-2026-05-13,context-management-2025-06-27,"
    "prompt-caching-scope-2026-01-05,mid-conversation-system-2026-04-07,"
    "advanced-tool-use-2025-11-20,effort-2025-11-24"
)
CLAUDE_MODELS = (
    "claude-opus-4-8", "claude-sonnet-4-5", "claude-haiku-4-5-20251001", "claude-fable-5-2",
    "claude-opus-4-1",
)  # fmt: skip


def claude_code(model: str) -> Request:
    """The turn itself; `model` is the user's choice."""
    system = [{"type": "text", "text": prose(size)} for size in (100, 60, 3_000, 2_600)]
    system[2]["cache_control"] = system[3]["cache_control"] = {"type": "ephemeral"}
    said = [{"type": "text", "text": prose(4_000)}, {"type": "text", "text": "Say hello."}]
    said[1]["cache_control"] = {"type": "ephemeral"}
    return posted(
        "api.anthropic.com",
        "/v1/messages",
        {
            "model": model,
            "messages": [
                {"role": "user", "content": said},
                {"role": "system", "content": prose(2_800)},
            ],
            "system": system,
            "tools": functions(9, 35_000, schema="input_schema"),
            "metadata": {"user_id": "x" * 150},
            "max_tokens": 64_000,
            "thinking": {"type": "adaptive"},
            "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
            "output_config": {"effort": "high"},
            "stream": True,
        },
        **{"anthropic-beta": _BETAS, "user-agent": "claude-cli/2.1.197 (external, sdk-cli)"},
    )


def claude_code_title() -> Request:
    """What it sends beside the first turn."""
    schema = {"type": "object", "properties": {"title": {"type": "string"}}}
    return posted(
        "api.anthropic.com",
        "/v1/messages",
        {
            "model": "claude-haiku-4-5-20251001",
            "messages": [{"role": "user", "content": prose(150)}],
            "system": [{"type": "text", "text": prose(1_400)}],
            "tools": [],
            "metadata": {"user_id": "x" * 150},
            "max_tokens": 32_000,
            "thinking": {"type": "disabled"},
            "temperature": 1,
            "output_config": {"format": {"type": "json_schema", "schema": schema}},
            "stream": True,
        },
        **{"anthropic-beta": "structured-outputs-2025-12-15"},
    )


# --- Codex: with its tools in front, or in the conversation for models that take them there -------

CODEX_MODELS = (
    "gpt-5.1-codex", "gpt-5.3-codex", "gpt-5.5", "gpt-5.6-sol", "gpt-6-sol", "gpt-6.1-sol",
)  # fmt: skip
CODEX_LITE_MODELS = CODEX_MODELS[2:]


def codex(model: str) -> Request:
    """A turn by a model that has all tools in front, OpenAI's search among them."""
    own = [{"type": "function", "strict": False, **each} for each in functions(7, 12_000)]
    space = {"type": "namespace", "name": "multi_agent_v1", "description": prose(50),
             "tools": [{"type": "function", **each} for each in functions(5, 6_000)]}  # fmt: skip
    searching = {"type": "web_search", "external_web_access": False}
    return _codex(model, 21_000, tools=[*own, space, searching], parallel_tool_calls=True)


def codex_lite(model: str) -> Request:
    """A turn by a model that finds its tools in the conversation."""
    spaces = [
        {"type": "namespace", "name": name, "description": "",
         "tools": [{"type": "custom", "name": "exec", "description": prose(size)}]}
        for name, size in (("functions", 30_000), ("clock", 500), ("collaboration", 9_000))
    ]  # fmt: skip
    item = {"type": "additional_tools", "id": "at_1", "role": "developer", "tools": spaces}
    return _codex(model, 25_000, before=[item], parallel_tool_calls=False)


def _codex(
    model: str, size: int, *, before: list[dict[str, Any]] | None = None, **more: Any
) -> Request:
    said = [
        {"type": "message", "role": role, "content": [{"type": "input_text", "text": prose(each)}]}
        for role, each in (("developer", size // 2), ("user", size // 2), ("user", 10))
    ]
    return posted(
        "api.openai.com",
        "/v1/responses",
        {
            "model": model,
            "stream": True,
            "input": [*(before or ()), *said, {"type": "configuration_update",
                                               "reasoning": {"effort": "low"}}],
            "tool_choice": "auto",
            "reasoning": {"effort": "low", "context": "all_turns"},
            "store": False,
            "include": ["reasoning.encrypted_content"],
            "prompt_cache_key": "x" * 36,
            "text": {"verbosity": "low"},
            "client_metadata": {"session_id": "x" * 36, "turn_id": "x" * 36},
            **more,
        },
        **{"user-agent": "codex_exec/0.171.0", "originator": "codex_exec"},
    )  # fmt: skip


# --- Gemini CLI: which model, then the turn by that model ----------------------------------------

GEMINI_MODELS = ("gemini-3.1-pro-preview", "gemini-2.5-pro", "gemini-2.5-flash")
_THINKING = {"includeThoughts": True, "thinkingLevel": "HIGH"}


def gemini(model: str) -> Request:
    """The turn."""
    return posted(
        "generativelanguage.googleapis.com",
        f"/v1beta/models/{model}:streamGenerateContent",
        {
            "contents": [{"role": "user", "parts": [{"text": prose(500)}]}],
            "systemInstruction": {"role": "user", "parts": [{"text": prose(23_000)}]},
            "tools": [{"functionDeclarations": functions(8, 7_500, schema="parametersJsonSchema")}],
            "generationConfig": {
                "temperature": 1, "topP": 0.95, "topK": 64, "thinkingConfig": _THINKING
            },
        },
        **{"user-agent": f"GeminiCLI-tui/0.61.0/{model} (linux; x64; terminal)"},
    )  # fmt: skip


def gemini_choice() -> Request:
    """What it asks first: how hard the task is."""
    schema = {"type": "OBJECT", "properties": {"complexity_score": {"type": "INTEGER"}}}
    return posted(
        "generativelanguage.googleapis.com",
        "/v1beta/models/gemini-3.5-flash-lite:generateContent",
        {
            "contents": [{"role": "user", "parts": [{"text": prose(500)}]}],
            "systemInstruction": {"role": "user", "parts": [{"text": prose(2_300)}]},
            "generationConfig": {
                "temperature": 1, "topP": 0.95, "topK": 64, "thinkingConfig": _THINKING,
                "responseMimeType": "application/json", "responseJsonSchema": schema,
            },
        },
    )  # fmt: skip
