"""
Real traffic of the providers, against an independent oracle of what it used.

Promise: every exchange whose provider is known gives exactly the tokens of the oracle; every
recorded stream gives the same reading whole, byte by byte and split at every point; and whatever
is done to the bytes, the meter yields a reading or says why not, and never raises.

Set `LLMCAP_TEST_EVERY_CUT=1` to split at every byte; else some sixty places of each stream are
tried.
"""

import base64
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmcap.bounds.estimate import TokenCounter
from llmcap.bounds.media import unit_bound
from llmcap.metering.meter import Meter
from llmcap.metering.visible import UNSEEN_TOKENS, Visible
from llmcap.pricing import PriceBook
from llmcap.providers import match
from llmcap.providers.google.generate import bills_queries
from llmcap.providers.parts.shape import Ask, Billing, Endpoint, Request
from llmcap.words.errors import FormatError
from llmcap.words.records import Charge, Reading, Unbounded

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
EVERY_CUT = bool(os.environ.get("LLMCAP_TEST_EVERY_CUT"))

pytestmark = pytest.mark.skipif(
    not CORPUS.is_dir(), reason="the recorded traffic is not beside this project: ../shared/corpus"
)

# Counts that the oracle and `Usage` name alike.
PARTS = (
    "input_tokens", "output_tokens", "cache_read", "cache_write_5m", "cache_write_1h", "reasoning",
    "input_audio", "output_audio", "input_image", "output_image", "input_video",
)  # fmt: skip


# --- the corpus -----------------------------------------------------------------------------


def records(name: str) -> list[dict[str, Any]]:
    """The records of one of its files."""
    path = CORPUS / name
    lines = path.read_text("utf-8").split("\n") if path.is_file() else []
    return [json.loads(line) for line in lines if line]


@cache
def expected() -> Mapping[str, dict[str, Any]]:
    """The oracle's words, by the id of the exchange."""
    return {record["id"]: record for record in records("expected.jsonl")}


def bytes_of(exchange: Mapping[str, Any], side: str) -> bytes:
    """A body as it was; multipart forms are kept as base64 with a prefix."""
    body = exchange.get(f"{side}_body") or ""
    if exchange.get(f"{side}_body_encoding") == "base64":
        return base64.b64decode(body)
    if body.startswith("base64:"):
        return base64.b64decode(body.removeprefix("base64:"))
    return body.encode()


def request_of(exchange: Mapping[str, Any]) -> Request:
    """The request as the core would see it."""
    url = urlsplit(exchange["url"])
    return Request(
        method=exchange["method"],
        host=url.hostname or "",
        path=url.path,
        query=dict(parse_qsl(url.query)),
        headers={name.lower(): value for name, value in exchange["request_headers"].items()},
        body=bytes_of(exchange, "request"),
    )


def response_of(exchange: Mapping[str, Any]) -> tuple[dict[str, str], bytes]:
    """Headers and body as they were on the wire; else as if they had not been encoded."""
    headers = {name.lower(): value for name, value in exchange["response_headers"].items()}
    headers.pop("content-length", None)
    if wire := exchange.get("response_wire_b64"):
        return headers, base64.b64decode(wire)
    headers.pop("content-encoding", None)
    headers.pop("transfer-encoding", None)
    return headers, bytes_of(exchange, "response")


def ask_of(endpoint: Endpoint, exchange: Mapping[str, Any]) -> Ask:
    """What the request asked for. Some recordings leave a form out: those are not read."""
    if endpoint.read is None:
        return Ask(model="")
    try:
        return endpoint.read(request_of(exchange))
    except FormatError:
        lost = "multipart" in str(exchange["request_headers"]) or exchange["id"] in BROKEN
        assert lost or exchange["status"] >= 400, exchange["id"]
        return Ask(model="")


def read(
    endpoint: Endpoint, ask: Ask, status: int, headers: Mapping[str, str], pieces: Iterable[bytes]
) -> Reading:
    """What the meter makes of a response that comes in these pieces."""
    meter = Meter(endpoint, ask, status=status, headers=headers)
    for piece in pieces:
        meter.feed(piece)
    reading = meter.finish()
    assert meter.failed is None
    # What was seen says nothing any more where the usage is told.
    if not reading.complete:
        return reading
    return replace(reading, visible_bytes=0, visible_events=0, called=0, stopped=0)


