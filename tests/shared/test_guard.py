"""Beside the caps: thresholds, breakers and events, through the walk of whole calls."""

import asyncio
import json
import time
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import books
import pytest
from walk import BOOK, FakeClock, answer, chat, completion, post

from llmcap.budgets.budget import parse_short, scopes_for
from llmcap.ledger import open_ledger
from llmcap.notices.alerts import Event
from llmcap.providers.parts.shape import Request
from llmcap.shared.guard import LOOK_AT_ONCE_SECONDS, PAGE_VALUES
from llmcap.walk.admission import Admission
from llmcap.walk.answers import Refused
from llmcap.walk.attributes import Facts
from llmcap.walk.firewall import Firewall
from llmcap.walk.flight import CallInFlight
from llmcap.walk.patience import admit
from llmcap.words.records import Balance, Budget, CapUnit, Ending, Policy, Scope, Settlement
from llmcap.words.rules import Action, BreakerRules, EventKind, ParallelRule, RepeatRule, Threshold

FIRST = Threshold(50, Action.WARN)
SLOW = Threshold(60, Action.THROTTLE, delay_seconds=Decimal("0.01"))
LOWER = Threshold(70, Action.DOWNGRADE, models=("claude-haiku-4-5", "gpt-4o-mini"))
STOP = Threshold(90, Action.REFUSE)


class Stand:
    """A firewall, and what it told of."""

    def __init__(self, *at: Threshold, cap: str = "1/day", clock=None, ledger=None, **policy):
        self.clock = clock or FakeClock()
        self.told: list[Event] = []
        budget = replace(parse_short(cap), at=at)
        self.firewall = Firewall(
            ledger=ledger or open_ledger(":memory:", clock=self.clock),
            prices=BOOK,
            policy=replace(Policy(budgets=(budget,)), **policy),
            clock=self.clock,
            run_id="run",
            secret=b"s" * 32,
            tell=self.told.append,
        )

    def admit(self, request: Request) -> CallInFlight | Refused:
        """As the shell does it."""
        considered = self.firewall.consider(request, Facts())
        if not isinstance(considered, Admission):
            return considered
        return asyncio.run(admit(considered, client_left=lambda: False))

    def spend(self, dollars: str) -> CallInFlight:
        """A call to gpt-4o ($2.50 for a million tokens read) that costs this much."""
        read = int(Decimal(dollars) * 1_000_000 / Decimal("2.5"))
        call = self.admit(asked("x" * read * 2))
        assert isinstance(call, CallInFlight), call
        answer(call, completion(read, 0, model="gpt-4o"))
        return call

    def look_again(self) -> None:
        """What is due, and a look at all balances; a busy machine takes it in several parts."""
        guard = self.firewall.guard
        guard._next_look = 0.0
        self.firewall.keep_house()
        while guard._round is not None:
            guard._next_look = 0.0
            self.firewall.keep_house()

    def balances(self) -> list[tuple[Scope, Balance]]:
        """What counts now, by the ledger."""
        return self.firewall.ledger.balances(
            self.clock(), self.firewall.policy.budgets, run_id="run"
        )

    def kinds(self) -> list[EventKind]:
        """What was told, in order, each key once as in the log of events; overruns are made up."""
        told = {event.key: event.kind for event in self.told}
        return [kind for kind in told.values() if kind is not EventKind.OVERRUN]


def asked(text: str = "hello", model: str = "gpt-4o", **fields) -> Request:
    """A chat completion request to a model."""
    messages = [{"role": "user", "content": text}]
    document = {"model": model, "messages": messages, "max_tokens": 16, **fields}
    return post("/v1/chat/completions", document)


def test_a_warning_is_told_and_stands_in_the_headers():
    """Below its share nothing; above it an event, and a header on every call."""
    stand = Stand(FIRST)
    assert "x-llmcap-warning" not in stand.spend("0.40").headers()
    assert stand.kinds() == []
    assert stand.spend("0.11").headers()["x-llmcap-warning"] == "50% of cap"
    assert stand.kinds() == [EventKind.WARNING]


