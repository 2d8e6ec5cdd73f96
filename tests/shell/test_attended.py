"""
Promise: nothing leaves for a provider but what was decided about, whatever an addon does and when.

mitmproxy's own HTTP layer, with ours in it, between bytes of a client and bytes of a provider.
"""

import json

import pytest
from layered import COST, OPENAI, WHOLE, Proxy, request, response
from mitmproxy.proxy.layers.http._events import ResponseData
from mitmproxy.test import tflow
from walk import chat, chunk, completion

from llmcap.shell.attended import AttendedHttpStream

EVENTS = chunk("a") + chunk(usage=(100, 10)) + b"data: [DONE]\n\n"


def test_a_call_is_decided_after_every_addon():
    """What the last of them made of it is what is held, sent and billed."""
    asked = []

    def rewrites(flow) -> None:
        asked.append(proxy.balance)
        flow.request.content = json.dumps(flow.request.json() | {"max_tokens": 777}).encode()

    proxy = Proxy(request=rewrites)
    proxy.run(*request(), answer=WHOLE)
    assert asked == [(0, 0)], "nothing was held before"
    assert b'"max_tokens": 777' in proxy.provider_got
    assert (proxy.status, proxy.balance) == (200, (COST, 0))
    assert b"x-llmcap-cost: 0.000021" in proxy.client_got


def test_a_call_that_an_addon_points_at_a_provider_is_a_call():
    """Metered, or refused without a connection."""

    def points(flow) -> None:
        flow.request.host = OPENAI

    for cap, status, spent in (("1", 200, COST), ("0", 429, 0)):
        proxy = Proxy(cap, request=points).run(*request("example.com"), answer=WHOLE)
        assert (proxy.status, proxy.balance) == (status, (spent, 0))
        assert bool(proxy.opened) is (status == 200)


def test_no_request_to_a_provider_streams():
    """It is not sent before it is whole, and was decided about; to others it may."""
    seen = {}

    def streams(flow) -> None:
        flow.request.stream = True

    for host in (OPENAI, "example.com"):
        head, body = request(host)
        seen[host] = Proxy("0", requestheaders=streams).run(head + body[:10]).provider_got
        proxy = Proxy("0", requestheaders=streams).run(head, body[:10], body[10:], answer=WHOLE)
        assert (proxy.status, bool(proxy.provider_got)) == (
            (429, False) if host == OPENAI else (200, True)
        )
    assert (seen[OPENAI], bool(seen["example.com"])) == (b"", True)


def tampered(name, value):
    """An addon that changes the request when it is too late for us: while we connect."""
    flows = []

    def sees(flow) -> None:
        flows.append(flow)

    def connects(server, _) -> None:
        if name == "address":
            server.address = value
        elif name == "sni":
            server.sni = value
        elif name == "header":
            flows[0].request.headers["x-more"] = value
        else:
            setattr(flows[0].request, name, value)

    return {"request": sees, "server_connect": connects}


BIGGER = chat(max_tokens=9_999).body


@pytest.mark.parametrize(
    ("host", "name", "value"),
    [
        (OPENAI, "content", BIGGER),
        (OPENAI, "path", "/v1/responses"),
        (OPENAI, "method", "PUT"),
        (OPENAI, "header", "1"),
        (OPENAI, "address", ("api.anthropic.com", 443)),
        (OPENAI, "sni", "api.anthropic.com"),
        ("example.com", "address", (OPENAI, 443)),
        ("example.com", "address", ("API.OPENAI.COM.", 443)),
        ("example.com", "sni", OPENAI),
        ("example.com", "host", OPENAI),
    ],
)
@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_what_was_changed_since_is_not_sent(host, name, value, streams):
    """The client is told, and nothing is held or billed."""
    hooks = tampered(name, value)
    if streams:
        hooks["requestheaders"] = streaming(hooks["request"])
    proxy = Proxy(**hooks).run(*request(host), answer=WHOLE)
    assert proxy.opened
    assert proxy.provider_got == b""
    assert proxy.status in (429, 502)
    assert proxy.balance == (0, 0)
    assert [kind for kind, _ in proxy.walked.events] == ["unmetered"]


def streaming(sees):
    """The same addon, where it lets the request stream too."""

    def streams(flow) -> None:
        sees(flow)
        flow.request.stream = True

    return streams


@pytest.mark.parametrize(
    ("host", "name", "value"),
    [
        (OPENAI, "address", ("127.0.0.1", 8443)),
        (OPENAI, "address", (OPENAI, 8443)),
        ("example.com", "header", "1"),
        ("example.com", "address", ("127.0.0.1", 8443)),
    ],
)
def test_what_stays_what_it_was_is_sent(host, name, value):
    """To another address of the same host, too; what goes to nobody who bills is not ours."""
    proxy = Proxy(**tampered(name, value)).run(*request(host), answer=WHOLE)
    assert proxy.status == 200
    assert proxy.balance == ((COST, 0) if host == OPENAI else (0, 0))


def test_a_request_that_names_two_providers_is_nobodys():
    """A front goes by the name that it reads last: 421, and the client may connect anew."""
    proxy = Proxy().run(*request(OPENAI, header="api.anthropic.com"))
    assert (proxy.status, proxy.opened, proxy.balance) == (421, [], (0, 0))


@pytest.mark.parametrize("stream", [True, lambda data: data, lambda _: b"", lambda _: []])
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_an_addon_that_streams_the_answer_leaves_nothing_open(stream, kind):
    """We read it first, as the provider sent it."""

    def streams(flow) -> None:
        flow.response.stream = stream

    body = completion(100, 10)
    if kind == "text/event-stream":
        usage = json.loads(body)["usage"]
        body = b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\n"
    proxy = Proxy(responseheaders=streams)
    proxy.run(*request(stream=kind == "text/event-stream"), answer=response(body, kind))
    assert proxy.balance == (COST, 0)


@pytest.mark.parametrize("status", [200, 204])
def test_an_answer_without_a_body_ends_its_call(status):
    """No piece of it ever comes."""
    bare = f"HTTP/1.1 {status} OK\r\nContent-Length: 0\r\n\r\n".encode()
    proxy = Proxy().run(*request(), answer=bare)
    assert proxy.status == status
    assert proxy.walked.balance.held == 0


def test_what_an_addon_answers_or_kills_is_never_held():
    """It goes nowhere."""

    def answers(flow) -> None:
        flow.response = tflow.tresp()

    def kills(flow) -> None:
        flow.kill()

    for hook in (answers, kills):
        proxy = Proxy(request=hook).run(*request())
        assert (proxy.opened, proxy.balance) == ([], (0, 0))


def test_without_llmcap_nothing_goes_to_a_provider():
    """mitmproxy has unloaded it, and the streams are still ours."""
    assert Proxy().run(*request(), addon=False).status == 429
    assert Proxy().run(*request("example.com"), answer=WHOLE, addon=False).status == 200


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_a_frame_without_bytes_is_not_the_end_of_an_answer(monkeypatch, streams):
    """HTTP/2 may send one at any time; what came behind it was read by nobody, and cost nothing."""
    plain = AttendedHttpStream._handle_event

    def with_empty_frames(stream, event):
        if type(event) is ResponseData:
            yield from plain(stream, ResponseData(event.stream_id, b""))
        yield from plain(stream, event)

    monkeypatch.setattr(AttendedHttpStream, "_handle_event", with_empty_frames)
    answer = response(EVENTS, "text/event-stream") if streams else WHOLE
    proxy = Proxy().run(*request(stream=streams), answer=answer)
    assert (proxy.status, proxy.balance) == (200, (COST, 0))
