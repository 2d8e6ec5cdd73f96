"""
Promise: whatever the config, each of its budgets is held, and none is passed.

A config is made up and read as the proxy reads it; calls of made-up programs go through the whole
walk over a real ledger, and time passes over year ends and changes of the clock. Beside it stands a
model of lists and sums that knows the guide and nothing of the code: which budgets a call falls
under, what each of them has spent in the window of now, whether the call fits, and who is told.
After each step the two must agree: all budgets of a call are held or none is, values of `per` do
not mix, windows turn when the wall clock says so, and a threshold is told once per window.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from unittest.mock import patch

import yaml
from caps_model import Cap, Fixed, Spending
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)
from made_up import HOSTS, MODELS, MOMENTS, PRICES, PROGRAMS, SECRET, Program, configs, request_of
from walk import FakeClock, answer, completion

from llmcap.budgets.budget import parse_short
from llmcap.config import resolve, yamldoc
from llmcap.ledger import open_ledger
from llmcap.notices.alerts import Event
from llmcap.notices.events import EventLog
from llmcap.pricing import PriceBook
from llmcap.providers.parts.shape import Request
from llmcap.shared import guard
from llmcap.walk.admission import Admission
from llmcap.walk.answers import Refused
from llmcap.walk.attributes import Facts
from llmcap.walk.decision import decide_now, try_cheap
from llmcap.walk.firewall import Firewall
from llmcap.walk.flight import CallInFlight
from llmcap.words.records import Policy

RUN = "run"
BOOK = PriceBook(overrides=PRICES)

NUMBERS = st.integers(0, 2)
LIMITS = st.sampled_from([100, 30, 300, 1])
SHARE = st.integers(0, 100)


@cache
def fixed_of(host: str, path: str, body: bytes, limit: int) -> Fixed:
    """As held by a proxy that could pay anything; the bound itself is in `test_estimate`."""
    rich = (parse_short("1000000", name="money"), parse_short("999m tokens", name="tokens"))
    firewall = Firewall(
        ledger=open_ledger(":memory:"), prices=BOOK, policy=Policy(budgets=rich), clock=FakeClock()
    )
    request = Request(method="POST", host=host, path=path, headers={}, body=body)
    admission = firewall.consider(request, Facts())
    assert isinstance(admission, Admission), admission
    assert isinstance(decide_now(admission), CallInFlight)
    held = [balance.held for _, balance in firewall.ledger.balances(firewall.clock(), rich)]
    firewall.close()
    output_nanos = MODELS[admission.ask.model]
    return Fixed(held[0] - limit * output_nanos, held[1] - limit, output_nanos)


@dataclass
class Flight:
    """A call that went."""

    call: CallInFlight
    fixed: Fixed
    limit: int
    spendings: list[tuple[Cap, str, Spending]]


class AnyConfig(RuleBasedStateMachine):
    """One proxy under one config."""

    flights = Bundle("flights")

    def __init__(self) -> None:
        super().__init__()
        # The guard looks at what others have spent every second; here, before each call.
        self.always = patch.multiple(guard, LOOK_SECONDS=0, LOOK_AT_ONCE_SECONDS=60)
        self.always.start()
        self.clock = FakeClock()
        self.ledger = open_ledger(":memory:", clock=self.clock)
        self.log = EventLog(":memory:")
        self.told: list[Event] = []

    @initialize(
        target=flights,
        text=configs(),
        programs=st.lists(PROGRAMS, min_size=3, max_size=3),
        moment=st.sampled_from(MOMENTS),
        seconds=st.integers(-4_000, 4_000),
    )
    def start(self, text: str, programs: list[Program], moment: str, seconds: int) -> Any:
        """The proxy reads its config."""
        self.programs = programs
        document = yaml.safe_load(text)
        self.trusted = document.get("trust_headers", [])
        self.clamp, self.least = document["clamp"], document["min_output"]
        zone = document.get("timezone", "UTC")
        self.caps = [Cap(each, each.get("timezone", zone)) for each in document["budgets"]]
        begin = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        self.clock.now = begin + timedelta(seconds=seconds)
        self.policy = resolve(yamldoc.parse(text, file="llmcap.yaml"))
        self.ledger.define(self.policy.budgets, run_id=RUN)
        self.firewall = Firewall(
            ledger=self.ledger,
            prices=BOOK,
            policy=self.policy,
            clock=self.clock,
            run_id=RUN,
            secret=SECRET,
            tell=self.tell,
        )
        return multiple()

    def tell(self, event: Event) -> None:
        """As the courier does: the log knows what was told before, over restarts too."""
        if self.log.add(event, ()):
            self.told.append(event)

    def teardown(self) -> None:
        """The books are closed."""
        self.always.stop()
        self.ledger.close()
        self.log.close()

    # --- steps ----------------------------------------------------------------------------------

    @rule(
        target=flights,
        number=NUMBERS,
        provider=st.sampled_from(list(HOSTS)),
        model=st.sampled_from(list(MODELS)),
        limit=LIMITS,
    )
    def call(self, number: int, provider: str, model: str, limit: int) -> Any:
        """One that stays in flight, if it goes."""
        flight = self.try_call(self.programs[number], provider, model, limit)
        return multiple() if flight is None else flight

    @rule(
        number=NUMBERS,
        provider=st.sampled_from(list(HOSTS)),
        model=st.sampled_from(list(MODELS)),
        limit=LIMITS,
        times=st.integers(1, 8),
        written=SHARE,
        rests=st.booleans(),
        which=st.integers(0, 3),
    )
    def work(
        self,
        number: int,
        provider: str,
        model: str,
        limit: int,
        times: int,
        written: int,
        rests: bool,  # noqa: FBT001 - hypothesis names it
        which: int,
    ) -> None:
        """A program that makes call after call; it may rest until just before money is back."""
        for done in range(times):
            if rests and done in (times // 2, times // 2 + 1):
                self.time_passes_to_the_end_of_a_window(before=done == times // 2, which=which)
            flight = self.try_call(self.programs[number], provider, model, limit)
            if flight is not None:
                self.answer(flight, 100, written)
            self.each_thing_is_told_once_per_window()
            self.every_budget_is_what_the_model_says()

    def try_call(self, program: Program, provider: str, model: str, limit: int) -> Flight | None:
        """It goes exactly if the model lets it go, for as much, and with as much output."""
        self.firewall.keep_house()
        attributes = {
            **program.attributes(self.trusted),
            "provider": provider, "model": model, "host": HOSTS[provider],
        }  # fmt: skip
        now = self.clock()
        covering = [(cap, cap.value(attributes)) for cap in self.caps if cap.covers(attributes)]
        request = request_of(program, provider, model, limit)
        fixed = fixed_of(request.host, request.path, request.body, limit)
        considered = self.firewall.consider(request, program.facts)

        stops = [
            (cap, value)
            for cap, value in covering
            if any(action == "refuse" for _, action in cap.actions(value, now))
        ]
        if stops:
            self.refused(considered, *stops[0])
            return None
        assert isinstance(considered, Admission), considered
        delays = [
            int(action["throttle"].removesuffix("s"))
            for cap, value in covering
            for _, action in cap.actions(value, now)
            if isinstance(action, dict)
        ]
        assert considered.delay_seconds == max(delays, default=0)

        room = [(cap, value, cap.left(value, now)) for cap, value in covering]

        def short(output: int) -> list[tuple[Cap, str]]:
            return [(cap, value) for cap, value, left in room if cap.needs(fixed, output) > left]

        least = max(min(self.least, limit), 1) if self.clamp else limit
        best = next((output for output in range(limit, least - 1, -1) if not short(output)), None)
        verdict = try_cheap(considered) or decide_now(considered)
        if best is None:
            self.refused(verdict, *short(least)[0])
            return None
        assert isinstance(verdict, CallInFlight), verdict
        if best < limit:
            assert verdict.body is not None
            assert json.loads(verdict.body)["max_tokens"] == best
        spendings = []
        for cap, value in covering:
            spending = Spending(now, cap.needs(fixed, best))
            cap.spendings.setdefault(value, []).append(spending)
            spendings.append((cap, value, spending))
        return Flight(verdict, fixed, best, spendings)

    def refused(self, verdict: object, cap: Cap, value: str) -> None:
        """By this budget, which is told once per window."""
        assert isinstance(verdict, Refused), verdict
        assert verdict.refusal.budget == cap.name
        cap.refused.setdefault(value, []).append(self.clock())
        if cap.rolling is None and cap.unit != "concurrent":
            cap.stopped.add((value, cap.turn(self.clock())))

    @rule(flight=consumes(flights), read=SHARE, written=SHARE)
    def serve(self, flight: Flight, read: int, written: int) -> None:
        """The provider answers."""
        self.answer(flight, read, written)

    def answer(self, flight: Flight, read: int, written: int) -> None:
        """Within what was held: the shares are of that."""
        tokens = max(flight.fixed.tokens * read // 100, 1), flight.limit * written // 100
        answer(flight.call, reply(flight.call, *tokens))
        nanos = tokens[0] * flight.fixed.output_nanos // 4 + tokens[1] * flight.fixed.output_nanos
        self.ended(flight, nanos, sum(tokens))

    @rule(flight=consumes(flights), sent=st.booleans())
    def break_off(self, flight: Flight, sent: bool) -> None:  # noqa: FBT001 - hypothesis names it
        """All that it may write is assumed, unless it was never sent."""
        flight.call.broke("the line broke", sent=sent)
        if sent:
            settlement = flight.call.settlement
            assert settlement is not None
            usage = settlement.usage
            assert usage.output_tokens == flight.limit
            assert 0 < usage.input_tokens <= flight.fixed.tokens
            nanos = flight.fixed.output_nanos * usage.output_tokens
            nanos += flight.fixed.output_nanos // 4 * usage.input_tokens
            assert settlement.cost_nanos == nanos
            self.ended(flight, nanos, usage.input_tokens + usage.output_tokens)
        else:
            self.ended(flight, 0, 0, free=True)

    @rule(flight=consumes(flights))
    def fail(self, flight: Flight) -> None:
        """An error of the provider costs nothing."""
        answer(flight.call, b'{"error": {"message": "no"}}', status=500)
        self.ended(flight, 0, 0, free=True)

    def ended(self, flight: Flight, nanos: int, tokens: int, *, free: bool = False) -> None:
        """The same in the model."""
        for cap, _, spending in flight.spendings:
            amounts = {"usd": nanos, "token": tokens, "request": int(not free)}
            spending.spent = amounts.get(cap.unit, 0)
            spending.ended = True
            spending.counts = not free
        for cap, value, spending in flight.spendings:
            self.warn(cap, value, spending.at)

    def warn(self, cap: Cap, value: str, held_at: datetime) -> None:
        """What is reached in a window that still is."""
        if cap.rolling is not None or not cap.together(held_at, self.clock()):
            return
        turn = cap.turn(self.clock())
        for share, action in cap.actions(value, self.clock()):
            if action != "refuse":
                kind = action if isinstance(action, str) else "throttle"
                cap.warned.add((value, turn, share, kind))

    @rule(
        minutes=st.sampled_from([1, 5, 31, 60, 299, 301])
        | st.sampled_from([24 * 60, 7 * 24 * 60, 31 * 24 * 60])
    )
    def time_passes(self, minutes: int) -> None:
        """Windows turn, with calls in flight."""
        self.clock.forward(minutes=minutes)

    @rule(before=st.booleans(), which=st.integers(0, 3))
    def time_passes_to_the_end_of_a_window(self, before: bool, which: int) -> None:  # noqa: FBT001
        """Up to the turn, or just short of it."""
        ends = self.ends() or [self.clock()]
        end = ends[which % len(ends)]
        self.clock.now = max(self.clock(), end - timedelta(microseconds=1) if before else end)

    def ends(self) -> list[datetime]:
        """When windows of now end."""
        rows = self.ledger.balances(self.clock(), self.policy.budgets, run_id=RUN)
        return [scope.resets_at for scope, _ in rows if scope.resets_at]

    # --- the promises ---------------------------------------------------------------------------

    @invariant()
    def every_budget_is_what_the_model_says(self) -> None:
        """By value, in the window of now; what the model does not know has spent nothing."""
        if not hasattr(self, "caps"):
            return
        now = self.clock()
        found = {
            (scope.budget.name, scope.value): (scope, balance)
            for scope, balance in self.ledger.balances(now, self.policy.budgets, run_id=RUN)
        }
        for cap in self.caps:
            for value in {*cap.spendings, *cap.refused}:
                counted = cap.counted(value, now)
                refused = [at for at in cap.refused.get(value, []) if cap.together(at, now)]
                if not counted and not refused:
                    continue
                _, balance = found.pop((cap.name, value))
                assert balance.spent == cap.spent(value, now)
                assert balance.held == sum(each.held for each in counted if not each.ended)
                assert balance.calls == sum(each.ended and each.counts for each in counted)
                assert balance.refused == len(refused)
        for _, balance in found.values():
            assert (balance.spent, balance.held, balance.calls, balance.refused) == (0, 0, 0, 0)

    @invariant()
    def no_budget_is_passed(self) -> None:
        """In no window, and in no stretch of a rolling window's length wherever it begins."""
        for cap, spendings in self.all_spendings():
            for one in spendings:
                stretch = [
                    each.amount
                    for each in spendings
                    if (
                        timedelta(0) <= each.at - one.at < cap.rolling
                        if cap.rolling
                        else cap.together(each.at, one.at)
                    )
                ]
                assert sum(stretch) <= cap.cap, (cap.name, one.at)

    @invariant()
    def windows_end_when_the_clock_says_so(self) -> None:
        """Just before the end it is this window, and then another one."""
        if not hasattr(self, "caps"):
            return
        now = self.clock()
        by_name = {cap.name: cap for cap in self.caps}
        for scope, _ in self.ledger.balances(now, self.policy.budgets, run_id=RUN):
            cap = by_name[scope.budget.name]
            if scope.resets_at is None:
                assert cap.unit == "concurrent" or cap.document["every"] in ("once", "run")
            elif cap.rolling is None:
                assert cap.together(now, scope.resets_at - timedelta(microseconds=1))
                assert not cap.together(now, scope.resets_at)

    @invariant()
    def each_thing_is_told_once_per_window(self) -> None:
        """A threshold that was reached, and a stop, for each value; and nothing that was not."""
        if not hasattr(self, "caps"):
            return
        by_name = {cap.name: cap for cap in self.caps}
        warned: Counter[tuple[object, ...]] = Counter()
        stopped: Counter[tuple[object, ...]] = Counter()
        for event in self.told:
            facts = event.facts
            cap = by_name[facts["budget"]]
            if cap.rolling is not None or cap.unit == "concurrent":
                continue
            turn = cap.turn(event.at)
            if event.kind == "warning":
                warned[cap.name, facts["value"], turn, facts["threshold"], facts["action"]] += 1
            else:
                assert event.kind == "exceeded"
                stopped[cap.name, facts["value"], turn] += 1
        assert warned == Counter({
            (cap.name, *key): 1 for cap in self.caps for key in cap.warned
        })  # fmt: skip
        assert stopped == Counter({
            (cap.name, *key): 1 for cap in self.caps for key in cap.stopped
        })  # fmt: skip

    def all_spendings(self) -> Iterator[tuple[Cap, list[Spending]]]:
        """Each budget with what was counted under one of its values."""
        for cap in getattr(self, "caps", []):
            for spendings in cap.spendings.values():
                yield cap, spendings


def reply(call: CallInFlight, read: int, written: int) -> bytes:
    """The provider's answer with this usage."""
    if call.call.provider == "openai":
        return completion(read, written, model=call.call.model)
    usage = {"input_tokens": read, "output_tokens": written}
    document = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": call.call.model,
        "content": [{"type": "text", "text": "x" if written else ""}],
        "stop_reason": "end_turn", "usage": usage,
    }  # fmt: skip
    return json.dumps(document).encode()


TestAnyConfig = AnyConfig.TestCase
TestAnyConfig.settings = settings(
    max_examples=settings.default.max_examples // 2,  # an example is some sixty calls
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
