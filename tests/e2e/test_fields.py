"""What a request says beside what everybody reads, through the real mitmdump."""

import http.client
import json
import ssl
from pathlib import Path

from fake_provider.process import ProviderHandle
from fake_provider.proxy import ProxyHandle

from .conftest import PROGRAM_SECONDS, Start

JSON = {"content-type": "application/json"}


def asked(
    proxy: ProxyHandle, host: str, path: str, body: bytes, **headers: str
) -> tuple[int, bytes]:
    """The status and the answer of a POST to a host, over TLS, through the proxy."""
    context = ssl.create_default_context(cafile=str(proxy.ca))
    connection = http.client.HTTPSConnection(
        "127.0.0.1", proxy.port, context=context, timeout=PROGRAM_SECONDS
    )
    connection.set_tunnel(host, 443)
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("POST", path, body, {**JSON, "authorization": "Bearer k", **told})
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def chat(**fields: object) -> bytes:
    """A chat of gpt-4o-mini as JSON."""
    messages = [{"role": "user", "content": "hello"}]
    return json.dumps({"model": "gpt-4o-mini", "messages": messages, **fields}).encode()


def test_what_reads_in_two_ways_never_reaches_the_provider(
    start: Start, provider: ProviderHandle
) -> None:
    """A name twice, a number that is none, an encoding that only Python knows."""
    proxy = start(cap="5")
    twice = chat(max_tokens=5)[:-1] + b', "max_tokens": 16000}'
    bodies = {
        b"'max_tokens' twice": (twice, {}),
        b"NaN": (chat()[:-1] + b', "n": NaN}', {}),
        b"content-encoding": (chat(max_tokens=5), {"content_encoding": "base64"}),
    }
    for reason, (body, headers) in bodies.items():
        status, told = asked(proxy, "api.openai.com", "/v1/chat/completions", body, **headers)
        assert status >= 400, told
        assert reason in told, told
    assert provider.bill()["records"] == []
    assert proxy.spent_nanos() == 0


def test_an_unread_field_is_told_once_and_can_be_allowed(
    start: Start, provider: ProviderHandle, tmp_path: Path
) -> None:
    """The call goes where there is money for its dearest reading, and the log says what helps."""
    proxy = start(cap="5")
    body = chat(max_tokens=5, x_new="turbo")
    for _ in range(2):
        status, _ = asked(proxy, "api.openai.com", "/v1/chat/completions", body)
        assert status == 200
    assert proxy.log().count("allow_fields: [x_new]") == 1
    # All of the window at a dollar cap of a cent: refused, until the user knows better.
    poor = start(tmp_path / "poor", cap="0.01")
    assert asked(poor, "api.openai.com", "/v1/chat/completions", body)[0] == 429
    allowing = "allow_fields: [x_new]\n"
    trusted = start(tmp_path / "trusted", cap="0.01", config=allowing)
    assert asked(trusted, "api.openai.com", "/v1/chat/completions", body)[0] == 200
    for each in (proxy, poor, trusted):
        each.settle()
    spent = sum(each.spent_nanos() for each in (proxy, poor, trusted))
    assert spent == provider.nanos() > 0
