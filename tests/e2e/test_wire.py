"""What is on the wire: HTTP/2, hang-ups, and the hosts that are none of LLMCap's business."""

import json
import socket
import ssl
import time

import pytest
from cryptography import x509

from fake_provider.process import ProviderHandle
from fake_provider.proxy import ProxyHandle

from .conftest import PROGRAM_SECONDS, Run, Start


def test_http2_is_metered(start: Start, run: Run, provider: ProviderHandle) -> None:
    """Streams side by side on one HTTP/2 connection, on both sides of the proxy."""
    proxy = start(cap="5")
    lines = run(proxy, "http2", "--calls=5", "--stream")
    assert [line["protocol"] for line in lines] == ["HTTP/2"] * 5
    assert {line["last"] for line in lines} == {"data: [DONE]"}
    proxy.settle()
    assert {record["protocol"] for record in provider.bill()["records"]} == {"2"}
    assert proxy.spent_nanos() == provider.nanos() > 0


def test_http2_is_refused(start: Start, run: Run) -> None:
    """The refusal has the header that stops the SDKs."""
    proxy = start(cap="0")
    (line,) = run(proxy, "http2")
    assert (line["status"], line["protocol"], line["retry"]) == (429, "HTTP/2", "false")


def test_a_client_that_hangs_up_stops_the_provider(
    start: Start, run: Run, provider: ProviderHandle
) -> None:
    """The stream is given up on the provider's side too, and costs at least what was generated."""
    proxy = start(cap="5")
    provider.scenario(length="2000", token_seconds=0.03)
    run(proxy, "http2", "--stream", "--leave-after=20")
    proxy.settle()
    deadline = time.monotonic() + PROGRAM_SECONDS
    while provider.bill()["open"] and time.monotonic() < deadline:
        time.sleep(0.02)
    (record,) = provider.bill()["records"]
    assert record["ended"] == "hung up"
    assert record["output"] < 100
    assert proxy.spent_nanos() >= provider.nanos()


def issuer_seen(proxy: ProxyHandle, provider: ProviderHandle, host: str) -> str:
    """Who issued the certificate that a client of this host gets to see through the proxy."""
    context = ssl.create_default_context()
    context.load_verify_locations(provider.ca)
    context.load_verify_locations(proxy.ca)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=PROGRAM_SECONDS) as connection:
        target = f"{host}:{provider.port}"
        connection.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        with context.wrap_socket(connection, server_hostname=host) as tls:
            certificate = tls.getpeercert(binary_form=True)
    assert certificate is not None
    return x509.load_der_x509_certificate(certificate).issuer.rfc4514_string()


def test_other_hosts_are_tunnelled_undecrypted(start: Start, provider: ProviderHandle) -> None:
    """A host that is no provider shows its own certificate, a provider's host the proxy's."""
    proxy = start(cap="5")
    assert "Fake provider CA" in issuer_seen(proxy, provider, "localhost")
    assert "mitmproxy" in issuer_seen(proxy, provider, "api.openai.com")


SLICED = json.dumps(
    {"budgets": [{"name": "all", "cap": "$0.005", "hold": "sliced"}], "clamp": False}
)


@pytest.mark.parametrize("program", ["openai", "http2"])
def test_a_stream_that_cannot_be_paid_on_is_cut_on_both_sides(
    start: Start, run: Run, provider: ProviderHandle, program: str
) -> None:
    """The client reads an error and a whole end, the provider stops, and the cap holds."""
    proxy = start(config=SLICED)
    provider.scenario(length="16000", token_seconds=0.0005, tokens_per_event=5)
    (line,) = run(proxy, program, "--stream", "--max-tokens=16000")
    if program == "openai":
        assert "APIError" in line["bases"]
        assert "LLMCap" in line["message"]
    else:
        assert (line["status"], line["protocol"]) == (200, "HTTP/2")
        assert "LLMCap" in line["text"]
    proxy.settle()
    deadline = time.monotonic() + PROGRAM_SECONDS
    while provider.bill()["open"] and time.monotonic() < deadline:
        time.sleep(0.02)
    (record,) = provider.bill()["records"]
    assert record["ended"] == "hung up"
    assert 500_000 < provider.nanos() <= proxy.spent_nanos() <= 5_000_000


def test_a_cut_leaves_the_other_streams_of_the_connection_alone(
    start: Start, run: Run, provider: ProviderHandle
) -> None:
    """Two streams on one HTTP/2 connection; the one that is cut ends, the other one is whole."""
    proxy = start(config=SLICED)
    provider.scenario(length="16000", token_seconds=0.0005, tokens_per_event=5)
    long = json.dumps({"length": "16000"})
    short = json.dumps({"length": "400", "token_seconds": 0.01})
    lines = run(proxy, "http2", "--stream", "--max-tokens=16000", f"--scenarios=[{long},{short}]")
    proxy.settle()
    assert sorted("LLMCap" in line["text"] for line in lines) == [False, True]
    assert provider.nanos() <= proxy.spent_nanos() <= 5_000_000
    assert sorted(record["ended"] for record in provider.bill()["records"]) == ["hung up", "whole"]