def found(exchange: Mapping[str, Any]) -> Endpoint | None:
    """The endpoint of an exchange, if its path is known."""
    url = urlsplit(exchange["url"])
    matched = match(url.hostname or "", exchange["method"], url.path)
    assert matched is not None or expected()[exchange["id"]]["provider"] == "local", exchange["url"]
    return matched[1] if matched else None


EXCHANGES = {exchange["id"]: exchange for exchange in records("exchanges.jsonl") if found(exchange)}


def endpoint_of(exchange: Mapping[str, Any]) -> Endpoint:
    """The endpoint of an exchange, which must be known."""
    endpoint = found(exchange)
    assert endpoint is not None, f"{exchange['method']} {exchange['url']} is not known"
    return endpoint


# --- usage ----------------------------------------------------------------------------------


def told(charges: Iterable[Charge]) -> Counter[str]:
    """The counts of all charges together; extras by their unit."""
    counts: Counter[str] = Counter()
    for charge in charges:
        counts.update({part: getattr(charge.usage, part) for part in PARTS})
        counts.update({unit: int(number) for unit, number in charge.usage.extras.items()})
    return +counts


def wanted(exchange: Mapping[str, Any]) -> Counter[str]:
    """The same from the oracle, in our units."""
    oracle = expected()[exchange["id"]]
    usage = oracle["usage"]
    counts: Counter[str] = Counter({part: usage.get(part, 0) for part in PARTS})
    if "iterations_detail" in usage:
        # The totals leave passes out: the bill is the sum of the passes.
        counts["input_tokens"] = usage["iterations_input_tokens"]
        counts["output_tokens"] = usage["iterations_output_tokens"]
        counts["cache_read"] = sum(
            each["cache_read_input_tokens"] for each in usage["iterations_detail"]
        )
    if oracle["kind"] == "batch-results":
        # The oracle says "usage per line" and leaves it at that.
        for used in batched(exchange):
            counts.update(used)
    if "cache_write_5m" not in usage and "cache_write_1h" not in usage:
        counts["cache_write_5m"] = usage.get("cache_write", 0)
    counts.update(units(oracle))
    if counts["audio_second"] and oracle["provider"] == "mistral":
        counts["input_audio"] = 0  # billed by the second, so its tokens are not
    return +counts


def batched(exchange: Mapping[str, Any]) -> Iterable[Counter[str]]:
    """What each line of a batch's results says that it used."""
    if exchange["provider"] == "anthropic":
        for line in exchange["response_body"].splitlines():
            used = json.loads(line)["result"]["message"]["usage"]
            yield Counter({part: used[part] for part in PARTS[:2]})
        return
    for result in json.loads(exchange["response_body"])["results"]:
        used = next(iter(result["batch_result"]["response"].values()))["usage"]
        yield Counter(
            input_tokens=used["prompt_tokens"],
            output_tokens=used["total_tokens"] - used["prompt_tokens"],
            cache_read=used["prompt_tokens_details"]["cached_tokens"],
            reasoning=used["completion_tokens_details"]["reasoning_tokens"],
        )


# The oracle's names of what is counted besides tokens, and our units.
UNITS = {
    "audio_seconds": "audio_second",
    "search_units": "search_unit",
    "pages": "page",
    "predict_seconds": "compute_second",
}

# Where searches of the web have no fee of their own, or none that can be counted by the search.
SEARCHES_FREE = ("deepseek", "groq")


def units(oracle: Mapping[str, Any]) -> Counter[str]:
    """What the oracle counts besides tokens, in our units; what has no fee is not among them."""
    usage, provider = oracle["usage"], oracle["provider"]
    tools = usage.get("tools", {})
    counts: Counter[str] = Counter()
    if provider not in SEARCHES_FREE:
        counts["web_search"] = tools.get("web_search", 0) + tools.get("web_search_forced", 0)
    if "google_search_queries" in tools:
        by_query = bills_queries(oracle["model_responded"] or "")
        counts["web_search"] = tools["google_search_queries" if by_query else "grounded_prompts"]
    counts["file_search"] = tools.get("file_search", 0)
    if tools.get("perplexity_request"):
        counts[f"search_request_{usage['search_context_size']}"] = tools["perplexity_request"]
    counts.update({unit: int(usage.get(name, 0)) for name, unit in UNITS.items()})
    if "input_tokens" not in usage:
        counts["input_character"] = usage.get("input_characters", 0)
        if "images" in usage:
            read = "embed" in oracle["endpoint"]
            counts["input_image_item" if read else "images"] = usage["images"]
    return counts


