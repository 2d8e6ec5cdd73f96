"""Promise: a batch is held from the file that was seen, and costs what it used, once."""

import pytest
from ordering import answered, form, jsonl, line, look, upload
from walk import INPUT_NANOS, OUTPUT_NANOS, Walk, post, walk

from llmcap.ledger import open_ledger
from llmcap.ledger.queries import entries
from llmcap.walk.answers import Pass, Refused
from llmcap.walk.flight import CallInFlight
from llmcap.words.errors import LedgerBusy

FILE = {"object": "file", "id": "file-1", "purpose": "batch"}
MADE = {"id": "batch_1", "object": "batch", "status": "validating", "input_file_id": "file-1"}
ORDER = {"input_file_id": "file-1", "endpoint": "/v1/chat/completions", "completion_window": "24h"}
USED = {"input_tokens": 100, "output_tokens": 10, "total_tokens": 110}
DONE = {
    **MADE, "status": "completed", "model": "gpt-4o-mini-2024-07-18", "output_file_id": "file-out",
    "request_counts": {"total": 2, "completed": 2, "failed": 0}, "usage": USED,
}  # fmt: skip
COST = (100 * INPUT_NANOS + 10 * OUTPUT_NANOS) // 2  # half price
UNTOLD = {key: value for key, value in DONE.items() if key != "usage"}


def order(there: Walk, **fields) -> CallInFlight | Refused:
    """The order of the batch, not yet answered."""
    return there.admit(post("/v1/batches", ORDER | fields))


def placed(there: Walk, *lines: dict, **told) -> CallInFlight:
    """A file of these lines (or two chats), and the order of a batch of it, answered."""
    upload(there, form(jsonl(*(lines or (line(1), line(2))))), FILE)
    call = order(there)
    assert isinstance(call, CallInFlight), call.refusal.message
    answered(call, MADE | told)
    return call


def output(*used: tuple[int, int], **more) -> bytes:
    """The lines of an output file: so many tokens read and written by each call."""
    lines = []
    for number, (read, written) in enumerate(used):
        usage = {"prompt_tokens": read, "completion_tokens": written}
        body = {"object": "chat.completion", "model": "gpt-4o-mini", "usage": usage, "choices": []}
        response = {"status_code": 200, "body": body | more}
        lines.append({"id": "r", "custom_id": str(number), "response": response, "error": None})
    return jsonl(*lines)


def poll(there: Walk, told: dict) -> None:
    """A look at the batch."""
    look(there, "/v1/batches/batch_1", told)


def kinds(there: Walk) -> list[str]:
    """What the ledger has of it, in order."""
    found = entries(there.firewall.ledger._store.reading(), limit=100)
    return [str(entry.kind) for entry in reversed(found)]


def test_batch_is_held_from_its_file_and_settled_by_its_sums():
    """At half price; two clients that look, and one that fetches the output, pay it once."""
    there = walk("1")
    placed(there)
    assert there.balance.held >= 2 * 100 * OUTPUT_NANOS // 2
    poll(there, MADE | {"status": "in_progress", "usage": dict.fromkeys(USED, 0)})
    assert there.balance.spent == 0
    for _ in range(2):
        poll(there, DONE)
        look(there, "/v1/files/file-out/content", output((900, 900)))
        assert (there.balance.held, there.balance.spent) == (0, COST)
    assert kinds(there) == ["hold", "settled"]
    assert not there.firewall.shared.parked


def test_list_of_batches_settles_those_that_were_ordered_here():
    """And charges none of the others, however old they are."""
    there = walk("1")
    placed(there)
    look(there, "/v1/batches", {"object": "list", "data": [DONE | {"id": "batch_0"}, DONE]})
    assert (there.balance.held, there.balance.spent) == (0, COST)
    assert kinds(there) == ["hold", "settled"]


def test_batch_that_was_ordered_elsewhere_is_nobody_of_ours():
    """It could be told in three ways, and nothing says that they are one."""
    there = walk("1")
    poll(there, DONE)
    passed = look(there, "/v1/files/file-out/content", output((9, 9)))
    assert isinstance(passed, Pass)
    assert kinds(there) == []


