"""First come, first served, without blocking those who want other money."""

from llmcap.budgets.waiting import Line

ALL = ("all", "")
ALPHA = ("project", "alpha")
BETA = ("project", "beta")


def join(line: Line, woken: list[str], name: str, *keys: tuple[str, str]):
    """Join under a name that is noted whenever the place is woken."""
    return line.join(frozenset(keys), lambda: woken.append(name))


def test_the_first_waiter_of_a_budget_is_woken_and_the_second_is_not():
    """Money that comes back goes to whoever came first."""
    line, woken = Line(places_max=10), []
    join(line, woken, "first", ALL)
    join(line, woken, "second", ALL)
    line.wake()
    assert woken == ["first"]


def test_waiters_of_other_budgets_are_woken_together():
    """A waiter holds up nobody who wants other money."""
    line, woken = Line(places_max=10), []
    join(line, woken, "alpha", ALPHA)
    join(line, woken, "beta", BETA)
    line.wake()
    assert woken == ["alpha", "beta"]


def test_a_blocked_waiter_blocks_those_behind_it_too():
    """Order holds through a chain: beta waits for the pair, which waits for alpha."""
    line, woken = Line(places_max=10), []
    join(line, woken, "alpha", ALPHA)
    join(line, woken, "pair", ALPHA, BETA)
    join(line, woken, "beta", BETA)
    line.wake()
    assert woken == ["alpha"]


def test_leaving_wakes_the_next():
    """A place that is given up moves the line on."""
    line, woken = Line(places_max=10), []
    first = join(line, woken, "first", ALL)
    join(line, woken, "second", ALL)
    line.leave(first)
    assert woken == ["second"]
    line.leave(first)
    assert len(line) == 1


def test_a_newcomer_is_blocked_by_any_waiter_of_its_budgets():
    """Who comes later does not pass who waits, and a waiter is not blocked by those behind it."""
    line, woken = Line(places_max=10), []
    first = join(line, woken, "first", ALL)
    second = join(line, woken, "second", ALL)
    assert line.blocks([ALL])
    assert not line.blocks([ALPHA])
    assert not line.blocks([ALL], before=first)
    assert line.blocks([ALL], before=second)


def test_the_line_has_an_end():
    """Waiters are bounded."""
    line = Line(places_max=1)
    assert not line.full
    line.join(frozenset([ALL]), lambda: None)
    assert line.full
