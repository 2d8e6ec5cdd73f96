"""The ledger's methods, one by one: what each writes, and what it refuses to write."""

import json
import stat
import time
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from books import NOON, RELEASED, assumed, budget, call, demand, scopes, settled

from llmcap.ledger import open_ledger
from llmcap.ledger.sqlite import SqliteLedger
from llmcap.words.errors import HoldEnded, LedgerError
from llmcap.words.money import NANOS_MAX
from llmcap.words.records import Admit, Balance, CapUnit, Deny, Ending, Settlement, Usage, Wait

DOLLARS = 1_000_000_000
FIVE = budget("$5", name="five")


def held(ledger, nanos, budgets=(FIVE,), **attributes):
    """A call that was admitted to hold this much."""
    admitted = ledger.hold(call(**attributes), scopes(budgets, call(**attributes)), demand(nanos))
    assert isinstance(admitted, Admit)
    return admitted.hold


def balance(ledger, *budgets, at=NOON, run="r1"):
    """What these budgets have spent and hold."""
    found = [each for _, each in ledger.balances(at, budgets or (FIVE,), run_id=run)]
    return found[0] if len(found) == 1 else found


# --- holds and their endings --------------------------------------------------------------------


def test_hold_is_reserved_and_then_spent(ledger):
    """What is held is not there for others; what was not needed comes back."""
    hold = held(ledger, 3 * DOLLARS)
    assert balance(ledger) == Balance(held=3 * DOLLARS)
    assert isinstance(ledger.hold(call(), scopes([FIVE]), demand(2 * DOLLARS + 1)), Deny)
    ledger.end(hold, settled(DOLLARS))
    assert balance(ledger) == Balance(spent=DOLLARS, calls=1)


@pytest.mark.parametrize(
    ("settlement", "expected"),
    [
        pytest.param(settled(7), Balance(spent=7, calls=1), id="settled"),
        pytest.param(assumed(100), Balance(spent=100, calls=1), id="assumed"),
        pytest.param(RELEASED, Balance(), id="released"),
        pytest.param(settled(0), Balance(calls=1), id="free"),
        pytest.param(settled(250), Balance(spent=250, calls=1), id="above its hold"),
    ],
)
def test_every_ending_gives_the_hold_back(ledger, settlement, expected):
    """Nothing stays held, and the cost is posted in full, whatever was held."""
    hold = held(ledger, 100)
    ledger.end(hold, settlement)
    assert balance(ledger) == expected
    assert ledger.balances_of(hold) == (expected,)


@pytest.mark.parametrize("first", [settled(7), assumed(7), RELEASED], ids=lambda s: s.ending)
@pytest.mark.parametrize("second", [settled(9), assumed(9), RELEASED], ids=lambda s: s.ending)
def test_hold_ends_once(ledger, first, second):
    """The second ending of a hold is an error with a name, and changes nothing."""
    hold = held(ledger, 100)
    ledger.end(hold, first)
    before = balance(ledger)
    with pytest.raises(HoldEnded, match=f"already {first.ending}"):
        ledger.end(hold, second)
    assert balance(ledger) == before


def test_schema_lets_a_hold_end_once(ledger):
    """Even code that forgets to look cannot write a second ending."""
    hold = held(ledger, 100)
    ledger.end(hold, settled(7))
    again = (
        "INSERT INTO entries (at, kind, process_id, hold_id, ends) "
        "SELECT at, 'assumed', process_id, hold_id, ends FROM entries WHERE ends = ?"
    )
    with (
        pytest.raises(LedgerError, match=r"UNIQUE constraint failed: entries\.ends"),
        ledger._store as db,
    ):
        db.execute(again, (hold.id,))


@pytest.mark.parametrize("table", ["entries", "postings"])
@pytest.mark.parametrize("change", ["UPDATE {} SET rowid = 9", "DELETE FROM {}"])
def test_schema_keeps_what_was_written(ledger, table, change):
    """Entries and postings are added, never changed."""
    held(ledger, 100)
    sql = change.format(table).replace("rowid", "held_nanos" if table == "entries" else "held")
    with pytest.raises(LedgerError, match="added, never changed"), ledger._store as db:
        db.execute(sql)


