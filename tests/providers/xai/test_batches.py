"""Pages of xAI's batch results: each answer by itself, and whether a page tells its whole bill."""

from typing import Any

import pytest
from exchanging import answer

from llmcap.providers.parts.shape import Ask
from llmcap.providers.xai.batches import BatchResultsReader
from llmcap.words.records import Reading

TOLD = {"object": "chat.completion", "model": "grok-4", "choices": [{"finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10}}  # fmt: skip
UNTOLD = {key: value for key, value in TOLD.items() if key != "usage"}
BILLED = {**TOLD, "usage": {**TOLD["usage"], "cost_in_usd_ticks": 10_000_000}}


def read(*answers: dict[str, Any] | None) -> Reading:
    """A page of such answers; None is a call that failed."""
    results = [
        {"batch_request_id": str(number), "batch_result": result(answer)}
        for number, answer in enumerate(answers)
    ]
    reader = BatchResultsReader(Ask(model="", previous_id="batch_1#", generates=False))
    reader.body({"results": results})
    return reader.reading()


def result(answer: dict[str, Any] | None) -> dict[str, Any]:
    """One line's."""
    if answer is None:
        return {"error": {"message": "it was too long"}}
    return {"response": {"chat_get_completion": answer}}


@pytest.mark.parametrize(
    ("answers", "complete", "charges"),
    [
        ((TOLD, TOLD), True, 2),
        ((TOLD, None), True, 1),  # what failed is not billed
        ((TOLD, UNTOLD), False, 1),
        ((UNTOLD, BILLED), False, 1),
        ((UNTOLD,), False, 0),
    ],
)
def test_a_page_is_complete_if_each_answer_is(
    answers: tuple[dict[str, Any] | None, ...], *, complete: bool, charges: int
) -> None:
    """One answer without a usage was taken for free beside one that has it."""
    reading = read(*answers)
    assert reading.complete is complete
    assert len(reading.charges) == charges


def test_a_bill_counts_if_all_have_one() -> None:
    """Else what the others used is priced."""
    assert read(BILLED, BILLED).billed_usd is not None
    assert read(BILLED, TOLD).billed_usd is None


CHAT = "https://api.x.ai/v1/chat/completions"
FETCHED = "https://api.x.ai/v1/chat/deferred-completion/r1"


def test_a_chat_that_is_fetched_later_is_billed_then() -> None:
    """Its first answer is an id, which the second has in its address and not in its body."""
    asked = {"model": "grok-4", "messages": [], "deferred": True}
    first = answer(CHAT, asked, {"request_id": "r1"})
    assert (first.response_id, first.deferred, first.charges) == ("r1", True, ())
    waits = answer(FETCHED, b"", b"", method="GET")
    assert not waits.complete
    later = answer(FETCHED, b"", {**BILLED, "id": "c1"}, method="GET")
    assert (later.response_id, later.complete) == ("r1", True)
    assert later.billed_usd is not None
