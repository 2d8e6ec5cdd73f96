"""
What the bytes of an answer are as JSON: one document, several of them, or none.

Nothing here knows a vendor's format.
"""

import json
from collections.abc import Mapping

from llmcap.streams.ndjson import LineDecoder

_one = json.JSONDecoder().raw_decode
_SPACE = " \t\r\n"  # what may stand around a JSON text

Parsed = dict[str, object] | list[object] | None


def parsed_json(data: bytes) -> Parsed:
    """A JSON object or array; None for anything else, broken JSON too."""
    if not data.startswith((b"{", b"[")) and not data.lstrip().startswith((b"{", b"[")):
        return None
    try:
        # A broken character in a text must not hide the numbers beside it.
        document = data.decode("utf-8", "replace").strip(_SPACE)
        parsed, end = _one(document)
    except (ValueError, RecursionError):
        return None
    return parsed if end == len(document) and isinstance(parsed, dict | list) else None


def several(body: Parsed | bytes) -> list[dict[str, object]]:
    """The objects of a list, of JSON lines, or one behind the other; empty where it is none."""
    parsed: list[object] = []
    if isinstance(body, list):
        parsed = body
    elif isinstance(body, bytes):
        decoder = LineDecoder()
        parsed = [parsed_json(line) for line in (*decoder.decode(body), *decoder.flush())]
        parsed = parsed if any(parsed) else _chained(body)
    return [document for document in parsed if isinstance(document, dict)]


def _chained(body: bytes) -> list[object]:
    """JSON texts with nothing between them; empty where something else stands there."""
    rest, found = body.decode("utf-8", "replace").strip(_SPACE), []
    while rest:
        try:
            each, end = _one(rest)
        except (ValueError, RecursionError):
            return []
        found.append(each)
        rest = rest[end:].lstrip(_SPACE)
    return found


def id_of(document: Mapping[str, object]) -> object:
    """Which answer a document is, or is a piece of."""
    return document.get("id") or document.get("responseId")


def has_usage(parsed: object) -> bool:
    """Whether some object or list under the name of a usage counts anything."""
    stack = [(parsed, False)]
    while stack:
        value, counts = stack.pop()
        if isinstance(value, dict):
            stack += [(each, counts or "usage" in key.lower()) for key, each in value.items()]
        elif isinstance(value, list):
            stack += [(each, counts) for each in value]
        elif counts and isinstance(value, int | float) and not isinstance(value, bool) and value:
            return True
    return False
