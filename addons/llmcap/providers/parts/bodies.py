"""
JSON as a vendor may read it: what could be read in two ways is refused, never read the cheap way.

Parsers differ in which of two equal keys counts, in what `NaN` is, and in the encodings that they
guess. So a body must be what https://www.rfc-editor.org/rfc/rfc8259 says that all of them agree on:
UTF-8 (a mark at its start is skipped), names that are unique within their object, finite numbers.
"""

import codecs
import json
from math import isfinite
from typing import Any

from llmcap.words.errors import FormatError

# How a UTF-16 or UTF-32 text begins that Python's parser, and others, would take for JSON.
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


def parsed(data: bytes, what: str = "the request body") -> dict[str, Any]:
    """The object that a body is. Raises `FormatError` where it is none, or could be several."""
    if data.startswith(_WIDE) or b"\0" in data[:4]:
        raise FormatError(f"{what} is not in UTF-8")
    try:
        document = _DECODER.decode(
            str(data.removeprefix(codecs.BOM_UTF8), "utf-8", "surrogatepass")
        )
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{what} is not JSON: {error}") from error
    except _Unclear as error:
        raise FormatError(f"{what} has {error}") from error
    if not isinstance(document, dict):
        raise FormatError(f"{what} is JSON, but not an object")
    return document


class _Unclear(Exception):  # noqa: N818 - says what is there
    """Something that parsers take for different things."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: dict[str, Any] = {}
        for name, value in pairs:
            if name in seen and not _same(seen[name], value):
                raise _Unclear(f"the field {name[:60]!r} twice, and they differ")
            seen[name] = value
    return found


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _number(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise _Unclear(f"a number out of all bounds: {text[:40]}")
    return number


def _constant(text: str) -> float:
    raise _Unclear(f"{text}, which is no JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_number, parse_constant=_constant
)
