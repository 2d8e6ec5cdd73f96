"""Promise: training is bounded by its file and its epochs, and billed by the tokens trained on."""

import json
from datetime import UTC, datetime

import pytest
from exchanging import answer, ask, endpoint_of
from hypothesis import given
from hypothesis import strategies as st

from llmcap.bounds.lots import lots_demand
from llmcap.pricing import PriceBook, cost_usd
from llmcap.providers.openai.tuning import job_reading, order_training
from llmcap.providers.parts.shape import Lot, Piece, Request, Work
from llmcap.words.errors import FormatError
from llmcap.words.money import ceil_nanos
from llmcap.words.records import Usage

URL = "https://api.openai.com/v1/fine_tuning/jobs"
ORDER = {"model": "gpt-4o-mini-2024-07-18", "training_file": "file-1"}


def method(kind: str, **parameters) -> dict:
    """The way of training as newer requests say it."""
    return {"method": {"type": kind, kind: {"hyperparameters": parameters}}}


@pytest.mark.parametrize(
    ("said", "passes"),
    [
        ({}, 25),
        ({"hyperparameters": {"n_epochs": 3}}, 3),
        ({"hyperparameters": {"n_epochs": "auto"}}, 25),
        (method("supervised", n_epochs=2), 2),
        (method("dpo", n_epochs=4, beta=0.1), 4),
        (method("dpo"), 25),
    ],
)
def test_an_order_asks_for_so_many_epochs(said, passes):
    """Where OpenAI chooses, for as many as it ever does."""
    asked = ask(URL, ORDER | said)
    assert (asked.passes, asked.files, asked.deferred) == (passes, ("file-1",), True)


def test_a_tuned_model_is_trained_at_the_price_of_its_base():
    """It is tuned further."""
    assert ask(URL, ORDER | {"model": "ft:gpt-4o-mini:org::id"}).model == "gpt-4o-mini"
    assert ask(URL, ORDER).model == "gpt-4o-mini-2024-07-18"


def test_what_cannot_be_bounded_is_an_error():
    """Reinforcement takes its time; and without a file there is nothing to train on."""
    with pytest.raises(FormatError, match="reinforcement fine-tuning is billed by its time"):
        ask(URL, ORDER | method("reinforcement"))
    with pytest.raises(FormatError, match="training_file"):
        ask(URL, {"model": "gpt-4o-mini"})


def test_every_token_of_the_file_is_read_in_every_epoch():
    """By bytes and as counted; and it is no batch."""
    asked = ask(URL, ORDER | {"hyperparameters": {"n_epochs": 3}})
    work = Work("fine-tune", (Lot(calls=2, read=100, counted=30),))
    (lot,) = order_training(asked, [work]).lots
    assert (lot.model, lot.unit, lot.read, lot.counted) == (
        "gpt-4o-mini-2024-07-18", "training_token", 300, 90,
    )  # fmt: skip
    with pytest.raises(FormatError, match="uploaded for batch"):
        order_training(asked, [Work("batch", work.lots)])


@given(
    examples=st.lists(st.integers(1, 100_000), min_size=1, max_size=5),
    epochs=st.integers(1, 30),
    data=st.data(),
)
def test_no_training_costs_more_than_its_hold(examples, epochs, data):
    """No token is shorter than a byte, and none is read more often than there are epochs."""
    price = PriceBook().find("openai", "gpt-4o-mini-2024-07-18", datetime(2026, 11, 20, tzinfo=UTC))
    assert price is not None
    tokens = [data.draw(st.integers(0, size)) for size in examples]
    lot = Lot(calls=len(examples), read=sum(examples))
    asked = ask(URL, ORDER | {"hyperparameters": {"n_epochs": epochs}})
    lots = order_training(asked, [Work("fine-tune", (lot,))]).lots
    trained = data.draw(st.integers(0, sum(tokens) * epochs))
    usd = cost_usd(Usage(extras={"training_token": trained}), price)
    assert ceil_nanos(usd) <= lots_demand(lots, lambda _: price).ceiling_nanos()


def test_an_example_is_text_and_its_pictures():
    """A picture at a URL has more tokens than its address."""
    provider, endpoint = endpoint_of("https://api.openai.com/v1/files")
    picture = {"type": "image_url", "image_url": {"url": "https://a.b/c.png"}}
    told = {"messages": [{"role": "user", "content": [picture]}]}
    request = Request(method="POST", host="api.openai.com", path="/v1/files")
    line = json.dumps(told).encode()
    asked = endpoint.line(request, Piece("fine-tune", b""), line, provider)
    assert [media.kind for media in asked.media] == ["image"]
    assert (asked.generates, asked.text_bytes, asked.plain) == (False, len(line), False)


JOB = {"object": "fine_tuning.job", "id": "ftjob-1", "model": "gpt-4o-mini-2024-07-18"}

# A job, and what it tells: whether it is over, whether that is the bill, how many tokens.
JOBS = {
    "queued": ({"status": "queued", "trained_tokens": None}, False, False, 0),
    "running, with tokens so far": ({"status": "running", "trained_tokens": 10}, False, False, 0),
    "paused": ({"status": "paused"}, False, False, 0),
    "succeeded": ({"status": "succeeded", "trained_tokens": 5_070}, True, True, 5_070),
    "cancelled": ({"status": "cancelled", "trained_tokens": None, "error": {}}, True, False, 0),
    "cancelled, and told": ({"status": "cancelled", "trained_tokens": 20}, True, True, 20),
    "failed on its way": ({"status": "failed", "error": {"code": "server_error"}}, True, False, 0),
    "file not valid": (
        {"status": "failed", "error": {"code": "x", "param": "training_file"}}, True, True, 0,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("told", "over", "bill", "tokens"), JOBS.values(), ids=JOBS)
def test_a_job_is_billed_by_the_tokens_it_was_trained_on(told, over, bill, tokens):
    """Once it has ended; what ended without a word is not free."""
    reading = job_reading(JOB | told)
    assert (reading.response_id, reading.over, reading.complete) == ("ftjob-1", over, bill)
    used = [charge.usage for charge in reading.charges]
    assert used == ([Usage(extras={"training_token": tokens})] if tokens else [])


def test_orders_and_lists_tell_of_jobs():
    """Events and checkpoints of one are none."""
    made = answer(URL, ORDER, JOB | {"status": "validating_files"})
    assert (made.response_id, made.deferred) == ("ftjob-1", True)
    listed = {"object": "list", "data": [JOB | {"status": "running"}, JOB | {"id": "ftjob-2"}]}
    reading = answer(URL, b"", listed, method="GET")
    assert [reading.response_id, *(each.response_id for each in reading.others)] == [
        "ftjob-1",
        "ftjob-2",
    ]
    assert job_reading({"object": "fine_tuning.job.event", "id": "ftevent-1"}) is None
    assert answer(URL, ORDER, {"error": {"code": "x"}}).error == "x"
