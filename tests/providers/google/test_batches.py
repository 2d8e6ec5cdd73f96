"""Promise: a Gemini batch is bounded by its calls, and each answer is billed at half price."""

import json
from datetime import UTC, datetime

import pytest
from exchanging import answer, ask, endpoint_of
from ordering import jsonl

from llmcap.pricing import PriceBook
from llmcap.providers.google.batches import batch_reading
from llmcap.providers.parts.shape import Piece, Request
from llmcap.words.errors import FormatError
from llmcap.words.records import Usage

HOST = "https://generativelanguage.googleapis.com"
GENERATE = f"{HOST}/v1beta/models/gemini-2.5-flash:batchGenerateContent"
EMBED = f"{HOST}/v1beta/models/gemini-embedding-001:asyncBatchEmbedContent"

CALL = {
    "contents": [{"parts": [{"text": "hello"}]}],
    "generationConfig": {"maxOutputTokens": 50, "candidateCount": 2},
}  # fmt: skip


def inline(*calls: dict) -> dict:
    """A batch of these calls."""
    requests = [{"request": call, "metadata": {"key": str(n)}} for n, call in enumerate(calls)]
    return {"batch": {"displayName": "b", "inputConfig": {"requests": {"requests": requests}}}}


def test_calls_in_the_request_are_bounded_one_by_one():
    """Each has a limit, tools and an end of its own; the path names the model."""
    searching = CALL | {"tools": [{"googleSearch": {}}]}
    asked = ask(GENERATE, inline(CALL, searching, {"contents": []}))
    assert [(each.model, each.output_limit, each.choices) for each in asked.parts] == [
        ("gemini-2.5-flash", 50, 2),
        ("gemini-2.5-flash", 50, 2),
        ("gemini-2.5-flash", None, 1),
    ]
    assert asked.parts[1].fees == {"web_search": 1}
    assert asked.parts[0].text_bytes == len(json.dumps(CALL))
    assert {each.terms for each in asked.parts} == {("batch",)}
    assert (asked.deferred, asked.files) == (True, ())


def test_embeddings_in_the_request_write_nothing():
    """A text each."""
    asked = ask(EMBED, inline({"content": {"parts": [{"text": "a"}]}}, {"content": {}}))
    assert [(each.model, each.generates) for each in asked.parts] == [
        ("gemini-embedding-001", False)
    ] * 2


@pytest.mark.parametrize("spelled", ["fileName", "file_name"])
def test_calls_in_a_file_are_named_by_it(spelled):
    """The packages spell it in both ways."""
    asked = ask(GENERATE, {"batch": {"inputConfig": {spelled: "files/abc"}}})
    assert (asked.files, asked.parts, asked.model) == (("files/abc",), (), "gemini-2.5-flash")
    with pytest.raises(FormatError, match="no calls"):
        ask(GENERATE, {"batch": {"inputConfig": {}}})


# --- files ----------------------------------------------------------------------------------


def put(data: bytes, command: str, offset: int = 0, upload: str = "u1") -> Request:
    """A request of an upload."""
    return Request(
        method="POST",
        host="generativelanguage.googleapis.com",
        path="/upload/v1beta/files",
        query={"upload_id": upload, "upload_protocol": "resumable"},
        headers={"x-goog-upload-command": command, "x-goog-upload-offset": str(offset)},
        body=data,
    )


def test_bytes_of_an_upload_are_pieces_of_one_file():
    """It is opened with its name alone, and ends with its last piece."""
    _, endpoint = endpoint_of(f"{HOST}/upload/v1beta/files")
    assert endpoint.upload(put(b'{"file": {}}', "start")) is None
    assert endpoint.upload(put(b"{}\n{", "upload")) == Piece("batch", b"{}\n{", "u1", last=False)
    last = endpoint.upload(put(b"}\n", "upload, finalize", 4))
    assert last == Piece("batch", b"}\n", "u1", offset=4)


@pytest.mark.parametrize("data", [b"\x89PNG", b"%PDF-1.7", b"", b"text"])
def test_what_is_no_json_is_no_batch(data):
    """Most files are films, pictures and documents."""
    _, endpoint = endpoint_of(f"{HOST}/upload/v1beta/files")
    assert endpoint.upload(put(data, "upload, finalize")) is None


