"""
What prompts have read, as whole answers told it, for the calls of their conversations that break
off before theirs does.

A prompt that begins with all the messages of an earlier one, and has the same tools and the like
beside them, reads what that one read and its own further messages: so only these have to be
bounded, by a factor for a vocabulary that is not ours, and nothing of what its vendor adds. Where
nothing was told yet, a call waits for it: the answer to the same prompt, or to one that begins with
it, may come later. Of a request only hashes are kept; bounded, in memory.
"""

import hashlib
import json
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from llmcap.providers.openai.prompts import SILENT
from llmcap.providers.parts.shape import Document

# Where the messages of a request stand: in a chat, and in OpenAI's responses.
_CONVERSATIONS = ("messages", "input")

# Where a vendor leaves out of a long conversation what does not fit, it has not read all of it.
_SHORTENING = ("context_management", "plugins", "transforms", "truncation")

# What a model has thought is read until its turn has ended, and left out of later prompts; by
# whatever name it is sent: https://platform.openai.com/docs/guides/reasoning, "Managing the context
# window", https://api-docs.deepseek.com/guides/thinking_mode, templates that strip `<think>`.
_THOUGHTS = ("think", "thought", "reason", "analysis")

# What a vendor adds to the same prompt at another time may have a date in it, or a name.
ADDED_TOKENS = 16

_KNOWN_MAX = 10_000

# What waits keeps what it waits with: of large requests few wait, the oldest are forgotten.
_WAITING_MAX = 200
_WAITING_BYTES_MAX = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Waiting:
    link: bytes  # its whole prompt
    size: int  # bytes that are kept for it
    alone: bool  # a longer prompt may read less of it
    told: Callable[[int], None]


class Asked:
    """Of the prompts that were told lately, and of the calls that wait to be told theirs."""

    def __init__(self) -> None:
        self._told: OrderedDict[bytes, int] = OrderedDict()
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0

    def learn(self, reader: str, body: Document, tokens: int) -> None:
        """
        Its prompt had so many tokens; the most that was told of the same one counts.

        `reader` says who read it: tokens of one vocabulary say nothing of those of another.
        """
        links = _links(reader, body)
        if not links:
            return
        self._tell(links, tokens)
        link = links[-1]
        self._told[link] = max(tokens, self._told.get(link, 0))
        self._told.move_to_end(link)
        if len(self._told) > _KNOWN_MAX:
            self._told.popitem(last=False)

    def most(
        self, reader: str, body: Document, bound: Callable[[Iterable[str]], int]
    ) -> int | None:
        """
        The most that such a prompt reads, where one that it begins with is known.

        `bound` says so of texts: of the further messages as they stand in the request, whose names
        of fields are more than the markers that stand for them.
        """
        links = _links(reader, body)
        for count in range(len(links), 0, -1):
            told = self._told.get(links[count - 1])
            if told is not None:
                further = [_text(each) for each in _messages(body)[count:]]
                return told + ADDED_TOKENS + (bound(further) if further else 0)
        return None

    def wait(self, reader: str, body: Document, size: int, told: Callable[[int], None]) -> None:
        """
        Call `told` with the most that such a prompt has read, each time that an answer tells that.

        `size` is how many bytes are kept for that.
        """
        links = _links(reader, body)
        if not links:
            return
        self._waiting.append(_Waiting(links[-1], size, _has_thoughts(body), told))
        self._waiting_bytes += size
        while len(self._waiting) > _WAITING_MAX or self._waiting_bytes > _WAITING_BYTES_MAX:
            self._waiting_bytes -= self._waiting.popleft().size

    def _tell(self, links: list[bytes], tokens: int) -> None:
        """
        A longer prompt has read all of the shorter one too, but for thoughts in that; the same one
        ends the waiting.
        """
        if not self._waiting:
            return
        waiting, self._waiting, self._waiting_bytes = self._waiting, deque(), 0
        longer = frozenset(links)
        for each in waiting:
            is_same = each.link == links[-1]
            if is_same or (not each.alone and each.link in longer):
                each.told(tokens + ADDED_TOKENS)
            if not is_same:
                self._waiting.append(each)
                self._waiting_bytes += each.size


def _links(reader: str, body: Document) -> list[bytes]:
    """
    A hash for each of its messages, of all up to it and of what stands beside them; none where
    the vendor may shorten it.
    """
    if any(body.get(name) not in (None, "disabled") for name in _SHORTENING):
        return []
    beside = {
        name: value
        for name, value in body.items()
        if name == "model" or (name not in SILENT and name not in _CONVERSATIONS)
    }
    link = hashlib.blake2b(_text([reader, beside]).encode(), digest_size=16)
    links = []
    for message in _messages(body):
        link.update(_text(message).encode())
        links.append(link.digest())
    return links


def _messages(body: Document) -> list[Any]:
    found = [body[name] for name in _CONVERSATIONS if body.get(name)]
    if len(found) != 1:
        return []
    return found[0] if isinstance(found[0], list) else [found[0]]


def _has_thoughts(body: Document) -> bool:
    """Whether something that stands in its conversation may be what a model has thought."""
    said = [each for each in _messages(body) if not _is_told(each)]
    written = _text(said).lower()
    return any(word in written for word in _THOUGHTS)


def _is_told(message: object) -> bool:
    """Whether a model was told it, and has not written it."""
    return isinstance(message, str) or (
        isinstance(message, dict) and message.get("role") in ("developer", "system", "tool", "user")
    )


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True)
