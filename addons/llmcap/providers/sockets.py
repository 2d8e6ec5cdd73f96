"""Which path of a provider is spoken over a WebSocket, and in which frames."""

import re
from collections.abc import Callable

from llmcap.providers.google.realtime import LiveWire
from llmcap.providers.openai.realtime import RealtimeWire
from llmcap.providers.openai.responses_socket import ResponsesWire
from llmcap.providers.parts.session import Wire
from llmcap.providers.parts.shape import Billing, Endpoint, Provider, Request

WireMaker = Callable[[Endpoint, Request], Wire]

WIRES: tuple[tuple[re.Pattern[str], WireMaker], ...] = (
    (re.compile(r"/responses$", re.IGNORECASE), ResponsesWire),
    (re.compile(r"/(?:v1|openai|voice-live)(?:/v1)?/realtime$", re.IGNORECASE), RealtimeWire),
    (re.compile(r"^/ws/.*[./]BidiGenerateContent(?:Constrained)?$", re.IGNORECASE), LiveWire),
)


def socket_of(provider: Provider, request: Request) -> Wire | None:
    """
    The wire of an upgrade, or None for a session that we do not know how to meter.

    Whose host it is decides the prices, the end of the path what is spoken: OpenAI's wires have
    the same paths at Azure, xAI and others. A POST to the same path tells how its asks are read.
    """
    for pattern, maker in WIRES:
        if pattern.search(request.path):
            return maker(_posted(provider, request.path), request)
    return None


def _posted(provider: Provider, path: str) -> Endpoint:
    endpoint = provider.match("POST", path)
    if endpoint is not None and endpoint.billing is Billing.METERED:
        return endpoint
    return Endpoint(name="session", dialect=provider.dialect)
