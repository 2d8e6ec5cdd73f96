"""
The mitmproxy shell of hosts that sell model calls and are not metered: `walk.hosts` decides.

A connection is refused where its host is first named, by whatever the mode of the proxy knows it:
a CONNECT is answered with the reason; a SOCKS request or a plain one likewise fails; and where a
client's TLS is the first to tell the name, its handshake fails and the reason is in the log.
"""

from collections.abc import Callable
from dataclasses import replace

from mitmproxy import http, tls
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from llmcap.replies import Refusal, refuse
from llmcap.shell.flows import response_of
from llmcap.walk.firewall import Firewall
from llmcap.walk.hosts import refused_host

# Of RFC 9110, section 15.5.4: it was understood, and will not be done.
FORBIDDEN = 403


class Strangers:
    """The addon: looks at every host that a client names, once per connection."""

    def __init__(self, firewall: Callable[[], Firewall | None]) -> None:
        self._firewall = firewall

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Answer a tunnel that is not opened."""
        if flow.response is None and (found := self._refused(flow.request.host)):
            flow.response = _response(found)

    def request(self, flow: http.HTTPFlow) -> None:
        """Answer a request that goes there unencrypted, or was decrypted for another's sake."""
        if flow.response is None and flow.error is None:
            for name in (flow.request.host, flow.client_conn.sni or ""):
                if found := self._refused(name):
                    flow.response = _response(found)

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        """Do not tunnel what is to be refused: see `tls_start_client`."""
        if self._refused(data.client_hello.sni or ""):
            data.ignore_connection = False

    def tls_start_client(self, data: tls.TlsData) -> None:
        """Let a handshake fail: mitmproxy closes a connection that it is given nothing for."""
        if self._refused(data.conn.sni or ""):
            data.ssl_conn = None

    def server_connect(self, data: ServerConnectionHookData) -> None:
        """Open no connection by that name."""
        assert data.server.address is not None
        for name in (data.server.address[0], data.server.sni or ""):
            if found := self._refused(name):
                data.server.error = found.message

    def _refused(self, host: str) -> Refusal | None:
        firewall = self._firewall()
        return refused_host(firewall.shared, host) if host and firewall is not None else None


def _response(refusal: Refusal) -> http.Response:
    return response_of(replace(refuse(refusal, dialect="openai"), status=FORBIDDEN))
