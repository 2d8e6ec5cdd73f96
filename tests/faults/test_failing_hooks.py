"""
Something raises inside the shell, whatever and wherever it is.

Before the request is sent: the client gets an error, nothing is forwarded, nothing stays held.
After it: the client gets the provider's bytes as they are, and the hold ends at no less than the
cost. In either case the next call is served as if nothing had happened.
"""

import asyncio
from collections.abc import Iterator

import pytest
from mitmproxy import http
from mitmproxy.test import taddons, tflow
from steps import begin, broke, calls_of, decide, end
from walk import Walk, chat, chunk, completion, walk

from llmcap.addon import LLMCap
from llmcap.ledger import queries
from llmcap.providers.parts.shape import Request
from llmcap.shell import cut
from llmcap.shell.keeper import Watch
from llmcap.walk import decision
from llmcap.words.records import EntryKind

READ, WRITTEN = 100, 10
COST = READ * 150 + WRITTEN * 600
JSON = [completion(READ, WRITTEN)]
STREAM = [chunk("a"), chunk("b"), chunk(usage=(READ, WRITTEN)), b"data: [DONE]\n\n"]


class Injected(Exception):  # noqa: N818 - not an error of any kind that the code knows
    """A mistake that nobody thought of."""


class Fault:
    """Stands in for anything, and remembers whether anybody came by."""

    def __init__(self) -> None:
        self.reached = False

    def __call__(self, *_arguments, **_named):
        """Fail, whatever was asked."""
        self.reached = True
        raise Injected("injected")


@pytest.fixture
def fault() -> Fault:
    """The fault that a test plants: one that nobody reaches has tested nothing."""
    return Fault()


@pytest.fixture
def there() -> Walk:
    """A walk under a cap of a dollar."""
    return walk("1")


@pytest.fixture
def addon(there: Walk) -> Iterator[LLMCap]:
    """The addon over that walk, in a mitmproxy that does not run."""
    llmcap = LLMCap(there.firewall)
    with taddons.context(llmcap):
        yield llmcap


def flow_of(request: Request) -> http.HTTPFlow:
    """The request as mitmproxy has it."""
    flow = tflow.tflow(
        req=http.Request.make(
            request.method,
            f"https://{request.host}{request.path}",
            request.body,
            {"content-type": "application/json"},
        )
    )
    flow.client_conn.sni = request.host
    return flow


def forwarded(addon: LLMCap, flow: http.HTTPFlow) -> bool:
    """Let the keeper decide; whether mitmproxy would send the request on."""
    decide(addon, flow)
    return flow.response is None and flow.error is None


def begins(addon: LLMCap, flow: http.HTTPFlow, kind: str) -> Watch | None:
    """The request went out, and the head of its answer is here."""
    cut._sent.add(flow.id)
    flow.response = http.Response.make(200, b"", {"content-type": kind})
    del flow.response.headers["content-length"]
    return begin(addon, flow)


def answered(addon: LLMCap, flow: http.HTTPFlow, pieces: list[bytes]) -> bytes:
    """The whole answer; what the client gets of its body."""
    watch = begins(addon, flow, "text/event-stream" if len(pieces) > 1 else "application/json")
    assert flow.response is not None
    got = b"".join(pieces)
    if watch is not None:
        got = b"".join(watch(piece) for piece in (*pieces, b""))
    else:
        flow.response.raw_content = got
    end(addon, flow)
    assert flow.id not in cut._sent
    return got


def exchanged(addon: LLMCap, request: Request, pieces: list[bytes]) -> bytes:
    """A whole exchange that nothing disturbs."""
    flow = flow_of(request)
    assert forwarded(addon, flow)
    return answered(addon, flow, pieces)


def assert_it_lives(addon: LLMCap, there: Walk) -> None:
    """Nothing is held or kept, and the next calls settle to the nano-dollar."""
    there.firewall.keep_house()
    assert there.balance.held == 0
    assert not calls_of(addon).in_flight
    spent = there.balance.spent
    exchanged(addon, chat(max_tokens=50), JSON)
    exchanged(addon, chat(max_tokens=50, stream=True), STREAM)
    assert there.balance.spent - spent == 2 * COST
    assert there.balance.held == 0
    assert there.firewall.ledger.audit() == []


