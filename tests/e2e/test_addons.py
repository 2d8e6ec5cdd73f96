"""
Promise: whatever another addon does, and in whichever order, what reaches a provider was decided.

Metered to the nano-dollar of the provider's own bill, refused at the cap, nothing left held.
"""

import base64
import http.client
import json
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fake_provider.process import ProviderHandle
from fake_provider.proxy import ProxyHandle, proxy_process

OTHER = Path(__file__).with_name("other.py")
SECONDS = 300  # ends what hangs

CONFIG = """
budgets:
- {name: all, cap: $1}
- {name: poor, cap: $0.000001, match: {project: poor}}
wait: 0
clamp: false
"""
CALL = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 50}


def login(user: str) -> dict[str, str]:
    """The header by which a client tells its proxy who it is."""
    return {"proxy-authorization": "Basic " + base64.b64encode(f"{user}:".encode()).decode()}


def ask(
    proxy: ProxyHandle, what: str, *, user: str = "", stream: bool = False
) -> tuple[int, bytes]:
    """Make the call while the other addon does that; status and body, 0 where there is none."""
    body = json.dumps(CALL | ({"stream": True} if stream else {}))
    headers = {"content-type": "application/json", "x-other": what}
    if what == "points elsewhere":
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=SECONDS)
        url = "http://elsewhere.example/v1/chat/completions"
        headers |= login(user) if user else {}
    else:
        context = ssl.create_default_context(cafile=str(proxy.ca))
        connection = http.client.HTTPSConnection(
            "127.0.0.1", proxy.port, timeout=SECONDS, context=context
        )
        connection.set_tunnel("api.openai.com", 443, login(user) if user else {})
        url = "/v1/chat/completions"
    with closing(connection):
        try:
            connection.request("POST", url, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        except http.client.RemoteDisconnected:
            return 0, b""


@pytest.fixture(params=["before", "after"])
def proxy(
    request: pytest.FixtureRequest, provider: ProviderHandle, tmp_path: Path
) -> Iterator[ProxyHandle]:
    """mitmdump with the other addon before LLMCap, or after it."""
    order = {"before": [OTHER]} if request.param == "before" else {"options": ["-s", str(OTHER)]}
    with proxy_process(tmp_path, provider, config=CONFIG, **order) as process:
        yield process


METERED = [
    "does nothing",
    "raises",
    "streams the request",
    "streams the request by a function",
    "points elsewhere",
    "asks for more",
    "asks for another model",
    "raises at the answer",
    "streams the answer",
    "streams the answer by a function",
    "calls it an error",
    "makes an answer of its own",
    "rewrites the answer",
    "raises at the end",
]


ENDED = {"answers": 200, "kills": 0}


def test_nothing_that_another_addon_does_passes_by(
    proxy: ProxyHandle, provider: ProviderHandle
) -> None:
    """Whole and streamed: what it lets pass is metered and capped, what it ends costs nothing."""
    for what, answered in ENDED.items():
        for stream in (False, True):
            status, _ = ask(proxy, what, stream=stream)
            assert status == answered, what
    proxy.settle()
    assert provider.bill()["records"] == []
    assert proxy.spent_nanos() == 0
    for what in METERED:
        for stream in (False, True):
            before, spent = provider.nanos(), proxy.spent_nanos()
            status, _ = ask(proxy, what, stream=stream)
            assert status == (500 if what == "calls it an error" else 200), what
            proxy.settle()
            billed = provider.nanos() - before
            assert proxy.spent_nanos() - spent == billed > 0, (what, stream)
            refused, said = ask(proxy, what, user="poor", stream=stream)
            assert refused in {429, 402}, (what, said)  # the first time, and again
            assert b"poor" in said
        assert provider.nanos() - before == billed, what
    held = [entry["held_nanos"] for entry in proxy.entries() if entry["model"] == "gpt-4o"]
    assert max(held) > 0, "the model that another addon asks for is what is held"
