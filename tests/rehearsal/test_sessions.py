"""Promise: a recorded session is held turn by turn, as a live one is."""

import json
from datetime import UTC, datetime

from talk import upgrade
from walk import BOOK

from llmcap.audit.recordings import Recording
from llmcap.budgets.budget import parse_short
from llmcap.rehearsal import Rehearsed, Stage, Verdict
from llmcap.words.records import Policy

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)

ASKED = {
    "type": "response.create", "model": "gpt-5", "max_output_tokens": 1_000,
    "input": [{"role": "user", "content": "hello"}],
}  # fmt: skip


def done(number: int) -> list[tuple[bool, dict]]:
    """One turn: asked for, begun and ended."""
    response = {
        "id": f"resp_{number}", "model": "gpt-5", "status": "completed",
        "usage": {"input_tokens": 10, "output_tokens": 100},
    }  # fmt: skip
    return [
        (True, ASKED),
        (False, {"type": "response.created", "response": {"id": response["id"]}}),
        (False, {"type": "response.completed", "response": response}),
    ]


def session(frames: list[tuple[bool, dict]], cap: str = "") -> Rehearsed:
    """The session, under a cap or none."""
    told = tuple((sent, json.dumps(frame).encode()) for sent, frame in frames)
    recording = Recording("x", upgrade("/v1/responses"), 101, {}, b"", NOW, told)
    budgets = (parse_short(cap),) if cap else ()
    return Stage(BOOK, Policy(budgets=budgets), now=NOW).recorded(recording, NOW)


def test_a_session_holds_what_its_turns_hold() -> None:
    """Two like turns hold twice as much, and both are settled."""
    one, two = session(done(1)), session([*done(1), *done(2)])
    assert one.verdict is two.verdict is Verdict.ADMITTED
    assert two.held_nanos == 2 * one.held_nanos
    assert two.settled_nanos == 2 * one.settled_nanos
    assert 0 < two.settled_nanos < two.held_nanos
    assert len(two.parts) == 2 * len(one.parts)


def test_a_turn_that_no_budget_can_carry_refuses_the_session() -> None:
    """From there on nothing would have been as it was recorded."""
    found = session([*done(1), *done(2)], cap="0.0000001")
    assert (found.verdict, found.reason) == (Verdict.REFUSED, "cap_reached")
    assert found.held_nanos is None


def test_a_session_without_a_turn_holds_nothing() -> None:
    """It is open, and nobody asked for anything."""
    assert session([]).verdict is Verdict.PASSED


def test_a_websocket_that_cannot_be_metered_is_refused() -> None:
    """As it is at its opening."""
    recording = Recording("x", upgrade("/v1/other"), 101, {}, b"", NOW, ((True, b"{}"),))
    found = Stage(BOOK, Policy(), now=NOW).recorded(recording, NOW)
    assert (found.verdict, found.reason) == (Verdict.REFUSED, "websocket")
