"""Promise: a batch is bounded by its lines, and its bill is what its object or its output tells."""

import json
from decimal import Decimal

import pytest
from exchanging import answer, ask, endpoint_of
from ordering import form, jsonl, line

from llmcap.providers import match
from llmcap.providers.openai.batches import batch_readings
from llmcap.providers.parts.shape import Billing, Piece, Request
from llmcap.words.errors import FormatError
from llmcap.words.records import Usage

OPENAI = "https://api.openai.com/v1"

# Whose hosts have the API, and below which path.
COPIES = {
    "openai": "https://api.openai.com/v1",
    "groq": "https://api.groq.com/openai/v1",
    "together": "https://api.together.xyz/v1",
    "azure": "https://res.openai.azure.com/openai",
    "azure v1": "https://res.openai.azure.com/openai/v1",
    "fireworks": "https://api.fireworks.ai/inference/v1",
    "zai": "https://api.z.ai/api/paas/v4",
}


def read(url: str, told: dict, *, purpose: str = "batch"):
    """What a line of a file asks for that was uploaded there."""
    host, _, path = url.removeprefix("https://").partition("/")
    provider, endpoint = match(host, "POST", f"/{path}/files")
    request = Request(method="POST", host=host, path=f"/{path}/files")
    return endpoint.line(request, Piece(purpose, b""), json.dumps(told).encode(), provider)


@pytest.mark.parametrize("base", COPIES.values(), ids=COPIES)
def test_vendors_that_copied_the_api_have_its_batches(base):
    """An upload, an order, looks at it, and the output; lines name the paths of OpenAI."""
    for method, path, billing in (
        ("POST", "/files", Billing.UPLOAD),
        ("POST", "/batches", Billing.METERED),
        ("GET", "/batches", Billing.DEFERRED),
        ("GET", "/batches/b", Billing.DEFERRED),
        ("POST", "/batches/b/cancel", Billing.DEFERRED),
        ("GET", "/files/f/content", Billing.DEFERRED),
        ("GET", "/files/f", Billing.FREE),
        ("DELETE", "/files/f", Billing.FREE),
    ):
        assert endpoint_of(base + path, method)[1].billing is billing, path
    asked = read(base, line(url="/v1/chat/completions"))
    assert (asked.model, asked.output_limit, asked.stream) == ("gpt-4o-mini", 100, False)
    assert asked.terms == ("batch",)


LINES = {
    "chat": (line(n=2), {"choices": 2, "output_limit": 100, "plain": True}),
    "reasoning without a limit": (
        line(model="o3", max_tokens=None), {"output_limit": None, "plain": True},
    ),
    "responses": (
        line(url="/v1/responses", max_output_tokens=7, tools=[{"type": "web_search"}]),
        {"output_limit": 7, "fees": {"web_search": 10}, "loops": 11},
    ),
    "embeddings": (
        line(url="/v1/embeddings", model="text-embedding-3-small", input=["a", "b"]),
        {"generates": False, "prompts": 2, "plain": True},
    ),
    "images": (
        line(url="/v1/images/generations", model="gpt-image-1", prompt="x", quality="low"),
        {"plain": False, "output_limit": 408},
    ),
    "video": (
        line(url="/v1/videos", model="sora-2", seconds="8"), {"fees": {"video_second_720p": 8}},
    ),
    "moderations": (
        line(url="/v1/moderations", model="omni-moderation-latest"), {"generates": False},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("told", "expected"), LINES.values(), ids=LINES)
def test_a_line_asks_for_what_its_call_would(told, expected):
    """Whatever its path; and it is never streamed."""
    asked = read(OPENAI, told | {"body": told["body"] | {"stream": True}})
    assert {name: getattr(asked, name) for name in expected} == expected
    assert not asked.stream


def test_regional_hosts_are_dearer_in_batches_too():
    """By the host that the file is uploaded to."""
    assert read("https://eu.api.openai.com/v1", line()).terms == ("geo-eu", "batch")


def test_an_image_in_a_line_is_no_text():
    """It is measured like that of a call."""
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 4_000}}
    asked = read(OPENAI, line(messages=[{"role": "user", "content": [picture]}]))
    assert [media.kind for media in asked.media] == ["image"]
    assert asked.text_bytes < 400


@pytest.mark.parametrize("name", ["batch", "batch-api", "fine-tune", "assistants", "vision"])
def test_only_files_that_are_worked_on_are_read(name):
    """The others cost nothing and are as large as they like."""
    _, endpoint = endpoint_of(f"{OPENAI}/files")
    piece = endpoint.upload(form(jsonl(line()), purpose=name))
    read_ahead = name in ("batch", "batch-api", "fine-tune")
    assert (piece is not None) == read_ahead
    assert piece is None or piece.data == jsonl(line())


