"""
The walk of one call as a test tells it: a firewall over a ledger in memory, and calls through it.

Costs here are told by gpt-4o-mini's list price: $0.15 per million tokens read, $0.60 written.
"""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from llmcap.budgets.budget import parse_short
from llmcap.ledger import open_ledger
from llmcap.pricing import PriceBook
from llmcap.providers.parts.shape import Request
from llmcap.walk.admission import Admission
from llmcap.walk.answers import Refused
from llmcap.walk.attributes import Facts
from llmcap.walk.decision import decide, try_cheap
from llmcap.walk.firewall import Firewall
from llmcap.walk.flight import CallInFlight
from llmcap.words.records import Policy, Wait

INPUT_NANOS = 150  # for one token of gpt-4o-mini
OUTPUT_NANOS = 600
BOOK = PriceBook()
NOBODY = Facts()


@dataclass
class FakeClock:
    """A clock that stands until it is moved."""

    now: datetime = datetime(2026, 6, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        """The time."""
        return self.now

    def forward(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)


@dataclass
class Walk:
    """A firewall and the events it told of."""

    firewall: Firewall
    clock: FakeClock
    events: list[tuple[str, str]] = field(default_factory=list)

    def admit(self, request: Request, facts: Facts = NOBODY) -> CallInFlight | Refused | Wait:
        """Try the cheap bound, then the counted one, patiently: what the shell does first."""
        considered = self.firewall.consider(request, facts)
        if not isinstance(considered, Admission):
            return considered
        admitted = try_cheap(considered)
        if admitted is not None:
            return admitted
        considered.count_tokens()
        return decide(considered, patient=self.firewall.policy.wait_seconds > 0)

    def serve(self, request: Request, body: bytes, *, stream: bool = False) -> CallInFlight:
        """Admit the request and feed the whole answer."""
        call = self.admit(request)
        assert isinstance(call, CallInFlight), call
        answer(call, body, stream=stream)
        return call

    @property
    def balance(self):
        """The balance of the first budget."""
        found = self.firewall.ledger.balances(
            self.clock(), self.firewall.policy.budgets, run_id="run"
        )
        return found[0][1]


def walk(cap: str = "1", *, ledger=None, **policy) -> Walk:
    """A walk under one cap; further settings are the policy's."""
    clock = FakeClock()
    events: list[tuple[str, str]] = []
    budgets = (parse_short(cap),) if cap else ()
    firewall = Firewall(
        ledger=ledger or open_ledger(":memory:", clock=clock),
        prices=BOOK,
        policy=replace(Policy(budgets=budgets), **policy),
        clock=clock,
        run_id="run",
        secret=b"s" * 32,
        notify=lambda kind, message: events.append((kind, message)),
    )
    return Walk(firewall, clock, events)


def chat(text: str = "hello", *, headers=None, **fields) -> Request:
    """A chat completion request to gpt-4o-mini."""
    document = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}], **fields}
    return post("/v1/chat/completions", document, headers=headers)


def post(path: str, document: dict, *, host: str = "api.openai.com", headers=None) -> Request:
    """A POST of a JSON document."""
    return Request(
        method="POST",
        host=host,
        path=path,
        headers=headers or {},
        body=json.dumps(document).encode(),
    )


def completion(read: int, written: int, **fields) -> bytes:
    """The JSON answer of a chat completion with this usage; of nothing written nothing is seen."""
    usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    said = {"role": "assistant", "content": "x" if written else ""}
    choice = {"index": 0, "message": said, "finish_reason": "stop"}
    document = {
        "id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-mini-2024-07-18",
        "choices": [choice], "usage": usage,
    }  # fmt: skip
    return json.dumps(document | fields).encode()


def chunk(text: str = "", *, usage: tuple[int, int] | None = None) -> bytes:
    """One event of a chat completion's stream; with `usage` it is the last."""
    delta = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    document = {
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-4o-mini-2024-07-18",
        "choices": [] if usage else [delta],
    }  # fmt: skip
    if usage:
        document["usage"] = {
            "prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage),
        }  # fmt: skip
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def answer(call: CallInFlight, body: bytes, *, status: int = 200, stream: bool = False) -> bytes:
    """Feed a whole answer; gives what the client got."""
    begin(call, status=status, stream=stream)
    return call.feed(body) + call.finish()


def begin(call: CallInFlight, *, status: int = 200, stream: bool = False) -> None:
    """The head of an answer."""
    kind = "text/event-stream" if stream else "application/json"
    call.responded(status, {"content-type": kind}, streams=stream)
