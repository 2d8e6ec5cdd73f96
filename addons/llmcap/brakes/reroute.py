"""
Sending a call to another model of the same provider: the request rewritten, and still valid.

The model is named in the body or in the path, by provider. A request that is signed, or that names
no model that we could find, is left alone.
"""

import json
from urllib.parse import quote, unquote

from llmcap.providers.parts.shape import Document, Endpoint, Request
from llmcap.words.errors import FormatError


def with_model(request: Request, asked: str, model: str) -> Request | None:
    """The same request for another model, or None where the model is nowhere to be replaced."""
    try:
        document = request.document()
    except FormatError:
        return None
    named = document.get("model")
    path = _path_with(request.path, asked, model)
    if isinstance(named, str):
        body = json.dumps(document | {"model": _like(named, asked, model)}).encode()
        return request.changed(path=path or "", body=body)
    return request.changed(path=path) if path else None


def with_limit(endpoint: Endpoint, request: Request, output_limit: int) -> Request | None:
    """The same request with a lower output limit, or None where it cannot carry that."""
    if endpoint.limit is None:
        return None
    document: Document | None = endpoint.limit(request.document(), output_limit)
    if document is None:
        return None
    return request.changed(body=json.dumps(document).encode())


def _like(named: str, asked: str, model: str) -> str:
    """The new name with what stood around the old one: `models/` and the like."""
    return named.replace(asked, model) if asked and asked in named else model


def _path_with(path: str, asked: str, model: str) -> str | None:
    """The path with the segment that names the model replaced: `/models/NAME:generateContent`."""
    segments = path.split("/")
    for number, segment in enumerate(segments):
        name, colon, method = unquote(segment).partition(":")
        if asked and name == asked:
            segments[number] = quote(model, safe="") + colon + method
            return "/".join(segments)
    return None
