"""Whatever a provider answers, a call ends with it, once, and never below what it can have cost."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from walk import INPUT_NANOS, OUTPUT_NANOS, answer, chat, completion, post, walk

from llmcap.walk.flight import CallInFlight
from llmcap.words.errors import LedgerError
from llmcap.words.records import Ending

STATUSES = (101, 103, 200, 201, 202, 204, 205, 206, 301, 304, 400, 401, 404, 429, 500, 503, 529)
TYPES = (
    "", "application/json", "text/event-stream", "text/html; charset=utf-8", "text/plain",
    "application/x-ndjson", "application/octet-stream", "application/vnd.amazon.eventstream",
)  # fmt: skip
BODIES = st.one_of(
    st.binary(max_size=300),
    st.sampled_from([
        b"", b"{}", b"[]", b"null", b'{"choices": []}', b'{"usage": {"prompt_tokens": 1}}',
        b"data: [DONE]\n\n", b"data: {}\n\n", b'data: {"choices": [{"finish_reason": "stop"}]}\n\n',
        b'{"error": {"message": "no"}}', b"<html>sign in</html>", b'{"choices": [{"mess',
    ]),
)  # fmt: skip


@given(
    status=st.sampled_from(STATUSES),
    kind=st.sampled_from(TYPES),
    encoding=st.sampled_from(["", "identity", "gzip", "br", "nonsense"]),
    body=BODIES,
    cut=st.integers(0, 300),
    stream=st.booleans(),
    ending=st.sampled_from(["finish", "broke", "nothing came"]),
)
def test_no_answer_leaves_a_hold_behind(status, kind, encoding, body, cut, stream, ending):
    """Any status, type, encoding and body, in any cut, whole or broken off, or none at all."""
    there = walk()
    call = there.admit(chat(max_tokens=50, stream=stream))
    if ending != "nothing came":
        headers = {"content-type": kind, "content-encoding": encoding}
        call.responded(status, {k: v for k, v in headers.items() if v}, streams=status < 300)
        call.feed(body[:cut])
        call.feed(body[cut:])
    if ending == "finish":
        call.finish()
        call.finish()
    else:
        call.broke("the connection was reset", sent=True)
    assert there.balance.held == 0
    assert there.firewall.ledger.audit() == []


def ended(body: bytes, kind: str = "application/json", **fields) -> CallInFlight:
    """A call whose whole answer is this."""
    call = walk().admit(chat(**fields))
    call.responded(200, {"content-type": kind}, streams=False)
    call.feed(body)
    call.finish()
    return call


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", json.dumps({"choices": [{"text": "x" * 930}]}).encode()[:-30]),
        ("application/json", json.dumps({"made": "x" * 900}).encode()),
        ("application/json", json.dumps(["x" * 900]).encode()),
        ("text/plain", b"x" * 900),
        ("", b"x" * 900),
        ("application/octet-stream", b"\x00" * 900),
        ("text/event-stream", b"data: " + json.dumps({"made": "x" * 900}).encode() + b"\n\n"),
        ("application/json", json.dumps({"id": "c", "made": "x" * 900}).encode()),
        ("text/html", b" " + json.dumps({"made": "x" * 900}).encode()[:-9]),
        ("application/xhtml+xml", b"x" * 900),
    ],
    ids=[
        "torn", "another shape", "a list", "text", "no type", "bytes", "strange events",
        "an id and another shape", "torn, and called a page", "text, and called a page",
    ],
)  # fmt: skip
def test_what_was_not_understood_costs_what_its_bytes_can_be(kind, body):
    """A token for each byte, and not more than the answer was allowed to have."""
    cost = ended(body, kind, max_tokens=4_000).settlement.cost_nanos
    assert cost >= 900 * OUTPUT_NANOS
    small = ended(body, kind, max_tokens=40)
    assert 40 * OUTPUT_NANOS <= small.settlement.cost_nanos <= small._hold.held_nanos
    assert small.settlement.ending is Ending.ASSUMED


@pytest.mark.parametrize("begins", [b"<html>", b"\n <!DOCTYPE html>", b"\xef\xbb\xbf<html>"])
def test_a_page_for_people_was_written_by_no_model(begins):
    """A login or a block on the way: the request may have been read, and nothing was made of it."""
    call = ended(begins + b"x" * 900, "text/html; charset=utf-8", max_tokens=4_000)
    assert call.settlement.ending is Ending.ASSUMED
    assert 0 < call.settlement.cost_nanos < 200 * INPUT_NANOS


def openai_chunk(index: int, *, finish: str | None, written: int) -> bytes:
    """A chunk that tells the usage of all choices so far, as xAI and others do."""
    choice = {"index": index, "delta": {"content": "word "}, "finish_reason": finish}
    usage = {"prompt_tokens": 100, "completion_tokens": written, "total_tokens": 100 + written}
    document = {"id": "c", "model": "gpt-4o-mini", "choices": [choice], "usage": usage}
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def gemini_chunk(index: int, *, finish: str | None, written: int) -> bytes:
    """The same, in Gemini's words."""
    candidate = {"index": index, "content": {"parts": [{"text": "word "}]}, "finishReason": finish}
    usage = {
        "promptTokenCount": 100,
        "candidatesTokenCount": written,
        "totalTokenCount": 100 + written,
    }
    document = {"candidates": [candidate], "usageMetadata": usage}
    return b"data: " + json.dumps(document).encode() + b"\n\n"


