"""Files of batches: each line at the price of a batch, free where it failed, else unknown."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from llmcap.cli import main

CREATED = 1_780_000_000  # 2026-05-28


def chat(model: str, **more: Any) -> dict[str, Any]:
    """A completion of a million tokens in and a hundred thousand out."""
    usage = {"prompt_tokens": 1_000_000, "completion_tokens": 100_000, "total_tokens": 1_100_000}
    choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}}
    return {"object": "chat.completion", "created": CREATED, "model": model, "choices": [choice],
            "usage": usage, **more}  # fmt: skip


def output(body: Any, *, name: str = "c1", status: int = 200, error: Any = None) -> dict[str, Any]:
    """A line of an output of OpenAI's kind."""
    response = {"status_code": status, "request_id": "r", "body": body}
    return {"id": f"batch_req_{name}", "custom_id": name, "response": response, "error": error}


def result(kind: str, **more: Any) -> dict[str, Any]:
    """A line of Anthropic's results."""
    return {"custom_id": kind, "result": {"type": kind, **more}}


CLAUDE = {
    "id": "msg_1", "type": "message", "model": "claude-haiku-4-5", "content": [],
    "stop_reason": "end_turn", "usage": {"input_tokens": 1_000_000, "output_tokens": 100_000},
}  # fmt: skip
GEMINI = {
    "candidates": [{"content": {"parts": [{"text": "x"}]}}],
    "modelVersion": "gemini-2.5-flash",
    "usageMetadata": {"promptTokenCount": 1_000_000, "candidatesTokenCount": 100_000},
}


def bedrock(model: str = "claude-haiku-4-5-20251001") -> dict[str, Any]:
    """A line of an output of Bedrock's, of a model of Anthropic's."""
    asked = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": []}
    answer = {**CLAUDE, "id": "msg_bdrk_1", "model": model}
    return {"recordId": "r1", "modelInput": asked, "modelOutput": answer}


def vertex(answer: dict[str, Any], **asked: Any) -> dict[str, Any]:
    """A line of an output of Vertex's."""
    return {"status": "", "processed_time": "2026-05-28T18:13:16.826+00:00",
            "request": asked or {"contents": []}, "response": answer}  # fmt: skip


def audit(folder: Path, *lines: object, options: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """What `llmcap audit --json` says of a file with these lines."""
    file = folder / "batch.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in lines))
    done = CliRunner().invoke(main, ["audit", "--json", *options, str(file)])
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("line", "provider", "usd"),
    [
        (output(chat("gpt-4o-2024-08-06")), "openai", "1.75"),
        (output(chat("gpt-4o-2024-08-06", prompt_filter_results=[])), "azure-openai", "1.75"),
        (output(chat("openai/gpt-oss-120b", x_groq={"id": "r"})), "groq", "0.105"),
        (output(chat("mistral-small-latest")), "mistral", "0.105"),
        (result("succeeded", message=CLAUDE), "anthropic", "0.75"),
        ({"key": "k1", "response": GEMINI}, "google", "0.275"),
        (bedrock(), "aws-bedrock", "0.825"),  # a tenth more in a region
        (vertex(GEMINI), "google-vertex", "0.275"),
        (vertex(CLAUDE, anthropic_version="vertex-2023-10-16"), "google-vertex", "0.825"),
        ({"batch_request_id": "x1", "batch_result": {"response": {"chat_get_completion":
            chat("grok-4-0709")}}}, "xai", "3"),  # of which no price in a batch is known
    ],
    ids=["openai", "azure", "groq", "mistral", "anthropic", "gemini", "bedrock", "vertex",
         "vertex-claude", "xai"],
)  # fmt: skip
def test_each_form_is_metered_at_the_price_of_a_batch(
    line: dict[str, Any], provider: str, usd: str, tmp_path: Path
) -> None:
    """Half of what the same calls cost by themselves, at the vendor that made the file."""
    (row,) = audit(tmp_path, line, options=("--at", "2026-06-01"))
    assert row["provider"] == provider
    assert Decimal(row["cost_usd"]) == Decimal(usd)