def test_ending_of_a_hold_from_elsewhere_is_refused(ledger):
    """A hold that this ledger does not know is not ended quietly."""
    hold = replace(held(ledger, 100), id=999)
    with pytest.raises(LedgerError, match="there is no hold 999"):
        ledger.end(hold, settled(1))


def test_overrun_is_posted_in_full_and_marked(ledger):
    """A bill above the hold cannot be refused; it is recorded as a mistake of the bound."""
    hold = held(ledger, DOLLARS)
    ledger.end(hold, settled(6 * DOLLARS))
    assert balance(ledger).spent == 6 * DOLLARS
    (note,) = ledger._store.reading().execute("SELECT note FROM entries WHERE ends = 1").fetchone()
    assert note == "overrun: $5.00 above its hold"
    assert isinstance(ledger.hold(call(), scopes([FIVE]), demand(1)), Deny)
    assert isinstance(ledger.hold(call(), scopes([FIVE]), demand(0)), Admit)


def test_budgets_are_held_all_or_nothing(ledger):
    """A budget that can carry the call keeps nothing of it when another cannot."""
    wide, narrow = budget("$9", name="wide"), budget("$1", name="narrow")
    decision = ledger.hold(call(), scopes([wide, narrow]), demand(2 * DOLLARS))
    assert isinstance(decision, Deny)
    assert decision.scope.budget is narrow
    assert decision.balance == Balance()
    assert balance(ledger, wide, narrow) == [Balance(), Balance()]


def test_every_unit_is_held_and_spent_in_its_own(ledger):
    """Dollars, tokens, requests and calls in flight, all in one hold."""
    units = [budget(text, name=text) for text in ("$1", "100 tokens", "3 requests", "2 concurrent")]
    decision = ledger.hold(call(), scopes(units), demand(50, 1, 20, tokens=30))
    assert isinstance(decision, Admit)
    assert balance(ledger, *units) == [Balance(held=n) for n in (70, 50, 1, 1)]
    usage = Usage(input_tokens=25, output_tokens=10, cache_read=20)
    ledger.end(decision.hold, Settlement(Ending.SETTLED, 60, usage))
    assert balance(ledger, *units) == [Balance(spent=n, calls=1) for n in (60, 35, 1, 0)]


@pytest.mark.parametrize(
    ("settlement", "tokens"),
    [
        pytest.param(settled(60, tokens=35), 35, id="known"),
        pytest.param(settled(60), 0, id="known to be none"),
        pytest.param(assumed(70), 50, id="assumed at the hold"),
        pytest.param(assumed(70, tokens=10), 50, id="assumed at the hold, some were seen"),
        pytest.param(assumed(40, tokens=10), 10, id="assumed from what was seen"),
        pytest.param(assumed(40), 50, id="assumed without a count"),
        pytest.param(RELEASED, 0, id="released"),
    ],
)
def test_tokens_are_assumed_where_the_cost_is(ledger, settlement, tokens):
    """A cap on tokens is as careful as one on dollars."""
    counted = budget("100 tokens")
    decision = ledger.hold(call(), scopes([counted]), demand(50, 1, 20, tokens=30))
    ledger.end(decision.hold, settlement)
    assert balance(ledger, counted).spent == tokens


def test_values_of_per_have_balances_of_their_own(ledger):
    """One budget per value, and "" for a call without one."""
    each = budget("$5", per=["project"])
    held(ledger, 1, [each], project="a")
    held(ledger, 2, [each], project="b")
    held(ledger, 4, [each])
    found = [(scope.value, now.held) for scope, now in ledger.balances(NOON, [each])]
    assert found == [("", 4), ("a", 1), ("b", 2)]


def test_clamped_call_holds_what_it_is_clamped_to(ledger):
    """The lower limit is in the answer, and only its price is held."""
    decision = ledger.hold(call(), scopes([FIVE]), demand(DOLLARS, DOLLARS, 10, least=2))
    assert isinstance(decision, Admit)
    assert (decision.output_limit, decision.hold.held_nanos) == (4, 5 * DOLLARS)
    assert balance(ledger).held == 5 * DOLLARS


