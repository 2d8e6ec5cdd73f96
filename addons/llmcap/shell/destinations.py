"""
Where a request goes, by all of its names: the address, what TLS was told, what HTTP says.

Bytes go to an address, but a front that serves many hosts goes by the name that it reads last, and
TLS and HTTP may be told different ones. So a request is a provider's if any of its names is; and
one whose names are those of two providers' hosts is for nobody, as nobody can say whose price it
has.
"""

from collections.abc import Iterator

from mitmproxy import http
from mitmproxy.connection import Connection, Server
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.mode_specs import ReverseMode

from llmcap.providers import match, provider_of


def provider_host(flow: http.HTTPFlow) -> str | None:
    """The first name of a request that is a provider's, or None where it has none."""
    hosts = provider_hosts(flow)
    return hosts[0] if hosts else None


def provider_hosts(flow: http.HTTPFlow) -> list[str]:
    """All of its names that are a provider's, or this machine where it runs a model itself."""
    found = [name for name in names_of(flow) if provider_of(name)]
    return found or _local_hosts(flow)


def names_of(flow: http.HTTPFlow) -> list[str]:
    """What a request calls its host: the address, its headers, TLS; each name once."""
    said = dict.fromkeys(_said(flow))
    if len(said) == 1 and (host := flow.request.data.host).isascii():
        return [host.lower().rstrip(".")]
    return list(dict.fromkeys(canonical(name) for name in said))


def _said(flow: http.HTTPFlow) -> Iterator[str]:
    request = flow.request.data
    yield request.host
    for raw_name, value in request.headers.fields:
        if len(raw_name) == 4 and raw_name.lower() == b"host":
            yield from value.decode("utf-8", "surrogateescape").split(",")
    if request.authority:
        yield request.authority.decode("utf-8", "surrogateescape")
    server = flow.server_conn
    if server.address is None or server.address[:2] == (request.host, request.port):
        # mitmproxy sends it to where the client's connection leads, under the name that the client
        # told; what an addon points elsewhere has the names of that place only.
        yield from filter(None, (server.sni, flow.client_conn.sni))
        mode = flow.client_conn.proxy_mode
        if isinstance(mode, ReverseMode):
            yield mode.address[0]


def without_root(context: Context) -> None:
    """
    Forget the dot of DNS's root in the name that TLS was told, which is not to have it (RFC 6066,
    section 3): under such a name mitmproxy begins no handshake, and the client waits for ever.
    """
    client, server = context.client, context.server
    if client.sni:
        client.sni = client.sni.rstrip(".")
    elif server.address and server.address[0].endswith("."):
        server.sni = server.address[0].rstrip(".")


def _local_hosts(flow: http.HTTPFlow) -> list[str]:
    """This machine, where one of its own servers is asked to run a model over plain HTTP."""
    request = flow.request
    if request.scheme != "http":
        return []
    path, _, _ = request.path.partition("?")
    return [request.host] if match(request.host, request.method, path) else []


def canonical(name: str) -> str:
    """
    A host as the table of providers knows it, without a port: what is connected to in the end.

    >>> canonical("API.OpenAI.com.:443"), canonical("[::1]:80"), canonical("api.ｏpenai。com")
    ('api.openai.com', '::1', 'api.openai.com')
    """
    name = name.strip().rpartition("@")[2]
    if name.startswith("["):
        return name[1:].partition("]")[0].lower()
    host, colon, port = name.rpartition(":")
    if colon and port.isdecimal() and ":" not in host:
        name = host
    if not name.isascii():
        # As `socket.getaddrinfo` has it, which takes letters of full width for what they mean.
        try:
            name = name.encode("idna").decode()
        except UnicodeError:
            return name.lower()  # and is connected to by nobody
    return name.lower().rstrip(".")


def provider_names(server: Connection) -> list[str]:
    """The names of a connection to a server that are a provider's."""
    assert isinstance(server, Server)
    said = [server.address[0] if server.address else "", server.sni or ""]
    names = dict.fromkeys(canonical(name) for name in said if name)
    return [name for name in names if provider_of(name)]
