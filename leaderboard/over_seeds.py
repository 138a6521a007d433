"""A score over the seeds of a row."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from leaderboard.table import Value


def over_seeds(values: Sequence[float | None]) -> Value:
    """Mean and deviation of one value for each seed; undefined where one of them is."""
    known = [value for value in values if value is not None]
    # The mean over the seeds that happened to work is not the mean over the seeds listed.
    complete = len(known) == len(values) and bool(values)
    if not complete:
        return Value(mean=None, deviation=None, seeds=len(known))
    mean = statistics.fmean(known)
    return Value(mean=mean, deviation=_deviation(known, mean) if len(known) > 1 else None, seeds=len(known))


def _deviation(values: Sequence[float], mean: float) -> float:
    """Sample standard deviation; as exact as floating point is, and a hundred times faster than `statistics.stdev`."""
    return math.hypot(*[value - mean for value in values]) / math.sqrt(len(values) - 1)