def test_batch_that_tells_no_sums_costs_its_hold_until_its_output_is_fetched():
    """Other vendors, and OpenAI before September 2025; a part of the output is not all of it."""
    there = walk("1")
    placed(there)
    held = there.balance.held
    poll(there, UNTOLD)
    assert (there.balance.held, there.balance.spent) == (0, held)
    path = "/v1/files/file-out/content"
    look(there, path, output((60, 6)), status=206)
    assert there.balance.spent == held
    for _ in range(2):
        look(there, path, output((60, 6), (40, 4)), kind="application/octet-stream")
        assert (there.balance.held, there.balance.spent) == (0, COST)
    assert kinds(there) == ["hold", "assumed", "correction"]


@pytest.mark.parametrize("status", ["failed", "expired", "cancelled", "completed"])
def test_batch_that_ended_without_a_finished_call_is_free(status):
    """Its file was not valid, nothing was done in time, or every call failed."""
    there = walk("1")
    placed(there)
    counts = {"total": 2, "completed": 0, "failed": 2}
    poll(there, MADE | {"status": status, "request_counts": counts, "error_file_id": "file-err"})
    assert (there.balance.held, there.balance.spent) == (0, 0)


def test_cancelled_batch_costs_what_was_done_by_then():
    """Cancelling takes its time; the batch is looked at again."""
    there = walk("1")
    placed(there)
    cancelling = MADE | {"status": "cancelling", "usage": USED}
    look(there, "/v1/batches/batch_1/cancel", cancelling, method="POST")
    assert there.balance.held > 0
    poll(there, DONE | {"status": "cancelled"})
    assert (there.balance.held, there.balance.spent) == (0, COST)


def test_order_that_the_provider_refuses_holds_nothing():
    """Its error costs nothing."""
    there = walk("1")
    upload(there, form(jsonl(line(1))), FILE)
    answered(order(there), {"error": {"code": "x"}}, status=400)
    assert (there.balance.held, there.balance.spent) == (0, 0)
    assert kinds(there) == ["hold", "released"]


def test_file_and_batch_are_known_after_a_restart(tmp_path):
    """The file is in the ledger; what the batch held was assumed, and is corrected."""
    path = tmp_path / "ledger.sqlite"
    first = walk("1", ledger=open_ledger(path))
    upload(first, form(jsonl(line(1), line(2))), FILE)
    first.firewall.close()
    second = walk("1", ledger=open_ledger(path))
    answered(order(second), MADE)
    held = second.balance.held
    second.firewall.close()
    third = walk("1", ledger=open_ledger(path))
    assert (third.balance.held, third.balance.spent) == (0, held)
    for _ in range(2):
        poll(third, DONE | {"model": None})  # billed as the model that was ordered
        assert third.balance.spent == COST
    third.firewall.close()


def test_another_proxy_on_the_machine_settles_it_too(tmp_path):
    """Whoever looks first; the one that ordered it learns of it when it is asked again."""
    path = tmp_path / "ledger.sqlite"
    here, there = (walk("1", ledger=open_ledger(path)) for _ in range(2))
    placed(here)
    poll(there, DONE)
    poll(here, DONE)
    assert (here.balance.held, here.balance.spent) == (0, COST)
    assert here.firewall.ledger.audit() == []
    for each in (here, there):
        each.firewall.close()


def test_file_can_be_ordered_twice():
    """Two batches of it are two bills."""
    there = walk("1")
    placed(there)
    answered(order(there), MADE | {"id": "batch_2"})
    poll(there, DONE)
    look(there, "/v1/batches/batch_2", DONE | {"id": "batch_2"})
    assert there.balance.spent == 2 * COST


def test_fees_are_in_the_lines_only():
    """The sums leave them out, so they do not settle a batch that may have some."""
    there = walk("1")
    searching = line(1, model="gpt-4o-mini-search-preview", web_search_options={})
    placed(there, searching)
    poll(there, DONE)
    assert "assumed" in kinds(there)
    told = output((100, 10), model="gpt-4o-mini-search-preview")
    look(there, "/v1/files/file-out/content", told)
    assert there.balance.spent == COST + 25_000_000  # the fee of a search is no token


