"""Usage that comes with a later exchange, charged once by the id of the response."""

import json

import pytest
from ordering import answered, form, jsonl, look, upload
from walk import INPUT_NANOS, OUTPUT_NANOS, post, walk

from llmcap.ledger import open_ledger
from llmcap.providers.parts.shape import Request
from llmcap.walk.answers import Refused
from llmcap.walk.attributes import Facts
from llmcap.walk.flight import CallInFlight

DONE = (
    b'{"id": "resp_9", "object": "response", "status": "completed", "model": "gpt-4o-mini",'
    b' "usage": {"input_tokens": 100, "output_tokens": 10, "total_tokens": 110}}'
)
PENDING = b'{"id": "resp_9", "object": "response", "status": "in_progress"}'


def fetch(there, body: bytes, *, status: int = 200) -> None:
    """GET the stored response."""
    request = Request(method="GET", host="api.openai.com", path="/v1/responses/resp_9")
    deferred = there.firewall.consider(request, Facts())
    deferred.responded(status, {"content-type": "application/json"})
    assert deferred.feed(body) == body
    deferred.finish()


def test_a_response_made_elsewhere_is_charged_when_it_is_fetched_and_once():
    """Another program may have made it, past this proxy."""
    there = walk()
    for _ in range(3):
        fetch(there, DONE)
        assert there.balance.spent == 100 * INPUT_NANOS + 10 * OUTPUT_NANOS


def test_a_response_that_is_not_finished_costs_nothing_yet():
    """There will be another GET."""
    there = walk()
    fetch(there, PENDING)
    assert there.balance.spent == 0
    fetch(there, b'{"error": {"message": "not found"}}', status=404)
    assert there.balance.spent == 0


def test_fetching_is_allowed_when_the_cap_is_reached():
    """It costs nothing itself, and the answer is paid for."""
    there = walk("0")
    fetch(there, DONE)
    assert there.balance.spent > 0


# --- Gemini's batches -----------------------------------------------------------------------

GOOGLE = "generativelanguage.googleapis.com"
MODEL = "/v1beta/models/gemini-2.5-flash"
CALL = {"contents": [{"parts": [{"text": "hello"}]}], "generationConfig": {"maxOutputTokens": 50}}
USED = {"promptTokenCount": 100, "candidatesTokenCount": 10, "totalTokenCount": 110}
ANSWER = {"response": {"modelVersion": "gemini-2.5-flash", "usageMetadata": USED}}
COST = (100 * 300 + 10 * 2_500) // 2  # $0.30 and $2.50 a million, at half price


def operation(state: str, **told) -> dict:
    """A batch of Gemini's as it is looked at."""
    metadata = {"model": "models/gemini-2.5-flash", "state": f"BATCH_STATE_{state}", **told}
    return {"name": "batches/b1", "metadata": metadata}


def gemini(there, source: dict) -> CallInFlight | Refused:
    """The order of a batch."""
    body = {"batch": {"inputConfig": source}}
    return there.admit(post(f"{MODEL}:batchGenerateContent", body, host=GOOGLE))


def inline(*calls: dict) -> dict:
    """Calls that stand in the request."""
    return {"requests": {"requests": [{"request": call} for call in calls]}}


def test_a_batch_of_calls_in_the_request_is_held_and_settled_by_their_answers():
    """Two clients that look pay it once; a cancelled one costs what was answered."""
    there = walk("1")
    call = gemini(there, inline(CALL, CALL))
    answered(call, operation("PENDING"))
    assert there.balance.held >= 2 * 50 * 1_250
    look(there, "/v1beta/batches/b1", operation("RUNNING"), host=GOOGLE)
    told = operation("CANCELLED", output={"inlinedResponses": {"inlinedResponses": [ANSWER]}})
    for _ in range(2):
        look(there, "/v1beta/batches/b1", told, host=GOOGLE)
        assert (there.balance.held, there.balance.spent) == (0, COST)


def test_a_batch_of_calls_in_a_file_is_settled_by_its_output(tmp_path):
    """In pieces on its way there, in lines on its way back; the proxy is restarted in between."""
    path = tmp_path / "ledger.sqlite"
    there = walk("1", ledger=open_ledger(path))
    data = jsonl(*({"key": str(number), "request": CALL} for number in range(3)))
    for start, end, command in ((0, 100, "upload"), (100, len(data), "upload, finalize")):
        piece = Request(
            method="POST", host=GOOGLE, path="/upload/v1beta/files", query={"upload_id": "u"},
            headers={"x-goog-upload-command": command, "x-goog-upload-offset": str(start)},
            body=data[start:end],
        )  # fmt: skip
        last = "finalize" in command
        upload(there, piece, {"file": {"name": "files/f"}} if last else {})
    answered(gemini(there, {"fileName": "files/f"}), operation("PENDING"))
    assert there.balance.held >= 3 * 50 * 1_250
    there.firewall.close()
    again = walk("1", ledger=open_ledger(path))
    told = operation("SUCCEEDED", output={"responsesFile": "files/out"})
    look(again, "/v1beta/batches/b1", told, host=GOOGLE)
    output = jsonl(*({"key": str(number), **ANSWER} for number in range(3)))
    for _ in range(2):
        look(again, "/download/v1beta/files/out:download", output, host=GOOGLE)
        assert (again.balance.held, again.balance.spent) == (0, 3 * COST)
    again.firewall.close()


