"""Who has waited long for the ledger is waited for, and nothing depends on it."""

import pytest
from books import call

from llmcap.ledger.sqlite import SqliteLedger
from llmcap.ledger.writers.turns import (
    ASKS_NANOSECONDS,
    ASKS_NANOSECONDS_MAX,
    FORGOTTEN_NANOSECONDS,
    LONG_NANOSECONDS,
    PART_WAITED,
    PLACES,
    Turns,
    turns_path,
)
from llmcap.words.errors import LedgerBusy


class Now:
    """Nanoseconds that pass when they are told to."""

    def __init__(self) -> None:
        self.at = 10**12

    def __call__(self) -> int:
        """Now."""
        return self.at


@pytest.fixture
def now():
    """The machine's time."""
    return Now()


@pytest.fixture
def some(path, now):
    """Makes those that want to write to one ledger."""
    turns_path(path).touch()
    made = []

    def make(number):
        made.extend(Turns(path, clock=now) for _ in range(number))
        return made[-number:]

    yield make
    for each in made:
        each.close()


def long_waited(turns, now, nanoseconds=LONG_NANOSECONDS):
    """One that has asked again after this time."""
    turns.ask()
    now.at += nanoseconds
    turns.ask()


def test_who_waited_for_long_is_waited_for_until_it_has_written(some, now):
    """Others leave the lock alone, and it does not wait for itself."""
    first, other = some(2)
    long_waited(first, now)
    assert (first.of_another(), other.of_another()) == (False, True)
    first.over()
    assert not other.of_another()


def test_who_has_just_come_is_waited_for_by_nobody(some, now):
    """A transaction is short: what comes to it in a moment needs no order."""
    first, other = some(2)
    long_waited(first, now, LONG_NANOSECONDS - 1)
    assert not other.of_another()


def test_who_waited_longest_goes_first(some, now):
    """Each of them sees those that came before it, and no other."""
    waiting = some(5)
    for each in waiting:
        each.ask()
        now.at += 1
    now.at += LONG_NANOSECONDS
    for each in waiting:
        each.ask()
    for turn in waiting:
        assert [each for each in waiting if not each.of_another()] == [turn]
        turn.over()
        waiting = waiting[1:]


@pytest.mark.parametrize("waited", [LONG_NANOSECONDS, 10**8, FORGOTTEN_NANOSECONDS])
def test_one_that_died_costs_others_a_part_of_what_it_waited(some, now, waited):
    """At most a quarter of a second, and never for ever."""
    dead, other = some(2)
    long_waited(dead, now, waited)
    assert other.of_another()
    now.at += min(ASKS_NANOSECONDS + waited // PART_WAITED, ASKS_NANOSECONDS_MAX)
    assert not other.of_another()


def test_who_gave_up_has_not_waited_all_the_time(some, now):
    """Where it begins anew, it is the last of those that wait."""
    first, other = some(2)
    long_waited(first, now)
    now.at += FORGOTTEN_NANOSECONDS + 1
    first.ask()
    assert not other.of_another()


@pytest.mark.parametrize(
    "says",
    [b"", b"\xff" * 7, b"\xff" * 512, b"\x7f" * 512, b"\0" * 9_000],
    ids=["nothing", "a piece", "minus one", "the far future", "more than it"],
)
def test_file_that_says_what_cannot_be_is_as_none(some, now, path, says):
    """Nobody waits for what is no time of now, and what is asked there counts."""
    first, other = some(2)
    turns_path(path).write_bytes(says)
    assert not other.of_another()
    long_waited(first, now)
    assert other.of_another()


def test_more_than_there_are_places_go_on_as_they_come(some, now):
    """Nobody's place is taken from it."""
    waiting = some(PLACES + 2)
    for each in waiting:
        each.ask()
    now.at += LONG_NANOSECONDS
    for each in waiting:
        each.ask()
    waiting[0].over()
    now.at += 1
    waiting[-1].ask()
    assert sum(each._place is not None for each in waiting) == PLACES


def test_file_that_is_gone_or_another_is_found_when_others_are_met(some, now, path):
    """The last proxy removes it, and the next makes it: who came between is told of by both."""
    first, other = some(2)
    long_waited(first, now)
    first.over()
    turns_path(path).unlink()
    long_waited(first, now)
    assert not other.of_another()
    first.over()
    turns_path(path).touch()
    long_waited(first, now)
    other.ask()
    other.over()
    assert other.of_another()


def test_lock_is_claimed_in_the_file_that_is_there_now(some, path):
    """Who outlives the proxies, as a page does, has opened one that they have removed since."""
    claims, other = some(2)
    claims.claim(ASKS_NANOSECONDS_MAX)
    claims.over()
    turns_path(path).unlink()
    turns_path(path).touch()
    claims.claim(ASKS_NANOSECONDS_MAX)
    assert other.of_another()


def test_file_that_cannot_be_written_stops_nobody(some, now, path):
    """It may be a folder, or gone: the ledger is written all the same."""
    (first,) = some(1)
    turns_path(path).unlink()
    turns_path(path).mkdir()
    long_waited(first, now)
    assert not first.of_another()
    first.over()


def test_writer_leaves_a_free_lock_to_one_that_waited(some, path, clock, now):
    """It is busy for it, until the other has written or its time is over."""
    ledger = SqliteLedger(path, clock=clock)
    waits, ledger._store._turns = some(2)
    waits.claim(ASKS_NANOSECONDS_MAX)
    with pytest.raises(LedgerBusy):
        ledger.refuse(call(), None)
    waits.over()
    ledger.refuse(call(), None)
    waits.claim(ASKS_NANOSECONDS_MAX)
    now.at += ASKS_NANOSECONDS_MAX
    ledger.refuse(call(), None)
    waits.close()
    ledger.close()
    assert not turns_path(path).exists()
