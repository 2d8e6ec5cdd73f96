"""The fake provider generates, enforces limits, and bills exactly what it generated."""

import gzip
import http.client
import json
import re
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import brotli
import pytest
import zstandard

from fake_provider import tariff
from fake_provider.process import ProviderHandle, provider_process
from llmcap.pricing import PriceBook

CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello there"}]}
MESSAGES = {**CHAT, "model": "claude-haiku-4-5", "max_tokens": 1000}
GEMINI = {"contents": [{"role": "user", "parts": [{"text": "Hello there"}]}]}
GEMINI_PATH = "/v1beta/models/gemini-2.5-flash:"


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderHandle]:
    """One provider for this file."""
    with provider_process(tmp_path_factory.mktemp("provider")) as provider:
        yield provider


@pytest.fixture
def provider(process: ProviderHandle) -> ProviderHandle:
    """The provider with an empty bill and good behaviour."""
    process.reset()
    process.scenario()
    return process


def post(
    provider: ProviderHandle, path: str, document: dict[str, Any], **scenario: object
) -> tuple[int, bytes]:
    """Status and body of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", provider.plain_port, timeout=300)
    headers = {"x-fake-scenario": json.dumps(scenario)}
    try:
        connection.request("POST", path, json.dumps(document), headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_the_bill_is_exact(provider: ProviderHandle) -> None:
    """10 input tokens at 150 nano-dollars and 60 output tokens at 600 make 37,500."""
    status, body = post(provider, "/v1/chat/completions", CHAT)
    assert status == 200
    usage = json.loads(body)["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (10, 60)
    assert provider.bill()["nanos"] == "37500"


def test_a_fraction_of_a_nano_dollar_is_rounded_up() -> None:
    """One cached token of gpt-4.1-nano costs 25 nano-dollars; 12.5 become 13."""
    assert tariff.nanos("gpt-4.1-nano", fresh=0, cached=1, written=0, output=0) == 25
    half = tariff.Rates(input=12_500, output=0, cache_read=0, cache_write=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(tariff.TARIFF, "half", half)
        assert tariff.nanos("half", fresh=1, cached=0, written=0, output=0) == 13
        assert tariff.nanos("half", fresh=2, cached=0, written=0, output=0) == 25


# Who sells a model, by the first part of its name.
SELLERS = {
    "claude": "anthropic", "gemini": "google", "mistral": "mistral", "llama": "groq",
    "meta": "together", "deepseek": "deepseek", "grok": "xai", "command": "cohere",
    "amazon": "aws-bedrock", "openai/gpt": "huggingface", "voxtral": "mistral",
}  # fmt: skip


@pytest.mark.parametrize("model", [name for name in tariff.TARIFF if "moderation" not in name])
def test_the_tariff_agrees_with_the_price_book(model: str) -> None:
    """Two tables, typed and generated apart, have the same prices."""
    provider = SELLERS.get(re.split("[-.]", model)[0], "openai")
    if model.startswith("whisper-large"):
        provider = "groq"
    if model.startswith("openai/gpt-5"):
        provider = "openrouter"
    price = PriceBook().find(provider, model, datetime.now(UTC))
    rates = tariff.TARIFF[model]
    assert price is not None
    if not rates.input:
        return  # sold by the second: `test_media` compares the bills
    assert price.rates["input"] * 1_000_000 == rates.input
    assert price.rates.get("output", 0) * 1_000_000 == rates.output
    assert price.rates.get("cache_read", price.rates["input"]) * 1_000_000 == rates.cache_read


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/v1/chat/completions", {**CHAT, "max_tokens": 7}),
        ("/v1/chat/completions", {**CHAT, "max_completion_tokens": 7, "stream": True}),
        ("/v1/responses", {"model": "gpt-5-mini", "input": "hi", "max_output_tokens": 7}),
        ("/v1/messages", {**MESSAGES, "max_tokens": 7}),
        ("/v1/messages", {**MESSAGES, "max_tokens": 7, "stream": True}),
        (GEMINI_PATH + "generateContent", {**GEMINI, "generationConfig": {"maxOutputTokens": 7}}),
    ],
    ids=["chat", "chat stream", "responses", "messages", "messages stream", "gemini"],
)
def test_limits_are_enforced(provider: ProviderHandle, path: str, document: dict[str, Any]) -> None:
    """No more than the limit is generated, hidden tokens included."""
    post(provider, path, document, length="500", reasoning=3)
    (record,) = provider.bill()["records"]
    assert (record["output"], record["reasoning"], record["ended"]) == (7, 3, "whole")


def test_every_choice_has_the_limit_for_itself(provider: ProviderHandle) -> None:
    """`n` answers cost `n` times the output."""
    post(provider, "/v1/chat/completions", {**CHAT, "n": 3, "max_tokens": 5})
    assert provider.bill()["records"][0]["output"] == 15


@pytest.mark.parametrize("status", [400, 429, 500, 529])
def test_errors_are_free(provider: ProviderHandle, status: int) -> None:
    """An error instead of an answer is on no bill."""
    assert post(provider, "/v1/messages", MESSAGES, status=status)[0] == status
    assert provider.bill()["records"] == []


def test_a_hang_up_stops_the_bill(provider: ProviderHandle) -> None:
    """After the client has left, at most a token or two more are generated."""
    connection = http.client.HTTPConnection("127.0.0.1", provider.plain_port, timeout=300)
    scenario = {"length": "1000", "token_seconds": 0.01}
    body = json.dumps({**CHAT, "stream": True})
    connection.request(
        "POST", "/v1/chat/completions", body, {"x-fake-scenario": json.dumps(scenario)}
    )
    response = connection.getresponse()
    read = b""
    while read.count(b'"content": " ') < 10:
        read += response.readline()
    response.close()
    connection.close()
    deadline = time.monotonic() + 300
    while provider.bill()["open"] and time.monotonic() < deadline:
        time.sleep(0.01)
    (record,) = provider.bill()["records"]
    assert record["ended"] == "hung up"
    assert 10 <= record["output"] <= 15


@pytest.mark.parametrize(
    ("finish", "tokens"), [("error", 5), ("reset", 5), ("eof", 5)], ids=["error", "reset", "eof"]
)
def test_a_broken_stream_costs_what_was_generated(
    provider: ProviderHandle, finish: str, tokens: int
) -> None:
    """Whatever breaks it, the tokens before are billed and none after."""
    document = {**MESSAGES, "stream": True}
    if finish == "reset":
        with pytest.raises(ConnectionResetError):
            post(provider, "/v1/messages", document, finish=finish, finish_after=tokens)
    else:
        post(provider, "/v1/messages", document, finish=finish, finish_after=tokens)
    (record,) = provider.bill()["records"]
    assert (record["output"], record["ended"]) == (tokens, finish)


DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "br": brotli.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
}


@pytest.mark.parametrize("encoding", DECODERS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_encoded_bodies_are_the_same_answer(
    provider: ProviderHandle, encoding: str, *, stream: bool
) -> None:
    """A decoded body is a whole answer, though it was cut into writes of a few bytes."""
    document = {**CHAT, "stream": stream}
    _, body = post(provider, "/v1/chat/completions", document, encoding=encoding, batch_bytes=11)
    text = DECODERS[encoding](body)
    if stream:
        assert text.endswith(b"data: [DONE]\n\n")
    else:
        assert json.loads(text)["usage"]["completion_tokens"] == 60


def test_cached_input_is_told_and_billed(provider: ProviderHandle) -> None:
    """Anthropic's cache reads and writes come on top of `input_tokens`, each at its price."""
    _, body = post(provider, "/v1/messages", MESSAGES, cached=4, cache_write=3, length="1")
    usage = json.loads(body)["usage"]
    assert usage["cache_read_input_tokens"] == 4
    assert usage["cache_creation_input_tokens"] == 3
    nanos = usage["input_tokens"] * 1000 + 4 * 100 + 3 * 1250 + 5000
    assert provider.bill()["nanos"] == str(nanos)


