"""Promise: a path costs the same however it is spelled, and no spelling of it makes it free."""

import pytest
from rows import each_row

from llmcap.providers import PROVIDERS, match
from llmcap.providers.parts.routes import Routes, dearer, found_by
from llmcap.providers.parts.shape import Billing, Endpoint, Request
from llmcap.providers.parts.spelling import normal

METERED = Billing.METERED

SPELLINGS = {
    "/v1/chat/completions": [
        "//v1///chat/completions",
        "/v1/chat/completions/",
        "/v1/./chat/completions",
        "/v1/models/../chat/completions",
        "/../v1/chat/completions",
        "/v1/chat/%63ompletions",
        "/%76%31/chat/completions",
        "/v1/chat/completions;v=1",
        "/v1;a=b/chat;c/completions",
        "/v1/chat/completions#models",
        "/v1\\chat\\completions",
        "/v1/%2e/chat/%2E%2e/chat/completions",
        "/v1/chat/completions/.",
    ],
    "/": ["", "/", "//", "/.", "/..", "/;a"],
    "/model/a%2Fb:c/invoke": ["/model/a%2fb%3ac/invoke", "/model/a%2Fb:c/invoke/"],
    "/v1/files/caf%C3%A9%20x": ["/v1/files/caf%c3%a9%20x"],
}


@pytest.mark.parametrize(
    ("plain", "spelled"), [(plain, each) for plain, many in SPELLINGS.items() for each in many]
)
def test_a_path_has_one_spelling(plain: str, spelled: str):
    """The one that a server would take it for; and that one is left as it is."""
    assert normal(spelled) == plain
    assert normal(plain) == plain


def test_a_request_has_the_plain_spelling_for_whoever_reads_it():
    """A model in the path is read where it stands, whatever stands around it."""
    request = Request(method="POST", host="", path="//openai//%64eployments/gpt-4o/./x")
    assert request.path == "/openai/deployments/gpt-4o/x"


AZURE = "r.openai.azure.com"
COSTLY = [
    ("api.openai.com", "POST", "/v1/chat/completions"),
    ("api.openai.com", "POST", "/v1/threads/t/runs"),
    ("api.anthropic.com", "POST", "/v1/messages"),
    ("generativelanguage.googleapis.com", "POST", "/v1beta/models/gemini-2.5-pro:generateContent"),
    ("bedrock-runtime.us-east-1.amazonaws.com", "POST", "/model/anthropic.claude-x/converse"),
    (AZURE, "POST", "/openai/deployments/gpt-4o/chat/completions"),
    ("aiplatform.googleapis.com", "POST",
     "/v1/projects/p/locations/global/publishers/google/models/gemini-2.5-pro:generateContent"),
    ("us-central1-aiplatform.googleapis.com", "POST",
     "/v1/projects/p/locations/us-central1/endpoints/openapi/chat/completions"),
]  # fmt: skip
WAYS = {
    "upper case": str.upper,
    "title case": str.title,
    "encoded letters": lambda path: path.replace("o", "%6F").replace("e", "%65"),
    "encoded slashes": lambda path: path[0] + path[1:].replace("/", "%2F"),
    "one encoded slash": lambda path: "%2f".join(path.rsplit("/", 1)),
    "doubled slashes": lambda path: path.replace("/", "//"),
    "a slash at the end": lambda path: path + "/",
    "parameters": lambda path: path + ";v=1",
    "a detour": lambda path: "/x/.." + path,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("host", "method", "path"), COSTLY)
def test_no_spelling_of_a_path_that_costs_is_free(host, method, path, way):
    """Metered all the same."""
    found = match(host, method, WAYS[way](path))
    assert found is not None
    assert found[1] is not None, WAYS[way](path)
    assert found[1].billing is METERED


@each_row("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_what_is_free_is_free_for_the_methods_that_it_names(provider):
    """An unheard-of method on a free path is unknown, and HEAD is a GET."""
    table = getattr(provider.match, "table", provider.routes)
    for methods, path, endpoint in table:
        if endpoint.billing is not Billing.FREE:
            continue
        assert "*" not in methods
        filled = path.replace("{}", "x").replace("/**", "/x").replace("{version}", "v1beta")
        for method in ("QUERY", "LOCK", "BREW"):
            found = found_by(provider.match, method, filled)
            assert found is None or found.billing is not Billing.FREE, f"{method} {path}"


def test_a_free_route_for_any_method_cannot_be_written():
    """The table does not take it."""
    free = Endpoint(name="free", billing=Billing.FREE)
    with pytest.raises(AssertionError, match="name the methods"):
        Routes((("*", "/v1/models/**", free),))


def test_of_two_readings_the_dearer_counts():
    """What is billed before what nobody can meter, that before the unknown, free at last."""
    order = [
        Endpoint(name="one"),
        Endpoint(name="two", billing=Billing.UNMETERABLE),
        None,
        Endpoint(name="three", billing=Billing.UPLOAD),
        Endpoint(name="four", billing=Billing.DEFERRED),
        Endpoint(name="five", billing=Billing.FREE),
    ]
    for place, each in enumerate(order):
        for other in order[place:]:
            assert dearer(each, other) is each
            assert dearer(other, each) is each
