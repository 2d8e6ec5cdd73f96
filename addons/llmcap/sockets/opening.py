"""Whether a WebSocket may be opened: only one whose frames we can meter."""

from typing import TYPE_CHECKING

from llmcap.providers import provider_of
from llmcap.providers.parts.shape import Request
from llmcap.providers.sockets import socket_of
from llmcap.providers.suspects import passes_unknown
from llmcap.replies import Refusal, refuse_upgrade
from llmcap.sockets.session import Session
from llmcap.walk.answers import Refused
from llmcap.walk.attributes import Facts

if TYPE_CHECKING:
    from llmcap.walk.firewall import Firewall


def opened(firewall: "Firewall", request: Request, facts: Facts) -> Session | Refused | None:
    """
    The session of an upgrade, its refusal, or None where the host's WebSockets are no API.

    The upgrade itself costs nothing, so the session is opened even when a budget is used up: its
    first frame is then refused with a message, for which a refused upgrade has no place. What we
    cannot meter is answered with 426, at which clients fall back to plain requests.
    """
    provider = provider_of(request.host)
    if provider is None:
        return None
    wire = socket_of(provider, request)
    if wire is not None:
        return Session(firewall, provider=provider, wire=wire, upgrade=request, facts=facts)
    where = f"{request.host}{request.path}"
    if passes_unknown(firewall.policy, provider, request):
        firewall.shared.notify(
            "unmetered", f"a WebSocket to {where} is not metered: passed", subject=where
        )
        return None
    text = (
        f"LLMCap cannot meter a WebSocket to {where}, so it was not opened. Plain HTTP requests "
        "are metered. To allow it unmetered, set `unknown_endpoints: pass` in the LLMCap config."
    )
    firewall.shared.notify("unknown_endpoint", f"a WebSocket to {where} was refused", subject=where)
    return Refused(Refusal(reason="websocket", message=text), refuse_upgrade())
