"""One exchange with a provider, as the core sees it: what was asked, and what the answer meant."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from llmcap.metering.meter import Meter
from llmcap.providers import match
from llmcap.providers.parts.shape import Ask, Endpoint, Provider, Request
from llmcap.words.records import Reading


def endpoint_of(url: str, method: str = "POST") -> tuple[Provider, Endpoint]:
    """Whose the URL is, and which endpoint."""
    parts = urlsplit(url)
    found = match(parts.hostname or "", method, parts.path)
    assert found is not None, url
    assert found[1] is not None, url
    return found[0], found[1]


def ask(
    url: str,
    body: Mapping[str, Any] | bytes,
    *,
    headers: Mapping[str, str] = {},
    method: str = "POST",
) -> Ask:
    """What a request asks for."""
    parts = urlsplit(url)
    _, endpoint = endpoint_of(url, method)
    assert endpoint.read is not None
    return endpoint.read(
        Request(
            method=method,
            host=parts.hostname or "",
            path=parts.path,
            query=dict(parse_qsl(parts.query)),
            headers=headers,
            body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        )
    )


def answer(
    url: str,
    asked: Mapping[str, Any] | bytes,
    told: Mapping[str, Any] | bytes,
    *,
    headers: Mapping[str, str] = {},
    method: str = "POST",
    content_type: str = "application/json",
) -> Reading:
    """What the answer to a request means."""
    _, endpoint = endpoint_of(url, method)
    asks = ask(url, asked, method=method) if endpoint.read else Ask(model="")
    meter = Meter(endpoint, asks, status=200, headers={"content-type": content_type, **headers})
    meter.feed(told if isinstance(told, bytes) else json.dumps(told).encode())
    reading = meter.finish()
    assert meter.failed is None, meter.failed
    return reading


def stream(url: str, asked: Mapping[str, Any], *events: Mapping[str, Any]) -> Reading:
    """What a stream of server-sent events means."""
    wire = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    return answer(
        url, asked, wire + b"data: [DONE]\n\n", content_type="text/event-stream"
    )  # fmt: skip
