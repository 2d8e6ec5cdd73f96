"""The addon of the probe: it notes, and lets nothing through."""

import json

import pytest
from mitmproxy.http import HTTPFlow
from mitmproxy.test import tflow, tutils

from llmcap.checkup.seen import Seen
from llmcap.checkup.witness import DEFAULT, MESSAGE, Witness
from llmcap.words.records import EndpointPolicy, Policy


def asked(
    seen: Seen, method: str, host: str, path: str, *, policy: Policy = DEFAULT, body: bytes = b"{1}"
) -> HTTPFlow:
    """A request after the addon has seen it."""
    request = tutils.treq(method=method.encode(), host=host, path=path.encode(), content=body)
    flow = tflow.tflow(req=request)
    Witness(seen, policy).request(flow)
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


@pytest.mark.parametrize(
    ("method", "host", "path", "stays"),
    [
        ("POST", "api.openai.com", "/v1/chat/completions", False),
        ("POST", "api.mistral.ai", "/v1/datalake/events", False),  # free, by its row
        ("POST", "api.anthropic.com", "/api/event_logging/v2/batch", False),
        ("POST", "api.mistral.ai", "/v1/something/new", True),
        ("POST", "api.x.ai", "/v1/realtime/client_secrets", True),  # spends out of sight
    ],
)
def test_what_no_budget_lets_through_is_told_apart(method, host, path, stays) -> None:
    """Unless the config lets it pass."""
    seen, passing = Seen(), Seen()
    asked(seen, method, host, path)
    assert seen.refused == ([f"{method} {host}{path}"] if stays else [])
    asked(passing, method, host, path, policy=Policy(unknown_endpoints=EndpointPolicy.PASS))
    assert passing.refused == []


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
