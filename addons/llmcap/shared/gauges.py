"""
What a proxy counts of its own work: how often calls were clamped or cut, how long they
waited, and how long its own steps took.

Numbers only, under names of ours. What was counted is taken away now and then and added up on disk
with what other proxies counted, so that it only grows, whoever ends.
"""

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping

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
    """Of one proxy; used by its event loop only. A time costs a call about a microsecond."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._times: dict[str, list[int]] = {}  # the buckets, and last the sum

    def count(self, name: str) -> None:
        """It happened once more."""
        self._counts[name] += 1

    def took(self, name: str, seconds: float) -> None:
        """It took so long."""
        micros = int(seconds * 1_000_000)
        row = self._times.get(name)
        if row is None:
            row = self._times[name] = [0] * (len(BOUNDS_MICROS) + 2)
        row[bisect_left(BOUNDS_MICROS, micros)] += 1
        row[-1] += micros

    def timing(self, name: str) -> "Timing":
        """What is done within takes so long, whatever comes of it."""
        return Timing(self, name)

    def take(self) -> Counted:
        """What was counted since this was last asked."""
        found = {(name, COUNT): count for name, count in self._counts.items()}
        for name, (*buckets, total) in self._times.items():
            found |= {(name, number): count for number, count in enumerate(buckets) if count}
            found[name, SUM] = total
        self._counts, self._times = Counter(), {}
        return found


class Timing:
    """A step that is being timed."""

    __slots__ = ("_began", "_gauges", "_name")

    def __init__(self, gauges: Gauges, name: str) -> None:
        self._gauges = gauges
        self._name = name

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._gauges.took(self._name, time.perf_counter() - self._began)
