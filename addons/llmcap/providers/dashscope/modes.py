"""
Modes of Alibaba's models, which set prices and limits: thinking, and an explicit cache.

In thinking mode all output of some models has another price, the answer's as well as the thought's.
`max_tokens` limits the answer and not the thought, which `thinking_budget` does: 100 tokens became
284, 180 of them of thought (dashscope 2.0.2, `acli/providers/tongyi.py`). An explicit cache, which
a request marks with `cache_control`, costs more to write and less to read than the implicit one;
answers tell which of them it was.
https://www.alibabacloud.com/help/en/model-studio/deep-thinking,
https://www.alibabacloud.com/help/en/model-studio/context-cache
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, override

from llmcap.pricing.terms import EXPLICIT, MODE, THINKING, base_of
from llmcap.providers.anthropic.messages import limit_messages
from llmcap.providers.compatible import CompatibleReader, Read, ResoldMessagesReader
from llmcap.providers.compatible_tools import switched_on, with_kept
from llmcap.providers.parts.limits import MAX_TOKENS, OLD, Limits
from llmcap.providers.parts.reader import count, document, limit_in, text
from llmcap.providers.parts.shape import Ask, Document, Request
from llmcap.words.errors import FormatError
from llmcap.words.records import Usage

_DETAILS = ("prompt_tokens_details", "input_tokens_details")
_DEPTH_MAX = 20

# Those that think whatever a request says, and those that do only where it says so; of others
# nobody knows. Only Qwen's are known to obey a budget for it.
_ALWAYS = re.compile(r"-thinking|^q[wv]q|deepseek-r1")
_WHEN_ASKED = re.compile(
    r"^qwen-|^qwen3-(?:max|coder|vl-plus|vl-flash)|^qwen[12]|-instruct"
    r"|^deepseek-(?:chat|v3)|^gpt-4|^llama"
)
_BUDGETED = re.compile(r"^q(?:wen|wq|vq)")
_BUDGET = "thinking_budget"


# --- what is asked --------------------------------------------------------------------------


def with_modes(read: Read) -> Read:
    """The same with the modes that a request asks for, and with what is thought in them."""

    def read_with_modes(request: Request) -> Ask:
        ask = read(request)
        try:
            body = request.document()
        except FormatError:
            return ask  # a form, of media
        ask = replace(ask, terms=(*ask.terms, *asked_modes(body)))
        return with_thought(ask, body) if ask.generates and "messages" in body else ask

    return with_kept(read_with_modes)


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


def may_think(body: Document) -> bool:
    """Whether its model may think before it answers: as it is asked to, else as it does."""
    model = text(body.get("model")).lower().rpartition("/")[2]
    modes = asked_modes(body)
    if _ALWAYS.search(model) or THINKING in modes:
        return True
    return base_of(MODE) not in modes and not _WHEN_ASKED.search(model)


def with_thought(ask: Ask, body: Document) -> Ask:
    """The same with the tokens that it may think beside its answer."""
    if not may_think(body):
        return ask
    told = body.get(_BUDGET, document(body.get("thinking")).get("budget_tokens"))
    return replace(ask, thought=limit_in(told) if _obeys(body) else None)


def _obeys(body: Document) -> bool:
    return bool(_BUDGETED.match(text(body.get("model")).lower().rpartition("/")[2]))


@dataclass(frozen=True, slots=True)
class _Both(Limits):
    """Those of an answer that is thought about first: a clamp is shared by the two."""

    @override
    def lower(self, body: Document, limit: int) -> Document | None:
        if limit < 2 or not _obeys(body):
            return None
        lowered = Limits.lower(self, body, limit - limit // 2)
        return None if lowered is None else {**lowered, _BUDGET: limit // 2}


_THOUGHT = _Both((OLD,))


def limits(body: Document) -> Limits:
    """What limits the output of a chat."""
    return _THOUGHT if may_think(body) else MAX_TOKENS


def limit_thoughtful_messages(body: Document, limit: int) -> Document | None:
    """A request in Anthropic's format with this limit, of which half is for its thought."""
    if not may_think(body):
        return limit_messages(body, limit)
    if limit < 2 or not _obeys(body):
        return None
    thinking = {"type": "enabled", "budget_tokens": limit // 2}
    return {**body, "max_tokens": limit - limit // 2, "thinking": thinking}


# --- what is told ---------------------------------------------------------------------------


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