def test_what_ran_is_read_by_its_own_reader(tmp_path: Path) -> None:
    """A batch may hold responses and embeddings too."""
    response = {
        "object": "response", "created_at": CREATED, "status": "completed", "output": [],
        "model": "gpt-4o-2024-08-06", "usage": {"input_tokens": 1_000, "output_tokens": 100},
    }  # fmt: skip
    vectors = {
        "object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.1]}],
        "model": "text-embedding-3-small", "usage": {"prompt_tokens": 1_000_000},
    }  # fmt: skip
    answered, embedded = audit(tmp_path, output(response), output(vectors, name="c2"))
    assert Decimal(answered["cost_usd"]) == Decimal("0.00175")
    assert embedded["usage"]["input_tokens"] == 1_000_000
    assert Decimal(embedded["cost_usd"]) > 0
    assert "priced as of today" in embedded["note"]
    assert "priced as of today" not in answered["note"]


@pytest.mark.parametrize(
    "line",
    [
        output({"error": {"message": "bad"}}, status=400),
        {"custom_id": "x", "response": None, "error": {"code": "batch_expired"}},
        result("errored", error={"type": "error"}),
        result("canceled"),
        result("expired"),
        {"key": "k", "error": {"code": 3}},
        {"recordId": "1", "modelInput": {}, "error": {"errorCode": 400}},
        {**vertex({}), "status": "Bad Request: too long"},
        {"batch_request_id": "x1", "batch_result": {"error": "too long"}},
    ],
    ids=["refused", "openai expired", "errored", "canceled", "expired", "gemini", "bedrock",
         "vertex", "xai"],
)  # fmt: skip
def test_a_call_that_failed_is_free_whose_ever_it_was(line: dict[str, Any], tmp_path: Path) -> None:
    """As their vendors say; and why it cost nothing is told."""
    (row,) = audit(tmp_path, line)
    assert row["cost_usd"] == "0"
    assert "not billed" in row["note"]


@pytest.mark.parametrize(
    ("line", "part"),
    [
        (output({**chat("gpt-4o"), "usage": None}), "no usage"),
        (output(None), "its answer is not in the line"),
        ({"custom_id": "x", "response": 7}, "neither an answer nor an error"),
        ({"custom_id": "x", "response": {"body": {"choices": 3}}}, "nor its model"),
        (output(chat("nobody-1")), "nobody is known who sells nobody-1"),
        (output(chat("openai/gpt-oss-120b")), "is sold by groq and together: --provider"),
        (result("succeeded"), "no usage in its message"),
        (result("odd"), "a type that is not known: odd"),
        ({"custom_id": "x", "result": []}, "a type that is not known"),
        ({"key": "k", "response": {"candidates": []}}, "no usage"),
        ({"key": "k", "response": None}, "neither an answer nor an error"),
        ({"key": "k", "response": {"embedding": {"values": [1]}, "tokenCount": "5"}}, "no price"),
        (bedrock("claude-nobody-9"), "no price for aws-bedrock/claude-nobody-9"),
        (
            {"recordId": "1", "modelInput": {}, "modelOutput": {"usage": {"inputTokens": 5}}},
            "which model has answered is not in the line",
        ),
        (vertex({"usageMetadata": {"promptTokenCount": 5}}), "which model has answered"),
        ({"instance": {"content": "x"}, "predictions": [{}], "status": ""}, "which model"),
        ({"recordId": "1", "modelInput": {}, "modelOutput": {}}, "which model"),
        ({"recordId": "1", "modelInput": {}, "error": None}, "which model"),
        (vertex({}), "which model"),
        ({"request": {"contents": []}, "response": None}, "which model"),
        ({"batch_request_id": "x1", "batch_result": {"error": None}}, "no usage"),
    ],
)
def test_what_cannot_be_known_says_why_and_is_never_zero(
    line: dict[str, Any], part: str, tmp_path: Path
) -> None:
    """In JSON, and in the table that a person sees, where it has a question mark."""
    (row,) = audit(tmp_path, line)
    assert row["cost_usd"] is None
    assert part in row["note"]
    said = CliRunner().invoke(main, ["audit", str(tmp_path / "batch.jsonl")])
    assert "nobody knows the cost" in said.output
    assert "cost nothing" not in said.output