# --- before the request is sent ---------------------------------------------------------------

BEFORE = [
    "llmcap.shell.calls.provider_hosts",
    "llmcap.shell.calls.request_of",
    "llmcap.shell.calls.Callers.facts",
    "llmcap.walk.firewall.Firewall.consider",
    "llmcap.walk.consider.attributes_of",
    "llmcap.shared.state.scopes_for",
    "llmcap.walk.consider.Admission",
    "llmcap.pricing.PriceBook.find",
    "llmcap.shell.calls.admit_at_once",
    "llmcap.walk.admission.demand",
    "llmcap.walk.patience.try_cheap",
    "llmcap.ledger.sqlite.SqliteLedger.hold",
    "llmcap.budgets.waiting.Line.blocks",
    "llmcap.walk.decision.CallInFlight",
    "llmcap.walk.flight.CallInFlight.__init__",
    "llmcap.walk.flight.Allowance",
    "llmcap.shell.calls.strip_own_headers",
    "llmcap.shared.guard.Guard.restraint",
    "llmcap.shared.state.Shared.fingerprint_of",
    "llmcap.walk.consider.restrained",
]


LATER = [
    "llmcap.shell.calls.admit",
    "llmcap.shared.guard.Guard.ask",
    "llmcap.walk.patience.try_cheap",
    "llmcap.ledger.sqlite.SqliteLedger.hold",
    "llmcap.shell.calls.strip_own_headers",
]


@pytest.mark.parametrize(
    ("target", "waits"), [*((each, False) for each in BEFORE), *((each, True) for each in LATER)]
)
def test_a_fault_before_the_request_is_sent_refuses_it(
    target: str,
    addon: LLMCap,
    there: Walk,
    fault: Fault,
    monkeypatch: pytest.MonkeyPatch,
    *,
    waits: bool,
) -> None:
    """Not forwarded, not charged, nothing held; whether it is admitted at once or waits."""
    flow = flow_of(chat(max_tokens=50))
    with monkeypatch.context() as patch:
        if waits:
            patch.setattr("llmcap.shell.calls.admit_at_once", lambda _: None)
        patch.setattr(target, fault)
        assert not forwarded(addon, flow)
    assert fault.reached
    assert flow.response is not None
    assert flow.response.status_code >= 400
    end(addon, flow)
    assert there.balance.spent == 0
    assert_it_lives(addon, there)


# Each is hit only on the way that a call takes when its cheap bound does not fit.
REFUSING, CLAMPING = "0", "0.001"
CLOSER = {
    "llmcap.bounds.estimate.TokenCounter.bound": (REFUSING, CLAMPING),
    "llmcap.walk.patience.decide": (REFUSING, CLAMPING),
    "llmcap.walk.decision._limited": (CLAMPING,),
    "llmcap.walk.decision.refusal_for": (REFUSING,),
    "llmcap.shared.guard.Guard.denied": (REFUSING,),
    "llmcap.shared.guard.Guard.forget": (REFUSING,),
}