def test_a_line_asks_for_text_or_for_an_embedding():
    """The order names the model."""
    provider, endpoint = endpoint_of(f"{HOST}/upload/v1beta/files")
    piece = Piece("batch", b"")

    def read(call: dict):
        told = json.dumps({"key": "1", "request": call}).encode()
        return endpoint.line(put(b"", "upload"), piece, told, provider)

    text, embedding = read(CALL), read({"content": {"parts": []}, "taskType": "RETRIEVAL_QUERY"})
    assert (text.model, text.output_limit, text.terms) == ("", 50, ("batch",))
    assert (embedding.model, embedding.generates) == ("", False)
    with pytest.raises(FormatError, match="not an object"):
        endpoint.line(put(b"", "upload"), piece, b"1", provider)


# --- what is told ---------------------------------------------------------------------------

USED = {"promptTokenCount": 9, "candidatesTokenCount": 4, "totalTokenCount": 20}
ANSWER = {"modelVersion": "gemini-2.5-flash", "usageMetadata": USED, "candidates": [{}]}
PLAIN = {"response": ANSWER, "metadata": {"key": "1"}}
FAILED = {"error": {"code": 3, "message": "no"}, "metadata": {"key": "2"}}


def operation(state: str, **told) -> dict:
    """A batch as it is looked at: recorded ones have all of it under `metadata`."""
    metadata = {"model": "models/gemini-2.5-flash", "state": state, "name": "batches/b1", **told}
    return {"name": "batches/b1", "metadata": metadata}


def answers(*lines: dict, kind: str = "inlinedResponses") -> dict:
    """The output of a batch whose calls stood in the request."""
    return {"output": {kind: {"inlinedResponses": list(lines)}}}


STATS = {"requestCount": "2", "successfulRequestCount": "2"}

