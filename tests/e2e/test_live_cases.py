"""
Cases that once passed a cap, or stopped one, through the real mitmdump and through `llmcap up`.

All share one proxy of either kind: each has a budget of its own, under the name of its proxy user.
"""

import base64
import json
import os
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from decimal import Decimal
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from company_proxy import CompanyProxy
from fake_provider.canned import Answer, Asked, CannedProvider, json_answer
from fake_provider.proxy import POLL_SECONDS, SETTLE_SECONDS, proxy_process

from .plainly import TIMEOUT_SECONDS

ROOT = Path(__file__).resolve().parents[2]
CAPS = {
    "media": "$0.10", "tier": "$0.015", "limit": "$0.003", "torn": "$5", "choices": "$0.008",
    "nothing": "$0.021", "template": "$0.10", "router": "$0.001", "routed": "$5", "override": "$5",
    "filtered": "$0.0005",
}  # fmt: skip
CONFIG = (
    "wait: 0\n"
    "prices: {openai/gpt-4o: {input: 2.5, output: 10, cache_read: 1.25, max_output: 16384}}\n"
    "budgets:\n"
    + "".join(
        f"- {{name: {name}, cap: {cap}, match: {{proxy_user: {name}}}}}\n"
        for name, cap in CAPS.items()
    )
)
OPENAI = "https://api.openai.com/v1"
CHAT = f"{OPENAI}/chat/completions"
MESSAGES = [{"role": "user", "content": "Tell me a story."}]
READ = 12  # tokens of such a request


def nanos(read: int, written: int, rates: tuple[str, str], times: int = 1) -> int:
    """What so many tokens cost at dollars per million."""
    usd = (read * Decimal(rates[0]) + written * Decimal(rates[1])) * times
    return int(usd * 1000)


# --- the provider -------------------------------------------------------------------------------

GPT_4O, DEEPSEEK, NANO = ("2.5", "10"), ("0.14", "0.28"), ("0.05", "0.4")
gate = threading.Event()  # what the stream of several choices waits for


def answer(asked: Asked) -> Answer:
    """By who is asked, and for what."""
    if "transcriptions" in asked.path or "s3Location" in asked.body.decode(errors="replace"):
        return json_answer({"text": "hours of it"}, 360_000_000)
    document = asked.document
    if "deepseek" in asked.host:
        return limited(document)
    if "azure" in asked.host:
        return filtered(document) if document.get("user") == "filtered" else routed(document)
    if "x.ai" in asked.host:
        return several(document)
    return openai(asked, document)


def told(document: dict[str, Any], written: int, **more: Any) -> dict[str, Any]:
    """A chat completion of so many tokens."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": READ, "completion_tokens": written, "total_tokens": READ + written}
    model = document.get("model", "")
    return {"id": "c", "model": model, "choices": [choice], "usage": usage, **more}


def limited(document: dict[str, Any]) -> Answer:
    """DeepSeek: `max_tokens` is all that it obeys."""
    written = min(document.get("max_tokens") or 8_000, 8_000)
    return json_answer(told(document, written), nanos(READ, written, DEEPSEEK))


def routed(document: dict[str, Any]) -> Answer:
    """Azure's router: the model that served, and $0.14 for a million tokens read."""
    written = min(document.get("max_tokens") or 20_000, 20_000)
    bill = nanos(READ, written, NANO) + nanos(READ, 0, ("0.14", "0"))
    return json_answer(told({"model": "gpt-5-nano-2025-08-07"}, written), bill)


def filtered(document: dict[str, Any]) -> Answer:
    """Azure: no usage is told; the prompt is billed, and what was written beside the filter."""
    refusal = json_answer(
        {"error": {"code": "content_filter", "param": "prompt", "status": 400}},
        nanos(READ, document["max_tokens"], ("0.15", "0.6")),
    )
    return replace(refusal, status=400)


def several(document: dict[str, Any]) -> Answer:
    """xAI: two choices, the usage in every chunk; the second waits until it is let go on."""
    rates = ("1.25", "2.5")

    def chunk(index: int, written: int, end: str | None) -> bytes:
        usage = {"prompt_tokens": READ, "completion_tokens": written}
        usage["total_tokens"] = READ + written
        choice = {"index": index, "delta": {"content": "x"}, "finish_reason": end}
        event = {"id": "s", "model": document["model"], "choices": [choice], "usage": usage}
        return b"data: " + json.dumps(event).encode() + b"\n\n"

    def pieces() -> Iterator[bytes]:
        yield chunk(0, 10, "stop")
        gate.wait(TIMEOUT_SECONDS)
        yield chunk(1, 500, None)
        yield chunk(1, 700, "stop")
        yield b"data: [DONE]\n\n"

    headers = {"content-type": "text/event-stream"}
    return Answer(pieces(), nanos(READ, 700, rates), headers=headers, length=False)


