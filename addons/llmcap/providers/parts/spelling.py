"""
One spelling for all the ways to write a path, as servers take them for the same.

A path that costs money must not be free because it is written in another way.
"""

import re

# What may stand in a segment as it is: https://www.rfc-editor.org/rfc/rfc3986#section-3.3
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,=:@")
_ENCODED = re.compile(r"%([0-9A-Fa-f]{2})")
_CROOKED = re.compile(r"[%;#\\]|//|/\.")


def normal(path: str) -> str:
    """
    The path as servers take it, still a valid one.

    What needs no encoding has none, and doubled slashes, trailing slashes, dots, parameters
    (`;v=1`) and a fragment do not count. An encoded slash stays: see `found_by`.

    >>> normal("/v1//%63hat/./completions;a=b/")
    '/v1/chat/completions'
    """
    if _CROOKED.search(path):
        path = _straightened(path)
    return path.rstrip("/") or "/"


def _straightened(path: str) -> str:
    path = _ENCODED.sub(_decoded, path.partition("#")[0]).replace("\\", "/")
    kept: list[str] = []
    for raw in path.split("/"):
        segment = raw.partition(";")[0]
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    return f"/{'/'.join(kept)}"


def _decoded(found: re.Match[str]) -> str:
    character = chr(int(found[1], 16))
    return character if character in _PLAIN else found[0].upper()
