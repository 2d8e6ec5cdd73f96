"""
One call of the demo on its walk: room by room, what went in and what came out.

The call goes through a real firewall, over a ledger in memory and at the prices of the book; the
answer is what the demo's provider would have sent. Nothing is told that was not seen: each row is
a function of the source, watched while it ran, and a row that nothing reached ends this program
with an error.
"""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import CodeType, FrameType
from typing import Any

from llmcap.bounds.estimate import demand
from llmcap.budgets.budget import parse_short
from llmcap.ledger import open_ledger
from llmcap.ledger.sqlite import SqliteLedger
from llmcap.metering.bill import cost_of
from llmcap.metering.meter import Meter
from llmcap.pricing import PriceBook
from llmcap.providers import match
from llmcap.providers.anthropic.messages import read_messages
from llmcap.providers.parts.shape import Request
from llmcap.replies import cost_headers
from llmcap.shared.state import Shared
from llmcap.walk.admission import Admission
from llmcap.walk.attributes import Facts, attributes_of
from llmcap.walk.consider import consider
from llmcap.walk.decision import try_cheap
from llmcap.walk.firewall import Firewall
from llmcap.walk.flight import CallInFlight
from llmcap.walk.ordering import ordered
from llmcap.walk.patience import admit_at_once
from llmcap.walk.restrain import restrained
from llmcap.words.money import usd_string
from llmcap.words.records import Demand, Policy

type Values = Mapping[str, Any]

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
MODEL = "claude-haiku-4-5"
QUESTION = "Write the next chapter of the report."
REQUEST = {
    "model": MODEL,
    "max_tokens": 4000,
    "stream": True,
    "messages": [{"role": "user", "content": QUESTION}],
}
USAGE = {"input_tokens": 15, "output_tokens": 1}
WRITTEN = {"output_tokens": 312}
ANSWER = (
    {"type": "message_start", "message": {"id": "msg_1", "model": MODEL, "usage": USAGE}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Once"}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": WRITTEN},
    {"type": "message_stop"},
)


@dataclass
class Step:
    """A function of the walk, and how to say what it was given and what it gave."""

    what: str
    code: CodeType
    into: Callable[[Values], str]
    out: Callable[[Values, Any], str]  # what it was given, and what it gave
    seen: list[str] = field(default_factory=list)


def step(
    what: str,
    function: Any,
    into: Callable[[Values], str],
    out: Callable[[Values, Any], str],
) -> Step:
    """A step of the table; `function` is any function or method of ours."""
    return Step(what, function.__code__, into, out)


def _usd(nanos: int) -> str:
    return f"${usd_string(nanos)}"


def _demanded(found: Demand) -> str:
    parts = "; ".join(f"{part.what} {part.by}" for part in found.parts)
    return f"at most {_usd(found.ceiling_nanos())} ({parts})"