def openai(asked: Asked, document: dict[str, Any]) -> Answer:
    """What OpenAI answers goes by the word in its user field."""
    want = document.get("user", "")
    limit = document.get("max_tokens") or document.get("max_completion_tokens") or 1_000
    if want == "priority":
        bill = nanos(READ, limit, ("4.25", "17"))
        return json_answer(told(document, limit, service_tier="priority"), bill)
    if want == "torn":
        whole = json.dumps(told(document, 4_000)).encode()
        text = whole.replace(b'"x"', b'"' + b"word " * 4_000 + b'"')
        headers = {"content-type": "application/json"}
        half = text[: text.index(b'"finish_reason"')]
        return Answer((half,), nanos(READ, 4_000, GPT_4O), headers=headers, length=False)
    if want in ("200", "204"):
        return Answer(status=int(want))
    if want == "endless":
        return Answer(
            endless(document), 0, headers={"content-type": "text/event-stream"}, length=False
        )
    if "responses" in asked.path:
        usage = {"input_tokens": READ, "output_tokens": 10, "total_tokens": READ + 10}
        said = {"id": "resp_1", "model": document["model"], "status": "completed", "output": []}
        return json_answer({**said, "usage": usage}, nanos(READ, 10, ("2", "8")))
    return json_answer(told(document, limit), nanos(READ, limit, GPT_4O))


def endless(document: dict[str, Any]) -> Iterator[bytes]:
    """A stream that goes on until nobody reads it."""
    choice = {"index": 0, "delta": {"content": "word "}, "finish_reason": None}
    event = {"id": "s", "model": document["model"], "choices": [choice]}
    while True:
        yield b"data: " + json.dumps(event).encode() + b"\n\n"
        time.sleep(0.005)


# --- the proxies --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Standing:
    """A proxy that stands, whoever started it."""

    port: int
    ca: Path
    ledger: Path

    def entries(self, user: str) -> list[sqlite3.Row]:
        """The rows of one budget's calls."""
        with closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            rows = connection.execute("SELECT * FROM entries ORDER BY id").fetchall()
        own = [
            row for row in rows if json.loads(row["attributes"] or "{}").get("proxy_user") == user
        ]
        holds = {row["id"] for row in own}
        return [*own, *(row for row in rows if row["hold_id"] in holds and row not in own)]

    def spent(self, user: str) -> int:
        """What all calls of it have cost, once none of this proxy's is in flight."""
        deadline = time.monotonic() + SETTLE_SECONDS
        with closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)) as connection:
            while connection.execute("SELECT count(*) FROM open_holds").fetchone()[0]:
                assert time.monotonic() < deadline, "calls are still in flight"
                time.sleep(POLL_SECONDS)
        return sum(row["cost_nanos"] for row in self.entries(user))

    def open(self, user: str, url: str, body: bytes, kind: str) -> ssl.SSLSocket:
        """A POST through the proxy, sent."""
        host, _, path = url.removeprefix("https://").partition("/")
        login = base64.b64encode(f"{user}:x".encode()).decode()
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_SECONDS)
        connection.sendall(
            f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n"
            f"Proxy-Authorization: Basic {login}\r\n\r\n".encode()
        )
        tunnel = HTTPResponse(connection, method="CONNECT")
        tunnel.begin()
        assert tunnel.status == 200, tunnel.read()
        context = ssl.create_default_context(cafile=str(self.ca))
        tls = context.wrap_socket(connection, server_hostname=host)
        tls.sendall(
            f"POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        return tls

    def post(
        self, user: str, url: str, body: dict[str, Any] | bytes, kind: str = "application/json"
    ) -> int:
        """The status of a call, its answer read to the end."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        with closing(self.open(user, url, content, kind)) as tls:
            response = HTTPResponse(tls, method="POST")
            response.begin()
            response.read()
            return response.status


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CannedProvider]:
    """One for all."""
    with CannedProvider(tmp_path_factory.mktemp("canned"), answer) as made:
        yield made


@pytest.fixture(scope="module", params=["mitmdump", "up"])
def proxy(
    request: pytest.FixtureRequest,
    provider: CannedProvider,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Standing]:
    """One of each kind for all."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "mitmdump":
        with proxy_process(folder, provider, config=CONFIG) as made:
            yield Standing(made.port, made.ca, made.ledger)
        return
    config = folder / "llmcap.yaml"
    config.write_text(CONFIG)
    with CompanyProxy({"*": provider.port}) as company:
        environ = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "XDG_DATA_HOME": str(folder / "data"),
            "PYTHONPATH": str(ROOT / "addons"), "HTTPS_PROXY": company.url,
            "SSL_CERT_FILE": str(provider.ca),
        }  # fmt: skip

        def llmcap(*words: str) -> str:
            command = [sys.executable, "-m", "llmcap.cli", *words]
            return subprocess.run(
                command, env=environ, text=True, check=True, capture_output=True
            ).stdout

        url = json.loads(llmcap("up", "--port", "0", "--config", str(config), "--json"))["url"]
        try:
            (ca,) = (folder / "data").rglob("mitmproxy-ca-cert.pem")
            (ledger,) = (folder / "data").rglob("*.sqlite3")
            yield Standing(int(url.rpartition(":")[2].rstrip("/")), ca, ledger)
        finally:
            llmcap("down")