def test_a_form_without_a_file_is_an_error():
    """It is remembered as one: the batch would be for a file that nobody saw."""
    _, endpoint = endpoint_of(f"{OPENAI}/files")
    request = form(b"x")
    request.body = request.body.replace(b'; filename="calls.jsonl"', b"")
    with pytest.raises(FormatError, match="no file"):
        endpoint.upload(request)
    request.body = b"no form"
    assert endpoint.upload(request) is None


def test_an_order_names_its_file():
    """And for Together the model, where the lines do not."""
    asked = ask(f"{OPENAI}/batches", {"input_file_id": "f", "metadata": {"project": "p"}})
    assert (asked.files, asked.deferred, asked.attributes["project"]) == (("f",), True, "p")
    assert ask(f"{OPENAI}/batches", {"input_file_id": "f", "model_id": "m"}).model == "m"
    with pytest.raises(FormatError, match="input_file_id"):
        ask(f"{OPENAI}/batches", {})


# --- what is told ---------------------------------------------------------------------------

JOB = {"id": "batch_1", "object": "batch", "model": "gpt-5-mini"}
SUMS = {
    "input_tokens": 1_000, "output_tokens": 50, "total_tokens": 1_050,
    "input_tokens_details": {"cached_tokens": 200},
    "output_tokens_details": {"reasoning_tokens": 9},
}  # fmt: skip
NOTHING = dict.fromkeys(SUMS, 0)

# A job, and what it tells: whether it is over, whether its sums are the bill, whether it is free.
JOBS = {
    "validating": ({"status": "validating", "usage": NOTHING}, False, False, False),
    "with sums so far": ({"status": "in_progress", "usage": SUMS}, False, False, False),
    "completed": (
        {"status": "completed", "usage": SUMS, "output_file_id": "o"}, True, True, False,
    ),
    "cancelled on its way": (
        {"status": "cancelled", "usage": SUMS, "output_file_id": "o"}, True, True, False,
    ),
    "completed without sums": ({"status": "completed", "output_file_id": "o"}, True, False, False),
    "Together": ({"status": "COMPLETED", "output_file_id": "o"}, True, False, False),
    "Mistral": (
        {"status": "SUCCESS", "output_file": "o", "succeeded_requests": 2}, True, False, False,
    ),
    "sums that cannot be true": (
        {"status": "completed", "usage": NOTHING, "request_counts": {"completed": 3}},
        True, False, False,
    ),
    "failed": ({"status": "failed", "errors": {"data": []}}, True, False, True),
    "expired before anything was done": (
        {"status": "expired", "request_counts": {"total": 9, "completed": 0}}, True, False, True,
    ),
    "a state that nobody knows": ({"status": "paused", "usage": SUMS}, False, False, False),
}  # fmt: skip


@pytest.mark.parametrize(("told", "over", "by_sums", "free"), JOBS.values(), ids=JOBS)
def test_a_batch_is_settled_by_its_sums_once_it_has_ended(told, over, by_sums, free):
    """Or is free, where nothing was done; its output is another name for the same bill."""
    totals, lines = batch_readings(JOB | told)
    assert (totals.response_id, lines.response_id) == ("batch_1", "batch_1/lines")
    assert totals.over is lines.over is over
    assert (totals.complete, lines.complete) == (by_sums or free, free)
    output = told.get("output_file_id") or told.get("output_file")
    assert totals.also == lines.also == ((output,) if output else ())
    if by_sums:
        (charge,) = totals.charges
        assert charge.usage == Usage(1_000, 50, cache_read=200, reasoning=9)
        assert (charge.model, charge.terms) == ("gpt-5-mini", ("batch", "summed"))


def test_the_order_of_a_batch_is_known_by_how_its_bill_will_be_told():
    """Together wraps it."""
    told = {"job": {"id": "b-1", "status": "VALIDATING"}}
    order = answer("https://api.together.xyz/v1/batches", {"input_file_id": "f"}, told)
    assert (order.response_id, order.deferred, order.others) == ("b-1/lines", True, ())
    failed = answer(f"{OPENAI}/batches", {"input_file_id": "f"}, JOB | {"status": "failed"})
    assert (failed.complete, failed.deferred) == (True, False)
    assert answer(f"{OPENAI}/batches", {"input_file_id": "f"}, {"error": {}}).response_id is None


