"""
Promise: whatever the providers' own packages can ask for is known, for what it costs or as free.

A newer package is laid beside the tables by raising its version in tests/clients/requirements.txt:
what it adds fails here, by its method and path.
"""

import pytest
import sdk_methods
from sdk_methods import PACKAGES, botocore, fern, google, grpc, speakeasy, stainless

from llmcap.providers import match
from llmcap.providers.parts.shape import Billing

pytestmark = pytest.mark.skipif(PACKAGES is None, reason="scripts/test makes .venv-clients")

AT_VERTEX = "/v1beta1/projects/p/locations/us-central1"
MISTRAL_AT_VERTEX = f"{AT_VERTEX}/publishers/mistralai/models/m:"


def _versioned(path: str) -> str:
    return path.replace("/{}/", "/v1beta/", 1)


# Host, what can be asked of it, and how its path is on the wire; and one that must be among them.
SDKS = {
    "openai": (
        "api.openai.com",
        lambda: stainless("openai/resources"),
        lambda path: f"/v1{path}",
        ("POST", "/responses"),
    ),
    "anthropic": (
        "api.anthropic.com",
        lambda: stainless("anthropic/resources"),
        str,
        ("POST", "/v1/messages"),
    ),
    "groq": (
        "api.groq.com",
        lambda: stainless("groq/resources"),
        str,
        ("POST", "/openai/v1/chat/completions"),
    ),
    "together": (
        "api.together.ai",
        lambda: stainless("together/resources"),
        str,
        ("POST", "/v1/chat/completions"),
    ),
    "mistralai": (
        "api.mistral.ai",
        lambda: speakeasy("mistralai/client"),
        str,
        ("POST", "/v1/chat/completions"),
    ),
    "mistralai on Azure": (
        "resource.services.ai.azure.com",
        lambda: speakeasy("mistralai/azure"),
        str,
        ("POST", "/models/chat/completions"),
    ),
    "mistralai on Vertex": (
        "us-central1-aiplatform.googleapis.com",
        lambda: speakeasy("mistralai/gcp"),
        lambda path: path.replace("/", MISTRAL_AT_VERTEX),
        ("POST", "/rawPredict"),
    ),
    "cohere": ("api.cohere.com", lambda: fern("cohere"), str, ("POST", "/v2/chat")),
    "google-genai": (
        "generativelanguage.googleapis.com",
        lambda: google(vertex=False),
        str,
        ("POST", "/v1beta/models/m:generateContent"),
    ),
    "google-genai, the newer half": (
        "generativelanguage.googleapis.com",
        lambda: speakeasy("google/genai/_gaos"),
        _versioned,
        ("POST", "/{}/interactions"),
    ),
    "google-genai on Vertex": (
        "us-central1-aiplatform.googleapis.com",
        lambda: google(vertex=True),
        lambda path: path.replace("/v1beta", AT_VERTEX, 1),
        ("POST", "/v1beta/publishers/google/models/m:generateContent"),
    ),
    "google-genai, the newer half, on Vertex": (
        "us-central1-aiplatform.googleapis.com",
        lambda: speakeasy("google/genai/_gaos"),
        lambda path: path.replace("/{}/", f"{AT_VERTEX}/", 1),
        ("POST", "/{}/interactions"),
    ),
    "xai-sdk": ("api.x.ai", lambda: grpc("xai_sdk"), str, ("POST", "/xai_api.Chat/GetCompletion")),
}
AWS = {
    "bedrock-runtime": ("POST", "/model/{}/converse"),
    "bedrock": ("POST", "/inference-profiles"),
    "bedrock-agent": ("PUT", "/agents/"),
    "bedrock-agent-runtime": ("POST", "/retrieveAndGenerate"),
    "bedrock-agentcore": ("POST", "/runtimes/{}/invocations"),
    "bedrock-agentcore-control": ("PUT", "/runtimes/"),
    "bedrock-data-automation": ("PUT", "/blueprints/"),
    "bedrock-data-automation-runtime": ("POST", "/"),
}
for _service, _one in AWS.items():
    SDKS[_service] = (
        f"{_service}.eu-central-1.amazonaws.com",
        lambda service=_service: botocore(service),
        str,
        _one,
    )


@pytest.mark.parametrize("name", SDKS)
def test_whatever_a_package_asks_for_is_known(name):
    """Metered, free, told later, read ahead, or refused with what to do in its place."""
    host, asked, on_the_wire, among = SDKS[name]
    methods = asked()
    assert among in methods, "the package was read, and has what it is known for"
    unknown, helpless = [], []
    for method, path in sorted(methods):
        whole = on_the_wire(path).replace("{}", "x")
        found = match(host, method, whole)
        assert found is not None, host
        if found[1] is None:
            unknown.append(f"{method} {whole}")
        elif found[1].billing is Billing.UNMETERABLE and not found[1].advice:
            helpless.append(f"{method} {whole}")
    assert not unknown, "the table has no row for these: say what they cost"
    assert not helpless, "refused, and nobody is told what to do instead"


def test_expressions_that_are_no_text_are_no_paths():
    """The reading of the packages does not invent what it cannot see."""
    assert sdk_methods._text(sdk_methods.ast.parse("unknown").body[0].value, {}) == []
