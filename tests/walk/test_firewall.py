"""What becomes of a request before it is sent."""

from collections.abc import Callable

import pytest
from ordering import answered, look
from walk import Walk, answer, begin, chat, chunk, completion, post, walk

from llmcap.pricing import PriceBook
from llmcap.providers.parts.shape import Request
from llmcap.walk.answers import Pass, Refused
from llmcap.walk.attributes import Facts
from llmcap.walk.flight import CallInFlight
from llmcap.words.errors import LedgerBusy
from llmcap.words.records import EndpointPolicy, UnknownPolicy


def get(path: str, host: str = "api.openai.com", **headers) -> Request:
    """A GET."""
    return Request(method="GET", host=host, path=path, headers=headers)


@pytest.mark.parametrize(
    "request_",
    [
        get("/index.html", host="example.com"),
        get("/v1/models"),
        post("/v1/moderations", {"input": "x"}),
        post("/v1/messages/count_tokens", {"model": "m"}, host="api.anthropic.com"),
        post("/api/event_logging/batch", {}, host="api.anthropic.com"),
        get("/v1/surprise"),
    ],
    ids=lambda request: f"{request.method} {request.host}{request.path}",
)
def test_what_costs_nothing_passes_even_at_the_cap(request_):
    """Other hosts, lists, counts and telemetry are never held up."""
    assert isinstance(walk("0").admit(request_), Pass)


def test_a_paid_call_is_admitted_while_there_is_money():
    """The cheap bound fits, so no tokenizer runs."""
    assert isinstance(walk("1").admit(chat(max_tokens=10)), CallInFlight)


def test_a_paid_call_at_the_cap_is_refused_and_the_refusal_is_a_row():
    """Nothing is sent, and the ledger counts it."""
    full = walk("0")
    refused = full.admit(chat(max_tokens=10))
    assert isinstance(refused, Refused)
    assert refused.reply.status == 429
    assert refused.refusal.reason == "cap_reached"
    assert full.balance.refused == 1


def test_an_unknown_post_to_a_provider_is_refused():
    """A side door to spending stays shut, and the message says how to open it."""
    refused = walk().admit(post("/v1/surprise", {}))
    assert isinstance(refused, Refused)
    assert refused.refusal.reason == "unknown_endpoint"
    assert "unknown_endpoints: pass" in refused.refusal.message


def test_an_unknown_post_passes_where_the_config_says_so():
    """The user's word is the last."""
    open_ = walk(unknown_endpoints=EndpointPolicy.PASS)
    assert isinstance(open_.admit(post("/v1/surprise", {})), Pass)


def test_an_unknown_model_is_refused_with_the_way_to_price_it():
    """An unknown model is never free."""
    request = chat(max_tokens=1)
    request.body = request.body.replace(b"gpt-4o-mini", b"gpt-99-ultra")
    there = walk()
    refused = there.admit(request)
    assert isinstance(refused, Refused)
    assert refused.refusal.reason == "unknown_model"
    assert "openai/gpt-99-ultra" in refused.refusal.message
    assert ("unknown_model", "openai/gpt-99-ultra has no price: refused") in there.events


def test_an_unknown_model_can_be_billed_as_the_dearest():
    """`most_expensive` serves it, at a price that cannot be too low."""
    request = chat(max_tokens=1)
    request.body = request.body.replace(b"gpt-4o-mini", b"gpt-99-ultra")
    there = walk("1000", unknown_models=UnknownPolicy.MOST_EXPENSIVE)
    there.serve(request, completion(1000, 1, model="gpt-99-ultra"))
    assert there.balance.spent > 1000 * 150


def test_a_body_that_cannot_be_read_is_refused():
    """What cannot be bounded is not sent."""
    request = Request(
        method="POST", host="api.openai.com", path="/v1/chat/completions", body=b"{nonsense"
    )
    refused = walk().admit(request)
    assert isinstance(refused, Refused)
    assert refused.refusal.reason == "unreadable_request"


def test_a_websocket_that_is_not_metered_does_not_pass():
    """426: Codex falls back to POST at once."""
    refused = walk().admit(get("/v1/responses", upgrade="websocket"))
    assert isinstance(refused, Refused)
    assert refused.reply.status == 426


def test_without_a_budget_calls_are_metered():
    """No cap is no reason not to count."""
    there = walk("")
    call = there.serve(chat(), completion(100, 10))
    assert call.settlement.cost_nanos == 100 * 150 + 10 * 600


# --- what is sold by the unit ---------------------------------------------------------------


def test_speech_by_the_character_is_held_and_billed_as_asked():
    """Sound tells nothing, so what was asked for is the bill."""
    there = walk("1")
    body = {"model": "canopylabs/orpheus-v1-english", "input": "x" * 1_000, "voice": "tara"}
    call = there.admit(post("/openai/v1/audio/speech", body, host="api.groq.com"))
    assert there.balance.held == 1_000 * 22_000  # $22 a million
    call.responded(200, {"content-type": "audio/wav"}, streams=True)
    call.feed(b"RIFF" * 100)
    call.finish()
    assert (there.balance.held, there.balance.spent) == (0, 22_000_000)