def test_a_file_whose_first_piece_was_not_seen_cannot_be_ordered():
    """A proxy that was started in between knows the end of it only."""
    there = walk("1")
    piece = Request(
        method="POST", host=GOOGLE, path="/upload/v1beta/files", query={"upload_id": "u"},
        headers={"x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": "9"},
        body=b'{"key": "1"}\n',
    )  # fmt: skip
    upload(there, piece, {"file": {"name": "files/f"}})
    verdict = gemini(there, {"fileName": "files/f"})
    assert isinstance(verdict, Refused)
    assert "has not seen what is in the file files/f" in verdict.refusal.message


def test_a_batch_that_failed_is_free_and_one_that_hides_its_answers_is_not():
    """What is held stays, where something was done and nobody says what."""
    there = walk("1")
    answered(gemini(there, inline(CALL)), operation("PENDING"))
    look(there, "/v1beta/batches/b1", operation("FAILED"), host=GOOGLE)
    assert (there.balance.held, there.balance.spent) == (0, 0)
    answered(gemini(there, inline(CALL)), operation("PENDING") | {"name": "batches/b2"})
    held = there.balance.held
    told = operation("SUCCEEDED", batchStats={"successfulRequestCount": "1"})
    look(there, "/v1beta/batches/b2", told | {"name": "batches/b2"}, host=GOOGLE)
    assert (there.balance.held, there.balance.spent) == (0, held)


def test_a_cache_is_billed_for_all_the_time_it_may_be_kept():
    """It is read at the price of input, and kept at one of its own."""
    there = walk("1")
    body = {"model": "models/gemini-2.5-flash", "contents": CALL["contents"], "ttl": "7200s"}
    call = there.admit(post("/v1beta/cachedContents", body, host=GOOGLE))
    assert isinstance(call, CallInFlight)
    assert there.balance.held >= 40 * (300 + 2 * 1_000)
    answered(call, {"name": "cachedContents/c", "usageMetadata": {"totalTokenCount": 40}})
    assert there.balance.spent == 40 * (300 + 2 * 1_000)
    longer = Request(method="PATCH", host=GOOGLE, path="/v1beta/cachedContents/c", body=b"{}")
    call = there.admit(longer)
    assert isinstance(call, CallInFlight)
    assert there.balance.held >= 40 * 1_000
    told = {"updateTime": "2026-06-01T12:30:00Z", "expireTime": "2026-06-01T14:30:00Z"}
    answered(call, {"usageMetadata": {"totalTokenCount": 40}, **told})
    assert there.balance.spent == 40 * (300 + 2 * 1_000) + 40 * 2 * 1_000


def test_a_cache_of_which_no_price_is_listed_is_kept_at_the_dearest():
    """The models' own price is for what is read."""
    there = walk("1")
    body = {"model": "models/gemini-3.5-flash", "contents": CALL["contents"], "ttl": "7200s"}
    call = there.admit(post("/v1beta/cachedContents", body, host=GOOGLE))
    assert isinstance(call, CallInFlight)
    answered(call, {"name": "cachedContents/c", "usageMetadata": {"totalTokenCount": 40}})
    assert there.balance.spent == 40 * (1_500 + 2 * 4_500)


def test_a_cache_may_be_kept_until_a_moment():
    """So long as that is from now: it is noon of June the first."""
    there = walk("1")
    body = {
        "model": "models/gemini-2.5-flash", "contents": CALL["contents"],
        "expireTime": "2026-06-01T15:00:00Z",
    }  # fmt: skip
    call = there.admit(post("/v1beta/cachedContents", body, host=GOOGLE))
    assert isinstance(call, CallInFlight)
    assert there.balance.held >= 40 * (300 + 3 * 1_000)
    answered(call, {"name": "cachedContents/c", "usageMetadata": {"totalTokenCount": 40}})
    assert there.balance.spent == 40 * (300 + 3 * 1_000)


# --- batches that are answered in part ------------------------------------------------------

CLAUDE = {"model": "claude-sonnet-4-5", "max_tokens": 50, "messages": []}
SAID = {"model": "claude-sonnet-4-5", "usage": {"input_tokens": 100, "output_tokens": 10}}


def claudes_results(there, answers: int) -> None:
    """Fetch them: the last one says that its call failed."""
    failed: dict[str, object] = {"type": "errored", "error": {}}
    succeeded = {"type": "succeeded", "message": SAID}
    results = [succeeded] * (answers - 1) + [failed]
    told = jsonl(*({"custom_id": str(n), "result": each} for n, each in enumerate(results)))
    look(there, "/v1/messages/batches/batch_1/results", told, host="api.anthropic.com")