def test_what_is_not_known_starts_nothing_that_is_billed():
    """Of a whole corpus of exchanges."""
    unknown = [each for each in records("exchanges.jsonl") if each["id"] not in EXCHANGES]
    assert all(not expected()[each["id"]]["billable"] for each in unknown)
    assert all(each["method"] in ("GET", "DELETE") for each in unknown)


# Answers that tell no usage and are billed by tokens all the same: the oracle counts what can be
# counted, the reading stays open, and the bound of the request is billed.
TOKENS_UNTOLD = ("gpt-4o-mini-tts", "gpt-image-1-mini", "hexgrad/kokoro-82m")


# Recorders that broke the JSON of a request, and that put a few words in place of a long prompt.
BROKEN = ("24c97f46a479f655",)
SHORTENED = ("7d8916571a7f484c", "b9aacd57654f8540")

# A guardrail's answer, whose body has no output tokens: its head has 51, and so has the text.
# A compound model's reasoning, which is in the usage of the models that it called.
# A guardrail's policy units, which the trace of the answer tells.
ORACLE_MISSES = ("306fd96b651eb2f6", "57a7a4135ab3936c", "041d250cffeb9b49")


@pytest.mark.parametrize("exchange_id", EXCHANGES)
def test_an_exchange_gives_the_usage_of_the_oracle(exchange_id: str):
    """Endpoint, model, tokens with all their parts, and units, for every recorded exchange."""
    exchange, oracle = EXCHANGES[exchange_id], expected()[exchange_id]
    endpoint = endpoint_of(exchange)
    ask = ask_of(endpoint, exchange)
    metered = endpoint.billing is Billing.METERED and not (ask.files or ask.parts)
    assert (metered and exchange["status"] < 300) == bool(oracle["billable"])

    headers, body = response_of(exchange)
    reading = read(endpoint, ask, exchange["status"], headers, [body])
    counts, oracle_counts = told(reading.charges), wanted(exchange)

    untold = ask.model in TOKENS_UNTOLD and "input_tokens" not in oracle["usage"]
    if untold or oracle["usage_missing"]:
        assert not reading.complete
        assert not reading.charges
        return
    if exchange_id in ORACLE_MISSES or not endpoint.charges_strangers:
        return  # the latter are charged with what was ordered here only
    images = sum(counts.pop(unit) for unit in list(counts) if unit.startswith("image"))
    assert images == oracle_counts.pop("images", 0)
    assert counts == oracle_counts
    if oracle["billable"]:
        assert reading.complete
    if metered and oracle["billable"] and oracle["model_requested"]:
        routed = ask.model.rpartition(":")[0] if exchange["provider"] == "huggingface" else ""
        asked = oracle["model_requested"].removeprefix("models/")
        assert asked in (ask.model, routed)
    if reading.complete and oracle["model_responded"]:
        assert reading.model == oracle["model_responded"]


def test_the_figures_per_provider(capsys: pytest.CaptureFixture[str]):
    """A table for people: how many exchanges were read, and what they used."""
    rows: dict[str, Counter[str]] = {}
    for exchange in EXCHANGES.values():
        endpoint = endpoint_of(exchange)
        headers, body = response_of(exchange)
        ask = ask_of(endpoint, exchange)
        reading = read(endpoint, ask, exchange["status"], headers, [body])
        row = rows.setdefault(exchange["provider"], Counter())
        row["exchanges"] += 1
        row[endpoint.billing] += 1
        row["complete"] += reading.complete
        row.update({part: told(reading.charges)[part] for part in PARTS[:2]})
    with capsys.disabled():
        print()  # noqa: T201  the table is for people
        for provider, row in sorted(rows.items()):
            print(f"  {provider}: " + ", ".join(f"{row[name]} {name}" for name in row))  # noqa: T201
    assert all(row["complete"] for row in rows.values() if row[Billing.METERED])