def test_a_person_may_say_whose_it_is(tmp_path: Path) -> None:
    """Where the model is sold by several; Fireworks leaves out the status."""
    (row,) = audit(tmp_path, output(chat("openai/gpt-oss-120b")), options=("--provider", "groq"))
    assert (row["provider"], Decimal(row["cost_usd"])) == ("groq", Decimal("0.105"))
    (bare,) = audit(
        tmp_path, {"custom_id": "f", "response": chat("accounts/fireworks/models/gpt-oss-120b")}
    )
    assert bare["provider"] == "fireworks"
    assert "at its full price" in bare["note"]


@pytest.mark.parametrize("name", ["nobody", "anthropic"])
def test_a_vendor_without_such_batches_is_a_mistake(name: str, tmp_path: Path) -> None:
    """In one sentence, with what it takes."""
    file = tmp_path / "batch.jsonl"
    file.write_text(json.dumps(output(chat("gpt-4o"))))
    done = CliRunner().invoke(main, ["audit", "--provider", name, str(file)])
    assert done.exit_code == 2
    assert name in done.output
    assert "hint:" in done.output


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_mixed_file_and_its_copy_are_billed_once(jobs: str, tmp_path: Path) -> None:
    """Lines are known by what they say, as names begin anew in each batch."""
    lines = [
        output(chat("gpt-4o-2024-08-06")), {"key": "c1", "response": GEMINI},
        result("succeeded", message=CLAUDE),
    ]  # fmt: skip
    other = output(chat("gpt-4o-2024-08-06", id="other"))
    rows = audit(tmp_path, *lines, *lines, other, options=("--jobs", jobs))
    paid = [Decimal(row["cost_usd"]) for row in rows]
    assert [bool(usd) for usd in paid] == [True] * 3 + [False] * 3 + [True]
    assert "earlier exchange" in rows[3]["note"]