def test_a_window_that_is_over_is_not_warned_of():
    """A call that ends late tells of the window that it was held in: nobody can act on that."""
    stand = Stand(FIRST, cap="1/hour")
    late = stand.admit(asked("x" * 400_000))
    assert isinstance(late, CallInFlight)
    stand.clock.forward(hours=2)
    answer(late, completion(240_000, 0, model="gpt-4o"))
    assert stand.firewall.ledger.audit() == []
    assert stand.kinds() == []


def test_what_a_value_has_reached_is_over_when_its_money_is_back():
    """With the last of a rolling window its balance is gone, and with that what it had reached."""
    stand = Stand(STOP, cap="1/1h")
    budget = replace(stand.firewall.policy.budgets[0], per=("user",))
    stand.firewall.adopt(replace(stand.firewall.policy, budgets=(budget,)), BOOK)
    stand.spend("0.91")
    assert isinstance(stand.admit(asked()), Refused)
    stand.clock.forward(minutes=62)
    stand.look_again()
    assert isinstance(stand.admit(asked()), CallInFlight)


def test_a_throttle_holds_each_call_back():
    """While its share is reached; the delay comes before any money is held."""
    stand = Stand(SLOW)
    stand.spend("0.61")
    considered = stand.firewall.consider(asked(), Facts())
    assert isinstance(considered, Admission)
    assert considered.delay_seconds == Decimal("0.01")
    assert isinstance(stand.admit(asked()), CallInFlight)


def test_a_client_that_leaves_while_it_is_held_back_holds_nothing():
    """Nor does it count as in flight."""
    stand = Stand(SLOW, breakers=BreakerRules(parallel=ParallelRule(calls=1)))
    stand.spend("0.61")
    considered = stand.firewall.consider(asked(), Facts())
    assert isinstance(considered, Admission)
    with pytest.raises(Exception, match="the client left"):
        asyncio.run(admit(considered, client_left=lambda: True))
    assert isinstance(stand.admit(asked()), CallInFlight)


def test_a_downgrade_sends_the_call_to_the_first_model_that_its_provider_sells():
    """In the body, the hold, the ledger's facts and a header; the asked model is remembered."""
    stand = Stand(LOWER)
    stand.spend("0.71")
    call = stand.admit(asked("hello", temperature=0))
    assert isinstance(call, CallInFlight)
    assert call.body is not None
    sent = json.loads(call.body)
    assert (sent["model"], sent["temperature"]) == ("gpt-4o-mini", 0)
    assert call.call.model == "gpt-4o-mini"
    assert call.call.attributes["asked_model"] == "gpt-4o"
    assert call.headers()["x-llmcap-downgraded"] == "gpt-4o to gpt-4o-mini"
    answer(call, completion(1000, 0))
    assert call.settlement is not None
    assert call.settlement.cost_nanos == 150_000


def test_a_downgrade_is_never_to_the_same_or_a_dearer_model():
    """Nor to one that has no price."""
    for models in (("gpt-4o",), ("gpt-4",), ("no-such-model",)):
        stand = Stand(replace(LOWER, models=models))
        stand.spend("0.71")
        call = stand.admit(asked())
        assert isinstance(call, CallInFlight)
        assert call.body is None
        assert call.call.model == "gpt-4o"


def test_a_downgrade_takes_no_model_away_that_an_unread_field_names():
    """It may serve the call all the same, so nothing is cheaper; a cheap one does no harm."""
    for named, model in (("gpt-4o", "gpt-4o"), ("gpt-4o-mini", "gpt-4o-mini")):
        stand = Stand(replace(LOWER, percent=1), cap="100/day")
        stand.spend("1.1")
        call = stand.admit(asked(x_new=[named]))
        assert isinstance(call, CallInFlight)
        assert call.call.model == model