# --- every cut ------------------------------------------------------------------------------

STREAMS = [
    exchange_id
    for exchange_id, exchange in EXCHANGES.items()
    if expected()[exchange_id]["stream"]
    and endpoint_of(exchange).billing in (Billing.METERED, Billing.DEFERRED)
]


def cuts_of(body: bytes) -> Iterable[int]:
    """Where to split: everywhere, or at places spread over the body and around line ends."""
    if EVERY_CUT or len(body) < 100:
        return range(1, len(body))
    step = max(len(body) // 40, 1)
    spread = set(range(1, len(body), step)) | {len(body) - back for back in range(1, 12)}
    first_end = body.find(b"\n\n") + 1
    return sorted(spread | {first_end, first_end + 1} - {0})


@pytest.mark.parametrize("exchange_id", STREAMS)
def test_a_stream_gives_the_same_reading_in_every_cut(exchange_id: str):
    """Whole, byte by byte, and split at every point."""
    exchange = EXCHANGES[exchange_id]
    endpoint, status = endpoint_of(exchange), exchange["status"]
    ask = ask_of(endpoint, exchange)
    headers, body = response_of(exchange)

    whole = read(endpoint, ask, status, headers, [body])
    assert read(endpoint, ask, status, headers, (bytes([byte]) for byte in body)) == whole
    for cut in cuts_of(body):
        assert read(endpoint, ask, status, headers, (body[:cut], body[cut:])) == whole, cut


@pytest.mark.parametrize("exchange_id", STREAMS)
def test_a_stream_that_breaks_off_is_not_complete_before_its_usage(exchange_id: str):
    """Once complete a reading stays so, and never charges more than the whole stream does."""
    exchange = EXCHANGES[exchange_id]
    endpoint = endpoint_of(exchange)
    headers, body = response_of(exchange)
    ask = ask_of(endpoint, exchange)
    whole = read(endpoint, ask, exchange["status"], headers, [body])

    meter = Meter(endpoint, ask, status=exchange["status"], headers=headers)
    was_complete = False
    for start in range(0, len(body), 64):
        meter.feed(body[start : start + 64])
        if was_complete:
            assert meter.reading.complete
        was_complete = meter.reading.complete
        if was_complete and not whole.deferred:
            assert told(meter.reading.charges) <= told(whole.charges)


# --- bounds ---------------------------------------------------------------------------------

# What the estimate adds for each image, and for what a provider puts around a prompt.
IMAGE_TOKENS, HIDDEN_TOKENS = 48_169, 1_024


@pytest.mark.parametrize("exchange_id", EXCHANGES)
def test_an_ask_bounds_what_the_call_used(exchange_id: str):
    """Input, output and fees stay within what could be known before the call."""
    exchange = EXCHANGES[exchange_id]
    endpoint = endpoint_of(exchange)
    unbilled = endpoint.billing is not Billing.METERED or exchange["status"] >= 300
    if unbilled or exchange_id in (*SHORTENED, *BROKEN):
        return
    ask = ask_of(endpoint, exchange)
    headers, body = response_of(exchange)
    reading = read(endpoint, ask, exchange["status"], headers, [body])
    counts = told(reading.charges)

    media = sum(IMAGE_TOKENS if each.kind == "image" else each.bytes or 10**7 for each in ask.media)
    tokens = ask.text_bytes + ask.extra_input + HIDDEN_TOKENS + media
    if not ask.remote_input:
        assert counts["input_tokens"] <= tokens * (ask.loops + len(ask.other_models))
    if ask.output_limit is not None:
        assert counts["output_tokens"] <= ask.output_limit * ask.choices + ask.extra_output
    if ask.model:  # else the form was left out of the recording
        fees = {unit: counts[unit] for unit in counts if unit not in PARTS}
        held = Counter(ask.fees)
        seller = match(exchange["host"], "POST", urlsplit(exchange["url"]).path)[0].name
        for each in ask.media:
            bound = unit_bound(each, seller=seller, looked=True) if each.unit else None
            if isinstance(bound, Unbounded):
                assert each.bytes is None, bound.why  # fetched: refused
                return
            if bound is not None:
                held[each.unit] += max(bound.most, each.least)
        assert all(held[unit] >= used for unit, used in fees.items())


# --- what is no call to a model -------------------------------------------------------------


@pytest.mark.parametrize(
    "exchange",
    records("nonllm.jsonl"),
    ids=lambda exchange: f"{exchange['method']} {exchange['url']}",
)
def test_other_traffic_is_neither_metered_nor_refused(exchange: Mapping[str, Any]):
    """No provider's, or free: never held, never refused."""
    url = urlsplit(exchange["url"])
    found = match(url.hostname or "", exchange["method"], url.path)
    assert found is None or (found[1] is not None and found[1].billing is Billing.FREE)


# --- rubbish --------------------------------------------------------------------------------

MUTABLE = [
    exchange_id
    for exchange_id, exchange in EXCHANGES.items()
    if endpoint_of(exchange).reader and exchange["status"] < 300
]


@pytest.mark.skipif(not MUTABLE, reason="there is no recorded traffic to mutate")
@settings(
    deadline=None,
    max_examples=2_000 if EVERY_CUT else 150,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.data())
def test_mutated_traffic_never_raises(data: st.DataObject):
    """Bytes lost, doubled, changed and cut anywhere: a reading of sane counts, or a reason."""
    exchange = EXCHANGES[data.draw(st.sampled_from(MUTABLE or [""]))]
    endpoint = endpoint_of(exchange)
    headers, body = response_of(exchange)
    mutated = bytearray(body)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(mutated)))
        length = data.draw(st.integers(0, 200))
        piece = bytes(mutated[place : place + length])
        mutated[place : place + length] = data.draw(
            st.sampled_from(
                (b"", piece * 2, piece[::-1], b"null", b"-1", b'"', b"[", b"{}", b"1e999")
            )
            | st.binary(max_size=20)
        )
    step = data.draw(st.integers(1, 5_000))
    meter = Meter(endpoint, ask_of(endpoint, exchange), status=200, headers=headers)
    for start in range(0, len(mutated), step):
        meter.feed(bytes(mutated[start : start + step]))
        assert all(count >= 0 for count in told(meter.reading.charges).values())
    reading = meter.finish()
    assert meter.failed is None or "with a" not in meter.failed, meter.failed
    assert all(count >= 0 for count in told(reading.charges).values())