GEMINI = "/v1beta/models/gemini-2.0-flash:streamGenerateContent"
SEVERAL = {
    "openai": (openai_chunk, lambda: chat(stream=True, n=2, max_tokens=4_000)),
    "gemini": (
        gemini_chunk,
        lambda: post(
            GEMINI,
            {
                "contents": [{"parts": [{"text": "hello"}]}],
                "generationConfig": {"candidateCount": 2, "maxOutputTokens": 4_000},
            },
            host="generativelanguage.googleapis.com",
        ),
    ),
}


@pytest.mark.parametrize("api", SEVERAL)
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "left"])
def test_several_choices_are_finished_when_all_are(api, whole):
    """The end of one, and the usage so far, say nothing of the other, which goes on."""
    chunk, request = SEVERAL[api]
    there = walk("1")
    call = there.admit(request())
    assert isinstance(call, CallInFlight), call
    call.responded(200, {"content-type": "text/event-stream"}, streams=True)
    call.feed(chunk(0, finish=None, written=5))
    call.feed(chunk(0, finish="STOP", written=10))
    assert call.settlement is None
    assert there.balance.held > 0
    call.feed(chunk(1, finish=None, written=2_000))
    if not whole:
        call.broke("client disconnected", sent=True)
        assert call.settlement.usage.output_tokens >= 2_000
        return
    call.feed(chunk(1, finish="STOP", written=3_000))
    assert call.settlement.ending is Ending.SETTLED
    assert call.settlement.usage.output_tokens == 3_000


def test_fewer_choices_than_asked_are_all_there_are_at_a_clean_end():
    """A vendor that ignores `n`: its usage is known when its answer is whole."""
    there = walk("1")
    call = there.admit(chat(stream=True, n=2, max_tokens=4_000))
    call.responded(200, {"content-type": "text/event-stream"}, streams=True)
    call.feed(openai_chunk(0, finish="stop", written=10))
    assert call.settlement is None
    call.finish()
    assert call.settlement.ending is Ending.SETTLED
    assert call.settlement.usage.output_tokens == 10


@pytest.mark.parametrize("ending", ["finish", "broke"])
@pytest.mark.parametrize("status", [101, 103])
def test_an_interim_answer_is_none(status, ending):
    """mitmproxy takes it for the whole one, and throws the answer away that is billed."""
    there = walk()
    call = there.admit(chat(max_tokens=4_000))
    call.responded(status, {}, streams=False)
    call.finish() if ending == "finish" else call.broke("server disconnected", sent=True)
    assert call.settlement.ending is Ending.ASSUMED
    assert call.settlement.cost_nanos == call.held.hold.held_nanos


def left_in_the_middle(*, reason: str, lost: bool = False, lingers: bool = True) -> int:
    """What an answer cost that was left, or broke, less than a second after its last look."""
    there = walk("1")
    call = there.admit(chat(stream=True, max_tokens=8_000))
    call.responded(200, {"content-type": "text/event-stream"}, streams=True)
    for _ in range(100):
        there.clock.forward(milliseconds=10)
        call.feed(openai_chunk(0, finish=None, written=0))
    if lingers:
        call.linger()
    there.clock.forward(milliseconds=400)
    call.parted(stopped=False, round_trip=timedelta(0), lost=lost)
    call.broke(reason, sent=True)
    return call.settlement.cost_nanos


def test_a_reset_of_its_client_is_no_loss_of_its_provider():
    """mitmproxy has the same words for both on HTTP/2; who was asked to read on had a client."""
    reset = "stream reset by client (CANCEL)"
    left = left_in_the_middle(reason="Client disconnected.")
    assert left_in_the_middle(reason=reset) == left
    assert left_in_the_middle(reason=reset, lingers=False) > left


def test_what_a_provider_loses_while_it_is_read_on_is_counted():
    """Its connection broke after the client had gone: what waited there nobody has read."""
    reason = "Client disconnected."
    assert left_in_the_middle(reason=reason, lost=True) > left_in_the_middle(reason=reason)


