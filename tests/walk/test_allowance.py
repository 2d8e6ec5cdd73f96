"""How far a stream may run on the money that is held for it."""

from decimal import Decimal

import pytest
from walk import FakeClock

from llmcap.budgets.budget import parse_short, scopes_for
from llmcap.ledger import open_ledger
from llmcap.metering.visible import certain_tokens
from llmcap.walk.allowance import (
    ASKED_MAX,
    OVERRUN_AHEAD_TOKENS,
    SLICE_AHEAD_TOKENS,
    SLICE_TOKENS_MIN,
    Allowance,
)
from llmcap.words.errors import LedgerBusy, LedgerError
from llmcap.words.records import Call, Demand, Reading

FIXED = 1_000
PER_TOKEN = 10


def allowance(*, cap: str, limit: int, held: int | None = None, sliced: bool = False):
    """An allowance over a ledger with one budget, holding `held` tokens of output."""
    clock = FakeClock()
    ledger = open_ledger(":memory:", clock=clock)
    call = Call("id", clock(), "openai", "chat", "m")
    scopes = scopes_for((parse_short(cap),), call, run_id="")
    demand = Demand(FIXED, Decimal(PER_TOKEN), limit)
    held_demand = Demand(FIXED, Decimal(PER_TOKEN), limit if held is None else held)
    hold = ledger.hold(call, scopes, held_demand).hold
    events: list[str] = []
    made = Allowance(
        ledger, hold, demand, limit=limit, choices=1, sliced=sliced,
        notify=lambda kind, _: events.append(kind),
    )  # fmt: skip
    return made, ledger, events


def seen(tokens: int, *, each: int = 4) -> Reading:
    """A reading of so many events."""
    return Reading(visible_events=tokens, visible_bytes=tokens * each)


def fits(made: Allowance, tokens: int, *, each: int = 4, coming: int = 0) -> bool:
    """Whether so many tokens fit, where counting finds them all."""
    reading = seen(tokens, each=each)
    least = certain_tokens(reading)
    return made.fits(reading.visible_bytes, tokens if made.sliced else least, coming=coming)


def test_output_within_the_limit_fits_and_extends_nothing():
    """An obedient provider is never cut, and its hold stays as it is."""
    made, _, _ = allowance(cap="0.000006", limit=500)
    for tokens in range(0, 501, 7):
        assert fits(made, tokens)
        assert made.next_look > tokens * 4
    assert made.hold.held_nanos == FIXED + 500 * PER_TOKEN


def test_output_beyond_the_limit_extends_the_hold_ahead_of_it():
    """The provider writes on: the money for it is held before it is spent."""
    made, _, _ = allowance(cap="1", limit=500)
    assert fits(made, 501)
    assert made.covered >= 501 + OVERRUN_AHEAD_TOKENS


def test_output_beyond_the_limit_and_the_budget_does_not_fit():
    """Time to cut."""
    made, _, _ = allowance(cap="0.0000061", limit=500)
    assert fits(made, 500)
    assert not fits(made, 501)


@pytest.mark.parametrize("tokens", [1, 100, 499])
def test_no_stream_outruns_its_hold_between_two_looks(tokens):
    """Until `next_look` bytes, even one token a byte is covered."""
    made, _, _ = allowance(cap="0.000006", limit=500)
    fits(made, tokens, each=1)
    assert made.next_look <= made.covered


def test_a_slice_is_held_ahead_of_the_output():
    """And not at every look: half a slice is used up first."""
    made, _, _ = allowance(cap="1", limit=100_000, held=SLICE_AHEAD_TOKENS, sliced=True)
    holds = set()
    for tokens in range(0, 20_000, 100):
        assert fits(made, tokens)
        assert made.covered >= tokens + SLICE_AHEAD_TOKENS // 2
        holds.add(made.hold.held_nanos)
    assert len(holds) <= 20_000 // (SLICE_AHEAD_TOKENS // 2)


def test_a_slice_grows_no_further_than_the_limit():
    """Then it is a ceiling like any other."""
    made, _, _ = allowance(cap="1", limit=5_000, held=SLICE_AHEAD_TOKENS, sliced=True)
    for tokens in range(0, 5_001, 250):
        assert fits(made, tokens)
    assert made.covered == 5_000
    assert not made.sliced


