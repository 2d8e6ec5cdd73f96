"""
Responses that no provider ever sent: recorded and generated ones, mutated at random.

Whatever bytes arrive, in whatever pieces: a call in flight never raises, ends its hold exactly
once, at a cost above nothing, and keeps no memory of it. The fast profile tries some hundreds, the
slow one (`-m slow`) a hundred thousand. `LLMCAP_TEST_SEED` sets another seed.
"""

import gc
import json
import os
import random
import re
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from walk import Walk, chat, chunk, completion, post, walk

from fake_provider.anthropic import Messages
from fake_provider.bill import Record
from fake_provider.engine import Dialect, Event
from fake_provider.gemini import Generate
from fake_provider.generate import Choice, Order
from fake_provider.openai_chat import Chat
from fake_provider.openai_responses import Response
from llmcap.audit.recordings import read
from llmcap.providers.parts.shape import Request
from llmcap.walk.flight import CallInFlight
from llmcap.words.errors import LLMCapError
from llmcap.words.records import Ending, UnknownPolicy

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus" / "exchanges.jsonl"
SEED = int(os.environ.get("LLMCAP_TEST_SEED", "1"))
FAST, SLOW = 400, 100_000

# What a hundred thousand calls may leave behind. The walk remembers the size of the last 20,000
# responses on purpose, some 200 bytes each, and its caches fill.
GROWTH_BYTES_MAX = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request, and the answer that is to be spoilt."""

    name: str
    request: Request
    status: int
    headers: dict[str, str]
    body: bytes


# --- generated answers ------------------------------------------------------------------------


def generated() -> Iterator[Exchange]:
    """Each API of the fake provider, whole and streamed."""
    asked = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 100}
    for stream in (False, True):
        streamed = {"stream": True} if stream else {}
        record = Record(number=7, endpoint="", model="", fresh=20, cached=5, output=4, reasoning=1)
        order = Order("", "gpt-4o-mini", "gpt-4o-mini-2024-07-18", 25, 100, stream=stream)
        options = {"stream_options": {"include_usage": True}}
        yield _exchange(
            "chat",
            chat(max_tokens=100, **streamed),
            Chat(order, record, options, usage=True),
            stream=stream,
        )
        yield _exchange(
            "responses",
            post("/v1/responses", {"model": "gpt-4o-mini", "input": "hi", **streamed}),
            Response(order, record, {}, usage=True),
            stream=stream,
        )
        yield _exchange(
            "messages",
            post(
                "/v1/messages",
                {"model": "claude-haiku-4-5", **asked, **streamed},
                host="api.anthropic.com",
            ),
            Messages(replace(order, served="claude-haiku-4-5"), record, usage=True),
            stream=stream,
        )
        operation = "streamGenerateContent" if stream else "generateContent"
        yield _exchange(
            "gemini",
            post(
                f"/v1beta/models/gemini-2.5-flash:{operation}",
                {"contents": [{"parts": [{"text": "hi"}]}]},
                host="generativelanguage.googleapis.com",
            ),
            Generate(replace(order, served="gemini-2.5-flash"), record, usage=True, sse=True),
            stream=stream,
        )


def _exchange(name: str, request: Request, dialect: Dialect, *, stream: bool) -> Exchange:
    choice = Choice(index=0, wanted=4, hidden=1, limit=100, made=4)
    words = [" some", " more", " words"]
    if not stream:
        body = json.dumps(dialect.whole([choice], ["".join(words)])).encode()
        return Exchange(f"{name}, JSON", request, 200, {"content-type": "application/json"}, body)
    events = dialect.opening()
    events += [event for word in words for event in dialect.token(choice, word)]
    events += dialect.closing([choice])
    body = b"".join(_framed(event) for event in events)
    return Exchange(f"{name}, SSE", request, 200, {"content-type": "text/event-stream"}, body)


def _framed(event: Event) -> bytes:
    text = event.data if isinstance(event.data, str) else json.dumps(event.data)
    name = f"event: {event.name}\n" if event.name else ""
    return f"{name}data: {text}\n\n".encode()


def recorded(*, bytes_max: int = 60_000) -> Iterator[Exchange]:
    """What real providers sent, where the recordings are there."""
    if not CORPUS.exists():
        return
    for recording in read(CORPUS):
        if len(recording.body) <= bytes_max:
            headers = dict(recording.headers)
            yield Exchange(
                recording.id, recording.request, recording.status, headers, recording.body
            )


# --- mutations --------------------------------------------------------------------------------

Mutation = Callable[[bytes, random.Random], bytes]

NASTY = [
    b"-1", b"-0.0", b"1e999", b"99999999999999999999999", b"0.5", b"null", b"true", b'"12"', b'""',
    b"[]", b"{}", b"NaN", b"-Infinity", b"[[[[[[[[[[[[]]]]]]]]]]]]", b'"\\ud800"', b"0x10",
]  # fmt: skip


def flip(body: bytes, rng: random.Random) -> bytes:
    """Some bytes become others."""
    spoilt = bytearray(body)
    for _ in range(rng.randint(1, 8)):
        if spoilt:
            spoilt[rng.randrange(len(spoilt))] = rng.randrange(256)
    return bytes(spoilt)


def lose(body: bytes, rng: random.Random) -> bytes:
    """A stretch is missing."""
    start, end = _stretch(body, rng)
    return body[:start] + body[end:]


def repeat(body: bytes, rng: random.Random) -> bytes:
    """A stretch comes again, up to thirty times."""
    start, end = _stretch(body, rng)
    return body[:end] + body[start:end] * rng.randint(1, 30) + body[end:]


def end_early(body: bytes, rng: random.Random) -> bytes:
    """The rest never comes."""
    return body[: rng.randint(0, len(body))]


def insert(body: bytes, rng: random.Random) -> bytes:
    """Noise between."""
    at = rng.randint(0, len(body))
    return body[:at] + rng.randbytes(rng.randint(1, 300)) + body[at:]


def renumber(body: bytes, rng: random.Random) -> bytes:
    """A number becomes what no number should be."""
    numbers = list(re.finditer(rb"(?<=[:\[ ])-?\d+(?:\.\d+)?", body))
    if not numbers:
        return body
    number = rng.choice(numbers)
    return body[: number.start()] + rng.choice(NASTY) + body[number.end() :]


def retype(body: bytes, rng: random.Random) -> bytes:
    """A value after a key becomes one of another type."""
    values = list(re.finditer(rb'(?<="): ?("[^"\\]*"|-?\d+|null|true|false|\{|\[)', body))
    if not values:
        return body
    value = rng.choice(values)
    return body[: value.start(1)] + rng.choice(NASTY) + body[value.end(1) :]


def rename(body: bytes, rng: random.Random) -> bytes:
    """A key is called like another."""
    keys = list(re.finditer(rb'"([A-Za-z_]+)"\s*:', body))
    if len(keys) < 2:
        return body
    one, other = rng.sample(keys, 2)
    return body[: one.start(1)] + other[1] + body[one.end(1) :]


def shuffle(body: bytes, rng: random.Random) -> bytes:
    """Events in another order."""
    events = body.split(b"\n\n")
    rng.shuffle(events)
    return b"\n\n".join(events)


def nest(body: bytes, rng: random.Random) -> bytes:
    """Deeper than any parser likes."""
    return body.replace(b"{", b'{"a":' * rng.choice((10, 2_000)) + b"{", 1)


MUTATIONS: list[Mutation] = [
    flip, lose, repeat, end_early, insert, renumber, renumber, retype, retype, rename, shuffle,
    nest,
]  # fmt: skip


def _stretch(body: bytes, rng: random.Random) -> tuple[int, int]:
    start = rng.randint(0, len(body))
    return start, min(len(body), start + rng.randint(0, 400))


def mutated(exchange: Exchange, rng: random.Random) -> Exchange:
    """The same with one to three mistakes, and now and then lying headers."""
    body = exchange.body
    for _ in range(rng.randint(1, 3)):
        body = rng.choice(MUTATIONS)(body, rng)
    headers = dict(exchange.headers)
    if rng.random() < 0.2:
        headers["content-encoding"] = rng.choice(("gzip", "br", "zstd", "deflate", "x-unknown"))
    if rng.random() < 0.2:
        headers["content-type"] = rng.choice((
            "", "application/json", "text/event-stream", "application/x-ndjson",
            "application/vnd.amazon.eventstream", "text/html", "audio/mpeg",
        ))  # fmt: skip
    if rng.random() < 0.1:
        headers["content-length"] = rng.choice(("0", "5", "-1", "abc", str(len(body) * 2)))
    return replace(exchange, headers=headers, body=body)


# --- what must hold ---------------------------------------------------------------------------


def play(there: Walk, exchange: Exchange, rng: random.Random) -> CallInFlight | None:
    """Admit the request and feed the answer in random pieces; None where it is not metered."""
    try:
        call = there.admit(exchange.request)
    except LLMCapError:  # it cannot be bounded, and the shell refuses it
        return None
    if not isinstance(call, CallInFlight):
        return None
    call.responded(exchange.status, exchange.headers, streams=rng.random() < 0.7)
    rest = exchange.body
    while rest and not call.cut:
        size = rng.choice((1, 7, 100, 5_000, len(rest))) if len(rest) < 20_000 else 5_000
        call.feed(rest[:size])
        rest = rest[size:]
    if rng.random() < 0.2:
        call.broke("the client left", sent=True)
    else:
        call.finish()
    return call


def rich() -> Walk:
    """A walk that never runs out of money, on a ledger in memory."""
    return walk("1000000000", unknown_models=UnknownPolicy.MOST_EXPENSIVE)


def free_by_right(call: CallInFlight) -> bool:
    """Whether the price book has the model at no cost, or the provider's own bill says so."""
    assert call._meter is not None
    return call._admission.demand.ceiling_nanos() == 0 or call._meter.reading.billed_usd == 0