def test_patient_waits_for_calls_in_flight(ledger):
    """Waiting writes nothing, and asking again after the ending admits."""
    hold = held(ledger, 4 * DOLLARS)
    wanted = (call(), scopes([FIVE]), demand(2 * DOLLARS))
    assert isinstance(ledger.hold(*wanted, patient=True), Wait)
    assert isinstance(ledger.hold(*wanted), Deny)
    ledger.end(hold, settled(DOLLARS))
    assert isinstance(ledger.hold(*wanted, patient=True), Admit)


def test_call_under_no_budget_is_recorded_too(ledger):
    """Without a cap, spending is still a row; a bound beyond 64 bits is no reason to fail."""
    decision = ledger.hold(call(), (), demand(NANOS_MAX, 1, NANOS_MAX))
    assert isinstance(decision, Admit)
    ledger.end(decision.hold, settled(12))
    costs = ledger._store.reading().execute("SELECT sum(cost_nanos) FROM entries").fetchone()
    assert costs == (12,)


def test_cost_beyond_64_bits_is_an_error_of_ours(ledger):
    """What does not fit is said, and nothing of it is written."""
    hold = held(ledger, 100)
    with pytest.raises(LedgerError, match="does not fit in 64 bits"):
        ledger.end(hold, settled(NANOS_MAX + 1))
    ledger.end(hold, settled(NANOS_MAX))
    other = held(ledger, 0)
    with pytest.raises(LedgerError):
        ledger.end(other, settled(NANOS_MAX))
    ledger.end(other, settled(0))


# --- windows ------------------------------------------------------------------------------------


def test_window_turns_without_a_write(ledger, clock):
    """A new day has a new balance; a call belongs to the day in which it was held."""
    daily = budget("$5/day")
    hold = held(ledger, 4 * DOLLARS, [daily])
    tomorrow = NOON + timedelta(days=1)
    assert balance(ledger, daily, at=tomorrow) == Balance()
    later = held(ledger, 5 * DOLLARS, [daily], at=tomorrow)
    ledger.end(hold, settled(3 * DOLLARS))
    assert balance(ledger, daily, at=tomorrow) == Balance(held=5 * DOLLARS)
    assert balance(ledger, daily) == Balance(spent=3 * DOLLARS, calls=1)
    ledger.end(later, RELEASED)


def test_clock_that_goes_back_finds_the_old_balance(ledger):
    """The window is part of the key: what yesterday spent is spent when it comes again."""
    daily = budget("$5/day")
    ledger.end(held(ledger, 5 * DOLLARS, [daily]), settled(5 * DOLLARS))
    ledger.end(
        held(ledger, 5 * DOLLARS, [daily], at=NOON + timedelta(days=1)), settled(5 * DOLLARS)
    )
    for at in (NOON, NOON + timedelta(days=1)):
        late = call(at=at)
        assert isinstance(ledger.hold(late, scopes([daily], late), demand(1)), Deny)


def test_rolling_window_gives_money_back_bucket_by_bucket(ledger):
    """What was spent counts for the whole length, and at most a sixtieth longer."""
    rolling = budget("$5/5h")
    ledger.end(held(ledger, 3 * DOLLARS, [rolling]), settled(3 * DOLLARS))
    hour = timedelta(hours=1)
    ledger.end(held(ledger, 2 * DOLLARS, [rolling], at=NOON + hour), settled(2 * DOLLARS))
    found = {}
    for minutes in (299, 300, 304, 305, 359, 364, 365):
        at = NOON + timedelta(minutes=minutes)
        found[minutes] = balance(ledger, rolling, at=at).spent // DOLLARS
    assert found == {299: 5, 300: 5, 304: 5, 305: 2, 359: 2, 364: 2, 365: 0}
    early = call(at=NOON + 5 * hour - timedelta(seconds=1))
    assert isinstance(ledger.hold(early, scopes([rolling], early), demand(1)), Deny)
    late = call(at=NOON + 5 * hour + timedelta(minutes=5))
    assert isinstance(ledger.hold(late, scopes([rolling], late), demand(3 * DOLLARS)), Admit)


