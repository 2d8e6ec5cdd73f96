"""
What the calls of a proxy that was killed are taken to have cost.

The promise: never less than they can have cost until then, and no more than that, where their
price, their model's pace and the end of their proxy are known; else all that they held.
"""

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from books import budget, call, demand, scopes, settled

from llmcap.ledger.liveness import lock_path
from llmcap.ledger.pulse import BEAT, NOTICE, last_word
from llmcap.ledger.sqlite import SqliteLedger
from llmcap.metering.pace import Pace
from llmcap.words.records import Admit, Balance

DOLLARS = budget("$5")
TOKENS = budget("100000 tokens", name="tokens")
LIMIT = 10_000
INPUT, TOKEN = 3_000, 7  # nano-dollars: for all that it reads, and for each token that it writes
SLOW = Pace(streams=3, highest=50)
MODEL = ("openai", "gpt-5")


@pytest.fixture(autouse=True)
def machine(monkeypatch, clock):
    """A machine whose own clock goes as the one on the wall does."""
    begun = clock.now

    def monotonic_ns():
        return (clock.now - begun) // timedelta(microseconds=1) * 1_000

    monkeypatch.setattr("llmcap.ledger.pulse.time.monotonic_ns", monotonic_ns)
    return monkeypatch


@pytest.fixture
def doomed(path, clock):
    """A proxy that will be killed."""
    ledger = SqliteLedger(path, clock=clock)
    yield ledger
    ledger.close()


# How late the last beat may have been missed, where none of these was late.
LATE = BEAT + NOTICE