def test_a_downgraded_call_falls_under_the_budgets_of_its_new_model():
    """A cap on the dear model does not stop the cheap one."""
    budget = Budget("dear", 10**9, every="day", match={"model": ("gpt-4o",)}, at=(LOWER,))
    stand = Stand(cap="100/day", budgets=(budget,))
    stand.spend("0.71")
    call = stand.admit(asked())
    assert isinstance(call, CallInFlight)
    assert call.call.model == "gpt-4o-mini"
    assert call._hold.scopes == ()


def test_a_refuse_below_the_cap_stops_with_its_own_words():
    """A row, an event, and a refusal that says from where on."""
    stand = Stand(STOP)
    stand.spend("0.91")
    refused = stand.admit(asked())
    assert isinstance(refused, Refused)
    assert "refuses from 90% of its cap on, and has spent $0.91 of $1.00" in refused.refusal.message
    assert stand.kinds() == [EventKind.EXCEEDED]
    ((_, balance),) = stand.balances()
    assert balance.refused == 1


def test_a_stop_is_one_event_however_many_calls_it_refuses():
    """And one more in the next window."""
    stand = Stand(cap="0.001/day")
    big = asked("x" * 40_000)
    for _ in range(20):
        assert isinstance(stand.admit(big), Refused)
    assert stand.kinds() == [EventKind.EXCEEDED]
    stand.clock.forward(days=1)
    assert isinstance(stand.admit(big), Refused)
    assert stand.kinds() == [EventKind.EXCEEDED] * 2


def test_a_new_window_forgets_what_the_last_one_reached():
    """Yesterday's downgrade is not today's."""
    stand = Stand(LOWER, STOP)
    stand.spend("0.95")
    assert isinstance(stand.admit(asked()), Refused)
    stand.clock.forward(days=1)
    call = stand.admit(asked())
    assert isinstance(call, CallInFlight)
    assert call.call.model == "gpt-4o"


def test_a_restart_knows_at_once_what_is_reached(tmp_path):
    """From the ledger, before the first call is asked."""
    clock, path = FakeClock(), tmp_path / "ledger.sqlite3"
    stand = Stand(STOP, clock=clock, ledger=open_ledger(path, clock=clock))
    stand.spend("0.91")
    stand.firewall.close()
    again = Stand(STOP, clock=clock, ledger=open_ledger(path, clock=clock))
    again.firewall.keep_house()
    assert isinstance(again.admit(asked()), Refused)
    again.firewall.close()


def test_what_another_process_spent_is_seen_within_a_second(tmp_path, monkeypatch):
    """By looking; and a raise by hand is seen likewise."""
    clock, path = FakeClock(), tmp_path / "ledger.sqlite3"
    one = Stand(STOP, clock=clock, ledger=open_ledger(path, clock=clock))
    other = Stand(STOP, clock=clock, ledger=open_ledger(path, clock=clock))
    one.spend("0.91")
    other.look_again()
    assert isinstance(other.admit(asked()), Refused)
    ((scope, _),) = one.balances()
    one.firewall.ledger.adjust(scope, raise_by=10**9)
    other.look_again()
    assert isinstance(other.admit(asked()), CallInFlight)
    for stand in (one, other):
        stand.firewall.close()


def test_looking_is_done_a_page_at_a_time():
    """However many values a budget has, one look reads a few pages, and the next goes on there."""
    stand = Stand(FIRST, clock=FakeClock())
    guard, asked_for = stand.firewall.guard, []

    def page(budget, after):
        asked_for.append(after)
        time.sleep(2 * LOOK_AT_ONCE_SECONDS)  # whatever a page takes, another is not begun
        return [], None if after == "3" else str(int(after or 0) + 1)

    for _ in range(100):
        guard.look(page)
    assert asked_for == [None], "once a second"
    for _ in range(4):
        guard._next_look = 0.0
        guard.look(page)
    assert asked_for == [None, "1", "2", "3"]