@pytest.mark.parametrize(
    ("needed", "minutes"),
    [
        pytest.param(1, 305, id="when the first bucket is out"),
        pytest.param(3, 305, id="all of the first bucket"),
        pytest.param(4, 365, id="some of the second"),
        pytest.param(5, 365, id="the whole cap"),
        pytest.param(6, 545, id="more than the cap: when all is out"),
    ],
)
def test_denial_of_a_rolling_window_says_when_it_will_do(ledger, needed, minutes):
    """Not only when all is out: the same call is admitted at that moment, and not before."""
    rolling = budget("$5/5h")
    ledger.end(held(ledger, 3 * DOLLARS, [rolling]), settled(3 * DOLLARS))
    later = NOON + timedelta(hours=1)
    held(ledger, 2 * DOLLARS, [rolling], at=later)
    asked = call(at=NOON + timedelta(hours=4))
    deny = ledger.hold(asked, scopes([rolling], asked), demand(needed * DOLLARS))
    assert isinstance(deny, Deny)
    assert deny.scope.resets_at == NOON + timedelta(minutes=minutes)
    if needed <= 5:
        early = replace(asked, at=deny.scope.resets_at - timedelta(seconds=1))
        again = ledger.hold(early, scopes([rolling], early), demand(needed * DOLLARS))
        assert isinstance(again, Deny)
        then = replace(asked, at=deny.scope.resets_at)
        again = ledger.hold(then, scopes([rolling], then), demand(needed * DOLLARS))
        assert isinstance(again, Admit)


def test_spelling_of_a_window_makes_no_new_balance(ledger):
    """A config that is tidied up does not start from nothing."""
    held(ledger, 5 * DOLLARS, [replace(FIVE, every="day")])
    tidied = replace(FIVE, every=" Day ")
    assert isinstance(ledger.hold(call(), scopes([tidied]), demand(1)), Deny)


def test_rolling_window_counts_the_future_of_a_clock_that_went_back(ledger):
    """Any stretch of five hours holds the cap at most, also when the calls came out of order."""
    rolling = budget("$5/5h")
    later = NOON + timedelta(hours=4)
    ledger.end(held(ledger, 5 * DOLLARS, [rolling], at=later), settled(5 * DOLLARS))
    assert isinstance(ledger.hold(call(), scopes([rolling]), demand(1)), Deny)


def test_concurrent_calls_count_over_the_turn_of_a_window(ledger):
    """Calls in flight are in flight, whatever day it is."""
    two = budget("2 concurrent/day")
    holds = [held(ledger, 0, [two]) for _ in range(2)]
    tomorrow = call(at=NOON + timedelta(days=1))
    assert isinstance(ledger.hold(tomorrow, scopes([two], tomorrow), demand(0)), Deny)
    ledger.end(holds[0], settled(5))
    assert isinstance(ledger.hold(tomorrow, scopes([two], tomorrow), demand(0)), Admit)


def test_runs_count_apart(ledger):
    """A run starts with the whole cap, and the next one does not inherit what was spent."""
    each = budget("$5/run")
    first = ledger.hold(call(), scopes([each], run="r1"), demand(5 * DOLLARS))
    second = ledger.hold(call(), scopes([each], run="r2"), demand(5 * DOLLARS))
    assert isinstance(first, Admit)
    assert isinstance(second, Admit)
    assert balance(ledger, each, run="r2").held == 5 * DOLLARS


def test_raised_cap_keeps_what_was_spent(ledger):
    """A cap that is changed in the config is still the same budget; a new unit is another."""
    ledger.end(held(ledger, 5 * DOLLARS), settled(5 * DOLLARS))
    raised = budget("$6", name="five")
    assert isinstance(ledger.hold(call(), scopes([raised]), demand(DOLLARS + 1)), Deny)
    assert isinstance(ledger.hold(call(), scopes([raised]), demand(DOLLARS)), Admit)
    assert balance(ledger, budget("5 requests", name="five")) == Balance()


# --- extensions ---------------------------------------------------------------------------------


def test_extension_holds_more_in_all_budgets_or_in_none(ledger):
    """A stream holds another slice as long as every budget carries it."""
    both = [budget("$1", name="usd"), budget("30 tokens", name="tokens")]
    hold = ledger.hold(call(), scopes(both), demand(10, 0, 0, tokens=10)).hold
    more = ledger.extend(hold, 5, 15)
    assert more is not None
    assert (more.held_nanos, more.held_tokens) == (15, 25)
    assert ledger.extend(more, 5, 6) is None
    assert balance(ledger, *both) == [Balance(held=15), Balance(held=25)]
    ledger.end(more, settled(12, tokens=20))
    assert balance(ledger, *both) == [Balance(spent=12, calls=1), Balance(spent=20, calls=1)]


