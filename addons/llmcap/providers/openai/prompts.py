"""
Prompts that are plain: messages of text, and nothing beside them that a model reads.

OpenAI says how such a prompt becomes tokens: each message has three markers and its role beside its
text, one more where it has a name, and the answer is primed with three. So where the vocabulary is
known the tokens are known too, and need no bound:
https://cookbook.openai.com/examples/how_to_count_tokens_with_tiktoken, 6. A request with a field
that is not named here, as a tool or a schema, is taken for one that has more.
"""

from llmcap.providers.parts.reader import text
from llmcap.providers.parts.shape import Document

# Fields that say nothing to the model, of both APIs.
SILENT = frozenset((
    "background", "frequency_penalty", "include", "logit_bias", "logprobs",
    "max_completion_tokens", "max_output_tokens", "max_tokens", "max_tool_calls", "metadata",
    "model", "n", "parallel_tool_calls", "presence_penalty", "prompt_cache_key",
    "prompt_cache_retention", "safety_identifier", "seed", "service_tier", "stop", "store",
    "stream", "stream_options", "temperature", "top_logprobs", "top_p", "truncation", "user",
))  # fmt: skip

# Which tool is called is left to the model, as where nothing is said of it.
_DEFAULT_CHOICE = ("tool_choice", "auto")

_PARTS = ("text", "input_text", "output_text")


def chat_prompt(body: Document) -> list[str] | None:
    """The text of each message of a chat, or None where more than that is read."""
    return _messages(body.get("messages")) if _is_silent(body, "messages") else None


def responses_prompt(body: Document) -> list[str] | None:
    """The text of each message of a response's input, or None where more than that is read."""
    if not _is_silent(body, "input", "instructions"):
        return None
    asked, told = body.get("input"), body.get("instructions")
    messages = [asked] if isinstance(asked, str) else _messages(asked)
    if messages is None or not isinstance(told, str | None):
        return None
    return [told, *messages] if told else messages


def _is_silent(body: Document, *spoken: str) -> bool:
    """Whether all but the fields that are `spoken` say nothing; an empty list is none."""
    return all(
        name in spoken or name in SILENT or value == [] or (name, value) == _DEFAULT_CHOICE
        for name, value in body.items()
    )


def _messages(items: object) -> list[str] | None:
    if not isinstance(items, list):
        return None
    found = [_said(item) for item in items]
    return [said for said in found if said is not None] if None not in found else None


def _said(item: object) -> str | None:
    """What a message says; None for anything else, as a call of a tool or a picture."""
    if not isinstance(item, dict) or not item.keys() <= {"role", "content", "name", "type"}:
        return None
    if item.get("type", "message") != "message":
        return None
    content, name = item.get("content"), text(item.get("name"))
    parts = [content] if isinstance(content, str) else _texts(content)
    return None if parts is None else "\n".join([*parts, name] if name else parts)


def _texts(content: object) -> list[str] | None:
    if not isinstance(content, list):
        return None
    texts = []
    for part in content:
        if not isinstance(part, dict) or part.get("type") not in _PARTS:
            return None
        texts.append(text(part.get("text")))
    return texts