def test_a_film_is_held_by_the_second_and_free_where_it_was_not_made():
    """At $0.40 a second; one that was made costs what it was asked for."""
    there = walk("10")
    host, model = "generativelanguage.googleapis.com", "/v1beta/models/veo-3.1-generate-preview"
    for number, (told, seconds) in enumerate((
        ({"error": {"code": 3}}, 0),
        ({"response": {"generateVideoResponse": {"generatedSamples": [{}]}}}, 6),
    )):  # fmt: skip
        body = {"instances": [{}], "parameters": {"durationSeconds": 6}}
        call = there.admit(post(f"{model}:predictLongRunning", body, host=host))
        name = f"{model.removeprefix('/v1beta/')}/operations/{number}"
        answered(call, {"name": name})
        assert there.balance.held == 6 * 400_000_000
        look(there, f"/v1beta/{name}", {"name": name, "done": True, **told}, host=host)
        assert (there.balance.held, there.balance.spent) == (0, seconds * 400_000_000)


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/v1/chat/completions", {"model": "dall-e-3", "messages": []}),
        ("/v1/embeddings", {"model": "whisper-1", "input": "x"}),
    ],
)
def test_what_is_sold_by_no_unit_that_is_told_is_refused(path, fields):
    """A model of pictures has no price for tokens: it would be free by them."""
    there = walk("1")
    verdict = there.admit(post(path, fields))
    assert isinstance(verdict, Refused)
    assert verdict.refusal.reason == "unmeterable"
    assert f"{fields['model']} of openai is sold by a unit" in verdict.refusal.message


def test_what_is_out_of_sight_is_refused_with_what_to_do():
    """And passes where the config says so."""
    request = post("/v1/evals/e/runs", {})
    verdict = walk("1").admit(request)
    assert "Send the samples as calls or as a batch: those are metered." in verdict.refusal.message
    passing = walk("1", unknown_endpoints=EndpointPolicy.PASS)
    assert isinstance(passing.firewall.consider(request, Facts()), Pass)


@pytest.mark.parametrize("ends", [False, True])
def test_what_meets_a_busy_ledger_once_more_is_not_lost_and_loses_nothing_else(ends):
    """Neither while the proxy runs, nor where it ends."""
    firewall = walk("1").firewall
    busy, written = [LedgerBusy("another process writes")], []

    def late() -> None:
        if busy:
            raise busy.pop()
        written.append("late")

    firewall.shared.unsettled += [late, lambda: written.append("later")]
    if ends:
        firewall.close()
    else:
        firewall.settle_late()
        firewall.settle_late()
    assert written == ["late", "later"]
    assert not firewall.shared.unsettled


# --- prices that change while calls are in flight -------------------------------------------

RAISED = PriceBook(overrides={"openai/gpt-4o-mini": {"input": 100, "output": 500}})
DONE = b"data: [DONE]\n\n"


def whole(there: Walk, change: Callable[[], None]) -> None:
    """An answer with its usage."""
    call = there.admit(chat(max_tokens=50))
    change()
    answer(call, completion(10, 20))


def streamed(there: Walk, change: Callable[[], None]) -> None:
    """The same as a stream, of which the end comes later."""
    call = there.admit(chat(stream=True, max_tokens=50))
    begin(call, stream=True)
    call.feed(chunk("hello"))
    change()
    call.feed(chunk(usage=(10, 20)) + DONE)
    call.finish()


def broken(there: Walk, change: Callable[[], None]) -> None:
    """A stream that breaks before it told its usage."""
    call = there.admit(chat(stream=True, max_tokens=50))
    begin(call, stream=True)
    call.feed(chunk("hello"))
    change()
    call.broke("the client left", sent=True)


def unanswered(there: Walk, change: Callable[[], None]) -> None:
    """A call that nobody answered."""
    call = there.admit(chat(max_tokens=50))
    change()
    call.broke("reset", sent=True)


def fetched_later(there: Walk, change: Callable[[], None]) -> None:
    """One in the background."""
    body = {"model": "gpt-4o-mini", "input": "hello", "background": True, "max_output_tokens": 50}
    answered(there.admit(post("/v1/responses", body)), {"id": "resp_1", "status": "queued"})
    change()
    usage = {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30}
    told = {"id": "resp_1", "object": "response", "status": "completed", "usage": usage}
    look(there, "/v1/responses/resp_1", {**told, "model": "gpt-4o-mini"})


@pytest.mark.parametrize("by", ["adopt", "reprice"])
@pytest.mark.parametrize("ended", [whole, streamed, broken, unanswered, fetched_later])
def test_a_call_is_priced_by_the_book_that_it_was_held_under(ended, by):
    """However it ends, and whatever puts other prices in place; the next call has those."""

    def change(there: Walk) -> None:
        if by == "adopt":
            there.firewall.adopt(there.firewall.policy, RAISED)
        else:
            there.firewall.reprice(RAISED)

    before, there = walk("1"), walk("1")
    ended(before, lambda: None)
    ended(there, lambda: change(there))
    assert there.balance.held == 0
    assert there.balance.spent == before.balance.spent > 0
    ended(there, lambda: None)
    assert there.balance.spent > 100 * before.balance.spent
