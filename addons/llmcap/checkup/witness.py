"""The addon of `probe`: it notes what a command asks for, and lets nothing of it through."""

from mitmproxy import tls
from mitmproxy.connection import Client
from mitmproxy.http import HTTPFlow, Response

from llmcap.checkup.seen import Seen
from llmcap.providers import match, provider_of
from llmcap.providers.parts.shape import Billing
from llmcap.providers.suspects import dearest_reading, stays_refused
from llmcap.replies import Refusal, refuse
from llmcap.shell.destinations import provider_host
from llmcap.shell.flows import request_of, response_of
from llmcap.words.errors import LLMCapError
from llmcap.words.records import Policy

DEFAULT = Policy()
MESSAGE = "llmcap doctor has seen this call, and did not send it: nothing was spent."


class Witness:
    """One for each probe."""

    def __init__(self, seen: Seen, policy: Policy = DEFAULT) -> None:
        self._seen = seen
        self._policy = policy
        self._silent: dict[str, str] = {}  # connection id -> host, until it asks for something

    def http_connect(self, flow: HTTPFlow) -> None:
        """A host is asked for; those that are no provider's are not there."""
        self._seen.connects.append(flow.request.host)
        if provider_of(flow.request.host) is None:
            flow.response = Response.make(503, b"", {"content-length": "0"})

    def tls_failed_client(self, data: tls.TlsData) -> None:
        """The command does not like our certificate."""
        host = data.conn.sni or (data.context.server.address or ("?",))[0]
        self._seen.distrusted.append(str(host))

    def tls_established_client(self, data: tls.TlsData) -> None:
        """Some clients (GnuTLS's) look at our certificate only after the handshake."""
        self._silent[data.conn.id] = str(data.conn.sni or "?")

    def client_disconnected(self, client: Client) -> None:
        """One that hangs up without a word did not like it either."""
        if host := self._silent.pop(client.id, None):
            self._seen.distrusted.append(host)

    def request(self, flow: HTTPFlow) -> None:
        """A call, decrypted: refused as LLMCap refuses, or not found where it would be free."""
        self._silent.pop(flow.client_conn.id, None)
        host = provider_host(flow)
        if host is None:
            flow.response = Response.make(503)
            return
        try:
            request = request_of(flow, host)
        except LLMCapError:  # nobody can read it
            flow.response = Response.make(400)
            return
        call = f"{request.method} {host}{flow.request.path.partition('?')[0]}"
        self._seen.requests.append(call)
        provider, endpoint = match(host, request.method, request.path) or (None, None)
        if provider is not None:
            endpoint = dearest_reading(provider, endpoint, request)
            if stays_refused(self._policy, provider, endpoint, request):
                self._seen.refused.append(call)
        if provider is None or endpoint is None or endpoint.billing is not Billing.METERED:
            flow.response = Response.make(404, b"{}", {"content-type": "application/json"})
            return
        flow.response = response_of(refuse(
            Refusal(reason="doctor", message=MESSAGE),
            dialect=endpoint.dialect,
            user_agent=flow.request.headers.get("user-agent", ""),
        ))  # fmt: skip
