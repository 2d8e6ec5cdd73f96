"""mitmproxy's flows and the core's words."""

import base64

import pytest
from mitmproxy import http
from mitmproxy.addons.upstream_auth import UpstreamAuth
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import taddons, tflow, tutils

from llmcap.replies import Refusal, Reply
from llmcap.shell.flows import (
    credentials,
    end_grpc,
    must_stream,
    proxy_user,
    request_of,
    response_of,
    send_as,
    strip_own_headers,
    unfix_length,
)  # fmt: skip
from llmcap.words.errors import LLMCapError


def flow(host: str = "api.openai.com", **fields):
    """A flow to a host, with a response."""
    request = tutils.treq(host=host, path=b"/v1/chat/completions?a=1", **fields)
    return tflow.tflow(req=request, resp=True)


@pytest.mark.parametrize("encoding", ["base64", "quopri", "hex", "utf-7", "gzip, gzip", "x-gzip"])
def test_an_encoding_that_providers_do_not_know_is_no_encoding(encoding):
    """Python has codecs for these: what they make of a body is not what the provider reads."""
    strange = flow()
    strange.request.raw_content = b'{"model": "m"}'
    strange.request.headers["content-encoding"] = encoding
    with pytest.raises(LLMCapError, match="content-encoding"):
        request_of(strange, "api.openai.com")


def test_a_query_keeps_all_that_is_under_a_name():
    """Which of several counts is the provider's to say."""
    several = flow()
    several.request.path = "/v1/listen?model=base&model=nova-3&model=base&a="
    assert request_of(several, "api.deepgram.com").query == {"model": "base\nnova-3", "a": ""}


def test_the_request_is_decoded_and_its_query_apart():
    """The core sees plain bytes, lower-case headers and a path without a query."""
    packed = flow()
    packed.request.headers["X-Thing"] = "1"
    packed.request.headers["content-encoding"] = "gzip"
    packed.request.content = b'{"model": "m"}'
    assert packed.request.raw_content != b'{"model": "m"}'
    request = request_of(packed, "api.openai.com")
    assert request.body == b'{"model": "m"}'
    assert request.path == "/v1/chat/completions"
    assert request.query == {"a": "1"}
    assert request.headers["x-thing"] == "1"


def test_a_body_that_cannot_be_decoded_is_an_error():
    """What cannot be read cannot be bounded."""
    broken = flow()
    broken.request.headers["content-encoding"] = "gzip"
    broken.request.raw_content = b"no gzip"
    with pytest.raises(LLMCapError, match="content-encoding"):
        request_of(broken, "api.openai.com")


LOGIN = (b"proxy-authorization", b"Basic YTpi")


def with_headers(*fields: tuple[bytes, bytes], mode: str = "regular"):
    """A flow with these headers, plain HTTP, that came in in a mode."""
    made = flow()
    made.request.scheme = "http"
    made.request.headers = http.Headers(fields)
    made.client_conn.proxy_mode = ProxyMode.parse(mode)
    return made


def test_own_headers_and_the_proxys_password_are_not_forwarded():
    """They are no business of the provider's."""
    own = (b"x-llmcap-project", b"1"), (b"X-Customer-Id", b"1"), (b"Proxy-Authorization", b"1")
    made = with_headers(*own, (b"x-other", b"1"))
    strip_own_headers(made, made.request.headers.fields)
    assert made.request.headers.fields == ((b"x-other", b"1"),)


@pytest.mark.parametrize(
    ("mode", "option", "came", "stays"),
    [
        ("upstream:http://proxy:3128", None, False, True),
        ("upstream:http://proxy:3128", None, True, False),
        ("upstream:http://proxy:3128", "a:b", True, True),
        ("regular", "a:b", True, False),
    ],
    ids=["another addon's", "the client's", "mitmproxy's, the same", "nobody's"],
)
def test_the_password_for_the_next_proxy_stays(mode, option, came, stays):
    """mitmproxy adds it to plain HTTP, and without it the next proxy answers 407."""
    with taddons.context(UpstreamAuth()) as context:
        context.options.upstream_auth = option
        made = with_headers(LOGIN, mode=mode)
        strip_own_headers(made, (LOGIN,) if came else ())
        assert (LOGIN in made.request.headers.fields) is stays


