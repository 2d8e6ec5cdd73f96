"""
Another addon of a user's mitmdump, which does what others do: loaded before LLMCap or after it.

What it does to a request stands in the request's header `x-other`.
"""

import json

from mitmproxy import http
from mitmproxy.http import HTTPFlow


def wanted(flow: HTTPFlow, what: str) -> bool:
    """Whether this is to be done."""
    return flow.request.headers.get("x-other") == what


def requestheaders(flow: HTTPFlow) -> None:
    """Before the body is here."""
    if wanted(flow, "streams the request"):
        flow.request.stream = True
    if wanted(flow, "streams the request by a function"):
        flow.request.stream = lambda data: data


def request(flow: HTTPFlow) -> None:
    """When it is."""
    if wanted(flow, "raises"):
        raise ZeroDivisionError("a mistake of another addon's")
    if wanted(flow, "points elsewhere"):
        flow.request.scheme, flow.request.port = "https", 443
        flow.request.host = "api.openai.com"
    if wanted(flow, "asks for more"):
        document = json.loads(flow.request.content or b"")
        flow.request.content = json.dumps(document | {"max_tokens": 4_000}).encode()
    if wanted(flow, "asks for another model"):
        document = json.loads(flow.request.content or b"")
        flow.request.content = json.dumps(document | {"model": "gpt-4o"}).encode()
    if wanted(flow, "answers"):
        flow.response = http.Response.make(200, b"{}", {"content-type": "application/json"})
    if wanted(flow, "kills"):
        flow.kill()


def responseheaders(flow: HTTPFlow) -> None:
    """When the head of the answer is here."""
    assert flow.response is not None
    if wanted(flow, "raises at the answer"):
        raise ZeroDivisionError("a mistake of another addon's")
    if flow.response.status_code != 200:
        return
    if wanted(flow, "streams the answer"):
        flow.response.stream = True
    if wanted(flow, "streams the answer by a function"):
        flow.response.stream = lambda data: data.replace(b"tokens", b"nothing")
    if wanted(flow, "calls it an error"):
        flow.response.status_code = 500
    if wanted(flow, "makes an answer of its own"):
        flow.response = http.Response.make(200, b"", {"content-type": "text/plain"})


def response(flow: HTTPFlow) -> None:
    """When all of it is."""
    assert flow.response is not None
    if wanted(flow, "rewrites the answer") and flow.response.status_code == 200:
        flow.response.content = b'{"usage": {"prompt_tokens": 1, "completion_tokens": 1}}'
    if wanted(flow, "raises at the end"):
        raise ZeroDivisionError("a mistake of another addon's")


def error(flow: HTTPFlow) -> None:
    """Or none is."""
    if wanted(flow, "kills"):
        raise ZeroDivisionError("a mistake of another addon's")


def client_disconnected(_: object) -> None:
    """Of every client."""
    raise ZeroDivisionError("a mistake of another addon's")