STEPS = (
    step(
        "what to do with a request: the next six, each asked once",
        consider,
        lambda given: f"a Request of {len(given['request'].body)} bytes",
        lambda _, found: type(found).__name__,
    ),
    step(
        "whose request it is",
        match,
        lambda given: f"{given['method']} {given['host']}{given['path']}",
        lambda _, found: f"provider {found[0].name!r}, endpoint {found[1].name!r}",
    ),
    step(
        "what it asks for",
        read_messages,
        lambda given: f"{len(given['request'].body)} bytes of JSON",
        lambda _, ask: (
            f"an Ask: {ask.model}, {ask.text_bytes} bytes of text, at most {ask.output_limit} "
            "tokens of output"
        ),
    ),
    step(
        "what work it orders of files",
        ordered,
        lambda _: "the Ask",
        lambda given, ask: "the same Ask" if ask is given["ask"] else "an Ask with their calls",
    ),
    step(
        "whose call it is",
        attributes_of,
        lambda given: f"the request, and that {given['facts'].program} sent it",
        lambda _, found: f"{len(found)} attributes: {', '.join(sorted(found))}",
    ),
    step(
        "which budgets it counts under",
        Shared.scopes_of,
        lambda given: f"the Call {given['call'].id[:8]}",
        lambda _, scopes: ", ".join(
            f"{each.budget.name}, whose window ends at {each.resets_at:%H:%M}" for each in scopes
        ),
    ),
    step(
        "what it can cost at most",
        demand,
        lambda given: f"the Ask, the price of {given['ask'].model}",
        lambda _, found: f"a Demand: {_demanded(found)}",
    ),
    step(
        "what thresholds make of it",
        restrained,
        lambda _: "the Admission",
        lambda given, found: "the same" if found is given["admission"] else type(found).__name__,
    ),
    step(
        "whether it has to wait",
        admit_at_once,
        lambda _: "the Admission",
        lambda _, call: "no" if call else "yes",
    ),
    step(
        "whether it may go",
        try_cheap,
        lambda given: f"the Demand: {_demanded(given['admission'].demand)}",
        lambda _, call: type(call).__name__,
    ),
    step(
        "the hold, in the ledger",
        SqliteLedger.hold,
        lambda given: f"the Call, {len(given['scopes'])} scope, the Demand",
        lambda _, found: f"{type(found).__name__}: {_usd(found.hold.held_nanos)} held",
    ),
    step(
        "the answer, as it comes",
        CallInFlight.feed,
        lambda given: f"{len(given['data'])} bytes",
        lambda given, data: "the same bytes" if data == given["data"] else f"{len(data)} bytes",
    ),
    step(
        "what of it is usage",
        vars(Meter)["reading"].fget,
        lambda _: "all that has come",
        lambda _, reading: f"a Reading: {_charged(reading)}",
    ),
    step(
        "what that costs",
        cost_of,
        lambda given: f"the Reading: {_charged(given['reading'])}",
        lambda _, found: _usd(found[0]),
    ),
    step(
        "the settlement, in the ledger",
        SqliteLedger.end,
        lambda given: f"the hold, and {_usd(given['settlement'].cost_nanos)}",
        lambda _, __: "the balances, with the hold gone",
    ),
    step(
        "what the client is told",
        cost_headers,
        lambda _: "the settlement",
        lambda _, found: ", ".join(f"{name}: {value}" for name, value in found.items()),
    ),
)


def _charged(reading: Any) -> str:
    usages = [charge.usage for charge in reading.charges]
    if not usages:
        return "nothing yet"
    read = sum(each.input_tokens for each in usages)
    return f"{read} tokens read, {sum(each.output_tokens for each in usages)} written"


class Watcher:
    """Sees the steps while they run, without a change to what they do."""

    def __init__(self) -> None:
        self.steps = {each.code: each for each in STEPS}
        self.given: dict[FrameType, tuple[str, dict[str, Any]]] = {}

    def __call__(self, frame: FrameType, event: str, value: Any) -> None:
        """What Python tells of every call: see `sys.setprofile`."""
        found = self.steps.get(frame.f_code)
        if found is None:
            return
        if event == "call":
            given = dict(frame.f_locals)
            self.given[frame] = found.into(given), given
        elif event == "return" and frame in self.given:
            into, given = self.given.pop(frame)
            found.seen.append(f"   in   {into}\n   out  {found.out(given, value)}")


def main() -> int:
    """Walk, then print what was seen."""
    sys.setprofile(Watcher())
    try:
        walk()
    finally:
        sys.setprofile(None)
    for number, each in enumerate(STEPS, 1):
        place = each.code.co_filename.rpartition("llmcap/")[2]
        print(f"{number:2} {each.what}\n   {place}: {each.code.co_qualname}")
        print("\n".join(dict.fromkeys(each.seen)) + "\n")
    missed = [each.what for each in STEPS if not each.seen]
    if missed:
        print(f"scripts/trace: no call came by: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


def walk() -> None:
    """The call, from its bytes to the ledger."""
    firewall = Firewall(
        ledger=open_ledger(":memory:", clock=lambda: NOW),
        prices=PriceBook(),
        policy=Policy(budgets=(parse_short("0.05/day"),)),
        clock=lambda: NOW,
        run_id="trace",
    )
    request = Request(
        method="POST",
        host="api.anthropic.com",
        path="/v1/messages",
        headers={"content-type": "application/json"},
        body=json.dumps(REQUEST).encode(),
    )
    admission = firewall.consider(request, Facts(program="demo_tool"))
    assert isinstance(admission, Admission), admission
    call = admit_at_once(admission)
    assert call is not None
    call.responded(200, {"content-type": "text/event-stream"}, streams=True)
    for event in ANSWER:
        call.feed(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
    call.finish()
    call.headers()
    firewall.close()


if __name__ == "__main__":
    sys.exit(main())