def test_every_balance_of_every_value_is_seen_in_a_round():
    """The pages together hold what the whole has, in calendar windows and in rolling ones."""
    clock = FakeClock()
    for every in ("day", "5h"):
        ledger = open_ledger(":memory:", clock=clock)
        budget = replace(parse_short("1/day"), every=every, per=("user",), at=(FIRST,))
        for number in range(2 * PAGE_VALUES + 1):
            made = replace(books.call(), at=clock(), attributes={"user": f"u{number % 150}"})
            scopes = scopes_for((budget,), made, run_id="")
            hold = ledger.hold(made, scopes, books.demand(1_000)).hold
            ledger.end(hold, Settlement(Ending.SETTLED, number))
            clock.forward(minutes=1)
        whole, paged, after = ledger.balances(clock(), [budget]), [], None
        while True:
            found, after = ledger.balances_page(clock(), budget, after=after, values_max=7)
            paged += found
            if after is None:
                break
        assert paged == whole
        assert len(whole) == 150


def test_calls_in_flight_of_one_run_are_found_under_it():
    """A limit on them has no window, and may still be one for each run of the proxy."""
    clock = FakeClock()
    ledger = open_ledger(":memory:", clock=clock)
    budget = replace(parse_short("2 concurrent"), every="run", per=("user",))
    made = replace(books.call(), at=clock(), attributes={"user": "u"})
    ledger.hold(made, scopes_for((budget,), made, run_id="r1"), books.demand(1_000))
    for run_id, held in (("r1", [1]), ("r2", [])):
        whole = ledger.balances(clock(), [budget], run_id=run_id)
        paged, _ = ledger.balances_page(clock(), budget, run_id=run_id, values_max=7)
        assert [balance.held for _, balance in whole] == held
        assert paged == whole


def test_a_loop_is_stopped_by_its_breaker():
    """Exactly the bound goes; the refusal says why, the ledger has a row, one event is told."""
    stand = Stand(cap="100/day", breakers=BreakerRules(repeats=RepeatRule(calls=10)))
    results = []
    for _ in range(1000):
        call = stand.admit(asked("again"))
        results.append(isinstance(call, CallInFlight))
        if isinstance(call, CallInFlight):
            answer(call, completion(10, 1, model="gpt-4o"))
    assert results == [True] * 10 + [False] * 990
    assert call.refusal.reason == "breaker_open"
    assert "the same request came more than 10 times" in call.refusal.message
    assert stand.kinds() == [EventKind.BREAKER]
    assert isinstance(stand.admit(asked("something else")), CallInFlight)


def test_a_fan_out_is_stopped_by_its_breaker():
    """200 calls at once: as many go as may be in flight, and none after that."""
    stand = Stand(cap="100/day", breakers=BreakerRules(parallel=ParallelRule(calls=20)))

    async def fan_out() -> list[CallInFlight | Refused]:
        calls = [stand.firewall.consider(asked(str(n)), Facts()) for n in range(200)]
        tasks = [admit(call, client_left=lambda: False) for call in calls]
        return await asyncio.gather(*tasks)

    results = asyncio.run(fan_out())
    assert sum(isinstance(each, CallInFlight) for each in results) == 20
    for each in results:
        if isinstance(each, CallInFlight):
            answer(each, completion(10, 1, model="gpt-4o"))
    assert isinstance(stand.admit(asked()), Refused)
    stand.clock.forward(seconds=31)
    assert isinstance(stand.admit(asked()), CallInFlight)


def test_a_call_that_its_budget_refuses_is_not_in_flight():
    """Else refusals would fill the breaker by themselves."""
    stand = Stand(cap="0.0001/day", breakers=BreakerRules(parallel=ParallelRule(calls=1)))
    for _ in range(5):
        refused = stand.admit(asked("x" * 40_000))
        assert isinstance(refused, Refused)
        assert refused.refusal.reason == "cap_reached"