def check(there: Walk, exchange: Exchange, seed: str) -> None:
    """One mutated answer, from the request to the end of its hold."""
    rng = random.Random(seed)
    spoilt = mutated(exchange, rng)
    call = play(there, spoilt, rng)
    if call is None:
        return
    what = f"{exchange.name}, seed {seed}"
    if call.settlement is None:
        # Its usage comes with a later request: it is parked, and given up when the proxy ends.
        assert len(there.firewall.shared.parked) == 1, what
        there.firewall.shared.parked.close()
    assert call.settlement is not None, what
    if exchange.status < 300:
        assert call.settlement.ending is not Ending.RELEASED, what
        assert call.settlement.cost_nanos > 0 or free_by_right(call), (what, spoilt.body[:3000])


@pytest.mark.parametrize("exchange", list(generated()), ids=lambda exchange: exchange.name)
def test_a_generated_answer_as_it_is_settles(exchange: Exchange) -> None:
    """The answers that are to be spoilt are good ones."""
    call = play(rich(), exchange, random.Random(2))
    assert call is not None
    assert call.settlement is not None
    assert call.settlement.cost_nanos > 0


NO_USAGE_AT_ALL = {
    "zeros": {"prompt_tokens": 0, "completion_tokens": 0},
    "no numbers": {"prompt_tokens": "12", "completion_tokens": None},
    "below zero": {"prompt_tokens": -5, "completion_tokens": -1},
    "other names": {"tokens": 12},
}


