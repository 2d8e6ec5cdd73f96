"""Whose call it is, and that nothing secret is among the answers."""

import pytest

from llmcap.providers.parts.shape import Request
from llmcap.walk.attributes import (
    FINGERPRINT_HEX,
    VALUE_LENGTH_MAX,
    Facts,
    attributes_of,
    client_program,
    fingerprint,
)
from llmcap.words.records import Policy

SECRET = b"s" * 32


def attributes(headers=None, *, facts=None, trusted=(), metadata=(), from_body=None, query=None):
    """The attributes of a request with these headers."""
    request = Request(
        method="POST",
        host="api.openai.com",
        path="/v1/chat/completions",
        headers=headers or {},
        query=query or {},
    )
    return attributes_of(
        request,
        facts or Facts(),
        provider="openai",
        endpoint="chat/completions",
        model="gpt-4o",
        from_body=from_body or {},
        policy=Policy(trusted_headers=trusted, metadata=metadata),
        secret=SECRET,
    )


@pytest.mark.parametrize(
    ("user_agent", "program"),
    [
        ("claude-cli/2.1.329 (external, cli)", "claude-cli"),
        ("OpenAI/Python 3.52.0", "openai"),
        ("codex_exec/0.169.0 (Debian) unknown", "codex_exec"),
        ("curl", "curl"),
        ("", ""),
    ],
)
def test_the_client_is_the_first_product_of_the_user_agent(user_agent, program):
    """The version is left out, so a budget for a client outlives its updates."""
    assert client_program(user_agent) == program


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer sk-secret-1"},
        {"x-api-key": "sk-secret-1"},
        {"api-key": "sk-secret-1"},
        {"x-goog-api-key": "sk-secret-1"},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_a_key_is_one_fingerprint_wherever_it_stands(headers):
    """The same key is the same attribute, and the key itself is nowhere."""
    found = attributes(headers)
    assert found["key"] == fingerprint("sk-secret-1", secret=SECRET)
    assert len(found["key"]) == FINGERPRINT_HEX
    assert "secret" not in repr(found)


def test_a_key_that_signs_is_one_key_whatever_it_signed():
    """AWS's signature is another one for each request, and so is its day."""
    said = "AWS4-HMAC-SHA256 Credential=AKIAONE/{}/us-east-1/bedrock/aws4_request, Signature={}"
    found = {attributes({"authorization": said.format(day, day * 8)})["key"] for day in (20, 21)}
    assert found == {fingerprint("AKIAONE", secret=SECRET)}


def test_a_key_in_the_url_is_fingerprinted_too():
    """Gemini accepts `?key=`."""
    assert attributes(query={"key": "k"})["key"] == fingerprint("k", secret=SECRET)


def test_fingerprints_of_two_ledgers_cannot_be_joined():
    """Each ledger has its own secret."""
    assert fingerprint("k", secret=b"a") != fingerprint("k", secret=b"b")
    assert fingerprint("", secret=b"a") == ""


def test_a_header_counts_only_where_the_config_trusts_it():
    """A client cannot leave its budget by inventing a project."""
    headers = {"x-llmcap-project": "other", "x-customer-id": "acme"}
    assert "project" not in attributes(headers)
    trusted = attributes(headers, trusted=("x-llmcap-project",))
    assert trusted["project"] == "other"
    assert "customer" not in trusted


def test_the_proxy_user_names_the_project_whatever_headers_say():
    """The proxy's address was set by who runs the tool, the header by the tool."""
    found = attributes(
        {"x-llmcap-project": "other"},
        facts=Facts(proxy_user="alpha"),
        trusted=("x-llmcap-project",),
    )
    assert found["project"] == found["proxy_user"] == "alpha"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-claude-code-session-id": "4721e921-cd52"},
        {"session-id": "4721e921-cd52", "thread-id": "other"},
        {"session_id": "4721e921-cd52"},
        {"x-session-id": "4721e921-cd52", "x-session-affinity": "other"},
    ],
    ids=["claude-code", "codex", "older codex", "opencode"],
)
def test_a_session_is_the_one_that_an_agent_names(headers):
    """As each of them sends it, and before what a body says."""
    assert attributes(headers, from_body={"session": "x"})["session"] == "4721e921-cd52"


@pytest.mark.parametrize("named", ["", "s" * 65, "two\nlines", " "])
def test_what_is_no_name_is_no_session(named):
    """A header may hold anything."""
    assert "session" not in attributes({"session-id": named})


def test_metadata_is_kept_only_under_names_that_the_config_has():
    """People put prompts there."""
    said = {"metadata.team": "search", "metadata.prompt": "hello", "feature": "chat"}
    found = attributes(from_body=said, metadata=("team",))
    assert found["metadata.team"] == "search"
    assert found["feature"] == "chat"
    assert "hello" not in repr(found)


def test_values_are_bounded_and_empty_ones_left_out():
    """A long value cannot bloat the ledger; an unknown attribute is absent, not empty."""
    found = attributes(from_body={"user": "u" * 1000})
    assert len(found["user"]) == VALUE_LENGTH_MAX
    assert "organisation" not in found
