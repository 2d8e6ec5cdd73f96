"""
Alibaba Model Studio, which is DashScope: OpenAI's API and Anthropic's, with modes that set prices.

In thinking mode all output of some models has another price, the answer's as well as the thought's.
An explicit cache, which a request marks with `cache_control`, costs more to write and less to read
than the implicit one; answers tell which of them it was.
https://www.alibabacloud.com/help/en/model-studio/deep-thinking,
https://www.alibabacloud.com/help/en/model-studio/context-cache
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, override

from llmcap.pricing.terms import EXPLICIT, MODE, THINKING, base_of
from llmcap.providers.anthropic import provider as anthropic
from llmcap.providers.anthropic.messages import read_messages
from llmcap.providers.compatible import (
    Api,
    CompatibleReader,
    Read,
    ResoldMessagesReader,
    compatible,
)
from llmcap.providers.compatible_tools import searches_once, switched_on
from llmcap.providers.parts.reader import count, document, text
from llmcap.providers.parts.shape import Ask, Document, Request
from llmcap.words.errors import FormatError
from llmcap.words.records import Usage

_DETAILS = ("prompt_tokens_details", "input_tokens_details")
_DEPTH_MAX = 20


def with_modes(read: Read) -> Read:
    """The same with the modes that a request asks for."""

    def read_with_modes(request: Request) -> Ask:
        ask = read(request)
        try:
            body = request.document()
        except FormatError:
            return ask  # a form, of media
        return replace(ask, terms=(*ask.terms, *asked_modes(body)))

    return read_with_modes


def asked_modes(body: Document) -> tuple[str, ...]:
    """The terms of the modes that a request asks for, in OpenAI's words or Anthropic's."""
    modes: tuple[str, ...] = ()
    template = document(body.get("chat_template_kwargs"))
    thinking = body.get("enable_thinking", template.get("enable_thinking"))
    if thinking is not None:
        modes = (THINKING if switched_on(thinking) else base_of(MODE),)
    elif kind := text(document(body.get("thinking")).get("type")):
        modes = (base_of(MODE) if kind == "disabled" else THINKING,)
    elif effort := text(body.get("reasoning_effort")):
        modes = (base_of(MODE) if effort == "none" else THINKING,)
    return (*modes, EXPLICIT) if _marks_cache(body, 0) else modes


def _marks_cache(value: Any, depth: int) -> bool:
    """Whether something of a conversation is marked to be kept in an explicit cache."""
    if depth > _DEPTH_MAX:
        return True
    if isinstance(value, dict):
        return bool(value.get("cache_control")) or any(
            _marks_cache(each, depth + 1) for each in value.values()
        )
    return isinstance(value, list) and any(_marks_cache(each, depth + 1) for each in value)


def told_modes(usage: Document) -> tuple[str, ...]:
    """The terms that a usage tells: what was thought, and of which cache the tokens are."""
    thought = document(usage.get("completion_tokens_details")).get("reasoning_tokens")
    modes: tuple[str, ...] = (THINKING,) if count(thought) else ()
    read: Mapping[str, Any] = next((document(usage[key]) for key in _DETAILS if key in usage), {})
    explicit = read.get("cache_type") == "ephemeral" or count(
        read.get("cache_creation_input_tokens")
    )
    return (*modes, EXPLICIT) if explicit else modes


class DashscopeReader(CompatibleReader):
    """Chat completions, with the modes that their usage tells."""

    tells_terms = CompatibleReader.tells_terms | {MODE}

    @override
    def usage_of(self, usage: Document) -> Usage:
        """What a usage object means."""
        self.terms = told_modes(usage)
        return super().usage_of(usage)


class DashscopeMessagesReader(ResoldMessagesReader):
    """Messages: their cache is an explicit one, and a thought is a block of theirs."""

    tells_terms = ResoldMessagesReader.tells_terms | {MODE}
    _thought = False

    @override
    def terms_told(self, usage: Document) -> tuple[str, ...]:
        """The modes, as the words of the usage itself are Anthropic's."""
        cached = any(
            count(usage.get(f"cache_{kind}_input_tokens")) for kind in ("creation", "read")
        )
        modes = (THINKING,) if self._thought else ()
        return (*modes, EXPLICIT) if cached else modes

    @override
    def _block(self, block: Document) -> None:
        self._thought = self._thought or "thinking" in text(block.get("type"))
        super()._block(block)


MESSAGES = replace(
    anthropic.MESSAGES,
    read=with_modes(read_messages),
    reader=DashscopeMessagesReader,
)

PROVIDER = compatible(
    "dashscope",
    "dashscope.aliyuncs.com",
    "dashscope-intl.aliyuncs.com",
    "dashscope-us.aliyuncs.com",
    "dashscope-finance.aliyuncs.com",
    # Of responses: alibabacloud.com/help/en/model-studio/openai-responses-api
    bases=("/compatible-mode/v1", "/api/v2/apps/protocols/compatible-mode/v1"),
    more=(
        ("POST", "/apps/anthropic/v1/messages", MESSAGES),
        ("POST", "/api/v2/apps/claude-code-proxy/v1/messages", MESSAGES),
    ),
    messages=("/apps/anthropic/v1",),
    # Chats search the web once, before the model begins.
    api=Api(chat=DashscopeReader, reads=with_modes, tools=searches_once),
)