def test_lines_for_several_models_are_billed_by_each():
    """The sums do not say whose they are."""
    there = walk("1")
    placed(there, line(1), line(2, model="gpt-4.1-nano"))
    poll(there, DONE)
    told = output((100, 10)) + output((100, 10), model="gpt-4.1-nano-2025-04-14")
    look(there, "/v1/files/file-out/content", told)
    assert there.balance.spent == COST + (100 * 100 + 10 * 400) // 2


def test_failed_calls_of_a_batch_are_free_and_untold_ones_are_not():
    """A line with an answer and no usage leaves the whole bill open."""
    there = walk("1")
    placed(there)
    held = there.balance.held
    poll(there, UNTOLD)
    path = "/v1/files/file-out/content"
    failed = {"custom_id": "2", "response": {"status_code": 500, "body": {"error": {}}}}
    look(there, path, output((100, 10), usage=None) + output((1, 1)))
    assert there.balance.spent == held
    look(there, path, output((100, 10)) + jsonl(failed))
    assert there.balance.spent == COST


# --- what is not ordered --------------------------------------------------------------------


def refused(there: Walk, **fields) -> str:
    """The message of an order that is refused."""
    verdict = order(there, **fields)
    assert isinstance(verdict, Refused), verdict
    assert kinds(there)[-1:] in ([], ["refused"])
    return verdict.refusal.message


def test_file_that_was_not_seen_is_to_be_uploaded_again():
    """The message says so; so it does where the provider did not take the file."""
    there = walk("1")
    upload(there, form(jsonl(line(1))), {"error": {}}, status=500)
    assert "has not seen what is in the file file-1: upload it again" in refused(there)
    upload(there, form(jsonl(line(1)), purpose="assistants"), FILE)
    assert "upload it again" in refused(there)
    assert "names no input_file_id" in refused(there, input_file_id=None)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        pytest.param(b'{"custom_id": "1"', "line 1: it is not JSON", id="broken"),
        pytest.param(b"[]", "line 1: it is JSON, but not an object", id="a list"),
        pytest.param(jsonl(line(1), line(2, url="/v1/x")), "line 2: it calls /v1/x", id="path"),
        pytest.param(jsonl({"custom_id": "1"}), "line 1: it calls nothing", id="no path"),
        pytest.param(
            jsonl(line(1, url="/v1/audio/transcriptions")),
            "line 1: what transcriptions cost in a batch is not known",
            id="a recording at a URL",
        ),
        pytest.param(b"", "there are no calls in it", id="empty"),
    ],
)
def test_file_that_cannot_be_read_passes_and_cannot_be_ordered(lines, reason):
    """The line and what is wrong with it are in the refusal of the batch."""
    there = walk("1")
    upload(there, form(lines), FILE)
    assert reason in refused(there)


def test_unknown_model_in_a_file_is_never_free():
    """The whole batch is refused, by its name."""
    there = walk("1")
    upload(there, form(jsonl(line(1), line(2, model="gpt-99"))), FILE)
    assert "no price for the model gpt-99" in refused(there)


def test_file_for_training_is_no_batch():
    """Its lines are no calls."""
    there = walk("1")
    upload(there, form(jsonl({"messages": []}), purpose="fine-tune"), FILE)
    assert "uploaded for fine-tune, not for a batch" in refused(there)


def test_batch_that_the_cap_cannot_carry_is_refused_like_a_call():
    """By what its lines may write at most: the model's own maximum where they set no limit."""
    there = walk("0.001")
    upload(there, form(jsonl(*(line(number, max_tokens=None) for number in range(2)))), FILE)
    message = refused(there)
    assert "could have cost" in message or "cap" in message
    there = walk("0.02")
    upload(there, form(jsonl(*(line(number, max_tokens=None) for number in range(2)))), FILE)
    assert order(there).headers()["x-llmcap-estimate"] > "0.0098"  # 2 x 16384 tokens at half price