@pytest.fixture(autouse=True)
def fresh(provider: CannedProvider) -> None:
    """Each case has a bill of its own."""
    provider.reset()
    gate.clear()


# --- the cases ----------------------------------------------------------------------------------

FORM = "multipart/form-data; boundary=b"


def form(**fields: str) -> bytes:
    """The body of a form."""
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    return "".join([*parts, "--b--\r\n"]).encode()


def test_case_1_media_that_the_provider_fetches(proxy: Standing, provider: CannedProvider) -> None:
    """A recording of two hours at an address, and a film in a bucket: nothing is sent."""
    where = "https://example.com/a.mp3"
    mistral = form(model="voxtral-mini-2602", file_url=where)
    groq = form(model="whisper-large-v3-turbo", url=where)
    film = {"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://films/a.mp4"}}}}
    converse = {"messages": [{"role": "user", "content": [film]}]}
    for _ in range(5):
        statuses = (
            proxy.post("media", "https://api.mistral.ai/v1/audio/transcriptions", mistral, FORM),
            proxy.post("media", "https://api.groq.com/openai/v1/audio/transcriptions", groq, FORM),
            proxy.post(
                "media",
                "https://bedrock-runtime.us-east-1.amazonaws.com/model/amazon.nova-pro-v1%3A0/converse",
                converse,
            ),
        )
        assert 200 not in statuses
    assert provider.asked == []


def test_case_2_a_tier_that_nobody_asked_for(proxy: Standing, provider: CannedProvider) -> None:
    """A project may have it as its default: it was held, so the cap is kept."""
    body = {"model": "gpt-4o", "messages": MESSAGES, "user": "priority", "max_tokens": 1_250}
    for _ in range(3):
        proxy.post("tier", CHAT, body)
    assert proxy.spent("tier") == provider.nanos
    assert 0 < provider.nanos <= 15_000_000


def test_case_3_a_limit_that_this_vendor_does_not_obey(
    proxy: Standing, provider: CannedProvider
) -> None:
    """What LangChain sends bounds nothing there; a clamp writes the field that does."""
    body = {"model": "deepseek-chat", "messages": MESSAGES, "max_completion_tokens": 30}
    for _ in range(4):
        proxy.post("limit", "https://api.deepseek.com/v1/chat/completions", body)
    spent = proxy.spent("limit")
    assert len(provider.asked) > 0
    assert all(asked.document.get("max_tokens") for asked in provider.asked)
    assert provider.nanos <= spent <= 3_000_000


def test_case_4_whole_and_not_understood(proxy: Standing, provider: CannedProvider) -> None:
    """JSON that ends in its middle, with its connection, is not cheap."""
    body = {"model": "gpt-4o", "messages": MESSAGES, "user": "torn", "max_tokens": 8_000}
    proxy.post("torn", CHAT, body)
    held = 2 * nanos(2_000, 8_000, GPT_4O)
    assert 0 < provider.nanos <= proxy.spent("torn") <= held


