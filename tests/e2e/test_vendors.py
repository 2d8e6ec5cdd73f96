"""
The packages of the smaller providers: what each call costs is known to the nano-dollar, and they
meet a cap as they meet a quota, and give up as they do.
"""

from typing import Any

import pytest

from fake_provider.process import ProviderHandle
from fake_provider.proxy import ProxyHandle

from .conftest import Run, Start

# The exception that each raises, and how often it tries: Cohere's package tries a 429 again,
# whatever it is told, unless it streams, and ends at the 402 that it then gets, for which it has no
# exception of its own. litellm would try a 429 nine times, so it gets the 400 that stops it.
PACKAGES = {
    "mistralai": ("SDKError", 1),
    "mistralai_stream": ("SDKError", 1),
    "cohere": ("ApiError", 2),
    "cohere_stream": ("TooManyRequestsError", 1),
    "groq": ("RateLimitError", 1),
    "groq_stream": ("RateLimitError", 1),
    "together": ("RateLimitError", 1),
    "together_stream": ("RateLimitError", 1),
    "huggingface_hub": ("HfHubHTTPError", 1),
    "huggingface_hub_stream": ("HfHubHTTPError", 1),
    "boto3": ("ClientError", 1),
    "boto3_stream": ("ClientError", 1),
    "boto3_invoke": ("ServiceQuotaExceededException", 1),
    "litellm": ("BadRequestError", 1),
    "litellm_stream": ("BadRequestError", 1),
    "xai_sdk": ("RpcError", 1),
    "xai_sdk_stream": ("RpcError", 1),
}


def called(run: Run, proxy: ProxyHandle, *packages: str) -> list[dict[str, Any]]:
    """What came of one call with each."""
    environ = {
        "AWS_CA_BUNDLE": str(proxy.ca),
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(proxy.ca),
        "grpc_proxy": f"http://127.0.0.1:{proxy.port}",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    lines = run(proxy, "vendors", *packages, **environ)
    missing = [line["missing"] for line in lines if "missing" in line]
    assert missing == [], "the clients' environment is not whole"
    return lines


def test_the_ledger_equals_the_bill_of_each(
    start: Start, run: Run, provider: ProviderHandle
) -> None:
    """Call by call; the program gets every word."""
    proxy = start(cap="1")
    provider.scenario(length="40")
    lines = called(run, proxy, *PACKAGES)
    assert not [line for line in lines if "message" in line]
    assert [(line["package"], line["words"]) for line in lines] == [
        (package, 40) for package in PACKAGES
    ]
    proxy.settle()
    costs = [
        entry["cost_nanos"]
        for entry in proxy.entries("kind, cost_nanos")
        if entry["kind"] == "settled"
    ]
    assert costs == [int(record["nanos"]) for record in provider.bill()["records"]]
    assert len(costs) == len(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_refusal_is_a_quota_to_the_vendors_own_package(
    start: Start, run: Run, provider: ProviderHandle, package: str
) -> None:
    """Its own exception, with our words; the provider is never reached."""
    raised, attempts = PACKAGES[package]
    proxy = start(cap="0", options=["--set", "connection_strategy=lazy"])
    (line,) = called(run, proxy, package)
    assert raised in line["bases"], line
    assert "LLMCap" in line["message"]
    calls = [each for each in proxy.requests() if "localhost" not in each["host"]]
    assert [each["refused"] for each in calls] == [True] * attempts, calls
    assert provider.bill()["requests"] == {}
    assert {entry["kind"] for entry in proxy.entries("kind")} == {"refused"}


# How each learns that its stream was cut: what it raises, or nothing but the end of the answer.
CUTS = {
    "mistralai_stream": "ResponseValidationError",  # it takes the error for an event, and shows it
    "cohere_stream": "",
    "groq_stream": "APIError",
    "together_stream": "APIError",
    "huggingface_hub_stream": "TextGenerationError",
    "boto3_stream": "EventStreamError",
    "litellm_stream": "",
    "xai_sdk_stream": "RpcError",
}
CUT_TOKENS = 1300
GROK_TOKENS = 3500  # xAI has a prompt of its own, which is held too
CUT = f"""
budgets:
- {{name: each, cap: {CUT_TOKENS} tokens, per: provider, match: {{provider: "[!x]*"}}}}
- {{name: grok, cap: {GROK_TOKENS} tokens, match: {{provider: xai}}}}
clamp: false
"""


def test_a_stream_that_does_not_end_is_cut_for_each(
    start: Start, run: Run, provider: ProviderHandle
) -> None:
    """On both sides: the provider stops, the program gets an end, and the bill keeps to the cap."""
    proxy = start(config=CUT)
    provider.scenario(length="100000", token_seconds=0.0015, ignore_limit=True)
    lines = called(run, proxy, *CUTS)
    for line, (package, raised) in zip(lines, CUTS.items(), strict=True):
        assert line["package"] == package
        assert raised in line["bases"] if raised else line["words"] > 0, line
    proxy.settle()
    records = provider.bill()["records"]
    assert [record["ended"] for record in records] == ["hung up"] * len(CUTS)
    for record in records:
        most = GROK_TOKENS if record["model"].startswith("grok") else CUT_TOKENS
        assert 0 < record["fresh"] + record["output"] <= most, record
    assert proxy.spent_nanos() >= provider.nanos()