@pytest.mark.parametrize("coming", [0, 100, 1_000])
def test_a_slice_that_cannot_grow_runs_to_the_end_of_the_money(coming):
    """Smaller slices use the budget up; what is on its way by then must fit too."""
    made, _, _ = allowance(cap="0.000031", limit=100_000, held=SLICE_AHEAD_TOKENS, sliced=True)
    tokens = 0
    while fits(made, tokens, coming=coming):
        assert tokens + coming <= made.covered <= 3_000
        tokens += 10
    assert tokens + coming >= 3_000 - SLICE_TOKENS_MIN


def test_a_fast_stream_holds_further_ahead():
    """Twice what it makes until it would notice."""
    made, _, _ = allowance(cap="1", limit=100_000, held=SLICE_AHEAD_TOKENS, sliced=True)
    assert fits(made, 2_000, coming=9_000)
    assert made.covered >= 2_000 + 2 * 9_000


@pytest.mark.parametrize("event_bytes", [0, 13, 250])
def test_what_is_left_unread_is_less_than_what_the_hold_covers(event_bytes):
    """Under a ceiling by the size of events, of which none is shorter than a token may be long."""
    made, _, _ = allowance(cap="1", limit=500)
    assert fits(made, 100)
    unread = made.unread_max(400, event_bytes=event_bytes)
    assert unread == (500 - 100) * max(event_bytes // 4, 12)


def test_of_a_slice_nothing_is_left_unread_that_could_have_used_it_up():
    """Each raw byte may be a token."""
    made, _, _ = allowance(cap="1", limit=100_000, held=SLICE_AHEAD_TOKENS, sliced=True)
    assert fits(made, 100)
    assert made.unread_max(400, event_bytes=250) == made.next_look - 400 < made.covered


@pytest.mark.parametrize("each", [1, 3, 12])
def test_no_slice_is_outrun_between_two_looks(each):
    """Until `next_look` bytes, even one token a byte is covered."""
    made, _, _ = allowance(cap="0.00009", limit=100_000, held=SLICE_AHEAD_TOKENS, sliced=True)
    tokens = 0
    while fits(made, tokens, each=each):
        assert tokens + made.next_look - tokens * each <= made.covered
        tokens += 50
    assert tokens > 8_000


def test_a_reported_cost_is_covered_or_extended_to_or_not_paid():
    """Some providers tell the usage as they go."""
    made, _, _ = allowance(cap="0.00001", limit=500)
    assert made.pays(made.hold.held_nanos)
    assert made.pays(9_000)
    assert made.hold.held_nanos == 9_000
    assert not made.pays(10_001)


def test_a_ledger_that_fails_extends_nothing():
    """What cannot be held must not flow."""
    made, ledger, events = allowance(cap="1", limit=500)

    def fails(*_):
        raise LedgerError("disk full")

    ledger.extend = fails
    assert not fits(made, 501)
    assert events == ["ledger_error"]


def test_long_tokens_are_not_taken_for_few():
    """A provider may send many tokens in one event."""
    assert certain_tokens(Reading(visible_events=3, visible_bytes=1_200)) == 100
    assert certain_tokens(Reading(visible_events=300, visible_bytes=1_200)) == 300


def test_a_writer_elsewhere_cuts_nothing_for_a_moment(monkeypatch):
    """Whether there is money for more is asked again with the next piece, and then held."""
    made, ledger, events = allowance(cap="1", limit=500)

    def busy(*_):
        raise LedgerBusy("in use")

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "extend", busy)
        assert fits(made, 501)
        assert made.asks_again
        assert made.next_look == 501 * 4 + 1
    assert fits(made, 502)
    assert not made.asks_again
    assert made.covered >= 502 + OVERRUN_AHEAD_TOKENS
    assert events == []


def test_a_ledger_that_stays_locked_ends_what_it_cannot_pay(monkeypatch):
    """Nothing runs on for ever on money that nobody could hold."""
    made, ledger, _ = allowance(cap="1", limit=500)

    def busy(*_):
        raise LedgerBusy("in use")

    monkeypatch.setattr(ledger, "extend", busy)
    found = [fits(made, 501 + number) for number in range(ASKED_MAX)]
    assert found == [True] * (ASKED_MAX - 1) + [False]
