"""Promise: a request that any of its names makes a provider's is a provider's."""

import pytest
from mitmproxy.connection import Server
from mitmproxy.options import Options
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import tflow, tutils

from llmcap.shell.destinations import (
    canonical,
    provider_host,
    provider_hosts,
    provider_names,
    without_root,
)  # fmt: skip

OPENAI, ANTHROPIC = "api.openai.com", "api.anthropic.com"


def flow(host: str, *, header: str = "", authority: bytes = b"", sni: str | None = None):
    """A flow to a host with these other names."""
    made = tflow.tflow(req=tutils.treq(host=host, path=b"/v1/models", authority=authority))
    made.client_conn.sni = sni
    made.server_conn.address, made.server_conn.sni = (host, made.request.port), None
    made.request.headers.pop("host", None)
    if header:
        made.request.headers["Host"] = header
    return made


@pytest.mark.parametrize(
    ("names", "hosts"),
    [
        ({"host": OPENAI}, [OPENAI]),
        ({"host": "API.OpenAI.com."}, [OPENAI]),
        ({"host": OPENAI, "header": OPENAI, "sni": OPENAI}, [OPENAI]),
        ({"host": OPENAI, "header": f"{OPENAI}:8443"}, [OPENAI]),
        ({"host": "203.0.113.1", "header": ANTHROPIC}, [ANTHROPIC]),
        ({"host": "203.0.113.1", "header": "API.anthropic.com:443"}, [ANTHROPIC]),
        ({"host": "203.0.113.1", "sni": OPENAI}, [OPENAI]),
        ({"host": "203.0.113.1", "authority": b"api.openai.com"}, [OPENAI]),
        ({"host": "example.com", "header": f"example.com, {OPENAI}"}, [OPENAI]),
        ({"host": "example.com", "header": f"user@{OPENAI}"}, [OPENAI]),
        ({"host": "api.\uff4fpenai\u3002com"}, [OPENAI]),
        ({"host": OPENAI, "header": ANTHROPIC}, [OPENAI, ANTHROPIC]),
        ({"host": "example.com", "header": ANTHROPIC, "sni": OPENAI}, [ANTHROPIC, OPENAI]),
        ({"host": OPENAI, "header": "example.com", "sni": "example.org"}, [OPENAI]),
        ({"host": "example.com", "header": "example.com", "sni": "example.com"}, []),
    ],
)
def test_every_name_counts(names, hosts):
    """The address, HTTP's and TLS's, however they are spelt; two providers' are two."""
    made = flow(**names)
    assert provider_hosts(made) == hosts
    assert provider_host(made) == (hosts[0] if hosts else None)


@pytest.mark.parametrize(
    ("host", "hosts"),
    [("api.anthropic.com", [ANTHROPIC]), ("mock.example", []), (OPENAI, [OPENAI])],
)
def test_what_an_addon_points_elsewhere_goes_there(host, hosts):
    """Whatever the client called the place that it had in mind."""
    made = flow(OPENAI, header=OPENAI, sni=OPENAI)
    made.request.host = host
    assert provider_hosts(made) == hosts


@pytest.mark.parametrize("sni", [OPENAI, None], ids=["host replaced", "host kept"])
def test_a_reverse_proxy_is_what_it_stands_for(sni):
    """Also where an addon has led its connection to another address."""
    made = flow("127.0.0.1", header="127.0.0.1:8080")
    made.client_conn.proxy_mode = ProxyMode.parse(f"reverse:https://{OPENAI}")
    made.server_conn.sni = sni
    assert provider_hosts(made) == [OPENAI]


def test_a_model_on_this_machine_is_a_provider_over_plain_http():
    """By its path."""
    made = flow("localhost")
    made.request.scheme, made.request.method, made.request.path = "http", "POST", "/api/chat"
    assert provider_hosts(made) == ["localhost"]
    made.request.path = "/index.html"
    assert provider_hosts(made) == []


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("[2001:DB8::1]:443", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("127.0.0.1:80", "127.0.0.1"),
        (" a.example ", "a.example"),
        ("\ud800.example", "\ud800.example"),
        ("", ""),
    ],
)
def test_a_name_is_told_apart_from_its_port(said, name):
    """Also where it is an address, or no name at all."""
    assert canonical(said) == name


def test_a_connection_has_the_names_of_its_address_and_of_tls():
    """Those that are a provider's."""
    server = Server(address=(f"{OPENAI}.", 443), sni=ANTHROPIC)
    assert provider_names(server) == [OPENAI, ANTHROPIC]
    assert provider_names(Server(address=("127.0.0.1", 443), sni="example.com")) == []
    assert provider_names(Server(address=None)) == []


@pytest.mark.parametrize(
    ("address", "told", "names"),
    [
        ("fal.run", f"{OPENAI}.", (OPENAI, None)),
        (f"{OPENAI}.", f"{OPENAI}.", (OPENAI, None)),
        (f"{OPENAI}.", None, (None, OPENAI)),
        ("fal.run", OPENAI, (OPENAI, None)),
        ("203.0.113.1", None, (None, None)),
    ],
)
def test_tls_is_told_no_dot_of_the_root(address, told, names):
    """By the client's name, or by the address where the client told none."""
    context = Context(tflow.tclient_conn(), Options())
    context.client.sni, context.server.address = told, (address, 443)
    without_root(context)
    assert (context.client.sni, context.server.sni) == names
