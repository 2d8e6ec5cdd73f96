"""
What a proxy counts of its own work: how often calls were clamped or cut, how long they
waited, and how long its own steps took.

Numbers only, under names of ours. What was counted is taken away now and then and added up on disk
with what other proxies counted, so that it only grows, whoever ends.
"""

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

# Upper bounds of the buckets, in microseconds. The last bucket has none.
BOUNDS_MICROS = (
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000, 30_000_000,
)  # fmt: skip
SUM = -1  # in the place of a bucket: all microseconds together
COUNT = -2  # of what has no length

# Counts, and lengths of time.
CLAMPED, CUT = "clamped", "cut"
OVERHEAD, WAIT, HOLD, END = "overhead", "wait", "ledger hold", "ledger end"

Counted = Mapping[tuple[str, int], int]  # name and bucket -> how many, or microseconds


class Gauges:
    """Of one proxy; used by its event loop only."""

    def __init__(self) -> None:
        self._found: Counter[tuple[str, int]] = Counter()

    def count(self, name: str) -> None:
        """It happened once more."""
        self._found[name, COUNT] += 1

    def took(self, name: str, seconds: float) -> None:
        """It took so long."""
        micros = int(seconds * 1_000_000)
        self._found[name, bisect_left(BOUNDS_MICROS, micros)] += 1
        self._found[name, SUM] += micros

    @contextmanager
    def timing(self, name: str) -> Iterator[None]:
        """What is done within takes so long, whatever comes of it."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.took(name, time.perf_counter() - began)

    def take(self) -> Counted:
        """What was counted since this was last asked."""
        found, self._found = self._found, Counter()
        return found
