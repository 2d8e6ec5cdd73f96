"""What a proxy counts of its own work: each thing once, and nothing twice."""

import contextlib

from llmcap.shared.gauges import BOUNDS_MICROS, CLAMPED, COUNT, END, SUM, WAIT, Gauges


def test_what_was_taken_is_not_counted_again():
    """Others add it up: a number that is told twice would be there twice."""
    gauges = Gauges()
    gauges.count(CLAMPED)
    gauges.count(CLAMPED)
    assert gauges.take() == {(CLAMPED, COUNT): 2}
    assert gauges.take() == {}


def test_times_fall_into_the_bucket_that_holds_them():
    """A bound belongs to its bucket; what is longer than all has the last one."""
    gauges = Gauges()
    for micros in (BOUNDS_MICROS[0], BOUNDS_MICROS[0] + 1, BOUNDS_MICROS[-1] + 1):
        gauges.took(WAIT, micros / 1_000_000)
    found = gauges.take()
    assert found[WAIT, 0] == found[WAIT, 1] == found[WAIT, len(BOUNDS_MICROS)] == 1
    assert found[WAIT, SUM] == 2 * BOUNDS_MICROS[0] + BOUNDS_MICROS[-1] + 2


def test_a_step_that_fails_took_its_time_too():
    """A ledger that is slow to fail is slow."""
    gauges = Gauges()
    with contextlib.suppress(OSError), gauges.timing(END):
        raise OSError
    found = gauges.take()
    assert sum(count for (name, bucket), count in found.items() if bucket >= 0) == 1