# An operation, and what it tells: whether it is over, whether that is the bill, how many charges.
OPERATIONS = {
    "pending": (operation("BATCH_STATE_PENDING", batchStats=STATS), False, False, 0),
    "running": (operation("BATCH_STATE_RUNNING"), False, False, 0),
    "answers so far": (operation("BATCH_STATE_RUNNING", **answers(PLAIN)), False, False, 0),
    "succeeded": (operation("BATCH_STATE_SUCCEEDED", **answers(PLAIN, FAILED)), True, True, 1),
    "in an older answer": (operation("JOB_STATE_SUCCEEDED", **answers(PLAIN)), True, True, 1),
    "cancelled on its way": (operation("BATCH_STATE_CANCELLED", **answers(PLAIN)), True, True, 1),
    "all failed": (operation("BATCH_STATE_FAILED", **answers(FAILED)), True, True, 0),
    "expired": (operation("BATCH_STATE_EXPIRED"), True, True, 0),
    "an answer without usage": (
        operation("BATCH_STATE_SUCCEEDED", **answers({"response": {"candidates": []}}, PLAIN)),
        True, False, 1,
    ),
    "in a file": (
        operation("BATCH_STATE_SUCCEEDED", batchStats=STATS, output={"responsesFile": "files/o"}),
        True, False, 0,
    ),
    "answers that are not shown": (
        operation("BATCH_STATE_SUCCEEDED", batchStats=STATS), True, False, 0,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("told", "over", "bill", "charges"), OPERATIONS.values(), ids=OPERATIONS)
def test_a_batch_is_settled_when_it_has_ended(told, over, bill, charges):
    """By its answers, or by none where nothing was done."""
    reading = batch_reading(told)
    assert (reading.response_id, reading.over, reading.complete) == ("batches/b1", over, bill)
    assert len(reading.charges) == charges
    assert reading.also == (
        ("files/o",) if "in a file" in str(told) or "files/o" in str(told) else ()
    )


def test_answers_of_a_batch_are_billed_at_half_price():
    """Thoughts too; and those of embeddings, which tell no more than a number."""
    (charge,) = batch_reading(operation("BATCH_STATE_SUCCEEDED", **answers(PLAIN))).charges
    assert (charge.usage, charge.terms) == (Usage(9, 11), ("batch",))
    embedded = {"response": {"embedding": {"values": [0.5]}, "tokenCount": "7"}}
    told = operation(
        "BATCH_STATE_SUCCEEDED", **answers(embedded, kind="inlinedEmbedContentResponses")
    )
    (charge,) = batch_reading(told | {"done": True}).charges
    assert charge.usage == Usage(7)


def test_the_end_of_an_operation_may_stand_under_its_response():
    """As operations of Google's other services have it."""
    told = {
        "name": "batches/b1", "done": True, "metadata": {"state": "BATCH_STATE_SUCCEEDED"},
        "response": {"inlinedResponses": {"inlinedResponses": [PLAIN]}},
    }  # fmt: skip
    assert batch_reading(told).complete


def test_what_is_no_batch_tells_nothing():
    """Other operations, and errors."""
    assert batch_reading({"name": "models/veo/operations/o"}) is None
    assert batch_reading({"error": {"code": 404}}) is None


def test_lists_and_new_orders_tell_of_batches():
    """A new one waits for its usage."""
    made = answer(GENERATE, inline(CALL), operation("BATCH_STATE_PENDING"))
    assert (made.response_id, made.deferred) == ("batches/b1", True)
    listed = {"operations": [operation("BATCH_STATE_RUNNING"), {"name": "operations/x"}]}
    reading = answer(f"{HOST}/v1beta/batches", b"", listed, method="GET")
    assert (reading.response_id, reading.others, reading.deferred) == ("batches/b1", (), False)


def test_an_output_is_billed_line_by_line():
    """By the name of its file; calls that failed are free."""
    url = f"{HOST}/download/v1beta/files/batch-b1:download?alt=media"
    wire = jsonl({"key": "1", "response": ANSWER}, {"key": "2", "error": {"code": 3}},
                 {"key": "3", "response": ANSWER})  # fmt: skip
    reading = answer(url, b"", wire, method="GET", content_type="application/octet-stream")
    assert (reading.response_id, reading.complete) == ("files/batch-b1", True)
    assert [charge.usage.output_tokens for charge in reading.charges] == [11, 11]
    failed = answer(url, b"", jsonl({"key": "2", "error": {}}), method="GET")
    assert (failed.complete, failed.charges) == (True, ())
    untold = answer(url, b"", jsonl({"key": "2", "response": {"candidates": []}}), method="GET")
    other = answer(url, b"", b'{"error": {"code": 404}}', method="GET")
    assert (untold.complete, other.complete) == (False, False)


# --- caches ---------------------------------------------------------------------------------

CACHES = f"{HOST}/v1beta/cachedContents"
KEPT = {"model": "models/gemini-2.5-flash", "contents": CALL["contents"]}


@pytest.mark.parametrize(
    ("said", "seconds"), [({}, 3_600), ({"ttl": "300s"}, 300), ({"ttl": "0.5s"}, 0.5)]
)
def test_a_cache_is_kept_for_so_long(said, seconds):
    """An hour, where nothing is said."""
    asked = ask(CACHES, KEPT | said)
    assert (asked.model, asked.generates) == ("gemini-2.5-flash", False)
    assert asked.kept_seconds == seconds


@pytest.mark.parametrize(
    "said", [{"expireTime": "tomorrow"}, {"expireTime": 9}, {"ttl": "long"}, {"ttl": 9}]
)
def test_a_cache_whose_time_is_not_known_is_an_error(said):
    """Neither a number of seconds nor a moment."""
    with pytest.raises(FormatError, match=r"its (ttl|expireTime) must be"):
        ask(CACHES, KEPT | said)


@pytest.mark.parametrize("name", ["expireTime", "expire_time"])
def test_a_cache_may_be_kept_until_a_moment(name):
    """How long that is from now, who has a clock says."""
    asked = ask(CACHES, KEPT | {name: "2027-01-01T00:00:00Z"})
    assert asked.kept_until == datetime(2027, 1, 1, tzinfo=UTC)
    assert asked.kept_seconds == 0
    elsewhere = ask(CACHES, KEPT | {name: "2027-01-01T01:00:00.5+01:00"})
    assert elsewhere.kept_until == datetime(2027, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)


def test_any_model_of_googles_has_a_price_for_what_is_kept():
    """At Vertex AI too; where none is listed, the dearest."""
    book = PriceBook()
    for provider, model in (
        ("google", "gemini-3.5-flash"),
        ("google-vertex", "gemini-2.5-flash"),
        ("google-vertex", "gemini-4-argon"),
    ):
        assert book.find(provider, model, datetime(2026, 11, 25, tzinfo=UTC)).rates["cache_storage"]


def test_a_cache_is_read_once_and_kept_until_it_expires():
    """As the answer tells it, else as it was asked for."""
    told = {"name": "cachedContents/c", "usageMetadata": {"totalTokenCount": 5_000}}
    (charge,) = answer(CACHES, KEPT | {"ttl": "60s"}, told).charges
    assert charge.usage == Usage(5_000, extras={"cache_storage": 300_000})
    told |= {
        "createTime": "2026-11-20T10:00:00.123456789Z",
        "expireTime": "2026-11-20T10:02:00.023Z",
    }
    reading = answer(CACHES, KEPT | {"ttl": "60s"}, told)
    assert reading.charges[0].usage.extras == {"cache_storage": 600_000}
    assert (reading.response_id, reading.complete) == ("cachedContents/c", True)
    assert not answer(CACHES, KEPT, {"error": {"code": 400}}).complete
