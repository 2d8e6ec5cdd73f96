"""
Input tokens, by the provider's own rule: the tokens of every text in the request, and the markup.

OpenAI's models use o200k_base itself. The other families have vocabularies that are not public; a
stretched o200k_base stands for them, never more than one token per byte, as theirs work on bytes
too.
"""

from functools import lru_cache
from typing import Any

from llmcap.bounds.vocabulary import encoding

PER_REQUEST = 3
PER_MESSAGE = 4
PER_MEDIA = 85

_MEDIA = {"image_url", "input_image", "image", "document", "file", "input_file", "input_audio"}


def count_input(*parts: Any, stretch: tuple[int, int] = (1, 1)) -> int:
    """Tokens of the parts of a request that a model reads; `stretch` is a family's fraction."""
    numerator, denominator = stretch
    tokens = PER_REQUEST
    for part in parts:
        for text in _texts(part):
            raw = _count(text)
            tokens += min(-(-raw * numerator // denominator), len(text.encode(errors="replace")))
        if isinstance(part, list):
            tokens += PER_MESSAGE * len(part)
        tokens += PER_MEDIA * _media(part)
    return tokens


@lru_cache(maxsize=4096)
def _count(text: str) -> int:
    return len(encoding().encode_ordinary(text))


def _texts(part: Any) -> list[str]:
    if isinstance(part, str):
        return [part]
    if isinstance(part, dict):
        if _is_media(part):
            return []
        return [text for value in part.values() for text in _texts(value)]
    if isinstance(part, list):
        return [text for value in part for text in _texts(value)]
    return []


def _media(part: Any) -> int:
    if isinstance(part, dict):
        return 1 if _is_media(part) else sum(_media(value) for value in part.values())
    if isinstance(part, list):
        return sum(_media(value) for value in part)
    return 0


def _is_media(part: dict[str, Any]) -> bool:
    # A tool's JSON schema may have a property named `type`, whose value is an object.
    return str(part.get("type")) in _MEDIA or "inlineData" in part or "inline_data" in part