def hold(ledger, *, paced=True, choices=1, budgets=(DOLLARS, TOKENS)):
    """A call of some thousand tokens at most."""
    wanted = demand(INPUT, TOKEN * choices, LIMIT // choices, tokens=20)
    wanted = type(wanted)(
        fixed_nanos=INPUT, per_output_nanos=wanted.per_output_nanos,
        output_limit=wanted.output_limit, fixed_tokens=20, per_output_tokens=choices,
    )  # fmt: skip
    decision = ledger.hold(call(), scopes(budgets), wanted, paced=wanted if paced else None)
    assert isinstance(decision, Admit)
    return decision.hold


def kill(ledger):
    """Its last beat is now; nothing more comes of it."""
    beat(ledger)
    ledger._let_go(remove=False)


def beat(ledger):
    """A last beat, after those of its thread."""
    ledger._pulse.rest()
    ledger._pulse._delay = timedelta(0)
    ledger._pulse.beat()


def spent(ledger, clock):
    """What the two budgets have spent."""
    balances = [found for _, found in ledger.balances(clock(), [DOLLARS, TOKENS])]
    assert all(balance.held == 0 for balance in balances)
    return [balance.spent for balance in balances]


@pytest.mark.parametrize("choices", [1, 4])
def test_a_call_costs_what_its_model_can_have_written_until_its_proxy_ended(
    ledger, doomed, clock, choices
):
    """However long that was ago, and for each of its choices."""
    doomed.keep_paces({MODEL: SLOW})
    hold(doomed, choices=choices)
    clock.move(seconds=4)
    kill(doomed)
    clock.move(hours=9)
    assert len(ledger.recover()) == 1
    written = SLOW.most(timedelta(seconds=4) + LATE) * choices
    assert written == 410 * choices
    assert spent(ledger, clock) == [INPUT + TOKEN * written, 20 + written]


def test_all_that_was_held_is_the_most(ledger, doomed, clock):
    """After a while the model can have written up to the limit."""
    doomed.keep_paces({MODEL: SLOW})
    hold(doomed)
    clock.move(hours=1)
    kill(doomed)
    ledger.recover()
    assert spent(ledger, clock) == [INPUT + TOKEN * LIMIT, 20 + LIMIT]


@pytest.mark.parametrize("why", ["not paced", "no pace", "too few", "no beat", "torn beat"])
def test_what_nobody_knows_costs_all_that_was_held(ledger, doomed, clock, path, why):
    """The vendor may go on, the model may be the fastest, the end may have been at any time."""
    if why != "no pace":
        few = Pace(streams=2, wholes=2, highest=50)
        doomed.keep_paces({MODEL: few if why == "too few" else SLOW})
    hold(doomed, paced=why != "not paced")
    clock.move(seconds=1)
    kill(doomed)
    lock = lock_path(path, doomed._process_id)
    if why == "no beat":
        lock.write_bytes(b"")
    elif why == "torn beat":
        lock.write_bytes(lock.read_bytes()[:-1] + b"\x7f")
    ledger.recover()
    assert spent(ledger, clock) == [INPUT + TOKEN * LIMIT, 20 + LIMIT]


@pytest.mark.parametrize("moved", [{"seconds": 3}, {"hours": -2}, {"days": 30}])
def test_a_clock_that_was_set_or_a_machine_that_slept_bounds_nothing(
    ledger, doomed, clock, path, machine, moved
):
    """Without the machine nothing closed the connections, and its providers went on."""
    doomed.keep_paces({MODEL: SLOW})
    hold(doomed)
    kill(doomed)
    standing = 0
    machine.setattr("llmcap.ledger.pulse.time.monotonic_ns", lambda: standing)
    clock.move(**moved)
    assert last_word(lock_path(path, doomed._process_id), now=clock()) is None
    ledger.recover()
    assert spent(ledger, clock)[0] == INPUT + TOKEN * LIMIT


@pytest.mark.parametrize("choices", [1, 4])
def test_what_was_seen_of_a_call_leaves_only_what_came_later_to_its_pace(
    ledger, doomed, clock, choices
):
    """At the price that its answer has told since."""
    doomed.keep_paces({MODEL: SLOW})
    held = hold(doomed, choices=choices)
    clock.move(seconds=30)
    doomed.saw(held, sure_nanos=5_000, sure_tokens=900, token_nanos=2)
    clock.move(seconds=1)
    kill(doomed)
    clock.move(hours=9)
    ledger.recover()
    written = SLOW.most(timedelta(seconds=1) + LATE) * choices
    assert spent(ledger, clock) == [5_000 + 2 * written, 900 + written]


def test_what_was_seen_of_a_call_that_is_not_paced_bounds_nothing(ledger, doomed, clock):
    """Its vendor may go on after its client is gone."""
    doomed.keep_paces({MODEL: SLOW})
    held = hold(doomed, paced=False)
    doomed.saw(held, sure_nanos=5_000, sure_tokens=900, token_nanos=2)
    kill(doomed)
    ledger.recover()
    assert spent(ledger, clock) == [INPUT + TOKEN * LIMIT, 20 + LIMIT]


def test_a_lost_call_costs_what_such_calls_usually_do_and_is_held_at_its_dearest(
    ledger, doomed, clock
):
    """The two differ where an account may have a dear term by default, and was never served so."""
    doomed.keep_paces({MODEL: SLOW})
    dearest, usual = demand(INPUT, TOKEN, LIMIT), demand(INPUT // 2, TOKEN // 2, LIMIT)
    decision = doomed.hold(call(), scopes((DOLLARS,)), dearest, paced=usual)
    assert decision.hold.held_nanos == dearest.ceiling_nanos()
    clock.move(seconds=4)
    kill(doomed)
    clock.move(hours=9)
    ledger.recover()
    written = SLOW.most(timedelta(seconds=4) + LATE)
    assert spent(ledger, clock)[0] == INPUT // 2 + TOKEN // 2 * written


def test_what_was_extended_is_held_too(ledger, doomed, clock):
    """A slice more of a stream is more that it may cost."""
    doomed.keep_paces({MODEL: Pace(streams=3, highest=2_000)})
    held = hold(doomed)
    doomed.extend(held, 70_000, LIMIT)
    clock.move(seconds=4)
    kill(doomed)
    clock.move(seconds=1)
    ledger.recover()
    written = int((4 + LATE.total_seconds()) * 4_000)
    assert spent(ledger, clock) == [INPUT + TOKEN * written, 20 + written]


def test_a_proxy_that_was_not_dead_corrects_what_was_assumed(ledger, doomed, clock, path):
    """Its lock file was deleted; what it settles is the truth."""
    doomed.keep_paces({MODEL: SLOW})
    held = hold(doomed)
    clock.move(seconds=4)
    beat(doomed)
    copy = lock_path(path, doomed._process_id).read_bytes()
    lock_path(path, doomed._process_id).unlink()
    lock_path(path, doomed._process_id).write_bytes(copy)
    ledger.recover()
    assert spent(ledger, clock)[0] < held.held_nanos
    doomed.end(held, settled(12_345, tokens=50))
    assert spent(ledger, clock) == [12_345, 50]


def test_a_proxy_that_ends_in_order_assumes_all(ledger, doomed, clock):
    """It has settled what it could; of the rest it knows nothing better."""
    doomed.keep_paces({MODEL: SLOW})
    hold(doomed)
    doomed.close()
    assert spent(ledger, clock)[0] == INPUT + TOKEN * LIMIT


def test_what_two_proxies_learn_is_kept_together(ledger, doomed):
    """Each may have seen what the other has not: the most counts."""
    second = timedelta(seconds=1)
    ledger.keep_paces({MODEL: Pace(5, 50, 1, 7, 3 * second)})
    doomed.keep_paces({MODEL: Pace(2, 90, 4, 5, second), ("xai", "grok"): Pace(1, 1)})
    assert ledger.paces() == {MODEL: Pace(5, 90, 4, 7, 3 * second), ("xai", "grok"): Pace(1, 1)}


def test_holds_of_an_older_llmcap_are_assumed_whole(ledger, doomed, clock, path):
    """It wrote down neither when they began nor what their price is made of."""
    doomed.keep_paces({MODEL: SLOW})
    held = hold(doomed)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(
            "UPDATE open_holds SET began = NULL, sure_nanos = NULL, sure_tokens = NULL, "
            "token_nanos = NULL, choices = NULL"
        )
    kill(doomed)
    ledger.recover()
    assert ledger.balances(clock(), [DOLLARS])[0][1] == Balance(spent=held.held_nanos, calls=1)
