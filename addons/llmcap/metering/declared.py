"""
What tools of a vendor's own add to a prompt that only declares them, as bills have told.

No page says how much a model reads of a search that it may make. A whole answer tells it: what was
read, without the messages, which can be counted. Uses only add to that, so the least of the first
few answers is what the declaration takes. It is for calls that break off before they used any;
until an answer has told, nothing is known to be added. Bounded, in memory.
"""

import hashlib
import json
from collections import OrderedDict
from dataclasses import dataclass

from llmcap.providers.parts.offered import offered
from llmcap.providers.parts.shape import Document

ANSWERS_MAX = 3  # of the same tools at the same model
_KNOWN_MAX = 1_000

Key = tuple[str, str, bytes]  # a seller, a model, and its tools


@dataclass(slots=True)
class _Told:
    tokens: int
    answers: int = 1


class Declared:
    """Of the tools that were seen lately."""

    def __init__(self) -> None:
        self._told: OrderedDict[Key, _Told] = OrderedDict()

    def wants(self, key: Key) -> bool:
        """Whether one more answer could tell something."""
        told = self._told.get(key)
        return told is None or told.answers < ANSWERS_MAX

    def learn(self, key: Key, tokens: int) -> None:
        """So many were read beside the messages of a call."""
        told = self._told.get(key)
        if told is None:
            self._told[key] = _Told(max(tokens, 0))
        else:
            told.tokens, told.answers = min(told.tokens, max(tokens, 0)), told.answers + 1
        self._told.move_to_end(key)
        if len(self._told) > _KNOWN_MAX:
            self._told.popitem(last=False)

    def tokens(self, key: Key) -> int:
        """What these tools add, as far as that is known."""
        told = self._told.get(key)
        return told.tokens if told else 0


def key_of(seller: str, model: str, body: Document) -> Key:
    """Whose tools these are; of a request only a hash is kept."""
    listed = json.dumps(offered(body), sort_keys=True).encode()
    return seller, model, hashlib.blake2b(listed, digest_size=16).digest()