def test_a_client_tells_its_proxy_who_it_is():
    """In the headers that came, whatever became of them."""
    assert credentials(((b"host", b"x"), (b"Proxy-Authorization", b"Basic x"))) == "Basic x"
    assert credentials(((b"host", b"x"),)) == ""


@pytest.mark.parametrize(
    ("headers", "status", "streams"),
    [
        ({"content-type": "text/event-stream"}, 200, True),
        ({"content-type": "application/json", "content-length": "100"}, 200, False),
        ({"content-type": "application/json; charset=utf-8", "content-length": "9"}, 200, False),
        ({"content-type": "application/json"}, 200, True),
        ({"content-type": "application/json", "content-length": "99999999"}, 200, True),
        ({"content-type": "audio/mpeg", "content-length": "100"}, 200, True),
        ({"content-type": "application/json"}, 429, False),
        ({"content-type": "text/event-stream"}, 500, False),
        ({}, 200, True),
    ],
    ids=str,
)
def test_what_must_be_passed_on_as_it_comes(headers, status, streams):
    """Modest JSON is held back for its cost header; everything else is never in the way."""
    assert must_stream(headers, status) is streams


def test_a_length_that_may_change_is_not_promised():
    """HTTP/1 then needs chunks; the header of HTTP/2 is just left out."""
    one = flow()
    one.request.http_version = "HTTP/1.1"
    one.response.headers["content-length"] = "5"
    unfix_length(one)
    assert "content-length" not in one.response.headers
    assert one.response.headers["transfer-encoding"] == "chunked"
    two = flow()
    two.request.http_version = "HTTP/2.0"
    two.response.headers["content-length"] = "5"
    unfix_length(two)
    assert "transfer-encoding" not in two.response.headers


@pytest.mark.parametrize(
    ("header", "user"),
    [
        ("Basic " + base64.b64encode(b"alpha:secret").decode(), "alpha"),
        ("basic " + base64.b64encode(b"alpha:").decode(), "alpha"),
        ("Basic " + base64.b64encode(b"\xff:").decode(), ""),
        ("Basic !", ""),
        ("Bearer x", ""),
        ("", ""),
    ],
)
def test_the_proxy_user_is_read_from_basic_credentials(header, user):
    """Anything else names nobody."""
    assert proxy_user(header) == user


def test_a_reply_becomes_a_response():
    """Status, headers and body as they are."""
    response = response_of(Reply(429, {"x-should-retry": "false"}, b"{}"))
    assert (response.status_code, response.content) == (429, b"{}")
    assert response.headers["x-should-retry"] == "false"


def test_a_call_is_sent_with_another_path_and_body_where_they_are_given():
    """The query stays the client's, the length fits the body."""
    made = flow()
    send_as(made, path=None, body=None)
    assert made.request.path == "/v1/chat/completions?a=1"
    made.request.headers["content-encoding"] = "gzip"
    send_as(made, path="/v1/other", body=b"12345")
    assert made.request.path == "/v1/other?a=1"
    assert made.request.content == b"12345"
    assert made.request.headers["content-length"] == "5"


@pytest.mark.parametrize(
    ("kind", "status"), [("application/grpc+proto", "8"), ("text/event-stream", None)]
)
def test_a_grpc_stream_that_is_cut_ends_with_its_status(kind, status):
    """In the trailers; other streams have no such thing."""
    made = flow()
    made.response = response_of(Reply(200, {"content-type": kind}, b""))
    end_grpc(made, Refusal(reason="cap_reached", message="stopped: 50 %"))
    trailers = made.response.trailers
    assert (trailers["grpc-status"] if trailers else None) == status
    assert trailers is None or trailers["grpc-message"] == "stopped: 50 %25"
