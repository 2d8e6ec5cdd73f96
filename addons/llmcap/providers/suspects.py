"""
Requests that no table knows, and that cost money by all that can be seen of them.

A path is unknown for one method and known for another; a header makes a GET a POST; a path ends as
those of models do, and the body asks one. None of these may pass for free.
"""

import re

from llmcap.providers.parts.routes import dearer, found_by
from llmcap.providers.parts.shape import Billing, Endpoint, Provider, Request
from llmcap.words.errors import FormatError
from llmcap.words.records import EndpointPolicy, Policy

# Methods that start no work, where there is nothing in the body to work on.
IDLE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "DELETE"})
_WORKING = ("POST", "GET", "PUT", "PATCH")
_NO_BODY = (b"", b"{}", b"null")
_COSTLY = (Billing.METERED, Billing.UNMETERABLE)

# https://cloud.google.com/apis/docs/system-parameters, and as frameworks of servers have it
_OVERRIDES = ("x-http-method-override", "x-http-method", "x-method-override")

# How the paths end under which models are asked, by the formats that vendors copy.
_LAST = re.compile(
    r"(?:/(?:chat/completions|completions|responses|messages|embeddings|generations|rerank"
    r"|converse|converse-stream|invoke|invoke-with-response-stream|invocations|chat|generate)"
    r"|:(?:generateContent|streamGenerateContent|rawPredict|streamRawPredict|predict))$",
    re.IGNORECASE,
)
_CONTENT = ("messages", "input", "inputs", "contents", "prompt", "query")


def dearest_reading(
    provider: Provider, endpoint: Endpoint | None, request: Request
) -> Endpoint | None:
    """
    The endpoint of a request with everything in it that could make it another.

    None for what passes for free by its path, and asks a model by the look of it.
    """
    if endpoint is not None and endpoint.billing is Billing.METERED:
        return endpoint
    for method in _methods(request)[1:]:
        endpoint = dearer(endpoint, found_by(provider.match, method, request.path))
    free = endpoint is not None and endpoint.billing is Billing.FREE
    return None if free and asks_a_model(request) else endpoint


def is_idle(request: Request) -> bool:
    """Whether an unknown request can only look: by its method, and as there is nothing in it."""
    return IDLE.issuperset(_methods(request)) and request.body.strip() in _NO_BODY


def _methods(request: Request) -> tuple[str, ...]:
    """The request's method, and those that its headers name in its place."""
    named = (request.headers.get(name, "").strip().upper() for name in _OVERRIDES)
    return (request.method, *filter(None, named))


def costs(provider: Provider, path: str) -> bool:
    """Whether some method of this path is known to cost money."""
    found = [found_by(provider.match, method, path) for method in _WORKING]
    return any(each is not None and each.billing in _COSTLY for each in found)


def asks_a_model(request: Request) -> bool:
    """Whether it is a call by the look of it: the end of the path, and a model and its input."""
    if not _LAST.search(request.path):
        return False
    try:
        body = request.document()
    except FormatError:
        return False
    named = "model" in body or ":" in request.path.rpartition("/")[2]
    return named and any(name in body for name in _CONTENT)


def names_a_model(request: Request) -> bool:
    """Whether its body has a model and something for it, whatever the path."""
    try:
        body = request.document()
    except FormatError:
        return False
    return "model" in body and any(name in body for name in _CONTENT)


def stays_refused(
    policy: Policy, provider: Provider, endpoint: Endpoint | None, request: Request
) -> bool:
    """Whether a request is refused however much money there is: unknown, or out of sight."""
    if endpoint is None:
        return not (is_idle(request) or passes_unknown(policy, provider, request))
    hidden = endpoint.billing is Billing.UNMETERABLE
    return hidden and policy.unknown_endpoints is not EndpointPolicy.PASS


def passes_unknown(policy: Policy, provider: Provider, request: Request) -> bool:
    """Whether a request, or a WebSocket, that no table knows may pass unmetered."""
    if policy.unknown_endpoints is not EndpointPolicy.AUTO:
        return policy.unknown_endpoints is EndpointPolicy.PASS
    if provider.api_only or costs(provider, request.path) or asks_a_model(request):
        return False
    return provider.paid_flat or not names_a_model(request)