@pytest.mark.parametrize("ending", ["finish", "broke", "give_up"])
def test_every_ending_of_a_call_leaves_the_breakers(ending):
    """Once, however often it ends."""
    stand = Stand(cap="100/day", breakers=BreakerRules(parallel=ParallelRule(calls=1)))
    for _ in range(3):
        call = stand.admit(asked())
        assert isinstance(call, CallInFlight)
        if ending == "finish":
            answer(call, completion(10, 1, model="gpt-4o"))
        elif ending == "broke":
            call.broke("reset", sent=True)
        call.give_up("over")


def test_an_unknown_model_and_endpoint_are_told_once_each():
    """However often they are asked for."""
    stand = Stand()
    for _ in range(3):
        stand.admit(asked(model="no-such-model"))
        stand.admit(post("/v1/no/such/path", {}))
    assert stand.kinds() == [EventKind.UNKNOWN_MODEL, EventKind.UNKNOWN_ENDPOINT]


def test_another_policy_is_adopted_without_losing_a_hold():
    """A call in flight settles where it was held; new calls meet the new cap."""
    stand = Stand(cap="1/day")
    call = stand.admit(chat(max_tokens=16))
    assert isinstance(call, CallInFlight)
    tight = replace(stand.firewall.policy, budgets=(parse_short("0.00001/day"),))
    stand.firewall.adopt(tight, BOOK)
    answer(call, completion(10_000, 0))
    ((_, balance),) = stand.balances()
    assert (balance.spent, balance.held) == (1_500_000, 0)
    assert isinstance(stand.admit(chat(max_tokens=16)), Refused)


def test_breakers_that_are_unchanged_stay_open_over_a_reload():
    """A new cap is no reason to let a loop go on."""
    rules = BreakerRules(repeats=RepeatRule(calls=1))
    stand = Stand(cap="100/day", breakers=rules)
    stand.admit(asked("again"))
    assert isinstance(stand.admit(asked("again")), Refused)
    stand.firewall.adopt(replace(stand.firewall.policy, min_output=1), BOOK)
    assert isinstance(stand.admit(asked("again")), Refused)
    stand.firewall.adopt(replace(stand.firewall.policy, breakers=BreakerRules()), BOOK)
    assert isinstance(stand.admit(asked("again")), CallInFlight)


def test_a_rolling_window_is_restrained_over_all_of_its_buckets():
    """What was reached in one bucket holds in the next."""
    stand = Stand(STOP, cap="1/5h")
    stand.spend("0.91")
    stand.clock.forward(minutes=20)
    assert isinstance(stand.admit(asked()), Refused)
    stand.clock.now += timedelta(hours=6)
    stand.look_again()
    assert isinstance(stand.admit(asked()), CallInFlight)


def test_thresholds_of_counted_caps_work_alike():
    """A request budget warns too."""
    stand = Stand(budgets=(Budget("r", 4, CapUnit.REQUESTS, every="day", at=(FIRST,)),))
    for _ in range(2):
        call = stand.admit(asked())
        assert isinstance(call, CallInFlight)
        answer(call, completion(10, 1, model="gpt-4o"))
    assert stand.kinds() == [EventKind.WARNING]
    assert "2 requests of 4 requests spent" in stand.told[0].message


def test_what_a_dead_proxy_left_is_told_once(tmp_path):
    """Also what was taken over in opening the ledger, before anybody listened."""
    clock, path = FakeClock(), tmp_path / "ledger.sqlite3"
    stand = Stand(clock=clock, ledger=open_ledger(path, clock=clock))
    stand.firewall.ledger._recovered += [7, 8]
    for _ in range(2):
        stand.firewall.keep_house()
    assert stand.kinds() == [EventKind.RECOVERED]
    assert "2 calls of a proxy that is gone" in stand.told[0].message
    stand.firewall.close()
