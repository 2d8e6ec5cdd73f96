"""Signed webhooks, and the services that apprise knows."""

import base64
import hashlib
import hmac
import json
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import ModuleType

import pytest

from llmcap.notices import sinks
from llmcap.notices.events import Delivery
from llmcap.notices.sinks import Undelivered, Webhook, signature, sink_for, target_id
from llmcap.words.errors import ConfigError
from llmcap.words.rules import AlertTarget

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
DELIVERY = Delivery("e1", "t", NOON, 1, {"event": "warning", "message": "Budget 'a' ..."})


class Receiver:
    """A web server that notes what it gets and answers as told."""

    def __init__(self, status: int = 204) -> None:
        self.status = status
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.requests.append((self.path, headers, body))
                self.send_response(outer.status)
                self.send_header("location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook?x=1"
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver():
    """One that takes everything."""
    found = Receiver()
    yield found
    found.close()


def test_a_webhook_is_json_that_its_receiver_can_check(receiver, monkeypatch):
    """Signed over id, time and body; no proxy of the environment is used."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    Webhook(receiver.url, "s3cret").deliver(DELIVERY, NOON)
    ((path, headers, body),) = receiver.requests
    assert path == "/hook?x=1"
    assert json.loads(body) == DELIVERY.document
    assert headers["webhook-id"] == "e1"
    assert headers["webhook-timestamp"] == str(int(NOON.timestamp()))
    signed = f"e1.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(b"s3cret", signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


def test_a_webhook_without_a_secret_is_not_signed(receiver):
    """Nothing there that only looks like a signature."""
    Webhook(receiver.url).deliver(DELIVERY, NOON)
    assert "webhook-signature" not in receiver.requests[0][1]


def test_the_signature_is_the_standards_own_example():
    """The scheme's published test vector."""
    assert (
        signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1614265330,
            b'{"test": 2432232314}',
        )
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


@pytest.mark.parametrize("status", [302, 400, 404, 500])
def test_what_is_no_success_is_a_failure(status):
    """A redirect too: it is followed nowhere."""
    receiver = Receiver(status)
    with pytest.raises(Undelivered, match=str(status)):
        Webhook(receiver.url).deliver(DELIVERY, NOON)
    receiver.close()
    assert len(receiver.requests) == 1


def test_nobody_there_is_a_failure_that_does_not_tell_the_address():
    """A chat service's URL is a password, and failures are logged."""
    receiver = Receiver()
    receiver.close()
    hook = Webhook(receiver.url.replace("/hook", "/T0KEN"), "s3cret")
    with pytest.raises(Undelivered) as caught:
        hook.deliver(DELIVERY, NOON)
    told = f"{caught.value} {hook.name}"
    assert "T0KEN" not in told
    assert "s3cret" not in told
    assert hook.name == "webhook at 127.0.0.1"


def test_a_target_has_an_id_that_tells_nothing():
    """The same in every process, another for every URL."""
    one, other = AlertTarget("https://h/T0KEN"), AlertTarget("https://h/other")
    assert target_id(one) == target_id(AlertTarget("https://h/T0KEN", secret="x"))
    assert target_id(one) != target_id(other)
    assert "T0KEN" not in target_id(one)


def test_apprise_that_is_not_installed_is_a_mistake_at_start(monkeypatch):
    """Not at three in the morning, with the first alert."""
    monkeypatch.setattr(sinks.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match="not installed\nhint: pip install"):
        sink_for(AlertTarget("slack://x", apprise=True))


@pytest.mark.parametrize("works", [True, False])
def test_apprise_gets_a_title_and_the_sentence(monkeypatch, works):
    """What it could not send is a failure, to be tried again."""
    sent = []

    class Service:
        def add(self, url: str) -> bool:
            return url == "slack://x"

        def notify(self, *, title: str, body: str) -> bool:
            sent.append((title, body))
            return works

    fake = ModuleType("apprise")
    fake.Apprise = Service
    monkeypatch.setitem(sys.modules, "apprise", fake)
    monkeypatch.setattr(sinks.importlib.util, "find_spec", lambda _name: fake)
    sink = sink_for(AlertTarget("slack://x", apprise=True))
    assert sink.name == "apprise slack"
    if works:
        sink.deliver(DELIVERY, NOON)
    else:
        with pytest.raises(Undelivered):
            sink.deliver(DELIVERY, NOON)
    assert sent == [("LLMCap: warning", "Budget 'a' ...")]