def geminis_operation(there, answers: int) -> None:
    """Look at it when it has succeeded."""
    responses = [ANSWER] * (answers - 1) + [{"error": {"code": 13}}]
    told = operation("SUCCEEDED", output={"inlinedResponses": {"inlinedResponses": responses}})
    look(there, "/v1beta/batches/b1", told, host=GOOGLE)


def geminis_output(there, answers: int) -> None:
    """Look at where it is, and download it."""
    told = operation("SUCCEEDED", output={"responsesFile": "files/out"})
    look(there, "/v1beta/batches/b1", told, host=GOOGLE)
    lines = [{"key": "a", **ANSWER}] * (answers - 1) + [{"key": "b", "error": {"code": 13}}]
    look(there, "/download/v1beta/files/out:download", jsonl(*lines), host=GOOGLE)


def claudes_order(there) -> None:
    """Three calls."""
    calls = [{"custom_id": str(n), "params": CLAUDE} for n in range(3)]
    call = there.admit(post("/v1/messages/batches", {"requests": calls}, host="api.anthropic.com"))
    answered(call, {"id": "batch_1", "type": "message_batch"})


def geminis_order(there) -> None:
    """Three calls."""
    answered(gemini(there, inline(CALL, CALL, CALL)), operation("PENDING"))


@pytest.mark.parametrize("restarted", [False, True], ids=["", "restarted"])
@pytest.mark.parametrize(
    ("order", "fetched", "cost"),
    [
        (claudes_order, claudes_results, 2 * (100 * 3_000 + 10 * 15_000) // 2),
        (geminis_order, geminis_operation, 2 * COST),
        (geminis_order, geminis_output, 2 * COST),
    ],
)
def test_a_batch_is_whole_if_each_of_its_calls_has_an_answer(
    order, fetched, cost, restarted, tmp_path
):
    """What the others cost nobody has told: it is worth all that it holds until they are there."""
    path = tmp_path / "ledger.sqlite"
    there = walk("1", ledger=open_ledger(path))
    order(there)
    held = there.balance.held
    assert held > cost
    if restarted:
        there.firewall.close()
        there = walk("1", ledger=open_ledger(path))
    fetched(there, 2)
    assert there.balance.held + there.balance.spent == held
    for _ in range(2):
        fetched(there, 3)
        assert (there.balance.held, there.balance.spent) == (0, cost)
    there.firewall.close()


# --- training -------------------------------------------------------------------------------

JOB = {"object": "fine_tuning.job", "id": "ftjob-1", "model": "gpt-4o-mini-2024-07-18"}
EXAMPLE = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
TRAINING_NANOS = 3_000  # $3 a million


def training(there, **fields) -> CallInFlight | Refused:
    """The order to train on two examples."""
    told = {"object": "file", "id": "file-1", "purpose": "fine-tune"}
    upload(there, form(jsonl(EXAMPLE, EXAMPLE), purpose="fine-tune"), told)
    order = {"model": "gpt-4o-mini-2024-07-18", "training_file": "file-1"}
    return there.admit(post("/v1/fine_tuning/jobs", order | fields))


def test_training_is_held_by_its_file_and_settled_by_what_was_trained_on():
    """Once for each epoch, at most; by whoever looks, once."""
    there = walk("1")
    call = training(there, hyperparameters={"n_epochs": 3})
    answered(call, JOB | {"status": "validating_files"})
    assert there.balance.held > 3 * 2 * 20 * TRAINING_NANOS
    assert there.balance.held <= 3 * 2 * len(json.dumps(EXAMPLE)) * TRAINING_NANOS
    path = "/v1/fine_tuning/jobs/ftjob-1"
    look(there, path, JOB | {"status": "running", "trained_tokens": None})
    for _ in range(2):
        look(there, path, JOB | {"status": "succeeded", "trained_tokens": 90})
        assert (there.balance.held, there.balance.spent) == (0, 90 * TRAINING_NANOS)


@pytest.mark.parametrize(
    ("told", "free"),
    [
        ({"status": "failed", "error": {"param": "training_file"}}, True),
        ({"status": "failed", "error": {"code": "server_error"}}, False),
        ({"status": "cancelled", "error": {}}, False),
    ],
)
def test_training_that_was_stopped_costs_its_hold_where_nobody_tells_more(told, free):
    """A file that is not valid was never trained on."""
    there = walk("1")
    answered(training(there, hyperparameters={"n_epochs": 1}), JOB | {"status": "queued"})
    held = there.balance.held
    look(there, "/v1/fine_tuning/jobs/ftjob-1/cancel", JOB | told, method="POST")
    assert (there.balance.held, there.balance.spent) == (0, 0 if free else held)


def test_training_without_a_price_is_refused_with_the_price_that_is_missing():
    """It is not unknown: the model has other prices."""
    there = walk("1")
    verdict = training(there, model="gpt-5-mini")
    assert isinstance(verdict, Refused)
    assert "openai/gpt-5-mini has no price for training_token" in verdict.refusal.message
