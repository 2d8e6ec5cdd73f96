"""Promise: a WebSocket on a provider's host is metered or refused, whatever its path."""

import pytest
from talk import upgrade
from walk import walk

from llmcap.sockets import Session, opened
from llmcap.walk.answers import Refused
from llmcap.walk.attributes import Facts
from llmcap.words.records import EndpointPolicy

METERED = [
    ("api.openai.com", "/v1/responses"),
    ("eu.api.openai.com", "/v1/responses"),
    ("api.openai.com", "/v1/realtime"),
    ("res.openai.azure.com", "/openai/realtime"),
    ("res.openai.azure.com", "/openai/v1/realtime"),
    ("res.services.ai.azure.com", "/voice-live/realtime"),
    ("api.x.ai", "/v1/realtime"),
    (
        "generativelanguage.googleapis.com",
        "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
    ),
    (
        "us-central1-aiplatform.googleapis.com",
        "/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent",
    ),
]
REFUSED = [
    ("api.openai.com", "/v1/no/such/thing"),
    ("api.openai.com", "/v1/models"),
    ("api.openai.com", "/v1/live/sessions"),
    ("api.openai.com", "/v1/realtime/translations"),
    ("api.anthropic.com", "/v1/messages"),
    (
        "generativelanguage.googleapis.com",
        "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateMusic",
    ),
]


@pytest.mark.parametrize(("host", "path"), METERED)
def test_a_session_that_we_can_read_is_opened(host, path):
    """Even where nothing is left: its first frame is refused with a message."""
    assert isinstance(opened(walk("0").firewall, upgrade(path, host=host), Facts()), Session)


@pytest.mark.parametrize(("host", "path"), REFUSED)
def test_any_other_on_a_host_that_is_an_api_is_refused(host, path):
    """With 426, at which clients go on with plain requests; and a person is told."""
    walked = walk("1", unknown_endpoints=EndpointPolicy.REFUSE)
    refused = opened(walked.firewall, upgrade(path, host=host), Facts())
    assert isinstance(refused, Refused)
    assert refused.reply.status == 426
    assert path in refused.refusal.message
    assert [kind for kind, _ in walked.events] == ["unknown_endpoint"]


def test_a_user_may_let_them_pass():
    """And is told each time."""
    walked = walk("1", unknown_endpoints=EndpointPolicy.PASS)
    assert opened(walked.firewall, upgrade("/v1/no/such/thing"), Facts()) is None
    assert [kind for kind, _ in walked.events] == ["unmetered"]


def test_another_host_is_none_of_ours():
    """Its WebSockets are not touched."""
    walked = walk("1")
    assert opened(walked.firewall, upgrade("/v1/responses", host="example.org"), Facts()) is None
    assert not walked.events
