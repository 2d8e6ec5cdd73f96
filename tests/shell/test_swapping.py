"""The key swap as mitmproxy calls it: what leaves, and what is refused."""

import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from llmcap.keys.swap import Key, Keys
from llmcap.shell.swapping import Swapping

REAL, STAND_IN = "sk-proj-RealRealRealReal", "sk-proj-FakeFakeFakeFake"


def flow_to(
    host: str, *, scheme: str = "https", sni: str = "", path: str = "/v1/models"
) -> http.HTTPFlow:
    """A request with a stand-in, on a connection that TLS was told `sni` for."""
    flow = tflow.tflow()
    flow.request = http.Request.make(
        "GET", f"{scheme}://{host}{path}", headers={"authorization": f"Bearer {STAND_IN}"}
    )
    flow.server_conn.address = (host, 443)
    flow.server_conn.sni = flow.client_conn.sni = sni or host
    Swapping(Keys([Key("openai", REAL, STAND_IN)])).request(flow)
    return flow


def test_the_provider_gets_the_real_key() -> None:
    """And nothing is answered in its place."""
    flow = flow_to("api.openai.com")
    assert flow.response is None
    assert flow.request.headers["authorization"] == f"Bearer {REAL}"


@pytest.mark.parametrize(
    ("where", "said"),
    [
        pytest.param({"host": "api.anthropic.com"}, "sent to api.anthropic.com", id="another"),
        pytest.param({"host": "evil.example", "scheme": "http"}, "evil.example", id="a-stranger"),
        pytest.param({"host": "api.openai.com", "scheme": "http"}, "without TLS", id="plain"),
        pytest.param({"host": "203.0.113.1", "sni": "api.openai.com"}, "203.0.113.1", id="address"),
        pytest.param({"host": "api.openai.com", "sni": "evil.example"}, "evil.example", id="sni"),
        pytest.param({"host": "evil.example", "sni": "api.openai.com"}, "evil.example", id="front"),
    ],
)
def test_nobody_else_does(where: dict[str, str], said: str) -> None:
    """Every name that a request has must be the provider's; the refusal names them."""
    flow = flow_to(**where)
    assert flow.response is not None
    assert flow.response.status_code == 403
    assert said in flow.response.get_text()
    assert REAL not in str(flow.request.headers.fields)
    assert STAND_IN not in flow.response.get_text()
