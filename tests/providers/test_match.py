"""Promise: every known request finds its endpoint; what is not known is said to be unknown."""

import pytest
from rows import each_row

from llmcap.providers import PROVIDERS, match, provider_of
from llmcap.providers.parts.shape import Billing

METERED, FREE, DEFERRED, UNMETERABLE = (
    Billing.METERED,
    Billing.FREE,
    Billing.DEFERRED,
    Billing.UNMETERABLE,
)
OPENAI, ANTHROPIC = "api.openai.com", "api.anthropic.com"
GOOGLE = "generativelanguage.googleapis.com"

KNOWN = [
    (OPENAI, "POST", "/v1/chat/completions", METERED),
    (OPENAI, "post", "/v1/chat/completions/", METERED),
    (OPENAI, "POST", "//v1//chat/completions", METERED),
    ("EU.API.OPENAI.COM", "POST", "/v1/chat/completions", METERED),
    (OPENAI, "POST", "/v1/responses", METERED),
    (OPENAI, "GET", "/v1/responses", DEFERRED),
    (OPENAI, "GET", "/v1/responses/resp_1", DEFERRED),
    (OPENAI, "POST", "/v1/responses/resp_1/cancel", DEFERRED),
    (OPENAI, "POST", "/v1/responses/compact", METERED),
    (OPENAI, "POST", "/v1/responses/input_tokens", FREE),
    (OPENAI, "POST", "/v1/moderations", FREE),
    (OPENAI, "POST", "/v1/traces/ingest", FREE),
    (OPENAI, "POST", "/v1/decisions", METERED),
    (OPENAI, "GET", "/v1/models", FREE),
    (OPENAI, "GET", "/v1/models/gpt-4o", FREE),
    (OPENAI, "POST", "/v1/threads/t/runs", METERED),
    (OPENAI, "GET", "/v1/threads/t/runs/r", DEFERRED),
    (OPENAI, "POST", "/v1/threads/t/runs/r/submit_tool_outputs", DEFERRED),
    (OPENAI, "POST", "/v1/threads/t/messages", FREE),
    (OPENAI, "POST", "/v1/engines/ada/embeddings", METERED),
    (OPENAI, "POST", "/v1/batches", METERED),
    (OPENAI, "GET", "/v1/batches/b", DEFERRED),
    (OPENAI, "GET", "/v1/files/f/content", DEFERRED),
    (OPENAI, "POST", "/v1/files", Billing.UPLOAD),
    (OPENAI, "POST", "/v1/fine_tuning/jobs", METERED),
    (OPENAI, "GET", "/v1/fine_tuning/jobs/j", DEFERRED),
    (OPENAI, "POST", "/v1/fine_tuning/jobs/j/resume", UNMETERABLE),
    (OPENAI, "GET", "/v1/realtime", UNMETERABLE),
    (OPENAI, "POST", "/v1/realtime/client_secrets", UNMETERABLE),
    (ANTHROPIC, "POST", "/v1/messages", METERED),
    (ANTHROPIC, "POST", "/v1/messages/count_tokens", FREE),
    (ANTHROPIC, "POST", "/v1/messages/batches", METERED),
    (ANTHROPIC, "GET", "/v1/messages/batches/b/results", DEFERRED),
    (ANTHROPIC, "GET", "/v1/messages/batches/b", FREE),
    (ANTHROPIC, "POST", "/api/event_logging/batch", FREE),
    (ANTHROPIC, "GET", "/api/claude_code/settings", FREE),
    (ANTHROPIC, "GET", "/mcp-registry/v0/servers", FREE),
    (GOOGLE, "POST", "/v1beta/models/gemini-2.5-flash:generateContent", METERED),
    (GOOGLE, "POST", "/v1beta/models/gemini-2.5-flash%3AgenerateContent", METERED),
    (GOOGLE, "POST", "/v1/tunedModels/mine:streamGenerateContent", METERED),
    (GOOGLE, "POST", "/v1beta/models/gemini-2.5-flash:countTokens", FREE),
    (GOOGLE, "POST", "/v1beta/models/gemini-2.5-flash:batchGenerateContent", METERED),
    (GOOGLE, "POST", "/v1beta/models/gemini-embedding-001:asyncBatchEmbedContent", METERED),
    (GOOGLE, "GET", "/v1beta/batches", DEFERRED),
    (GOOGLE, "GET", "/v1beta/batches/b", DEFERRED),
    (GOOGLE, "POST", "/v1beta/batches/b:cancel", FREE),
    (GOOGLE, "DELETE", "/v1beta/batches/b", FREE),
    (GOOGLE, "POST", "/upload/v1beta/files", Billing.UPLOAD),
    (GOOGLE, "GET", "/download/v1beta/files/batch-b:download", DEFERRED),
    (GOOGLE, "GET", "/v1beta/files/f", FREE),
    (GOOGLE, "POST", "/v1beta/cachedContents", METERED),
    (GOOGLE, "PATCH", "/v1beta/cachedContents/c", METERED),
    (GOOGLE, "DELETE", "/v1beta/cachedContents/c", FREE),
    (GOOGLE, "GET", "/v1beta/models", FREE),
    (GOOGLE, "POST", "/v1beta/interactions", METERED),
    (GOOGLE, "GET", "/v1beta/interactions/i", DEFERRED),
    (GOOGLE, "POST", "/v1beta/openai/chat/completions", METERED),
    (GOOGLE, "GET", "/ws/google.ai.generativelanguage.v1beta.X.BidiGenerateContent", UNMETERABLE),
]


@pytest.mark.parametrize(("host", "method", "path", "billing"), KNOWN)
def test_a_known_request_finds_its_endpoint(host, method, path, billing):
    """By host, method and path, however they are spelled."""
    found = match(host, method, path)
    assert found is not None
    assert found[1] is not None
    assert found[1].billing is billing


UNKNOWN = [
    (OPENAI, "POST", "/v1/oracles"),
    (OPENAI, "POST", "/v1/responses/resp_1/something"),
    (OPENAI, "POST", "/v2/chat/completions"),
    (ANTHROPIC, "POST", "/v1/oracles"),
    (ANTHROPIC, "POST", "/v1/messagesx"),
    (GOOGLE, "POST", "/v1beta/models/gemini-2.5-flash:dreamContent"),
    (GOOGLE, "POST", "/google.ai.generativelanguage.v1beta.GenerativeService/GenerateContent"),
]


@pytest.mark.parametrize(("host", "method", "path"), UNKNOWN)
def test_an_unknown_path_of_a_provider_is_unknown(host, method, path):
    """The policy decides about it, so it must not be taken for something else."""
    found = match(host, method, path)
    assert found is not None
    assert found[1] is None


@pytest.mark.parametrize(
    "host",
    ["example.com", "openai.com", "notapi.openai.com.evil.org", "xapi.openai.com", ""],
)
def test_a_host_of_nobody_matches_nothing(host: str):
    """Neither by a part of its name nor by accident."""
    assert match(host, "POST", "/v1/chat/completions") is None


@each_row("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_a_provider_is_found_by_each_of_its_hosts(provider):
    """Exact names and patterns."""
    for host in provider.hosts:
        assert provider_of(host.replace("*", "some-resource")) is provider
        assert provider_of(host.replace("*", "some-resource").upper() + ".") is provider
