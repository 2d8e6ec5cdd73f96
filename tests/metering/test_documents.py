"""What the bytes of an answer are as JSON."""

import json
from typing import Any

import pytest

from llmcap.metering.documents import has_usage, id_of, parsed_json, several
from llmcap.metering.meter import Meter
from llmcap.providers import match
from llmcap.providers.parts.shape import Request


def answered(*pieces: bytes, stream: bool = False) -> Meter:
    """A meter of a chat that was answered so."""
    found = match("api.openai.com", "POST", "/v1/chat/completions")
    assert found is not None
    _, endpoint = found
    assert endpoint is not None
    assert endpoint.read is not None
    body = json.dumps({"model": "gpt-4o", "messages": [], "stream": stream}).encode()
    asked = Request(
        method="POST", host="api.openai.com", path="/v1/chat/completions", body=body
    )  # fmt: skip
    kind = "text/event-stream" if stream else "application/json"
    meter = Meter(endpoint, endpoint.read(asked), status=200, headers={"content-type": kind})
    for piece in pieces:
        meter.feed(piece)
    meter.finish()
    return meter


def told(name: str, tokens: int) -> dict[str, Any]:
    """A chat completion of so many tokens."""
    usage = {"prompt_tokens": 1, "completion_tokens": tokens, "total_tokens": tokens + 1}
    choice = {"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}
    return {"id": name, "model": "gpt-4o", "choices": [choice], "usage": usage}


TWO = [told("a", 3), told("b", 4)]
TEXTS = [json.dumps(each).encode() for each in TWO]


@pytest.mark.parametrize("body", [b"".join(TEXTS), b"\n".join(TEXTS), json.dumps(TWO).encode()])
def test_two_answers_in_one_body_are_two_on_the_bill(body: bytes) -> None:
    """Behind each other, as lines, or as a list."""
    charges = answered(body).reading.charges
    assert [charge.usage.output_tokens for charge in charges] == [3, 4]


def test_one_answer_that_is_told_twice_is_one() -> None:
    """Its id is the same, and what it told last counts."""
    (charge,) = answered(json.dumps([told("a", 3), told("a", 4)]).encode()).reading.charges
    assert charge.usage.output_tokens == 4


def events(*documents: dict[str, Any]) -> bytes:
    """A stream of them, with its end."""
    data = b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in documents)
    return data + b"data: [DONE]\n\n"


def piece(name: str) -> dict[str, Any]:
    """A chunk, the last of its choice."""
    delta = {"index": 0, "delta": {"content": "word " * 9}, "finish_reason": "stop"}
    return {"id": name, "model": "gpt-4o", "choices": [delta]}


@pytest.mark.parametrize("cut", [1, 40, 10_000])
def test_an_answer_that_told_nothing_is_not_paid_by_the_next_one(cut: int) -> None:
    """The second tells its usage alone, so what both cost is not known."""
    wire = events(piece("a")) + events(piece("b"), {**told("b", 4), "choices": []})
    meter = answered(*(wire[at : at + cut] for at in range(0, len(wire), cut)), stream=True)
    assert meter.failed


@pytest.mark.parametrize("untold", [piece("a"), {**told("a", 3), "usage": None}])
def test_nor_is_it_in_one_body(untold: dict[str, Any]) -> None:
    """As a list, or as lines."""
    both = [untold, told("b", 4)]
    for body in (json.dumps(both), "\n".join(map(json.dumps, both))):
        assert answered(body.encode()).failed


def test_a_usage_behind_the_end_is_the_same_answers() -> None:
    """Its id says so."""
    meter = answered(events(piece("a")), events({**told("a", 4), "choices": []}), stream=True)
    assert meter.failed is None
    assert meter.reading.charges[0].usage.output_tokens == 4


UNREAD = [
    {"result": told("a", 3), "success": True},
    {"id": "a", "usage": {"promptTokens": 1, "completionTokens": 900}},
    {"id": "a", "usage": [{"completion_tokens": 900}]},
    {"id": "a", "usageMetadata": {"candidatesTokenCount": 900}},
]


@pytest.mark.parametrize("answer", UNREAD)
def test_a_usage_that_nobody_reads_is_not_taken_for_none(answer: dict[str, Any]) -> None:
    """Such an answer was billed by its few bytes."""
    assert answered(json.dumps(answer).encode()).failed


@pytest.mark.parametrize("answer", [told("a", 3), {"id": "a", "usage": None}, {"usage": {"x": 0}}])
def test_a_usage_that_is_read_or_counts_nothing_is_none_of_these(answer: dict[str, Any]) -> None:
    """It is understood."""
    assert answered(json.dumps(answer).encode()).failed is None


def test_json_that_ends_before_its_end_is_no_whole_answer() -> None:
    """A server that dies while it writes closes the connection as one that is done does."""
    assert answered(b'{"id": "a", "choices": [').cut_short
    assert not answered(TEXTS[0]).cut_short
    assert not answered(b"plain words").cut_short


def test_what_is_no_json_is_none() -> None:
    """Nor are several of it."""
    assert parsed_json(b"{") is None
    assert several(b"{} x") == []
    assert several(b'{"a": 1} {"b": 2}') == [{"a": 1}, {"b": 2}]
    assert id_of({"responseId": "r"}) == "r"
    assert not has_usage({"usage": {"on": True}})
