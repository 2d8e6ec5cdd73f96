"""Ratios of a benchmark's rounds, in a few words."""

import statistics
from collections.abc import Sequence


def interval(values: Sequence[float], *, digits: int) -> str:
    """The median, and the middle half; of a single round there is only that one."""
    low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else [*values] * 3
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