def test_ending_knows_of_extensions_that_its_caller_forgot(ledger):
    """What is given back is what the ledger knows to be held, not what an old record says."""
    hold = held(ledger, 10)
    ledger.extend(hold, 5, 0)
    ledger.end(hold, settled(1))
    assert balance(ledger) == Balance(spent=1, calls=1)


def test_extension_of_an_ended_hold_is_refused(ledger):
    """Nothing can be held for a call that is over."""
    hold = held(ledger, 10)
    ledger.end(hold, settled(1))
    with pytest.raises(HoldEnded):
        ledger.extend(hold, 5, 0)
    assert balance(ledger) == Balance(spent=1, calls=1)


# --- refusals -----------------------------------------------------------------------------------


def test_refusal_is_a_row_of_no_cost(ledger):
    """Blocked calls can be counted, on the budget that blocked them."""
    deny = ledger.hold(call(), scopes([FIVE]), demand(9 * DOLLARS))
    ledger.refuse(call(), deny)
    assert balance(ledger) == Balance(refused=1)
    ledger.refuse(call(), None, note="no price for gpt-5")
    rows = ledger._store.reading().execute("SELECT note, cost_nanos FROM entries").fetchall()
    assert rows == [("refused by five", 0), ("no price for gpt-5", 0)]


# --- corrections and deferred usage -------------------------------------------------------------


def test_correction_brings_a_call_to_what_it_really_cost(ledger):
    """Up or down, once or again: the balance has the last word, the entries have all of them."""
    tokens = budget("1000 tokens", name="tokens")
    hold = held(ledger, 100, [FIVE, tokens])
    ledger.end(hold, assumed(100))
    for cost, count in ((30, 12), (50, 20), (20, 5)):
        ledger.correct(hold, settled(cost, tokens=count))
        assert balance(ledger, FIVE, tokens) == [
            Balance(spent=cost, calls=1),
            Balance(spent=count, calls=1),
        ]
    costs = ledger._store.reading().execute("SELECT cost_nanos FROM entries").fetchall()
    assert costs == [(0,), (100,), (-70,), (20,), (-30,)]


def test_correction_may_turn_a_release_into_a_cost_and_back(ledger):
    """What was thought free and was billed is counted as a call after all."""
    hold = held(ledger, 100)
    ledger.end(hold, RELEASED)
    ledger.correct(hold, settled(40))
    assert balance(ledger) == Balance(spent=40, calls=1)
    ledger.correct(hold, RELEASED)
    assert balance(ledger) == Balance()


def test_open_hold_has_nothing_to_correct(ledger):
    """A correction is of an ending."""
    with pytest.raises(LedgerError, match="has not ended"):
        ledger.correct(held(ledger, 100), settled(1))


def test_correction_goes_to_the_window_of_the_hold(ledger):
    """A day that is over can still turn out dearer."""
    daily = budget("$5/day")
    hold = held(ledger, 100, [daily])
    ledger.end(hold, assumed(100))
    ledger.correct(hold, settled(300))
    assert balance(ledger, daily).spent == 300


def test_deferred_usage_is_charged_once(ledger):
    """A background answer may be fetched many times."""
    known = settled(40, tokens=3, response_id="resp_1")
    assert ledger.charge_once(call(), scopes([FIVE]), known)
    assert not ledger.charge_once(call(), scopes([FIVE]), known)
    assert ledger.charge_once(call(), scopes([FIVE]), settled(2, response_id="resp_2"))
    assert balance(ledger) == Balance(spent=42, calls=2)


def test_response_that_was_paid_for_is_not_charged_when_it_is_fetched(ledger):
    """Reading a stored response again costs nothing."""
    ledger.end(held(ledger, 100), settled(40, response_id="resp_1"))
    assert not ledger.charge_once(call(), scopes([FIVE]), settled(40, response_id="resp_1"))
    assert balance(ledger) == Balance(spent=40, calls=1)


def test_fetched_usage_corrects_what_was_assumed(ledger):
    """A broken background call was assumed at its hold; its answer tells what it cost, once."""
    ledger.end(held(ledger, 100), assumed(100, response_id="resp_1"))
    assert ledger.charge_once(call(), scopes([FIVE]), settled(40, response_id="resp_1"))
    assert not ledger.charge_once(call(), scopes([FIVE]), settled(40, response_id="resp_1"))
    assert balance(ledger) == Balance(spent=40, calls=1)