@pytest.mark.parametrize("error", [LedgerError("disk full"), OSError("gone")])
def test_a_correction_that_cannot_be_written_is_tried_again(error, monkeypatch):
    """What late words have cost is not forgotten with an error of the disk."""
    there = walk("1")
    call = there.admit(chat(stream=True, max_tokens=4_000))
    call.responded(200, {"content-type": "text/event-stream"}, streams=True)
    call.feed(openai_chunk(0, finish="stop", written=10))
    before = there.balance.spent
    call.feed(openai_chunk(0, finish="stop", written=500))
    with monkeypatch.context() as broken:
        broken.setattr(there.firewall.ledger, "correct", Mock(side_effect=error))
        call.finish()
        there.firewall.settle_late()
    assert there.balance.spent == before
    there.firewall.settle_late()
    assert there.balance.spent == before + 490 * OUTPUT_NANOS


@pytest.mark.parametrize("whole", [True, False])
def test_what_is_accepted_for_later_costs_all_that_was_held(whole):
    """No answer that is metered tells what it costs; one that does is believed."""
    call = walk().admit(chat(max_tokens=50))
    call.responded(202, {"content-type": "application/json"}, streams=False)
    call.feed(b'{"id": "task_1", "status": "queued"}')
    if whole:
        call.finish()
    else:
        call.broke("the connection was reset", sent=True)
    assert call.settlement.cost_nanos == call.held.hold.held_nanos
    told = walk().admit(chat(max_tokens=50))
    told.responded(202, {"content-type": "application/json"}, streams=False)
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    told.feed(json.dumps({"usage": usage, "choices": [{"message": {"content": "x"}}]}).encode())
    told.finish()
    assert told.settlement.ending is Ending.SETTLED


def test_what_was_told_before_an_answer_was_not_understood_any_more_is_booked():
    """A stream that breaks in its encoding, after a usage that is above the hold."""
    call = walk().admit(chat(max_tokens=1, stream=True))
    usage = {"prompt_tokens": 200_000, "completion_tokens": 0, "total_tokens": 200_000}
    event = {"id": "1", "choices": [{"index": 0, "delta": {"content": "x"}}], "usage": usage}
    packed = gzip.compress(b"data: " + json.dumps(event).encode() + b"\n\n")
    call.responded(
        200, {"content-type": "text/event-stream", "content-encoding": "gzip"}, streams=True
    )
    call.feed(packed)
    call.feed(b"\x1f\x8b\x08\x00" + b"\xff" * 60)
    call.finish()
    assert call.settlement.cost_nanos >= 200_000 * INPUT_NANOS
    assert call.settlement.usage.input_tokens == 200_000


def test_an_answer_that_breaks_off_has_the_tokens_of_all_who_worked_for_it():
    """Not of the first of them alone."""
    messages = post(
        "/v1/messages",
        {"model": "claude-sonnet-4-6", "max_tokens": 50, "stream": True, "messages": []},
        host="api.anthropic.com",
    )
    call = walk("50").admit(messages)
    rounds = [
        {"type": kind, "model": "claude-sonnet-4-6", "input_tokens": read, "output_tokens": 5}
        for kind, read in (("message", 100), ("compaction", 3_000))
    ]
    start = {"type": "message_start", "message": {
        "id": "m", "model": "claude-sonnet-4-6",
        "usage": {"input_tokens": 100, "output_tokens": 5, "iterations": rounds}}}  # fmt: skip
    call.responded(200, {"content-type": "text/event-stream"}, streams=True)
    call.feed(b"event: message_start\ndata: " + json.dumps(start).encode() + b"\n\n")
    call.broke("the connection was reset", sent=True)
    assert call.settlement.ending is Ending.ASSUMED
    assert call.settlement.usage.input_tokens == 3_100


PEAK = datetime(2026, 11, 20, 6, tzinfo=UTC)  # a Friday; DeepSeek asks twice as much until ten


@pytest.mark.parametrize("broke", [False, True])
@pytest.mark.parametrize(
    ("begins", "ends", "times"),
    [(-90, -85, 1), (-30, -20, 1), (-5, 5, 2), (0, 1, 2), (239, 245, 2), (240, 241, 1)],
)
def test_a_price_that_changes_during_a_call_is_the_dearer_one(begins, ends, times, broke):
    """No page says which of the two is billed; minutes are those before and after the peak."""
    there = walk()
    there.clock.now = PEAK + timedelta(minutes=begins)
    fields = {"model": "deepseek-v4-pro", "messages": [{"role": "user", "content": "hello"}]}
    request = post("/chat/completions", {**fields, "max_tokens": 50_000}, host="api.deepseek.com")
    call = there.admit(request)
    held = there.balance.held
    there.clock.now = PEAK + timedelta(minutes=ends)
    if broke:
        call.broke("no answer", sent=True)
    else:
        answer(call, completion(1_000_000, 1_000_000))
    usd = Decimal("0.66") + Decimal("1.98")
    most = 2 * 50_000 * 1_980 if begins > -60 and begins < 240 else 50_000 * 1_980
    assert most <= held < most + 1_000_000
    if broke:
        assert there.balance.spent == held, "nobody says that it stops when we go"
    else:
        assert there.balance.spent == times * usd * 1_000_000_000
