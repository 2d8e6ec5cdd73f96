"""The same request for another model: in the body, in the path, or not at all."""

import json

import pytest

from llmcap.brakes.reroute import with_limit, with_model
from llmcap.providers import match
from llmcap.providers.parts.shape import Request


def request(path: str, document: object, **others: str) -> Request:
    """A POST."""
    return Request(method="POST", host="h", path=path, body=json.dumps(document).encode(), **others)


@pytest.mark.parametrize(
    ("path", "document", "asked", "wanted_path", "wanted"),
    [
        (
            "/v1/messages",
            {"model": "big", "max_tokens": 9},
            "big",
            "/v1/messages",
            {"model": "small", "max_tokens": 9},
        ),
        ("/v1/x", {"model": "models/big"}, "big", "/v1/x", {"model": "models/small"}),
        (
            "/v1beta/models/big:streamGenerateContent",
            {"contents": []},
            "big",
            "/v1beta/models/small:streamGenerateContent",
            {"contents": []},
        ),
        ("/deployments/big/chat", {"n": 1}, "big", "/deployments/small/chat", {"n": 1}),
    ],
    ids=["body", "body with a prefix", "path with a verb", "path"],
)
def test_the_model_is_replaced_where_it_stands(path, document, asked, wanted_path, wanted):
    """And nothing else is changed."""
    changed = with_model(request(path, document), asked, "small")
    assert changed is not None
    assert changed.path == wanted_path
    assert changed.document() == wanted


@pytest.mark.parametrize("body", [b"not json", b"[]", b'{"contents": []}'])
def test_a_request_that_names_no_model_is_left_alone(body):
    """There is nothing that we could replace."""
    asked = Request(method="POST", host="h", path="/v1/other", body=body)
    assert with_model(asked, "big", "small") is None


def test_a_limit_is_lowered_by_the_endpoint_itself():
    """As for a clamp: the provider's file knows where it stands."""
    found = match("api.openai.com", "POST", "/v1/chat/completions")
    assert found is not None
    _, endpoint = found
    assert endpoint is not None
    asked = request("/v1/chat/completions", {"model": "m", "max_completion_tokens": 100_000})
    lower = with_limit(endpoint, asked, 4_096)
    assert lower is not None
    assert lower.document()["max_completion_tokens"] == 4_096
