"""Usage that comes with a later exchange, charged once by the id of the response."""

from walk import INPUT_NANOS, OUTPUT_NANOS, walk

from llmcap.attributes import Facts
from llmcap.providers.shape import Request

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
