"""At the door: the ceiling, else wait, else a clamp, else a refusal."""

import base64
import io
import json
from dataclasses import replace

from pypdf import PdfWriter
from walk import answer, begin, chat, chunk, completion, post, walk

from llmcap.walk.admission import SMALL_BYTES
from llmcap.walk.answers import Refused
from llmcap.walk.attributes import Facts
from llmcap.walk.decision import decide, try_cheap
from llmcap.walk.flight import CallInFlight
from llmcap.words.records import HoldMode, Wait


def sent(call: CallInFlight) -> dict:
    """The body that the provider gets."""
    return json.loads(call.body)


def test_a_call_that_does_not_fit_whole_is_clamped_to_what_is_left():
    """The provider itself then keeps to the cap."""
    there = walk("0.002", wait_seconds=0)
    call = there.admit(chat())
    assert isinstance(call, CallInFlight)
    limit = sent(call)["max_completion_tokens"]
    assert 256 <= limit < 16_384
    held = there.balance.held
    assert held <= 2_000_000
    assert held > 1_999_000, "a clamp takes all that is left"
    assert call.clamped


def test_what_was_clamped_is_told_in_a_header():
    """Nobody wonders why an answer ended early."""
    there = walk("0.002", wait_seconds=0)
    call = there.admit(chat())
    answer(call, completion(10, 300))
    assert call.headers()["x-llmcap-clamped"] == "true"


def test_a_clamp_leaves_the_request_otherwise_as_it_was():
    """Every other field arrives."""
    there = walk("0.002", wait_seconds=0)
    call = there.admit(chat("hi", temperature=0.1, stop=["x"]))
    document = sent(call)
    document.pop("max_completion_tokens")
    assert document == json.loads(chat("hi", temperature=0.1, stop=["x"]).body)


def test_less_than_the_least_answer_is_refused():
    """256 tokens of gpt-4o-mini cost more than what is left."""
    refused = walk("0.0001", wait_seconds=0).admit(chat())
    assert isinstance(refused, Refused)
    assert refused.refusal.budget == "cap"


def test_clamping_can_be_switched_off():
    """`clamp: false`: whole or not at all."""
    assert isinstance(walk("0.002", wait_seconds=0, clamp=False).admit(chat()), Refused)


def test_a_call_waits_for_money_that_others_hold():
    """A pessimistic hold refuses nobody who could wait a moment."""
    there = walk("0.011")
    first = there.admit(chat())
    assert isinstance(there.admit(chat()), Wait)
    answer(first, completion(10, 10))
    assert isinstance(there.admit(chat()), CallInFlight)


def test_a_call_that_waits_over_midnight_is_held_in_the_new_day():
    """What is left of yesterday is nothing to it."""
    there = walk("0.011/day")
    first = there.admit(chat())
    waiting = there.firewall.consider(chat(), Facts())
    waiting.count_tokens()
    assert isinstance(decide(waiting, patient=True), Wait)
    there.clock.forward(days=1)
    assert isinstance(decide(waiting, patient=True), CallInFlight)
    answer(first, completion(10, 10))
    assert there.balance.spent == 0, "the first call belongs to the day before"


def test_an_ending_wakes_the_line():
    """Whoever waits need not poll."""
    there, woken = walk("0.011"), []
    first = there.admit(chat())
    there.firewall.shared.line.join(frozenset([("cap", "")]), lambda: woken.append(1))
    answer(first, completion(10, 10))
    assert woken


def test_a_newcomer_does_not_pass_who_waits():
    """Small calls cannot starve a large one."""
    there = walk("1")
    there.firewall.shared.line.join(frozenset([("cap", "")]), lambda: None)
    considered = there.firewall.consider(chat(max_tokens=1), Facts())
    assert try_cheap(considered) is None


def test_the_tokens_are_counted_only_when_the_bytes_do_not_fit():
    """A long text of few tokens gets through where its bytes would not."""
    there = walk("0.0012", wait_seconds=0, clamp=False)
    text = "hello " * 1500  # 9,000 bytes, 1,500 tokens
    admitted = there.admit(chat(text, max_tokens=10))
    assert isinstance(admitted, CallInFlight)
    assert there.balance.held < 9_000 * 150