def test_parked_call_is_settled_by_whoever_fetches_its_answer(ledger):
    """The hold of a background call stays open under its response's id."""
    hold = held(ledger, 100)
    ledger.park(hold, "resp_1")
    assert balance(ledger).held == 100
    assert ledger.charge_once(call(), scopes([FIVE]), settled(40, response_id="resp_1"))
    assert balance(ledger) == Balance(spent=40, calls=1)
    with pytest.raises(HoldEnded):
        ledger.end(hold, settled(40, response_id="resp_1"))


def test_response_ids_of_two_providers_are_two(ledger):
    """An id means something at its provider only."""
    ledger.end(held(ledger, 100), settled(40, response_id="1"))
    other = replace(call(), provider="other")
    assert ledger.charge_once(other, scopes([FIVE]), settled(2, response_id="1"))


def test_servers_that_repeat_their_ids_are_paid_each_time(ledger):
    """A settled call costs what it costs, whatever id its answer had."""
    for _ in range(3):
        ledger.end(held(ledger, 100), settled(40, response_id="chatcmpl-1"))
    assert balance(ledger) == Balance(spent=120, calls=3)


# --- by hand ------------------------------------------------------------------------------------


def test_budget_can_be_reset_and_raised_by_hand(ledger):
    """The window goes on with nothing spent, or more to spend; the history keeps both."""
    ledger.end(held(ledger, 5 * DOLLARS), settled(5 * DOLLARS))
    (scope,) = scopes([FIVE])
    ledger.adjust(scope, raise_by=DOLLARS)
    assert isinstance(ledger.hold(call(), scopes([FIVE]), demand(DOLLARS + 1)), Deny)
    hold = held(ledger, DOLLARS)
    ledger.adjust(scope, reset=True, note="a new start")
    assert balance(ledger) == Balance(held=DOLLARS, calls=1, raised=DOLLARS)
    ledger.end(hold, settled(1))
    assert balance(ledger) == Balance(spent=1, calls=2, raised=DOLLARS)


def test_reset_clears_a_rolling_window_whole(ledger):
    """All buckets that count are reset, not only the newest."""
    rolling = budget("$5/5h")
    for hours in (0, 1, 2):
        at = NOON + timedelta(hours=hours)
        ledger.end(held(ledger, DOLLARS, [rolling], at=at), settled(DOLLARS))
    late = call(at=NOON + timedelta(hours=3))
    (scope,) = scopes([rolling], late)
    ledger.adjust(scope, reset=True)
    assert balance(ledger, rolling, at=late.at).spent == 0


def test_correction_after_a_reset_gives_nothing_back_twice(ledger):
    """A reset forgot the assumed cost; correcting it down must not make room beyond the cap."""
    hold = held(ledger, 100)
    ledger.end(hold, assumed(100))
    ledger.adjust(scopes([FIVE])[0], reset=True)
    ledger.correct(hold, settled(30))
    assert balance(ledger).spent == 0


def test_paused_budget_admits_nothing_until_it_is_resumed(ledger):
    """Also for free calls, in later windows, and when the window is changed in the config."""
    daily = budget("$5/day", name="five")
    hold = held(ledger, 1, [daily])
    ledger.pause(daily)
    for each, at in ((daily, NOON), (daily, NOON + timedelta(days=9)), (FIVE, NOON)):
        decision = ledger.hold(call(at=at), scopes([each], call(at=at)), demand(0), patient=True)
        assert isinstance(decision, Deny)
        assert decision.balance.paused
        assert balance(ledger, each, at=at).paused
    assert ledger.extend(hold, 1, 0) is None
    ledger.end(hold, settled(1))
    ledger.pause(daily, paused=False)
    assert isinstance(ledger.hold(call(), scopes([daily]), demand(1)), Admit)


# --- what is written down -----------------------------------------------------------------------


