"""A stream that outgrows its money is stopped, on the provider's side too."""

import json
import time

import pytest

from fake_provider.process import ProviderHandle

from .conftest import Run, Start

# It writes on past the limit of 400 tokens, as no provider should.
RUNAWAY = json.dumps({"length": "20000", "ignore_limit": True, "token_seconds": 0.001})
SIBLING = json.dumps({"length": "300", "token_seconds": 0.01})
CAP_NANOS = 600_000


def ended(provider: ProviderHandle) -> list[dict]:
    """The provider's records, when no answer runs any more."""
    deadline = time.monotonic() + 5
    while provider.bill()["open"] and time.monotonic() < deadline:
        time.sleep(0.02)
    return provider.bill()["records"]


@pytest.mark.parametrize("protocol", ["--http1", "--calls=1"], ids=["http1", "http2"])
def test_the_provider_stops_and_the_client_reads_a_whole_error(
    start: Start, run: Run, provider: ProviderHandle, protocol: str
) -> None:
    """The bill stays under the cap, the ledger is not below it, and the client knows why."""
    proxy = start(cap="0.0006")
    (line,) = run(proxy, "http2", protocol, "--stream", f"--scenario={RUNAWAY}")
    assert line["status"] == 200
    assert line["last"] == "data: [DONE]"
    assert "LLMCap" in line["error"]
    (record,) = ended(provider)
    assert record["ended"] == "hung up"
    assert 400 < record["output"] < 1000
    assert provider.nanos() <= proxy.spent_nanos() <= CAP_NANOS


def test_a_cut_leaves_the_other_streams_of_its_connection_alone(
    start: Start, run: Run, provider: ProviderHandle
) -> None:
    """One stream of an HTTP/2 connection is reset, its sibling comes to its own end."""
    proxy = start(cap="0.0012")
    lines = run(proxy, "http2", "--stream", f"--scenario={RUNAWAY}", f"--scenario={SIBLING}")
    by_error = {bool(line["error"]): line for line in lines}
    assert set(by_error) == {True, False}
    assert by_error[False]["last"] == "data: [DONE]"
    outputs = sorted((record["ended"], record["output"]) for record in ended(provider))
    assert [how for how, _ in outputs] == ["hung up", "whole"]
    assert outputs[1][1] == 300
    assert provider.nanos() <= proxy.spent_nanos() <= 1_200_000


def test_a_cut_connection_serves_the_next_request(
    start: Start, run: Run, provider: ProviderHandle
) -> None:
    """The client's side ended well, so what follows is refused properly, not broken."""
    proxy = start(cap="0.0006")
    run(proxy, "http2", "--http1", "--stream", f"--scenario={RUNAWAY}")
    (line,) = run(proxy, "http2", "--http1")
    assert line["status"] == 429
    assert len(ended(provider)) == 1