def test_thinking_cannot_be_clamped_below_its_budget():
    """The clamp keeps the request valid, or is not made."""
    there = walk("0.03", wait_seconds=0)
    document = {
        "model": "claude-haiku-4-5",
        "max_tokens": 32_000,
        "thinking": {"type": "enabled", "budget_tokens": 16_000},
        "messages": [{"role": "user", "content": "hi"}],
    }
    call = there.admit(post("/v1/messages", document, host="api.anthropic.com"))
    if isinstance(call, CallInFlight):
        body = sent(call)
        assert 1024 <= body["thinking"]["budget_tokens"] < body["max_tokens"]
    else:
        assert isinstance(call, Refused)
    assert there.balance.spent + there.balance.held <= 30_000_000


def test_a_sliced_stream_holds_a_part_and_more_as_it_flows():
    """A 16k-token ceiling does not block a budget for a stream of a hundred."""
    there = walk("0.02")
    budget = replace(there.firewall.policy.budgets[0], hold=HoldMode.SLICED)
    there.firewall.shared.policy = replace(there.firewall.policy, budgets=(budget,))
    call = there.admit(chat(stream=True, stream_options={"include_usage": True}))
    first = there.balance.held
    assert first < 16_384 * 600 / 4
    begin(call, stream=True)
    for _ in range(600):
        call.feed(chunk("word word "))
    assert there.balance.held > first
    call.feed(chunk(usage=(10, 1200)))
    assert (there.balance.spent, there.balance.held) == (10 * 150 + 1200 * 600, 0)


def test_a_sliced_stream_is_told_no_more_than_the_cap_could_pay_for():
    """However fast the provider is, one stream cannot run past the cap by itself."""
    there = walk("0.0033", wait_seconds=0)
    budget = replace(there.firewall.policy.budgets[0], hold=HoldMode.SLICED)
    there.firewall.shared.policy = replace(there.firewall.policy, budgets=(budget,))
    call = there.admit(chat(stream=True))
    limit = sent(call)["max_completion_tokens"]
    # A project may be served as priority by default, at 1,000 nano-dollars a token.
    assert 3_000 < limit <= 3_300_000 // 1_000
    assert there.balance.held < 3_300_000


def test_what_is_left_of_a_budget_serves_a_sliced_stream_too():
    """Where not even a slice fits, it is clamped to what is there."""
    there = walk("0.0005", wait_seconds=0)
    budget = replace(there.firewall.policy.budgets[0], hold=HoldMode.SLICED)
    there.firewall.shared.policy = replace(there.firewall.policy, budgets=(budget,))
    call = there.admit(chat(stream=True))
    assert 256 <= sent(call)["max_completion_tokens"] < 2_048


def with_document(data: bytes):
    """A chat about a document that it brings along."""
    url = f"data:application/pdf;base64,{base64.b64encode(data).decode()}"
    file = {"type": "file", "file": {"filename": "a.pdf", "file_data": url}}
    return chat(messages=[{"role": "user", "content": [file]}])


def test_a_small_document_is_read_whether_there_is_money_or_not():
    """Unread it would fill the window, and keep that money from others while the call goes on."""
    page = b"%PDF-1.4\n" + bytes(100)
    writer = PdfWriter()
    writer.add_blank_page(612, 792)
    buffer = io.BytesIO()
    writer.write(buffer)
    held = {}
    for name, data in (("read", buffer.getvalue()), ("no document", page)):
        there = walk("1000")
        assert isinstance(there.admit(with_document(data)), CallInFlight)
        held[name] = there.balance.held
    window = 128_000 * 150  # gpt-4o-mini's, at 0.15 dollars a million
    assert held["no document"] - held["read"] > 0.9 * window
    large = walk("1000").firewall.consider(with_document(bytes(SMALL_BYTES + 1)), Facts())
    assert not large.must_count