def test_a_continued_response_reads_what_came_before(provider: ProviderHandle) -> None:
    """`previous_response_id` bills the tokens of the response that it names as input."""
    document = {"model": "gpt-5-mini", "input": "hi"}
    _, body = post(provider, "/v1/responses", document)
    first = json.loads(body)
    _, body = post(provider, "/v1/responses", {**document, "previous_response_id": first["id"]})
    second = json.loads(body)["usage"]["input_tokens"]
    assert second == first["usage"]["input_tokens"] + first["usage"]["total_tokens"]


def test_a_gemini_stream_without_sse_is_one_json_array(provider: ProviderHandle) -> None:
    """Its last element has the whole usage."""
    _, body = post(provider, GEMINI_PATH + "streamGenerateContent", GEMINI, length="5")
    answers = json.loads(body)
    assert len(answers) == 6
    assert answers[-1]["usageMetadata"]["candidatesTokenCount"] == 5


def test_heavy_tailed_lengths_differ_and_repeat(tmp_path: Path) -> None:
    """The same seed makes the same answers in the same order."""

    def outputs() -> list[int]:
        with provider_process(tmp_path, seed=7) as provider:
            for _ in range(8):
                post(provider, "/v1/chat/completions", CHAT, length="heavy:20")
            return [record["output"] for record in provider.bill()["records"]]

    first = outputs()
    assert len(set(first)) > 1
    assert min(first) >= 20
    assert outputs() == first