# --- what is seen of it ---------------------------------------------------------------------


def shown() -> Iterable[tuple[dict[str, Any], Endpoint, Ask]]:
    """The streams whose output all shows, as far as that is known before."""
    book = PriceBook()
    for name, exchange in EXCHANGES.items():
        url, used = urlsplit(exchange["url"]), expected()[name]["usage"]
        told = used.get("output_tokens") and not used.get("reasoning")
        if exchange["method"] != "POST" or exchange["status"] >= 300 or not told:
            continue
        provider, endpoint = match(url.hostname or "", "POST", url.path)
        ask = ask_of(endpoint, exchange)
        if ask.stream and ask.generates:
            price = book.find(provider.price_key, ask.model, datetime.now(UTC))
            if not (ask.hidden_work and price is not None and price.reasons):
                yield exchange, endpoint, ask


def test_what_is_seen_of_a_stream_is_no_fewer_tokens_than_it_had():
    """A hang-up or a cut is billed by that; calls of tools have more tokens than their text."""
    counter, below, families = TokenCounter(), {}, set()
    for exchange, endpoint, ask in shown():
        headers, body = response_of(exchange)
        meter = Meter(endpoint, ask, status=exchange["status"], headers=headers)
        for piece in body.splitlines(keepends=True):
            meter.feed(piece)
            assert meter.reading is not None  # all of it is looked at
        oracle = expected()[exchange["id"]]
        seen = Visible(counter, oracle["provider"], ask.model, clock=lambda: datetime.now(UTC))
        tokens = seen.tokens(meter) + UNSEEN_TOKENS
        charges = meter.reading.charges
        wrote = oracle["usage"]["output_tokens"] - sum(each.usage.output_audio for each in charges)
        families.add(oracle["provider"])
        if tokens < wrote:
            below[exchange["id"]] = (oracle["provider"], ask.model, tokens, wrote)
    assert below == {}
    assert len(families) >= 15
