"""The addon of the probe: it notes, and lets nothing through."""

import json

import pytest
from mitmproxy.http import HTTPFlow
from mitmproxy.test import tflow, tutils

from llmcap.checkup.seen import Seen
from llmcap.checkup.witness import MESSAGE, Witness


def asked(seen: Seen, method: str, host: str, path: str) -> HTTPFlow:
    """A request after the addon has seen it."""
    request = tutils.treq(method=method.encode(), host=host, path=path.encode())
    flow = tflow.tflow(req=request)
    Witness(seen).request(flow)
    return flow


@pytest.mark.parametrize(
    ("method", "host", "path", "status"),
    [
        ("POST", "api.openai.com", "/v1/chat/completions?x=secret", 429),
        ("GET", "api.openai.com", "/v1/models", 404),
        ("POST", "api.anthropic.com", "/api/event_logging/v2/batch", 404),
        ("GET", "example.com", "/", 503),
    ],
)
def test_nothing_gets_through(method: str, host: str, path: str, status: int) -> None:
    """Paid calls are refused, free ones are not found, other hosts are not there."""
    response = asked(Seen(), method, host, path).response
    assert response is not None
    assert response.status_code == status


def test_calls_to_providers_are_noted_without_their_query() -> None:
    """A key may stand there."""
    seen = Seen()
    asked(
        seen, "POST", "generativelanguage.googleapis.com", "/v1beta/models/m:generateContent?key=k"
    )
    asked(seen, "GET", "example.com", "/")
    assert seen.requests == [
        "POST generativelanguage.googleapis.com/v1beta/models/m:generateContent"
    ]


def test_the_refusal_says_that_nothing_was_spent() -> None:
    """In the provider's own shape."""
    response = asked(Seen(), "POST", "api.anthropic.com", "/v1/messages").response
    assert response is not None
    assert json.loads(response.content or b"")["error"]["message"] == MESSAGE


def test_other_hosts_are_not_connected_to() -> None:
    """Their tunnel is refused, and noted."""
    seen = Seen()
    flow = tflow.tflow(req=tutils.treq(method=b"CONNECT", host="example.com", port=443))
    Witness(seen).http_connect(flow)
    assert seen.connects == ["example.com"]
    assert flow.response is not None
    assert flow.response.status_code == 503
