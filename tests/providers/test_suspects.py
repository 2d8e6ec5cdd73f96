"""Promise: what no table knows passes for free only where it can do nothing but look."""

import pytest
from walk import post, walk

from llmcap.providers import PROVIDERS, match
from llmcap.providers.parts.shape import Request
from llmcap.sockets import opened
from llmcap.walk.answers import Pass, Refused
from llmcap.walk.attributes import Facts
from llmcap.words.records import EndpointPolicy

OPENAI, CHATGPT, DATABRICKS = "api.openai.com", "chatgpt.com", "adb-1.azuredatabricks.net"
PRODUCTS = [each for each in PROVIDERS if not each.api_only]
ASKING = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def ask(method: str, path: str, host: str = OPENAI, body: bytes = b"", **headers: str) -> Request:
    """Any request."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method=method, host=host, path=path, body=body, headers=told)


REFUSED = {
    "an unknown method on a path that costs": ask("PUT", "/v1/chat/completions", body=b"{}x"),
    "an unknown method on a free path": ask("PUT", "/v1/models", body=b'{"a": 1}'),
    "a method that nobody has heard of": ask("BREW", "/v1/models"),
    "a GET with something in it": ask("GET", "/v1/surprise", body=b'{"model": "m"}'),
    "a GET that a header makes a POST": ask("GET", "/v1/surprise", x_http_method_override="POST"),
    "a GET of something free that is a POST": ask("GET", "/v1/agents/a", x_http_method="post"),
    "a version that is not known": ask("POST", "/v1alpha/chat/completions", body=b"{}"),
    "a twin of a free path": ask("POST", "/v1/fine_tuning/beta/graders/run", body=b"{}"),
    "a call below a free path": post("/v1/organization/chat/completions", ASKING),
    "a call to a product": post("/api/v9/chat/completions", ASKING, host=CHATGPT),
    "another method of a product's API": ask(
        "PUT", "/backend-api/codex/responses", host=CHATGPT, body=b'{"x": 1}'
    ),
    "Azure's service, in another version": ask(
        "POST", "/Speech/v9/Synthesize", host="r.cognitiveservices.azure.com", body=b"x"
    ),
}
PASSED = {
    "a look": ask("GET", "/v1/surprise"),
    "a look at the head of a list": ask("HEAD", "/v1/models"),
    "what a browser asks first": ask("OPTIONS", "/v1/chat/completions"),
    "a removal": ask("DELETE", "/v1/surprise/1"),
    "a GET with an empty object": ask("GET", "/v1/surprise", body=b" {} "),
    "a product's own": post("/backend-api/conversation", ASKING, host=CHATGPT),
    "a product's own page": post("/api/2.0/jobs/create", {"name": "x"}, host=DATABRICKS),
    "a comment that is no chat": post("/api/v2/messages", {"text": "x"}, host=CHATGPT),
}


@pytest.mark.parametrize("request_", REFUSED.values(), ids=REFUSED)
def test_what_could_cost_money_is_not_sent(request_):
    """With what it is and what opens the way."""
    found = walk("1").admit(request_)
    assert isinstance(found, Refused)
    assert found.refusal.reason in ("unknown_endpoint", "unmeterable")
    assert "unknown_endpoints: pass" in found.refusal.message


@pytest.mark.parametrize("request_", REFUSED.values(), ids=REFUSED)
def test_the_config_may_let_it_pass(request_):
    """The user's word is the last."""
    assert isinstance(walk("1", unknown_endpoints=EndpointPolicy.PASS).admit(request_), Pass)


@pytest.mark.parametrize("provider", PRODUCTS, ids=lambda each: each.name)
def test_who_names_a_model_asks_it_wherever_that_is_sold(provider):
    """At a path of next year too; what is paid by the month, or by nobody, costs no more."""
    host = provider.hosts[0].replace("*", "x")
    known = match(host, "POST", "/next-year/think")
    assert known is not None
    assert known[1] is None
    found = walk("1").admit(post("/next-year/think", ASKING, host=host))
    assert isinstance(found, Pass if provider.paid_flat else Refused)
    assert isinstance(walk("0").admit(post("/next-year/think", {"name": "x"}, host=host)), Pass)


@pytest.mark.parametrize("request_", PASSED.values(), ids=PASSED)
def test_what_cannot_cost_money_passes(request_):
    """Also when a cap is reached."""
    assert isinstance(walk("0").admit(request_), Pass)


@pytest.mark.parametrize(
    ("host", "path"),
    [
        (OPENAI, "/v1/models"),
        (OPENAI, "/v1/anything"),
        ("r.openai.azure.com", "/stt/speech/universal/v2"),
        (DATABRICKS, "/serving-endpoints/m/invocations"),
        (CHATGPT, "/backend-api/codex/responses/compact"),
    ],
)
def test_a_websocket_is_not_opened_where_a_model_could_answer(host, path):
    """Whatever its path: on an API's host, or on a path of a product that costs money."""
    there = walk("1")
    upgrade = ask("GET", path, host=host, upgrade="websocket")
    assert isinstance(opened(there.firewall, upgrade, Facts()), Refused)


def test_a_products_own_websocket_passes():
    """And is told of."""
    there = walk("1")
    upgrade = ask("GET", "/backend-api/celsius/ws", host=CHATGPT, upgrade="websocket")
    assert opened(there.firewall, upgrade, Facts()) is None
    assert [kind for kind, _ in there.events] == ["unmetered"]