def test_lists_tell_of_every_batch():
    """One reading, with the others in it."""
    told = {"object": "list", "data": [JOB | {"status": "in_progress"}, JOB | {"id": "batch_2"}]}
    listed = answer(f"{OPENAI}/batches", b"", told, method="GET")
    names = [listed.response_id, *(each.response_id for each in listed.others)]
    assert names == ["batch_1", "batch_1/lines", "batch_2", "batch_2/lines"]
    assert answer(f"{OPENAI}/batches", b"", {"data": []}, method="GET").response_id is None


def answered(number: int, body: dict, status: int = 200) -> dict:
    """A line of an output file."""
    response = {"status_code": status, "request_id": "r", "body": body}
    return {"id": f"batch_req_{number}", "custom_id": str(number), "response": response,
            "error": None}  # fmt: skip


CHAT = {
    "object": "chat.completion", "model": "gpt-4o-mini-2024-07-18", "choices": [],
    "usage": {"prompt_tokens": 10, "completion_tokens": 2}, "service_tier": "default",
}  # fmt: skip
RESPONSE = {
    "object": "response", "id": "resp_1", "status": "completed", "model": "gpt-5-mini",
    "usage": {"input_tokens": 30, "output_tokens": 4},
    "output": [{"type": "file_search_call", "id": "fs_1"}],
}  # fmt: skip
EMBEDDING = {
    "object": "list", "data": [{"object": "embedding", "embedding": [0.5]}],
    "model": "text-embedding-3-small", "usage": {"prompt_tokens": 5, "total_tokens": 5},
}  # fmt: skip
IMAGES = {
    "created": 1,
    "data": [{"b64_json": "A"}],
    "usage": {"input_tokens": 3, "output_tokens": 272},
}
VIDEO = {"object": "video", "id": "video_1", "model": "sora-2", "seconds": "4", "size": "720x1280"}


@pytest.mark.parametrize("kind", ["application/octet-stream", "application/jsonl", "text/plain"])
def test_an_output_is_billed_line_by_line(kind):
    """Whatever endpoint its calls were for, each at the terms of a batch."""
    failed = answered(9, {"error": {"code": "x"}}, 429)
    wire = jsonl(*(answered(number, body) for number, body in
                   enumerate((CHAT, RESPONSE, EMBEDDING, IMAGES, VIDEO))), failed)  # fmt: skip
    reading = answer(f"{OPENAI}/files/file-o/content", b"", wire, method="GET", content_type=kind)
    assert (reading.response_id, reading.complete) == ("file-o", True)
    assert [charge.usage for charge in reading.charges] == [
        Usage(10, 2),
        Usage(30, 4, extras={"file_search": 1}),
        Usage(5),
        Usage(3, 272, output_image=272),
        Usage(extras={"video_second_720p": Decimal(4)}),
    ]
    assert {charge.terms for charge in reading.charges} == {("batch",)}
    assert reading.charges[0].model == "gpt-4o-mini-2024-07-18"


def test_an_output_of_one_line_is_json_too():
    """Some answer with the content-type of their API."""
    wire = jsonl(answered(1, CHAT))
    reading = answer(f"{OPENAI}/files/f/content", b"", wire, method="GET")
    assert len(reading.charges) == 1


@pytest.mark.parametrize(
    ("wire", "complete", "error"),
    [
        pytest.param(jsonl(answered(1, CHAT | {"usage": None})), False, None, id="no usage"),
        pytest.param(jsonl(answered(1, {"error": {}}, 500)), True, "nothing_done", id="all failed"),
        pytest.param(jsonl(answered(1, {})), True, "nothing_done", id="expired"),
        pytest.param(jsonl({"messages": []}), False, None, id="another kind of file"),
        pytest.param(b"GIF89a", False, None, id="no lines"),
        pytest.param(b'{"error": {"message": "no such file"}}', False, None, id="error"),
    ],
)  # fmt: skip
def test_an_output_that_does_not_tell_all_is_not_the_bill(wire, complete, error):
    """And one in which nothing was answered is free."""
    reading = answer(f"{OPENAI}/files/f/content", b"", wire, method="GET")
    assert (reading.complete, reading.charges, reading.error) == (complete, (), error)


def test_an_output_in_a_region_is_billed_in_it():
    """The lines do not tell."""
    url = "https://us.api.openai.com/v1/files/f/content"
    reading = answer(url, b"", jsonl(answered(1, CHAT)), method="GET")
    assert reading.charges[0].terms == ("batch", "geo-us")
