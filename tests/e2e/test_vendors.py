"""The packages of the smaller providers meet a cap as they meet a quota, and give up as they do."""

import pytest

from fake_provider.process import ProviderHandle

from .conftest import Run, Start

# The exception that each raises, and how often it tries: Cohere's package alone tries three times,
# whatever it is told. litellm would try a 429 nine times, so it gets the 400 that stops it.
PACKAGES = {
    "mistralai": ("SDKError", 1),
    "cohere": ("TooManyRequestsError", 3),
    "groq": ("RateLimitError", 1),
    "together": ("RateLimitError", 1),
    "huggingface_hub": ("HfHubHTTPError", 1),
    "boto3": ("ClientError", 1),
    "boto3_stream": ("ClientError", 1),
    "boto3_invoke": ("ServiceQuotaExceededException", 1),
    "litellm": ("BadRequestError", 1),
}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_refusal_is_a_quota_to_the_vendors_own_package(
    start: Start, run: Run, provider: ProviderHandle, package: str
) -> None:
    """Its own exception, with our words; the provider is never reached."""
    raised, attempts = PACKAGES[package]
    proxy = start(cap="0", options=["--set", "connection_strategy=lazy"])
    (line,) = run(
        proxy,
        "vendors",
        package,
        AWS_CA_BUNDLE=str(proxy.ca),
        LITELLM_LOCAL_MODEL_COST_MAP="True",
    )
    if "missing" in line:
        pytest.skip(f"the clients' environment has no {package}: {line['missing']}")
    assert raised in line["bases"], line
    assert "LLMCap" in line["message"]
    calls = [each for each in proxy.requests() if "localhost" not in each["host"]]
    assert [each["refused"] for each in calls] == [True] * attempts, calls
    assert provider.bill()["requests"] == {}
    assert {entry["kind"] for entry in proxy.entries("kind")} == {"refused"}