def test_entries_tell_the_call_and_never_more_than_fits(ledger):
    """What a client sends is stored whole where it is short, and cut where it is not."""
    odd = call(model="m" * 9_000 + "\ud800", user="ann", tag="\udfff")
    decision = ledger.hold(odd, scopes([FIVE]), demand(1))
    usage = Usage(input_tokens=3, extras={"page": Decimal("0.5"), "image": 0})
    ledger.end(decision.hold, Settlement(Ending.SETTLED, 1, usage, "gpt-5-2026", "resp", "why"))
    first, last = (
        ledger._store.reading()
        .execute("SELECT model, attributes, usage, served_model, response_id, note FROM entries")
        .fetchall()
    )
    assert len(first[0]) == 500
    assert json.loads(first[1]) == {"user": "ann", "tag": "\udfff"}
    assert last[2:] == ('{"input_tokens":3,"page":"0.5"}', "gpt-5-2026", "resp", "why")


def test_attributes_that_are_far_too_long_are_cut(ledger):
    """A megabyte of user name does not become a megabyte of ledger."""
    decision = ledger.hold(call(user="x" * 1_000_000), scopes([FIVE]), demand(1))
    assert isinstance(decision, Admit)
    (attributes,) = ledger._store.reading().execute("SELECT attributes FROM entries").fetchone()
    assert json.loads(attributes) == {"user": "x" * 100}


# --- the file -----------------------------------------------------------------------------------


def test_ledger_is_its_owners_own(path):
    """Who called what is nobody else's affair: file and log, in a folder made for it."""
    deep = path.parent / "a" / "b" / path.name
    opened = SqliteLedger(deep)
    held(opened, 1)
    for file in deep.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert stat.S_IMODE(deep.parent.stat().st_mode) == 0o700
    opened.close()


def test_ledger_in_memory_works_like_one_on_disk():
    """For tests and demonstrations, without a file or a lock."""
    before = set(Path.cwd().iterdir())
    opened = open_ledger(":memory:")
    decision = opened.hold(call(), scopes([FIVE]), demand(5 * DOLLARS))
    assert isinstance(decision, Admit)
    assert isinstance(opened.hold(call(), scopes([FIVE]), demand(1)), Deny)
    assert opened.recover() == []
    opened.end(decision.hold, settled(1))
    assert opened.audit() == []
    opened.close()
    assert set(Path.cwd().iterdir()) == before


def test_closed_ledger_says_so(path):
    """Nothing is held by a proxy that has said it is gone, and closing twice is harmless."""
    opened = SqliteLedger(path)
    hold = held(opened, 5)
    opened.close()
    opened.close()
    for step in (
        lambda: opened.hold(call(), scopes([FIVE]), demand(1)),
        lambda: opened.end(hold, settled(1)),
        lambda: opened.balances_of(hold),
        opened.recover,
    ):
        with pytest.raises(LedgerError, match="is closed"):
            step()


def test_closing_assumes_what_is_in_flight_and_leaves_one_file(path):
    """A proxy that ends well leaves no lock, no log and no hold."""
    opened = SqliteLedger(path)
    held(opened, 5)
    opened.close()
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    with_new = SqliteLedger(path)
    assert balance(with_new) == Balance(spent=5, calls=1)
    with_new.close()


def test_opening_is_fast_and_imports_no_more_than_it_needs(path):
    """A ledger that is up to date is opened without the library that makes ledgers."""
    SqliteLedger(path).close()
    started = time.perf_counter()
    for _ in range(5):
        SqliteLedger(path).close()
    assert (time.perf_counter() - started) / 5 < 0.1


def test_unknown_durability_is_refused(path):
    """A misspelt setting is no silent default."""
    with pytest.raises(LedgerError, match="'fast': expected normal or full"):
        SqliteLedger(path, durability="fast")


@pytest.mark.parametrize(("durability", "level"), [("normal", 1), ("full", 2)])
def test_durability_is_what_sqlite_is_told(path, durability, level):
    """Full waits for the disk at each step; normal trusts the system to write what it was given."""
    opened = SqliteLedger(path, durability=durability)
    assert opened._store.reading().execute("PRAGMA synchronous").fetchone() == (level,)
    opened.close()


def test_units_are_those_of_the_schema(ledger):
    """Each unit of a cap can be stored."""
    for unit in CapUnit:
        each = replace(FIVE, name=unit.value, unit=unit)
        ledger.end(held(ledger, 0, [each]), settled(0))