@pytest.mark.parametrize("cap", [REFUSING, CLAMPING], ids=["to refuse", "to clamp"])
@pytest.mark.parametrize(("target", "caps"), CLOSER.items())
def test_a_fault_at_the_cap_refuses(
    target: str, caps: tuple[str, ...], cap: str, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a call must be clamped or refused, a fault never lets it through whole."""
    there = walk(cap, wait_seconds=0)
    addon = LLMCap(there.firewall)
    with taddons.context(addon):
        flow = flow_of(chat())
        with monkeypatch.context() as patch:
            patch.setattr(target, fault)
            if forwarded(addon, flow):
                assert b"max_completion_tokens" in flow.request.content
                answered(addon, flow, JSON)
            elif flow.response is not None:
                assert flow.response.status_code >= 400
        assert fault.reached is (cap in caps)
        there.firewall.keep_house()
        assert there.balance.held == 0
        assert there.balance.spent <= there.firewall.policy.budgets[0].cap
        assert there.firewall.ledger.audit() == []


class Panic(BaseException):
    """As what a library written in Rust panics with: no `Exception`."""


@pytest.mark.parametrize("text", ["hello", "hello " * 10_000], ids=["in the loop", "in a thread"])
def test_a_panic_of_the_tokenizer_refuses(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client has its answer, the ledger a row, and nothing is held."""
    there = walk("0.0001", wait_seconds=0)
    addon = LLMCap(there.firewall)

    def panics(*_arguments, **_named):
        raise Panic

    with taddons.context(addon), monkeypatch.context() as patch:
        patch.setattr(there.firewall.shared.counter, "bound", panics)
        flow = flow_of(chat(text))
        assert not forwarded(addon, flow)
    assert flow.response is not None
    assert flow.response.status_code >= 400
    assert b"Panic" in flow.response.content
    assert (there.balance.spent, there.balance.held) == (0, 0)
    told = queries.entries(there.firewall.ledger._store.reading())
    assert [entry.kind for entry in told] == [EntryKind.REFUSED]


@pytest.mark.parametrize("ending", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_what_ends_the_program_is_no_failure(
    ending: type[BaseException], addon: LLMCap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on to whoever has to know."""

    def ends(*_arguments, **_named):
        raise ending

    monkeypatch.setattr(addon.firewall, "consider", ends)
    flow = flow_of(chat())
    with pytest.raises(ending):
        decide(addon, flow)
    assert flow.response is None


@pytest.mark.parametrize(
    "also",
    [
        "llmcap.shell.calls.refuse",
        "llmcap.shell.calls.response_of",
        "llmcap.walk.firewall.Firewall.note_refusal",
        "llmcap.ledger.sqlite.SqliteLedger.refuse",
        "llmcap.shell.calls.provider_of",
    ],
)
def test_a_fault_in_the_refusal_itself_still_does_not_forward(
    also: str, addon: LLMCap, there: Walk, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When even saying no fails, the answer is still no."""
    flow = flow_of(chat(max_tokens=50))
    with monkeypatch.context() as patch:
        patch.setattr("llmcap.walk.firewall.Firewall.consider", Fault())
        patch.setattr(also, fault)
        assert not forwarded(addon, flow)
    assert fault.reached
    assert there.balance.spent == 0
    assert_it_lives(addon, there)


def test_a_fault_in_an_endpoints_rewriting_leaves_no_hold(
    addon: LLMCap, there: Walk, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The body is rewritten after the money is held: it must come back."""
    flow = flow_of(chat(max_tokens=50, stream=True))
    with monkeypatch.context() as patch:
        patch.setattr(decision.json, "dumps", fault)
        assert not forwarded(addon, flow)
    assert fault.reached
    assert_it_lives(addon, there)


# --- after it was sent ------------------------------------------------------------------------

AFTER = [
    "llmcap.shell.passage.must_stream",
    "llmcap.shell.passage.Passage.begin",
    "llmcap.walk.flight.CallInFlight.responded",
    "llmcap.walk.flight.CallInFlight.headers",
    "llmcap.walk.flight.CallInFlight.feed",
    "llmcap.walk.flight.CallInFlight.finish",
    "llmcap.walk.flight.CallInFlight._settlement",
    "llmcap.walk.flight.CallInFlight._fits",
    "llmcap.walk.flight.bill_of",
    "llmcap.walk.flight.cost_headers",
    "llmcap.walk.flight.Meter",
    "llmcap.walk.flight.StreamEnding",
    "llmcap.metering.meter.Meter.feed",
    "llmcap.metering.meter.Meter.finish",
    "llmcap.metering.meter.framing_of",
    "llmcap.bounds.lineage.Lineage.remember",
    "llmcap.ledger.sqlite.SqliteLedger.end",
    "llmcap.ledger.sqlite.SqliteLedger.balances_of",
    "llmcap.budgets.waiting.Line.wake",
    "llmcap.shared.guard.Guard.saw",
    "llmcap.shared.guard.Guard.ended",
    "llmcap.shared.guard.Guard.headers",
]

# Asked for 50 tokens and told what it used; told nothing; wrote far more than it was asked for.
TELLING = {"max_tokens": 50, "stream": True, "stream_options": {"include_usage": True}}
UNTOLD = [chunk("hello"), b"data: [DONE]\n\n"]
OVERRUN = [chunk("hello" * 200), *STREAM[2:]]


@pytest.mark.parametrize(
    ("target", "asked", "pieces", "cost"),
    [
        *((each, {"max_tokens": 50}, JSON, COST) for each in AFTER),
        *((each, TELLING, STREAM, COST) for each in AFTER),
        ("llmcap.providers.openai.chat.ChatReader.body", {"max_tokens": 50}, JSON, COST),
        ("llmcap.providers.openai.chat.ChatReader.event", TELLING, STREAM, COST),
        ("llmcap.walk.flight.assumed", TELLING, UNTOLD, 600),
        ("llmcap.walk.allowance.Allowance.fits", TELLING | {"max_tokens": 1}, OVERRUN, COST),
    ],
)
def test_a_fault_while_metering_passes_the_bytes_and_charges_no_less(
    target: str,
    asked: dict,
    pieces: list[bytes],
    cost: int,
    addon: LLMCap,
    there: Walk,
    fault: Fault,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The provider was asked and will bill: the client has its answer, the ledger the cost."""
    flow = flow_of(chat(**asked))
    assert forwarded(addon, flow)
    with monkeypatch.context() as patch:
        patch.setattr(target, fault)
        assert answered(addon, flow, pieces) == b"".join(pieces)
    assert fault.reached
    there.firewall.keep_house()
    assert there.balance.spent >= cost
    assert_it_lives(addon, there)


@pytest.mark.parametrize(
    "target",
    [
        "llmcap.walk.flight.CallInFlight.broke",
        "llmcap.walk.flight.CallInFlight._settle",
        "llmcap.walk.flight.assumed",
        "llmcap.metering.meter.Meter.finish",
        "llmcap.ledger.sqlite.SqliteLedger.end",
    ],
)
def test_a_fault_at_a_hang_up_charges_no_less(
    target: str, addon: LLMCap, there: Walk, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client left in the middle, and then something fails on our side too."""
    flow = flow_of(chat(max_tokens=50, stream=True))
    assert forwarded(addon, flow)
    watch = begins(addon, flow, "text/event-stream")
    assert watch is not None
    watch(chunk("hello"))
    with monkeypatch.context() as patch:
        patch.setattr(target, fault)
        broke(addon, flow)
    assert fault.reached
    there.firewall.keep_house()
    assert there.balance.spent >= 600
    assert_it_lives(addon, there)


def test_a_fault_in_the_last_resort_keeps_all_that_is_held(
    addon: LLMCap, there: Walk, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not understood costs its hold; where even that fails, nobody else has the money."""
    flow = flow_of(chat(max_tokens=50, stream=True))
    assert forwarded(addon, flow)
    held = there.balance.held
    watch = begins(addon, flow, "text/event-stream")
    assert watch is not None
    with monkeypatch.context() as patch:
        patch.setattr("llmcap.providers.openai.chat.ChatReader.event", Fault())
        patch.setattr("llmcap.walk.flight.at_hold", fault)
        watch(chunk("hello"))
        broke(addon, flow)
    assert fault.reached
    there.firewall.keep_house()
    assert there.balance.held == held
    exchanged(addon, chat(max_tokens=50), JSON)
    assert there.balance.held == held


def test_a_fault_when_the_proxy_ends_settles_every_call(
    there: Walk, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One call that cannot be ended in its regular way does not keep the rest from it."""
    closed = []
    addon = LLMCap(there.firewall)
    with taddons.context(addon):
        flows = [flow_of(chat(max_tokens=50)) for _ in range(3)]
        for flow in flows:
            assert forwarded(addon, flow)
            cut._sent.add(flow.id)
        held = there.balance.held
        spoilt = calls_of(addon).in_flight.get(flows[0].id).call
        monkeypatch.setattr(spoilt, "broke", fault)
        monkeypatch.setattr(there.firewall.ledger, "close", lambda: closed.append(True))
        addon.done()
    assert fault.reached
    assert held / 3 < there.balance.spent <= held, "one at its hold, and two at what they can cost"
    assert there.balance.held == 0
    assert closed