def test_case_5_the_first_of_several(proxy: Standing, provider: CannedProvider) -> None:
    """Its end is not that of the call: what the second may write stays held."""
    url = "https://api.x.ai/v1/chat/completions"
    body = {"model": "grok-4.3", "messages": MESSAGES, "n": 2, "max_tokens": 350, "stream": True}
    content = json.dumps(body).encode()
    with closing(proxy.open("choices", url, content, "application/json")) as tls:
        response = HTTPResponse(tls, method="POST")
        response.begin()
        assert response.status == 200
        assert b'"finish_reason": "stop"' in response.fp.readline() + response.fp.readline()
        assert proxy.post("choices", url, {**body, "stream": False}) != 200
        gate.set()
        response.read()
    assert len(provider.asked) == 1
    assert proxy.spent("choices") == provider.nanos > 0


@pytest.mark.parametrize("status", ["200", "204"])
def test_case_6_no_body(proxy: Standing, provider: CannedProvider, status: str) -> None:
    """Such an answer ends its call: its hold does not stop those that follow."""
    body = {"model": "gpt-4o-mini", "messages": MESSAGES, "user": status, "max_tokens": 8_000}
    statuses = [proxy.post("nothing", CHAT, body) for _ in range(3)]
    assert statuses == [int(status)] * 3
    assert len(provider.asked) == 3
    proxy.spent("nothing")  # which waits for holds


def test_case_7_a_known_past_and_an_unknown_template(
    proxy: Standing, provider: CannedProvider
) -> None:
    """What was seen of one bounds nothing of the other: the window is held, which is too much."""
    url = f"{OPENAI}/responses"
    asked = {"model": "gpt-4.1", "input": "hi", "max_output_tokens": 50}
    assert proxy.post("template", url, asked) == 200
    following = {**asked, "previous_response_id": "resp_1"}
    assert proxy.post("template", url, following) == 200
    assert proxy.post("template", url, {**following, "prompt": {"id": "pmpt_1"}}) != 200
    assert len(provider.asked) == 2
    assert proxy.spent("template") == provider.nanos


def test_case_8_the_router(proxy: Standing, provider: CannedProvider) -> None:
    """Its fee is not its price: twenty calls at once are twenty refusals."""
    url = "https://example.openai.azure.com/openai/deployments/model-router/chat/completions"
    url += "?api-version=2025-01-01-preview"
    body = {"messages": MESSAGES, "max_tokens": 20_000}
    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda _: proxy.post("router", url, body), range(20)))
    proxy.spent("router")
    assert provider.nanos <= 1_000_000, statuses
    provider.reset()
    assert proxy.post("routed", url, body) == 200
    assert proxy.spent("routed") == provider.nanos > 0, "the model that served, and the fee"


def test_case_12_an_override_of_a_price(proxy: Standing) -> None:
    """What the book knows of a model stays: one that does not reason bills what was seen of it."""
    body = {"model": "gpt-4o", "messages": MESSAGES, "user": "endless", "max_tokens": 8_000}
    content = json.dumps({**body, "stream": True}).encode()
    with proxy.open("override", CHAT, content, "application/json") as tls:
        with HTTPResponse(tls, method="POST") as response:
            response.begin()
            for _ in range(20):
                response.fp.readline()
        tls.shutdown(socket.SHUT_RDWR)
    (ended,) = [row for row in proxy.entries("override") if row["kind"] == "hold"]
    assert 0 < proxy.spent("override") < ended["held_nanos"] / 4


def test_a_refusal_that_is_billed_counts(proxy: Standing, provider: CannedProvider) -> None:
    """What Azure filters is answered with 400, and stops where its bill would pass the cap."""
    body = {"model": "gpt-4o-mini", "messages": MESSAGES, "user": "filtered", "max_tokens": 100}
    url = "https://example.openai.azure.com/openai/v1/chat/completions"
    statuses = [proxy.post("filtered", url, body) for _ in range(12)]
    billed = statuses.count(400)
    assert 0 < billed < len(statuses)
    assert statuses[:billed] == [400] * billed
    assert statuses[billed] == 429
    assert set(statuses[billed:]) <= {429, 402}  # on a slow machine the next is seen to ask again
    assert 0 < provider.nanos <= proxy.spent("filtered") <= 500_000
