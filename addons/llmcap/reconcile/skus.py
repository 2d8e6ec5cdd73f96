"""
What a cloud's name of a billed thing means: which kind of token, how many one of its units is, and
whose model.

The names are made for billing and abbreviate as they like: `USE1-Claude4.6Sonnet-input-tokens`,
`USE1-MP:USE1_CacheReadInputTokenCount-Units` (AWS), `Generate content cached input token count
gemini 2.5 flash short input text` (Google), `gpt-4o-0806-cached-Inp-glbl Tokens`, `5.6 sol ShortCo
Cd Wr Std Gl 1M Tokens` (Azure). Nothing here is a model's id, so models are matched by the words
that are left.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from llmcap.reconcile.line import INPUT, OUTPUT, READ, WRITE

_WORD = re.compile(r"[a-z]+|\d+(?:\.\d+)?")
_CACHED = frozenset(("cache", "cached", "caching", "cd", "cchd", "cach"))
_WRITTEN = frozenset(("write", "wr", "writes", "creation", "written"))
_READ_IN = frozenset(("input", "inp", "inpt", "in", "prompt", "request"))
_MADE = frozenset(("output", "outp", "opt", "out", "completion", "response", "outpt"))
_STORED = frozenset(("storage", "hour", "hours", "provisioned", "training", "hosting"))
_NOISE = frozenset((
    *_CACHED, *_WRITTEN, *_READ_IN, *_MADE, "read", "hit", "token", "tokens", "count", "units",
    "unit", "text", "image", "audio", "video", "short", "long", "generate", "content", "mp", "use",
    "usw", "eu", "ap", "glbl", "gl", "global", "regnl", "rg", "regional", "data", "zone", "dz",
    "std", "standard", "batch", "flex", "priority", "cross", "region", "geo", "amazon", "bedrock",
    "edition", "predictions", "online", "gemini api", "m", "k", "shortco", "longco", "mantle",
    "thinking", "for", "of", "the", "model", "models", "api", "azure", "openai", "vertex", "ai",
))  # fmt: skip


@lru_cache(maxsize=65_536)
def words(text: str) -> tuple[str, ...]:
    """The words and numbers of a name: `Claude4.6Sonnet` is three."""
    apart = re.sub(r"([a-z])([A-Z])", r"\1 \2", text)
    return tuple(_WORD.findall(apart.lower()))


@lru_cache(maxsize=65_536)
def kind_of(text: str) -> str | None:
    """The kind of token that a name bills; None where it is no token, or none that is read."""
    found = frozenset(words(text))
    if found & _STORED:
        return None
    if found & _CACHED:
        return WRITE if found & _WRITTEN else READ
    if found & _MADE:
        return OUTPUT
    return INPUT if found & _READ_IN else None


@lru_cache(maxsize=4_096)
def scale_of(unit: str) -> int:
    """How many tokens one of a unit is: `1K tokens`, `1M`, `count`, `1000`."""
    found = re.match(r"\s*(\d+)?\s*([kKmM])?", unit.replace(",", ""))
    number = int(found[1] or 1) if found else 1
    letter = (found[2] or "").lower() if found else ""
    if re.match(r"\s*\d*\s*(million|thousand)", unit, re.IGNORECASE):
        letter = "m" if "million" in unit.lower() else "k"
    elif letter and re.match(r"\s*\d*\s*[a-zA-Z]{2}", unit):
        letter = ""  # a word that begins so
    return number * {"k": 1_000, "m": 1_000_000}.get(letter, 1)


class Models:
    """The models that a name may mean: those of the ledger first, then any."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = [(frozenset(_marks(name)), name) for name in sorted(set(known))]
        self._found: dict[str, str] = {}

    def find(self, text: str) -> str:
        """The known model of which a name has every word, the most exact first; else the name."""
        if text not in self._found:
            has = frozenset(_marks(text))
            fits = [(len(marks), name) for marks, name in self._known if marks and marks <= has]
            most = max((count for count, _ in fits), default=0)
            best = [name for count, name in fits if count == most]
            self._found[text] = best[0] if len(best) == 1 else text
        return self._found[text]


def _marks(name: str) -> Iterable[str]:
    """The words that tell models apart; a date is none, and `4-6` is `4.6`."""
    # A vendor or a region in front is no part of what a cloud calls the model.
    bare = re.sub(r"^([a-z][a-z0-9-]*\.)+(?=[a-z])", "", name.rpartition("/")[2])
    spelled = re.sub(r"(?<![\d.])(\d)-(\d)(?!\d)", r"\1.\2", bare)
    spelled = re.sub(r"(-v\d+(:\d+)?$)|(20\d\d-?\d\d-?\d\d)", " ", spelled)
    for word in words(spelled):
        if word not in _NOISE and not (word.isdecimal() and len(word) >= 4):
            yield word.removesuffix(".0")