def test_text_is_counted_where_its_bytes_do_not_fit():
    """Tokens are fewer, and still a bound."""
    there = walk("1")
    asked = [line(number, messages=[{"role": "user", "content": "word " * 400}], max_tokens=1)
             for number in range(10)]  # fmt: skip
    upload(there, form(jsonl(*asked)), FILE)
    by_bytes = order(there).headers()["x-llmcap-estimate"]
    tight = walk("0.001")
    upload(tight, form(jsonl(*asked)), FILE)
    counted = order(tight)
    assert isinstance(counted, CallInFlight)
    assert 10 * 400 * INPUT_NANOS // 2 < tight.balance.held < 1_000_000
    assert by_bytes > "0.001"


def test_file_that_could_not_be_remembered_is_remembered_later(monkeypatch):
    """The ledger was busy when the provider had taken it."""
    there = walk("1")
    keep = there.firewall.ledger.keep_file

    def busy(*_: str) -> None:
        raise LedgerBusy("written by another process")

    monkeypatch.setattr(there.firewall.ledger, "keep_file", busy)
    upload(there, form(jsonl(line(1))), FILE)
    monkeypatch.setattr(there.firewall.ledger, "keep_file", keep)
    there.firewall.keep_house()
    assert isinstance(order(there), CallInFlight)


def test_usage_that_could_not_be_written_is_written_later(monkeypatch):
    """A look is not repeated for our sake."""
    there = walk("1")
    placed(there)
    there.firewall.shared.parked.take("openai", "batch_1")  # as in another process

    def busy(*_: object) -> None:
        raise LedgerBusy("written by another process")

    monkeypatch.setattr(there.firewall.ledger, "charge_once", busy)
    poll(there, DONE)
    monkeypatch.undo()
    there.firewall.keep_house()
    assert there.balance.spent == COST


def test_nothing_of_the_text_is_kept(tmp_path):
    """The ledger has sums, models and the provider's ids."""
    path = tmp_path / "ledger.sqlite"
    there = walk("1", ledger=open_ledger(path))
    placed(there, line(1, messages=[{"role": "user", "content": "a secret recipe"}]))
    there.firewall.close()
    assert b"secret" not in path.read_bytes()


# --- batches whose calls stand in the request -----------------------------------------------


def test_batch_of_messages_holds_the_sum_of_its_calls():
    """Each at its own model, limit and context: the sum of short calls is no long one."""
    there = walk("1")
    messages = [{"role": "user", "content": "x" * 900}]
    params = {"model": "claude-haiku-5-5", "max_tokens": 100, "messages": messages}
    calls = [{"custom_id": str(number), "params": params} for number in range(200)]
    request = post("/v1/messages/batches", {"requests": calls}, host="api.anthropic.com")
    call = there.admit(request)
    assert isinstance(call, CallInFlight), call
    # A byte is a token at most; a cache write for an hour, in the dearest region, at half price.
    assert there.balance.held <= 200 * ((len(str(params)) + 64) * 110 + 100 * 275)
    answered(
        call, {"id": "msgbatch_1", "type": "message_batch", "processing_status": "in_progress"}
    )
    message = {"model": "claude-haiku-5-5", "usage": {"input_tokens": 300, "output_tokens": 50}}
    results = jsonl(*({"custom_id": "1", "result": {"message": message}} for _ in calls))
    for _ in range(2):
        look(there, "/v1/messages/batches/msgbatch_1/results", results, host="api.anthropic.com")
        assert (there.balance.held, there.balance.spent) == (0, 200 * (300 * 50 + 50 * 250))


def test_a_model_that_an_unread_field_of_a_line_names_is_held_for():
    """It may serve the line; of no other text anything is kept."""

    def held(model: str, said: object) -> int:
        there = walk("1000")
        request = line(1, model=model, max_tokens=100, x_new=said)
        upload(there, form(jsonl(request)), FILE)
        assert isinstance(order(there), CallInFlight)
        assert "a-secret-of-mine" not in (there.firewall.shared.ledger.file("openai", "file-1"))
        return there.balance.held

    dearest = held("gpt-5-pro", "turbo")
    for said in ("gpt-5-pro", ["a-secret-of-mine", {"model": "gpt-5-pro"}]):
        assert held("gpt-4o-mini", said) >= dearest
    assert held("gpt-4o-mini", "a-secret-of-mine") < dearest // 10