@pytest.mark.parametrize("usage", NO_USAGE_AT_ALL.values(), ids=NO_USAGE_AT_ALL.keys())
@pytest.mark.parametrize("stream", [False, True], ids=["JSON", "SSE"])
def test_a_usage_that_counts_nothing_does_not_make_an_answer_free(usage, *, stream: bool) -> None:
    """Text was served, so the call is assumed like one without a usage."""
    call = rich().admit(chat(max_tokens=50, stream=stream))
    assert isinstance(call, CallInFlight)
    kind = "text/event-stream" if stream else "application/json"
    call.responded(200, {"content-type": kind}, streams=stream)
    document = json.loads(completion(1, 1, usage=usage))
    if stream:
        document["choices"] = []
        call.feed(chunk("hello") + b"data: " + json.dumps(document).encode() + b"\n\n")
        call.feed(b"data: [DONE]\n\n")
    else:
        call.feed(json.dumps(document).encode())
    call.finish()
    assert call.settlement is not None
    assert call.settlement.ending is Ending.ASSUMED
    assert call.settlement.cost_nanos >= 600


@pytest.mark.parametrize("exchange", list(generated()), ids=lambda exchange: exchange.name)
def test_a_mutated_answer_never_raises_and_is_never_free(exchange: Exchange) -> None:
    """Generated answers, spoilt in every way."""
    there = rich()
    for number in range(FAST // 8):
        check(there, exchange, f"{SEED}/{number}")
    assert there.balance.held == 0
    assert there.firewall.ledger.audit() == []


@pytest.mark.skipif(not CORPUS.exists(), reason="the recorded traffic is not at ../shared/corpus")
def test_a_mutated_recording_never_raises_and_is_never_free() -> None:
    """Recorded answers of many providers, each spoilt once."""
    there = rich()
    for exchange in recorded(bytes_max=20_000):
        check(there, exchange, f"{SEED}/{exchange.name}")
    assert there.balance.held == 0


@pytest.mark.slow
def test_a_hundred_thousand_mutated_answers_leave_no_memory_behind() -> None:
    """All of both kinds, again and again, on one firewall."""
    there = rich()
    exchanges = [*generated(), *recorded(bytes_max=6_000)]
    settled: int | None = None
    tracemalloc.start()
    try:
        for number in range(SLOW):
            check(there, exchanges[number % len(exchanges)], f"{SEED}/{number}")
            if number == SLOW // 4:
                gc.collect()
                settled, _ = tracemalloc.get_traced_memory()
        gc.collect()
        now, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert settled is not None
    assert now - settled < GROWTH_BYTES_MAX
    assert there.balance.held == 0
