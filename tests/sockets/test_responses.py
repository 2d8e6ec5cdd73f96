"""Promise: a Responses session never costs more than its cap, and each response is billed once."""

import json

import pytest
from talk import Talk, talk, upgrade
from walk import INPUT_NANOS, OUTPUT_NANOS

from llmcap.sockets import Session, Verdict, opened
from llmcap.walk.attributes import Facts
from llmcap.words.records import Budget, HoldMode

ASK = {
    "type": "response.create",
    "model": "gpt-4o-mini",
    "input": "hello",
    "max_output_tokens": 100,
}


def created(response_id: str = "resp_1", **fields) -> dict:
    """The provider's first frame of a response."""
    response = {"id": response_id, "model": "gpt-4o-mini-2024-07-18", "status": "in_progress"}
    return {"type": "response.created", "response": response, **fields}


def delta(text: str = "word ", **fields) -> dict:
    """Some text of it."""
    return {"type": "response.output_text.delta", "delta": text, **fields}


def completed(read: int, written: int, response_id: str = "resp_1", **fields) -> dict:
    """Its last frame, with the usage."""
    usage = {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
    response = {
        "id": response_id, "model": "gpt-4o-mini-2024-07-18", "status": "completed", "usage": usage,
    }  # fmt: skip
    return {"type": "response.completed", "response": response, **fields}


def cost(read: int, written: int) -> int:
    """In nano-dollars."""
    return read * INPUT_NANOS + written * OUTPUT_NANOS


def error_in(frame: bytes) -> dict:
    """The error of an injected frame."""
    document = json.loads(frame)
    assert document["type"] == "error"
    return document["error"]


def answer(told: Talk, read: int, written: int, response_id: str = "resp_1", **fields) -> None:
    """All frames of a response; each must be passed on."""
    for frame in (
        created(response_id, **fields),
        delta(**fields),
        completed(read, written, response_id, **fields),
    ):
        assert told.hears(**frame).forward is not None


def test_a_response_is_held_when_it_is_asked_for_and_settled_by_its_last_frame() -> None:
    """The hold is there before the frame may pass, the cost before the client has the usage."""
    told = talk("1")
    passed = told.says(**ASK)
    assert passed.forward == json.dumps(ASK).encode()
    assert told.balance.held > 0
    told.hears(**created())
    told.hears(**delta())
    assert (told.balance.spent, told.balance.held > 0) == (0, True)
    told.hears(**completed(12, 5))
    assert (told.balance.spent, told.balance.held) == (cost(12, 5), 0)
    assert [kind for kind, _ in told.entries] == ["hold", "settled"]


def test_a_session_goes_on_until_the_cap_and_then_says_so_in_a_frame() -> None:
    """The connection stays open; the provider never sees the frame that cannot be paid for."""
    told = talk("0.001")
    for number in range(1000):
        verdict = told.says(**ASK)
        if verdict.forward is None:
            break
        answer(told, 20, 100, f"resp_{number}")
    else:
        pytest.fail("the cap never came")
    [frame] = verdict.to_client
    document = json.loads(frame)
    assert (document["type"], document["status"]) == ("error", 429)
    assert document["error"]["type"] == "insufficient_quota"
    assert document["error"]["llmcap"]["budget"]
    assert verdict.close == 0
    assert told.balance.spent <= 1_000_000
    assert told.balance.spent + cost(1100, 100) > 1_000_000
    assert told.balance.refused == 1


def status_of(verdict: Verdict) -> tuple[int, str]:
    """What a refused frame was answered with."""
    [frame] = verdict.to_client
    document = json.loads(frame)
    return document["status"], document["error"]["type"]


def test_a_client_that_asks_again_or_reconnects_is_told_in_other_words_until_it_is_served() -> None:
    """As over HTTP: the first time what its SDK knows, then what ends a retry of its own."""
    told = talk("0.00001")
    assert status_of(told.says(**ASK)) == (429, "insufficient_quota")
    # Frames that were under way together all get the first.
    assert status_of(told.says(**ASK, stream_id="b")) == (429, "insufficient_quota")
    for _ in range(3):
        told.walked.clock.forward(seconds=5)
        again = opened(told.walked.firewall, upgrade("/v1/responses"), Facts())
        assert isinstance(again, Session)
        verdict = Talk(told.walked, again).says(**ASK)
        assert status_of(verdict) == (402, "billing_error")
        assert verdict.close == 0
    shared = told.walked.firewall.shared
    [(scope, _)] = shared.first_balances(shared.policy.budgets)
    shared.ledger.adjust(scope, raise_by=10**9)
    assert told.says(**ASK).forward is not None


def test_a_clamped_response_is_sent_with_the_limit_that_fits() -> None:
    """The frame keeps its type and everything else."""
    told = talk("0.001", min_output=16)
    frame = {**ASK, "max_output_tokens": 16_000, "stream_id": "s"}
    sent = json.loads(told.says(**frame).forward)
    assert sent["max_output_tokens"] < 16_000
    assert {**sent, "max_output_tokens": 16_000} == frame


def test_a_warm_up_is_billed_for_what_it_reads_at_most() -> None:
    """`generate: false` writes nothing; without a usage its input is assumed."""
    told = talk("1")
    warm_up = {**ASK, "generate": False}
    del warm_up["max_output_tokens"]
    told.says(**warm_up)
    held = told.balance.held
    assert 0 < held <= (len(json.dumps(warm_up)) + 1024) * INPUT_NANOS
    told.hears(**created())
    last = completed(0, 0)
    last["response"]["usage"] = None
    told.hears(**last)
    state, cost = told.entries[-1]
    assert state == "assumed"
    assert 0 < cost <= held


def test_what_a_response_continues_is_bounded_by_what_the_session_saw() -> None:
    """Else the whole context window of the model would be held."""
    told = talk("1")
    told.says(**ASK)
    answer(told, 2_000, 50)
    told.says(**ASK, previous_response_id="resp_1")
    held = told.balance.held
    # Held as what a project may have by default: priority, at five thirds of the price.
    assert held < cost(2_050 + 1_024 + 400, 100) * 5 // 3
    answer(told, 2_080, 20, "resp_2")
    told.says(**ASK, previous_response_id="resp_unseen")
    assert told.balance.held >= cost(128_000, 100)


def test_lanes_are_metered_each_for_itself() -> None:
    """Frames of two responses may come in any order."""
    told = talk("1")
    told.says(**ASK, stream_id="a")
    told.says(**ASK, stream_id="b")
    told.hears(**created("resp_b", stream_id="b"))
    told.hears(**created("resp_a", stream_id="a"))
    told.hears(**delta(stream_id="b"))
    told.hears(**completed(10, 1, "resp_a", stream_id="a"))
    assert told.balance.spent == cost(10, 1)
    assert told.balance.held > 0
    told.hears(**completed(20, 2, "resp_b", stream_id="b"))
    assert (told.balance.spent, told.balance.held) == (cost(30, 3), 0)


def test_responses_of_one_lane_come_one_after_the_other() -> None:
    """The second waits for the first, in the ledger too."""
    told = talk("1")
    told.says(**ASK)
    told.says(**ASK)
    answer(told, 10, 1, "resp_1")
    assert told.balance.spent == cost(10, 1)
    answer(told, 20, 2, "resp_2")
    assert (told.balance.spent, told.balance.held) == (cost(30, 3), 0)


def test_a_refusal_names_the_lane() -> None:
    """So that the client knows which of its responses will not come."""
    told = talk("0.0000001", min_output=16)
    verdict = told.says(**ASK, stream_id="b")
    assert json.loads(verdict.to_client[0])["stream_id"] == "b"


def test_an_error_of_the_provider_before_a_response_costs_nothing() -> None:
    """It is passed on as it is."""
    told = talk("1")
    told.says(**ASK)
    verdict = told.hears(type="error", status=429, error={"code": "rate_limit_exceeded"})
    assert verdict.forward is not None
    assert (told.balance.spent, told.balance.held) == (0, 0)
    assert told.entries[-1] == ("released", 0)


def test_an_error_in_the_middle_bills_what_was_seen() -> None:
    """The provider has generated that much."""
    told = talk("1")
    told.says(**ASK)
    told.hears(**created())
    told.hears(**delta("x" * 40))
    told.hears(type="error", status=500, error={"code": "server_error"})
    assert told.entries[-1][0] == "assumed"
    assert told.balance.held == 0
    assert told.balance.spent > 0


@pytest.mark.parametrize("frames", range(4), ids=["unsent", "sent", "begun", "in the middle"])
def test_a_connection_that_breaks_leaves_no_hold(frames: int) -> None:
    """Wherever it breaks: what may have been generated is billed, what was not is not."""
    told = talk("1")
    if frames:
        told.says(**ASK)
    held = told.balance.held
    for frame in (created(), delta())[: max(frames - 1, 0)]:
        told.hears(**frame)
    told.session.broke("client disconnected")
    assert told.balance.held == 0
    assert (told.balance.spent > 0) == bool(frames)
    assert told.balance.spent <= held


def test_a_running_response_is_cut_with_an_error_and_the_connection_closed() -> None:
    """The cost is in the ledger before the frame is sent, and nothing of the rest gets through."""
    sliced = Budget(name="small", cap=3_000_000, hold=HoldMode.SLICED)
    told = talk("", budgets=(sliced,))
    assert told.says(**{**ASK, "max_output_tokens": 16_000}).forward is not None
    told.hears(**created())
    for _ in range(4_000):
        verdict = told.hears(**delta("some words of it "))
        if verdict.forward is None:
            break
    else:
        pytest.fail("it was never cut")
    [frame] = verdict.to_client
    assert error_in(frame)["type"] == "insufficient_quota"
    assert verdict.close == 1000
    assert told.balance.held == 0
    assert 0 < told.balance.spent <= 3_000_000
    assert told.hears(**delta()).forward is None
    assert told.says(**ASK).forward is None


def cut_off(**fields) -> Talk:
    """A session of which a response was cut just now."""
    sliced = Budget(name="small", cap=3_000_000, hold=HoldMode.SLICED)
    told = talk("", budgets=(sliced,))
    told.says(**{**ASK, "max_output_tokens": 16_000}, **fields)
    told.hears(**created(**fields))
    for _ in range(16_000):
        if told.hears(**delta(**fields)).reads_on:
            return told
    pytest.fail("it was never cut")


@pytest.mark.parametrize("fields", [{}, {"stream_id": "a"}])
@pytest.mark.parametrize("late", [0, 500, 7_000])
def test_frames_that_arrive_after_the_cut_are_counted(fields: dict, late: int) -> None:
    """Whatever was held: the provider wrote them, and bills them. Nothing of them gets through."""
    told = cut_off(**fields)
    seen = sum(1 for verdict in told.verdicts if verdict.forward is not None) - 2
    booked = told.balance.spent
    for _ in range(late):
        assert told.hears(**delta(**fields)) == Verdict(None)
    told.session.broke("closed by us")
    assert told.balance.spent >= max(booked, (seen + late) * OUTPUT_NANOS)
    assert told.balance.held == 0


def test_a_usage_that_arrives_after_the_cut_is_the_cost() -> None:
    """It had written to its end before it could know."""
    told = cut_off()
    told.hears(**delta())
    told.hears(**completed(12, 9_000))
    assert told.balance.spent == cost(12, 9_000)
    told.session.broke("closed by us")
    assert told.balance.spent == cost(12, 9_000)


def test_the_other_lanes_of_a_session_that_is_closed_are_counted_to_its_end() -> None:
    """They run on until the provider has seen that we closed."""
    told = cut_off(stream_id="a")
    told.says(**ASK, stream_id="b")  # nothing starts any more
    assert told.balance.held == 0
    two = talk("1")
    for lane in "ab":
        two.says(**ASK, stream_id=lane)
        two.hears(**created(f"resp_{lane}", stream_id=lane))
    two.session._closed = True
    two.hears(**completed(12, 7, "resp_b", stream_id="b"))
    assert two.balance.spent == cost(12, 7)


def test_a_response_of_a_vendor_that_may_go_on_is_not_sliced() -> None:
    """It is held whole: a cut would not end its bill."""
    sliced = Budget(name="small", cap=30_000_000, hold=HoldMode.SLICED)
    held = {}
    for host in ("api.openai.com", "api.groq.com"):
        told = talk(
            "",
            host=host,
            path="/openai/v1/responses" if "groq" in host else "/v1/responses",
            budgets=(sliced,),
        )
        model = {"model": "openai/gpt-oss-20b"} if "groq" in host else {}
        told.says(**{**ASK, **model, "max_output_tokens": 16_000})
        held[host] = told.session._turns._open[0].call.held.sliced
    assert held == {"api.openai.com": True, "api.groq.com": False}


def test_a_response_that_nobody_asked_for_is_admitted_or_ends_the_session() -> None:
    """Whatever frame made the provider begin it."""
    told = talk("1")
    told.says(**ASK)
    answer(told, 10, 1)
    told.says(type="response.steer", input="more")
    assert told.hears(**created("resp_2")).forward is not None
    assert told.balance.held > 0
    told.hears(**completed(30, 3, "resp_2"))
    assert (told.balance.spent, told.balance.held) == (cost(40, 4), 0)

    poor = talk("0.001")
    assert poor.says(**ASK).forward is not None
    poor.hears(**created())
    poor.hears(**completed(10, 1))
    verdict = poor.hears(**created("resp_2"))
    assert (verdict.forward, verdict.close) == (None, 1000)


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"[1]", b'"text"', b"{", b'{"type":"response.create","background":true}'],
    ids=["empty", "bytes", "list", "string", "half", "background"],
)
def test_a_frame_that_cannot_be_read_is_refused(content: bytes) -> None:
    """What cannot be bounded is not sent."""
    told = talk("1")
    verdict = told.session.from_client(content)
    assert verdict.forward is None
    assert error_in(verdict.to_client[0])["type"] == "invalid_request_error"


def test_an_unknown_model_is_refused_in_the_session() -> None:
    """As it is over HTTP."""
    told = talk("1")
    verdict = told.says(**{**ASK, "model": "no-such-model"})
    assert verdict.forward is None
    assert error_in(verdict.to_client[0])["code"] == "unknown_model"


@pytest.mark.parametrize(
    "frame",
    [b"", b"\x00\x01", b"[]", b"{}", b'{"type":"response.completed"}', b'{"type":"codex.x"}',
     b'{"type":"response.completed","response":7}', b'{"type":["error"]}'],
)  # fmt: skip
def test_whatever_the_provider_sends_is_passed_on(frame: bytes) -> None:
    """A session does not break on what it does not know."""
    told = talk("1")
    verdict = told.session.from_provider(frame)
    assert verdict.forward == frame