def test_inputs_bill_nothing_and_can_be_held(tmp_path: Path) -> None:
    """An order has no bill; with --holds each call is as if it were sent by itself."""
    call = {"max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}
    rows = audit(
        tmp_path,
        {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions",
         "body": {"model": "gpt-4o", **call}},
        {"custom_id": "b", "params": {"model": "claude-haiku-4-5", **call}},
        {"custom_id": "c", "body": {"model": "mistral-small-latest", **call}},
        {"key": "d", "request": {"contents": [{"parts": [{"text": "x"}]}]}},
        options=("--holds",),
    )  # fmt: skip
    assert {row["cost_usd"] for row in rows} == {"0"}
    assert all("bills nothing" in row["note"] for row in rows)
    assert [row["verdict"] for row in rows] == ["admitted"] * 3 + ["passed"]


@pytest.mark.parametrize(
    ("tail", "part"),
    [
        ('{"custom_id": "x", "resp', "line 2 is no JSON"),
        ('{"custom_id": "x", "body": 3}', "line 2"),
    ],
)
def test_a_broken_line_is_named(tail: str, part: str, tmp_path: Path) -> None:
    """One sentence with file and line, and no traceback."""
    file = tmp_path / "batch.jsonl"
    file.write_text(json.dumps(output(chat("gpt-4o"))) + "\n" + tail)
    done = CliRunner().invoke(main, ["audit", str(file)])
    assert done.exit_code != 0
    assert part in done.output
    assert "Traceback" not in done.output


# --- told twice -------------------------------------------------------------------------------


SUMS = {
    "id": "batch_1", "object": "batch", "endpoint": "/v1/chat/completions", "status": "completed",
    "created_at": CREATED - 100, "in_progress_at": CREATED - 50, "completed_at": CREATED + 50,
    "input_file_id": "file-a", "output_file_id": "file-b", "model": "gpt-4o-2024-08-06",
    "request_counts": {"total": 2, "completed": 2, "failed": 0},
    "usage": {"input_tokens": 2_000_000, "output_tokens": 200_000, "total_tokens": 2_200_000},
}  # fmt: skip


def exchange(method: str, path: str, answer: object, asked: object = "") -> dict[str, Any]:
    """A line of a recording."""
    return {
        "method": method, "url": f"https://api.openai.com{path}", "status": 200,
        "request_body": asked, "response_body": answer,
        "response_headers": {"content-type": "application/json"},
        "recorded_at": "2026-05-28T22:00:00Z",
    }  # fmt: skip


ORDERED = [
    exchange("POST", "/v1/batches", {**SUMS, "status": "validating", "usage": None},
             {"input_file_id": "file-a", "endpoint": "/v1/chat/completions"}),
    exchange("GET", "/v1/batches/batch_1", SUMS),
]  # fmt: skip
# The same whose sums nobody has told, so that its output has the bill.
ORDERED_FILE = [
    exchange("POST", "/v1/batches", {"id": "batch_1", "object": "batch", "status": "validating"},
             {"input_file_id": "file-a", "endpoint": "/v1/chat/completions"}),
    exchange("GET", "/v1/batches/batch_1", {"id": "batch_1", "object": "batch",
             "status": "completed", "output_file_id": "file-o"}),
]  # fmt: skip
MODEL = "gpt-4o-2024-08-06"
LINES = [output(chat(MODEL, id=f"chatcmpl-{n}"), name=f"c{n}") for n in range(2)]


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("order", ["sums first", "lines first", "lines around"])
def test_a_batch_and_its_own_output_are_billed_once(order: str, jobs: str, tmp_path: Path) -> None:
    """Whichever comes first; 2.2 million tokens at half the price of gpt-4o."""
    lines = {
        "sums first": [*ORDERED, *LINES],
        "lines first": [*LINES, *ORDERED],
        "lines around": [ORDERED[0], LINES[0], ORDERED[1], LINES[1]],
    }[order]
    rows = audit(tmp_path, *lines, options=("--jobs", jobs))
    assert sum(Decimal(row["cost_usd"]) for row in rows) == Decimal("3.5")
    assert "charged with" in " ".join(row["note"] for row in rows)


def test_lines_of_another_batch_are_billed(tmp_path: Path) -> None:
    """Of another time, of another model, or more than the sums have."""
    later = chat(MODEL, id="chatcmpl-8", created=CREATED + 500)
    other = chat("gpt-4o-mini-2024-07-18", id="chatcmpl-9")
    more = [output(chat(MODEL, id="chatcmpl-7"), name="c7")]
    strangers = [output(later, name="c8"), output(other, name="c9")]
    alone = sum(Decimal(row["cost_usd"]) for row in audit(tmp_path, *strangers, *more))
    rows = audit(tmp_path, *ORDERED, *LINES, *strangers, *more)
    assert sum(Decimal(row["cost_usd"]) for row in rows) == alone + Decimal("3.5")


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("first", ["download", "file"])
def test_an_output_and_its_file_are_billed_once(first: str, jobs: str, tmp_path: Path) -> None:
    """Each answer by its own id: a line that only one of both has is billed too."""
    more = output(chat(MODEL, id="chatcmpl-7"), name="c7")
    whole = "".join(json.dumps(each, indent=None, sort_keys=True) + "\n" for each in LINES)
    download = {**exchange("GET", "/v1/files/file-o/content", ""), "response_body": whole}
    lines = {
        "download": [*ORDERED_FILE, download, *LINES, more],
        "file": [LINES[0], more, *ORDERED_FILE, download, LINES[1]],
    }[first]
    rows = audit(tmp_path, *lines, options=("--jobs", jobs))
    assert sum(Decimal(row["cost_usd"]) for row in rows) == 3 * Decimal("1.75")
    assert "charged with an earlier exchange" in " ".join(row["note"] for row in rows)


@pytest.mark.parametrize("line", [bedrock(), vertex({**GEMINI, "responseId": "g1"})])
def test_a_call_of_a_cloud_is_billed_once(line: dict[str, Any], tmp_path: Path) -> None:
    """By the id of its answer, whatever stands beside it."""
    once, again = audit(tmp_path, line, {**line, "beside": 1})
    assert Decimal(once["cost_usd"]) > 0
    assert (again["cost_usd"], again["usage"]) == ("0", None)
